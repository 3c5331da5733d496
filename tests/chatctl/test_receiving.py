"""The receiver's HTTP: whole requests, their limit, and what is no callback."""

import json

import pytest
from callback_sender import CREATED, Listen, raw, sent
from same_process import Here

from chatctl.webhooks import receiver


@pytest.fixture
def listen(here: Here) -> Listen:
    return Listen(here)


HEAD = b"POST /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n"


@pytest.mark.parametrize(
    ("parts", "statuses"),
    [
        ([CHUNKED[:60], CHUNKED[60:] + b"0\r\n\r\n"], [200]),
        ([HEAD + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n", b"{}"], [100, 200]),
        ([HEAD + b"Content-Length: 9000000\r\n\r\n", b"x" * 9_000_000], [413]),
        ([CHUNKED + b"400\r\n" + b"x" * 1024 + b"\r\n0\r\n\r\n"], [413]),
    ],
)  # fmt: skip
def test_what_is_too_large_is_refused(
    listen: Listen, monkeypatch: pytest.MonkeyPatch, parts: list[bytes], statuses: list[int]
) -> None:
    monkeypatch.setattr(receiver, "MOST_BODY_BYTES", 1000)
    send = [raw(*parts), sent(CREATED)]  # a stop would cut the first one off
    done = listen("--count", "2", "--quiet", send=send)
    assert listen.answers == [statuses, 200]
    assert done.stdout.count("\tnone\t") == 2


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
            b"GET / HTTP/1.1\r\nConnection: Upgrade, close\r\nUpgrade: x\r\n\r\n",
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
