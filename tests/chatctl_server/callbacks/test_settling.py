"""What a try leaves behind, once; and whose turn it is for the slots that are left."""

from collections import Counter
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


def test_who_holds_the_fewest_slots_is_first() -> None:
    def due(endpoint: int, conversation: int) -> Rendered:
        values = dict.fromkeys(deliveries.Stored.__struct_fields__, 0)
        stored = deliveries.Stored(**values | {"endpoint": endpoint, "conversation": conversation})  # type: ignore[arg-type]
        return Rendered(stored, None)

    found = [due(1, 1), due(1, 2), due(2, 3), due(2, 4), due(3, 5)]
    turns = delivering._in_turns(found, Counter({1: 16, 2: 1}))
    assert [each.delivery.conversation for each in turns] == [5, 3, 4, 1, 2]
