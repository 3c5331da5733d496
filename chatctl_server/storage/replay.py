"""What a conversation's listener missed, a page at a time, in log order.

Posts are read by seq from the messages, and what became of earlier ones by the offset of their
last change; the state events by offset from the log.
"""

from typing import NamedTuple

import msgspec

from chatctl_server.domain import events
from chatctl_server.domain.references import ConversationRef
from chatctl_server.storage import log, messages
from chatctl_server.storage.sql import Database

PAGE = 500


class ChangedMessage(msgspec.Struct, frozen=True):
    """An earlier message as it is since the event at ``offset``."""

    message: messages.Message
    offset: int


Replayed = messages.Message | ChangedMessage | events.Event


class Page(msgspec.Struct, frozen=True):
    """``offset`` and ``seq``: all that stands up to there has been read."""

    entries: list[Replayed]
    offset: int
    seq: int


class Start(NamedTuple):
    """Up to where everything has been seen. ``others``: how many changes and state events follow,
    counted up to a limit."""

    offset: int
    seq: int
    others: int


def start(db: Database, ref: ConversationRef, seq: int, limit: int) -> Start:
    """Where a listener stands who has seen everything up to that seq."""
    return _start(db, ref, messages.event_offset(db, ref, seq), seq, limit)


def start_after(
    db: Database, ref: ConversationRef, offset: int, last_seq: int, limit: int
) -> Start:
    """As ``start``, for who has seen everything up to that offset; no message is above
    ``last_seq``."""
    return _start(db, ref, offset, messages.seq_at(db, ref, last_seq, offset), limit)


def _start(db: Database, ref: ConversationRef, offset: int, seq: int, limit: int) -> Start:
    others = log.count_state(db, ref, offset, limit)
    if others < limit:
        others += messages.count_changed(db, ref, seq, offset, limit - others)
    return Start(offset, seq, others)


def page(db: Database, ref: ConversationRef, offset: int, seq: int) -> Page:
    """Up to 500 messages or 256 KiB of them, 500 changes and 500 state events after that place.

    The query runs in one snapshot: what it has not found up to its offset does not exist.
    """
    posts = messages.from_seq(db, ref, seq + 1, PAGE)
    more = posts and messages.event_offset(db, ref, posts[-1].seq + 1)
    until = posts[-1].event_offset if more else log.newest_offset(db)
    state = log.read_state(db, ref, offset, until, PAGE)
    if state and log.read_state(db, ref, state[-1].offset, until, 1):
        until = state[-1].offset
    changes = messages.changed(db, ref, seq, offset, until, PAGE)
    if len(changes) == PAGE:
        until = min(until, changes[-1].changed_offset or until)
    posts = [post for post in posts if post.event_offset <= until]
    entries: list[Replayed] = [
        *posts,
        *(ChangedMessage(each, each.changed_offset) for each in changes if each.changed_offset),
        *(each for each in state if each.offset <= until),
    ]
    entries.sort(key=offset_of)
    return Page(entries, until, posts[-1].seq if posts else seq)


def offset_of(entry: Replayed) -> int:
    return entry.event_offset if isinstance(entry, messages.Message) else entry.offset
