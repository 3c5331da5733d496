"""Every problem is provoked that the operator's routes of the support desk declare."""

from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import declared
import desk_scene
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
from world import KEY, Server, running

from chatctl_server.actions import support
from chatctl_server.domain import support as rules

OPERATIONS = operations(lambda path: path.startswith(declared.OF_DESK_OPERATORS))
TEXTS = ("name", "content", "labels")
ALIKE = "conv_aaaaaaaa"  # so two begin


class Scene:
    """A shop with an agent: a conversation, one that is closed, and two that begin alike."""

    def __init__(self, town: Town) -> None:
        self.anna = town.person("Anna", role="agent")
        self.garages = town.workspace("Garages")
        self.shop = desk_scene.site(town, "Shop")
        self.open, self.closed = (
            desk_scene.customer(town, self.shop, name, "hello").conversation
            for name in ("Bo", "Carl")
        )
        self.leaving = desk_scene.customer(town, self.shop, "Eve").person.id
        shut = self.closed.ref, "closed"
        agent = rules.Person("operator", "operator", "agent", {0: "owner"})
        town.scene.run(support.set_status, agent, *shut)
        for end in ("1", "2"):
            with mock.patch.object(rules, "new_id", return_value=f"{ALIKE}{end * 18}"):
                customer = desk_scene.customer(town, self.shop, f"Dora{end}")
            assert customer.id.startswith(ALIKE)


def asked(operation: Operation, scene: Scene) -> Asked:
    given = operation.asked(
        {"X-Api-Key": KEY},
        conversation_id=scene.open.public_id,
        site_id=scene.shop.id,
        customer_id=scene.leaving if operation.name == "erase_any_customer" else None,
        assignee=f"u{scene.anna.id}",
        as_user=f"u{scene.anna.id}",
        since_event_id=None,
        before=None,
        cursor=None,
        blocked_visitors=[],
        workspace_id=0,
    )
    asks = {name: each for name, each in given.query.items() if each is not None}
    given = given._replace(query=asks)
    if operation.name == "change_any_conversation":
        return given._replace(body={"status": "closed", "labels": ["late"]})
    return given


class Provocation:
    """How a request that would succeed gets each code: a method for each."""

    def __init__(self, operation: Operation, scene: Scene, server: Server) -> None:
        self._name = operation.name
        self._scene, self._server = scene, server
        self._given = asked(operation, scene)

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

    def workspace_not_found(self) -> Asked:
        if self._given.body is not None:
            return self._given.saying(workspace_id=99)
        headers = self._key("support", workspace=self._scene.garages.number)
        return self._given._replace(query={"workspace": 0}, headers=headers)

    def conversation_not_found(self) -> Asked:
        return self._given.within(conversation_id="conv_00000000")

    def ambiguous(self) -> Asked:
        return self._given.within(conversation_id=ALIKE)

    def customer_not_found(self) -> Asked:
        return self._given.within(customer_id="cus_00000000")

    def message_not_found(self) -> Asked:
        return self._given._replace(query={"before": "msg_0"})

    def site_not_found(self) -> Asked:
        return self._given.within(site_id="no-site")

    def conversation_closed(self) -> Asked:
        return self._given.within(conversation_id=self._scene.closed.public_id)

    def invalid_transition(self) -> Asked:
        body = {"status": "snoozed", "until": "2099-01-01T00:00:00Z"}
        closed = self._given.within(conversation_id=self._scene.closed.public_id)
        return closed._replace(body=body)

    def bad_text(self) -> Asked:
        field = next(each for each in TEXTS if each in self._given.body)
        return self._given.saying(**{field: ["a\0"] if field == "labels" else "a\0"})

    def invalid_input(self) -> Asked:
        if self._given.body is not None:
            return self._given.unreadable()
        if self._name == "delete_any_site":
            return self._given.within(site_id="default")
        wrong = ("limit", "workspace", "cursor", "status", "from")
        return self._given._replace(query=dict.fromkeys(wrong, "wrong"))

    def too_large(self) -> Asked:
        return self._given.too_large()

    def _key(self, scope: str, **more: int) -> dict[str, str]:
        """That of a program."""
        wanted = {"name": f"{scope} for {self._name}", "scopes": [scope], **more}
        made = self._server.http.post("/management/keys", json=wanted).json()
        return {"X-Api-Key": made["key"]}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Scene, Server]]:
    directory = tmp_path_factory.mktemp("street")
    town = Town(directory / "chat.db")
    found = Scene(town)
    town.close()
    limits = {"MAX_BODY_BYTES": str(MAX_BODY_BYTES), "API_KEY_FAILURES_PER_MINUTE": "1"}
    with running(directory, **SETTINGS, **limits) as server:
        yield found, server


def test_what_an_example_shows_succeeds(scene: tuple[Scene, Server]) -> None:
    """Each about a new site. A conversation that an example closes is open again."""
    made, server = scene
    for operation in OPERATIONS.values():
        site = server.http.post("/management/sites", json={"name": "of the example"}).json()["id"]
        given = asked(operation, made).within(site_id=site)
        answer = server.http.request(**operation.sent(given))
        assert answer.is_success, (operation.name, answer.text)
        path = f"/management/conversations/{made.open.public_id}"
        server.http.patch(path, json={"status": "open"}).raise_for_status()


def test_what_an_operation_declares_is_answered(scene: tuple[Scene, Server]) -> None:
    """As the example of the problem shows it."""
    found = []
    kept = httpx.Limits(max_keepalive_connections=0)
    with httpx.Client(base_url=scene[1].url, trust_env=False, limits=kept, timeout=30) as client:
        for operation in OPERATIONS.values():
            made = Provocation(operation, *scene)
            found += surprises(client, operation, lambda code, m=made: getattr(m, code)())
    assert found == []


async def test_the_problems_of_the_store_are_those_of_what_the_route_asks_it(
    tmp_path: Path,
) -> None:
    town = Town(tmp_path / "chat.db")
    made = Scene(town)
    town.close()
    wrong = {}
    async with in_process(tmp_path) as (app, client):
        for operation in OPERATIONS.values():
            met = await met_of_the_store(app, client, operation, asked(operation, made))
            codes = {code for _, code in operation.codes()} & OF_THE_STORE
            if met != codes:
                wrong[operation.name] = met ^ codes
    assert wrong == {}
