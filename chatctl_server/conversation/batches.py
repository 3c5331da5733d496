"""Runs of batches: a room's history goes out in pieces, each after the one before it arrived.

A run ends where the history ended when it began. One that carries what is new goes on from the
room's progress, which only an acknowledged batch moves; a batch that failed is what the next run
begins with, as it was, so that no record is in two batches. A run ``again`` moves nothing.
"""

from typing import NamedTuple

import msgspec

from chatctl_server.domain.callbacks import BATCH_EVENTS, HistoryKind
from chatctl_server.storage import batches, conversations, deliveries, histories, messages
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


def start_run(
    tx: Tx, endpoint: int, kind: HistoryKind, conversation: int, sizes: Sizes, due_at: int
) -> bool:
    """Of what is new in the room; False when there is nothing, or a run is under way."""
    progress = batches.progress(tx.db, kind, conversation)
    if progress.delivery is not None:
        return _go_on(tx, progress.delivery, endpoint, sizes, due_at)
    until = _end(tx, kind, conversation)
    window = histories.Window(None, None).microseconds()
    piece = _piece(tx, kind, conversation, progress.position + 1, until, sizes, window)
    if piece is None:
        return False
    planned = deliveries.Planned(
        endpoint=endpoint,
        conversation=conversation,
        event=BATCH_EVENTS[kind],
        first=piece.first,
        last=piece.last,
        tries_allowed=sizes.tries,
        until=until,
        number=progress.number + 1,
    )
    _plan(tx, kind, planned, progress, due_at)
    return True


def start_again(
    tx: Tx,
    endpoint: int,
    kind: HistoryKind,
    conversation: int,
    window: tuple[int, int],
    sizes: Sizes,
    due_at: int,
) -> bool:
    """Of all that lies in the window of time (microseconds), whatever was sent before."""
    room = conversations.by_id(tx.db, conversation)
    assert room is not None
    first, until = 1, _end(tx, kind, conversation)
    if kind == "chat_history":
        first = messages.first_seq_at(tx.db, room.id, room.last_seq, window[0])
        until = messages.first_seq_at(tx.db, room.id, room.last_seq, window[1] + 1) - 1
    piece = _piece(tx, kind, conversation, first, until, sizes, window)
    if piece is None:
        return False
    progress = batches.progress(tx.db, kind, conversation)
    planned = deliveries.Planned(
        endpoint=endpoint,
        conversation=conversation,
        event=BATCH_EVENTS[kind],
        first=piece.first,
        last=piece.last,
        tries_allowed=sizes.tries,
        until=until,
        number=progress.number + 1,
        from_time=window[0],
        to_time=window[1],
        mark=AGAIN,
    )
    _plan(tx, kind, planned, progress, due_at)
    return True


def acknowledge(tx: Tx, batch: deliveries.Stored, sizes: Sizes, due_at: int) -> None:
    """A batch has arrived: the next one of its run is planned."""
    kind = _KINDS.get(batch.event)
    if kind is None or batch.until is None:
        return
    progress = batches.progress(tx.db, kind, batch.conversation)
    if batch.mark is None and progress.delivery == batch.id:
        progress = batches.Progress(batch.last, progress.number)
        batches.save(tx.db, kind, batch.conversation, progress)
    next_first = batch.last + 1
    window = window_of(batch)
    piece = _piece(tx, kind, batch.conversation, next_first, batch.until, sizes, window)
    if piece is None:
        return
    planned = deliveries.Planned(
        endpoint=batch.endpoint,
        conversation=batch.conversation,
        event=batch.event,
        first=piece.first,
        last=piece.last,
        tries_allowed=sizes.tries,
        until=batch.until,
        number=progress.number + 1,
        from_time=batch.from_time,
        to_time=batch.to_time,
        mark=batch.mark,
    )
    _plan(tx, kind, planned, progress, due_at)


def window_of(batch: deliveries.Stored) -> tuple[int, int]:
    """The time, in microseconds, that the batch's records are from."""
    return batch.from_time or 0, histories.LATEST if batch.to_time is None else batch.to_time


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


def _plan(
    tx: Tx,
    kind: HistoryKind,
    planned: deliveries.Planned,
    progress: batches.Progress,
    due_at: int,
) -> None:
    assert planned.number is not None
    batch = deliveries.add(tx.db, [planned], tx.now, due_at)
    under_way = progress.delivery if planned.mark == AGAIN else batch
    saved = batches.Progress(progress.position, planned.number, under_way)
    batches.save(tx.db, kind, planned.conversation, saved)


def _end(tx: Tx, kind: HistoryKind, conversation: int) -> int:
    room = conversations.by_id(tx.db, conversation)
    assert room is not None
    return room.last_seq if kind == "chat_history" else batches.last_end(tx.db, conversation)


def _piece(
    tx: Tx,
    kind: HistoryKind,
    conversation: int,
    first: int,
    until: int,
    sizes: Sizes,
    window: tuple[int, int],
) -> batches.Bounds | None:
    size = sizes.of(kind)
    if kind == "chat_history":
        return batches.messages_within(tx.db, conversation, first, until, size)
    return batches.sessions_within(tx.db, conversation, first, until, size, window)
