"""Every problem that an operation of team chat declares is provoked, so none is declared for
nothing."""

from collections.abc import Iterator
from pathlib import Path

import declared
import httpx
import pytest
from application import in_process
from filing import FORM, form
from provoked import (
    MAX_BODY_BYTES,
    OF_THE_STORE,
    Asked,
    Operation,
    met_of_the_store,
    operations,
    surprises,
)
from team import SECRET, SETTINGS, Person, Town
from village import Village
from world import Server, eventually, running

OPERATIONS = operations(
    lambda path: path.startswith(("/api/", "/files/")) and not path.startswith(declared.OF_DESK)
)
MAX_UPLOAD_BYTES = 10
STREAM = "follow_chats"  # it never ends
# Of those without a guard, which cannot be counted by who asks.
UNGUARDED = {name for name, each in OPERATIONS.items() if not each.described.get("security")}
TEXTS = ("fullname", "new_password", "name", "content")


class Scene:
    """The village, where a server shows it."""

    def __init__(self, village: Village, server: Server) -> None:
        self.village, self.server = village, server
        headers = {**village.anna.headers, "Content-Type": FORM, "X-Workspace-Id": "1"}
        sent = form([("a.txt", b"x")])
        (self.url,) = server.http.post("/api/upload", content=sent, headers=headers).json()


def asked(name: str, village: Village, url: str = "", login_id: str = "of the tests") -> Asked:
    """Of Anna, who may do it."""
    operation = OPERATIONS[name]
    headers = {"Authorization": f"Bearer {village.anna.token_of(login_id)}"}
    given = operation.asked(
        {} if name in UNGUARDED and "logout" not in name else headers,
        chat_id=village.chat,
        message_id=village.of_anna,
        member_id=village.carl.id,
        user_id=village.bert.id,
        workspace_id=village.acme.number,
        code="unknown",
    )
    if operation.path == "/api/upload":
        return given._replace(content=form([("a.txt", b"x")]), headers=headers | CONTENT_TYPE)
    if "fetch_file" in name:
        parts = url.removeprefix("/files/").split("/")
        return given._replace(path=dict(zip(given.path, parts, strict=True)))
    return given


CONTENT_TYPE = {"Content-Type": FORM}


class Provocation:
    """How a request that would succeed gets each code: a method for each."""

    def __init__(self, operation: Operation, scene: Scene) -> None:
        self._operation = operation
        self._name = operation.name.partition("_at_")[0].partition("_by_")[0]
        self._is_sign_up = self._name == "sign_up"
        self._scene, self._village = scene, scene.village
        self._given = asked(operation.name, scene.village, scene.url)

    def _as(self, who: Person) -> Asked:
        return self._given._replace(headers={**self._given.headers, **who.headers})

    def unauthorized(self) -> Asked:
        return self._given._replace(headers={})

    def token_revoked(self) -> Asked:
        return self._as(self._village.greta)

    def no_workspace(self) -> Asked:
        return self._as(self._village.frank)

    def workspace_not_found(self) -> Asked:
        headers = {**self._given.headers, "X-Workspace-Id": "99"}
        return self._given.within(workspace_id=99)._replace(headers=headers)

    def not_found(self) -> Asked:
        wrong = dict.fromkeys(("chat_id", "message_id", "workspace_id", "user_id"), "no-number")
        return self._given.within(**wrong)

    def conversation_not_found(self) -> Asked:
        return self._as(self._village.eve)

    def message_not_found(self) -> Asked:
        return self._given.within(message_id=999)

    def not_a_participant(self) -> Asked:
        return self._as(self._village.dora)

    def not_allowed(self) -> Asked:
        code = self._village.code_of_another
        if self._is_sign_up:
            return self._new().saying(invite_code=code)
        if self._name == "accept_invite":
            return self._given.saying(code=code)
        return self._as(self._village.bert).within(user_id=self._village.anna.id)

    def muted(self) -> Asked:
        return self._as(self._village.bert).within(message_id=self._village.of_bert)

    def banned(self) -> Asked:
        return self._as(self._village.carl).within(message_id=self._village.of_carl)

    def owner_must_transfer(self) -> Asked:
        owner = self._village.anna.id
        return self._given.within(member_id=owner, members=[owner], role="member")

    def last_owner(self) -> Asked:
        return self._given.within(user_id=self._village.anna.id)

    def user_not_found(self) -> Asked:
        return self._given.within(user_id=999, members=[self._village.bert.id, 999])

    def session_not_found(self) -> Asked:
        return self._given

    def code_not_found(self) -> Asked:
        return self._new().saying(invite_code="unknown") if self._is_sign_up else self._given

    def stored_file_not_found(self) -> Asked:
        return self._as(self._village.eve)

    def range_not_satisfiable(self) -> Asked:
        return self._given._replace(headers={**self._given.headers, "Range": "bytes=1-"})

    def email_taken(self) -> Asked:
        return self._given.saying(email=self._village.anna.email)

    def name_taken(self) -> Asked:
        return self._given.saying(name="taken")

    def invite_required(self) -> Asked:
        return self._new().saying(workspace="acme")

    def invalid_credentials(self) -> Asked:
        return self._given.within(password="wrong", current_password="wrong")

    def account_suspended(self) -> Asked:
        if self._name == "refresh":
            return self._given.saying(refresh_token=self._village.refresh_token_of_greta)
        return self._given.within(email=self._village.greta.email)

    def throttled(self) -> Asked:
        """Of a sign-in; that of all others has a test of its own."""
        wrong = self._given.saying(email="nobody@example.org", password="wrong")
        for _ in range(30):  # on a slow machine some come back meanwhile
            answer = self._scene.server.http.request(**self._operation.sent(wrong))
            if answer.status_code == 429:
                break
        return wrong

    def conflict(self) -> Asked:
        """Of a message with all reactions, in a chat with all pins."""
        return self._given.within(message_id=self._village.full, emoji="👍")

    def connection_limit(self) -> Asked:
        return self._given

    def bad_text(self) -> Asked:
        if self._name == "create_invite":
            return self._given.saying(email="a@\0")
        field = next(each for each in TEXTS if each in self._given.body)
        return self._given.saying(**{field: "long enough\0"})

    def invalid_input(self) -> Asked:
        if self._name == "upload":
            return self._given._replace(content=b"")
        if self._given.body is not None:
            return self._given.unreadable()
        if self._name in ("leave_chat", "remove_chat_member"):
            return self._given.within(chat_id=self._village.single)
        wrong = dict.fromkeys(("scope", "limit", "after_id", "force", "user_ids", "since"), "wrong")
        headers = {**self._given.headers, "X-Workspace-Id": "wrong"}
        return self._given._replace(query=wrong, headers=headers)

    def too_large(self) -> Asked:
        if self._name == "upload":
            return self._given._replace(content=form([("a", b"x" * (MAX_UPLOAD_BYTES + 1))]))
        return self._given.too_large()

    def _new(self) -> Asked:
        """For somebody who has no account yet."""
        return self._given.within(email="new@example.org")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Its one connection is taken."""
    directory = tmp_path_factory.mktemp("scene")
    town = Town(directory / "chat.db")
    village = Village(town)
    town.close()
    limits = {
        "MAX_BODY_BYTES": str(MAX_BODY_BYTES),
        "MAX_UPLOAD_BYTES": str(MAX_UPLOAD_BYTES),
        "MAX_CONNECTIONS": "1",
    }
    with (
        running(directory, **SETTINGS, **limits) as server,
        server.http.stream("GET", "/events", headers=village.dora.headers),
    ):
        yield Scene(village, server)


@pytest.fixture(scope="module")
def client(scene: Scene) -> Iterator[httpx.Client]:
    limits = httpx.Limits(max_keepalive_connections=0)
    with httpx.Client(
        base_url=scene.server.url, trust_env=False, limits=limits, timeout=30
    ) as found:
        yield found


@pytest.mark.parametrize("tag", sorted({each.described["tags"][0] for each in OPERATIONS.values()}))
def test_what_an_operation_declares_is_answered(
    scene: Scene, client: httpx.Client, tag: str
) -> None:
    """As the example of the problem shows it."""
    found = []
    for name, operation in OPERATIONS.items():
        if operation.described["tags"] == [tag]:
            made = Provocation(operation, scene)
            elsewhere = frozenset() if "sign_in" in name else {"throttled"}
            found += surprises(client, operation, lambda c, m=made: getattr(m, c)(), elsewhere)
    assert found == []


def test_who_asks_too_often_is_told_so_by_all_that_know_who_asks(tmp_path: Path) -> None:
    town = Town(tmp_path / "chat.db")
    village = Village(town)
    town.close()
    with running(tmp_path, **SETTINGS, RATE_LIMIT_PER_MINUTE="20") as server:

        def is_refused(name: str) -> bool:
            given = asked(name, village, "/files/1/a/b/c")
            return server.http.request(**OPERATIONS[name].sent(given)).status_code == 429

        eventually(lambda: is_refused("list_workspaces"))
        found = {name for name in OPERATIONS.keys() - UNGUARDED if is_refused(name)}
        declared = {
            name
            for name, operation in OPERATIONS.items()
            if (429, "throttled") in operation.codes() and "sign_in" not in name
        }
    assert found == declared


async def test_the_problems_of_the_store_are_those_of_what_the_route_asks_it(
    tmp_path: Path,
) -> None:
    """Whether it reads or writes is seen here; that the store raises them, in its own tests."""
    town = Town(tmp_path / "chat.db")
    village = Village(town)
    refresh_token = village.refresh_token(village.anna)
    town.close()
    async with in_process(tmp_path, jwt_secret=(SECRET,), room_token_secret=(SECRET,)) as (
        app,
        client,
    ):
        headers = {**village.anna.headers, "Content-Type": FORM, "X-Workspace-Id": "1"}
        sent = form([("a.txt", b"x")])
        (url,) = (await client.post("/api/upload", content=sent, headers=headers)).json()
        wrong = {}
        for name, operation in OPERATIONS.items():
            if name == STREAM:
                continue
            given = asked(name, village, url, login_id=name)
            if name == "reset_password":
                given = given.saying(code=village.reset_code)
            if "refresh" in name:
                given = given.saying(refresh_token=refresh_token)
            if name.startswith("sign_up"):
                given = given.saying(email="new@example.org")
            met = await met_of_the_store(app, client, operation, given)
            codes = {code for _, code in operation.codes()} & OF_THE_STORE
            if met != codes:
                wrong[name] = met ^ codes
    assert wrong == {}
