"""Every problem that an operation of the support desk declares is provoked, so none is declared for
nothing."""

import hashlib
import hmac
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import declared
import httpx
import pytest
from application import in_process
from desk import Desk, Headers, Visitor
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
from team import SECRET, SETTINGS, Person
from world import Server, eventually, running

from chatctl_server.actions import canned_responses, customers
from chatctl_server.domain import account_events, events
from chatctl_server.storage import sites
from chatctl_server.storage.transaction import Tx
from chatctl_server.views.support.fields import CUSTOMER

OPERATIONS = operations(lambda path: path.startswith(declared.OF_DESK))
UNGUARDED = {name for name, each in OPERATIONS.items() if not each.described.get("security")}
MAX_UPLOAD_BYTES = 10
VERIFIED = "the-host-products-id"
CONTENT_TYPE = {"Content-Type": FORM}
TEXTS = ("name", "customer_name", "comment", "content", "title")


class Story:
    """What is there before the server starts: a desk, Greta, who is suspended, a visitor who is
    blocked, another who is muted, and a workspace that has no room for a canned response."""

    def __init__(self, path: Path) -> None:
        self.desk = desk = Desk(path)
        self.greta = desk.town.person("Greta", role="admin")
        self._record(account_events.AccountSuspended(self.greta.id))
        scope = desk.shop.ref.scope
        self._record(events.BanSet(desk.zoe.id, None, None, None), scope)
        self.muted = desk.visitor(desk.shop, "Mu")
        self._record(events.MuteSet(self.muted.id, None, None, None), scope)
        self.full = desk.town.workspace("full")
        self.hoarder = desk.town.person("Ho", self.full, role="owner")
        desk.town.scene.run(self._fill)
        self.hash = self._blocked_but_verified()
        self.canned = self._of_workspace_0()
        desk.town.close()

    def _record(self, payload: events.Payload, scope: int | None = None) -> None:
        self.desk.town.scene.run(lambda tx, actor: tx.record(payload, actor, scope=scope))

    def _fill(self, tx: Tx, actor: events.Actor) -> None:
        for _ in range(canned_responses.MAX_OF_WORKSPACE):
            canned_responses.add(tx, actor, self.full, "x", "x")

    def _of_workspace_0(self) -> int:
        from team import DEFAULT

        made = self.desk.town.scene.run(canned_responses.add, DEFAULT, "x", "x")
        return int(made.id)

    def _blocked_but_verified(self) -> str:
        """Their ``identity_hash``."""
        scene, site = self.desk.town.scene, self.desk.shop.ref
        secret = scene.ask(sites.secret, site)
        hashed = hmac.new(secret.encode(), VERIFIED.encode(), hashlib.sha256).hexdigest()
        identity = customers.VisitorIdentity(None, None, VERIFIED, hashed)
        made = scene.run(customers.welcome, site, identity)
        self._record(events.BanSet(made.customer.id, None, None, None), site.scope)
        return hashed


class Ids:
    """Of what clients have made, on the server."""

    def __init__(self, story: Story, http: httpx.Client) -> None:
        self._http, desk = http, story.desk
        self.mine = self.open(desk.bo)
        self.muted = self.open(story.muted)
        self.closed = self.open(desk.adam)
        self._ask(desk.adam, "PUT", f"/{self.closed}/status", json={"status": "closed"})
        said = self._ask(desk.adam, "POST", f"/{self.mine}/messages", json={"content": "hello"})
        self.message = said["id"]
        sent = {"files": [("file", ("a.txt", b"hello"))]}
        (self.url,) = self._ask(desk.bo, "POST", f"/{self.mine}/files", **sent)

    def open(self, who: Person | Visitor) -> str:
        return str(self._ask(who, "POST", "", json={})["id"])

    def _ask(self, who: Person | Visitor, method: str, path: str, **sent: Any) -> Any:
        url = f"/api/conversations{path}"
        answer = self._http.request(method, url, headers=who.headers, **sent)
        assert answer.is_success, answer.text
        return answer.json()


def asked(name: str, story: Story, ids: Ids, login_id: str = "of the tests") -> Asked:
    """Of Adam, or of a visitor, who may do it."""
    desk, operation = story.desk, OPERATIONS[name]
    headers: Headers = {"Authorization": f"Bearer {desk.adam.token_of(login_id)}"}
    if name in UNGUARDED:
        headers = {}
    if name == "rate_conversation":
        headers = desk.bo.headers
    given = operation.asked(
        headers,
        conversation_id=ids.mine,
        message_id=ids.message,
        site_id=desk.shop.id,
        customer_id=desk.bo.id,
        assignee_id=f"u{desk.anna.id}",
        canned_id=story.canned,
        site=desk.shop.key,
        since_event_id="",
    )
    if name == "upload_desk_files":
        return given._replace(content=form([("a.txt", b"x")]), headers=headers | CONTENT_TYPE)
    if name == "fetch_desk_file":
        parts = ids.url.removeprefix("/files/c/").split("/")
        return given._replace(path=dict(zip(given.path, parts, strict=True)))
    if name == "welcome_visitor":
        return given._replace(body={"site": desk.shop.key})
    if name == "set_conversation_status":
        return given._replace(body={"status": "closed"})
    if name == "post_desk_message":
        return given._replace(body={"content": "hello"})
    return given


class Provocation:
    """How a request that would succeed gets each code: a method for each."""

    def __init__(self, operation: Operation, story: Story, ids: Ids) -> None:
        self._name, self._story, self._ids = operation.name, story, ids
        self._given = asked(operation.name, story, ids)

    def _as(self, who: Person | Visitor) -> Asked:
        shown = {"Authorization", "X-Site-Key", "X-Visitor-Token"}
        others = {name: text for name, text in self._given.headers.items() if name not in shown}
        return self._given._replace(headers=others | who.headers)

    def unauthorized(self) -> Asked:
        if self._name == "welcome_visitor":
            return self._given.saying(user_id=VERIFIED)
        return self._given._replace(headers={})

    def token_revoked(self) -> Asked:
        return self._as(self._story.greta)

    def not_allowed(self) -> Asked:
        return self._as(self._story.desk.mia)

    def forbidden(self) -> Asked:
        return self._given._replace(headers={"Origin": "https://evil.example"})

    def banned(self) -> Asked:
        if self._name == "welcome_visitor":
            return self._given.saying(user_id=VERIFIED, identity_hash=self._story.hash)
        return self._as(self._story.desk.zoe)

    def muted(self) -> Asked:
        return self._as(self._story.muted).within(conversation_id=self._ids.muted)

    def not_found(self) -> Asked:
        return self._given.within(canned_id="no-number")

    def conversation_not_found(self) -> Asked:
        return self._as(self._story.desk.emil)

    def message_not_found(self) -> Asked:
        if self._name == "list_desk_messages":
            return self._given._replace(query={"before": "msg_0"})
        return self._given.within(message_id="msg_0")

    def site_not_found(self) -> Asked:
        if self._name == "open_conversation":
            return self._given.saying(site_id="site_0")
        return self._given.within(site_id="site_0", site="site_0")

    def customer_not_found(self) -> Asked:
        if self._name == "open_conversation":
            return self._given.saying(customer_id=CUSTOMER)
        return self._given.within(customer_id=CUSTOMER)

    def canned_response_not_found(self) -> Asked:
        return self._given.within(canned_id=2**40)

    def stored_file_not_found(self) -> Asked:
        return self._given.within(first="000")

    def range_not_satisfiable(self) -> Asked:
        return self._given._replace(headers={**self._given.headers, "Range": "bytes=9-"})

    def workspace_not_found(self) -> Asked:
        headers = {**self._given.headers, "X-Workspace-Id": "99"}
        return self._given.within(workspace_id=99)._replace(headers=headers)

    def conversation_closed(self) -> Asked:
        return self._given.within(conversation_id=self._ids.closed)

    def invalid_transition(self) -> Asked:
        return self._given.saying(status="open")

    def conflict(self) -> Asked:
        if self._name == "rate_conversation":
            return self._given
        return self._as(self._story.hoarder).within(workspace_id=self._story.full.number)

    def bad_text(self) -> Asked:
        if "labels" in self._given.body:
            return self._given.saying(labels=["\0"])
        field = next(each for each in TEXTS if each in OPERATIONS[self._name].body())
        return self._given.saying(**{field: "text\0"})

    def invalid_input(self) -> Asked:
        if self._name == "upload_desk_files":
            return self._given._replace(content=b"")
        if self._name == "delete_site":
            return self._given.within(site_id="default")
        if self._given.body is not None:
            return self._given.unreadable()
        headers = {**self._given.headers, "X-Workspace-Id": "wrong"}
        wrong = dict.fromkeys(("limit", "status", "from", "hard"), "wrong")
        return self._given._replace(query=wrong, headers=headers)

    def too_large(self) -> Asked:
        if self._name == "upload_desk_files":
            return self._given._replace(content=form([("a", b"x" * (MAX_UPLOAD_BYTES + 1))]))
        return self._given.too_large()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Story, Ids, Server]]:
    directory = tmp_path_factory.mktemp("served")
    story = Story(directory / "chat.db")
    limits = {
        "MAX_BODY_BYTES": str(MAX_BODY_BYTES),
        "MAX_UPLOAD_BYTES": str(MAX_UPLOAD_BYTES),
        "VISITORS_PER_MINUTE": "0",
    }
    with running(directory, **SETTINGS, **limits) as server:
        yield story, Ids(story, server.http), server


@pytest.fixture(scope="module")
def client(served: tuple[Story, Ids, Server]) -> Iterator[httpx.Client]:
    limits = httpx.Limits(max_keepalive_connections=0)
    with httpx.Client(base_url=served[2].url, trust_env=False, limits=limits, timeout=30) as found:
        yield found


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_what_an_operation_declares_is_answered(
    served: tuple[Story, Ids, Server], client: httpx.Client, name: str
) -> None:
    """As the example of the problem shows it."""
    made = Provocation(OPERATIONS[name], *served[:2])
    found = surprises(client, OPERATIONS[name], lambda code: getattr(made, code)(), {"throttled"})
    assert found == []


PLACES = ("conversation_id", "message_id", "site_id", "customer_id", "canned_id", "site", "name")


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_an_id_that_no_text_can_be_is_nothings(
    served: tuple[Story, Ids, Server], name: str
) -> None:
    """Asked by the client that knows what is declared."""
    story, ids, server = served
    given = asked(name, story, ids)
    for place in [each for each in PLACES if each in given.path]:
        for wrong in ("%FF", "a%2Fb", "%00", "-1"):
            sent = OPERATIONS[name].sent(given.within(**{place: wrong}))
            answer = server.http.request(**sent)
            assert answer.status_code == 404, (place, wrong, answer.text)


def test_who_asks_too_often_is_told_so_by_all_that_know_who_asks(tmp_path: Path) -> None:
    story = Story(tmp_path / "chat.db")
    limits = {"RATE_LIMIT_PER_MINUTE": "20", "VISITORS_PER_MINUTE": "1"}
    with running(tmp_path, **SETTINGS, **limits) as server:
        ids = Ids(story, server.http)

        def is_refused(name: str) -> bool:
            given = asked(name, story, ids)
            return server.http.request(**OPERATIONS[name].sent(given)).status_code == 429

        eventually(lambda: is_refused("list_sites"))
        eventually(lambda: is_refused("rate_conversation"))
        eventually(lambda: is_refused("welcome_visitor"))
        knowing = OPERATIONS.keys() - UNGUARDED | {"welcome_visitor"}
        found = {name for name in knowing if is_refused(name)}
    assert found == {
        name for name, each in OPERATIONS.items() if (429, "throttled") in each.codes()
    }


async def test_the_problems_of_the_store_are_those_of_what_the_route_asks_it(
    tmp_path: Path,
) -> None:
    """Whether it reads or writes is seen here; that the store raises them, in its own tests."""
    story = Story(tmp_path / "chat.db")
    wrong = {}
    async with in_process(tmp_path, jwt_secret=(SECRET,)) as (app, client):
        ids = await _made(story, client)
        last = ("erase_customer", "delete_site")
        for name in sorted(OPERATIONS, key=last.__contains__):
            given = asked(name, story, ids, login_id=name)
            met = await met_of_the_store(app, client, OPERATIONS[name], given)
            codes = {code for _, code in OPERATIONS[name].codes()} & OF_THE_STORE
            if met != codes:
                wrong[name] = met ^ codes
    assert wrong == {}


async def _made(story: Story, client: httpx.AsyncClient) -> Ids:
    """As ``Ids``, of a server in this process."""
    ids = Ids.__new__(Ids)

    async def ask(method: str, path: str, **sent: Any) -> Any:
        url = f"/api/conversations{path}"
        headers = story.desk.bo.headers
        return (await client.request(method, url, headers=headers, **sent)).json()

    ids.mine = ids.muted = ids.closed = (await ask("POST", "", json={}))["id"]
    said = await ask("POST", f"/{ids.mine}/messages", json={"content": "hello"})
    ids.message = said["id"]
    sent = {"files": [("file", ("a.txt", b"hello"))]}
    (ids.url,) = await ask("POST", f"/{ids.mine}/files", **sent)
    return ids
