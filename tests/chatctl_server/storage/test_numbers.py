"""No number is given twice, also when all that had it was removed: ids, offsets, seq."""

from typing import NamedTuple

import pytest
from lived_in import tamper
from offline import HOST, Offline

from chatctl_server.actions import conversations, scopes, sessions
from chatctl_server.domain import events
from chatctl_server.domain.references import RoomRef
from chatctl_server.storage import log
from chatctl_server.storage.transaction import Tx


class Numbers(NamedTuple):
    conversation: int
    session: int
    message: int
    offset: int


def fill(scene: Offline, ref: RoomRef) -> Numbers:
    """Everything of which one is in a room; the newest number of each kind."""
    session = scene.run(sessions.join, ref, "ann", "Ann").session_id
    message = scene.post(ref, "ann", "hello").message_id
    offset = scene.call(lambda tx: log.newest_offset(tx.db))
    return Numbers(ref.id, session, message, offset)


def purge(scene: Offline, ref: RoomRef) -> None:
    """By hand: all rows of a room, its events too."""
    scene.writing.close()
    tables = ("message", "room_session", "participant", "room_stats", "ban", "mute", "event")
    tamper(
        scene.path,
        *(f"DELETE FROM {table} WHERE conversation = {ref.id}" for table in tables),
        f"DELETE FROM conversation WHERE id = {ref.id}",
    )


@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_removed_room_gives_none_of_its_numbers_to_another(
    desk: Offline, is_restarted: bool
) -> None:
    other = desk.create_room("other")
    desk.post(other, "bob", "one")
    gone = desk.create_room("gone", "ann")
    fill(desk, gone)
    before = fill(desk, gone)
    assert desk.post(other, "bob", "two").seq == 2
    newest = desk.call(lambda tx: log.newest_offset(tx.db))
    purge(desk, gone)
    # Its newest event goes, too: what is given next must not be counted from what is left.
    tamper(desk.path, f"DELETE FROM event WHERE id = {newest}")
    if is_restarted:
        desk.restart()
    new = desk.create_room("new", "ann")
    after = fill(desk, new)
    assert all(later > earlier for later, earlier in zip(after, before, strict=True))
    assert after.offset > newest
    assert desk.post(new, "ann", "again").seq == 2
    third = desk.post(other, "bob", "three")
    assert third.seq == 3
    assert third.message_id > after.message


def test_what_is_undone_gives_its_numbers_back(scene: Offline) -> None:
    """The log has no hole for a refusal, nor for one that broke in the middle."""
    ref = scene.create_room("lobby")

    def begin_and_break(tx: Tx, actor: events.Actor) -> None:
        conversations.create_room(tx, actor, "never")
        raise RuntimeError("after all")

    with pytest.raises(RuntimeError):
        scene.run(begin_and_break)
    broken, made = scene.together(
        (begin_and_break, HOST), (conversations.create_room, HOST, "second")
    )
    assert isinstance(broken, RuntimeError)
    assert made.ref.id == ref.id + 1
    assert scene.call(lambda tx: log.newest_offset(tx.db)) == 2


def test_the_numbers_of_scopes_are_counted(desk: Offline) -> None:
    first = desk.run(scopes.create, "workspace", 1)
    desk.writing.close()
    tamper(desk.path, f"DELETE FROM scope WHERE id = {first}")
    assert desk.run(scopes.create, "workspace", 2) == first + 1
