"""Runs of batches: a room's history goes out in pieces, each after the one before it arrived.

A run ends where the history ended when it began. One that carries what is new goes on from the
room's progress, which only an acknowledged batch moves; a batch that failed is what the next run
begins with, as it was, so that no record is in two batches. A run ``again`` moves nothing.
"""

from typing import NamedTuple

import msgspec

from chatctl_server.domain.callbacks import BATCH_EVENTS, HistoryKind
from chatctl_server.domain.references import ROOMS, RoomRef
from chatctl_server.storage import (
    conversations,
    deliveries,
    history_batches,
    history_pages,
    messages,
)
from chatctl_server.storage.transaction import Tx

AGAIN = "again"
_KINDS: dict[str, HistoryKind] = {event: kind for kind, event in BATCH_EVENTS.items()}


class Sizes(NamedTuple):
    """Most records of one batch, and how often one is tried."""

    messages: int
    sessions: int
    tries: int

    def of(self, kind: HistoryKind) -> int:
        return self.messages if kind == "chat_history" else self.sessions


class _Run(NamedTuple):
    """``until``: its last record. ``window``: the time, in microseconds, of what is wanted once
    more; None for a run of what is new."""

    endpoint: int
    kind: HistoryKind
    room: RoomRef
    until: int
    window: tuple[int, int] | None


def start_run(
    tx: Tx, endpoint: int, kind: HistoryKind, room: RoomRef, sizes: Sizes, due_at: int
) -> bool:
    """Of what is new in the room; False when there is nothing, or a run is under way."""
    progress = history_batches.progress(tx.db, kind, room)
    if progress.delivery is not None:
        return _go_on(tx, progress.delivery, endpoint, sizes, due_at)
    run = _Run(endpoint, kind, room, _end(tx, kind, room), None)
    return _plan_next(tx, run, progress.position + 1, progress, sizes, due_at)


def start_again(
    tx: Tx,
    endpoint: int,
    kind: HistoryKind,
    room: RoomRef,
    window: tuple[int, int],
    sizes: Sizes,
    due_at: int,
) -> bool:
    """Of all that lies in the window of time (microseconds), whatever was sent before."""
    first, until = 1, _end(tx, kind, room)
    if kind == "chat_history":
        newest = until
        first = messages.first_seq_at(tx.db, room, newest, window[0])
        until = messages.first_seq_at(tx.db, room, newest, window[1] + 1) - 1
    progress = history_batches.progress(tx.db, kind, room)
    run = _Run(endpoint, kind, room, until, window)
    return _plan_next(tx, run, first, progress, sizes, due_at)


def acknowledge(tx: Tx, batch: deliveries.Delivery, sizes: Sizes, due_at: int) -> None:
    """A batch has arrived: the next one of its run is planned."""
    kind = _KINDS.get(batch.event)
    if kind is None or batch.until is None:
        return
    room = RoomRef(batch.conversation, ROOMS)
    progress = history_batches.progress(tx.db, kind, room)
    if batch.mark is None and progress.delivery == batch.id:
        progress = history_batches.BatchProgress(batch.last, progress.number)
        history_batches.save(tx.db, kind, room, progress)
    window = window_of(batch) if batch.mark == AGAIN else None
    run = _Run(batch.endpoint, kind, room, batch.until, window)
    _plan_next(tx, run, batch.last + 1, progress, sizes, due_at)


def window_of(batch: deliveries.Delivery) -> tuple[int, int]:
    """The time, in microseconds, that the batch's records are from."""
    return batch.from_time or 0, history_pages.LATEST if batch.to_time is None else batch.to_time


def _go_on(tx: Tx, delivery: int, endpoint: int, sizes: Sizes, due_at: int) -> bool:
    """With the batch that failed; one under way goes on by itself."""
    batch = deliveries.one(tx.db, delivery)
    assert batch is not None
    if batch.status == "pending":
        return False
    if batch.endpoint != endpoint:
        deliveries.give_to(tx.db, batch.id, endpoint)
        batch = msgspec.structs.replace(batch, endpoint=endpoint)
    deliveries.revive(tx.db, batch, due_at, sizes.tries)
    return True


def _plan_next(
    tx: Tx,
    run: _Run,
    first: int,
    progress: history_batches.BatchProgress,
    sizes: Sizes,
    due_at: int,
) -> bool:
    """The batch that begins with the record ``first``; False when there is none up to the end."""
    piece = _piece(tx, run, first, sizes)
    if piece is None:
        return False
    from_time, to_time = run.window or (None, None)
    planned = deliveries.Planned(
        endpoint=run.endpoint,
        conversation=run.room.id,
        event=BATCH_EVENTS[run.kind],
        first=piece.first,
        last=piece.last,
        tries_allowed=sizes.tries,
        until=run.until,
        number=progress.number + 1,
        from_time=from_time,
        to_time=to_time,
        mark=None if run.window is None else AGAIN,
    )
    batch = deliveries.add(tx.db, tx.take("delivery"), [planned], tx.now, due_at)
    under_way = batch if run.window is None else progress.delivery
    saved = history_batches.BatchProgress(progress.position, progress.number + 1, under_way)
    history_batches.save(tx.db, run.kind, run.room, saved)
    return True


def _end(tx: Tx, kind: HistoryKind, room: RoomRef) -> int:
    if kind == "chat_history":
        return conversations.get(tx.db, room).last_seq
    return history_batches.last_end(tx.db, room)


def _piece(tx: Tx, run: _Run, first: int, sizes: Sizes) -> history_batches.BatchBounds | None:
    size = sizes.of(run.kind)
    if run.kind == "chat_history":
        return history_batches.messages_within(tx.db, run.room, first, run.until, size)
    window = run.window or history_pages.Window(None, None).microseconds()
    return history_batches.sessions_within(tx.db, run.room, first, run.until, size, window)
