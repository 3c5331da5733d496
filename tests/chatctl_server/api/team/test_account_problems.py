"""Each operation of accounts and workspaces declares exactly the problems that it answers: here
every declared one is provoked, and in all tests none is met that is not declared."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import declared
import httpx
import pytest
from people import PASSWORD, bearer, sign_up
from team import DEFAULT, SETTINGS, Person, Town
from world import Server, running

from chatctl_server.actions import accounts, invites
from chatctl_server.api import refusals
from chatctl_server.domain import account_events

MAX_BODY_BYTES = 4096
# Raised by the store, the limits of requests, and what nobody expects: each has tests of its own.
ELSEWHERE = {each.code for each in refusals.WRITE} | {"internal", "throttled"}
OPERATIONS = {
    operation["operationId"]: (path, method.upper(), operation)
    for path, methods in declared.description()["paths"].items()
    for method, operation in methods.items()
    if operation["tags"] in (["accounts"], ["workspaces"])
}
NEW = {"fullname": "New", "email": "new@example.org", "password": PASSWORD}
BODIES: dict[str, Any] = {
    "sign_up": NEW,
    "sign_in": {"email": "owner@example.org", "password": PASSWORD},
    "refresh": {"refresh_token": "A" * 43},
    "reset_password": {"code": "unknown", "new_password": PASSWORD},
    "change_me": {"fullname": "Renamed"},
    "change_password": {"current_password": "wrong", "new_password": PASSWORD},
    "create_workspace": {"name": "new"},
    "change_workspace": {"description": "changed"},
    "create_invite": {"role": "admin"},
    "set_member_role": {"role": "admin"},
    "accept_invite": {"code": "unknown"},
    "create_room_token": {"room_id": "7f0c2a52-9b1e-4c53-8a37-2f6f1f0d9a11"},
}
TEXTS = {
    "sign_up": "fullname",
    "reset_password": "new_password",
    "change_me": "fullname",
    "change_password": "new_password",
    "create_workspace": "name",
    "change_workspace": "name",
    "create_invite": "email",
}


class Scene(NamedTuple):
    """A workspace with an owner and a member, and somebody who is suspended; an invite that is for
    somebody else."""

    server: Server
    owner: Person
    member: Person
    suspended: Person
    homeless: Person
    code: str
    suspended_refresh: str


class Asked(NamedTuple):
    """As the owner, who may do it."""

    who: Person | None
    body: Any
    workspace: Any = 1
    user: int = 0
    query: str = ""
    headers: dict[str, str] = {}  # noqa: RUF012  never changed
    content: bytes | None = None


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    directory = tmp_path_factory.mktemp("scene")
    with running(directory, **SETTINGS) as server:
        suspended = sign_up(server, "Suspended")
        server.stop()
        town = Town(directory / "chat.db")
        acme = town.workspace("acme")
        owner, member = (
            town.person("Owner", acme, role="owner"),
            town.person("Member", acme, DEFAULT),
        )
        number = suspended["user"]["id"]
        payload = account_events.AccountSuspended(number)
        town.scene.run(lambda tx, actor: tx.record(payload, actor))
        made = town.scene.run(accounts.create, "Homeless", "homeless@example.org", None)
        code = town.scene.run(invites.create, acme, "member", "x@example.org", 3600, 1).code
        town.close()
        server.environment["MAX_BODY_BYTES"] = str(MAX_BODY_BYTES)
        server.start()
        out = Person(number, "suspended@example.org")
        homeless = Person(made.id, made.email)
        yield Scene(server, owner, member, out, homeless, code, suspended["refresh_token"])


class Provocation:
    """How a request that would succeed gets each code: a method for each."""

    def __init__(self, scene: Scene, name: str) -> None:
        self._scene = scene
        self._name = name.partition("_at_")[0]
        self._given = Asked(scene.owner, BODIES.get(self._name), user=scene.member.id)
        if OPERATIONS[name][2].get("security") is None:
            self._given = self._given._replace(who=None)

    def _with(self, **others: Any) -> Asked:
        return self._given._replace(body={**self._given.body, **others})

    def unauthorized(self) -> Asked:
        return self._given._replace(who=None)

    def token_revoked(self) -> Asked:
        return self._given._replace(who=self._scene.suspended)

    def not_found(self) -> Asked:
        return self._given._replace(workspace="no-number")

    def workspace_not_found(self) -> Asked:
        return self._given._replace(workspace=99, headers={"X-Workspace-Id": "99"})

    def no_workspace(self) -> Asked:
        return self._given._replace(who=self._scene.homeless)

    def not_allowed(self) -> Asked:
        if self._name == "accept_invite":
            return self._with(code=self._scene.code)
        if self._name == "sign_up":
            return self._with(invite_code=self._scene.code)
        return self._given._replace(who=self._scene.member, user=self._scene.owner.id)

    def invite_required(self) -> Asked:
        return self._with(workspace="acme")

    def user_not_found(self) -> Asked:
        return self._given._replace(user=999)

    def last_owner(self) -> Asked:
        return self._given._replace(user=self._scene.owner.id)

    def session_not_found(self) -> Asked:
        return self._given

    def code_not_found(self) -> Asked:
        return self._with(invite_code="unknown") if self._name == "sign_up" else self._given

    def email_taken(self) -> Asked:
        return self._with(email="OWNER@example.org")

    def name_taken(self) -> Asked:
        return self._with(name="Default")

    def conflict(self) -> Asked:
        return self._given

    def invalid_credentials(self) -> Asked:
        return self._with(password="wrong") if self._name == "sign_in" else self._given

    def account_suspended(self) -> Asked:
        if self._name == "refresh":
            return self._with(refresh_token=self._scene.suspended_refresh)
        return self._with(email="suspended@example.org")

    def bad_text(self) -> Asked:
        value = "a@\0" if self._name == "create_invite" else "long enough\0"
        return self._with(**{TEXTS[self._name]: value, "role": "member"})

    def invalid_input(self) -> Asked:
        if self._given.body is not None:
            return self._given._replace(content=b"{")
        return self._given._replace(query="?force=maybe", headers={"X-Workspace-Id": "acme"})

    def too_large(self) -> Asked:
        return self._given._replace(content=b'{"name": "' + b"x" * MAX_BODY_BYTES + b'"}')


def send(scene: Scene, name: str, given: Asked) -> httpx.Response:
    """After a body that is too large the server closes the connection."""
    path, method, _ = OPERATIONS[name]
    headers = {**(bearer(given.who.token) if given.who else {}), **given.headers}
    content: dict[str, Any] = {} if given.body is None else {"json": given.body}
    if given.content is not None:
        content = {"content": given.content}
        headers["Content-Type"] = "application/json"
    where = path.format(
        workspace_id=given.workspace, user_id=given.user, code="unknown", sid="unknown"
    )
    url = f"{scene.server.url}{where}{given.query}"
    with httpx.Client(trust_env=False, timeout=30) as client:
        return client.request(method, url, headers=headers, **content)


@pytest.mark.parametrize("name", OPERATIONS)
def test_what_an_operation_declares_is_answered(scene: Scene, name: str) -> None:
    surprises = []
    for status, code in sorted(declared.codes(OPERATIONS[name][2])):
        if code not in ELSEWHERE:
            answer = send(scene, name, getattr(Provocation(scene, name), code)())
            if (answer.status_code, answer.json().get("code")) != (status, code):
                surprises.append((code, answer.status_code, answer.text))
    assert surprises == []
