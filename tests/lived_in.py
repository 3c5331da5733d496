"""A database that has seen everything that happens in rooms, in chats and at a desk, and hands
that change it behind chatctl's back."""

import contextlib
from pathlib import Path

import apsw
import lived_in_chats
import lived_in_desk
import msgspec
from offline import HOST, SECOND, Offline

from chatctl_server.actions import (
    conversations,
    custom_events,
    followers,
    messages,
    moderation,
    sessions,
)
from chatctl_server.domain import events
from chatctl_server.domain.references import ROOMS, RoomRef
from chatctl_server.storage import rooms
from chatctl_server.storage.transaction import Tx


def live(path: Path) -> None:
    """``lobby`` (conversation 1) is open, with bob in it; ``attic`` (2) is closed.

    Messages: 1 and 2 have the same client id of two senders; 3 is erased; eve, banned, wrote 5;
    carl wrote 6 after his ban had expired, dave 7 after his was lifted; 8 is in the attic,
    9 in a chat of two accounts (3).
    """
    scene = Offline(path)
    lobby = scene.create_room("lobby", "ann")
    scene.run(sessions.join, lobby, "ann", "Ann")
    scene.run(sessions.join, lobby, "bob", "Bob")
    scene.run(sessions.join, lobby, "eve", "Eve")
    scene.post(lobby, "bob", "hello", client_msg_id="c1")
    scene.post(lobby, "ann", "welcome", client_msg_id="c1")
    scene.post(lobby, "bob", "a secret", client_msg_id="c2")
    scene.run(messages.erase, lobby, 3)
    scene.post(lobby, "system", "be kind", kind="system", is_guarded=False)
    scene.post(lobby, "eve", "buy this")
    scene.run(moderation.ban, lobby, "eve", "advertising", None)
    scene.run(moderation.ban, lobby, "carl", None, 10)
    scene.run(moderation.ban, lobby, "dave", None, None)
    scene.run(moderation.unban, lobby, "dave")
    scene.run(moderation.mute, lobby, "bob", "noise", 3600)
    scene.run(moderation.mute, lobby, "ann", None, None)
    scene.run(moderation.unmute, lobby, "ann")
    scene.now += 20 * SECOND
    scene.post(lobby, "carl", "back again", client_msg_id="c1")
    scene.post(lobby, "dave", "thank you")
    scene.run(moderation.kick, lobby, "ann")
    scene.run(conversations.rename, lobby, "the lobby")
    scene.run(conversations.set_admins, lobby, ("ann", "carl"))
    _live_in_attic(scene)
    lived_in_chats.live(scene)
    lived_in_desk.live(scene)
    scene.close()


def _live_in_attic(scene: Offline) -> None:
    attic = scene.create_room("attic")
    scene.run(sessions.join, attic, "bob", "Bob")
    scene.post(attic, "bob", "dust")
    payload = msgspec.Raw(b'{"wave": 1}')
    scene.run(custom_events.send, attic, "bob", "wave", payload)
    scene.run(conversations.close, attic)
    scene.run(lambda tx, actor: followers.plan(tx, "audit", 0, 5))
    scene.run(lambda tx, actor: followers.heartbeat(tx))


def smuggle(path: Path, conversation: int, sender: str) -> None:
    """A message past all rules of posting, with its event and everything that belongs to it."""

    def post(tx: Tx, actor: events.Actor) -> None:
        ref = RoomRef(conversation, ROOMS)
        payload = events.MessagePosted(
            tx.take("message"),
            rooms.get(tx.db, ref).last_seq + 1,
            "text",
            sender,
            sender,
            "let me in",
            tx.at,
        )
        tx.record(payload, actor, ref)

    scene = Offline(path, now=1_800_000_000 * SECOND)
    scene.run(post, actor=HOST)
    scene.close()


def tamper(path: Path, *statements: str) -> None:
    """Changes the file as chatctl never does, against its constraints."""
    connection = apsw.Connection(str(path))
    connection.pragma("ignore_check_constraints", 1)
    for statement in statements:
        connection.execute(statement).fetchall()
    connection.close()


def flip_bytes(path: Path, place: int, count: int = 64) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        found = file.read(count)
        file.seek(place)
        file.write(bytes(255 - each for each in found))


def texts(path: Path) -> list[str]:
    """What is said in the database, read by SQLite alone."""
    with contextlib.closing(apsw.Connection(str(path))) as connection:
        return [text for (text,) in connection.execute("SELECT content FROM message ORDER BY id")]


def names(directory: Path) -> list[str]:
    return sorted(each.name for each in directory.iterdir())
