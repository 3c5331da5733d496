"""Who asked for what, in the server's own log: behind a proxy, too, and never with a token."""

import contextlib
import json
import re
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import wire
from application import SECRET, token
from world import PATIENCE_SECONDS, Server, eventually, running

from chatctl_server.serving import SPARE_FILES

CALLER = "203.0.113.7"
FORWARDED = f"X-Forwarded-For: 198.51.100.1, {CALLER}"
Logged = Callable[[str], dict[str, Any]]


@pytest.fixture(scope="module")
def behind_proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(
        tmp_path_factory.mktemp("access"),
        LOG_LEVEL="info,access=info",
        TRUSTED_PROXIES="127.0.0.0/8",
        ROOM_IDENTITY="token",
        ROOM_TOKEN_SECRET=SECRET,
    ) as server:
        yield server


@pytest.fixture
def logged(behind_proxy: Server) -> Logged:
    return lambda request_id: line_of(behind_proxy, request_id=request_id)


def lines_of(server: Server) -> list[dict[str, Any]]:
    return [json.loads(line) for line in server.log.read_text().splitlines()]


def line_of(server: Server, area: str = "access", **fields: str) -> dict[str, Any]:
    """The only one that says so."""
    said = {"area": area, **fields}.items()
    (line,) = eventually(lambda: [each for each in lines_of(server) if said <= each.items()])
    return dict(line)


def ask(server: Server, path: str, **headers: str) -> httpx.Response:
    return server.http.get(path, headers={"X-Forwarded-For": CALLER, **headers})


def test_a_request_has_a_line_with_its_callers_address(
    behind_proxy: Server, logged: Logged
) -> None:
    answer = ask(behind_proxy, "/management/rooms?limit=5")
    line = logged(answer.headers["x-request-id"])
    assert re.fullmatch(rf'{CALLER} "GET /management/rooms" 200 \d+\.\d ms', line["message"])
    assert (line["level"], line["address"], line["method"]) == ("info", CALLER, "GET")
    assert (line["path"], line["status"]) == ("/management/rooms", 200)
    assert 0 < line["latency_ms"] < PATIENCE_SECONDS * 1000
    assert f"{line['latency_ms']} ms" in line["message"]


def test_nobody_can_write_the_line_of_another_address(behind_proxy: Server, logged: Logged) -> None:
    """Or a program that bans who guesses would ban whom the guesser names."""
    path = '/management/rooms/x from 6.6.6.6 refused: The key "'
    forged = path.replace(" ", "%20").replace('"', "%22")
    answer = ask(behind_proxy, forged, **{"X-Api-Key": "wrong"})
    request_id = answer.headers["x-request-id"]
    refusal = line_of(behind_proxy, "api", request_id=request_id)["message"]
    assert refusal.startswith(f"GET {forged} from {CALLER} refused: ")
    assert logged(request_id)["message"].startswith(f'{CALLER} "GET {forged}" 401 ')
    raw = wire.ask(behind_proxy, b'GET /a"b HTTP/1.1\r\nHost: x\r\n\r\n')
    assert logged(raw.headers["x-request-id"])["path"] == "/a%22b"


def test_an_upgrade_has_a_line_without_its_query(behind_proxy: Server, logged: Logged) -> None:
    room = behind_proxy.create_room()
    shown = token()
    path = f"/ws/rooms/{room.id}"
    lines = (FORWARDED, "X-Request-Id: let-in")
    assert wire.ask(behind_proxy, wire.upgrade(f"{path}?token={shown}", *lines)).status == 101
    line = logged("let-in")
    assert (line["address"], line["method"], line["status"]) == (CALLER, "GET", 101)
    assert line["path"] == path
    text = behind_proxy.log.read_text()
    assert shown not in text
    assert "token=" not in text


def test_a_refused_upgrade_has_a_line(behind_proxy: Server, logged: Logged) -> None:
    of_a_room = f"/ws/rooms/{uuid.uuid4()}?token=wrong"
    for path, status in ((of_a_room, 401), ("/ws/nowhere", 404), ("/ws/rooms/no-uuid", 400)):
        answer = wire.ask(behind_proxy, wire.upgrade(path, FORWARDED))
        line = logged(answer.headers["x-request-id"])
        assert (answer.status, line["status"], line["address"]) == (status, status, CALLER)


@pytest.mark.own_protocol
def test_what_is_no_upgrade_by_the_rules_has_a_line(behind_proxy: Server) -> None:
    head = b"GET /ws/rooms/x?token=t HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
    key = b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n"
    answer = wire.ask(behind_proxy, head + key + FORWARDED.encode() + b"\r\n\r\n")
    assert answer.status == 400
    line = line_of(behind_proxy, path="/ws/rooms/x")
    assert (line["status"], line["address"]) == (400, CALLER)


def test_the_admin_socket_has_no_address(behind_proxy: Server, logged: Logged) -> None:
    path = f"{behind_proxy.database}.admin.sock"
    with httpx.Client(transport=httpx.HTTPTransport(uds=path)) as client:
        answer = client.get("http://chatctl/management/status")
    line = logged(answer.headers["x-request-id"])
    assert line["message"].startswith('- "GET /management/status" 200 ')
    assert line["address"] is None


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = {
        "LOG_LEVEL": "info,access=info",
        "MAX_CONNECTIONS": "1",
        "TRUSTED_PROXIES": "127.0.0.1",
    }
    with running(tmp_path_factory.mktemp("full"), **settings) as server:
        yield server


def test_a_full_server_logs_whom_it_turned_away(full: Server) -> None:
    room = full.create_room()
    room.join("anna")
    raw = wire.upgrade(f"/ws/rooms/{room.id}?user_id=ben", FORWARDED, "X-Request-Id: full")
    assert wire.ask(full, raw).status == 503
    line = line_of(full, request_id="full")
    assert (line["status"], line["address"]) == (503, CALLER)


def test_also_where_there_is_no_place_to_ask_the_application(full: Server) -> None:
    with contextlib.ExitStack() as held:
        for _ in range(1 + SPARE_FILES // 2):
            held.enter_context(wire.dial(full))
        answer = wire.ask(full, wire.upgrade("/ws/rooms/surplus?token=t", FORWARDED))
    assert answer.status == 503
    line = line_of(full, path="/ws/rooms/surplus")
    assert (line["status"], line["method"], line["address"]) == (503, "GET", CALLER)


def test_by_default_there_are_no_lines_of_requests(shared_server: Server) -> None:
    answer = shared_server.http.get("/management/rooms", headers={b"X-Api-Key": b"wrong"})
    line_of(shared_server, "api", request_id=answer.headers["x-request-id"])
    assert [line for line in lines_of(shared_server) if line["area"] == "access"] == []
