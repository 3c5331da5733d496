"""What a client of a room has missed: from its place in the log to live."""

import logging
from typing import NamedTuple

from chatctl_server import errors
from chatctl_server.api.context import Context
from chatctl_server.domain import close_codes
from chatctl_server.domain.references import RoomRef
from chatctl_server.live.resume import Missed, resume
from chatctl_server.live.shared_reads import SharedReads
from chatctl_server.live.subscriber import Subscriber
from chatctl_server.storage import replay
from chatctl_server.storage.store import Store
from chatctl_server.views.rooms import frames

logger = logging.getLogger("chatctl.rooms")


class MissedFrom(NamedTuple):
    """``last_seq``: the room's, at the join. What the client has: ``since``, a seq, or ``after``,
    an offset of the log."""

    room: RoomRef
    last_seq: int
    since: int | None
    after: int | None


async def send_missed(
    context: Context, reads: SharedReads, subscriber: Subscriber, missed: MissedFrom
) -> None:
    """What is behind the place, and then what comes; of what cannot be resumed, only that. Raises
    nothing."""
    try:
        start = await _start(context, reads, missed)
        pages = Pages(context.store, reads, missed.room, start.seq, subscriber)
        await resume(context.hub, missed.room, subscriber, start.offset, pages.read)
    except errors.ChatctlError as refusal:
        if not isinstance(refusal, errors.ResyncRequired):
            refusal = errors.ResyncRequired(refusal.detail)
        subscriber.push(frames.error(refusal))
        if not subscriber.is_finished:
            context.hub.join(missed.room, subscriber, context.hub.published)
    except Exception:
        logger.exception("a resume failed")
        subscriber.finish(close_codes.INTERNAL_ERROR)


async def _start(context: Context, reads: SharedReads, missed: MissedFrom) -> replay.Start:
    """Up to where the client has everything. Raises ResyncRequired beyond RESUME_LIMIT."""
    store, limit = context.store, context.settings.resume_limit
    room, after = missed.room, missed.after
    if after is None:
        since = missed.since or 0
        behind = _behind(missed, since, limit)
        start = await reads.read(
            (room, "since", since), lambda: store.read_live(replay.start, room, since, limit + 1)
        )
    else:
        if after > context.hub.published:
            raise errors.ResyncRequired(f"The log has no event {after} yet")
        start = await store.read_live(replay.start_after, room, after, missed.last_seq, limit + 1)
        behind = _behind(missed, start.seq, limit)
    if behind + start.others > limit:
        raise errors.ResyncRequired(f"More than {limit} events are too many to replay")
    return start


def _behind(missed: MissedFrom, seq: int, limit: int) -> int:
    behind = missed.last_seq - seq
    if behind < 0:
        raise errors.ResyncRequired(f"The room has no message {seq} yet")
    if behind > limit:
        raise errors.ResyncRequired(f"{behind} messages are too many to replay")
    return behind


class Pages:
    """Reads the replay page by page; the messages' place is kept by seq. Equal pages that are
    asked for at once are read, and made frames of, once."""

    def __init__(
        self, store: Store, reads: SharedReads, room: RoomRef, seq: int, subscriber: Subscriber
    ) -> None:
        self._store = store
        self._reads = reads
        self._room = room
        self._seq = seq
        self._view = subscriber.view
        self._frame = subscriber.transport.frame

    async def read(self, offset: int) -> Missed:
        """Again when a text of the room was erased meanwhile, which may be on the page."""
        seq = self._seq
        missed, self._seq = await self._reads.read(
            (self._room, offset, seq, self._view), lambda: self._read(offset, seq), topic=self._room
        )
        return missed

    async def _read(self, offset: int, seq: int) -> tuple[Missed, int]:
        page = await self._store.read_live(replay.page, self._room, offset, seq)
        told = [
            self._frame(data, replay.offset_of(each))
            for each in page.entries
            if (data := frames.of_replayed(each)) is not None
        ]
        return Missed(told, page.offset), page.seq
