"""Server-sent events as a browser's EventSource reads them (WHATWG HTML, 9.2.6), over a real
connection: of a room, or of an account."""

import itertools
import json
import time
from collections.abc import Iterator
from typing import Any, NamedTuple, Self

import httpx
from world import NO_TLS, PATIENCE_SECONDS, Frame, Room, Server


class Event(NamedTuple):
    """``id`` is that of the event itself; None where it has none."""

    id: str | None
    name: str
    data: Any


class EventSource:
    """``last_id`` is what it would show as ``Last-Event-ID`` when it connects again."""

    def __init__(
        self,
        server: Server,
        path: str,
        last_id: str | None = None,
        headers: dict[str, str] | None = None,
        **query: str | int,
    ) -> None:
        self.last_id = last_id
        shown = {**(headers or {}), **({} if last_id is None else {"Last-Event-ID": last_id})}
        self._client = httpx.Client(
            base_url=server.url, timeout=PATIENCE_SECONDS, trust_env=False, verify=NO_TLS
        )
        request = self._client.build_request("GET", path, params=query, headers=shown)
        self.answer = self._client.send(request, stream=True)
        self._lines = self.answer.iter_lines()
        self._events = self._parse()

    def _parse(self) -> Iterator[Event]:
        while block := list(itertools.takewhile(bool, self._lines)):
            fields = [line.partition(": ") for line in block if line != ":"]
            if fields:
                named = {name: value for name, _, value in fields}
                self.last_id = named.get("id", self.last_id)
                data = "\n".join(value for name, _, value in fields if name == "data")
                yield Event(named.get("id"), named.get("event", "message"), json.loads(data))

    def next(self) -> Event:
        return next(self._events)

    def comment(self) -> None:
        """Returns when one has come; what comes before it is passed over."""
        next(line for line in self._lines if line == ":")
        next(self._lines)  # the empty one that ends it

    def rest(self) -> list[Event]:
        """Up to the end of the stream."""
        return list(self._events)

    def close(self) -> None:
        self.answer.close()
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Listener(EventSource):
    """Of a room."""

    def __init__(
        self,
        room: Room,
        user_id: str | None,
        last_id: str | None = None,
        headers: dict[str, str] | None = None,
        **query: str | int,
    ) -> None:
        asked = query if user_id is None else {"user_id": user_id, **query}
        super().__init__(room.server, f"/events/rooms/{room.id}", last_id, headers, **asked)

    def receive(self, name: str) -> Event:
        """The next frame of that type; others before it are passed over."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            event = self.next()
            if event.data.get("type") == name:
                return event
        raise AssertionError(f"no {name}")

    def messages(self, count: int) -> list[Frame]:
        return [self.receive("Message").data["payload"] for _ in range(count)]


def follow(room: Room, user_id: str, last_id: str | None = None, **query: Any) -> Listener:
    """Welcomed."""
    listener = Listener(room, user_id, last_id, **query)
    assert listener.answer.status_code == 200, listener.answer.read()
    welcome = listener.next()
    assert welcome.data["type"] == "WelcomeInfo", welcome
    return listener
