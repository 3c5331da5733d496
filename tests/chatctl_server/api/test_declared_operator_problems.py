"""Every problem is provoked that the operator's routes of team chat declare."""

from collections.abc import Iterator
from pathlib import Path

import declared
import httpx
import pytest
from application import in_process
from provoked import (
    MAX_BODY_BYTES,
    OF_THE_STORE,
    Asked,
    Operation,
    met_of_the_store,
    operations,
    surprises,
)
from team import SETTINGS, Town
from village import Village
from world import KEY, Server, running

OPERATIONS = operations(
    lambda path: path.startswith("/management/") and path.startswith(declared.OF_TEAM)
)
TEXTS = ("fullname", "password", "name", "content")
NUMBERS = ("user_id", "workspace_id", "chat_id", "message_id")


def asked(operation: Operation, village: Village) -> Asked:
    return operation.asked(
        {"X-Api-Key": KEY},
        chat_id=village.chat,
        message_id=village.of_anna,
        member_id=village.carl.id,
        user_id=village.dora.id,
        workspace_id=village.acme.number,
        owner=village.anna.id,
        code="unknown",
    )


class Provocation:
    """How a request that would succeed gets each code: a method for each."""

    def __init__(self, operation: Operation, village: Village, server: Server) -> None:
        self._name = operation.name
        self._village, self._server = village, server
        self._given = asked(operation, village)

    def unauthorized(self) -> Asked:
        return self._given._replace(headers={})

    def throttled(self) -> Asked:
        """The one failure of this minute comes before it."""
        wrong = {"X-Api-Key": "wrong"}
        self._server.http.get("/management/rooms", headers=wrong)
        return self._given._replace(headers=wrong)

    def version_mismatch(self) -> Asked:
        return self._given._replace(headers={"X-Api-Key": KEY, "X-Chatctl-Version": "999.0.0"})

    def not_allowed(self) -> Asked:
        return self._given._replace(headers=self._key("rooms"))

    def not_found(self) -> Asked:
        return self._given.within(**dict.fromkeys(NUMBERS, "no-number"))

    def user_not_found(self) -> Asked:
        given = self._given.within(user_id=999, members=[999, 998], name="new")
        if self._name == "make_workspace":
            return given.saying(owner=999)
        return self._posted(given, 999)

    def workspace_not_found(self) -> Asked:
        if "workspace_id" in self._given.path:
            return self._given.within(workspace_id=99)
        if self._given.body is not None:
            return self._given.saying(workspace=99)
        headers = self._key("team", workspace=self._village.acme.number)
        return self._given._replace(query={"workspace": 99}, headers=headers)

    def conversation_not_found(self) -> Asked:
        return self._given.within(chat_id=999)

    def message_not_found(self) -> Asked:
        return self._given.within(message_id=999)

    def code_not_found(self) -> Asked:
        return self._given

    def not_a_participant(self) -> Asked:
        return self._posted(self._given, self._village.dora.id)

    def banned(self) -> Asked:
        return self._posted(self._given, self._village.carl.id)

    def last_owner(self) -> Asked:
        return self._given.within(user_id=self._village.anna.id, role="member")

    def owner_must_transfer(self) -> Asked:
        return self._given.within(member_id=self._village.anna.id, role="member")

    def email_taken(self) -> Asked:
        return self._given.saying(email=self._village.anna.email)

    def name_taken(self) -> Asked:
        return self._given.saying(name="taken", workspace=self._village.acme.number)

    def conflict(self) -> Asked:
        return self._given

    def bad_text(self) -> Asked:
        if self._name == "create_invite_as_operator":
            return self._given.saying(email="a@\0")
        field = next(each for each in TEXTS if each in self._given.body)
        return self._given.saying(**{field: "long enough\0"})

    def invalid_input(self) -> Asked:
        if self._given.body is not None:
            return self._given.unreadable()
        if self._name == "remove_member_of_chat":
            return self._given.within(chat_id=self._village.single)
        wrong = ("limit", "after", "before_id", "dry_run", "force", "erase", "workspace")
        return self._given._replace(query=dict.fromkeys(wrong, "wrong"))

    def too_large(self) -> Asked:
        return self._given.too_large()

    def _key(self, scope: str, **more: int) -> dict[str, str]:
        """That of a program."""
        wanted = {"name": f"{scope} for {self._name}", "scopes": [scope], **more}
        made = self._server.http.post("/management/keys", json=wanted).json()
        return {"X-Api-Key": made["key"]}

    def _posted(self, given: Asked, account: int) -> Asked:
        """As that user, where it posts."""
        return given.saying(as_user=account) if self._name == "post_to_chat" else given


@pytest.fixture(scope="module")
def village(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Village, Server]]:
    directory = tmp_path_factory.mktemp("village")
    town = Town(directory / "chat.db")
    found = Village(town)
    town.close()
    limits = {"MAX_BODY_BYTES": str(MAX_BODY_BYTES), "API_KEY_FAILURES_PER_MINUTE": "1"}
    with running(directory, **SETTINGS, **limits) as server:
        yield found, server


def test_what_an_operation_declares_is_answered(village: tuple[Village, Server]) -> None:
    """As the example of the problem shows it."""
    found = []
    kept = httpx.Limits(max_keepalive_connections=0)
    with httpx.Client(base_url=village[1].url, trust_env=False, limits=kept, timeout=30) as client:
        for operation in OPERATIONS.values():
            made = Provocation(operation, *village)
            found += surprises(client, operation, lambda code, m=made: getattr(m, code)())
    assert found == []


async def test_the_problems_of_the_store_are_those_of_what_the_route_asks_it(
    tmp_path: Path,
) -> None:
    town = Town(tmp_path / "chat.db")
    village = Village(town)
    town.close()
    wrong = {}
    async with in_process(tmp_path) as (app, client):
        for operation in OPERATIONS.values():
            met = await met_of_the_store(app, client, operation, asked(operation, village))
            codes = {code for _, code in operation.codes()} & OF_THE_STORE
            if met != codes:
                wrong[operation.name] = met ^ codes
    assert wrong == {}
