"""The figures of requests, streams and the database in /metrics; and what the threads do."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import wire
from world import KEY, Room, Server, eventually, running

PATH = "/management/rooms/{room_id}"


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Server]:
    """Nobody else asks it for anything."""
    with running(tmp_path) as server:
        yield server


def counted(server: Server, **labels: str | int) -> float:
    """Answers over HTTP; 0 for what has not happened yet."""
    text = server.http.get("/metrics").text
    lines = [line for line in text.splitlines() if line.startswith("chatctl_http_requests_total{")]
    wanted = [f'{name}="{value}"' for name, value in labels.items()]
    return sum(float(line.split()[-1]) for line in lines if all(each in line for each in wanted))


def test_answers_are_counted_by_their_route(alone: Server) -> None:
    rooms = [alone.create_room() for _ in range(3)]
    for room in rooms:
        assert alone.http.get(room.path).status_code == 200
    alone.http.head(rooms[0].path)
    alone.http.get(rooms[0].path, headers={"X-Api-Key": "wrong"})
    assert counted(alone, method="POST", route="/management/rooms", status=200) == 3
    assert counted(alone, method="GET", route=PATH, status=200) == 3
    assert counted(alone, method="HEAD", route=PATH, status=200) == 1
    assert counted(alone, method="GET", route=PATH, status=401) == 1
    assert counted(alone, method="GET", route="/metrics", status=200) >= 4
    seconds = f'chatctl_http_request_seconds_count{{method="GET",route="{PATH}"}}'
    assert alone.figure(seconds) == 4


def test_what_clients_make_up_gets_one_name(alone: Server) -> None:
    for number in range(5):
        assert alone.http.get(f"/nowhere/{number}").status_code == 404
        assert alone.http.request("PROPFIND", "/management/rooms").status_code == 405
        assert wire.ask(alone, wire.upgrade(f"/ws/nowhere/{number}")).status == 404
    assert counted(alone, method="GET", route="other", status=404) == 10
    assert counted(alone, method="other", route="other", status=405) == 5
    text = alone.http.get("/metrics").text
    assert "nowhere" not in text
    assert "PROPFIND" not in text


def test_what_is_no_request_is_refused_as_all_else_is(alone: Server) -> None:
    for lines, status, detail in (
        ("BREW /coffee HTTP/1.1\r\nHost: pot", 405, "There is no method BREW"),
        ("GET /health HTTP/1.1\r\nno header", 400, "This is no well-formed HTTP request"),
        ("hello", 400, "This is no well-formed HTTP request"),
    ):
        answer = wire.ask(alone, f"{lines}\r\n\r\n".encode())
        assert (answer.status, json.loads(answer.body)["detail"]) == (status, detail)
    assert counted(alone, method="other", route="other", status=405) == 1
    assert counted(alone, method="GET", route="other", status=400) == 1


def test_upgrades_are_counted_and_frames_are_not(alone: Server) -> None:
    room = alone.create_room()
    anna = room.join("anna")
    for _ in range(5):
        anna.say("hello")
    assert wire.ask(alone, wire.upgrade(f"/ws/rooms/{room.id}?user_id=")).status == 400
    route = "/ws/rooms/{room_id}"
    assert counted(alone, route=route) == 2
    assert counted(alone, method="GET", route=route, status=101) == 1
    assert counted(alone, method="GET", route=route, status=400) == 1


@pytest.mark.own_protocol
def test_so_is_what_the_application_never_sees(alone: Server) -> None:
    large = wire.request(alone, "GET", "/", f"X-Large: {'x' * 40_000}")
    assert wire.ask(alone, large).status == 431
    assert counted(alone, method="GET", route="other", status=431) == 1


def test_open_streams_are_counted_by_their_kind(alone: Server) -> None:
    room = alone.create_room()

    def open_ones() -> dict[str, str]:
        text = alone.http.get("/metrics").text
        return dict(re.findall(r'^chatctl_streams\{kind="(\w+)"\} (\S+)$', text, re.MULTILINE))

    closed = {"rooms": "0.0", "log": "0.0", "tries": "0.0", "team": "0.0"}
    assert open_ones() == closed
    paths = (
        f"/events/rooms/{room.id}?user_id=anna",
        "/management/events/stream",
        "/management/callbacks/tries",
    )
    client = httpx.Client(base_url=alone.url, headers={"X-Api-Key": KEY}, trust_env=False)
    with client, client.stream("GET", paths[0]), client.stream("GET", paths[1]):
        with client.stream("GET", paths[2]):
            eventually(lambda: open_ones() == {**dict.fromkeys(closed, "1.0"), "team": "0.0"})
        eventually(lambda: open_ones() == {**closed, "rooms": "1.0", "log": "1.0"})
    eventually(lambda: set(open_ones().values()) == {"0.0"})


def test_what_the_server_is_and_has(alone: Server) -> None:
    kept, closed = alone.create_room(), alone.create_room()
    alone.http.delete(closed.path)
    kept.join("anna").say("x" * 30_000)
    version = alone.http.get("/health").json()["version"]
    assert alone.figure(f'chatctl_build_info{{version="{version}"}}') == 1
    assert alone.figure("chatctl_rooms") == 1
    assert 0 <= alone.figure("chatctl_db_pool_usage_ratio") <= 1
    files = [alone.database, alone.database.with_name("chat.db-wal")]
    sizes = sum(path.stat().st_size for path in files if path.exists())
    assert alone.figure("chatctl_database_bytes") == pytest.approx(sizes, rel=0.5)
    assert "process_open_fds" in alone.http.get("/metrics").text


class TestProfile:
    @pytest.fixture
    def profiled(self, tmp_path: Path) -> Iterator[Room]:
        with running(tmp_path, DEBUG_PPROF="true") as server:
            yield server.create_room()

    def test_it_is_off_by_default(self, alone: Server) -> None:
        answer = alone.http.get("/debug/pprof?seconds=1")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")

    def test_only_the_admin_key_opens_it(self, profiled: Room) -> None:
        url = f"{profiled.server.url}/debug/pprof"
        assert httpx.get(url, trust_env=False).status_code == 401
        wrong = {"X-Api-Key": "wrong"}
        assert httpx.get(url, headers=wrong, trust_env=False).status_code == 401

    def test_it_shows_the_stacks_of_the_threads(self, profiled: Room) -> None:
        answer = profiled.server.http.get("/debug/pprof?seconds=1")
        assert answer.status_code == 200
        lines = [line.rpartition(" ") for line in answer.text.splitlines()]
        assert min(int(count) for _, _, count in lines) >= 1
        stacks = [stack.split(";") for stack, _, _ in lines]
        main = next(stack for stack in stacks if stack[0] == "MainThread")
        assert "chatctl_server.serving.serve" in main
        assert not any("chatctl_server.api.management.pprof._sampled" in each for each in stacks)

    def test_its_seconds_have_a_limit(self, profiled: Room) -> None:
        for seconds in ("0", "61", "x"):
            answer = profiled.server.http.get(f"/debug/pprof?seconds={seconds}")
            assert (answer.status_code, answer.json()["field"]) == (400, "seconds")

    def test_a_stop_does_not_wait_for_it(self, profiled: Room) -> None:
        server = profiled.server
        with wire.dial(server) as line:
            line.sendall(wire.request(server, "GET", "/debug/pprof?seconds=60"))
            begun = time.monotonic()
            assert server.stop() == 0
            assert time.monotonic() - begun < 15
