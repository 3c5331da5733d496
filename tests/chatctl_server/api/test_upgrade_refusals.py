"""Who is not let in learns it before the upgrade, as a problem body (contract, section 1). Of a
user's own connections one replaces another, and each ends with its token."""

import contextlib
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import jwt
import pytest
import wire
from application import SECRET, token
from hypothesis import example, given
from hypothesis import strategies as st
from world import Room, Server, eventually, running

from chatctl_server import errors
from chatctl_server.api.rooms.identity import _query

NO_OFFSETS = ("x", "-1", "1.5", "9" * 30)


def refused(server: Server, path: str, *lines: str) -> dict[str, Any]:
    answer = wire.ask(server, wire.upgrade(path, *lines))
    assert answer.status != 101
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == answer.status
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert problem["error"] == problem["detail"]
    return dict(problem)


def test_nothing_is_compressed(room: Room) -> None:
    """A frame is made once for all, and a compressor per connection would cost its memory."""
    asked = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
    answer = wire.ask(room.server, wire.upgrade(f"/ws/rooms/{room.id}?user_id=anna", asked))
    assert answer.status == 101
    assert "sec-websocket-extensions" not in answer.headers


def test_a_wrong_query_is_400(room: Room) -> None:
    for query, code, field in (
        ("", "invalid_input", "user_id"),
        ("?user_id=", "invalid_input", "user_id"),
        ("?nickname=anna", "invalid_input", "user_id"),
        ("?user_id=" + "x" * 256, "invalid_input", "user_id"),
        ("?user_id=a%00b", "bad_text", "user_id"),
        ("?user_id=a&nickname=%00", "bad_text", "nickname"),
        ("?user_id=a&nickname=" + "x" * 256, "invalid_input", "nickname"),
        ("?user_id=%ff", "bad_text", "query"),
        ("?user_id=%ed%a0%80", "bad_text", "query"),
        *((f"?user_id=a&since={each}", "invalid_input", "since") for each in NO_OFFSETS),
        ("?" + "&".join(f"a{number}=1" for number in range(200)), "invalid_input", "query"),
    ):
        problem = refused(room.server, f"/ws/rooms/{room.id}{query}")
        assert (problem["status"], problem["code"], problem["field"]) == (400, code, field), query


def test_a_room_that_is_no_uuid_is_400(shared_server: Server) -> None:
    for room_id in ("lobby", "%2F", "%FF", "%00", "%ED%A0%80"):
        problem = refused(shared_server, f"/ws/rooms/{room_id}?user_id=anna")
        assert (problem["status"], problem["field"]) == (400, "room_id"), room_id
    assert "a WebSocket failed" not in shared_server.log.read_text()


def test_no_websocket_anywhere_else(shared_server: Server) -> None:
    for path in ("/ws/rooms", "/ws/rooms/a/b", "/ws/%FF", "/management/rooms", "/"):
        problem = refused(shared_server, path)
        assert (problem["status"], problem["code"]) == (404, "not_found"), path


def test_a_refusal_leaves_no_trace_in_the_room(room: Room) -> None:
    refused(room.server, f"/ws/rooms/{room.id}")
    assert room.details()["total_joins"] == 0
    assert connections(room) == 0


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    """Three places in all, one for each user, and tokens for them."""
    settings = {
        "MAX_CONNECTIONS": "3",
        "MAX_CONNECTIONS_PER_USER": "1",
        "ROOM_IDENTITY": "token",
        "ROOM_TOKEN_SECRET": SECRET,
    }
    with running(tmp_path_factory.mktemp("full"), **settings) as server:
        yield server.create_room("full", admins=("boss",))


@pytest.fixture
def narrow(full: Room) -> Room:
    return full.server.create_room("narrow")


def connections(room: Room) -> int:
    return int(room.server.http.get("/management/status").json()["connections"])


def test_at_the_cap_it_is_503_until_a_place_is_free(full: Room) -> None:
    clients = [full.join(name, token=token(name)) for name in ("anna", "bert", "emma")]
    answer = wire.ask(full.server, wire.upgrade(f"/ws/rooms/{full.id}?token={token('carl')}"))
    assert (answer.status, answer.json()["code"]) == (503, "connection_limit")
    assert int(answer.headers["retry-after"]) > 0
    assert full.server.http.get("/management/health").status_code == 200
    for client in clients:
        client.close()
    eventually(lambda: connections(full) == 0)
    full.join("carl", token=token("carl")).close()


WRONG_TOKENS = {
    "none": "",
    "no token": "x",
    "another secret": token(secret="another-secret-of-at-least-32-bytes!"),
    "expired": token(exp=1_600_000_000),
    "without exp": token(exp=None),
    "without sub": token(user_id=None),
    "another room": token(room=str(uuid.UUID(int=5))),
    "unsigned": jwt.encode({"sub": "anna", "exp": 2**31}, "", algorithm="none"),
    "another algorithm": jwt.encode({"sub": "anna", "exp": 2**31}, SECRET * 2, algorithm="HS512"),
    "not ascii": "%C3%A9.%C3%A9.%C3%A9",
    "exp that is no number": token(exp="never"),
    "not yet": token(nbf=2**31),
}


def test_a_bad_token_is_401(full: Room) -> None:
    for kind, shown in WRONG_TOKENS.items():
        problem = refused(full.server, f"/ws/rooms/{full.id}?user_id=anna&token={shown}")
        told = problem["status"], problem["code"], problem["field"]
        assert told == (401, "unauthorized", "token"), kind
    of_another = refused(full.server, f"/ws/rooms/{full.id}?user_id=anna&token={token('bert')}")
    assert (of_another["status"], of_another["field"]) == (401, "user_id")
    refused_without = wire.ask(full.server, wire.upgrade(f"/ws/rooms/{full.id}?user_id=anna"))
    assert refused_without.headers["www-authenticate"] == "Bearer"


def test_a_token_names_the_user_and_an_admin(full: Room) -> None:
    """What it says goes before the query; an admin is made by ``true`` alone."""
    for claims, nickname, is_admin in (
        ({"name": "Anna A.", "room": full.id}, "Anna A.", False),
        ({}, "The Boss", False),
        *(({"admin": each}, "The Boss", False) for each in (1, "true", False)),
        ({"admin": True}, "The Boss", True),
    ):
        shown = token("dora", **claims)
        with contextlib.closing(full.join("dora", token=shown, nickname="The Boss")) as dora:
            welcome = dora.welcome
            assert (welcome["user_id"], welcome["nickname"]) == ("dora", nickname)
            assert welcome["is_admin"] is is_admin, claims
    assert full.details()["admin_user_ids"] == ["boss", "dora"]


@pytest.mark.parametrize("verb", ["PUT", "PATCH"])
def test_an_old_token_does_not_bring_a_lost_role_back(full: Room, verb: str) -> None:
    """Nor does one that does not say when it was made."""
    body = {"PUT": {"admin_user_ids": ["boss"]}, "PATCH": {"remove": [verb]}}[verb]
    old = int(time.time())
    olds = [token(verb, admin=True, iat=old), token(verb, admin=True)]
    for shown in olds:
        with contextlib.closing(full.join(verb, token=shown)) as granted:
            assert granted.welcome["is_admin"] is True
    full.server.http.request(verb, f"{full.path}/admins", json=body)
    full.server.http.patch(f"{full.path}/admins", json={"add": ["hugo"]})
    for shown in olds:
        with contextlib.closing(full.join(verb, token=shown)) as refused:
            assert refused.welcome["is_admin"] is False
    assert verb not in full.details()["admin_user_ids"]
    full.server.http.put(f"{full.path}/admins", json={"admin_user_ids": ["boss"]})


def test_a_lost_role_stays_lost_over_a_restart(tmp_path: Path) -> None:
    with running(tmp_path, ROOM_IDENTITY="token", ROOM_TOKEN_SECRET=SECRET) as server:
        room = server.create_room(admins=("anna", "bert"))
        old = token("anna", admin=True, iat=int(time.time()))
        assert room.join("anna", token=old).welcome["is_admin"] is True
        server.http.patch(f"{room.path}/admins", json={"remove": ["anna"]})
        server.http.patch(f"{room.path}/admins", json={"remove": ["bert"]})
        server.stop()
        server.start()
        assert room.join("anna", token=old).welcome["is_admin"] is False
        assert room.details()["admin_user_ids"] == []


def test_a_later_token_counts_again(full: Room) -> None:
    full.join("ines", token=token("ines", admin=True, iat=int(time.time()) - 60)).close()
    full.server.http.patch(f"{full.path}/admins", json={"remove": ["ines"]})
    # The part of a second is for this test alone: tokens commonly have whole ones.
    again = full.join("ines", token=token("ines", admin=True, iat=time.time()))
    assert again.welcome["is_admin"] is True
    again.close()
    full.server.http.patch(f"{full.path}/admins", json={"remove": ["ines"]})


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


PLAIN = st.text("abc09-_.~:&=", max_size=30)


def by_parse_qs(query: str) -> dict[str, str]:
    found = parse_qs(query, keep_blank_values=True, errors="strict", max_num_fields=100)
    return {name: values[0] for name, values in found.items()}


@given(st.one_of(PLAIN, st.text("abc&=%2F+; é", max_size=30)))
@example("user_id=anna&nickname=Anna&since=0")
@example("a=1&a=2")
@example("a=b=c")
@example("a=1\n")
@example("&".join(f"a{number}={number}" for number in range(20)))
def test_the_first_value_of_each_name(query: str) -> None:
    try:
        found = _query(query.encode("latin-1"))
    except errors.ChatctlError:
        assert not query.isascii() or "%" in query
    else:
        assert found == by_parse_qs(query)
