"""Actions of endpoints and deliveries, on the file, at the times that a test sets."""

from typing import Any

import delivery
import msgspec
import pytest
from offline import SECOND, Offline, room

from chatctl_server import errors
from chatctl_server.actions import callbacks, endpoints, history_batches, recovery
from chatctl_server.domain.callbacks import Delivered, GivenUp
from chatctl_server.settings.sources import Settings
from chatctl_server.storage import cursors, deliveries, delivery_lists, log
from chatctl_server.storage import endpoints as stored_endpoints
from chatctl_server.storage import history_batches as stored_batches
from chatctl_server.storage.transaction import Tx
from chatctl_server.views import deliveries as views

SETTINGS = Settings()
DAY = 24 * 3600 * SECOND
SECRETS = ["QUFB" * 8, "QkJC" * 8, "Q0ND" * 8]
URL = "http://127.0.0.1:9/hook"


def add(desk: Offline, *events: str, **more: Any) -> stored_endpoints.Endpoint:
    url, secret = more.get("url", URL), more.get("secret")
    added = desk.run(endpoints.add, url, events or ("*",), secret, True, SETTINGS)
    stored: stored_endpoints.Endpoint = added.endpoint
    return stored


def change(desk: Offline, endpoint: stored_endpoints.Endpoint, **changes: Any) -> Any:
    wanted = endpoints.Changes(
        changes.get("url"), changes.get("events"), changes.get("secret"), changes.get("status"),
        changes.get("is_own_word", True),
    )  # fmt: skip
    settings = changes.get("settings", SETTINGS)
    return desk.run(endpoints.change, endpoint.public_id, wanted, settings).endpoint


def plan(desk: Offline, endpoint: int, offsets: range, conversation: int = 1001) -> None:
    """As the planner would, and its cursor goes with it. There is such a room, without an event."""

    def run(tx: Tx) -> None:
        tx.db.execute_sql(
            """INSERT OR IGNORE INTO conversation
            (id, kind, scope, public_id, name, status, created_at, last_seq)
            VALUES (?, 'room', 1, ?, 'room', 'open', 0, 0)""",
            (conversation, f"room {conversation}"),
        )
        planned = [
            deliveries.Planned(endpoint, conversation, "ban.set", each, each, 4) for each in offsets
        ]
        at = cursors.position(tx.db, callbacks.NAME)
        assert callbacks.plan(tx, at, max(at, offsets.stop - 1), planned, [], 0)

    desk.call(run)


def every(
    desk: Offline, status: deliveries.Status | None = None
) -> list[delivery_lists.DeliveryListed]:
    wanted = delivery_lists.Filter(None, None, status, None, 0, 2**62)
    found = desk.call(lambda tx: delivery_lists.page(tx.db, wanted, 2**62, 10_000))
    return list(found[::-1])


def test_a_secret_overlaps_for_a_day(desk: Offline) -> None:
    endpoint = add(desk, secret=SECRETS[0])
    desk.now += 1
    changed = change(desk, endpoint, secret=SECRETS[1])
    assert (changed.secret, changed.previous_secret) == (SECRETS[1], SECRETS[0])
    assert changed.previous_until == desk.now + DAY
    desk.now += DAY // 2
    again = change(desk, endpoint, secret=SECRETS[2])
    both = f"{SECRETS[1]} {SECRETS[0]}"
    assert (again.previous_secret, again.previous_until) == (both, desk.now + DAY)
    for now, until in ((desk.now, (desk.now + DAY) // SECOND), (desk.now + DAY, None)):
        nothing = deliveries.Outstanding()
        shown = views.endpoint(again, nothing, now, scope="rooms", has_common_secret=False)
        assert shown.secret_overlap_until == until
    desk.now += DAY
    # Those whose day is over sign no more.
    assert change(desk, endpoint, secret=SECRETS[0]).previous_secret == SECRETS[2]


def test_the_first_secret_overlaps_with_that_of_the_settings(desk: Offline) -> None:
    unsigned, signed = add(desk, "ban.*"), add(desk, "mute.*")
    assert change(desk, unsigned, secret=SECRETS[0]).previous_until is None
    settings = Settings(callback_signing_secret=(SECRETS[1], SECRETS[2]))
    changed = change(desk, signed, secret=SECRETS[0], settings=settings)
    both = f"{SECRETS[1]} {SECRETS[2]}"
    assert (changed.previous_secret, changed.previous_until) == (both, desk.now + DAY)


def test_no_fact_holds_a_secret(desk: Offline) -> None:
    endpoint = add(desk, url="http://me:word@127.0.0.1/?token=x1", secret=SECRETS[0])
    change(desk, endpoint, url="http://you:word@127.0.0.1/?token=x2", secret=SECRETS[1])
    rows = desk.call(lambda tx: tx.db.execute_sql("SELECT payload FROM event").fetchall())
    told = str(rows)
    assert "…" in told
    assert not [each for each in (*SECRETS, "word", "x1", "x2") if each in told]


def test_it_hears_of_what_is_above_its_own_fact(desk: Offline) -> None:
    desk.create_room("before")
    endpoint = add(desk)
    newest = desk.call(lambda tx: log.newest_offset(tx.db))
    assert endpoint.since == newest
    assert change(desk, endpoint, events=("ban.*",)).since == newest


def test_enabling_forgets_past_failures(desk: Offline) -> None:
    endpoint = add(desk)

    def fail(tx: Tx) -> None:
        stored = stored_endpoints.find(tx.db, endpoint.public_id)
        failing = {"status": "disabled", "disabled_reason": "gone", "failing_since": 1}
        stored_endpoints.save(tx.db, msgspec.structs.replace(stored, **failing))

    desk.call(fail)
    enabled = change(desk, endpoint, status="enabled")
    assert (enabled.status, enabled.disabled_reason) == ("enabled", None)
    assert enabled.failing_since is None


def test_what_is_pending_for_a_removed_one_is_skipped_in_slices(desk: Offline) -> None:
    kept, gone = add(desk, "ban.*"), add(desk, "mute.*", secret=SECRETS[0])
    change(desk, gone, secret=SECRETS[1])
    plan(desk, gone.id, range(1, 1501))
    plan(desk, kept.id, range(1, 4), conversation=2)
    desk.run(endpoints.remove, gone.public_id)
    assert desk.call(endpoints.skip_of_removed) is True
    assert len(every(desk, "skipped")) == 1000
    desk.restart()  # as after a crash
    assert desk.call(endpoints.skip_of_removed) is False
    assert len(every(desk, "skipped")) == 1500
    assert [each.endpoint_id for each in every(desk, "pending")] == [kept.public_id] * 3
    keys = desk.call(lambda tx: tx.db.execute_sql("SELECT endpoint FROM ordering_key").fetchall())
    assert keys == [(kept.id,)]
    removed = desk.call(lambda tx: stored_endpoints.one(tx.db, gone.id))
    assert (removed.status, removed.secret) == ("removed", None)
    assert (removed.previous_secret, removed.previous_until) == (None, None)
    with pytest.raises(errors.EndpointNotFound):
        desk.run(endpoints.remove, gone.public_id)


def test_each_sample_has_an_ordering_key_of_its_own(desk: Offline) -> None:
    endpoint = add(desk)
    for _ in range(2):
        (made,) = desk.call(endpoints.request_test, endpoint.public_id, None)
        assert made.conversation == -made.id
        assert (made.mark, made.tries_allowed) == ("test", 1)


def batch(desk: Offline, messages: int) -> list[delivery_lists.DeliveryListed]:
    """A run over a room of so many messages, up to its second batch."""
    lobby = desk.create_room("lobby")
    for number in range(messages):
        desk.post(lobby, "anna", f"text {number}")
    desk.call(callbacks.configure, {"chat_history": URL}, 0)
    desk.call(history_batches.start_run, 1, "chat_history", room(1), delivery.SIZES, 0)
    desk.call(delivery.finish, 1, Delivered())
    return every(desk)


@pytest.mark.parametrize("messages", [2, 5])
def test_a_batch_that_has_arrived_is_sent_again_alone(desk: Offline, messages: int) -> None:
    """The run that it belongs to went on, or was over, long ago."""
    before = batch(desk, messages)
    first = before[0]
    first_row = desk.call(lambda tx: deliveries.one(tx.db, 1))
    was_last = first_row.last == first_row.until
    resent = desk.run(recovery.resend, "1", SETTINGS)
    assert (resent.changed, resent.delivery.status) == (True, "pending")
    row = desk.call(lambda tx: deliveries.one(tx.db, 1))
    assert (row.last == row.until) == was_last  # so the body says the same
    desk.call(delivery.finish, 1, Delivered())
    assert [each.delivery_id for each in every(desk)] == [each.delivery_id for each in before]
    progress = desk.call(lambda tx: stored_batches.progress(tx.db, "chat_history", room(1)))
    under_way = 2 if messages > 2 else None
    assert progress == stored_batches.BatchProgress(2, len(before), under_way)
    assert first.number == 1


def test_a_batch_that_failed_goes_on_with_its_run(desk: Offline) -> None:
    batch(desk, 5)
    desk.call(delivery.finish, 2, GivenUp())
    desk.run(recovery.resend, "2", SETTINGS)
    desk.call(delivery.finish, 2, Delivered())
    assert [(each.number, each.status) for each in every(desk)] == [
        (1, "delivered"),
        (2, "delivered"),
        (3, "pending"),
    ]


def test_a_hundred_beside_those_of_the_settings(desk: Offline) -> None:
    def added(url: str) -> endpoints.Result:
        return desk.run(endpoints.add, url, ["ban.*"], None, True, SETTINGS)

    desk.call(callbacks.configure, {"room_event": URL}, 0)
    first, *_ = [added(f"{URL}/{n}").endpoint for n in range(100)]
    changes = endpoints.Changes(None, None, None, "disabled", True)
    desk.run(endpoints.change, first.public_id, changes, SETTINGS)
    with pytest.raises(errors.Conflict) as raised:
        added(URL)
    assert raised.value.detail == "There are 100 added endpoints; 100 is the most"
    assert raised.value.hint == "remove one that is not needed any more"
    assert added(f"{URL}/1").changed is False
    desk.run(endpoints.remove, first.public_id)
    assert added(URL).changed is True


def test_a_history_is_sent_in_one_run_at_a_time(desk: Offline) -> None:
    """One that failed is gone on with at the endpoint that is there now."""
    batch(desk, 5)
    again = (history_batches.start_run, 1, "chat_history", room(1), delivery.SIZES, 0)
    assert desk.call(*again) is False
    desk.call(delivery.finish, 2, GivenUp())
    other = add(desk).id
    assert desk.call(again[0], other, *again[2:])
    row = desk.call(lambda tx: deliveries.one(tx.db, 2))
    assert (row.endpoint, row.status, len(every(desk))) == (other, "pending", 2)


def test_sessions_of_a_time_are_sent_once_more(desk: Offline) -> None:
    lobby = desk.create_room("lobby")
    begun = desk.now
    for user in ("anna", "bert"):
        desk.stay(lobby, user, 60)
    desk.call(callbacks.configure, {"session_history": URL}, 0)
    sessions = ("session_history", lobby, (begun, begun), delivery.SIZES, 0)
    assert desk.call(history_batches.start_again, 1, *sessions)
    (made,) = every(desk)
    assert (made.event, made.mark) == ("session_history_batch", "again")
