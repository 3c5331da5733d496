"""The receiver's HTTP: whole requests, limits, and what is no callback."""

import contextlib
import json
import select
import socket

import pytest
from callback_sender import CREATED, Listen, raw, sent
from same_process import Here
from world import eventually

from chatctl.webhooks import receiver


@pytest.fixture
def listen(here: Here) -> Listen:
    return Listen(here)


HEAD = b"POST /x HTTP/1.1\r\nHost: x\r\n"
ONE = HEAD + b"Content-Length: 2\r\n\r\n{}"
LAST = HEAD + b"Connection: close\r\nContent-Length: 2\r\n\r\n{}"
CHUNKED = (
    HEAD + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"
)


@pytest.mark.parametrize(
    ("parts", "statuses", "count"),
    [
        ([ONE + ONE + LAST], [200, 200, 200], 3),
        ([ONE, LAST[:40], LAST[40:]], [200, 200], 2),
        ([CHUNKED], [200], 1),
        ([HEAD + b"Expect: 100-continue\r\nConnection: close\r\nContent-Length: 2\r\n\r\n", b"{}"],
         [100, 200], 1),
        ([HEAD + b"Content-Length: 1001\r\n\r\n" + b"x" * 1001], [413], 1),
        ([HEAD + b"Content-Length: 9000000\r\n\r\n", b"x" * 9_000_000], [413], 1),
        ([CHUNKED[:-5] + b"400\r\n" + b"x" * 1024 + b"\r\n0\r\n\r\n" + ONE], [413], 1),
        ([HEAD + b"Expect: 100-continue\r\nContent-Length: 99999999999999999\r\n\r\n"], [413], 1),
        ([HEAD + b"X: " + b"y" * 70_000 + b"\r\n\r\n"], [431], 1),
    ],
)  # fmt: skip
def test_http_is_spoken(
    listen: Listen, monkeypatch: pytest.MonkeyPatch,
    parts: list[bytes], statuses: list[int], count: int,
) -> None:  # fmt: skip
    monkeypatch.setattr(receiver, "MOST_BODY_BYTES", 1000)
    send = [raw(*parts), sent(CREATED)]  # a stop would cut the first one off
    done = listen("--count", str(count + 1), "--quiet", send=send)
    assert listen.answers == [statuses, 200]
    assert done.stdout.count("\tnone\t") == count + 1


def test_a_connection_too_many_is_closed_and_the_others_go_on(
    listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiver, "MOST_CONNECTIONS", 3)

    def while_many_are_open(port: int) -> tuple[int, bytes]:
        with contextlib.ExitStack() as opened:
            many = [
                opened.enter_context(socket.create_connection(("127.0.0.1", port), 5))
                for _ in range(10)
            ]
            eventually(lambda: len(closed(many)) >= 7)
            last = next(each for each in many if each not in closed(many))
            last.sendall(LAST)
            return len(closed(many)), last.recv(12)

    listen("--count", "1", "--quiet", send=[while_many_are_open])
    [(count, answer)] = listen.answers
    assert count >= 7
    assert answer == b"HTTP/1.1 200"


def closed(many: list[socket.socket]) -> list[socket.socket]:
    return select.select(many, [], [], 0)[0]


def test_a_body_as_large_as_a_batch_may_be(listen: Listen) -> None:
    size = 20 * 1024**2
    done = listen("--count", "1", "--json", send=[sent({"text": "x" * size})])
    assert listen.answers == [200]
    assert len(json.loads(done.stdout.splitlines()[0])["body"]["text"]) == size


@pytest.mark.parametrize(
    ("said", "status", "noted"),
    [
        (b"GET /x?y HTTP/1.1\r\nConnection: close\r\n\r\n", 405, "GET /x is no callback"),
        (b"what is this\r\n\r\n", 400, "what came is no HTTP/1.1 request"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "somebody speaks TLS: "),
        (
            b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
            405,
            "GET / is no callback",
        ),
    ],
)
def test_what_is_no_callback_is_noted_and_not_counted(
    listen: Listen, said: bytes, status: int, noted: str
) -> None:
    done = listen("--count", "1", send=[raw(said), sent(CREATED)])
    assert listen.answers == [[status], 200]
    assert noted in done.stderr
    assert "sum\tcallbacks\t1\n" in done.stdout
