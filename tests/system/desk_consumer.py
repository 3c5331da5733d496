"""A consumer of the desk's envelopes that is fed live and by Replay at once: with the last 500
event ids against duplicates, and by the order in which they were emitted."""

import asyncio
import contextlib
import json
from collections.abc import Set
from typing import Any

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException
from world import Server

RECENT = 500
PATIENCE_SECONDS = 60
AGAIN_SECONDS = 0.02
REPLAY = "/api/events/replay"
LOST = (OSError, httpx.TransportError, WebSocketException, TimeoutError)
_STATUS = {
    "conversation_opened": "open",
    "conversation_reopened": "open",
    "conversation_closed": "closed",
}


class Consumer:
    """``erased``: texts that nobody may be told any more, once they are there. ``wrong``: what
    should not have come; ``taken``: how many envelopes came, and how many of them anew."""

    def __init__(self, server: Server, headers: dict[str, str], erased: Set[str]) -> None:
        self.server, self.headers = server, headers
        self.wrong: list[str] = []
        self.since: str | None = None
        self.taken, self.new = 0, 0
        self._erased = erased
        self._recent: dict[str, None] = {}
        # By id, with the event that said so: an older one changes nothing.
        self._messages: dict[str, tuple[str, str | None]] = {}
        self._statuses: dict[str, tuple[str, str]] = {}

    @property
    def messages(self) -> dict[str, str]:
        """By their ids, those that are there."""
        return {id_: text for id_, (_, text) in self._messages.items() if text is not None}

    @property
    def statuses(self) -> dict[str, str]:
        return {id_: status for id_, (_, status) in self._statuses.items()}

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._live())
            group.create_task(self._replay())

    async def _live(self) -> None:
        url = f"ws://127.0.0.1:{self.server.port}/ws"
        while True:
            with contextlib.suppress(*LOST):
                async with connect(url, additional_headers=self.headers, proxy=None) as line:
                    async for text in line:
                        self._take(json.loads(text))
            await asyncio.sleep(AGAIN_SECONDS)

    async def _replay(self) -> None:
        async with client(self.server, self.headers) as http:
            while True:
                with contextlib.suppress(*LOST):
                    await self._page(http)
                await asyncio.sleep(AGAIN_SECONDS)

    async def _page(self, http: httpx.AsyncClient) -> None:
        asked = {"limit": "100"} | ({} if self.since is None else {"since_event_id": self.since})
        erased = set(self._erased)
        answer = await http.get(REPLAY, params=asked)
        if answer.status_code != 200:  # it stops
            return
        self.wrong += [f"Replay has {each}" for each in erased if each in answer.text]
        page = answer.json()
        if page["gap"]:
            self.wrong.append(f"a gap after {self.since}")
        for each in page["events"]:
            self._take(each)
        self.since = page["next_since"]

    def _take(self, envelope: dict[str, Any]) -> None:
        if envelope["type"] == "Error":  # why the connection ends: it asks for nothing
            code = envelope["payload"]["code"]
            self.wrong += [code] if code == "bad_frame" else []
            return
        event_id, name = envelope["event_id"], envelope["type"].removeprefix("domain.event.")
        self.taken += 1
        if name == "system.welcome" or event_id in self._recent:
            return
        self.new += 1
        self._recent[event_id] = None
        if len(self._recent) > RECENT:
            del self._recent[next(iter(self._recent))]
        self._apply(name, f"{envelope['emitted_at']} {event_id}", envelope["data"])

    def _apply(self, name: str, place: str, data: dict[str, Any]) -> None:
        if name in _STATUS:
            _newer(self._statuses, data["conversation_id"], place, _STATUS[name])
        elif name == "message_deleted":
            _newer(self._messages, data["message_id"], place, None)
        elif name.startswith("message_"):
            _newer(self._messages, data["message_id"], place, data["message"]["content"])


def _newer(known: dict[str, Any], id_: str, place: str, value: Any) -> None:
    if place > known.get(id_, ("",))[0]:
        known[id_] = place, value


def client(server: Server, headers: dict[str, str]) -> httpx.AsyncClient:
    limits = {"base_url": server.url, "trust_env": False, "timeout": PATIENCE_SECONDS}
    return httpx.AsyncClient(headers=headers, **limits)  # type: ignore[arg-type]
