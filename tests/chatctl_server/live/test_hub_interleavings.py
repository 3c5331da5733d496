"""Many channels, joins, leaves, slices, erasures and slow clients, in any order: what each client
is written goes up in the log, and of what it listens to nothing is missing and nothing is twice.

``CHATCTL_PROOF=1`` runs the long form.
"""

import asyncio
import os
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lines import HeldLoop, Line

from chatctl_server.domain import close_codes
from chatctl_server.live import hub as hubs
from chatctl_server.live.hub import Hub
from chatctl_server.live.subscriber import Subscriber

EXAMPLES = 20_000 if os.environ.get("CHATCTL_PROOF") == "1" else 600
KEYS = ("one", "two", "three")
WRITTEN = re.compile(rb"<(\d+)([!?]?)>")

KEY = st.sampled_from(KEYS)
SOME = st.sets(KEY, min_size=1)
VIEW = st.sampled_from(["agent", "visitor"])
CLIENT = st.integers(0, 6)
STEPS = st.one_of(
    st.tuples(st.just("publish"), SOME, st.sampled_from([("agent",), ("agent", "visitor")])),
    st.tuples(st.just("burst"), KEY, st.integers(2, 6)),
    st.tuples(st.just("erase"), st.integers(0, 8)),
    st.tuples(st.just("signal"), KEY),
    st.tuples(st.just("join"), KEY, VIEW, st.integers(0, 6)),
    st.tuples(st.just("join many"), SOME, VIEW),
    st.tuples(st.just("listen to more"), CLIENT, KEY),
    st.tuples(st.just("listen to less"), CLIENT, KEY),
    st.tuples(st.sampled_from(["pause", "resume", "answer"]), CLIENT),
    st.tuples(st.sampled_from(["catch up", "caught up", "listen to nothing"]), CLIENT),
    st.tuples(st.just("flush"), st.sampled_from([1, 1, 2, 10])),
    st.tuples(st.just("flush"), st.sampled_from([1, 1, 2, 10])),
)


class PausedLine(Line):
    subscriber: Subscriber | None = None

    def write(self, frames: bytes) -> None:
        assert self.subscriber is None or self.subscriber.may_be_written
        super().write(frames)


class Client:
    """``wanted``: the offsets of what it must be written, as far as it is not cut off."""

    def __init__(self, hub: Hub, view: str, keys: set[str]) -> None:
        self.view = view
        self.keys = keys
        self.line = PausedLine()
        self.subscriber = hub.subscriber(self.line, view)
        self.line.subscriber = self.subscriber
        self.wanted: list[int] = []
        self.is_of_many = False
        self.has_paused = False


class World:
    def __init__(self, loop: HeldLoop) -> None:
        self.hub = Hub()
        self.loop = loop
        self.clients: list[Client] = []
        self.published: list[tuple[int, set[str], tuple[str, ...]]] = []
        self.erased_at: dict[int, dict[Client, int]] = {}  # how much each was written before it

    def step(self, name: str, *given: Any) -> None:
        steps: dict[str, Callable[..., None]] = {
            "publish": self.publish,
            "burst": self.burst,
            "erase": self.erase,
            "signal": self.signal,
            "join": self.join,
            "join many": self.join_many,
            "flush": self.flush,
        }
        if name in steps:
            steps[name](*given)
        else:
            self.of_client(name, *given)

    def burst(self, key: str, count: int) -> None:
        for _ in range(count):
            self.publish({key}, ("agent", "visitor"))

    def signal(self, key: str) -> None:
        self.hub.signal(key, dict.fromkeys(("agent", "visitor"), b"~"))

    def publish(self, keys: set[str], views: tuple[str, ...]) -> None:
        offset = self.hub.published + 1
        self.published.append((offset, keys, views))
        for client in self.clients:
            if client.keys & keys and client.view in views:
                client.wanted.append(offset)
        self.hub.publish(sorted(keys), offset, dict.fromkeys(views, b"<%d>" % offset))
        self.hub.advance(offset)

    def erase(self, back: int) -> None:
        if back >= len(self.published):
            return
        offset, keys, views = self.published[-1 - back]
        self.erased_at[offset] = {each: len(each.line.told) for each in self.clients}
        self.hub.revise(sorted(keys), offset, dict.fromkeys(views, b"<%d!>" % offset))

    def join(self, key: str, view: str, back: int) -> None:
        client = Client(self.hub, view, {key})
        after = max(0, self.hub.published - back)
        client.wanted = [
            offset
            for offset, keys, views in self.published
            if offset > after and key in keys and view in views
        ]
        if self.hub.join(key, client.subscriber, after):
            self.clients.append(client)
        else:
            assert back, "kept out, though nothing is missing"

    def join_many(self, keys: set[str], view: str) -> None:
        client = Client(self.hub, view, set(keys))
        client.is_of_many = True
        wanted = dict.fromkeys(sorted(keys), view)
        assert self.hub.join_many(wanted, client.subscriber, self.hub.published)
        self.clients.append(client)

    def of_client(self, name: str, number: int, key: str = "") -> None:
        if not self.clients:
            return
        client = self.clients[number % len(self.clients)]
        match name:
            case "pause":
                client.has_paused = True
                client.subscriber.pause()
            case "resume":
                client.subscriber.resume()
            case "answer":
                client.subscriber.push(b"~")
            case _ if client.is_of_many:
                self.of_many(name, client, key)

    def of_many(self, name: str, client: Client, key: str) -> None:
        match name:
            case "catch up":
                client.has_paused = client.subscriber.is_catching_up = True
            case "caught up":
                client.subscriber.caught_up()
            case "listen to nothing":
                client.keys.clear()
                self.hub.leave_all(client.subscriber)
            case "listen to more" if key not in client.keys:
                client.keys.add(key)
                self.hub.add(key, client.subscriber, client.view)
            case "listen to less" if key in client.keys:
                client.keys.discard(key)
                self.hub.leave(key, client.subscriber)

    def finish(self) -> None:
        for client in self.clients:
            client.subscriber.resume()
            client.subscriber.caught_up()
        while self.loop.held:
            self.flush(1)

    def flush(self, slices: int) -> None:
        for _ in range(slices):
            if self.loop.held:
                self.loop.held.popleft()()

    def check(self, client: Client) -> None:
        told = client.line.told.replace(b"~", b"")
        found = [(int(offset), bool(mark)) for offset, mark in WRITTEN.findall(told)]
        offsets = [offset for offset, _ in found]
        if client.line.code is None:
            assert offsets == client.wanted
        else:
            assert client.line.code == close_codes.TOO_SLOW
            assert client.has_paused, "cut off, though it was reading"
            assert offsets == client.wanted[: len(offsets)]
        for offset, is_erased in found:
            before = self.erased_at.get(offset, {}).get(client)
            if before is not None and b"<%d>" % offset not in client.line.told[:before]:
                assert is_erased, "written after it was erased"


@pytest.fixture(autouse=True)
def small_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a few frames fill channels and slices."""
    monkeypatch.setattr(hubs, "CHANNEL_BYTES", 12)
    monkeypatch.setattr(hubs, "HUB_BYTES", 30)
    monkeypatch.setattr(hubs, "SLICE_WRITES", 1)
    monkeypatch.setattr(hubs, "SLICE_SECONDS", 0)


@given(steps=st.lists(STEPS, min_size=5, max_size=60))
@settings(max_examples=EXAMPLES, deadline=None)
def test_in_log_order_nothing_is_missing_and_nothing_is_twice(steps: list[Any]) -> None:
    with asyncio.Runner(loop_factory=HeldLoop) as runner:
        runner.run(_play(steps))


async def _play(steps: list[Any]) -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, HeldLoop)
    world = World(loop)
    for name, *given_values in steps:
        world.step(name, *given_values)
    world.finish()
    for client in world.clients:
        world.check(client)
