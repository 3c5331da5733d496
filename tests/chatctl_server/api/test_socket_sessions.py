"""Who is in a room: one connection a user, counts, sessions, closing (contract, section 2)."""

from pathlib import Path
from typing import Any

from world import Frame, Room, eventually, running


def sessions_of(room: Room) -> list[dict[str, Any]]:
    """Finished ones, newest first."""
    answer = room.server.http.get(f"/management/sync/session-history/{room.id}")
    return list(answer.json()["records"])


def reasons(room: Room) -> list[tuple[str, str]]:
    query = {"room": room.id, "type": "session.left"}
    found = room.server.http.get("/management/events", params=query).json()
    return [(each["data"]["user_id"], each["data"]["reason"]) for each in found]


def names(frames: list[Frame]) -> list[str]:
    return [frame["type"] for frame in frames]


def test_user_ids_and_nicknames_of_any_script(room: Room) -> None:
    user_id, nickname = "a/b?c&d=e#f %41+", "用户 👩‍💻 \x1b[31m"
    room.join("boss").say("before")
    assert room.join(user_id, nickname=nickname).welcome == {
        "user_id": user_id,
        "nickname": nickname,
        "is_muted": False,
        "is_admin": False,
        "last_seq": 1,
    }
    first, _ = room.server.http.get(f"{room.path}/members").json()
    assert (first["user_id"], first["nickname"]) == (user_id, nickname)
    assert room.join("anna", nickname="").welcome["nickname"] == "anna"


def test_joins_and_leaves_are_told(room: Room) -> None:
    anna = room.join("anna")
    bert = room.join("bert", nickname="Bert B.")
    assert anna.receive("UserJoined")["payload"] == {"user_id": "bert", "nickname": "Bert B."}
    assert "UserJoined" not in names(bert.frames_until_pong())
    bert.close()
    assert anna.receive("UserLeft")["payload"] == {"user_id": "bert", "nickname": "Bert B."}
    stats = anna.receive("RoomStats")["payload"]
    while stats["current_users"] != 1:
        stats = anna.receive("RoomStats")["payload"]
    assert stats == {"current_users": 1, "peak_users": 2}


def test_a_newer_connection_replaces_the_older(room: Room) -> None:
    old, bert = room.join("anna"), room.join("bert")
    new = room.join("anna")
    frames, code = old.last_frames()
    assert (frames[-1], code) == ({"type": "YouAreKicked"}, 4505)
    new.say("it is me")
    while bert.receive("Message")["payload"]["content"] != "it is me":
        pass
    details = room.details()
    assert (details["current_users"], details["peak_users"], details["total_joins"]) == (2, 2, 3)
    (session,) = sessions_of(room)
    assert session["user_id"] == "anna"
    assert reasons(room) == [("anna", "replaced")]
    assert room.server.http.get(f"{room.path}/bans").json() == []
    old.close()
    new.say("still here")
    assert room.details()["current_users"] == 2


def test_why_sessions_end(room: Room) -> None:
    leaving = room.join("leaving")
    room.join("kicked")
    room.join("banned")
    stays = room.join("stays")
    leaving.close()
    eventually(lambda: len(reasons(room)) == 1)
    room.server.http.post(f"{room.path}/kick/kicked")
    room.ban("banned")
    room.server.http.delete(room.path)
    assert stays.close_code() == 4508
    assert reasons(room) == [
        ("leaving", "left"),
        ("kicked", "kicked"),
        ("banned", "banned"),
        ("stays", "closed"),
    ]
    assert len(sessions_of(room)) == 4


def test_a_stop_and_a_start(tmp_path: Path) -> None:
    """Rooms, admins, bans, mutes, history, sessions, client ids and who sent last outlive the
    server."""
    with running(tmp_path, USER_MESSAGE_INTERVAL_SECS="1000") as server:
        room = server.create_room("lobby", admins=("boss",))
        room.ban("bert")
        server.http.put(f"{room.path}/mutes/carl")
        anna = room.join("anna")
        anna.send("SendMessage", {"content": "one", "client_msg_id": "c"})
        anna.receive("Ack")
        details, history = room.details(), room.history()
        assert server.stop() == 0
        assert anna.close_code() == 1012
        server.start()
        assert reasons(room) == [("anna", "stopped")]
        (session,) = sessions_of(room)
        assert session["duration_seconds"] == session["leave_time"] - session["join_time"]
        assert room.details() == {**details, "current_users": 0, "current_connections": 0}
        assert room.history() == history
        assert server.join(room.id, "bert").close_code() == 4503
        assert room.join("carl").welcome["is_muted"] is True
        boss = room.join("boss")
        assert boss.welcome["is_admin"] is True
        again = room.join("anna", since=1)
        again.send("SendMessage", {"content": "one", "client_msg_id": "c"})
        assert again.receive("Ack")["payload"]["duplicate"] is True
        again.send("SendMessage", {"content": "two"})
        assert again.receive("Error")["payload"]["code"] == "throttled"
        assert boss.say("two")["seq"] == 2
