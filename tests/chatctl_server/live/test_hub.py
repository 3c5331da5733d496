"""What a channel keeps, and who is written what: positions, views, signals, limits."""

import asyncio
from typing import Any

import pytest
from lines import Line

from chatctl_server.domain import close_codes
from chatctl_server.live import channels
from chatctl_server.live import hub as hubs
from chatctl_server.live.derived import DerivedViews
from chatctl_server.live.hub import Hub
from chatctl_server.live.subscriber import MAX_OWN_BYTES, Subscriber

VIEW = "plain"


class Client:
    def __init__(self, hub: Hub, view: str = VIEW) -> None:
        self.line = Line()
        self.subscriber: Subscriber = hub.subscriber(self.line, view)

    @property
    def told(self) -> bytes:
        return self.line.told


@pytest.fixture
async def hub() -> Hub:
    return Hub()


def joined(hub: Hub, key: Any = "lobby", view: str = VIEW) -> Client:
    client = Client(hub, view)
    assert hub.join(key, client.subscriber, hub.published)
    return client


def publish(hub: Hub, *texts: str, key: Any = "lobby", view: str = VIEW) -> None:
    for text in texts:
        offset = hub.published + 1
        hub.publish((key,), offset, {view: text.encode()})
        hub.advance(offset)


async def flushed() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


async def test_what_came_together_is_written_at_once_and_joined_once(hub: Hub) -> None:
    clients = [joined(hub) for _ in range(3)]
    publish(hub, "a", "b", "c")
    await flushed()
    assert [each.line.writes for each in clients] == [[b"abc"]] * 3
    first, *others = [each.line.writes[0] for each in clients]
    assert all(other is first for other in others)


class Broken(Line):
    def write(self, frames: bytes) -> None:
        raise RuntimeError("the handler is closed")


@pytest.mark.parametrize("has_own", [False, True])
async def test_a_transport_that_fails_costs_nobody_else_anything(has_own: bool, hub: Hub) -> None:
    lines = [Line(), Broken(), Line()]
    subscribers = [hub.subscriber(line, VIEW) for line in lines]
    for each in subscribers:
        hub.join("a", each, 0)
        if has_own:
            each.push(b"own ")
    for offset in (1, 2):
        hub.publish(("a",), offset, {VIEW: b"%d " % offset})
        hub.advance(offset)
        await asyncio.sleep(0)
    own = b"own " if has_own else b""
    told = {each.replace(b"own ", b"") for each in (lines[0].told, lines[2].told)}
    assert told == {b"1 2 "}
    assert own in lines[0].told
    assert lines[1].is_aborted
    assert subscribers[1].is_finished


async def test_an_answer_goes_behind_what_it_is_about_in_one_write(hub: Hub) -> None:
    anna, bert = joined(hub), joined(hub)
    publish(hub, "message")
    anna.subscriber.push(b"+ack")
    await flushed()
    assert (anna.line.writes, bert.line.writes) == ([b"message+ack"], [b"message"])


async def test_a_greeting_goes_before_what_has_happened_since(hub: Hub) -> None:
    joined(hub)
    publish(hub, "seen", "missed ")
    client = Client(hub)
    client.subscriber.push(b"welcome ")
    assert hub.join("lobby", client.subscriber, 1)
    publish(hub, "message")
    await flushed()
    assert client.told == b"welcome missed message"


async def test_each_is_shown_its_view_and_nothing_of_another(hub: Hub) -> None:
    agent, visitor = joined(hub, view="agent"), joined(hub, view="visitor")
    for offset, frames in enumerate(({"agent": b"note "}, {"agent": b"A", "visitor": b"V"}), 1):
        hub.publish(("lobby",), offset, frames)
        hub.advance(offset)
    await flushed()
    assert (agent.told, visitor.told) == (b"note A", b"V")


async def test_who_joins_at_a_position_is_written_what_is_above_it(hub: Hub) -> None:
    joined(hub)
    publish(hub, "a", "b", "c")
    late = Client(hub)
    assert hub.join("lobby", late.subscriber, 1)
    assert late.told == b"bc"


async def test_who_is_slow_is_queued_nothing_and_goes_on_where_it_stood(hub: Hub) -> None:
    slow, quick = joined(hub), joined(hub)
    slow.subscriber.pause()
    for text in "abc":
        publish(hub, text)
        await flushed()
    assert (slow.told, quick.told) == (b"", b"abc")
    slow.subscriber.resume()
    await flushed()
    assert slow.line.writes == [b"abc"]


async def test_in_one_pass_each_is_written_from_where_it_stood(hub: Hub) -> None:
    behind, level = joined(hub), joined(hub)
    behind.subscriber.pause()
    publish(hub, "a")
    await flushed()
    behind.subscriber.resume()
    publish(hub, "b")
    await flushed()
    assert (behind.line.writes, level.line.writes) == ([b"ab"], [b"a", b"b"])


async def test_what_happens_between_two_slices_is_in_the_second(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubs, "SLICE_WRITES", 1)
    monkeypatch.setattr(hubs, "SLICE_SECONDS", 0)
    first, second = joined(hub), joined(hub)
    publish(hub, "a")
    hub._flush()
    publish(hub, "b")
    await flushed()
    assert (first.line.writes, second.line.writes) == ([b"a", b"b"], [b"ab"])


async def test_who_is_further_behind_than_the_channel_keeps_is_cut_off(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubs, "CHANNEL_BYTES", 10)
    slow, quick = joined(hub), joined(hub)
    slow.subscriber.pause()
    for text in ("five5", "five5", "one more"):
        publish(hub, text)
        await flushed()
    publish(hub, "!")
    await flushed()
    assert (slow.line.code, slow.told) == (close_codes.TOO_SLOW, b"")
    assert (quick.line.code, quick.told) == (None, b"five5five5one more!")


async def test_a_burst_larger_than_a_channel_cuts_nobody_off_who_reads(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubs, "CHANNEL_BYTES", 10)
    monkeypatch.setattr(hubs, "SLICE_WRITES", 1)
    monkeypatch.setattr(hubs, "SLICE_SECONDS", 0)
    clients = [joined(hub) for _ in range(5)]
    publish(hub, *("text" for _ in range(20)))
    await flushed()
    assert [each.told for each in clients] == [b"text" * 20] * 5
    returning = Client(hub)
    assert not hub.join("lobby", returning.subscriber, 1)


async def test_what_a_client_alone_is_owed_has_a_limit(hub: Hub) -> None:
    client = joined(hub)
    client.subscriber.pause()
    client.subscriber.push(bytes(MAX_OWN_BYTES))
    assert not client.subscriber.is_finished
    client.subscriber.push(b"!")
    assert client.line.code == close_codes.TOO_SLOW


async def test_what_was_erased_is_written_to_nobody_any_more(hub: Hub) -> None:
    slow, late = joined(hub), Client(hub)
    slow.subscriber.pause()
    publish(hub, "secret ")
    hub.revise(("lobby",), 1, {VIEW: b"erased "})
    publish(hub, "next")
    slow.subscriber.resume()
    await flushed()
    assert hub.join("lobby", late.subscriber, 0)
    assert slow.told == late.told == b"erased next"


async def test_an_erasure_reaches_what_is_held_for_who_does_not_read(hub: Hub) -> None:
    """Also when the channel is gone."""
    client = Client(hub)
    assert hub.join_many({"one": VIEW, "two": VIEW}, client.subscriber, 0)
    client.subscriber.pause()
    publish(hub, "secret", key="one")
    hub.leave("one", client.subscriber)
    assert not hub.listens("one")
    hub.revise(("one",), 1, {VIEW: b"erased"})
    client.subscriber.resume()
    await flushed()
    assert client.told == b"erased"


async def test_an_erasure_reaches_what_is_joined_already(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two slices of one pass."""
    monkeypatch.setattr(hubs, "SLICE_WRITES", 1)
    monkeypatch.setattr(hubs, "SLICE_SECONDS", 0)
    clients = [joined(hub) for _ in range(4)]
    publish(hub, "secret")
    hub._flush()
    hub.revise(("lobby",), 1, {VIEW: b"erased"})
    await flushed()
    assert [each.told for each in clients] == [b"secret", b"erased", b"erased", b"erased"]


async def test_a_signal_reaches_who_is_there_and_is_not_replayed(hub: Hub) -> None:
    here, slow = joined(hub), joined(hub)
    slow.subscriber.pause()
    hub.signal("lobby", {VIEW: b"typing"})
    await flushed()
    slow.subscriber.resume()
    late = Client(hub)
    assert hub.join("lobby", late.subscriber, hub.published)
    await flushed()
    assert (here.told, slow.told, late.told) == (b"typing", b"", b"")


async def test_who_listens_to_many_hears_them_in_the_order_of_the_log(hub: Hub) -> None:
    client = Client(hub)
    assert hub.join_many({"one": "first", "two": "second"}, client.subscriber, 0)
    for offset, key in enumerate(("one", "two", "one", "three", "two"), 1):
        hub.publish((key,), offset, {"first": b"1%d " % offset, "second": b"2%d " % offset})
        hub.advance(offset)
    await flushed()
    assert client.told == b"11 22 13 25 "


async def test_an_event_of_two_channels_is_heard_once(hub: Hub) -> None:
    client = Client(hub)
    assert hub.join_many({"one": VIEW, "two": VIEW}, client.subscriber, 0)
    hub.publish(("one", "two"), 1, {VIEW: b"once"})
    await flushed()
    assert client.told == b"once"


async def test_who_listens_to_many_and_does_not_read_is_cut_off(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubs, "CHANNEL_BYTES", 10)
    client = Client(hub)
    assert hub.join_many({"one": VIEW, "two": VIEW}, client.subscriber, 0)
    client.subscriber.pause()
    publish(hub, "five5", key="one")
    publish(hub, "five5", key="two")
    assert client.line.code is None
    publish(hub, "!", key="two")
    assert client.line.code == close_codes.TOO_SLOW


async def test_the_largest_channel_gives_way_first(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubs, "HUB_BYTES", 30)
    for key in ("small", "large"):
        joined(hub, key)
    publish(hub, "0123456789", key="small")
    publish(hub, *("0123456789" for _ in range(2)), key="large")
    await flushed()
    publish(hub, "!", key="small")
    assert hub.join("small", Client(hub).subscriber, 0)
    assert not hub.join("large", Client(hub).subscriber, 1)


async def test_a_channel_that_nobody_listens_to_is_forgotten(hub: Hub) -> None:
    client = joined(hub)
    publish(hub, "text")
    hub.leave("lobby", client.subscriber)
    assert not hub.listens("lobby")
    assert hub._size == 0
    await flushed()
    assert client.told == b""


def shout(frame: bytes, offset: int | None) -> bytes:
    return b"%b%d " % (frame.upper(), offset or 0)


async def test_a_derived_view_is_made_once_for_all_who_listen_with_it(hub: Hub) -> None:
    made = []

    def derive(frame: bytes, offset: int | None) -> bytes:
        made.append(frame)
        return shout(frame, offset)

    hub.views.add("loud", VIEW, derive)
    plain = joined(hub)
    publish(hub, "nobody ", "hears ")
    await flushed()
    assert made == []
    loud = [joined(hub, view="loud") for _ in range(3)]
    publish(hub, "hello ")
    hub.signal("lobby", {VIEW: b"hint "})
    await flushed()
    assert plain.told == b"nobody hears hello hint "
    assert {each.told for each in loud} == {b"HELLO 3 HINT 0 "}
    assert made.count(b"hello ") == 1


async def test_a_derived_view_of_what_was_there_before(hub: Hub) -> None:
    """And of what an erasure has put there; a frame of its own goes before."""
    hub.views.add("loud", VIEW, shout)
    hub.pin("lobby")
    publish(hub, "secret ", "b ")
    hub.skip(("lobby",), 3, {VIEW: b"lost ", "loud": b"read anew "})
    hub.advance(3)
    publish(hub, "other ", view="none")
    hub.revise(("lobby",), 1, {VIEW: b"gone "})
    publish(hub, "c ")
    late, many = Client(hub, "loud"), Client(hub, "unused")
    assert not hub.join("lobby", late.subscriber, 0)
    assert hub.join("lobby", late.subscriber, 3)
    assert hub.join_many({"lobby": "loud"}, many.subscriber, 4)
    publish(hub, "d ")
    await flushed()
    assert late.told == b"C 5 D 6 "
    assert many.told == b"C 5 D 6 "


async def test_an_erasure_reaches_a_derived_view(hub: Hub) -> None:
    hub.views.add("loud", VIEW, shout)
    slow = joined(hub, view="loud")
    slow.subscriber.pause()
    publish(hub, "secret ")
    await flushed()
    hub.revise(("lobby",), 1, {VIEW: b"gone "})
    slow.subscriber.resume()
    await flushed()
    assert slow.told == b"GONE 1 "


async def test_signals_in_turn_reach_a_derived_view(hub: Hub) -> None:
    """In a channel of many they are told slice by slice."""
    hub.views.add("loud", VIEW, shout)
    many = [joined(hub, view=("loud", VIEW)[number % 2]) for number in range(130)]
    hub.signal("lobby", {VIEW: b"a "})
    hub.signal("lobby", {VIEW: b"b "})
    await flushed()
    assert [each.told for each in many[:2]] == [b"A 0 B 0 ", b"a b "]
    assert len({each.told for each in many}) == 2


async def test_who_is_far_behind_is_written_parts_in_turn_with_others(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubs, "PART_BYTES", 100)
    slow, other = joined(hub), joined(hub, key="other")
    slow.subscriber.pause()
    publish(hub, *(f"{number:040}" for number in range(10)))
    slow.subscriber.push(b" own")
    await flushed()
    assert slow.line.writes == []
    slow.subscriber.resume()
    publish(hub, "hello", key="other")
    await flushed()
    assert [len(each) for each in slow.line.writes] == [120, 120, 120, 44]
    assert slow.told == b"".join(b"%040d" % number for number in range(10)) + b" own"
    assert other.told == b"hello"


async def test_who_is_paused_within_the_parts_goes_on_behind_the_last(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubs, "PART_BYTES", 100)
    slow = joined(hub)
    write = slow.line.write

    def write_and_pause(frames: bytes) -> None:
        write(frames)
        slow.subscriber.pause()

    slow.line.write = write_and_pause  # type: ignore[method-assign]
    slow.subscriber.pause()
    publish(hub, *(f"{number:040}" for number in range(10)))
    for parts in range(5):
        await flushed()
        assert len(slow.line.writes) == min(parts, 4)
        slow.subscriber.resume()
    assert slow.told == b"".join(b"%040d" % number for number in range(10))


async def test_who_is_closed_is_written_all_that_is_owed_before(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubs, "PART_BYTES", 100)
    slow = joined(hub)
    slow.subscriber.pause()
    publish(hub, *(f"{number:040}" for number in range(10)))
    await flushed()
    slow.subscriber.finish(close_codes.ROOM_CLOSED, b"the end")
    assert len(slow.told) == 400 + len("the end")
    assert slow.line.code == close_codes.ROOM_CLOSED


async def test_what_is_joined_for_those_who_come_back_is_not_kept(hub: Hub) -> None:
    joined(hub)
    publish(hub, *(f"{number:0100}" for number in range(200)))
    await flushed()
    for position in range(1, 200):
        client = Client(hub)
        assert hub.join("lobby", client.subscriber, position)
        assert client.told.startswith(b"%0100d" % position)
    assert len(hub._channels["lobby"].memo) <= channels.MEMO_POSITIONS


async def test_the_budget_is_right_when_a_channel_goes_before_its_turn(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubs, "CHANNEL_BYTES", 100)
    client = joined(hub)
    publish(hub, *(f"{number:040}" for number in range(10)))
    hub.leave("lobby", client.subscriber)
    await flushed()
    assert hub._size == 0


async def test_a_large_batch_is_joined_once_for_all_who_read(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubs, "PART_BYTES", 100)
    made = 0
    frames = DerivedViews.frames

    def counted(of: DerivedViews, entries: Any, view: str) -> Any:
        nonlocal made
        made += 1
        return frames(of, entries, view)

    monkeypatch.setattr(DerivedViews, "frames", counted)
    clients = [joined(hub) for _ in range(200)]
    publish(hub, *(f"{number:040}" for number in range(50)))
    await flushed()
    assert [len(each.line.writes) for each in clients] == [1] * 200
    assert made < 10


async def test_who_is_behind_waits_for_other_channels_between_the_parts(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubs, "PART_BYTES", 40)
    order: list[str] = []

    def heard(name: str, client: Client) -> None:
        write = client.line.write

        def note(frames: bytes) -> None:
            order.append(name)
            write(frames)

        client.line.write = note  # type: ignore[method-assign]

    slow = [joined(hub) for _ in range(60)]
    other = joined(hub, key="other")
    for each in slow:
        each.subscriber.pause()
    publish(hub, *(f"{number:040}" for number in range(100)))
    await flushed()
    for each in slow:
        heard("slow", each)
    heard("other", other)
    for each in slow:
        each.subscriber.resume()
    publish(hub, "hello", key="other")
    await flushed()
    assert order.count("slow") == 60 * 100
    assert order.index("other") < 200


async def test_the_budget_is_the_same_when_those_who_could_not_give_way_have_gone(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubs, "HUB_BYTES", 1_000)
    large = [(key, joined(hub, key)) for key in range(40)]
    for key, _ in large:
        publish(hub, "x" * 100, key=key)
    for key, client in large:
        hub.leave(key, client.subscriber)
    for key in range(40, 45):
        joined(hub, key)
    for _ in range(10):
        for key in range(40, 45):
            publish(hub, "y" * 50, key=key)
        await flushed()
    assert hub._size <= 1_250


async def test_channels_that_cannot_give_way_are_not_looked_through_each_time(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubs, "HUB_BYTES", 8_000)
    looks = 0
    trim = Hub._trim_largest

    def counted(of: Hub) -> None:
        nonlocal looks
        looks += 1
        trim(of)

    monkeypatch.setattr(Hub, "_trim_largest", counted)
    for key in range(1000):  # an entry each, which stays
        joined(hub, key)
        publish(hub, f"{key:040}", key=key)
    await flushed()
    assert 0 < looks < 50
