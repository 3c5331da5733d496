"""What an administrator is shown of deliveries and of how far they got."""

import delivery
import msgspec
import pytest
from offline import SECOND, Offline, room

from chatctl_server.actions import callbacks, sessions
from chatctl_server.domain import events
from chatctl_server.domain.callbacks import Again, Delivered, GivenUp, Skipped
from chatctl_server.storage import deliveries, delivery_lists, log
from chatctl_server.views import deliveries as views
from chatctl_server.views.rooms import callbacks as bodies


@pytest.fixture
def desk(desk: Offline) -> Offline:
    desk.call(callbacks.configure, {"room_event": "http://127.0.0.1:9/hook"}, 0)
    desk.create_room("lobby")
    return desk


def plan(desk: Offline) -> int:
    return int(desk.call(delivery.plan).id)


def test_the_newest_try_is_told_in_seconds_and_milliseconds(desk: Offline) -> None:
    number = plan(desk)
    desk.call(delivery.finish, number, Again(5 * SECOND), 500)
    desk.now += 5 * SECOND
    desk.call(delivery.finish, number, Again(60 * SECOND), 503)
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
        desk.call(delivery.finish, plan(desk), verdict)
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
