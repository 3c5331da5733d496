"""Syncs are planned a few rooms at a time, in one step with the note of how far that is."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from chatctl_server import errors
from chatctl_server.actions import history_batches
from chatctl_server.domain import callbacks, events
from chatctl_server.domain.references import ROOMS, RoomRef
from chatctl_server.storage import conversations, deliveries, history_pages, log, rooms, syncs
from chatctl_server.storage.transaction import Tx

STATES: tuple[events.SyncKind, ...] = ("data", "periodic")


class SyncPart(NamedTuple):
    """Some rooms of the first sync; none ends it. ``receivers``: the endpoint of each kind that is
    asked for. ``window``: of a history that is wanted once more."""

    after: syncs.SyncPosition
    rooms: Sequence[int]
    receivers: Mapping[events.SyncKind, int]
    window: tuple[int, int] | None
    is_of_all_rooms: bool

    @property
    def tells_states(self) -> bool:
        """Whether the log tells its end: not that of a history, nor of one room."""
        return self.is_of_all_rooms and bool(self.receivers.keys() - set(callbacks.HISTORIES))


def request(
    tx: Tx,
    actor: events.Actor,
    kinds: Sequence[events.SyncKind] = (),
    room: RoomRef | None = None,
    from_time: int | None = None,
    to_time: int | None = None,
    full: bool = False,
) -> list[events.Event]:
    """Of one room or, without ``room``, of all. Times in microseconds.

    Without kinds: both states or, when a part of the history is asked for, both histories. The
    states of a room need it to be open. An event of its own for each set of rooms.
    """
    if from_time is not None and to_time is not None and from_time > to_time:
        raise errors.InvalidInput(
            "from is after to", field="from", hint="from is the earlier of the two times"
        )
    wanted = kinds or (
        callbacks.HISTORIES if full or from_time is not None or to_time is not None else STATES
    )
    states = tuple(kind for kind in STATES if kind in wanted)
    groups = [states] if states else []
    groups += [(kind,) for kind in callbacks.HISTORIES if kind in wanted]
    if room is not None:
        (conversations.get_open if states else conversations.get)(tx.db, room)
    return [
        _record(tx, events.SyncRequested(group, tx.at, from_time, to_time, full), actor, room)
        for group in groups
    ]


def _record(
    tx: Tx, payload: events.SyncRequested, actor: events.Actor, room: RoomRef | None
) -> events.Event:
    if room is None:
        return tx.record(payload, actor, scope=ROOMS)
    return tx.record(payload, actor, room)


def plan(tx: Tx, part: SyncPart, sizes: history_batches.Sizes, due_at: int) -> int | None:
    """How many deliveries tell a state; None means: another planned it, look again."""
    if syncs.first(tx.db) != part.after:
        return None
    offset = part.after.offset
    states = 0
    there = conversations.not_purged(tx.db, part.rooms)
    for room in part.rooms:
        if room not in there:
            continue
        for kind, endpoint in part.receivers.items():
            if kind in ("data", "periodic"):
                states += _plan_state(tx, endpoint, kind, room, offset, sizes, due_at)
            else:
                _plan_history(tx, endpoint, kind, room, part.window, sizes, due_at)
    if part.rooms:
        syncs.move(tx.db, syncs.SyncPosition(offset, part.rooms[-1]))
    else:
        syncs.end(tx.db, offset)
    return states


def request_regularly(tx: Tx, actor: events.Actor, kinds: tuple[events.SyncKind, ...]) -> bool:
    """For a clock, of all rooms. While the one before it has not begun it would tell nothing more:
    then False."""
    for offset in syncs.not_begun(tx.db):
        entry = log.one(tx.db, offset)
        if entry is None or entry.conversation is not None:
            continue
        if isinstance(entry.payload, events.SyncRequested) and entry.payload.kinds == kinds:
            return False
    request(tx, actor, kinds)
    return True


def window_of(payload: events.SyncRequested) -> tuple[int, int] | None:
    """The time whose history is asked for once more; None for what is new."""
    if not payload.full and payload.from_time is None and payload.to_time is None:
        return None
    until = history_pages.LATEST if payload.to_time is None else payload.to_time
    return payload.from_time or 0, until


def _plan_history(
    tx: Tx,
    endpoint: int,
    kind: events.SyncKind,
    room: int,
    window: tuple[int, int] | None,
    sizes: history_batches.Sizes,
    due_at: int,
) -> None:
    history, ref = callbacks.history_of(kind), RoomRef(room, ROOMS)
    if window is None:
        history_batches.start_run(tx, endpoint, history, ref, sizes, due_at)
    else:
        history_batches.start_again(tx, endpoint, history, ref, window, sizes, due_at)


def _plan_state(
    tx: Tx,
    endpoint: int,
    kind: events.SyncKind,
    conversation: int,
    offset: int,
    sizes: history_batches.Sizes,
    due_at: int,
) -> bool:
    """A state that waits already will tell the newest when it is sent: no second one."""
    room = rooms.by_id(tx.db, conversation)
    event = callbacks.DATA_SYNC if kind == "data" else callbacks.PERIODIC_SYNC
    if room is None or room.status != "open":
        return False
    if deliveries.has_waiting(tx.db, endpoint, conversation, event):
        return False
    wanted = deliveries.Planned(endpoint, conversation, event, offset, offset, sizes.tries)
    deliveries.add(tx.db, tx.take("delivery"), [wanted], tx.now, due_at)
    return True
