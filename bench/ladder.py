"""What each part of a post costs the writer's thread: the parts added one by one.

Each step does what the step before did and one thing more, on a batch of 256 in a transaction
of its own, committed with FULL. Its figure is the CPU of its thread; the part is the difference.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import scene
from peewee import Database

from chatctl_server.actions import messages as posting
from chatctl_server.domain import events, times
from chatctl_server.storage import counters, engine, log, messages, projection, rooms
from chatctl_server.storage.client_ids import ClientIds
from chatctl_server.storage.writer import Call, Writer

BATCH = 256
BARE = """INSERT INTO message (id, conversation, seq, event_offset, kind, sender, sender_kind,
    nickname, is_admin, content, created_at) VALUES (?, ?, ?, ?, 'text', ?, 'user', ?, 0, ?, ?)"""
Posts = Sequence[events.Event]
Part = Callable[[Database, Posts], object]


class Step(NamedTuple):
    name: str
    microseconds: float  # of CPU per message, of this step and all before it


class Numbers:
    """The next message, seq, offset and client id of the filled database."""

    def __init__(self, db: Database) -> None:
        self.seq = rooms.get(db, scene.ROOM).last_seq
        self.message = counters.values(db)["message"]
        self.offset = log.newest_offset(db)

    def batch(self, *, with_id: bool) -> list[events.Event]:
        return [self._next(with_id=with_id) for _ in range(BATCH)]

    def _next(self, *, with_id: bool) -> events.Event:
        self.seq += 1
        self.message += 1
        self.offset += 1
        post = scene.post(scene.ROOM, self.message, with_id=with_id)
        now = times.now()
        event = events.MessagePosted(
            message_id=self.message,
            seq=self.seq,
            kind="text",
            sender=post.sender,
            nickname=post.nickname,
            content=post.content,
            created_at=now,
            client_msg_id=post.client_msg_id,
        )
        room = scene.ROOM
        return events.Event(self.offset, now, room.scope, room.id, post.actor, event)


def climb(path: Path, count: int) -> list[Step]:
    """Each step once, with ``count`` messages. The database's log is not fit for use after it."""
    db = engine.writing(path, durable=True)
    db.connect()
    numbers = Numbers(db)
    ids = ClientIds()
    ids.originals(db, numbers.message, [])  # reads what waits, as after a start

    def written(db: Database, posts: Posts) -> None:
        posted = [(*_key(m), m.message_id) for m in _messages(posts)]
        ids.add(db, posted[0][-1] - 1, posted)

    def earlier(db: Database, posts: Posts) -> None:
        found = _messages(posts)
        ids.originals(db, found[0].message_id - 1, [_key(m) for m in found])

    steps = [
        Step(name, _measure(db, numbers, count, parts, with_id=with_id))
        for name, parts, with_id in (
            ("bare rows: one executemany and the commit", [_bare], False),
            ("+ rows from events, the room's last seq", [_rows], False),
            ("+ the events in the log", [_events, _rows], False),
            ("+ client ids, written behind", [_events, _rows, written], True),
            ("+ look-up of duplicates", [earlier, _events, _rows, written], True),
            ("+ bans, mutes, roles", [earlier, _senders, _events, _rows, written], True),
        )
    ]
    counters.save(db, {"message": numbers.message, "event": numbers.offset})
    db.close()
    actions = _action(path, numbers.message + 10**9, count)
    return [*steps, Step("+ the action: its checks, events, results", actions)]


def _measure(
    db: Database, numbers: Numbers, count: int, parts: Sequence[Part], *, with_id: bool
) -> float:
    batches = [numbers.batch(with_id=with_id) for _ in range(count // BATCH)]
    started = time.thread_time()
    for batch in batches:
        db.execute_sql("BEGIN IMMEDIATE")
        for part in parts:
            part(db, batch)
        db.execute_sql("COMMIT")
    return (time.thread_time() - started) / (len(batches) * BATCH) * 1e6


def _bare(db: Database, posts: Posts) -> None:
    rows = [
        (
            m.message_id,
            scene.ROOM.id,
            m.seq,
            entry.offset,
            m.sender,
            m.nickname,
            m.content,
            entry.at,
        )
        for entry in posts
        if isinstance(m := entry.payload, events.MessagePosted)
    ]
    db.connection().cursor().executemany(BARE, rows)


def _rows(db: Database, posts: Posts) -> None:
    projection.apply_posts(db, posts)


def _events(db: Database, posts: Posts) -> None:
    log.append(db, posts)


def _messages(posts: Posts) -> list[events.MessagePosted]:
    return [entry.payload for entry in posts if isinstance(entry.payload, events.MessagePosted)]


def _key(message: events.MessagePosted) -> tuple[int, str, str]:
    return scene.ROOM.id, message.sender, message.client_msg_id or ""


def _senders(db: Database, posts: Posts) -> None:
    senders = {
        (scene.ROOM.id, scene.ROOM.scope, entry.payload.sender)
        for entry in posts
        if isinstance(entry.payload, events.MessagePosted)
    }
    messages.sender_statuses(db, senders)


def _action(path: Path, first: int, count: int) -> float:
    """The action as the writer runs it, without queue and event loop; client ids from ``first``."""
    writing = Writer(lambda: engine.writing(path, durable=True), times.now)
    batches = [
        [
            Call(posting.POST, (scene.post(scene.ROOM, number),), _ignore, 0)
            for number in range(start, start + BATCH)
        ]
        for start in range(first, first + count // BATCH * BATCH, BATCH)
    ]
    warm, *batches = batches  # the first post after a start reads what waits
    writing.run(warm)
    started = time.thread_time()
    for batch in batches:
        outcome = writing.run(batch)[-1].outcome
        if not isinstance(outcome, posting.Posted) or outcome.duplicate:
            raise TypeError(f"not stored: {outcome}")
    spent = time.thread_time() - started
    writing.close()
    return spent / (len(batches) * BATCH) * 1e6


def _ignore(outcome: object) -> None:
    pass
