"""Requests that do not come to their end: their connections do, and others do not notice."""

import contextlib
import json
import socket
import time
from collections.abc import Iterator

import pytest
import wire
from world import Server, running

KIB = 1024
DROPS = 200  # of 50 ms: more than BODY_PATIENCE times the second below


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A head has a second, a body three."""
    with running(tmp_path_factory.mktemp("hasty"), HANDSHAKE_TIMEOUT_SECONDS="1") as server:
        yield server


def half_a_request(server: Server, *lines: str, length: int | None = 1000) -> bytes:
    """A head that announces a body."""
    head = wire.request(server, "POST", "/management/rooms", *lines)
    announced = b"" if length is None else b"Content-Length: %d\r\n" % length
    return head.replace(b"Content-Length: 0\r\n", announced)


def test_a_body_that_does_not_come_is_not_waited_for(hasty: Server) -> None:
    """All at once, so that the three seconds pass but once."""
    begun = [
        half_a_request(hasty),
        half_a_request(hasty) + b'{"room_name":',
        half_a_request(hasty, "Transfer-Encoding: chunked", length=None),
        half_a_request(hasty, "Transfer-Encoding: chunked", length=None) + b"5\r\n12345\r\n",
        half_a_request(hasty, "Expect: 100-continue"),
    ]
    with contextlib.ExitStack() as stack:
        lines = [stack.enter_context(wire.dial(hasty)) for _ in begun]
        dropping = stack.enter_context(wire.dial(hasty))
        for line, sent in zip(lines, begun, strict=True):
            line.sendall(sent)
        assert is_cut_off_while_it_drops(dropping, half_a_request(hasty, length=10_000))
        for line in lines:
            told = wire.read_to_end(line)
            assert told in {b"", b"HTTP/1.1 100 Continue\r\n\r\n"}


def test_who_goes_away_in_the_middle_is_no_error_of_the_servers(hasty: Server) -> None:
    seen = len(hasty.log.read_text())
    for end in (b"", b'{"room_name":'):
        with wire.dial(hasty) as line:
            line.sendall(half_a_request(hasty) + end)
    for _ in range(5):  # by then the server has noticed
        assert hasty.http.get("/management/health").status_code == 200
    lines = [json.loads(line) for line in hasty.log.read_text()[seen:].splitlines()]
    assert [line for line in lines if line["level"] != "info"] == []


def is_cut_off_while_it_drops(line: socket.socket, head: bytes) -> bool:
    """Each byte in time, but all of them not."""
    line.sendall(head)
    line.settimeout(0.05)
    for _ in range(DROPS):
        try:
            line.sendall(b" ")
            return line.recv(1) == b""
        except TimeoutError:
            continue
        except ConnectionError:
            return True
    return False


def test_a_body_in_parts_and_in_time_is_taken(hasty: Server) -> None:
    body = b'{"room_name":"in parts"}'
    with wire.dial(hasty) as line:
        line.sendall(half_a_request(hasty, length=len(body)))
        for place in range(0, len(body), 5):
            line.sendall(body[place : place + 5])
        assert wire.read_answer(line).status == 200
        line.sendall(wire.request(hasty, "GET", "/management/rooms"))
        assert wire.read_answer(line).status == 200


WRONG = "X-Api-Key: wrong"


@pytest.mark.parametrize(
    ("status", "lines", "length"),
    [
        (401, [WRONG], 100_000),
        (401, [WRONG, "Expect: 100-continue"], 1000),
        (401, [WRONG, "Transfer-Encoding: chunked"], None),
        (413, [], 10_000_000),
    ],
)
def test_who_is_answered_early_may_not_go_on(
    hasty: Server, status: int, lines: list[str], length: int | None
) -> None:
    """What would follow as the body could as well be another request."""
    with wire.dial(hasty) as line:
        line.sendall(half_a_request(hasty, *lines, length=length))
        assert wire.read_answer(line).status == status
        with contextlib.suppress(ConnectionError):
            line.sendall(wire.request(hasty, "GET", "/management/health") * 2)
        assert b"HTTP/1.1" not in wire.read_to_end(line)


def test_who_is_answered_before_a_small_body_goes_on_behind_it(hasty: Server) -> None:
    """Most clients send it apart from the head, and keep the connection."""
    with wire.dial(hasty) as line:
        for _ in range(2):
            line.sendall(half_a_request(hasty, WRONG))
            assert wire.read_answer(line).status == 401
            line.sendall(b" " * 1000)
        line.sendall(wire.request(hasty, "GET", "/management/health"))
        assert wire.read_answer(line).status == 200


def test_what_comes_behind_an_early_answer_has_a_limit(hasty: Server) -> None:
    """It is thrown away, but not without an end."""
    with wire.dial(hasty) as line:
        line.sendall(half_a_request(hasty, WRONG, length=2**40))
        assert wire.read_answer(line).status == 401
        sent = 0
        with contextlib.suppress(ConnectionError):
            while sent < 512 * 1024 * KIB:
                line.sendall(bytes(1024 * KIB))
                sent += 1024 * KIB
    assert 32 * 1024 * KIB < sent < 256 * 1024 * KIB


def test_a_request_behind_another_is_answered_when_it_is_here(hasty: Server) -> None:
    """The answer to the first does not cut the second off, whose body comes later."""
    with wire.dial(hasty) as line:
        body = b'{"room_name": "lobby"}' + b" " * 70_000  # no small one
        first = wire.request(hasty, "GET", "/management/health")
        line.sendall(first + half_a_request(hasty, length=len(body)))
        told = line.recv(65536)
        assert told.startswith(b"HTTP/1.1 200 ")
        line.sendall(body)
        while told.count(b"HTTP/1.1 ") < 2:
            part = line.recv(65536)
            assert part, "closed"
            told += part
        assert told.count(b"HTTP/1.1 200 ") == 2
    assert "Traceback" not in hasty.log.read_text()


def test_who_is_answered_after_the_whole_of_it_may(hasty: Server) -> None:
    """Refused as well, but nothing is left to come."""
    with wire.dial(hasty) as line:
        for _ in range(2):
            line.sendall(wire.request(hasty, "POST", "/management/rooms", WRONG, body=b"{}"))
            assert wire.read_answer(line).status == 401


@pytest.mark.parametrize(
    ("before", "end", "pause"),
    [(0, b"", 0), (1, b"", 0.1), (0, b"\r\n", 0.1), (1, b"\r\n", 0), (1, b"\r\n\r\n", 0)],
    ids=["half", "a second half", "whole in two", "a second whole", "and more"],
)
def test_a_head_above_32_kib_is_431_and_cut(
    hasty: Server, before: int, end: bytes, pause: float
) -> None:
    filler = b"X-Filler: " + b"x" * (8 * KIB - 12) + b"\r\n"
    with wire.dial(hasty) as line:
        for _ in range(before):
            line.sendall(wire.request(hasty, "GET", "/management/health"))
            assert wire.read_answer(line).status == 200
        line.sendall(b"GET /management/health HTTP/1.1\r\nHost: x\r\n" + filler * 2)
        time.sleep(pause)
        line.sendall(filler * 2 + end)
        answer = wire.read_answer(line)
        assert (answer.status, answer.json()["code"]) == (431, "too_large")
        assert answer.json()["request_id"] == answer.headers["x-request-id"] != ""
        assert wire.read_to_end(line) == b""


def test_blank_lines_are_no_head(hasty: Server) -> None:
    with wire.dial(hasty) as line:
        line.sendall(b"\r\n" * 20 * KIB)
        assert wire.read_to_end(line) == b""
    assert "Traceback" not in hasty.log.read_text()


def test_a_head_below_32_kib_is_read(hasty: Server) -> None:
    lines = [f"X-{number}: " + "x" * 8000 for number in range(4)]
    for _ in range(2):
        answer = wire.ask(hasty, wire.request(hasty, "GET", "/management/health", *lines))
        assert answer.status == 200
