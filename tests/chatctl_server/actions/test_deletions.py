"""A soft delete hides a message and keeps its text; an erasure takes the text out everywhere."""

from typing import NamedTuple

import pytest
from offline import SECOND, Offline

from chatctl_server import errors
from chatctl_server.actions import conversations, messages
from chatctl_server.domain import events
from chatctl_server.domain.references import RoomRef
from chatctl_server.storage import log
from chatctl_server.storage import messages as stored
from chatctl_server.storage.transaction import Tx
from chatctl_server.views.rooms import frames


class Kept(NamedTuple):
    """Of a message: its row, its text in the log, and the types of all events."""

    row: stored.Message
    logged: str
    types: list[str]


@pytest.fixture
def lobby(scene: Offline) -> RoomRef:
    """With two messages; the first says a secret."""
    ref = scene.create_room("lobby")
    scene.post(ref, "ann", "a secret", attachments=("plan.pdf",))
    scene.post(ref, "bob", "hush")
    scene.now += SECOND
    return ref


def kept(scene: Offline, ref: RoomRef) -> Kept:
    def ask(tx: Tx) -> Kept:
        row = stored.one(tx.db, ref, 1)
        assert row is not None
        posted = log.one(tx.db, row.event_offset)
        assert posted is not None
        assert isinstance(posted.payload, events.MessagePosted)
        found = log.read_after(tx.db, 3, 100)
        types = [events.type_name(entry.payload) for entry in found]
        return Kept(row, posted.payload.content, types)

    found: Kept = scene.call(ask)
    return found


def test_a_soft_delete_keeps_the_text_in_table_and_log(scene: Offline, lobby: RoomRef) -> None:
    entry = scene.run(messages.delete, lobby, 1)
    found = kept(scene, lobby)
    assert (found.row.content, found.logged) == ("a secret", "a secret")
    assert found.row.attachments == '["plan.pdf"]'
    assert (found.row.deleted_at, found.row.erased_at) == (scene.now, None)
    assert found.row.changed_offset == entry.offset
    assert found.types == ["message.deleted"]
    shown = frames.of_replayed(found.row)
    assert shown is not None
    assert b"secret" not in shown
    scene.now += SECOND
    assert scene.run(messages.delete, lobby, 1) is None
    assert kept(scene, lobby) == found


def test_an_erasure_takes_the_text_out_of_both(scene: Offline, lobby: RoomRef) -> None:
    entry = scene.run(messages.erase, lobby, 1)
    found = kept(scene, lobby)
    assert (found.row.content, found.row.attachments, found.logged) == ("", None, "")
    assert (found.row.deleted_at, found.row.erased_at) == (scene.now, scene.now)
    assert found.row.changed_offset == entry.offset
    assert (found.row.sender, found.row.seq, found.types) == ("ann", 1, ["message.erased"])
    raw = scene.call(
        lambda tx: tx.db.execute_sql("SELECT group_concat(payload) FROM event").fetchone()[0]
    )
    assert "secret" not in raw
    assert "plan.pdf" not in raw
    assert "hush" in raw
    assert scene.run(messages.erase, lobby, 1) is None
    assert scene.run(messages.delete, lobby, 1) is None


def test_what_was_deleted_softly_can_be_erased(scene: Offline, lobby: RoomRef) -> None:
    scene.run(messages.delete, lobby, 1)
    deleted_at = scene.now
    scene.now += SECOND
    entry = scene.run(messages.erase, lobby, 1)
    found = kept(scene, lobby)
    assert (found.row.content, found.logged) == ("", "")
    assert (found.row.deleted_at, found.row.erased_at) == (deleted_at, scene.now)
    assert found.row.changed_offset == entry.offset
    assert found.types == ["message.deleted", "message.erased"]


def test_in_a_closed_room_only_an_erasure_is_possible(scene: Offline, lobby: RoomRef) -> None:
    other = scene.create_room("other")
    for action in (messages.delete, messages.erase):
        with pytest.raises(errors.MessageNotFound):  # it is another room's
            scene.run(action, other, 1)
    scene.run(conversations.close, lobby)
    with pytest.raises(errors.ConversationIsClosed):
        scene.run(messages.delete, lobby, 1)
    assert kept(scene, lobby).row.content == "a secret"
    assert scene.run(messages.erase, lobby, 1) is not None
    found = kept(scene, lobby)
    assert (found.row.content, found.logged) == ("", "")
    assert found.types == ["room.created", "room.closed", "message.erased"]
