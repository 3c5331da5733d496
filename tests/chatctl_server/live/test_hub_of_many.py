"""Who listens to many channels: what is kept for them, who is left out, and how they leave."""

import asyncio

import pytest
from lines import Line

from chatctl_server.domain import close_codes
from chatctl_server.live import hub as hubs
from chatctl_server.live.hub import Hub
from chatctl_server.live.subscriber import Subscriber

VIEW = "plain"


class Client:
    def __init__(self, hub: Hub, *keys: str, owner: str | None = None) -> None:
        self.line = Line()
        self.subscriber: Subscriber = hub.subscriber(self.line, VIEW)
        self.subscriber.owner = owner
        assert hub.join_many(dict.fromkeys(keys, VIEW), self.subscriber, hub.published)

    @property
    def told(self) -> bytes:
        return self.line.told


@pytest.fixture
async def hub() -> Hub:
    return Hub()


def publish(hub: Hub, key: str, *texts: str) -> None:
    for text in texts:
        hub.publish((key,), hub.published + 1, {VIEW: text.encode()})
        hub.advance(hub.published + 1)


async def flushed() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


async def test_nothing_is_kept_of_a_channel_that_only_such_listen_to(hub: Hub) -> None:
    """They keep what they are owed; who joins it alone begins with what comes."""
    many = Client(hub, "one", "two")
    publish(hub, "one", "a", "b")
    assert hub._size == 0
    alone = hub.subscriber(late := Line(), VIEW)
    assert not hub.join("one", alone, 1)
    assert hub.join("one", alone, hub.published)
    publish(hub, "one", "c")
    await flushed()
    assert (many.told, late.told) == (b"abc", b"c")
    assert hub._size == 1


async def test_what_happens_while_one_catches_up_waits_until_it_has(hub: Hub) -> None:
    client = Client(hub, "one", "two")
    client.subscriber.is_catching_up = True
    publish(hub, "one", "b")
    hub.signal("one", {VIEW: b"signal"})
    await flushed()
    client.subscriber.replay([b"a"])
    assert client.told == b"a"
    client.subscriber.caught_up()
    publish(hub, "two", "c")
    await flushed()
    assert client.told == b"abc"


async def test_what_waits_for_one_that_catches_up_has_a_limit(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubs, "CHANNEL_BYTES", 10)
    client = Client(hub, "one")
    client.subscriber.is_catching_up = True
    publish(hub, "one", "0123456789")
    assert client.line.code is None
    publish(hub, "one", "!")
    assert client.line.code == close_codes.TOO_SLOW


async def test_a_signal_leaves_out_the_subscribers_of_one(hub: Hub) -> None:
    anna, tab, bert = (Client(hub, "one", "two", owner=each) for each in ("anna", "anna", "bert"))
    hub.signal("one", {VIEW: b"of anna "}, but="anna")
    hub.signal("one", {VIEW: b"of bert "}, but="bert")
    hub.signal("one", {VIEW: b"of all "})
    await flushed()
    assert anna.told == tab.told == b"of bert of all "
    assert bert.told == b"of anna of all "


async def test_a_signal_in_a_channel_of_few_leaves_them_out_too(hub: Hub) -> None:
    lines = {}
    for owner in ("anna", "bert"):
        subscriber = hub.subscriber(line := Line(), VIEW)
        subscriber.owner, lines[owner] = owner, line
        hub.join("one", subscriber, 0)
    hub.signal("one", {VIEW: b"typing"}, but="anna")
    await flushed()
    assert (lines["anna"].told, lines["bert"].told) == (b"", b"typing")


async def test_who_leaves_all_leaves_no_channel_behind(hub: Hub) -> None:
    client, other = Client(hub, "one", "two"), Client(hub, "two")
    hub.add("three", client.subscriber, VIEW)
    hub.leave("one", client.subscriber)
    publish(hub, "three", "a")
    hub.leave_all(client.subscriber)
    assert [key for key in ("one", "two", "three") if hub.listens(key)] == ["two"]
    publish(hub, "two", "b")
    await flushed()
    assert (client.told, other.told) == (b"a", b"b")
