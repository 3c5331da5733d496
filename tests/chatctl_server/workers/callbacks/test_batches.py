"""Batches: their union is the history, in order, each record once; a retry says the same again."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hooks import bodies, calling, request_sync, stored, wait_at
from receivers import Receiver, answer, receiver
from world import Room, Server, eventually

CHAT = "CHAT_HISTORY_CALLBACK_URL"
SESSIONS = "SESSION_HISTORY_CALLBACK_URL"
PENDING = "SELECT 1 FROM delivery WHERE status = 'pending'"
IS_PLANNED = """SELECT NOT EXISTS (SELECT 1 FROM sync) AND position >= (
    SELECT max(id) FROM event WHERE type = 'sync.requested')
FROM cursor WHERE name = 'callbacks'"""
SMALL = {"CHAT_HISTORY_BATCH_SIZE": "3", "SESSION_HISTORY_BATCH_SIZE": "2"}


def post(room: Room, count: int) -> None:
    with_start = len(room.history(limit=10_000))
    for number in range(with_start, with_start + count):
        answered = room.server.http.post(f"{room.path}/messages", json={"content": f"m{number}"})
        assert answered.status_code == 201, answered.text


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiver() as hook:
        yield hook


@pytest.fixture
def server(tmp_path: Path, hook: Receiver) -> Iterator[Server]:
    """It sends small batches of messages."""
    with calling(tmp_path, hook, CHAT, **SMALL) as server:
        yield server


@pytest.fixture
def room(server: Server) -> Room:
    return server.create_room()


def texts(batch: dict[str, list[dict[str, str]]]) -> list[str]:
    return [message["content"] for message in batch["messages"]]


def run_and_wait(server: Server, hook: Receiver, name: str, kind: str, count: int) -> list[dict]:  # type: ignore[type-arg]
    request_sync(server, kinds=[kind])
    wait_at(hook, name, count)
    eventually(lambda: not stored(server, PENDING))
    return bodies(hook, name)


def test_a_run_goes_on_until_nothing_is_left_and_the_next_carries_what_is_new(
    server: Server, hook: Receiver, room: Room
) -> None:
    """Numbers and cursors survive a kill, and a closed room still gives its history."""
    post(room, 7)
    batches = run_and_wait(server, hook, CHAT, "chat_history", 3)
    assert [texts(batch) for batch in batches] == [["m0", "m1", "m2"], ["m3", "m4", "m5"], ["m6"]]
    request_sync(server, kinds=["chat_history"])
    eventually(lambda: stored(server, IS_PLANNED) == [(1,)])
    server.kill()
    server.start()
    post(room, 2)
    server.http.delete(room.path)
    batches = run_and_wait(server, hook, CHAT, "chat_history", 4)
    assert texts(batches[3]) == ["m7", "m8"]
    assert [batch["batch_id"] for batch in batches] == [
        f"chat_{room.id}_{number}" for number in (1, 2, 3, 4)
    ]
    assert [batch["is_last_batch"] for batch in batches] == [False, False, True, True]


def test_a_batch_that_failed_is_what_the_next_run_begins_with(tmp_path: Path) -> None:
    turns = (answer(500), answer(500))
    settings = SMALL | {"CALLBACK_MAX_RETRIES": "1"}
    with receiver(*turns) as hook, calling(tmp_path, hook, CHAT, **settings) as server:
        room = server.create_room()
        post(room, 2)
        request_sync(server, kinds=["chat_history"])
        eventually(lambda: stored(server, "SELECT 1 FROM delivery WHERE status = 'failed'"))
        post(room, 2)
        hook.behave(answer())
        batches = run_and_wait(server, hook, CHAT, "chat_history", 3)
        first = {request.body for request in hook.requests[:3]}
        assert len(first) == 1, "a retried batch is byte for byte the same"
        assert [texts(batch) for batch in batches] == [["m0", "m1"]] * 3
        request_sync(server, kinds=["chat_history"])
        assert texts(wait_at(hook, CHAT, 4)[3].json) == ["m2", "m3"]


def test_sessions_come_in_the_order_in_which_they_ended(tmp_path: Path) -> None:
    with receiver() as hook, calling(tmp_path, hook, SESSIONS, **SMALL) as server:
        room = server.create_room()
        guests = {name: room.join(name) for name in ("ann", "bob", "cid")}
        ended = "SELECT count(*) FROM room_session WHERE leave_time IS NOT NULL"
        for count, name in enumerate(("cid", "ann", "bob"), 1):
            guests[name].close()
            eventually(lambda count=count: stored(server, ended) == [(count,)])
        batches = run_and_wait(server, hook, SESSIONS, "session_history", 2)
        users = [[entry["user_id"] for entry in batch["sessions"]] for batch in batches]
        assert users == [["cid", "ann"], ["bob"]]
        assert [batch["is_last_batch"] for batch in batches] == [False, True]
        assert batches[1]["batch_id"] == f"session_{room.id}_2"
        for name in ("dan", "eve"):  # they fill a batch, which is the last one all the same
            room.join(name).close()
        eventually(lambda: stored(server, ended) == [(5,)])
        *_, full = run_and_wait(server, hook, SESSIONS, "session_history", 3)
        assert (len(full["sessions"]), full["is_last_batch"]) == (2, True)


def test_all_of_it_can_be_sent_again_without_moving_the_cursor(
    server: Server, hook: Receiver, room: Room
) -> None:
    post(room, 4)
    run_and_wait(server, hook, CHAT, "chat_history", 2)
    post(room, 1)
    request_sync(server, full=True, room_id=room.id)
    again = bodies_after(server, hook, 2, 4)
    assert [texts(batch) for batch in again] == [["m0", "m1", "m2"], ["m3", "m4"]]
    assert [batch["batch_id"][-2:] for batch in again] == ["_3", "_4"]
    assert hook.requests[-1].headers["x-chatctl-mark"] == "again"
    request_sync(server, kinds=["chat_history"])
    [new] = bodies_after(server, hook, 4, 5)
    assert (texts(new), new["batch_id"][-2:]) == (["m4"], "_5")


def bodies_after(server: Server, hook: Receiver, seen: int, count: int) -> list[dict]:  # type: ignore[type-arg]
    wait_at(hook, CHAT, count)
    eventually(lambda: not stored(server, PENDING))
    return bodies(hook, CHAT)[seen:]


def test_a_window_of_time_picks_what_lies_in_it(server: Server, hook: Receiver, room: Room) -> None:
    """With the whole second that it ends in: a host that reads a range again loses nothing."""
    post(room, 2)
    at = room.history()[0]["created_at"]
    request_sync(server, kinds=["chat_history"], **{"from": at + 3600})
    request_sync(server, kinds=["chat_history"], to=at - 3600)
    request_sync(server, kinds=["chat_history"], **{"from": at - 3600, "to": at})
    [batch] = bodies_after(server, hook, 0, 1)
    assert texts(batch) == ["m0", "m1"]


def test_the_clocks_run_the_batches(tmp_path: Path) -> None:
    clocks = {
        "CHAT_HISTORY_BATCH_INTERVAL_SECONDS": "1",
        "SESSION_HISTORY_BATCH_INTERVAL_SECONDS": "1",
        "SYNC_INTERVAL_SECONDS": "1",
    }
    with receiver() as hook, calling(tmp_path, hook, **SMALL, **clocks) as server:
        room = server.create_room()
        guest = room.join("ann")
        guest.say("hello")
        guest.close()
        wait_at(hook, CHAT, 1)
        wait_at(hook, SESSIONS, 1)
        wait_at(hook, "PERIODIC_SYNC_CALLBACK_URL", 2)
        assert len(bodies(hook, CHAT)) == 1, "nothing new: no batch"
        log = server.log.read_text()
        assert "启动定时同步服务，间隔: 1秒 (a periodic sync every 1 s)" in log
        assert "完成所有房间的定时同步" in log
        assert f"创建房间后同步成功，房间ID: {room.id}" in log


def test_a_batch_holds_no_more_than_a_mebibyte_of_text(tmp_path: Path) -> None:
    with receiver() as hook, calling(tmp_path, hook, CHAT) as server:
        room = server.create_room()
        for _ in range(35):
            server.http.post(f"{room.path}/messages", json={"content": "x" * 32_768})
        batches = run_and_wait(server, hook, CHAT, "chat_history", 2)
        assert [len(texts(batch)) for batch in batches] == [32, 3]
