"""A user's own connections: one replaces another, and each ends with its token."""

import time
from collections.abc import Iterator

import pytest
import wire
from application import SECRET, token
from world import Room, eventually, running


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    """One connection for each user, who shows a token for it."""
    settings = {
        "MAX_CONNECTIONS_PER_USER": "1",
        "ROOM_IDENTITY": "token",
        "ROOM_TOKEN_SECRET": SECRET,
    }
    with running(tmp_path_factory.mktemp("narrow"), **settings) as server:
        yield server.create_room("narrow")


def connections(room: Room) -> int:
    return int(room.server.http.get("/management/status").json()["connections"])


def test_a_stale_connection_gives_way_to_the_users_own_next(narrow: Room) -> None:
    stale = narrow.join("anna", token=token("anna"))
    for _ in range(3):
        newer = narrow.join("anna", token=token("anna"))
        frames, code = stale.last_frames()
        assert (frames[-1], code) == ({"type": "YouAreKicked"}, 4505)
        stale = newer
    assert stale.say("still here")["seq"] >= 1
    assert narrow.details()["current_users"] == 1
    stale.close()
    eventually(lambda: connections(narrow) == 0)


def test_a_connection_that_does_not_answer_gives_way_each_time(narrow: Room) -> None:
    """A phone that has lost its network is not there to take leave."""
    lines = []
    for _ in range(3):
        line = wire.dial(narrow.server)
        lines.append(line)
        line.sendall(wire.upgrade(f"/ws/rooms/{narrow.id}?token={token('cleo')}"))
        seen = b""
        while b"WelcomeInfo" not in seen:
            part = line.recv(4096)
            assert part, seen
            seen += part
    for line in lines:
        line.close()
    eventually(lambda: connections(narrow) == 0)


def test_in_another_room_it_is_one_too_many(narrow: Room) -> None:
    other = narrow.server.create_room("other")
    first = narrow.join("bert", token=token("bert"))
    answer = wire.ask(narrow.server, wire.upgrade(f"/ws/rooms/{other.id}?token={token('bert')}"))
    assert (answer.status, answer.json()["code"]) == (503, "connection_limit")
    assert "MAX_CONNECTIONS_PER_USER" in answer.json()["detail"]
    assert first.say("undisturbed")["duplicate"] is False
    first.close()
    eventually(lambda: connections(narrow) == 0)
    other.join("bert", token=token("bert")).close()


def test_a_session_ends_with_its_token(narrow: Room) -> None:
    """4001: the client comes back with a new token, and with what it has seen."""
    dora = narrow.join("dora", token=token("dora", exp=int(time.time()) + 4))
    seq = dora.say("before the end")["seq"]
    assert dora.close_code() == 4001
    query = {"room": narrow.id, "actor": "dora", "type": "session.left"}
    events = narrow.server.http.get
    (left,) = eventually(lambda: events("/management/events", params=query).json())
    assert left["data"]["reason"] == "left"
    again = narrow.join("dora", token=token("dora"), since=seq)
    assert again.say("after it")["seq"] == seq + 1
    again.close()


def test_no_token_makes_a_user_the_system(narrow: Room) -> None:
    path = f"/ws/rooms/{narrow.id}?token={token('system')}"
    answer = wire.ask(narrow.server, wire.upgrade(path))
    assert (answer.status, answer.json()["field"]) == (400, "user_id")
