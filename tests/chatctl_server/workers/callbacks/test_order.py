"""One after the other in a room, side by side across rooms, kinds and endpoints, within limits."""

import subprocess
from pathlib import Path

import pytest
from hooks import at, calling, wait_at, wait_for_event
from receivers import answer, hang, receiver, when
from world import eventually

EVENTS = "ROOM_EVENT_CALLBACK_URL"
DATA = "DATA_CALLBACK_URL"


def test_a_room_waits_for_its_first_and_no_other_room_does(tmp_path: Path) -> None:
    with receiver() as hook, calling(tmp_path, hook, EVENTS) as server:
        stuck = server.create_room("stuck")
        wait_at(hook, EVENTS, 1)
        hook.behave(when(lambda request: stuck.id.encode() in request.body, answer(500)), answer())
        for name in ("ann", "bob"):
            stuck.join(name).close()
        other = server.create_room("other")
        other.join("cid").close()
        hook.wait_until(
            lambda: sum(other.id.encode() in each.body for each in hook._requests) == 3,
            "the other room's three events",
        )
        tries = [each for each in hook.requests[1:] if each.json["room_id"] == stuck.id]
        # A room's next is not tried before the one before it arrived, or was given up.
        assert {each.json["user_id"] for each in tries[:4]} == {"ann"}
        assert {each.json["event_type"] for each in tries[:4]} <= {"UserJoined"}


def test_sixteen_at_once_for_an_endpoint_one_for_a_room(tmp_path: Path) -> None:
    with receiver() as hook, calling(tmp_path, hook, EVENTS, DATA) as server:
        hook.pause()
        rooms = [server.create_room(f"room {number}") for number in range(20)]
        rooms[0].join("ann").close()
        wait_at(hook, EVENTS, 16)
        wait_at(hook, DATA, 16)
        assert len(at(hook, EVENTS)) == len(at(hook, DATA)) == 16
        assert len({each.json["room_id"] for each in at(hook, EVENTS)}) == 16
        hook.release()
        wait_for_event(hook, "room_created", 20)
        wait_for_event(hook, "user_left", 1)
        of_first = [each for each in at(hook, EVENTS) if each.json["room_id"] == rooms[0].id]
        names = [each.json["event_type"] for each in of_first]
        assert names == ["RoomCreated", "UserJoined", "UserLeft"]


def test_a_lane_that_waits_for_a_retry_holds_no_slot(tmp_path: Path) -> None:
    slow = {"CALLBACK_RETRY_DELAY_SECONDS": "3600"}
    with receiver(answer(500)) as hook, calling(tmp_path, hook, EVENTS, **slow) as server:
        for number in range(20):
            server.create_room(f"waits {number}")
        wait_at(hook, EVENTS, 20)
        server.create_room("not held up")
        wait_at(hook, EVENTS, 21)


@pytest.mark.timeout(60)
def test_rooms_that_hang_hold_at_most_half_of_the_slots(tmp_path: Path) -> None:
    """Else 16 rooms whose receiver hangs would keep every other room waiting."""
    settings = {"CALLBACK_TIMEOUT_SECONDS": "2", "CALLBACK_MAX_RETRIES": "50"}
    with receiver() as hook, calling(tmp_path, hook, EVENTS, **settings) as server:
        hanging = {server.create_room(f"hangs {number}").id for number in range(16)}
        wait_at(hook, EVENTS, 16)
        hook.behave(when(lambda request: request.json["room_id"] in hanging, hang()), answer())
        rooms = [server.http.delete(f"/management/rooms/{room_id}") for room_id in hanging]
        assert {each.status_code for each in rooms} == {204}
        wait_at(hook, EVENTS, 32)
        # All 16 have timed out once; from now on they may hold eight slots.
        wait_at(hook, EVENTS, 33)
        for number in range(8):
            quick = server.create_room(f"quick {number}")
            eventually(
                lambda quick=quick: any(quick.id.encode() in each.body for each in hook.requests),
                seconds=1.5,
            )


def test_a_stop_lets_what_is_under_way_arrive_once(tmp_path: Path) -> None:
    with receiver() as hook, calling(tmp_path, hook, EVENTS) as server:
        hook.pause()
        server.create_room("lobby")
        wait_at(hook, EVENTS, 1)
        stopping = server.process
        assert stopping is not None
        stopping.terminate()
        eventually(lambda: "1 callbacks are under way" in server.log.read_text())
        with pytest.raises(subprocess.TimeoutExpired):
            stopping.wait(1)
        hook.release()
        assert stopping.wait(15) == 0
        server.start()
        server.create_room("second")
        wait_at(hook, EVENTS, 2)
        assert [each.json["room_name"] for each in at(hook, EVENTS)] == ["lobby", "second"]
