"""An event of a type that a newer version wrote: whoever reads the log goes on behind it."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from lived_in import tamper
from offline import Offline, reading, room
from peewee import Database

from chatctl_server.domain import events, times
from chatctl_server.live.notifier import Notifier
from chatctl_server.storage import cursors, log, maintenance, replay, whereabouts
from chatctl_server.storage.store import Store
from chatctl_server.views.events import event_object
from chatctl_server.views.rooms import frames
from chatctl_server.workers.audit import Audit
from chatctl_server.workers.follower import Follower

LOBBY = room(1)
TAGGED = events.Unknown("message.tagged", msgspec.Raw(b'{"message_id": 1, "tags": ["x"]}'))


@pytest.fixture
def newer(database: Path) -> Path:
    """With a tagged message in the lobby, then one more post."""
    tamper(
        database,
        "UPDATE counter SET value = value + 1 WHERE name = 'event'",
        "INSERT INTO event SELECT value, 'message.tagged', 'state', 1, 1, 'ann', 'test', NULL, "
        '1700000020000000, \'{"message_id": 1, "tags": ["x"]}\' '
        "FROM counter WHERE name = 'event'",
    )
    scene = Offline(database, now=1_700_000_030_000_000)
    scene.post(LOBBY, "dave", "behind it")
    scene.close()
    return database


@pytest.fixture
def reader(newer: Path) -> Iterator[Database]:
    with reading(newer) as db:
        yield db


def tagged_at(db: Database) -> int:
    return log.newest_offset(db) - 1


def test_every_reader_of_the_log_reads_it_and_what_follows(reader: Database) -> None:
    place = tagged_at(reader)
    entry = log.one(reader, place)
    assert entry is not None
    assert (entry.scope, entry.conversation, entry.payload) == (1, 1, TAGGED)
    found = log.read_after(reader, 0, 1000)
    assert [each.offset for each in found] == list(range(1, place + 2))
    assert found[-2] == entry
    assert log.read_but_posts(reader, place - 1, 10) == ([entry], place + 1)
    assert log.find_after(reader, log.EventFilter(type_glob="message.tag*"), 0, 10) == [entry]
    assert log.find_last(reader, log.EventFilter(conversation=1), 0, 2) == found[-2:]


def test_a_replay_goes_on_behind_it_and_the_room_is_not_sent_it(reader: Database) -> None:
    entries: list[replay.Replayed] = []
    offset, seq = 0, 0
    while offset < log.newest_offset(reader):
        page = replay.page(reader, LOBBY, offset, seq)
        offset, seq = page.offset, page.seq
        entries += page.entries
    tagged, last = entries[-2:]
    assert isinstance(tagged, events.Event)
    assert tagged.payload == TAGGED
    assert frames.of_replayed(tagged) is None
    assert b"behind it" in (frames.of_replayed(last) or b"")


def test_it_is_shown_as_it_is(reader: Database) -> None:
    entry = log.one(reader, tagged_at(reader))
    assert entry is not None
    shown = event_object(entry, whereabouts.of_one(reader, entry))
    assert (shown.type, shown.scope, shown.actor) == ("message.tagged", "rooms", "ann")
    values = msgspec.json.decode(msgspec.json.encode(shown.data))
    assert values == {"message_id": 1, "tags": ["x"]}
    assert events.sentence(shown.type, values) == "* message.tagged, of a newer version"


async def test_a_follower_passes_over_it(newer: Path) -> None:
    store = Store(newer, durable=False, clock=times.now)
    await store.open()
    try:
        follower = Follower("passing", store, Notifier(), Audit(store).handle)
        while await follower.step():
            pass
        newest = await store.read(log.newest_offset)
        assert await store.read(cursors.position, "passing") == newest
    finally:
        await store.close()


def test_check_and_verify_find_nothing_unless_it_is_damaged(newer: Path) -> None:
    assert maintenance.check(newer) == maintenance.verify(newer) == []
    tamper(newer, "UPDATE event SET payload = '{' WHERE type = 'message.tagged'")
    assert {each.rule for each in maintenance.check(newer)} == {"events"}
    assert [each.kind for each in maintenance.verify(newer)] == ["unreadable"]
