"""The opening handshake: what is answered without the library is answered as it would be."""

import asyncio
import base64
import os
import re
from typing import Any

import pytest
import uvicorn
from hypothesis import given, settings
from hypothesis import strategies as st
from lines import Socket
from uvicorn.server import ServerState

from chatctl_server.live import handshake
from chatctl_server.live.http_protocol import HttpProtocol
from chatctl_server.live.websocket_protocol import WebSocketProtocol

EXAMPLES = 3000 if os.environ.get("CHATCTL_PROOF") == "1" else 300
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="  # RFC 6455, 1.3
ORDINARY = [
    (b"Host", b"here"),
    (b"Upgrade", b"websocket"),
    (b"Connection", b"Upgrade"),
    (b"Sec-WebSocket-Key", KEY),
    (b"Sec-WebSocket-Version", b"13"),
]
OTHERS = [
    (b"Origin", b"https://host.example"),
    (b"Connection", b"keep-alive, Upgrade"),
    (b"Connection", b"close"),
    (b"Upgrade", b"WebSocket"),
    (b"Upgrade", b"h2c, websocket"),
    (b"Sec-WebSocket-Key", base64.b64encode(b"short")),
    (b"Sec-WebSocket-Key", base64.b64encode(b"seventeen bytes!!")),
    (b"Sec-WebSocket-Key", b"no base64 at all"),
    (b"Sec-WebSocket-Key", b""),
    (b"Sec-WebSocket-Version", b"8"),
    (b"Sec-WebSocket-Protocol", b"chat, superchat"),
    (b"Sec-WebSocket-Extensions", b"permessage-deflate; client_max_window_bits"),
    (b"Sec-WebSocket-Extensions", b";;;"),
    (b"Content-Length", b"0"),
    (b"Content-Length", b"5"),
    (b"X-Request-Id", b"  a b  "),
    (b"X-Empty", b""),
    (b"X-Latin", "ü".encode("latin-1")),
    (b"X-Tab", b"a\tb"),
    (b"X-Long", b"x" * 8000),
]
TARGETS = ["/", "/ws/rooms/1?user_id=anna", "/a%20b%2Fc?d=%C3%BC", "/a?b?c#d"]


async def _answered(request: bytes) -> tuple[Any, bytes]:
    """The scope that the application is given, if it is, and the answer."""
    found: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        found.append({**scope, "extensions": sorted(scope["extensions"])})
        if scope["type"] == "websocket":
            assert await receive() == {"type": "websocket.connect"}
            await send({"type": "websocket.accept"})
            await receive()

    config = uvicorn.Config(app, ws=WebSocketProtocol, lifespan="off", log_config=None)
    config.ws_per_message_deflate = False
    config.load()
    state = ServerState()
    state.default_headers = [(b"date", b"Sun, 29 Nov 2026 00:00:00 GMT")]
    line = Socket()
    protocol: Any = HttpProtocol(config=config, server_state=state, app_state={})
    line.protocol = protocol
    protocol.connection_made(line)
    protocol.data_received(request)
    for _ in range(4):
        await asyncio.sleep(0)
    line.protocol.connection_lost(None)
    for task in list(state.tasks):
        task.cancel()
    await asyncio.gather(*state.tasks, return_exceptions=True)
    return found, re.sub(rb"Date: [^\r]*", b"Date: now", line.sent)


def answered(request: bytes) -> tuple[Any, bytes]:
    return asyncio.run(_answered(request))


def by_the_library(request: bytes) -> tuple[Any, bytes]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(handshake, "accept_key", lambda *_: None)
        return answered(request)


def request_of(target: str, headers: list[tuple[bytes, bytes]], method: str = "GET") -> bytes:
    lines = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
    return f"{method} {target} HTTP/1.1\r\n".encode() + lines + b"\r\n"


def is_read_once(headers: list[tuple[bytes, bytes]]) -> bool:
    lower = [(name.lower(), value) for name, value in headers]
    return handshake.accept_key(b"/ws?user_id=anna", lower) is not None


def test_the_key_of_the_rfc() -> None:
    lower = [(name.lower(), value) for name, value in ORDINARY]
    assert handshake.accept_key(b"/chat", lower) == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@pytest.mark.parametrize("more", [[], [OTHERS[0]], [OTHERS[11]], [OTHERS[0], OTHERS[11]]])
def test_what_libraries_and_browsers_ask_is_read_once(more: list[tuple[bytes, bytes]]) -> None:
    assert is_read_once([*ORDINARY, *more])
    browsers = [
        (name, b"keep-alive, Upgrade" if name == b"Connection" else value)
        for name, value in ORDINARY
    ]
    assert is_read_once([*browsers, *more])


def test_an_ordinary_request_is_accepted() -> None:
    (scope,), answer = answered(request_of("/ws?user_id=anna", ORDINARY))
    assert answer.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
    assert (scope["path"], scope["query_string"]) == ("/ws", b"user_id=anna")


@pytest.mark.parametrize("other", OTHERS, ids=lambda each: f"{each[0]!r} {each[1][:20]!r}")
def test_one_unusual_header_is_answered_as_by_the_library(other: tuple[bytes, bytes]) -> None:
    rest = [each for each in ORDINARY if each[0] != other[0]]
    request = request_of("/ws?user_id=anna", [*rest, other])
    assert answered(request) == by_the_library(request)


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    target=st.sampled_from(TARGETS),
    left_out=st.sets(st.sampled_from(range(len(ORDINARY))), max_size=1),
    others=st.lists(st.sampled_from(OTHERS), max_size=3),
    method=st.sampled_from(["GET", "GET", "GET", "POST"]),
)
def test_every_request_is_answered_as_by_the_library(
    target: str, left_out: set[int], others: list[tuple[bytes, bytes]], method: str
) -> None:
    headers = [each for number, each in enumerate(ORDINARY) if number not in left_out]
    request = request_of(target, [*headers, *others], method)
    assert answered(request) == by_the_library(request)
