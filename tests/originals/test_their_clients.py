"""Clients that were written for the original: a page, a bot, a console, a host that archives."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import hooks
import httpx
import pytest
from receivers import Receiver, answer, receiver, redirect, when
from world import clean_environment, eventually, free_port, running

ANSWERS = ("Ack", "Error", "Pong")


def test_a_client_with_the_exact_cadence_is_never_refused(tmp_path: Path) -> None:
    """It sends every second, by its clock, and the interval is one second."""
    with running(tmp_path, USER_MESSAGE_INTERVAL_SECS="1") as server:
        anna = server.create_room().join("anna")
        due = time.monotonic()
        for number in range(6):
            time.sleep(max(0.0, due - time.monotonic()))
            anna.send("SendMessage", {"content": f"{number}"})
            due += 1.0
        seen = [each["type"] for each in anna.frames_until_pong()]
    assert seen.count("Message") == 6
    assert "Error" not in seen


def test_a_refusal_comes_behind_the_answers_before_it(tmp_path: Path) -> None:
    with running(tmp_path, USER_MESSAGE_INTERVAL_SECS="60") as server:
        anna = server.create_room().join("anna")
        for number in range(20):
            anna.send("SendMessage", {"content": "hello", "client_msg_id": f"{number}"})
            anna.send("Ping", {"timestamp": 1000 + number})
        told = [each["payload"] for each in anna.frames_until_pong() if each["type"] in ANSWERS]
    answered = [each.get("client_msg_id") or str(each["timestamp"] - 1000) for each in told]
    assert answered == [f"{number}" for number in range(20) for _ in range(2)]


def test_a_host_that_reads_by_range_misses_nothing(tmp_path: Path) -> None:
    """``to`` of one read is ``from`` of the next, less one second: each message once."""
    with running(tmp_path) as server:
        room = server.create_room()
        anna = room.join("anna")
        begin = int(time.time())
        for number in range(30):
            anna.say(f"{number}")
            time.sleep(0.1)
        found: list[str] = []
        for second in range(begin, int(time.time()) + 1):
            page = room.history(**{"from": second, "to": second})
            found += [each["content"] for each in reversed(page)]
    assert found == [f"{number}" for number in range(30)]


def test_a_sync_by_range_has_its_last_second(tmp_path: Path) -> None:
    with receiver() as hook, hooks.calling(tmp_path, hook, "CHAT_HISTORY_CALLBACK_URL") as server:
        room = server.create_room()
        room.join("anna").say("now")
        (said,) = room.history()
        second = said["created_at"]
        body = {"kinds": ["chat_history"], "from": second, "to": second, "room_id": room.id}
        hooks.request_sync(server, **body)
        (batch,) = hooks.wait_for_event(hook, "chat_history_batch")
    assert [each["content"] for each in batch.json["messages"]] == ["now"]


def test_the_body_at_the_closing_has_the_whole_history(tmp_path: Path) -> None:
    """A receiver archives by it."""
    with receiver() as hook, hooks.calling(tmp_path, hook) as server:
        room = server.create_room()
        anna = room.join("anna")
        for number in range(250):
            anna.say(f"{number}")
        assert server.http.delete(room.path).status_code == 204
        hooks.wait_for_event(hook, "room_closed")
        last = eventually(lambda: archived(hook, 250))
        assert [each["content"] for each in last["chat_history"]] == [f"{n}" for n in range(250)]
        told = [each.json["event_type"] for each in hooks.at(hook, "ROOM_EVENT_CALLBACK_URL")]
    assert told == ["RoomCreated", "UserJoined", "UserLeft", "RoomClosed"]


def archived(hook: Receiver, count: int) -> Any:
    found = hooks.bodies(hook, "DATA_CALLBACK_URL")
    return next((each for each in found if len(each["chat_history"]) == count), None)


@pytest.mark.parametrize("status", [307, 308])
def test_a_receiver_that_moved_behind_a_slash_is_followed(tmp_path: Path, status: int) -> None:
    """As frameworks do that want their paths to end with one."""
    with receiver(answer()) as hook:
        moved = redirect(f"{hook.origin}/sync/room/", status)
        hook.behave(when(lambda request: not request.path.endswith("/"), moved), answer())
        with hooks.calling(tmp_path, hook, "DATA_CALLBACK_URL") as server:
            server.create_room("测试房间")
            assert hooks.finished(server, 1) == [("data_sync", 1, "delivered")]
        assert [each.path for each in hook.requests] == ["/sync/room", "/sync/room/"]
        assert hook.requests[1].json["room_name"] == "测试房间"


def test_a_console_shows_a_room(tmp_path: Path) -> None:
    """``new Date(room.last_activity * 1000)``; and it posts a system message."""
    with running(tmp_path) as server:
        room = server.create_room("测试房间")
        anna = room.join("anna")
        (shown,) = server.http.get("/management/rooms").json()
        assert (shown["current_connections"], shown["last_activity"]) == (1, shown["created_at"])
        posted = server.http.post(f"{room.path}/system-message", json={"content": "维护通知"})
        assert posted.status_code == 200
        assert anna.receive("System")["payload"]["message"] == "维护通知"


def test_the_test_script_asks_its_receiver(tmp_path: Path) -> None:
    """test_callback.py: GET /health, /rooms, /rooms/{id} and /stats of callback_server.py, whose
    place ``chatctl callbacks listen`` takes."""
    port = free_port()
    command = [sys.executable, "-m", "chatctl", "callbacks", "listen", "--port", str(port)]
    directory = tmp_path / "receiver"
    directory.mkdir()
    listening = subprocess.Popen(
        command, env=clean_environment(directory), cwd=directory, stdout=subprocess.DEVNULL
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as script:
            eventually(lambda: answers(script))
            data = {"DATA_CALLBACK_URL": f"http://127.0.0.1:{port}/sync/room"}
            with running(tmp_path, **data) as server:
                room = server.create_room("测试房间")
                eventually(lambda: script.get("/rooms").json())
                assert script.get(f"/rooms/{room.id}").json()["room_name"] == "测试房间"
                assert script.get("/stats").json()["callbacks"] == 1
    finally:
        listening.terminate()
        listening.wait(30)


def answers(script: httpx.Client) -> bool:
    try:
        return script.get("/health").json() == {"status": "ok"}
    except httpx.TransportError:
        return False
