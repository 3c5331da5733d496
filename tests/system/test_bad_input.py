"""What no well-behaved client sends. After each of it the server still answers, its log has no
error, and who is connected stays connected."""

import contextlib
import select
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
import wire
from world import Room, Server, eventually, running

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = {"HANDSHAKE_TIMEOUT_SECONDS": "1", "MAX_BODY_BYTES": "100000"}
    with running(tmp_path_factory.mktemp("bad"), **settings) as server:
        yield server


@pytest.fixture
def server(shared: Server) -> Iterator[Server]:
    """Shared, and well after the test: it answers, a bystander talks, no error is in its log."""
    room = shared.create_room("bystanders")
    bystander = room.join("bystander")
    seen = len(shared.log.read_text())
    yield shared
    assert shared.http.get("/management/health").status_code == 200
    assert bystander.say("still here")["seq"] == 1
    bystander.close()
    told = shared.log.read_text()[seen:].splitlines()
    assert [line for line in told if "Traceback" in line or '"level":"error"' in line] == []


@pytest.fixture
def room(server: Server) -> Room:
    return server.create_room("lobby", admins=("boss",))


# HTTP


BODIES = (
    b'{"room_name":"\xff"}', b'{"room_name":"\xed\xa0\x80"}', b"\xff\xfe\x00", b"\x00",
    b'{"room_name":"a","x":' + b"[" * 40_000 + b"]" * 40_000 + b"}", b"[" * 90_000,
    b'{"a":' * 15_000, b'{"room_name":' + b"9" * 90_000 + b"}", b'{"room_name":"a"} trailing',
    b'{"room_name":"a","x":1e999999999}', b"<xml/>", b"\x1f\x8b\x08\x00",
)  # fmt: skip


def test_bodies_that_are_no_json(server: Server) -> None:
    for content in BODIES:
        for path in ("/management/rooms", "/management/sync"):
            answer = server.http.post(path, content=content)
            if answer.status_code not in {200, 202}:  # a harmless unknown key
                assert answer.status_code == 400, content[:50]
                assert answer.json()["code"] in {"invalid_input", "bad_text"}, content[:50]


@pytest.mark.parametrize("line", ["Content-Length: 200000", "Transfer-Encoding: chunked"])
def test_a_body_above_the_limit(server: Server, line: str) -> None:
    """Refused without reading it to its end."""
    head = wire.request(server, "POST", "/management/rooms", line).replace(
        b"Content-Length: 0\r\n", b""
    )
    chunk = b"x" * 50_000
    framed = b"%x\r\n%s\r\n" % (len(chunk), chunk) if "chunked" in line else chunk
    with wire.dial(server) as connection:
        connection.sendall(head)
        with contextlib.suppress(OSError):
            for _ in range(3):
                connection.sendall(framed)
        answer = wire.read_answer(connection)
    assert (answer.status, answer.json()["code"]) == (413, "too_large")


GARBAGE = (
    b"\r\n\r\n\r\n",
    b"\x00\x01\x02\x03\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),  # a TLS hello
    b"GET\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
    b"GET /\xff HTTP/1.1\r\nHost: \xff\r\n\r\n",
    b"GET http://[::1 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /%zz%00%ff HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET //// HTTP/1.1\r\nHost: x\r\n\r\n",
    b"* * *",
)


def test_garbage_before_and_after_a_request(server: Server) -> None:
    for garbage in GARBAGE:
        for sent in (garbage, wire.request(server, "GET", "/management/health") + garbage):
            with wire.dial(server) as connection:
                connection.sendall(sent)
                connection.shutdown(socket.SHUT_WR)
                told = wire.read_to_end(connection)
            assert b" 500 " not in told, garbage


def test_strange_values(room: Room) -> None:
    """Of queries, paths and bodies: huge integers, bytes that are no text, patterns without end."""
    http = room.server.http
    for query in ("match=%ff", "match=%00", "match=[", "match=" + "*a" * 200, "limit=%ff", "&&=&"):
        assert http.get(f"/management/rooms?{query}").status_code in {200, 400}, query
    for query in ("type=%00", "type=[", "actor=%ff", "after=%ff", "since_time=%00", "room=%00"):
        assert http.get(f"/management/events?{query}").status_code in {200, 400}, query
    for number in (str(2**63), "9" * 5000, "-" + "9" * 5000):
        for url in (
            f"/management/sync/chat-history/{room.id}?page={number}&limit={number}",
            f"/management/sync/session-history/{room.id}?from={number}&to={number}",
            f"/management/rooms?cursor={number}",
            f"/management/events?after={number}&since_time={number}&limit={number}",
        ):
            assert http.get(url).status_code in {200, 400}, url[:120]
        assert http.delete(f"{room.path}/messages/{number}").status_code in {400, 404}
        for body in (f'{{"expires_in":{number}}}', f'{{"reason":{number}}}'):
            answer = http.put(f"{room.path}/bans/u", content=body.encode())
            assert answer.status_code in {200, 400}, body[:120]
        sync = f'{{"from":{number}}}'.encode()
        assert http.post("/management/sync", content=sync).status_code in {202, 400}


# Connections that do not get on


def test_a_slow_handshake_is_ended(server: Server) -> None:
    """HANDSHAKE_TIMEOUT_SECONDS is 1 here. They begin together; of one each header comes in time,
    but all of them do not."""
    begun = (b"", b"GET /management/heal", b"GET / HTTP/1.1\r\nHost: x\r\n")
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(wire.dial(server)) for _ in begun]
        for connection, start in zip(connections, begun, strict=True):
            connection.sendall(start)
        dropping = stack.enter_context(wire.dial(server))
        dropping.sendall(b"GET /management/health HTTP/1.1\r\n")
        for _ in range(75):
            if select.select([dropping], [], [], 0.2)[0]:
                break
            with contextlib.suppress(OSError):
                dropping.sendall(b"X-Drop: 1\r\n")
        else:
            pytest.fail("it was not ended")
        assert [wire.read_to_end(each) for each in (*connections, dropping)] == [b""] * 4


# Upgrades


def test_too_large_an_upgrade_is_answered_and_closed(room: Room) -> None:
    path = f"/ws/rooms/{room.id}?user_id=anna"
    heads = [["Cookie: " + 33_000 * "x"]]
    if not room.server.is_plain:  # over which other limits hold
        heads.append([f"X-{number}: 1" for number in range(200)])
        assert wire.ask(room.server, wire.upgrade(path, "Cookie: " + 30_000 * "x")).status == 101
    for lines in heads:
        with wire.dial(room.server) as connection:
            connection.sendall(wire.upgrade(path, *lines))
            assert wire.read_to_end(connection).startswith(b"HTTP/1.1 431 "), lines[0][:10]


@pytest.mark.own_protocol
def test_refused_upgrades_leave_no_error_in_the_log(room: Room) -> None:
    with wire.dial(room.server) as connection:
        path = f"/ws/rooms/{room.id}?user_id=anna"
        connection.sendall(wire.upgrade(path, "Origin: http://elsewhere", "X-Api-Key: no"))
    assert room.server.http.get("/ws/rooms/none").status_code == 400
    nowhere = "/ws/rooms/11111111-1111-4111-8111-111111111111?user_id=anna"
    assert wire.ask(room.server, wire.upgrade(nowhere)).status == 404


# WebSocket frames, written by hand


def frame(opcode: int, data: bytes, *, fin: bool = True) -> bytes:
    """With the mask of four zeros, which leaves the data as it is."""
    if len(data) < 126:
        length = struct.pack("!B", 0x80 | len(data))
    elif len(data) < 65536:
        length = struct.pack("!BH", 0x80 | 126, len(data))
    else:
        length = struct.pack("!BQ", 0x80 | 127, len(data))
    return bytes(((0x80 if fin else 0) | opcode,)) + length + bytes(4) + data


@contextlib.contextmanager
def upgraded(room: Room, user_id: str = "anna") -> Iterator[socket.socket]:
    """A raw connection that has joined the room."""
    with wire.dial(room.server) as connection:
        connection.sendall(wire.upgrade(f"/ws/rooms/{room.id}?user_id={user_id}"))
        seen = b""
        while b"WelcomeInfo" not in seen:
            seen += connection.recv(4096)
        assert seen.startswith(b"HTTP/1.1 101 ")
        yield connection


def close_code(connection: socket.socket) -> int | None:
    """The code in the close frame that ends what the server sends."""
    told = wire.read_to_end(connection)
    place = told.rfind(b"\x88")
    return struct.unpack("!H", told[place + 2 : place + 4])[0] if place >= 0 else None


# Each kind of them: tests/chatctl_server/live has the rest, beside the library and the RFC's suite.
PROTOCOL_ERRORS = {
    "a reserved opcode": (frame(3, b""), 1002),
    "a close of one byte": (frame(8, b"x"), 1002),
    "a message above 64 KiB": (frame(1, b"x" * 65_537), 1009),
    "a message that says it is huge": (b"\x81\xff" + struct.pack("!Q", 2**62) + bytes(4), 1009),
    "64 KiB and more in fragments": (
        frame(1, b"x" * 40_000, fin=False) + frame(0, b"x" * 40_000, fin=False),
        1009,
    ),
}
# uvicorn logs a traceback of the first, and has no such limit.
OF_OUR_OWN = {
    "invalid UTF-8": (frame(1, b"\xff\xfe"), 1007),
    "a message in thousands of frames": (
        frame(1, b"{", fin=False) + frame(0, b"", fin=False) * 2000,
        1009,
    ),
}


def test_a_protocol_error_closes_with_its_code(room: Room) -> None:
    errors = PROTOCOL_ERRORS if room.server.is_plain else PROTOCOL_ERRORS | OF_OUR_OWN
    codes = {}
    for name, (sent, _) in errors.items():
        with upgraded(room) as connection:
            connection.sendall(sent)
            codes[name] = close_code(connection)
    assert codes == {name: code for name, (_, code) in errors.items()}
    url = f"/management/sync/session-history/{room.id}"
    eventually(lambda: len(room.server.http.get(url).json()["records"]) == len(errors))
    assert room.details()["current_users"] == 0


def test_a_message_of_64_kib_is_none_too_many(room: Room) -> None:
    anna = room.join("anna")
    anna.socket.send("x" * 65_536)  # undecodable, so ignored
    anna.socket.send(["{", '"type":"Ping","payload"', ':{"timestamp":1}}'])
    assert anna.receive("Pong")["payload"] == {"timestamp": 1}
    anna.socket.send(b"\x00\xff" * 1000)
    anna.socket.send(b"")
    assert anna.say("still here")["seq"] == 1


HOSTILE = (
    "[" * 60_000,
    '{"type":"Ping","payload":{"timestamp":' + "[" * 30_000 + "]" * 30_000 + "}}",
    '{"type":"Nothing","payload":' + '{"a":' * 10_000 + "1" + "}" * 10_000 + "}",
    '{"type":"CustomEvent","payload":{"event_type":"e","payload":'
    + "[" * 30_000
    + "]" * 30_000
    + "}}",
    '{"type":"SendMessage","payload":{"content":"x","extra":' + "[" * 30_000 + "}}",
    '{"type":"LoadHistory","payload":{"before":' + "9" * 60_000 + "}}",
    '{"type":"LoadHistory","payload":{"before":-' + "9" * 5_000 + "}}",
    '{"type":"LoadHistory","payload":{"before":1e400}}',
    '{"type":"Ping","payload":{"timestamp":1e999}}',
    '{"type":"SendMessage","payload":{"content":"' + "\\ud800" * 9_000 + '"}}',
    '{"type":"SendMessage","payload":{"content":"\\udfff","client_msg_id":"\\ud800"}}',
    '{"type":"SendMessage","payload":{"content":"x","client_msg_id":"\\u0000"}}',
    '{"type":"CustomEvent","payload":{"event_type":"\\u0000","payload":"\\ud800"}}',
    '{"type":"CustomEvent","payload":{"event_type":"e","payload":"\\ud800"}}',
    '{"type":"KickUser","payload":{"user_id":"\\u0000"}}',
    "\0" * 100,
    "{" + " " * 60_000,
)


def test_a_hostile_command_leaves_the_connection(room: Room) -> None:
    boss, anna = room.join("boss"), room.join("anna")
    for number, text in enumerate(HOSTILE):
        boss.socket.send(text)
        boss.say(f"still here after {number}")
        while anna.receive("Message")["payload"]["content"] != f"still here after {number}":
            pass
        assert room.server.http.get(f"/management/events?room={room.id}").status_code == 200
        assert room.server.http.get("/management/sync").status_code == 200
    replayed = room.join("carl", since=0)
    while replayed.receive("Message")["payload"]["content"] != f"still here after {number}":
        pass


def test_a_flood_of_nonsense(room: Room) -> None:
    bert = room.join("bert")
    with upgraded(room) as connection:
        connection.sendall(frame(1, b"nonsense") * 20_000)
        connection.sendall(frame(9, b"ping") * 2_000)
        assert bert.say("still here")["seq"] == 1
        connection.sendall(frame(8, struct.pack("!H", 1000)))
        assert close_code(connection) in {1000, 4008}


def test_a_flood_of_messages(room: Room) -> None:
    """Every message of the flood that was stored is told to others, in order."""
    bert = room.join("bert")
    count = 1_000  # of many more, the one who floods and does not read would be dropped as too slow
    message = frame(1, b'{"type":"SendMessage","payload":{"content":"flood"}}')
    with upgraded(room) as connection:
        for _ in range(count // 100):
            connection.sendall(message * 100)
            while select.select([connection], [], [], 0)[0]:
                assert connection.recv(65536)
        seqs = [bert.receive("Message")["payload"]["seq"] for _ in range(count)]
    assert seqs == list(range(1, count + 1))


def memory(server: Server) -> int:
    """Resident bytes of the server's process."""
    assert server.process is not None
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    (line,) = [each for each in status.splitlines() if each.startswith("VmRSS:")]
    return int(line.split()[1]) * 1024


def test_a_client_that_does_not_read_is_dropped(room: Room) -> None:
    """Its unsent frames are bounded, others do not wait for it, and it is told why."""
    boss = room.join("boss")
    before = memory(room.server)
    with wire.dial(room.server, receive_buffer=4096) as deaf:
        deaf.sendall(wire.upgrade(f"/ws/rooms/{room.id}?user_id=deaf"))
        eventually(lambda: room.details()["current_users"] == 2)
        for _ in range(100):  # 3 MiB in all; boss reads, or would be dropped as well
            boss.say("x" * 30_000)
        assert memory(room.server) - before < 32 * MIB
        assert close_code(deaf) == 4008
    eventually(lambda: room.details()["current_users"] == 1)


@pytest.mark.own_protocol
def test_a_client_that_pings_and_does_not_read(room: Room) -> None:
    """Of its pings the last is answered."""
    count = 50_000
    with upgraded(room) as deaf:
        deaf.sendall(b"".join(frame(9, b"%0125d" % number) for number in range(count)))
        told = b""
        while b"%0125d" % (count - 1) not in told[-4096:]:
            part = deaf.recv(65536)
            assert part, "closed"
            told += part
        assert len(told) < 4 * MIB


@pytest.mark.own_protocol
def test_what_a_client_sends_while_it_waits_is_left_to_it(room: Room) -> None:
    boss = room.join("boss")
    for _ in range(60):
        boss.say("x" * 20_000)
    with wire.dial(room.server, receive_buffer=4096) as deaf:
        deaf.sendall(wire.upgrade(f"/ws/rooms/{room.id}?user_id=deaf"))
        eventually(lambda: room.details()["current_users"] == 2)
        sent, nonsense = 0, frame(1, b"nonsense" * 8000)
        deaf.sendall(frame(1, b'{"type":"LoadHistory"}'))
        deaf.settimeout(1)
        with contextlib.suppress(TimeoutError):
            while sent < 64 * MIB:
                sent += deaf.send(nonsense)
        assert sent < 8 * MIB


def test_joining_and_vanishing_by_the_hundred(room: Room) -> None:
    def connections() -> int:
        return int(room.server.http.get("/management/status").json()["connections"])

    before = connections()
    path = wire.upgrade(f"/ws/rooms/{room.id}?user_id=anna&since=0")
    for _ in range(100):
        with wire.dial(room.server) as connection:
            connection.sendall(path)
            linger = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    query = {"room": room.id, "type": "session.*", "limit": 1000}

    def all_have_left() -> bool:
        events = room.server.http.get("/management/events", params=query).json()
        visits = ["session.joined", "session.left"] * room.details()["total_joins"]
        return connections() == before and [each["type"] for each in events] == visits

    eventually(all_have_left)
    assert room.details()["current_users"] == 0


@pytest.mark.own_protocol
def test_a_client_that_closes_within_a_message(room: Room) -> None:
    """Or sends a message after its close."""
    close, late = (
        frame(8, struct.pack("!H", 1000)),
        b'{"type":"SendMessage","payload":{"content":"x"}}',
    )
    for sent in (
        frame(1, b"the beginning", fin=False) + close + frame(0, b"the end"),
        close + frame(1, late),
    ):
        with upgraded(room) as connection:
            connection.sendall(sent)
            assert close_code(connection) == 1000
    assert room.history() == []


@pytest.mark.own_protocol
def test_two_protocols_on_one_connection(room: Room) -> None:
    """A request pipelined behind an upgrade is no frame."""
    with wire.dial(room.server) as connection:
        connection.sendall(
            wire.upgrade(f"/ws/rooms/{room.id}?user_id=anna")
            + wire.request(room.server, "DELETE", room.path)
        )
        connection.shutdown(socket.SHUT_WR)
        wire.read_to_end(connection)
    assert "closed_at" not in room.details()
