"""The support desk, for an agent or a visitor: envelopes over a WebSocket, or from Replay where
there can be none; what is said goes over HTTP."""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any, Self

from chatctl.client import sockets
from chatctl.client.errors import Lost, Refused
from chatctl.client.events import RESYNC, Event, Json
from chatctl.client.feed import Feed
from chatctl.client.http import NO_PROBLEM, Http, bearer, showing
from chatctl.client.resume import Backoff, over_connections
from chatctl.client.tokens import Token, TokenSource

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

RECENT = 500
POLL_SECONDS = 2.0
SOCKET_AGAIN_SECONDS = 60.0
_DOMAIN = "domain.event."
_REPLAY = "/api/events/replay"
_PAGE = 500
_NEVER = "9999-12-31T23:59:59Z"  # nothing is behind it: the answer has the newest id alone


class SupportClient:
    """``token``: an agent's access token or named key, or a function that gets one. ``site`` and
    ``visitor``: the site's key and the visitor's token. ``since``: the event_id of the last event
    one has; else it begins with what comes."""

    def __init__(
        self,
        url: str,
        *,
        token: str | TokenSource | None = None,
        site: str | None = None,
        visitor: str | None = None,
        since: str | None = None,
    ) -> None:
        self.visitor = visitor
        self._site = site
        self._position = since
        self._url = url.rstrip("/")
        self._token = Token(token)
        shown = {"X-Site-Key": site, "X-Visitor-Token": visitor}
        self._http = Http(url, self._token, {name: each for name, each in shown.items() if each})
        self._feed = Feed(self._read)
        self._recent: dict[str, None] = {}
        self._joined: dict[str, None] = {}
        self._socket: ClientConnection | None = None

    @classmethod
    async def visit(cls, url: str, site: str, **who: str) -> "SupportClient":
        """A new visitor, or the customer that ``who`` says (user_id, identity_hash, name, email).
        The attribute ``visitor`` is the token to keep. It is asked for once: where the answer is
        lost, ConnectionError."""
        http = Http(url, Token(None))
        try:
            found = await http.ask("POST", "/api/visitors", {"site": site, **who})
        finally:
            await http.close()
        return cls(url, site=site, visitor=found["visitor_token"])

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._feed.close()
        await self._http.close()

    def events(self) -> AsyncIterator[Event[str]]:
        """Everything one may see, in the order of the log and each once: ``type`` is without
        ``domain.event.``, and in ``data`` stands ``emitted_at``, too. Of joined conversations also
        ``Typing``, ``Read`` and ``Viewing``."""
        return self._feed.take()

    async def ask(
        self, method: str, path: str, body: Json = None, *, again: bool = False, **query: Any
    ) -> Json:
        """As in TeamClient."""
        return await self._http.ask(method, path, body, again=again, query=query)

    async def send(
        self, conversation_id: str, content: str, *, client_msg_id: str | None = None, **more: Json
    ) -> dict[str, Json]:
        """Posts a message, once however often it has to be asked; the message. ``more``:
        message_type, file, is_private."""
        key = client_msg_id or str(uuid.uuid4())
        path = f"/api/conversations/{conversation_id}/messages"
        body = {"content": content, "client_msg_id": key, **more}
        return dict(await self._http.ask("POST", path, body, again=True))

    async def join(self, conversation_id: str) -> None:
        """Its signals, too, from now on and after each reconnect."""
        self._joined[conversation_id] = None
        await self.signal("JoinConversation", conversation_id=conversation_id)

    async def leave(self, conversation_id: str) -> None:
        self._joined.pop(conversation_id, None)
        await self.signal("LeaveConversation", conversation_id=conversation_id)

    async def signal(self, name: str, **payload: Json) -> None:
        """``Typing`` or ``Read``; lost while there is no WebSocket."""
        from websockets.exceptions import ConnectionClosed

        if self._socket is not None:
            with suppress(ConnectionClosed):
                await self._socket.send(json.dumps({"type": name, "payload": payload}))

    async def _read(self) -> AsyncGenerator[Event[str], None]:
        async with aclosing(over_connections(self._connection, Backoff())) as found:
            async for event in found:
                if event.id is None or self._is_new(event.id):
                    yield event

    def _is_new(self, event_id: str) -> bool:
        is_new = event_id not in self._recent
        self._recent[event_id] = None
        if len(self._recent) > RECENT:
            del self._recent[next(iter(self._recent))]
        return is_new

    async def _connection(self) -> AsyncGenerator[Event[str], None]:
        try:
            async with aclosing(self._live()) as live:
                async for event in live:
                    yield event
        except Refused as refused:
            if refused.code != NO_PROBLEM:
                raise
        async with aclosing(self._polled()) as polled:
            async for event in polled:
                yield event

    async def _live(self) -> AsyncGenerator[Event[str], None]:
        try:
            async with (
                showing(self._token) as token,
                sockets.opened(f"{self._url}/ws", self._since(), bearer(token)) as self._socket,
            ):
                self._token.accepted()
                if self.visitor is not None:
                    await self.signal("Auth", site=self._site, visitor=self.visitor)
                async for text in sockets.texts(self._socket):
                    frame = json.loads(text)
                    if frame["type"] == "system.welcome":
                        await self._welcome(frame)
                    yield self._event(frame)
        finally:
            self._socket = None

    async def _welcome(self, frame: dict[str, Json]) -> None:
        self._position = self._position or frame["event_id"]
        for each in list(self._joined):
            await self.signal("JoinConversation", conversation_id=each)

    async def _polled(self) -> AsyncGenerator[Event[str], None]:
        """Until it is time to try a WebSocket again."""
        if self._position is None:
            newest = await self._http.ask("GET", _REPLAY, query={"from": _NEVER})
            self._position = newest["next_since"]
        until = time.monotonic() + SOCKET_AGAIN_SECONDS
        while time.monotonic() < until:
            page = await self._http.ask("GET", _REPLAY, query={**self._since(), "limit": _PAGE})
            if page["gap"]:
                yield Event(RESYNC, {})
            for envelope in page["events"]:
                yield self._event(envelope)
            self._position = page["next_since"]
            if not page["has_more"]:
                await asyncio.sleep(POLL_SECONDS)
        raise Lost("time to try a WebSocket again")

    def _since(self) -> dict[str, str]:
        return {} if self._position is None else {"since_event_id": self._position}

    def _event(self, frame: dict[str, Json]) -> Event[str]:
        name = frame["type"]
        if not name.startswith(_DOMAIN):
            return Event(name, frame.get("payload") or frame.get("data") or {})
        self._position = frame["event_id"]
        data = {**frame["data"], "emitted_at": frame["emitted_at"]}
        return Event(name.removeprefix(_DOMAIN), data, frame["event_id"])
