"""``chatctl db seed --demo``: the rooms of ``demo.json`` as they look after two days."""

from pathlib import Path

import msgspec

from chatctl_server import errors
from chatctl_server.actions import conversations, messages, moderation, sessions
from chatctl_server.domain import events
from chatctl_server.domain.references import RoomRef
from chatctl_server.domain.times import SECOND
from chatctl_server.storage import engine, log
from chatctl_server.storage.transaction import Tx
from chatctl_server.storage.writer import Call, Writer

HOST = events.Actor(None, "demo")
MINUTE = 60 * SECOND
# The newest line is minutes old and the oldest one days, whenever one tries this.
AGE = 2 * 24 * 60 * MINUTE


class Seeded(msgspec.Struct, frozen=True):
    database: str
    rooms: int
    messages: int
    users: int
    bans: int
    changed: bool = True


class Talk(msgspec.Struct, frozen=True):
    """``lines``: who says what, each a while after the one before it. ``advertising``: the one that
    a moderator takes away, and its author with it, counted from 1."""

    name: str
    admins: tuple[str, ...]
    lines: tuple[tuple[str, str], ...]
    advertising: int | None = None
    muted: str | None = None
    is_closed: bool = False


class Demo(msgspec.Struct, frozen=True):
    nicknames: dict[str, str]
    talks: tuple[Talk, ...]


def read() -> Demo:
    return msgspec.json.decode(Path(__file__).with_suffix(".json").read_bytes(), type=Demo)


def seed(path: Path, demo: Demo, now: int) -> Seeded:
    """All of it or nothing; the caller holds the lock. ``now`` in microseconds.

    Raises Conflict when the database is not empty.
    """
    writing = Writer(lambda: engine.writing(path, durable=True), lambda: now)
    try:
        (finished,) = writing.run([Call(_fill, (demo,), lambda _: None, 0)])
    finally:
        writing.close()
    if isinstance(finished.outcome, BaseException):
        raise finished.outcome
    return Seeded(
        str(path), len(demo.talks), sum(len(talk.lines) for talk in demo.talks),
        len(demo.nicknames), sum(talk.advertising is not None for talk in demo.talks),
    )  # fmt: skip


def _fill(tx: Tx, demo: Demo) -> None:
    if log.newest_offset(tx.db):
        raise errors.Conflict(
            "the database is not empty: something has happened in it",
            hint="chatctl db migrate --db sqlite:./NEW.db, and then the same with it",
        )
    end = tx.now
    _wait(tx, -AGE)
    made = [conversations.create_room(tx, HOST, each.name, each.admins).ref for each in demo.talks]
    rooms = [RoomRef(ref.id, ref.scope) for ref in made]
    pause = AGE // (sum(len(talk.lines) for talk in demo.talks) + 1)
    for talk, room in zip(demo.talks, rooms, strict=True):
        _hold(tx, talk, room, demo.nicknames, pause)
    _wait(tx, end - 5 * MINUTE - tx.now)
    for talk, room in zip(demo.talks, rooms, strict=True):
        if talk.muted is not None:
            moderation.mute(tx, _actor(talk.admins[0]), room, talk.muted, "not his topic", 86_400)
        if talk.is_closed:
            conversations.close(tx, HOST, room)


def _hold(tx: Tx, talk: Talk, room: RoomRef, nicknames: dict[str, str], pause: int) -> None:
    """Everybody comes before their first word and goes after the last one of all."""
    inside: dict[str, int] = {}
    for number, (user, content) in enumerate(talk.lines, 1):
        # Uneven pauses, as people make them.
        _wait(tx, pause * (number % 3 + 1) // 2)
        if user == messages.SYSTEM:
            post = messages.Post(
                room, HOST, user, user, content, kind="system", sender_kind="system",
                is_guarded=False,
            )  # fmt: skip
        else:
            post = messages.Post(room, _actor(user), user, nicknames[user], content)
            if user not in inside:
                joined = sessions.join(tx, _actor(user), room, user, nicknames[user])
                inside[user] = joined.session_id
                _wait(tx, 20 * SECOND)
        posted = messages.post_one(tx, post)
        if number == talk.advertising:
            _wait(tx, MINUTE)
            moderation.ban(tx, _actor(talk.admins[0]), room, user, "advertising", None)
            messages.erase(tx, _actor(talk.admins[0]), room, posted.message_id)
    for user, session_id in inside.items():
        _wait(tx, 5 * SECOND)
        sessions.leave(tx, _actor(user), room, session_id, "left")


def _wait(tx: Tx, microseconds: int) -> None:
    tx.now += microseconds
    tx.at += microseconds


def _actor(user: str) -> events.Actor:
    return events.Actor(user, "room:open", f"192.0.2.{sum(user.encode()) % 254 + 1}")
