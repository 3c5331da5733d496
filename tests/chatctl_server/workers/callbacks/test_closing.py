"""A room's end as a receiver hears of it: who was there leaves, then it is closed; its data."""

from pathlib import Path

from hooks import at, calling, wait_at, wait_for_event
from receivers import receiver
from world import Client

EVENTS = "ROOM_EVENT_CALLBACK_URL"
DATA = "DATA_CALLBACK_URL"


def test_who_was_there_leaves_before_the_room_is_closed(tmp_path: Path) -> None:
    with receiver() as hook, calling(tmp_path, hook, EVENTS) as server:
        room = server.create_room()
        users: list[Client] = [room.join(name) for name in ("ann", "bob", "cid")]
        server.http.delete(room.path)
        assert [each.close_code() for each in users] == [4508] * 3
        wait_for_event(hook, "room_closed")
        found = [each.json for each in at(hook, EVENTS)]
        last = [each["event_type"] for each in found[-4:]]
        assert last == ["UserLeft", "UserLeft", "UserLeft", "RoomClosed"]
        assert found[-1]["final_stats"] == {"current_users": 0, "peak_users": 3, "total_joins": 3}


def test_the_data_of_a_closed_room_are_whole(tmp_path: Path) -> None:
    with receiver() as hook, calling(tmp_path, hook, DATA, SYNC_HISTORY_LIMIT="2") as server:
        room = server.create_room()
        for name in ("ann", "bob", "cid"):
            room.join(name).say(f"{name} was here")
        server.http.post("/management/sync", json={"room_id": room.id})
        open_one = wait_at(hook, DATA, 2)[1].json
        assert len(open_one["chat_history"]) == 2
        server.http.delete(room.path)
        closed = wait_at(hook, DATA, 3)[2].json
        texts = [each["content"] for each in closed["chat_history"]]
        assert texts == ["ann was here", "bob was here", "cid was here"]
        stays = [each["user_id"] for each in closed["session_history"]]
        assert sorted(stays) == ["ann", "bob", "cid"]
        assert (closed["chat_history_total"], closed["session_history_total"]) == (3, 3)
        assert closed["current_users"] == 0
