"""What an operator sees and does at the support desk; what a key of one workspace may."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import desk_scene
import httpx
import pytest
from team import SETTINGS, Person, Town
from world import Server, running

from chatctl_server.actions import keys as key_actions
from chatctl_server.domain import keys
from chatctl_server.storage.sites import Site

PATH = "/management/conversations"


class Street(NamedTuple):
    """Two sites of two workspaces, each with an agent; who wrote to both."""

    server: Server
    bakery: Site
    garage: Site
    anna: Person
    gus: Person
    bo: desk_scene.Customer
    carl: desk_scene.Customer
    key: str

    def ask(self, method: str, path: str = "", **more: Any) -> httpx.Response:
        return self.server.http.request(method, f"{PATH}{path}", **more)

    def ids(self, **query: Any) -> list[str]:
        answer = self.ask("GET", params=query)
        assert answer.status_code == 200, answer.text
        return [each["id"] for each in answer.json()]

    def events(self, glob: str) -> list[dict[str, Any]]:
        return list(self.server.http.get(f"/management/events?type={glob}&tail=true").json())


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    directory = tmp_path_factory.mktemp("street")
    town = Town(directory / "chat.db")
    garages = town.workspace("Garages")
    anna = town.person("Anna", role="agent")
    gus = town.person("Gus", garages, role="agent")
    bakery = desk_scene.site(town, "Bakery")
    garage = desk_scene.site(town, "Garage", garages)
    bo = desk_scene.customer(town, bakery, "Bo", "is the bread fresh?")
    carl = desk_scene.customer(town, garage, "Carl", "my car is broken")
    secret = keys.new()
    named = "robot", ("support",), garages.number, None, keys.hashed(secret)
    town.scene.run(key_actions.create, *named)
    town.close()
    with running(directory, **SETTINGS) as server:
        yield Street(server, bakery, garage, anna, gus, bo, carl, secret)


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_an_operator_finds_the_conversations_of_all_sites(street: Street) -> None:
    assert set(street.ids()) == {street.bo.id, street.carl.id}
    assert street.ids(site_id=street.garage.id) == [street.carl.id]
    assert street.ids(workspace=0) == [street.bo.id]
    assert street.ids(workspace=999) == []
    assert street.ids(q="BROKEN") == [street.carl.id]
    assert street.ids(customer_id=street.bo.person.id) == [street.bo.id]
    assert street.ids(status="closed") == []
    assert set(street.ids(assignee="none")) == {street.bo.id, street.carl.id}
    (found,) = street.ask("GET", params={"q": "fresh"}).json()
    assert (found["customer_name"], found["assignee_id"]) == ("Bo", None)


def test_the_beginning_of_an_id_is_enough(street: Street) -> None:
    start = street.bo.id[:13]
    assert street.ask("GET", f"/{start}").json()["id"] == street.bo.id
    assert street.ask("GET", f"/{street.bo.id}").json()["id"] == street.bo.id
    for unknown in (street.bo.id[:12], "conv_00000000", f"{start}_", street.bo.id.upper()):
        assert code(street.ask("GET", f"/{unknown}")) == (404, "conversation_not_found")
    (message,) = street.ask("GET", f"/{start}/messages").json()
    assert message["content"] == "is the bread fresh?"


def test_changes_are_the_operators(street: Street) -> None:
    path = f"/{street.bo.id}"
    assigned = street.ask("PATCH", path, json={"assignee": f"u{street.anna.id}"}).json()
    assert assigned["assignee_id"] == f"u{street.anna.id}"
    (event,) = street.events("support.assigned")
    assert (event["actor"], event["credential"]) == (None, "api-key")
    both = {"labels": ["bread"], "priority": "high", "assignee": None}
    changed = street.ask("PATCH", path, json=both).json()
    shown = (changed["labels"], changed["priority"], changed["assignee_id"])
    assert shown == (["bread"], "high", None)
    for status in ("closed", "closed", "open", "active"):
        changed = street.ask("PATCH", path, json={"status": status}).json()
        assert changed["status"] == {"active": "open"}.get(status, status)
    assert len(street.events("support.closed")) == len(street.events("support.reopened")) == 1
    until = {"status": "snoozed", "until": "2099-01-01T00:00:00Z"}
    assert street.ask("PATCH", path, json=until).json()["status"] == "snoozed"
    assert code(street.ask("PATCH", path, json={"until": "2099-01-01T00:00:00Z"}))[0] == 400
    street.ask("PATCH", path, json={"status": "closed"})
    refused = street.ask("PATCH", path, json={"status": "snoozed", "labels": ["other"]})
    assert code(refused) == (409, "invalid_transition")
    assert street.ask("GET", path).json()["labels"] == ["bread"]
    street.ask("PATCH", path, json={"status": "open"})


def test_who_is_no_agent_of_the_workspace_gets_no_conversation(street: Street) -> None:
    before = street.ask("GET", f"/{street.bo.id}").json()["assignee_id"]
    for user in (f"u{street.gus.id}", "u999", f"u{10**30}", "anna"):
        refused = street.ask("PATCH", f"/{street.bo.id}", json={"assignee": user})
        assert code(refused) == (400, "invalid_input")
        said = {"content": "hello", "as_user": user}
        refused = street.ask("POST", f"/{street.bo.id}/messages", json=said)
        assert code(refused) == (400, "invalid_input")
    assert street.ask("GET", f"/{street.bo.id}").json()["assignee_id"] == before


def test_an_operator_answers_as_an_agent(street: Street) -> None:
    path = f"/{street.bo.id}/messages"
    mine = street.ask("POST", path, json={"content": "every morning"})
    assert mine.status_code == 201
    assert (mine.json()["sender_type"], mine.json()["sender_id"]) == ("agent", "operator")
    note = {"content": "a good customer", "is_private": True, "as_user": f"u{street.anna.id}"}
    posted = street.ask("POST", path, json=note).json()
    assert (posted["sender_id"], posted["sender_name"]) == (f"u{street.anna.id}", "Anna")
    seen = street.server.http.get(
        f"/api/conversations/{street.bo.id}/messages", headers=street.bo.headers
    ).json()
    assert [each["content"] for each in seen][:1] == ["every morning"]
    listed = street.ask("GET", path, params={"limit": 1})
    assert [each["is_private"] for each in listed.json()] == [True]
    rest = street.server.http.get(listed.links["next"]["url"]).json()
    assert [each["content"] for each in rest] == ["every morning"]
    assert code(street.ask("POST", path, json={"content": " "})) == (400, "invalid_input")


def test_a_key_of_one_workspace_reaches_no_other_desk(street: Street) -> None:
    headers = {"X-Api-Key": street.key}

    def asked(method: str, path: str = "", **more: Any) -> httpx.Response:
        return street.ask(method, path, headers=headers, **more)

    assert [each["id"] for each in asked("GET").json()] == [street.carl.id]
    assert code(asked("GET", params={"workspace": 0})) == (404, "workspace_not_found")
    for path in (street.bo.id, street.bo.id[:13]):
        assert code(asked("GET", f"/{path}")) == (404, "conversation_not_found")
        closed = asked("PATCH", f"/{path}", json={"status": "closed"})
        assert code(closed) == (404, "conversation_not_found")
        said = asked("POST", f"/{path}/messages", json={"content": "hello"})
        assert code(said) == (404, "conversation_not_found")
        assert code(asked("GET", f"/{path}/messages")) == (404, "conversation_not_found")
    said = asked("POST", f"/{street.carl.id}/messages", json={"content": "bring it"}).json()
    assert (said["sender_type"], said["sender_name"]) == ("agent", "robot")
    assert said["sender_id"].startswith("key_")
    posted = street.events("message.posted")[-1]
    assert (posted["actor"], posted["credential"]) == ("robot", said["sender_id"])


SITES = "/management/sites"


def test_a_site_from_its_beginning_to_its_end(street: Street) -> None:
    http = street.server.http
    body = {"name": "Pet shop", "allowed_origins": ["https://pets.example.org"]}
    made = http.post(SITES, json=body)
    assert made.status_code == 201
    site = made.json()
    assert (site["workspace_id"], site["allowed_origins"]) == (0, ["https://pets.example.org"])
    assert site["widget_url"] == f"{street.server.url}/embed/widget.js"
    path = f"{SITES}/{site['id']}"
    assert http.get(path).json() == site
    changed = http.patch(path, json={"greeting": "Woof", "locale": "en"}).json()
    assert (changed["greeting"], changed["name"]) == ("Woof", "Pet shop")
    rotated = http.post(f"{path}/rotate-key").json()
    assert rotated["key"] != site["key"]
    assert rotated["secret"] == site["secret"]
    anew = http.post(f"{path}/rotate-key", json={"secret": True}).json()
    assert anew["secret"] != site["secret"]
    events = [street.events(f"site.{each}")[-1] for each in ("created", "changed", "key_rotated")]
    assert {(each["actor"], each["credential"]) for each in events} == {(None, "api-key")}
    assert http.delete(path).status_code == 204
    assert code(http.get(path)) == (404, "site_not_found")
    assert code(http.delete(f"{SITES}/default")) == (400, "invalid_input")
    assert code(http.post(SITES, json={"name": "x", "workspace_id": 99}))[0] == 404


def test_a_site_of_a_workspace_that_had_none_is_shown(street: Street) -> None:
    made = street.server.http.post("/management/workspaces", json={"name": "Bare"}).json()
    body = {"name": "First", "workspace_id": made["id"]}
    site = street.server.http.post(SITES, json=body).json()
    listed = street.server.http.get(SITES, params={"workspace": made["id"]}).json()
    assert listed == [site]
    assert site["secret"]


def test_a_key_reads_the_sites_of_its_workspace_alone(street: Street) -> None:
    http, headers = street.server.http, {"X-Api-Key": street.key}
    (shown,) = http.get(SITES, headers=headers).json()
    assert shown["id"] == street.garage.id
    assert "secret" not in shown
    assert code(http.get(f"{SITES}/{street.bakery.id}", headers=headers))[0] == 404
    assert code(http.get(f"{SITES}?workspace=0", headers=headers))[0] == 404
    path = f"{SITES}/{street.garage.id}"
    for method, place in (
        ("PATCH", path),
        ("DELETE", path),
        ("POST", SITES),
        ("POST", f"{path}/rotate-key"),
    ):
        refused = http.request(method, place, headers=headers, json={"name": "mine"})
        assert code(refused) == (403, "not_allowed")
    assert http.get(path).json()["key"] == street.garage.key


def test_operators_replay_the_envelopes_of_all_sites(street: Street) -> None:
    path, http = "/management/events/replay", street.server.http
    everything = http.get(path, params={"limit": 500}).json()
    sites = {each["data"]["site_id"] for each in everything["events"]}
    assert {street.bakery.id, street.garage.id} <= sites
    seen = http.get("/api/events/replay", headers=street.anna.headers, params={"limit": 500}).json()
    mine = [each for each in everything["events"] if each["data"]["site_id"] == street.bakery.id]
    assert [each for each in seen["events"] if each["data"]["site_id"] == street.bakery.id] == mine
    rest = http.get(path, params={"since_event_id": everything["events"][2]["event_id"]}).json()
    assert rest["events"] == everything["events"][3:]
    of_key = http.get(path, headers={"X-Api-Key": street.key}).json()["events"]
    assert {each["data"]["site_id"] for each in of_key} == {street.garage.id}
    refused = http.get(f"{path}?workspace=0", headers={"X-Api-Key": street.key})
    assert code(refused) == (404, "workspace_not_found")


def test_without_an_operators_credential_it_is_closed(street: Street) -> None:
    for headers in (street.anna.headers, street.bo.headers):
        with httpx.Client(base_url=street.server.url, trust_env=False) as stranger:
            assert stranger.get(PATH, headers=headers).status_code == 401


def test_the_server_says_who_waits(tmp_path: Path) -> None:
    town = Town(tmp_path / "chat.db")
    town.scene.now -= 900 * 1_000_000
    bakery = desk_scene.site(town, "Bakery")
    first = desk_scene.customer(town, bakery, "Bo", "hello?")
    desk_scene.customer(town, bakery, "Carl", "me too")
    desk_scene.customer(town, bakery, "Dora")
    town.close()
    with running(tmp_path, **SETTINGS) as server:

        def waits() -> tuple[int, int]:
            found = server.http.get("/management/status").json()
            return found["conversations_open"], found["conversations_waiting"]

        def longest() -> float:
            return server.figure("chatctl_conversation_wait_seconds")

        assert waits() == (3, 2)
        assert 900 <= longest() < 960
        path = f"{PATH}/{first.id}"
        server.http.post(f"{path}/messages", json={"content": "hello"})
        assert (waits(), 898 <= longest() < 960) == ((3, 1), True)
        for each in server.http.get(PATH).json():
            server.http.patch(f"{PATH}/{each['id']}", json={"status": "closed"})
        assert (waits(), longest()) == ((0, 0), 0)
        assert server.figure('chatctl_conversations{status="closed"}') == 3
        assert server.figure('chatctl_conversations{status="open"}') == 0
