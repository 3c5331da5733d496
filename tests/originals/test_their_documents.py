"""The documents' setup: their environment starts the server, their commands do what they say."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hooks
import originals
import programs
import pytest
import wire
from receivers import Receiver, receiver
from world import Server


@pytest.fixture(scope="module")
def hook() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, hook: Receiver) -> Iterator[Server]:
    made = originals.server(tmp_path_factory.mktemp("originals"), hook)
    try:
        yield made.start()
    finally:
        made.close()


def run(server: Server, command: str) -> tuple[int, Any]:
    """The status and the answer."""
    programs.path("curl")
    command = command.replace("http://localhost:3000", server.url)
    done = subprocess.run(
        ["bash", "-c", f"{command} -s -w '\\n%{{http_code}}'"],
        capture_output=True,
        check=True,
        text=True,
    )
    body, _, status = done.stdout.rpartition("\n")
    return int(status), json.loads(body) if body.startswith(("{", "[")) else body


def test_the_commands_of_the_readme(server: Server, hook: Receiver) -> None:
    status, made = run(server, originals.CREATE_A_ROOM)
    assert (status, made["websocket_url"]) == (200, f"/ws/rooms/{made['room_id']}")
    (created,) = hooks.wait_for_event(hook, "room_created")
    assert created.path == "/api/room-events"
    assert created.json["room_name"] == "测试房间"
    hook.wait_until(lambda: any(each.path == "/callback" for each in hook._requests), "a sync")
    status, rooms = run(server, originals.ALL_ROOMS)
    assert (status, [each["room_name"] for each in rooms]) == (200, ["测试房间"])
    status, (synced,) = run(server, originals.SYNC_DATA)
    for key in (
        "room_id", "room_name", "current_connections", "admin_user_ids", "banned_user_ids",
        "created_at", "last_activity",
    ):  # fmt: skip
        assert key in synced
    assert run(server, originals.SYNC_NOW)[0] == 202
    status, (basic,) = run(server, originals.SYNC_ROOMS)
    assert (status, basic["room_id"]) == (200, made["room_id"])
    for command in (originals.CHAT_HISTORY, originals.SESSION_HISTORY):
        status, page = run(server, command.replace("{room_id}", made["room_id"]))
        assert (status, page["records"], page["pagination"]["total_records"]) == (200, [], 0)
    assert run(server, originals.HEALTH) == (200, "OK")


def test_head_is_answered(server: Server) -> None:
    for path in ("/management/rooms", "/management/sync", "/management/health"):
        answer = server.http.head(path)
        assert (answer.status_code, answer.content) == (200, b""), path


def test_a_body_that_is_too_large_hears_of_it(server: Server) -> None:
    """All of it is sent, as curl does, and the answer is not lost in a reset."""
    for _ in range(20):
        with wire.dial(server) as line:
            size = 3 * 1024 * 1024
            head = (
                f"POST /management/rooms HTTP/1.1\r\nHost: localhost:3000\r\n"
                f"X-Api-Key: {originals.KEY}\r\nContent-Length: {size}\r\n\r\n"
            )
            line.sendall(head.encode())
            try:
                line.sendall(b"x" * size)
            except OSError:
                pytest.fail("reset")
            assert wire.read_answer(line).status == 413


def test_a_sync_is_asked_for_with_whatever_body(server: Server) -> None:
    """The original's route takes none, and its clients send what they like."""
    for body in (b"", b" ", b"now", b"<sync/>"):
        answer = server.http.post("/management/sync", content=body)
        assert answer.status_code == 202, answer.text


def test_settings_that_start_the_original_start_the_server(tmp_path: Path) -> None:
    """And the sync can be looked at: RUST_LOG=chat_server::sync=debug, as the page on it says."""
    large = {
        "CHAT_HISTORY_BATCH_SIZE": "20000",
        "CALLBACK_MAX_RETRIES": "1000",
        "MAX_CONNECTIONS": "4000000000",
    }
    logged = {"RUST_LOG": "chat_server::sync=debug", "LOG_FORMAT": "json"}
    with (
        receiver() as hook,
        hooks.calling(tmp_path, hook, "DATA_CALLBACK_URL", **large, **logged) as server,
    ):
        room = server.create_room("测试房间")
        hook.wait_for(1)
        server.stop()
    told = server.log.read_text()
    assert f"创建房间后同步成功，房间ID: {room.id}" in told
    assert '"level":"debug"' in told
