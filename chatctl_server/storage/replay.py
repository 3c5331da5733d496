"""What a conversation's listener missed, a page at a time, in log order.

Posts are read by seq from the messages, the few other events by offset from the log.
"""

from typing import NamedTuple

import msgspec
from peewee import Database

from chatctl_server.domain import events
from chatctl_server.storage import log, messages

Replayed = messages.Message | events.Event
PAGE = 500


class Page(msgspec.Struct, frozen=True):
    """``offset`` and ``seq``: all that stands up to there has been read."""

    entries: list[Replayed]
    offset: int
    seq: int


class Start(NamedTuple):
    """``others``: how many events besides messages and sessions follow, counted up to a limit."""

    offset: int
    others: int


def start(db: Database, conversation: int, seq: int, limit: int) -> Start:
    """Where a listener stands who has seen everything up to that seq."""
    offset = messages.event_offset(db, conversation, seq)
    return Start(offset, log.count_few(db, conversation, offset, limit))


def page(db: Database, conversation: int, offset: int, seq: int) -> Page:
    """Up to 500 messages or 256 KiB of them, and 500 other events, after that place.

    The query runs in one snapshot: what it has not found up to its offset does not exist.
    """
    posts = messages.from_seq(db, conversation, seq + 1, PAGE)
    more = posts and messages.event_offset(db, conversation, posts[-1].seq + 1)
    until = posts[-1].event_offset if more else log.newest_offset(db)
    others = log.read_few(db, conversation, offset, until, PAGE)
    if others and log.read_few(db, conversation, others[-1].offset, until, 1):
        until = others[-1].offset
        posts = [post for post in posts if post.event_offset <= until]
    entries: list[Replayed] = [*posts, *(each for each in others if not _is_told(each, seq))]
    entries.sort(key=_offset)
    return Page(entries, until, posts[-1].seq if posts else seq)


def _offset(entry: Replayed) -> int:
    return entry.offset if isinstance(entry, events.Event) else entry.event_offset


def _is_told(entry: events.Event, seq: int) -> bool:
    """Whether the message's own place in the replay has told of its deletion."""
    return isinstance(entry.payload, events.MessageDeleted) and entry.payload.seq > seq
