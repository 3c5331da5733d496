"""What is accepted, and when the answer leaves; what a client sends before anybody serves it."""

from typing import Any

import uvicorn
from lines import Socket
from test_inbound import UPGRADE, frame
from test_inbound_protocol import Given, turn
from uvicorn.server import ServerState

from chatctl_server.live.transports import HIGH_BYTES
from chatctl_server.live.websocket_protocol import WebSocketProtocol

ACCEPTED = b"HTTP/1.1 101 Switching Protocols\r\n"


class Asked:
    """A request for an upgrade, and what the application does with it, step by step."""

    def __init__(self) -> None:
        self.client, self.state = Socket(), ServerState()
        self.error: Exception | None = None
        config = uvicorn.Config(
            self._application, interface="asgi3", lifespan="off", log_config=None
        )
        config.load()
        self.protocol = WebSocketProtocol(config, self.state, {})
        self.protocol.connection_made(self.client)
        self.protocol.data_received(UPGRADE)

    async def _application(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        try:
            await self.answer(scope["extensions"]["chatctl.websocket"], receive, send)
        except OSError as error:
            self.error = error

    async def answer(self, transport: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept", "chatctl.waits": True})
        self.accepted(transport)
        await self.serve(transport, Given())

    def accepted(self, transport: Any) -> None: ...

    async def serve(self, transport: Any, handler: Given) -> None:
        self.given = handler
        await transport.serve(handler)


async def test_one_that_waits_leaves_with_the_first_frames() -> None:
    asked = Asked()
    await turn()
    assert asked.client.sent == b""
    asked.protocol.write(b"first")
    assert asked.client.sent.startswith(ACCEPTED)
    asked.protocol.write(b"second")
    assert asked.client.sent.endswith(b"\r\n\r\nfirstsecond")


async def test_a_client_is_paused_before_much_waits_for_it() -> None:
    assert Asked().client.high == HIGH_BYTES == 16 * 1024


async def test_one_that_waits_leaves_when_the_timer_comes() -> None:
    asked = Asked()
    await turn()
    asked.protocol.check(0)
    assert asked.client.sent.startswith(ACCEPTED)


async def test_a_close_follows_the_accept_and_nothing_follows_the_close() -> None:
    asked = Asked()
    await turn()
    asked.protocol.close(4503, b"why")
    sent = asked.client.sent
    assert sent.startswith(ACCEPTED)
    assert sent.endswith(b"\r\n\r\nwhy\x88\x02\x11\x97")
    asked.protocol.write(b"late")
    asked.protocol.close(1001)
    asked.protocol.check(0)
    assert asked.client.sent == sent
    await turn()
    assert asked.given.told == ["disconnected"]
    asked.protocol.connection_lost(None)
    asked.protocol.write(b"later")
    assert asked.given.told == ["disconnected", "ended"]
    assert asked.client.sent == sent


class Late(Asked):
    """Whose application has something else to do, before it serves."""

    async def serve(self, transport: Any, handler: Given) -> None:
        self.protocol.data_received(frame(0x81, b"early") + frame(0x81, b"birds")[:3])
        self.protocol.data_received(frame(0x81, b"birds")[3:])
        await turn()
        await super().serve(transport, handler)


async def test_what_was_sent_before_it_is_served_comes_first() -> None:
    asked = Late()
    await turn()
    await turn()
    asked.protocol.data_received(frame(0x81, b"late"))
    assert asked.given.messages == [b"early", b"birds", b"late"]


class Closing(Asked):
    def accepted(self, transport: Any) -> None:
        transport.close(1013)


class Losing(Asked):
    def accepted(self, transport: Any) -> None:
        self.protocol.connection_lost(None)


async def test_one_that_was_closed_or_lost_before_it_is_served() -> None:
    asked, lost = Closing(), Losing()
    await turn()
    assert asked.given.told == ["disconnected"]
    asked.protocol.data_received(frame(0x81, b"late"))
    asked.protocol.connection_lost(None)
    assert asked.given.told == lost.given.told == ["disconnected", "ended"]
    assert asked.given.messages == []


class Flooded(Asked):
    def accepted(self, transport: Any) -> None:
        while len(self.protocol._early or b"") <= HIGH_BYTES and self.client.is_reading_:
            self.protocol.data_received(frame(0x81, b"x" * 1000))
        self.was_held = not self.client.is_reading_


async def test_who_sends_much_before_it_is_served_is_read_no_further() -> None:
    asked = Flooded()
    await turn()
    assert asked.was_held
    assert asked.client.is_reading_
    assert len(asked.given.messages) > 15


class Refusing(Asked):
    async def answer(self, transport: Any, receive: Any, send: Any) -> None:
        headers = [(b"Content-Length", b"4"), (b"X-Why", b"full")]
        await send({"type": "websocket.http.response.start", "status": 503, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": b"full"})
        await send({"type": "websocket.accept"})


async def test_a_refusal_is_the_only_answer() -> None:
    asked = Refusing()
    await turn()
    assert asked.client.sent == (
        b"HTTP/1.1 503 Service Unavailable\r\n"
        b"content-length: 4\r\nx-why: full\r\nconnection: close\r\n\r\nfull"
    )
    assert asked.client.is_closed
    assert asked.error is not None


class Failing(Asked):
    async def answer(self, transport: Any, receive: Any, send: Any) -> None:
        raise ValueError("a fault")


async def test_an_application_that_fails_is_answered_for() -> None:
    asked = Failing()
    await turn()
    assert asked.client.sent.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert asked.client.is_closed


class Waiting(Asked):
    """Hears of its client's end, without serving it."""

    async def answer(self, transport: Any, receive: Any, send: Any) -> None:
        self.heard = await receive()
        await send({"type": "websocket.accept"})


async def test_a_client_that_is_gone_before_its_answer() -> None:
    asked = Waiting()
    await turn()
    asked.protocol.connection_lost(None)
    await turn()
    assert asked.heard["type"] == "websocket.disconnect"
    assert asked.error is not None
    assert not asked.state.tasks | asked.state.connections
    assert asked.client.sent == b""


async def test_a_stop_before_the_answer() -> None:
    asked = Waiting()
    await turn()
    asked.protocol.shutdown()
    assert asked.client.sent.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert asked.client.is_closed
