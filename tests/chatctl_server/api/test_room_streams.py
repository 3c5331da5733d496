"""A room as server-sent events: what is sent, who is refused, and how it ends."""

import itertools
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import event_streams
import httpx
import pytest
import wire
from application import SECRET, token
from event_streams import Event, Listener, follow
from world import Room, Server, eventually, running

BANNED = "你已被踢出该房间，无法再次加入"
SIGNALS = {"RoomStats", "UserJoined", "UserLeft"}


def connections(room: Room) -> int:
    return int(room.server.http.get("/management/status").json()["connections"])


def offsets(room: Room, type_: str) -> list[str]:
    query = {"room": room.id, "type": type_}
    found = room.server.http.get("/management/events", params=query).json()
    return [str(each["offset"]) for each in found]


def closed(code: int) -> Event:
    """The last event. Only who is not to come back is given an id."""
    return Event(f"closed-{code}" if code >= 4500 else None, "close", {"code": code})


def said(events: list[Event]) -> list[str]:
    """The frames' types without what may come at any time."""
    types = [each.data.get("type", each.name) for each in events]
    return [each for each in types if each not in SIGNALS]


def test_the_frames_are_those_of_the_websocket(room: Room) -> None:
    """``id`` is the offset of the event, also that of the join; signals have none."""
    with Listener(room, "anna", nickname="Anna") as anna:
        welcome = anna.next()
        assert welcome.data == {
            "type": "WelcomeInfo",
            "payload": {
                "user_id": "anna",
                "nickname": "Anna",
                "is_muted": False,
                "is_admin": False,
                "last_seq": 0,
            },
        }
        assert [welcome.id] == offsets(room, "session.joined")
        boss = room.join("boss")
        first = boss.say("hello\nthere")
        boss.send("MuteUser", {"user_id": "bert"})
        boss.send("CustomEvent", {"event_type": "poll", "payload": {"options": [1, 2]}})
        boss.receive("CustomEvent")
        room.server.http.post(f"{room.path}/messages", json={"content": "for all"})
        room.server.http.delete(f"{room.path}/messages/{first['message_id']}")
        boss.receive("MessageDeleted")
        with follow(room, "carl"):
            seen = [anna.next() for _ in range(7)]
            history = room.join("dora", since=0)
            told = [history.next() for _ in range(5)]
    stored = [each for each in seen if each.data["type"] not in SIGNALS]
    assert [each.data["type"] for each in stored] == [
        "Message",
        "UserMuted",
        "CustomEvent",
        "System",
        "MessageDeleted",
    ]
    assert stored[0].data["payload"]["content"] == "hello\nthere"
    assert [each.data for each in stored[1:4]] == told[1:4]
    assert [each.id for each in stored] == [
        *offsets(room, "message.posted")[:1],
        *offsets(room, "mute.set"),
        *offsets(room, "custom.sent"),
        *offsets(room, "message.posted")[1:],
        *offsets(room, "message.erased"),
    ]
    assert {each.id for each in seen if each.data["type"] in SIGNALS} == {None}


def test_line_breaks_in_an_admins_json(room: Room) -> None:
    with follow(room, "anna") as anna:
        boss = room.join("boss")
        boss.socket.send(
            '{"type":"CustomEvent","payload":{"event_type":"x","payload":{"a":\r\n\n[1,\r2]}}}'
        )
        assert anna.receive("CustomEvent").data["payload"]["payload"] == {"a": [1, 2]}
        boss.say("and on")
        assert anna.messages(1)[0]["content"] == "and on"


def test_head_looks_and_joins_nobody(room: Room) -> None:
    path = f"/events/rooms/{room.id}"
    address = room.server.url + path
    elsewhere = {"Origin": "https://elsewhere.example"}
    answer = httpx.head(address, params={"user_id": "anna"}, headers=elsewhere, trust_env=False)
    head = answer.headers
    assert (answer.status_code, head["content-type"]) == (200, "text/event-stream")
    assert (head["cache-control"], head["x-accel-buffering"]) == ("no-store", "no")
    assert head["access-control-allow-origin"] == "*"
    assert head["x-request-id"]
    assert "content-length" not in head
    assert httpx.head(address, trust_env=False).status_code == 400
    shown_out = {"Last-Event-ID": "closed-4505"}
    assert httpx.head(address, headers=shown_out, trust_env=False).status_code == 204
    assert room.details()["total_joins"] == 0
    refused = room.server.http.post(path, params={"user_id": "anna"})
    assert refused.status_code == 405
    assert {"GET", "HEAD"} <= set(refused.headers["allow"].split(", "))


def test_a_last_event_id_that_is_none_is_refused(room: Room) -> None:
    for given in ("x", "closed-1012", "9" * 5000):
        with Listener(room, "anna", given) as refused:
            assert refused.answer.status_code == 400
            assert refused.answer.headers["content-type"] == "application/problem+json"
    assert room.details()["total_joins"] == 0


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    """Two places, one for each user, tokens for them, and pages of one origin."""
    settings = {
        "MAX_CONNECTIONS": "2",
        "MAX_CONNECTIONS_PER_USER": "1",
        "ROOM_IDENTITY": "token",
        "ROOM_TOKEN_SECRET": SECRET,
        "CORS_ORIGINS": "https://chat.example",
    }
    with running(tmp_path_factory.mktemp("guarded"), **settings) as server:
        yield server.create_room("guarded")


def test_head_is_refused_as_get_is(guarded: Room) -> None:
    other, anna = guarded.server.create_room("other"), guarded.join("anna", token=token("anna"))
    opened = guarded.server.figure("chatctl_connections_opened_total")

    def asks(where: Room) -> httpx.Response:
        address = f"{guarded.server.url}/events/rooms/{where.id}"
        return httpx.head(address, params={"token": token("anna")}, trust_env=False)

    assert asks(other).status_code == 503
    assert asks(guarded).status_code == 200  # it would take the place of anna's own
    assert guarded.server.figure("chatctl_connections_opened_total") == opened
    anna.close()
    eventually(lambda: connections(guarded) == 0)


def test_another_origin_is_refused_before_it_takes_the_users_place(guarded: Room) -> None:
    with Listener(guarded, None, token=token("anna")) as anna:
        anna.next()
        elsewhere = {"Origin": "https://elsewhere.example"}
        with Listener(guarded, None, headers=elsewhere, token=token("anna")) as refused:
            assert refused.answer.status_code == 403
        embedded = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
        with Listener(guarded, None, headers=embedded, token=token("anna")) as refused:
            assert refused.answer.status_code == 403
        here = {"Origin": "https://chat.example"}
        with Listener(guarded, None, headers=here, token=token("bert")) as bert:
            assert bert.next().data["type"] == "WelcomeInfo"
            assert bert.answer.headers["access-control-allow-origin"] == here["Origin"]
        own = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}
        with Listener(guarded, None, headers=own, token=token("bert")) as bert:
            assert bert.next().data["type"] == "WelcomeInfo"
        assert anna.receive("UserJoined").data["payload"]["user_id"] == "bert"
    eventually(lambda: connections(guarded) == 0)


def test_a_stream_has_a_place_and_gives_it_back(guarded: Room) -> None:
    anna = guarded.join("anna", token=token("anna"))
    with Listener(guarded, None, token=token("bert")) as bert:
        assert bert.next().data["type"] == "WelcomeInfo"
        with Listener(guarded, None, token=token("carl")) as carl:
            assert carl.answer.status_code == 503
            assert int(carl.answer.headers["retry-after"]) > 0
        answer = wire.ask(
            guarded.server, wire.upgrade(f"/ws/rooms/{guarded.id}?token={token('carl')}")
        )
        assert answer.status == 503
    eventually(lambda: connections(guarded) == 1)
    with Listener(guarded, None, token=token("carl")) as carl:
        assert carl.next().data["type"] == "WelcomeInfo"
    anna.close()
    eventually(lambda: connections(guarded) == 0)


def test_it_ends_with_the_token_and_may_come_back(guarded: Room) -> None:
    with Listener(guarded, None, token=token("anna", exp=int(time.time()) + 2)) as anna:
        joined = anna.next().id
        assert anna.rest()[-1] == closed(4001)
        assert anna.last_id == joined
    with Listener(guarded, None, joined, token=token("anna")) as anna:
        assert anna.next().data["type"] == "WelcomeInfo"
    eventually(lambda: connections(guarded) == 0)


def is_told_to_stay_away(room: Room, listener: Listener, user_id: str) -> bool:
    """Once it shows the id of the last event; whoever begins anew is looked at anew."""
    joins = room.details()["total_joins"]
    with Listener(room, user_id, listener.last_id) as again:
        answered = (again.answer.status_code, again.answer.read())
    return answered == (204, b"") and room.details()["total_joins"] == joins


def test_a_newer_websocket_replaces_it_and_the_other_way_round(room: Room) -> None:
    with follow(room, "anna") as stream:
        socket = room.join("anna")
        rest = stream.rest()
        assert said(rest) == ["YouAreKicked", "close"]
        assert rest[-1] == closed(4505)
        assert is_told_to_stay_away(room, stream, "anna")
    assert socket.say("I stay")["seq"] == 1
    with follow(room, "anna") as stream:
        frames, code = socket.last_frames()
        assert (frames[-1], code) == ({"type": "YouAreKicked"}, 4505)
        with follow(room, "anna") as newer:
            assert stream.rest()[-1] == closed(4505)
            assert room.details()["current_users"] == 1
            assert room.details()["total_joins"] == 4
            room.join("boss").say("only one hears it")
            assert newer.messages(1)[0]["content"] == "only one hears it"
    eventually(lambda: room.details()["current_users"] == 1)


def test_two_pages_do_not_replace_each_other_for_ever(room: Room) -> None:
    """Each connects again when its stream ends, as browsers do."""
    with follow(room, "anna") as first, follow(room, "anna") as second:
        assert first.rest()[-1] == closed(4505)
        with Listener(room, "anna", first.last_id) as again:
            assert again.answer.status_code == 204
        room.join("boss").say("hello")
        assert second.messages(1)[0]["content"] == "hello"


def test_a_kick_a_ban_and_a_closing_end_it_for_good(room: Room) -> None:
    for method, path, code in (("POST", "kick", 4506), ("PUT", "bans", 4503)):
        with follow(room, "anna") as anna:
            room.server.http.request(method, f"{room.path}/{path}/anna")
            rest = anna.rest()
            assert (said(rest), rest[-1]) == (["YouAreKicked", "close"], closed(code))
            assert is_told_to_stay_away(room, anna, "anna")
    with Listener(room, "anna") as anna:  # anew, while the ban holds
        assert anna.answer.status_code == 200
        refusal, end = anna.rest()
        assert refusal.data == {"type": "Error", "payload": {"message": BANNED, "code": "banned"}}
        assert end == closed(4503)
        assert is_told_to_stay_away(room, anna, "anna")
    with follow(room, "bert") as bert:
        room.server.http.delete(room.path)
        *_, told, end = bert.rest()
        assert (told.id, told.data["payload"]) == (None, {"message": "房间已关闭"})
        assert end == closed(4508)
        assert is_told_to_stay_away(room, bert, "bert")
    assert room.details()["total_joins"] == 3


def test_a_client_that_goes_behind_a_request_is_missed(room: Room) -> None:
    """The server has read another request of that connection, which waits for the stream's end."""
    before = connections(room)
    stream = wire.request(room.server, "GET", f"/events/rooms/{room.id}?user_id=anna")
    with wire.dial(room.server) as line:
        line.sendall(stream + wire.request(room.server, "GET", "/health"))
        eventually(lambda: room.details()["current_users"] == 1)
    for number in itertools.count():  # it is noticed when something is written
        room.server.http.post(f"{room.path}/messages", json={"content": f"anybody? {number}"})
        if room.details()["current_users"] == 0:
            break
        assert number < 1000
    eventually(lambda: connections(room) == before)


def test_the_connection_goes_on_with_another_request(room: Room) -> None:
    stream = wire.request(room.server, "GET", f"/events/rooms/{room.id}?user_id=anna")
    with wire.dial(room.server) as line:
        line.sendall(stream + wire.request(room.server, "GET", "/management/health"))
        eventually(lambda: room.details()["current_users"] == 1)
        room.server.http.post(f"{room.path}/kick/anna")
        told = b""
        while not told.endswith(b"OK"):
            part = line.recv(65536)
            assert part, told
            told += part
    body, _, answer = told.partition(b"0\r\n\r\n")
    assert b'event: close\ndata: {"code":4506}\n\n' in body
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")


def test_one_that_does_not_read_is_dropped(room: Room) -> None:
    """Others do not wait for it, and what waits for it is bounded."""
    boss = room.join("boss")
    with wire.dial(room.server, receive_buffer=4096) as deaf:
        deaf.sendall(wire.request(room.server, "GET", f"/events/rooms/{room.id}?user_id=deaf"))
        eventually(lambda: room.details()["current_users"] == 2)
        with follow(room, "anna") as anna:
            for _ in range(100):  # 3 MiB in all, three times what a room keeps
                boss.say("x" * 30_000)
                anna.messages(1)
        told = b""
        while not told.endswith(b'event: close\ndata: {"code":4008}\n\n\r\n0\r\n\r\n'):
            part = deaf.recv(65536)
            assert part, "ended without a code"
            told = told[-100:] + part
    eventually(lambda: room.details()["current_users"] == 1)
    assert boss.say("still here")["seq"] == 101


def test_a_stop_ends_streams_with_a_code(server: Server) -> None:
    """Also beside one whose client does not read."""
    room = server.create_room()
    with (
        follow(room, "anna") as anna,
        wire.dial(server, receive_buffer=4096) as deaf,
    ):
        deaf.sendall(wire.request(server, "GET", f"/events/rooms/{room.id}?user_id=deaf"))
        eventually(lambda: room.details()["current_users"] == 2)
        message = {"content": "x" * 30_000}
        for _ in range(20):
            server.http.post(f"{room.path}/messages", json=message)
        assert server.process is not None
        server.process.send_signal(signal.SIGTERM)
        assert anna.rest()[-1] == closed(1012)
        assert server.process.wait(30) == 0
        assert '"level":"error"' not in server.log.read_text()  # nothing had to be cut off
        last_id = anna.last_id
    server.start()
    path = f"/management/sync/session-history/{room.id}"
    ended = server.http.get(path).json()["records"]
    assert sorted(each["user_id"] for each in ended) == ["anna", "deaf"]
    with follow(room, "anna", last_id) as anna:
        server.http.post(f"{room.path}/messages", json={"content": "welcome back"})
        assert anna.receive("System").data["payload"]["message"] == "welcome back"


def test_a_silent_stream_is_kept_alive(tmp_path: Path) -> None:
    """Every 15 s; here, sooner."""
    server = Server(tmp_path)
    server.program = "soon_silent"
    server.environment["PYTHONPATH"] = str(Path(event_streams.__file__).parent)
    try:
        room = server.start().create_room()
        with follow(room, "anna") as anna:
            anna.receive("RoomStats")
            for _ in range(3):
                anna.comment()
            server.http.post(f"{room.path}/messages", json={"content": "at last"})
            assert anna.receive("System").data["payload"]["message"] == "at last"
    finally:
        server.close()
