"""A change made on the file while no server runs: recorded, sent to nobody, processed once."""

import sqlite3

from world import Room, Server, eventually

from chatctl_server.process import lock


def test_a_ban_and_a_close_on_the_file(server: Server) -> None:
    room, attic = server.create_room(), server.create_room("attic")
    for user_id in ("anna", "bert"):
        room.join(user_id)
    attic.join("carl").say("hello")
    server.kill()
    before = _sessions(server)
    done = server.chatctl("ban", room.id, "anna", "--reason", "spam", "--json")
    assert done.returncode == 0, done.stderr
    assert "using" in done.stderr
    assert str(server.database) in done.stderr
    assert server.chatctl("rooms", "close", attic.id, "--yes").returncode == 0
    # Nothing was started, sent or repaired: the sessions that the kill left open still are, also
    # those of the user who is banned and of the room that is closed. The follower has not read it.
    assert _sessions(server) == before == {"anna": None, "bert": None, "carl": None}
    assert _cursor(server) < _last_offset(server)
    assert lock.read(lock.lock_path(server.database)) is None
    assert server.chatctl("db", "check").returncode == 0
    changed = _last_offset(server)
    server.start()
    assert _sessions(server)["carl"] is not None
    _is_in_force(server, room)
    eventually(lambda: _cursor(server) >= changed)
    assert _audited(server) == 1
    assert room.id in _audit_line(server)
    server.stop()
    server.start()
    eventually(lambda: _cursor(server) == _last_offset(server))
    assert _audited(server) == 1
    for verb in ("check", "verify"):
        done = server.chatctl("db", verb)
        assert done.returncode == 0, done.stderr


def _is_in_force(server: Server, room: Room) -> None:
    frames, code = server.join(room.id, "anna").last_frames()
    assert [frame["payload"]["code"] for frame in frames] == ["banned"]
    assert code == 4503
    assert room.join("bert").welcome["user_id"] == "bert"
    (ban,) = server.http.get(f"{room.path}/bans").json()
    assert (ban["user_id"], ban["reason"]) == ("anna", "spam")


def _sessions(server: Server) -> dict[str, int | None]:
    return dict(_ask(server, "SELECT user_id, leave_time FROM room_session"))


def _cursor(server: Server) -> int:
    rows = _ask(server, "SELECT name, position FROM cursor WHERE name = 'audit'")
    return rows[0][1] if rows else 0


def _last_offset(server: Server) -> int:
    return _ask(server, "SELECT 'offset', max(id) FROM event")[0][1]


def _ask(server: Server, question: str) -> list[tuple[str, int | None]]:
    connection = sqlite3.connect(f"file:{server.database}?mode=ro", uri=True)
    try:
        return connection.execute(question).fetchall()
    finally:
        connection.close()


def _audited(server: Server) -> int:
    return sum("ban.set" in line for line in server.log.read_text().splitlines())


def _audit_line(server: Server) -> str:
    return next(line for line in server.log.read_text().splitlines() if "ban.set" in line)
