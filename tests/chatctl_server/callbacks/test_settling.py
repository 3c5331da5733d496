"""What a try leaves behind, once; and whose turn it is for the slots that are left."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from chatctl_server.conversation import batches, callbacks, rooms
from chatctl_server.domain import facts, times
from chatctl_server.domain.callbacks import Again, Outcome
from chatctl_server.storage import deliveries, maintenance
from chatctl_server.storage.deliveries import Planned
from chatctl_server.storage.sql import Database
from chatctl_server.storage.store import Store
from chatctl_server.storage.transaction import Tx
from chatctl_server.workers import delivering
from chatctl_server.workers.delivering import Head, Look, Places
from chatctl_server.workers.rendering import Rendered, Rendering

SIZES = batches.Sizes(100, 100, 4)
ACTOR = facts.Actor(None, "test")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    maintenance.prepare(tmp_path / "chat.db", durable=False)
    store = Store(tmp_path / "chat.db", durable=False, clock=times.now)
    await store.open()
    await store.write(callbacks.configure, {"room_event": "http://127.0.0.1:1/"}, 0)
    await store.write(rooms.create, ACTOR, "lobby", [])
    yield store
    await store.close()


def plan(tx: Tx, event: str = "room_created", fact: int = 1) -> deliveries.Stored:
    number = deliveries.add(tx.db, [Planned(1, 1, event, fact, fact, 1000)], tx.now, 0)
    found = deliveries.one(tx.db, number)
    assert found is not None
    return found


FAILED = callbacks.Settled(1, Outcome(5, status=500), Again(5), b"hash", 0)


async def test_a_try_is_settled_once(store: Store) -> None:
    """Whose commit was in doubt is settled again: it must not count twice."""
    delivery = await store.write(plan)
    assert await store.write(callbacks.settle, delivery, FAILED, SIZES)
    assert not await store.write(callbacks.settle, delivery, FAILED, SIZES)
    assert len(await store.read(deliveries.tries, delivery.id)) == 1


async def test_the_first_try_and_the_newest_are_kept(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "KEPT_TRIES", 3)
    delivery = await store.write(plan)
    for number in range(8):
        tried = msgspec.structs.replace(delivery, tries=number)
        assert await store.write(callbacks.settle, tried, FAILED, SIZES)
    kept = await store.read(deliveries.tries, delivery.id)
    assert [each.number for each in kept] == [1, 6, 7, 8]


def _render(db: Database, delivery: deliveries.Stored) -> Rendered:
    rendering = Rendering(lambda conversation: 0, 100, times.now)
    return rendering.render(db, delivery, is_slow=False)


@pytest.mark.parametrize("event", ["room_created", "data_sync", "periodic_sync"])
async def test_a_fact_that_is_not_there_is_the_trouble_of_its_delivery_alone(
    store: Store, event: str
) -> None:
    delivery = await store.write(plan, event, 4711)
    rendered = await store.read(_render, delivery)
    assert rendered.trouble == "LookupError: the log has no fact 4711"


def head(endpoint: int, conversation: int, is_slow: bool = False) -> Head:
    values = dict.fromkeys(deliveries.Stored.__struct_fields__, 0)
    stored = deliveries.Stored(**values | {"endpoint": endpoint, "conversation": conversation})  # type: ignore[arg-type]
    return Head(stored, is_slow)


def chosen(heads: list[Head], places: dict[int, Places], slots: int, may_hang: int) -> list[int]:
    found = delivering.choose(heads, Look(places, slots, may_hang, now=0))
    return [each.delivery.conversation for each in found]


def test_who_holds_the_fewest_slots_is_first() -> None:
    heads = [head(1, 1), head(1, 2), head(2, 3), head(2, 4), head(3, 5)]
    places = {1: Places(busy=frozenset(range(16))), 2: Places(busy=frozenset([9]))}
    assert chosen(heads, places, 128, 64) == [5, 3, 4, 1, 2]
    assert chosen(heads, places, 2, 64) == [5, 3], "no more is made ready than there are slots for"


def test_what_may_hang_has_its_share_and_no_more() -> None:
    heads = [head(1, 1, True), head(1, 2, True), head(2, 3), head(3, 4)]
    assert chosen(heads, {2: Places(hangs=True)}, 128, 1) == [1, 4]
    assert chosen(heads, {2: Places(hangs=True)}, 128, 0) == [4]
    assert chosen(heads, {}, 128, 1) == [1, 3, 4]


async def test_no_endpoint_is_the_last_for_ever(store: Store) -> None:
    """While all slots but one are taken, each endpoint has its turn."""
    urls = {"room_event": "http://127.0.0.1:1/", "data": "http://127.0.0.1:2/"}
    await store.write(callbacks.configure, urls, 0)

    def fill(tx: Tx) -> None:
        both = [Planned(endpoint, 1, "room_created", 1, 1, 4) for endpoint in (1, 2)]
        deliveries.add(tx.db, both, tx.now, 0)

    await store.write(fill)
    rendering = Rendering(lambda conversation: 0, 100, times.now)
    served = set()
    for turn in range(2):
        look = Look({}, slots=1, may_hang=1, now=1, turn=turn)
        [rendered] = (await store.read(delivering._due, look, rendering)).rendered
        served.add(rendered.delivery.endpoint)
    assert served == {1, 2}
