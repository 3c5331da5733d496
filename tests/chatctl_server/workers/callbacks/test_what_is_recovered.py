"""Which deliveries a recovery takes, when they are tried, and what is recorded of it."""

from collections.abc import Callable

import delivery
import msgspec
import pytest
from offline import SECOND, Offline, reading

from chatctl_server import errors
from chatctl_server.actions import callbacks, endpoints, recovery
from chatctl_server.domain.callbacks import (
    Again,
    Delivered,
    GivenUp,
    Verdict,
)
from chatctl_server.settings.sources import Settings
from chatctl_server.storage import cursors, deliveries, delivery_lists, log
from chatctl_server.storage import endpoints as stored_endpoints
from chatctl_server.storage.transaction import Tx

SETTINGS = Settings()
ALWAYS = (0, 2**62)
URL = "http://127.0.0.1:9/hook"


def add(desk: Offline, *events: str) -> stored_endpoints.Endpoint:
    added: endpoints.Result = desk.run(endpoints.add, URL, events, None, True, SETTINGS)
    return added.endpoint


def deliver(desk: Offline, endpoint: int, verdict: Verdict | None, mark: str | None = None) -> int:
    """One more, to the same room; None: it is not tried."""

    number = int(desk.call(lambda tx: delivery.plan(tx, endpoint, "room.renamed", mark=mark)).id)
    if verdict is not None:
        status = 200 if isinstance(verdict, Delivered) else 500
        desk.call(delivery.finish, number, verdict, status)
    return number


def outage(**more: object) -> recovery.Outage:
    return recovery.Outage("failed", ALWAYS, None, 100, False)._replace(**more)


def revive(desk: Offline, **more: object) -> recovery.Portion:
    found: recovery.Portion = desk.run(
        recovery.revive, outage(**more), recovery.PortionStart(), SETTINGS
    )
    return found


def pass_over(desk: Offline) -> None:
    """All that has happened is behind the planner, and nobody was told of it."""
    desk.call(lambda tx: cursors.move(tx.db, callbacks.NAME, log.newest_offset(tx.db)))


def missing(
    desk: Offline, place: recovery.PortionStart | None = None, **more: object
) -> recovery.Missing:
    asked = outage(only="missing", **more)
    start = place or recovery.PortionStart()
    found: recovery.Missing = desk.call(
        lambda tx: recovery.find_missing(tx.db, asked, start, SETTINGS, tx.now)
    )
    return found


def listed(desk: Offline, number: int) -> delivery_lists.DeliveryListed:
    found: delivery_lists.DeliveryListed = desk.call(lambda tx: delivery_lists.one(tx.db, number))
    return found


def count_events(desk: Offline) -> int:
    return int(desk.call(lambda tx: log.newest_offset(tx.db)))


def due(desk: Offline, endpoint: int) -> list[int]:
    """What may be tried at once."""

    def run(tx: Tx) -> list[int]:
        found = deliveries.due(tx.db, endpoint, is_slow=False, now=0, limit=9)
        return [each.id for each in found]

    return list(desk.call(run))


def test_what_was_given_up_is_due_though_its_room_waits_for_a_retry(desk: Offline) -> None:
    endpoint = add(desk, "room.*").id
    lost = deliver(desk, endpoint, GivenUp())
    deliver(desk, endpoint, Again(3600 * SECOND))
    assert due(desk, endpoint) == []
    assert revive(desk).size == 1
    assert due(desk, endpoint) == [lost]


def test_what_moves_to_another_url_is_due_there(desk: Offline) -> None:
    desk.call(callbacks.configure, {"room_event": URL}, 0)
    lost = deliver(desk, 1, GivenUp())
    desk.call(callbacks.configure, {"data": URL, "room_event": f"{URL}/new"}, 0)
    home = next(
        each
        for each in desk.call(lambda tx: stored_endpoints.present(tx.db))
        if each.kind == "room_event"
    )
    assert revive(desk).size == 1
    assert listed(desk, lost).endpoint_id == home.public_id
    assert (due(desk, home.id), due(desk, 1)) == ([lost], [])


def test_only_of_enabled_endpoints_or_of_the_one_that_is_named(desk: Offline) -> None:
    first, other = add(desk, "room.*"), add(desk, "ban.*")
    for each in (first, other):
        deliver(desk, each.id, GivenUp())
    one = revive(desk, endpoint_id=other.public_id, is_dry_run=True)
    assert (one.size, one.first and one.first.endpoint_id) == (1, other.public_id)
    off = endpoints.Changes(None, None, None, "disabled", True)
    desk.run(endpoints.change, first.public_id, off, SETTINGS)
    rest = revive(desk, is_dry_run=True)
    assert (rest.size, rest.last and rest.last.endpoint_id) == (1, other.public_id)
    assert revive(desk, endpoint_id=first.public_id, is_dry_run=True).size == 1


def test_one_whose_endpoint_was_removed_stays(desk: Offline) -> None:
    """Be it an added one, or that of a setting which names no URL any more."""
    desk.call(callbacks.configure, {"room_event": URL}, 0)
    gone = add(desk, "room.*")
    lost = [deliver(desk, endpoint, GivenUp()) for endpoint in (1, gone.id)]
    desk.run(endpoints.remove, gone.public_id)
    desk.call(callbacks.configure, {"room_event": None}, 0)
    assert revive(desk).size == 0
    for number in lost:
        with pytest.raises(errors.Conflict):
            desk.run(recovery.resend, str(number), SETTINGS)


def test_missing_ones_of_an_endpoint_that_goes_meanwhile_are_not_planned(desk: Offline) -> None:
    endpoint = add(desk, "room.*")
    desk.create_room("lobby")
    pass_over(desk)
    found = missing(desk)
    assert len(found.planned) == 1
    desk.run(endpoints.remove, endpoint.public_id)
    assert desk.run(recovery.plan_missing, outage(only="missing"), found).size == 0


def test_what_two_recoveries_find_missing_is_planned_once(desk: Offline) -> None:
    add(desk, "room.*")
    for number in range(3):
        desk.create_room(f"room {number}")
    pass_over(desk)
    one, other = missing(desk), missing(desk)
    assert [each.first for each in one.planned] == [2, 3, 4]
    assert desk.run(recovery.plan_missing, outage(only="missing"), one).size == 3
    assert desk.run(recovery.plan_missing, outage(only="missing"), other).size == 0
    assert missing(desk).planned == []


def test_neither_what_the_planner_has_before_it_is_missing_nor_what_is_older_than_is_kept(
    desk: Offline,
) -> None:
    add(desk, "room.*")
    desk.create_room("old")
    desk.now += (SETTINGS.callback_retention_days * 24 * 3600 + 1) * SECOND
    desk.create_room("new")
    before = missing(desk)
    assert (before.planned, before.following) == ([], None)
    pass_over(desk)
    assert [each.first for each in missing(desk).planned] == [3]


def test_a_dry_run_changes_nothing(desk: Offline) -> None:
    endpoint = add(desk, "room.*").id
    for verdict in (GivenUp(), Delivered(), None):
        deliver(desk, endpoint, verdict)
    desk.create_room("untold")
    pass_over(desk)
    before = rows(desk)
    for only, size in (("failed", 1), ("all", 2)):
        asked = outage(only=only, is_dry_run=True)
        portion = desk.run(recovery.revive, asked, recovery.PortionStart(), SETTINGS)
        assert (portion.size, portion.first.status) == (size, "failed")
        assert desk.run(recovery.plan_missing, asked, missing(desk)).size == 1
    assert rows(desk) == before


def rows(desk: Offline) -> list[list[tuple[object, ...]]]:
    """All that a recovery may write."""
    tables = ("delivery", "attempt", "ordering_key", "batch", "event", "cursor")
    with reading(desk.path) as db:
        return [db.execute_sql(f"SELECT * FROM {each}").fetchall() for each in tables]


def test_the_end_of_the_time_is_a_part_of_it(desk: Offline) -> None:
    add(desk, "room.*")
    desk.now += SECOND
    desk.create_room("lobby")
    at = desk.now
    desk.now += SECOND
    desk.create_room("later")
    pass_over(desk)
    assert len(missing(desk, window=(0, at)).planned) == 1
    assert len(missing(desk, window=(0, at - 1)).planned) == 0


def test_what_was_posted_is_missing_too(desk: Offline) -> None:
    add(desk, "message.*")
    desk.post(desk.create_room("lobby"), "anna", "hello")
    pass_over(desk)
    found = missing(desk)
    assert [each.event for each in found.planned] == ["message.posted"]
    assert found.following is None


def test_what_changes_nothing_is_not_recorded(desk: Offline) -> None:
    endpoint = add(desk, "room.*")
    untried = deliver(desk, endpoint.id, None)
    before = count_events(desk)
    assert revive(desk).size == 0
    assert desk.run(recovery.resend, str(untried), SETTINGS).changed is False
    assert count_events(desk) == before


def test_a_sample_that_is_sent_again_is_tried_once(desk: Offline) -> None:
    endpoint = add(desk, "room.*")
    number = deliver(desk, endpoint.id, GivenUp(), deliveries.TEST)
    desk.run(recovery.resend, str(number), SETTINGS)
    again = listed(desk, number)
    assert (again.tries, again.tries_allowed) == (1, 2)


def test_patterns_count_once_and_in_any_order(desk: Offline) -> None:
    endpoint = add(desk, "room.*", "ban.*", "room.*")
    assert endpoint.events == ("room.*", "ban.*")
    turned = endpoints.Changes(None, ["ban.*", "room.*"], None, None, True)
    result = desk.run(endpoints.change, endpoint.public_id, turned, SETTINGS)
    assert (result.changed, result.endpoint.events) == (False, ("room.*", "ban.*"))


@pytest.mark.parametrize(
    ("backoff", "named_grows", "added_grows"),
    [(None, False, True), ("fixed", False, False), ("exponential", True, True)],
)
def test_how_the_delay_grows(
    desk: Offline, backoff: str | None, named_grows: bool, added_grows: bool
) -> None:
    """Only of added endpoints the answers are believed."""
    desk.call(callbacks.configure, {"room_event": URL}, 0)
    add(desk, "room.*")
    settings = msgspec.structs.replace(SETTINGS, callback_backoff=backoff)
    named, added = (
        endpoints.policy_of(each, settings)
        for each in desk.call(lambda tx: stored_endpoints.present(tx.db))
    )
    assert (named.is_patient, added.is_patient) == (False, True)
    assert (named.is_growing, named.tries) == (named_grows, 82 if named_grows else 4)
    assert (added.is_growing, added.tries) == (added_grows, 82 if added_grows else 4)


def test_what_waits_for_its_next_try_is_tried_now(desk: Offline) -> None:
    endpoint = add(desk, "room.*")
    deliver(desk, endpoint.id, Again(3600 * SECOND))
    wanted = desk.call(lambda tx: deliveries.next_due(tx.db, endpoint.id, tx.now))
    assert wanted == desk.now + 3600 * SECOND
    for is_dry_run in (True, False):
        portion = revive(desk, is_dry_run=is_dry_run)
        assert (portion.size, portion.due_now) == (0, 1)
        found = desk.call(
            lambda tx: deliveries.due(tx.db, endpoint.id, is_slow=False, now=tx.now, limit=10)
        )
        assert len(found) == (0 if is_dry_run else 1)
    assert revive(desk).due_now == 0


def portions(
    take: Callable[[recovery.PortionStart], recovery.Portion], meanwhile: Callable[[], None]
) -> list[int]:
    place: recovery.PortionStart | None = recovery.PortionStart()
    sizes: list[int] = []
    while place is not None and len(sizes) < 10:
        portion = take(place)
        sizes.append(portion.size)
        place = portion.following
        meanwhile()
        meanwhile()
    return sizes


def test_what_arrives_meanwhile_is_not_sent_again(desk: Offline) -> None:
    """A recovery is about an outage that is over: what comes meanwhile does not prolong it."""
    endpoint = add(desk, "room.*").id

    def arrive() -> None:
        deliver(desk, endpoint, Delivered())

    for _ in range(3):
        arrive()
    every = outage(only="all", limit=2)
    found = portions(lambda place: desk.run(recovery.revive, every, place, SETTINGS), arrive)
    assert found == [2, 1]


def test_what_happens_meanwhile_is_not_missing(desk: Offline) -> None:
    add(desk, "room.*")

    def happen() -> None:
        desk.create_room("lobby")
        pass_over(desk)

    for _ in range(3):
        happen()
    asked = outage(only="missing", limit=2)
    found = portions(
        lambda place: desk.run(recovery.plan_missing, asked, missing(desk, place, limit=2)), happen
    )
    assert found == [2, 1]
