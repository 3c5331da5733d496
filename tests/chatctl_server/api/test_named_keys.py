"""Named keys: what each opens, for how long, and whose name the log has then."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from world import Room, Server, running

KEYS = "/management/keys"
ROOMS = "/management/rooms"


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Its figures ask for a key."""
    with running(tmp_path_factory.mktemp("closed"), METRICS_KEY="for-prometheus") as server:
        yield server


def make(server: Server, name: str, *scopes: str, **more: Any) -> dict[str, Any]:
    answer = server.http.post(KEYS, json={"name": name, "scopes": scopes, **more})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def ask(
    server: Server, key: str, path: str, method: str = "GET", body: Any = None
) -> httpx.Response:
    return server.http.request(method, path, json=body, headers={"X-Api-Key": key})


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_a_key_opens_its_part_and_nothing_else(shared_server: Server) -> None:
    key = make(shared_server, "host product", "rooms")["key"]
    made = ask(shared_server, key, ROOMS, "POST", {"room_name": "kitchen"})
    assert made.status_code == 200
    for path in (ROOMS, "/management/room-users/ann", "/management/sync", "/management/bans"):
        assert ask(shared_server, key, path).status_code == 200, path
    for path in (KEYS, "/management/status", "/management/callbacks"):
        assert code(ask(shared_server, key, path)) == (403, "not_allowed"), path
    other = make(shared_server, "other", "metrics")["key"]
    assert code(ask(shared_server, other, ROOMS)) == (403, "not_allowed")


def test_a_reading_key_changes_nothing(shared_server: Server) -> None:
    key = make(shared_server, "report", "rooms:read")["key"]
    assert ask(shared_server, key, ROOMS).status_code == 200
    refused = ask(shared_server, key, ROOMS, "POST", {"room_name": "cellar"})
    assert code(refused) == (403, "not_allowed")
    assert "scope rooms" in refused.json()["detail"]


def test_it_is_a_bearer_token_as_well(shared_server: Server) -> None:
    key = make(shared_server, "bearer", "rooms")["key"]
    with httpx.Client(base_url=shared_server.url, trust_env=False) as http:
        found = http.get(ROOMS, headers={"Authorization": f"Bearer {key}"})
        assert found.status_code == 200
        unknown = http.get(ROOMS, headers={"Authorization": "Bearer ck_unknown"})
        assert code(unknown) == (401, "unauthorized")


def test_its_name_is_the_actor_and_who_has_banned(shared_server: Server, room: Room) -> None:
    made = make(shared_server, "moderation bot", "rooms")
    path = f"{room.path}/bans/mallory"
    ban = ask(shared_server, made["key"], path, "PUT", {"reason": "spam"}).json()
    assert ban["banned_by"] == "moderation bot"
    query = {"actor": "moderation bot", "type": "ban.set"}
    (event,) = shared_server.http.get("/management/events", params=query).json()
    assert (event["actor"], event["credential"]) == ("moderation bot", made["id"])


def test_it_reads_the_events_of_rooms_alone(shared_server: Server, room: Room) -> None:
    made = make(shared_server, "follower", "rooms:read")
    found = ask(shared_server, made["key"], "/management/events?tail=true&limit=1000").json()
    assert {each["scope"] for each in found} == {"rooms"}
    assert room.id in {each["room_id"] for each in found}
    (newest,) = shared_server.http.get(
        "/management/events?type=key.created&tail=true&limit=1"
    ).json()
    assert newest["data"]["name"] == "follower"
    stream = "/management/events/stream?tail=1000"
    headers = {"X-Api-Key": made["key"]}
    with shared_server.http.stream("GET", stream, headers=headers) as following:
        lines = following.iter_lines()
        shared_server.http.post(KEYS, json={"name": "unseen", "scopes": ["rooms"]})
        shared_server.http.patch(room.path, json={"room_name": "seen"})
        seen = next(line for line in lines if "room.renamed" in line or "key.created" in line)
        assert "seen" in seen
        assert "key.created" not in seen


def test_the_list_and_the_log_show_what_opens_to_nobody(shared_server: Server) -> None:
    made = make(shared_server, "secret", "team:read", workspace=0, expires_in=60)
    assert made["key"].startswith("ck_")
    (listed,) = [each for each in shared_server.http.get(KEYS).json() if each["name"] == "secret"]
    assert listed == {name: value for name, value in made.items() if name != "key"}
    assert (listed["workspace"], listed["scopes"]) == (0, ["team:read"])
    secret = made["key"].removeprefix("ck_").encode()
    files = [each for each in shared_server.directory.glob("chat.db*") if each.is_file()]
    kept = b"".join(each.read_bytes() for each in files)
    assert b"secret" in kept
    assert secret not in kept
    assert secret.decode() not in shared_server.log.read_text()


def test_one_that_was_rotated_opens_until_a_time(shared_server: Server) -> None:
    made = make(shared_server, "rotated", "rooms")
    path = f"{KEYS}/{made['id']}/rotate"
    until = int(time.time()) + 600
    second = shared_server.http.post(path, json={"old_until": until}).json()
    assert second["key"] != made["key"]
    assert second["old_until"] is not None
    for key in (made["key"], second["key"]):
        assert ask(shared_server, key, ROOMS).status_code == 200
    third = shared_server.http.post(path).json()
    assert third["old_until"] is None
    for key in (made["key"], second["key"]):
        assert code(ask(shared_server, key, ROOMS)) == (401, "unauthorized")
    assert ask(shared_server, third["key"], ROOMS).status_code == 200
    fourth = shared_server.http.post(path, json={"old_until": 1}).json()
    assert fourth["old_until"] is None
    assert code(ask(shared_server, third["key"], ROOMS)) == (401, "unauthorized")
    query = {"type": "key.rotated", "tail": "true", "limit": 1}
    (event,) = shared_server.http.get("/management/events", params=query).json()
    assert (event["data"]["key_id"], event["data"]["old_until"]) == (made["id"], None)


def test_one_that_was_removed_opens_nothing(shared_server: Server) -> None:
    made = make(shared_server, "removed", "rooms")
    path = f"{KEYS}/{made['id']}"
    assert shared_server.http.delete(path).json() == {"changed": True}
    assert code(ask(shared_server, made["key"], ROOMS)) == (401, "unauthorized")
    assert code(shared_server.http.delete(path)) == (404, "key_not_found")
    make(shared_server, "removed", "rooms")  # its name is free again
    listed = [each["id"] for each in shared_server.http.get(KEYS).json()]
    assert made["id"] not in listed


def test_one_that_has_ended_says_so(tmp_path: Path) -> None:
    (tmp_path / "clock").write_text("0")
    with running(tmp_path, program="shifted_clock") as server:
        made = make(server, "short", "rooms", expires_in=3600)
        assert ask(server, made["key"], ROOMS).status_code == 200
        rotate, until = f"{KEYS}/{made['id']}/rotate", int(time.time()) + 600
        new = server.http.post(rotate, json={"old_until": until}).json()["key"]
        server.set_clock(601)
        assert code(ask(server, made["key"], ROOMS)) == (401, "unauthorized")
        assert ask(server, new, ROOMS).status_code == 200
        server.set_clock(3601)
        refused = ask(server, new, ROOMS)
        assert code(refused) == (401, "unauthorized")
        assert refused.json()["detail"] == "The key short has expired"


def test_the_figures_are_open_to_who_may_read_them(closed: Server) -> None:
    key = make(closed, "grafana", "metrics:read")["key"]
    assert ask(closed, key, "/metrics").status_code == 200
    assert closed.http.get("/metrics").status_code == 200  # with the admin key
    other = make(closed, "rooms alone", "rooms")["key"]
    assert code(ask(closed, other, "/metrics")) == (403, "not_allowed")
    assert code(ask(closed, "ck_unknown", "/metrics")) == (401, "unauthorized")


def test_a_wrong_wish_names_its_field(shared_server: Server) -> None:
    for body, field, status in (
        ({"name": "a", "scopes": ["everything"]}, "scopes", 400),
        ({"name": "a", "scopes": []}, "scopes", 400),
        ({"name": "a", "scopes": ["team"]}, "workspace", 400),
        ({"name": "a", "scopes": ["rooms"], "workspace": 0}, "workspace", 400),
        ({"name": "a", "scopes": ["team"], "workspace": 404}, "workspace", 404),
        ({"name": " ", "scopes": ["rooms"]}, "name", 400),
        ({"name": "x" * 101, "scopes": ["rooms"]}, "name", 400),
        ({"name": "a", "scopes": ["rooms"], "expires_in": 0}, "expires_in", 400),
    ):
        answer = shared_server.http.post(KEYS, json=body)
        assert (answer.status_code, answer.json()["field"]) == (status, field), answer.text
    make(shared_server, "taken", "rooms")
    taken = shared_server.http.post(KEYS, json={"name": "taken", "scopes": ["rooms"]})
    assert code(taken) == (409, "name_taken")
