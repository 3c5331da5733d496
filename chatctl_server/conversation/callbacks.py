"""Deliveries are planned in one step with the follower's cursor, and settled after each try."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from chatctl_server.conversation import batches
from chatctl_server.domain import callbacks, event_id, facts
from chatctl_server.domain.callbacks import EndpointKind, HistoryKind
from chatctl_server.setting_table import masked
from chatctl_server.storage import (
    conversations,
    cursors,
    deliveries,
    endpoints,
    forgetting,
    histories,
    log,
)
from chatctl_server.storage.transaction import Tx

NAME = "callbacks"
ROOM = "callbacks.room"
SERVER = facts.Actor(None, "server")
TOO_LONG = "no delivery has succeeded for five days"
GONE = "the receiver answered 410: it is gone"


class Position(NamedTuple):
    """``room``: up to which room the sync after that offset is planned; 0 before its first."""

    offset: int
    room: int = 0


class Settled(msgspec.Struct, frozen=True):
    """What a try led to. ``due_at`` and ``delay`` are by the sender's clock."""

    at: int
    outcome: callbacks.Outcome
    verdict: callbacks.Verdict
    body_hash: bytes
    due_at: int


_STATUSES: dict[type[callbacks.Verdict], deliveries.Status] = {
    callbacks.Delivered: "delivered",
    callbacks.Again: "pending",
    callbacks.GivenUp: "failed",
    callbacks.Skipped: "skipped",
}


def configure(
    tx: Tx, urls: Mapping[EndpointKind, str | None], due_at: int
) -> list[endpoints.Stored]:
    """Makes the endpoints those that the settings name. What is pending for a URL that is no
    longer named goes to the one in its place, or waits until there is one."""
    for kind, url in urls.items():
        _configure(tx, kind, url, due_at)
    deliveries.clamp_lanes(tx.db, due_at)
    return endpoints.present(tx.db)


def _configure(tx: Tx, kind: EndpointKind, url: str | None, due_at: int) -> None:
    known = {each.url: each for each in endpoints.of_settings(tx.db, kind)}
    for each in known.values():
        status = "enabled" if each.url == url else "removed"
        if each.status != status:
            endpoints.save(tx.db, msgspec.structs.replace(each, status=status))
    if url is None:
        return
    if url not in known:
        known[url] = _of_settings(tx, kind, url)
        endpoints.save(tx.db, known[url])
    for each in known.values():
        if each.url != url:
            deliveries.move_endpoint(tx.db, each.id, known[url].id, due_at)


def _of_settings(tx: Tx, kind: EndpointKind, url: str) -> endpoints.Stored:
    new_id = endpoints.newest_id(tx.db) + 1
    return endpoints.Stored(
        id=new_id,
        public_id=event_id.make(tx.now, new_id),
        origin="settings",
        kind=kind,
        url=url,
        events=(),
        status="enabled",
        disabled_reason=None,
        since=0,
        is_guarded=False,
        secret=None,
        previous_secret=None,
        previous_until=None,
        created_at=tx.now,
        failing_since=None,
    )


def position(tx: Tx) -> Position:
    return Position(cursors.position(tx.db, NAME), cursors.position(tx.db, ROOM))


def plan(
    tx: Tx,
    expected: Position,
    reached: int,
    planned: Sequence[deliveries.Planned],
    due_at: int,
) -> bool:
    """Adds the deliveries and moves the cursor; False means: another moved it, read again."""
    if position(tx) != expected:
        return False
    _add(tx, planned, due_at)
    _move(tx, Position(reached))
    return True


def plan_sync(
    tx: Tx,
    expected: Position,
    offset: int,
    rooms: Sequence[int],
    planned: Sequence[deliveries.Planned],
    receivers: Mapping[facts.SyncKind, int],
    sizes: batches.Sizes,
    due_at: int,
) -> int | None:
    """A part of the rooms of the sync that was requested at that offset; none ends it. What is
    ``planned`` besides belongs to the first part.

    How many deliveries tell a state; None means: another moved the cursor, read again.
    """
    if position(tx) != expected:
        return None
    entry = log.one(tx.db, offset)
    assert entry is not None
    fact = entry.fact
    assert isinstance(fact, facts.SyncRequested)
    if expected.room == 0:
        _add(tx, planned, due_at)
    states = 0
    for conversation in rooms:
        for kind, endpoint in receivers.items():
            if kind in ("data", "periodic"):
                states += _sync_state(tx, endpoint, kind, conversation, offset, sizes, due_at)
            else:
                _sync_history(tx, endpoint, kind, conversation, again(fact), sizes, due_at)
    _move(tx, Position(expected.offset, rooms[-1]) if rooms else Position(offset))
    return states


def _add(tx: Tx, planned: Sequence[deliveries.Planned], due_at: int) -> None:
    """But for endpoints that were removed since the planner looked."""
    if planned:
        present = {each.id for each in endpoints.present(tx.db)}
        wanted = [each for each in planned if each.endpoint in present]
        deliveries.add(tx.db, wanted, tx.now, due_at)


def _sync_history(
    tx: Tx,
    endpoint: int,
    kind: facts.SyncKind,
    conversation: int,
    window: tuple[int, int] | None,
    sizes: batches.Sizes,
    due_at: int,
) -> None:
    history: HistoryKind = "chat_history" if kind == "chat_history" else "session_history"
    if window is None:
        batches.start_run(tx, endpoint, history, conversation, sizes, due_at)
    else:
        batches.start_again(tx, endpoint, history, conversation, window, sizes, due_at)


def again(fact: facts.SyncRequested) -> tuple[int, int] | None:
    """The window of time whose history is asked for once more; None for what is new."""
    if not fact.full and fact.from_time is None and fact.to_time is None:
        return None
    until = histories.LATEST if fact.to_time is None else fact.to_time
    return fact.from_time or 0, until


def _sync_state(
    tx: Tx,
    endpoint: int,
    kind: facts.SyncKind,
    conversation: int,
    offset: int,
    sizes: batches.Sizes,
    due_at: int,
) -> bool:
    """A state that waits already will tell the newest when it is sent: no second one."""
    room = conversations.by_id(tx.db, conversation)
    event = callbacks.DATA_SYNC if kind == "data" else callbacks.PERIODIC_SYNC
    if room is None or room.status != "open":
        return False
    if deliveries.has_waiting(tx.db, endpoint, conversation, event):
        return False
    wanted = deliveries.Planned(endpoint, conversation, event, offset, offset, sizes.tries)
    deliveries.add(tx.db, [wanted], tx.now, due_at)
    return True


def settle(tx: Tx, delivery: deliveries.Stored, settled: Settled, sizes: batches.Sizes) -> bool:
    """After a try; False when it is settled already, or the delivery is not pending any more."""
    stored = deliveries.one(tx.db, delivery.id)
    if stored is None or stored.status != "pending" or stored.tries != delivery.tries:
        return False
    verdict = settled.verdict
    number = stored.tries + 1
    deliveries.add_try(tx.db, stored.id, number, settled.at, settled.outcome)
    deliveries.settle(tx.db, stored, _STATUSES[type(verdict)], tx.now, settled.body_hash)
    if isinstance(verdict, callbacks.Delivered):
        batches.acknowledge(tx, stored, sizes, settled.due_at)
    if stored.mark != deliveries.TEST and settled.outcome.error != callbacks.BAD_DATA:
        _judge_endpoint(tx, stored.endpoint, settled)
    delay = verdict.delay if isinstance(verdict, callbacks.Again) else 0
    deliveries.move_lane(
        tx.db,
        stored.endpoint,
        stored.conversation,
        due_at=settled.due_at + delay,
        delay=delay,
        is_slow=settled.outcome.error == "timeout",
    )
    return True


def forget(tx: Tx, finished: Sequence[int]) -> None:
    """Deliveries that are over for long, and their tries."""
    forgetting.forget(tx.db, finished)


def _judge_endpoint(tx: Tx, endpoint: int, settled: Settled) -> None:
    """Five days without a success, or a receiver that is gone, disable an added endpoint."""
    stored = endpoints.one(tx.db, endpoint)
    if stored is None or not stored.is_added or stored.status != "enabled":
        return
    if isinstance(settled.verdict, callbacks.Delivered):
        if stored.failing_since is not None:
            endpoints.save(tx.db, msgspec.structs.replace(stored, failing_since=None))
        return
    since = tx.now if stored.failing_since is None else stored.failing_since
    is_gone = isinstance(settled.verdict, callbacks.GivenUp) and settled.verdict.is_gone
    if is_gone or tx.now - since >= callbacks.FAILING_TOO_LONG:
        _disable(tx, stored, GONE if is_gone else TOO_LONG)
    elif stored.failing_since is None:
        endpoints.save(tx.db, msgspec.structs.replace(stored, failing_since=since))


def _disable(tx: Tx, stored: endpoints.Stored, reason: str) -> None:
    disabled = msgspec.structs.replace(stored, status="disabled", disabled_reason=reason)
    endpoints.save(tx.db, disabled)
    url = masked(stored.url)
    fact = facts.EndpointChanged(
        stored.public_id, url, stored.events, "disabled", ("status",), reason
    )
    tx.record(fact, SERVER, None)


def _move(tx: Tx, reached: Position) -> None:
    cursors.move(tx.db, NAME, reached.offset)
    cursors.move(tx.db, ROOM, reached.room)
