"""What a try leaves behind, once; and whose turn it is for the slots that are left."""

import asyncio
import shutil
from pathlib import Path

import delivery
import msgspec
import pytest
from offline import Offline

from chatctl_server.actions import callbacks, conversations, history_batches
from chatctl_server.actions import endpoints as operating
from chatctl_server.actions.attempts import RECORD, AttemptEnded
from chatctl_server.domain import events, times
from chatctl_server.domain.callbacks import Again, Delivered, GivenUp, Outcome, Skipped
from chatctl_server.settings.sources import Settings
from chatctl_server.storage import deliveries
from chatctl_server.storage.deliveries import Planned
from chatctl_server.storage.models import DeliveryTable
from chatctl_server.storage.sql import Database
from chatctl_server.storage.store import Store
from chatctl_server.storage.transaction import Tx
from chatctl_server.workers.callbacks import sender
from chatctl_server.workers.callbacks.renderer import Rendered, Rendering
from chatctl_server.workers.callbacks.sender import Head, Look, Places

ACTOR = events.Actor(None, "test")


@pytest.fixture
async def store(store: Store) -> Store:
    await store.write(callbacks.configure, {"room_event": "http://127.0.0.1:1/"}, 0)
    await store.write(conversations.create_room, ACTOR, "lobby", [])
    return store


def failed(planned: deliveries.Delivery) -> AttemptEnded:
    return AttemptEnded(planned, 1, Outcome(5, status=500), Again(5), b"hash", 0, delivery.SIZES)


async def test_a_try_is_recorded_once(store: Store) -> None:
    """Whose commit was in doubt is recorded again: it must not count twice."""
    planned = await store.write(delivery.plan)
    assert await store.write(RECORD, failed(planned))
    assert not await store.write(RECORD, failed(planned))
    assert len(await store.read(deliveries.tries, planned.id)) == 1


async def test_the_first_try_and_the_newest_are_kept(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "KEPT_TRIES", 3)
    planned = await store.write(delivery.plan)
    for number in range(8):
        tried = msgspec.structs.replace(planned, tries=number)
        assert await store.write(RECORD, failed(tried))
    kept = await store.read(deliveries.tries, planned.id)
    assert [each.number for each in kept] == [1, 6, 7, 8]


URLS = {"chat_history": "http://127.0.0.1:1/", "data": "http://127.0.0.1:2/"}
TRIED_AGAIN = Again(7), Outcome(5, status=503, answer=b"later\0" * 1000)
TIMED_OUT = Again(9), Outcome(30, error="timeout", detail="nothing came")
ARRIVED = Delivered(), Outcome(5, status=200)
REFUSED = GivenUp(), Outcome(5, status=500, detail="\N{SNOWMAN}")
SKIPPED = Skipped(), Outcome(5, status=401)
STATUS = list(DeliveryTable._meta.fields).index("status")
IS_GONE = GivenUp(is_gone=True), Outcome(5, status=410)


def busy(path: Path) -> tuple[Offline, list[AttemptEnded]]:
    """Eight rooms with a run of batches and two states each, to three endpoints; the first tries of
    their ordering keys have ended in all the ways there are. Some of them had ended before."""
    desk = Offline(path)
    desk.call(callbacks.configure, URLS, 0)
    desk.run(operating.add, "http://127.0.0.1:3/", ["room.*"], None, True, Settings())
    ends = [ARRIVED, TRIED_AGAIN, TIMED_OUT, REFUSED, SKIPPED, IS_GONE, ARRIVED, TIMED_OUT]
    tries = []
    for room, (verdict, outcome) in enumerate(ends, 1):
        made = desk.create_room(f"room {room}")
        for number in range(3):
            desk.post(made, "anna", f"hello {number}")
        desk.call(history_batches.start_run, 1, "chat_history", made, delivery.SIZES, 0)
        planned = [Planned(2 + number % 2, room, "data_sync", 1, 1, 4) for number in range(4)]
        desk.call(delivery.add, *planned)
        for endpoint in (1, 2, 3):
            [head] = heads(desk, endpoint, room)
            tries.append(AttemptEnded(head, 1, outcome, verdict, b"hash", 11, delivery.SIZES))
    desk.call(RECORD, tries[0])
    return desk, [*tries, tries[-1]]


def heads(desk: Offline, endpoint: int, room: int) -> list[deliveries.Delivery]:
    def ask(tx: Tx) -> list[deliveries.Delivery]:
        found = deliveries.due(tx.db, endpoint, is_slow=False, now=100, limit=100)
        return [each for each in found if each.conversation == room]

    return list(desk.call(ask))


def tables(desk: Offline) -> dict[str, list[tuple[object, ...]]]:
    names = ("delivery", "attempt", "ordering_key", "batch", "endpoint", "event", "cursor")

    def ask(tx: Tx) -> dict[str, list[tuple[object, ...]]]:
        return {
            name: tx.db.execute_sql(f"SELECT * FROM {name} ORDER BY 1, 2").fetchall()
            for name in names
        }

    return dict(desk.call(ask))


def test_tries_that_are_recorded_together_lead_to_the_same_as_one_by_one(tmp_path: Path) -> None:
    desk, tries = busy(tmp_path / "chat.db")
    desk.close()
    shutil.copy(tmp_path / "chat.db", tmp_path / "copy.db")
    desk, other = Offline(tmp_path / "chat.db"), Offline(tmp_path / "copy.db")
    together = desk.together(*((RECORD, each) for each in tries))
    assert together == [other.call(RECORD, each) for each in tries]
    assert together.count(False) == 2, "one had ended before, and one is there twice"
    found, expected = tables(desk), tables(other)
    assert found == expected
    statuses = {row[STATUS] for row in found["delivery"]}
    assert statuses == {"pending", "delivered", "failed", "skipped"}
    desk.close()
    other.close()


def test_an_ordering_key_ends_with_its_last_delivery(desk: Offline) -> None:
    desk.call(callbacks.configure, {"room_event": "http://127.0.0.1:1/"}, 0)
    both = [desk.call(delivery.plan), desk.call(delivery.plan)]
    desk.call(RECORD, AttemptEnded(both[0], 1, *ARRIVED[::-1], b"hash", 11, delivery.SIZES))
    assert [row[:4] for row in tables(desk)["ordering_key"]] == [(1, 1, 11, 0)]
    desk.call(RECORD, AttemptEnded(both[1], 1, *ARRIVED[::-1], b"hash", 12, delivery.SIZES))
    assert tables(desk)["ordering_key"] == []


def test_no_backlog_is_read_whole_whatever_statistics_the_file_has(desk: Offline) -> None:
    """An operator may have run ANALYZE while little was pending."""
    desk.call(callbacks.configure, {"room_event": "http://127.0.0.1:1/"}, 0)
    for first in range(0, 1000, 100):
        planned = [Planned(1, first + n, "room_created", 1, 1, 4) for n in range(100)]
        desk.call(delivery.add, *planned)

    def explained(tx: Tx) -> list[str]:
        tx.db.execute_sql("UPDATE delivery SET status = 'delivered' WHERE id > 3")
        tx.db.execute_sql("DELETE FROM ordering_key WHERE conversation > 3")
        tx.db.execute_sql("ANALYZE")
        asked = (deliveries._PENDING, deliveries._MARK_TRIED, deliveries._RESCHEDULE)
        texts = [text for each in (*asked, deliveries._END_KEYS) for text in each._texts]
        return [
            row[3]
            for text in texts
            for row in tx.db.execute_sql(f"EXPLAIN QUERY PLAN {text}", (0,) * text.count("?"))
        ]

    steps = desk.call(explained)
    assert "SEARCH delivery USING INTEGER PRIMARY KEY (rowid=?)" in steps
    assert [each for each in steps if each.startswith(("SCAN delivery", "SCAN ordering_key"))] == []


async def test_a_try_that_cannot_be_stored_keeps_no_other_from_it(store: Store) -> None:
    good, bad, other = [await store.write(delivery.plan) for _ in range(3)]
    broken = msgspec.structs.replace(failed(bad), outcome=Outcome(5, error="\ud800"))
    found = await asyncio.gather(
        *(store.write(RECORD, each) for each in (failed(good), broken, failed(other))),
        return_exceptions=True,
    )
    assert [type(each) for each in found] == [bool, UnicodeEncodeError, bool]
    counts = [len(await store.read(deliveries.tries, each.id)) for each in (good, bad, other)]
    assert counts == [1, 0, 1]


def _render(db: Database, planned: deliveries.Delivery) -> Rendered:
    rendering = Rendering(lambda conversation: 0, 100, times.now)
    return rendering.render(db, planned, is_slow=False)


async def test_an_event_that_is_not_there_is_the_trouble_of_its_delivery_alone(
    store: Store,
) -> None:
    for event in ("room_created", "data_sync", "periodic_sync"):
        planned = await store.write(delivery.plan, 1, event, 4711)
        rendered = await store.read(_render, planned)
        assert rendered.trouble == "LookupError: the log has no event 4711"


async def test_a_room_that_is_damaged_is_the_trouble_of_its_state_alone(store: Store) -> None:
    def damage(tx: Tx) -> None:
        tx.db.execute_sql("DELETE FROM room_stats")

    await store.write(damage)
    told = await store.read(_render, await store.write(delivery.plan))
    assert (told.trouble, told.room_name) == (None, "lobby")
    rendered = await store.read(_render, await store.write(delivery.plan, 1, "data_sync"))
    assert rendered.trouble == "ConversationNotFound: There is no such room"


def head(endpoint: int, conversation: int, is_slow: bool = False) -> Head:
    values = dict.fromkeys(deliveries.Delivery.__struct_fields__, 0)
    stored = deliveries.Delivery(**values | {"endpoint": endpoint, "conversation": conversation})  # type: ignore[arg-type]
    return Head(stored, is_slow)


def chosen(heads: list[Head], places: dict[int, Places], slots: int, may_hang: int) -> list[int]:
    found = sender.choose(heads, Look(places, slots, may_hang, now=0))
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

    for endpoint in (1, 2):
        await store.write(delivery.plan, endpoint)
    rendering = Rendering(lambda conversation: 0, 100, times.now)
    served = set()
    for turn in range(2):
        look = Look({}, slots=1, may_hang=1, now=1, turn=turn)
        [rendered] = (await store.read(sender._due, look, rendering)).rendered
        served.add(rendered.delivery.endpoint)
    assert served == {1, 2}
