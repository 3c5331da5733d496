"""Who is not let in learns it before the upgrade, as a problem body (contract, section 1)."""

import contextlib
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
import wire
from application import SECRET, token
from world import Room, Server, eventually, running

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


def test_let_in(room: Room) -> None:
    answer = wire.ask(room.server, wire.upgrade(f"/ws/rooms/{room.id}?user_id=anna"))
    assert answer.status == 101
    assert answer.headers["upgrade"].lower() == "websocket"


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


def test_an_unknown_room_is_404(shared_server: Server) -> None:
    problem = refused(shared_server, f"/ws/rooms/{uuid.uuid4()}?user_id=anna")
    assert (problem["status"], problem["code"]) == (404, "room_not_found")


def test_no_websocket_anywhere_else(shared_server: Server) -> None:
    for path in ("/ws", "/ws/rooms", "/ws/rooms/a/b", "/ws/%FF", "/management/rooms", "/"):
        problem = refused(shared_server, path)
        assert (problem["status"], problem["code"]) == (404, "not_found"), path


def test_a_request_without_upgrade_is_no_server_error(room: Room) -> None:
    answer = room.server.http.get(f"/ws/rooms/{room.id}?user_id=anna")
    assert answer.status_code in {400, 426}
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_refusal_leaves_no_trace_in_the_room(room: Room) -> None:
    refused(room.server, f"/ws/rooms/{room.id}")
    assert room.details()["total_joins"] == 0
    assert room.server.http.get("/management/status").json()["connections"] == 0


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    """Two places in all, and tokens for them."""
    settings = {
        "MAX_CONNECTIONS": "2",
        "ROOM_IDENTITY": "token",
        "ROOM_TOKEN_SECRET": SECRET,
    }
    with running(tmp_path_factory.mktemp("full"), **settings) as server:
        yield server.create_room("full", admins=("boss",))


def test_at_the_cap_it_is_503_until_a_place_is_free(full: Room) -> None:
    clients = [full.join(name, token=token(name)) for name in ("anna", "bert")]
    answer = wire.ask(full.server, wire.upgrade(f"/ws/rooms/{full.id}?token={token('carl')}"))
    assert (answer.status, answer.json()["code"]) == (503, "connection_limit")
    assert int(answer.headers["retry-after"]) > 0
    assert full.server.http.get("/management/health").status_code == 200
    for client in clients:
        client.close()
    eventually(lambda: full.server.http.get("/management/status").json()["connections"] == 0)
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
    for kind, given in WRONG_TOKENS.items():
        problem = refused(full.server, f"/ws/rooms/{full.id}?user_id=anna&token={given}")
        told = problem["status"], problem["code"], problem["field"]
        assert told == (401, "unauthorized", "token"), kind


def test_in_token_mode_a_user_id_alone_is_401_and_names_the_token(full: Room) -> None:
    answer = wire.ask(full.server, wire.upgrade(f"/ws/rooms/{full.id}?user_id=anna"))
    assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")


def test_user_id_must_be_the_tokens(full: Room) -> None:
    problem = refused(full.server, f"/ws/rooms/{full.id}?user_id=bert&token={token('anna')}")
    assert (problem["status"], problem["code"]) == (401, "unauthorized")


def test_a_token_names_the_user(full: Room) -> None:
    named = full.join("anna", token=token("anna", name="Anna A.", room=full.id))
    assert (named.welcome["user_id"], named.welcome["nickname"]) == ("anna", "Anna A.")
    assert named.welcome["is_admin"] is False
    named.close()


def test_a_tokens_name_goes_before_the_querys(full: Room) -> None:
    for claims, nickname in (({"name": "Anna A."}, "Anna A."), ({}, "The Boss")):
        client = full.join("anna", token=token("anna", **claims), nickname="The Boss")
        assert client.welcome["nickname"] == nickname
        client.close()


def test_a_token_can_make_an_admin(full: Room) -> None:
    granted = full.join("dora", token=token("dora", admin=True))
    assert granted.welcome["is_admin"] is True
    granted.send("MuteUser", {"user_id": "emil"})
    assert granted.receive("UserMuted")["payload"] == {"user_id": "emil"}
    assert full.details()["admin_user_ids"] == ["boss", "dora"]
    granted.close()


@pytest.mark.parametrize("verb", ["PUT", "PATCH"])
def test_an_old_token_does_not_bring_a_lost_role_back(full: Room, verb: str) -> None:
    """Nor does one that does not say when it was made."""
    body = {"PUT": {"admin_user_ids": ["boss"]}, "PATCH": {"remove": [verb]}}[verb]
    old = int(time.time())
    olds = [token(verb, admin=True, iat=old), token(verb, admin=True)]
    for given in olds:
        with contextlib.closing(full.join(verb, token=given)) as granted:
            assert granted.welcome["is_admin"] is True
    full.server.http.request(verb, f"{full.path}/admins", json=body)
    full.server.http.patch(f"{full.path}/admins", json={"add": ["hugo"]})
    for given in olds:
        with contextlib.closing(full.join(verb, token=given)) as refused:
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


def test_a_token_whose_admin_claim_is_not_true_makes_none(full: Room) -> None:
    for claim in (1, "true", False):
        client = full.join("finn", token=token("finn", admin=claim))
        assert client.welcome["is_admin"] is False
        client.close()
    assert "finn" not in full.details()["admin_user_ids"]
