"""One account of team chat: over HTTP, and its server-sent events."""

import json
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any, Self

from chatctl.client.events import RESYNC, Event, Json
from chatctl.client.feed import Feed
from chatctl.client.http import Http
from chatctl.client.lines import ServerSentEvent, server_sent_events
from chatctl.client.resume import Backoff, over_connections
from chatctl.client.tokens import Token, TokenSource

_PATH = "/events"


class TeamClient:
    """``token``: an access token, or a function that gets one. ``refresh_token``: what new access
    tokens are made of; the attribute changes with each, and the new one is the one to keep.
    ``since``: the offset of the last event one has; else it begins with what comes."""

    def __init__(
        self,
        url: str,
        *,
        token: str | TokenSource | None = None,
        refresh_token: str | None = None,
        since: int | None = None,
    ) -> None:
        self._position = since
        self.refresh_token = refresh_token
        self._url = url
        self._http = Http(url, Token(token, self._refresh if refresh_token else None))
        self._feed = Feed(self._read)

    @classmethod
    async def sign_in(
        cls, url: str, email: str, password: str, *, since: int | None = None
    ) -> "TeamClient":
        """Raises Refused ``invalid_credentials``."""
        found = await _asked(url, None, "/api/signin", {"email": email, "password": password})
        tokens = {"token": found["token"], "refresh_token": found["refresh_token"]}
        return cls(url, **tokens, since=since)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._feed.close()
        await self._http.close()

    async def _refresh(self) -> str:
        found = await _asked(self._url, self.refresh_token, "/api/refresh")
        self.refresh_token = found["refresh_token"]
        return str(found["token"])

    async def ask(
        self, method: str, path: str, body: Json = None, *, again: bool = False, **query: Any
    ) -> Json:
        """Any other route, with the account's token; the answer's JSON. What does not only read is
        asked once, unless ``again`` says that it may be asked twice. Raises Refused, and
        ConnectionError where it is not known whether it was done."""
        return await self._http.ask(method, path, body, again=again, query=query)

    async def send(
        self,
        chat_id: int,
        content: str = "",
        *,
        files: Sequence[str] = (),
        idempotency_key: str | None = None,
        **more: Json,
    ) -> dict[str, Json]:
        """Posts a message, once however often it has to be asked; the message. ``more``: reply_to,
        mentions."""
        key = idempotency_key or str(uuid.uuid4())
        body = {"content": content, "files": list(files), "idempotency_key": key, **more}
        path = f"/api/chat/{chat_id}/messages"
        return dict(await self._http.ask("POST", path, body, again=True))

    def events(self) -> AsyncIterator[Event[int]]:
        """Everything that the account is told, in the order of the log, each stored event once."""
        return self._feed.take()

    async def _read(self) -> AsyncGenerator[Event[int], None]:
        async with aclosing(over_connections(self._stream, Backoff())) as stream:
            async for found in stream:
                event = self._next(found)
                if event is not None:
                    yield event

    async def _stream(self) -> AsyncGenerator[ServerSentEvent, None]:
        shown = {} if self._position is None else {"Last-Event-ID": str(self._position)}
        async with self._http.stream(_PATH, shown) as chunks:
            async for found in server_sent_events(chunks):
                yield found

    def _next(self, found: ServerSentEvent) -> Event[int] | None:
        if not found.data:
            return None
        data = json.loads(found.data)
        name = data["event"]
        if name == RESYNC or (name == "connection_confirmed" and self._position is None):
            self._position = data["last_event_id"]
        if not found.id:
            return Event(name, data)
        offset = int(found.id)
        if self._position is not None and offset <= self._position:
            return None
        self._position = offset
        return Event(name, data, offset)


async def _asked(url: str, bearer: str | None, path: str, body: Json = None) -> Json:
    """What answers with tokens. It may be asked twice: within 5 s the same refresh token is
    answered with the same successor."""
    http = Http(url, Token(bearer))
    try:
        return await http.ask("POST", path, body, again=True)
    finally:
        await http.close()
