"""Each operation of chats declares exactly the problems that it answers: here every declared one is
provoked, and in all tests none is met that is not declared."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import declared
import httpx
import pytest
from chats import Office
from team import SETTINGS, Person, Town
from world import running

from chatctl_server.actions import accounts
from chatctl_server.api import refusals
from chatctl_server.domain import account_events

MAX_BODY_BYTES = 4096
# Raised by the store, the limits of requests, and what nobody expects: each has tests of its own.
ELSEWHERE = {each.code for each in refusals.WRITE} | {"internal", "throttled"}
OPERATIONS = {
    operation["operationId"]: (path, method.upper(), operation)
    for path, methods in declared.description()["paths"].items()
    for method, operation in methods.items()
    if operation["tags"] == ["chats"]
}
BODIES: dict[str, Any] = {
    "create_chat": {"name": "new", "type": "PrivateChannel", "members": [2]},
    "change_chat": {"name": "renamed"},
    "add_chat_members": [4],
    "remove_chat_members": [3],
    "change_chat_member": {"role": "admin"},
    "set_preferences": {"notify": "all"},
}


class Asked(NamedTuple):
    """As somebody who may do it."""

    who: Person | None
    chat: Any
    member: int
    body: Any
    headers: dict[str, str]
    query: dict[str, str]
    content: bytes | None = None


class Provocation:
    """How a request that would succeed gets each code: a method for each."""

    def __init__(self, office: Office, name: str) -> None:
        self._office = office
        self._name = name.partition("_at_")[0].partition("_by_")[0]
        self._given = Asked(office.anna, office.group, 3, BODIES.get(self._name), {}, {})

    def unauthorized(self) -> Asked:
        return self._given._replace(who=None)

    def token_revoked(self) -> Asked:
        return self._given._replace(who=self._office.suspended)

    def not_found(self) -> Asked:
        return self._given._replace(chat="no-number")

    def conversation_not_found(self) -> Asked:
        return self._given._replace(chat=999)

    def not_a_participant(self) -> Asked:
        return self._given._replace(who=self._office.dora)

    def not_allowed(self) -> Asked:
        return self._given._replace(who=self._office.bert)

    def owner_must_transfer(self) -> Asked:
        own = self._office.anna.id
        return self._given._replace(
            member=own, body={"role": "member"} if isinstance(self._given.body, dict) else [own]
        )

    def user_not_found(self) -> Asked:
        body = self._given.body
        strangers = {**body, "members": [999]} if isinstance(body, dict) else [999]
        return self._given._replace(body=strangers)

    def name_taken(self) -> Asked:
        return self._given._replace(body={**self._given.body, "name": "taken"})

    def bad_text(self) -> Asked:
        return self._given._replace(body={**self._given.body, "name": "\0"})

    def invalid_input(self) -> Asked:
        if self._given.body is not None:
            return self._given._replace(content=b"{")
        if self._name == "list_chats":
            return self._given._replace(query={"scope": "all"})
        return self._given._replace(chat=self._office.single)

    def too_large(self) -> Asked:
        return self._given._replace(content=b'{"name": "' + b"x" * MAX_BODY_BYTES + b'"}')

    def workspace_not_found(self) -> Asked:
        return self._given._replace(headers={"X-Workspace-Id": "99"})

    def no_workspace(self) -> Asked:
        return self._given._replace(who=self._office.homeless)


class Refusing(Office):
    """With a Group of Anna's, where Bert and Carl are, and people who may nothing."""

    def __init__(self, town: Town) -> None:
        super().__init__(town)
        self.group = town.chat("group", "all", self.anna, self.bert, self.carl).id
        self.single = town.chat("single", "two", self.anna, self.bert).id
        town.chat("private", "taken", self.dora)
        self.suspended = town.person("Frank")
        suspended = account_events.AccountSuspended(self.suspended.id)
        town.scene.run(lambda tx, actor: tx.record(suspended, actor))
        made = town.scene.run(accounts.create, "Gina", "gina@example.org", None)
        self.homeless = Person(made.id, made.email)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Refusing]:
    directory = tmp_path_factory.mktemp("office")
    town = Town(directory / "chat.db")
    office = Refusing(town)
    town.close()
    with running(directory, **SETTINGS, MAX_BODY_BYTES=str(MAX_BODY_BYTES)) as server:
        office.server = server
        yield office


@pytest.fixture(scope="module")
def client(office: Refusing) -> Iterator[httpx.Client]:
    """After a body that is too large the server closes the connection."""
    limits = httpx.Limits(max_keepalive_connections=0)
    with httpx.Client(base_url=office.server.url, trust_env=False, limits=limits) as found:
        yield found


def send(client: httpx.Client, name: str, given: Asked) -> httpx.Response:
    path, method, _ = OPERATIONS[name]
    headers = {**(given.who.headers if given.who else {}), **given.headers}
    content: dict[str, Any] = {} if given.body is None else {"json": given.body}
    if given.content is not None:
        content = {"content": given.content}
        headers["Content-Type"] = "application/json"
    where = path.format(chat_id=given.chat, member_id=given.member)
    return client.request(method, where, params=given.query, headers=headers, **content)


@pytest.mark.parametrize("name", OPERATIONS)
def test_what_an_operation_declares_is_answered(
    office: Refusing, client: httpx.Client, name: str
) -> None:
    surprises = []
    for status, code in sorted(declared.codes(OPERATIONS[name][2])):
        if code not in ELSEWHERE:
            answer = send(client, name, getattr(Provocation(office, name), code)())
            if (answer.status_code, answer.json().get("code")) != (status, code):
                surprises.append((code, answer.status_code, answer.text))
    assert surprises == []
