"""A database that has seen everything that happens in rooms, and hands that change it behind
chatctl's back."""

import contextlib
from pathlib import Path

import apsw
import msgspec
from offline import HOST, SECOND, Offline

from chatctl_server.actions import followers, messages, moderation, rooms, sessions
from chatctl_server.domain import events
from chatctl_server.storage import conversations
from chatctl_server.storage.transaction import Tx


def live(path: Path) -> None:
    """``lobby`` (conversation 1) is open, with bob in it; ``attic`` (2) is closed.

    Messages: 1 and 2 have the same client id of two senders; 3 is deleted; eve, banned, wrote 5;
    carl wrote 6 after his ban had expired, dave 7 after his was lifted; 8 is in the attic.
    """
    scene = Offline(path)
    lobby = scene.create_room("lobby", "ann")
    scene.run(sessions.join, 1, "ann", "Ann")
    scene.run(sessions.join, 1, "bob", "Bob")
    scene.run(sessions.join, 1, "eve", "Eve")
    scene.post(1, "bob", "hello", client_msg_id="c1")
    scene.post(1, "ann", "welcome", client_msg_id="c1")
    scene.post(1, "bob", "a secret", client_msg_id="c2")
    scene.run(messages.delete, lobby, 3)
    scene.post(1, "system", "be kind", kind="system", is_guarded=False)
    scene.post(1, "eve", "buy this")
    scene.run(moderation.ban, lobby, "eve", "advertising", None)
    scene.run(moderation.ban, lobby, "carl", None, 10)
    scene.run(moderation.ban, lobby, "dave", None, None)
    scene.run(moderation.unban, lobby, "dave")
    scene.run(moderation.mute, lobby, "bob", "noise", 3600)
    scene.run(moderation.mute, lobby, "ann", None, None)
    scene.run(moderation.unmute, lobby, "ann")
    scene.now += 20 * SECOND
    scene.post(1, "carl", "back again", client_msg_id="c1")
    scene.post(1, "dave", "thank you")
    scene.run(moderation.kick, lobby, "ann")
    scene.run(rooms.rename, lobby, "the lobby")
    scene.run(rooms.set_admins, lobby, ("ann", "carl"))
    _live_in_attic(scene)
    scene.close()


def _live_in_attic(scene: Offline) -> None:
    attic = scene.create_room("attic")
    scene.run(sessions.join, 2, "bob", "Bob")
    scene.post(2, "bob", "dust")
    payload = msgspec.Raw(b'{"wave": 1}')
    scene.run(announce, attic, payload)
    scene.run(rooms.close, attic)
    scene.run(rooms.end_sessions, attic)
    scene.run(lambda tx, actor: followers.plan(tx, "audit", 0, 5))
    scene.run(lambda tx, actor: followers.heartbeat(tx))


def announce(tx: Tx, actor: events.Actor, room_id: str, payload: msgspec.Raw) -> None:
    room = conversations.find_room(tx.db, room_id)
    tx.record(events.CustomSent("bob", "wave", payload), actor, room.id)


def smuggle(path: Path, conversation: int, sender: str) -> None:
    """A message past all rules of posting, with its event and everything that belongs to it."""

    def post(tx: Tx, actor: events.Actor) -> None:
        room = conversations.by_id(tx.db, conversation)
        assert room is not None
        number = tx.db.execute_sql("SELECT max(id) + 1 FROM message").fetchone()[0]
        event = events.MessagePosted(
            number, room.last_seq + 1, "text", sender, sender, "let me in", tx.now
        )
        tx.record(event, actor, conversation)

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
