"""Deliveries as the planner leaves them, and tries of them as the sender does: each function is a
part of a transaction."""

from typing import Any

from chatctl_server.actions import attempts, history_batches
from chatctl_server.domain.callbacks import Outcome, Verdict
from chatctl_server.storage import deliveries
from chatctl_server.storage.deliveries import Planned
from chatctl_server.storage.transaction import Tx

SIZES = history_batches.Sizes(messages=2, sessions=2, tries=4)


def add(tx: Tx, *planned: Planned) -> int:
    """The id of the last."""
    return deliveries.add(tx.db, tx.take("delivery", len(planned)), planned, tx.now, 0)


def plan(
    tx: Tx, endpoint: int = 1, event: str = "room_created", offset: int = 1, **more: Any
) -> deliveries.Delivery:
    """One to the first room, for its first event."""
    return one(tx, add(tx, Planned(endpoint, 1, event, offset, offset, 4, **more)))


def one(tx: Tx, number: int) -> deliveries.Delivery:
    found = deliveries.one(tx.db, number)
    assert found is not None
    return found


def finish(tx: Tx, number: int, verdict: Verdict, status: int = 200) -> int:
    outcome = Outcome(1500, status=status)
    stored = one(tx, number)
    tried = attempts.AttemptEnded(stored, tx.now, outcome, verdict, b"1", tx.now, SIZES)
    assert attempts.record_one(tx, tried)
    return number
