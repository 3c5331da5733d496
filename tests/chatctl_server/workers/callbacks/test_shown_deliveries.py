"""What an administrator is shown of deliveries and of how far they got."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from offline import SECOND, Offline, room

from chatctl_server.actions import attempts, callbacks, history_batches, sessions
from chatctl_server.domain import events
from chatctl_server.domain.callbacks import Again, Delivered, GivenUp, Outcome, Skipped, Verdict
from chatctl_server.storage import deliveries, delivery_lists, log
from chatctl_server.storage.transaction import Tx
from chatctl_server.views import deliveries as views
from chatctl_server.views.rooms import callbacks as bodies

SIZES = history_batches.Sizes(messages=2, sessions=2, tries=4)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Offline]:
    made = Offline(tmp_path / "chat.db")
    made.call(callbacks.configure, {"room_event": "http://127.0.0.1:9/hook"}, 0)
    made.create_room("lobby")
    yield made
    made.close()


def plan(desk: Offline) -> int:
    planned = deliveries.Planned(1, 1, "room_created", 1, 1, 4)
    return int(
        desk.call(lambda tx: deliveries.add(tx.db, tx.take("delivery"), [planned], tx.now, 0))
    )


def finish(desk: Offline, number: int, verdict: Verdict, status: int = 200) -> None:
    def run(tx: Tx) -> None:
        stored = deliveries.one(tx.db, number)
        assert stored is not None
        outcome = Outcome(1500, status=status)
        tried = attempts.AttemptEnded(stored, tx.now, outcome, verdict, b"1", tx.now, SIZES)
        assert attempts.record_one(tx, tried)

    desk.call(run)


def test_the_newest_try_is_told_in_seconds_and_milliseconds(desk: Offline) -> None:
    number = plan(desk)
    finish(desk, number, Again(5 * SECOND), 500)
    desk.now += 5 * SECOND
    finish(desk, number, Again(60 * SECOND), 503)
    listed = desk.call(lambda tx: delivery_lists.one(tx.db, number))
    tries = desk.call(lambda tx: deliveries.tries(tx.db, number))
    shown = views.details(listed, views.RequestObject("", {}, None), tries)
    now = desk.now // SECOND
    assert (shown.tries, shown.last_status) == (2, 503)
    assert (shown.planned_at, shown.next_try_at) == (now - 5, now + 60)
    assert [(each.at, each.latency_ms) for each in shown.attempts] == [(now - 5, 1.5), (now, 1.5)]


def test_what_is_due_at_once_is_due_since_it_was_planned(desk: Offline) -> None:
    number = plan(desk)
    shown = views.delivery(desk.call(lambda tx: delivery_lists.one(tx.db, number)))
    assert shown.next_try_at == shown.planned_at == desk.now // SECOND


def test_pending_and_failed_are_counted_apart_from_the_rest(desk: Offline) -> None:
    for verdict in (Delivered(), GivenUp(), Skipped(), GivenUp()):
        finish(desk, plan(desk), verdict)
    plan(desk)
    counts = desk.call(lambda tx: delivery_lists.counts(tx.db, 1, 1))
    assert counts == {("room_event", 1): delivery_lists.DeliveryCounts(1, 2, desk.now)}


def test_how_long_a_user_stayed_is_the_difference_of_the_seconds_that_are_told(
    desk: Offline,
) -> None:
    """So that it agrees with the history page, whose times are whole seconds."""
    session = desk.run(sessions.join, room(1), "anna", "anna").session_id
    desk.now += SECOND - 1
    left = desk.run(sessions.join, room(1), "bert", "bert").session_id
    for each in (session, left):
        desk.now += SECOND // 10
        desk.run(sessions.leave, room(1), each, "left")
    entries = desk.call(lambda tx: log.read_after(tx.db, 0, 100))
    told = [
        msgspec.to_builtins(bodies.room_event("room", entry))
        for entry in entries
        if isinstance(entry.payload, events.SessionJoined | events.SessionLeft)
    ]
    began = {each["user_id"]: each["timestamp"] for each in told[:2]}
    for each in told[2:]:
        assert each["duration"] == each["timestamp"] - began[each["user_id"]]
    assert [each["duration"] for each in told[2:]] == [1, 1]
