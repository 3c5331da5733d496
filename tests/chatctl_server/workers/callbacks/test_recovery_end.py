"""A recovery is about an outage that is over: what happens meanwhile does not prolong it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from offline import HOST, Offline

from chatctl_server.actions import attempts, callbacks, endpoints, history_batches, recovery
from chatctl_server.domain.callbacks import Delivered, Outcome
from chatctl_server.settings.sources import Settings
from chatctl_server.storage import cursors, deliveries, log
from chatctl_server.storage.transaction import Tx

ALWAYS = (0, 2**62)
SIZES = history_batches.Sizes(messages=2, sessions=2, tries=4)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Offline]:
    made = Offline(tmp_path / "chat.db")
    made.run(endpoints.add, "http://127.0.0.1:9/hook", ["room.*"], None, True, Settings())
    yield made
    made.close()


def deliver(tx: Tx) -> None:
    """One more that arrives at once."""
    offset = log.newest_offset(tx.db)
    planned = deliveries.Planned(1, 1, "room.renamed", offset, offset, 4)
    stored = deliveries.one(tx.db, deliveries.add(tx.db, tx.take("delivery"), [planned], tx.now, 0))
    assert stored is not None
    outcome = Outcome(5, status=200)
    tried = attempts.AttemptEnded(stored, tx.now, outcome, Delivered(), b"1", 0, SIZES)
    assert attempts.record_one(tx, tried)


def test_what_arrives_meanwhile_is_not_sent_again(desk: Offline) -> None:
    for _ in range(3):
        desk.call(deliver)
    outage = recovery.Outage("all", ALWAYS, None, 2, False)
    place: recovery.PortionStart | None = recovery.PortionStart()
    sizes = []
    while place is not None:
        portion = desk.call(recovery.revive, HOST, outage, place, Settings())
        sizes.append(portion.size)
        place = portion.following
        desk.call(deliver)
        desk.call(deliver)
        assert len(sizes) < 10
    assert sizes == [2, 1]


def happen(desk: Offline) -> None:
    """An event that the planner has behind it, and that nobody was told of."""
    desk.create_room("lobby")
    desk.call(lambda tx: cursors.move(tx.db, callbacks.NAME, log.newest_offset(tx.db)))


def test_what_happens_meanwhile_is_not_missing(desk: Offline) -> None:
    for _ in range(3):
        happen(desk)
    outage = recovery.Outage("missing", ALWAYS, None, 2, False)
    place: recovery.PortionStart | None = recovery.PortionStart()
    sizes = []
    while place is not None:
        now, begin = desk.now, place
        missing = desk.call(
            lambda tx, now=now, begin=begin: recovery.find_missing(
                tx.db, outage, begin, Settings(), now
            )
        )
        portion = desk.run(recovery.plan_missing, outage, missing)
        sizes.append(portion.size)
        place = portion.following
        happen(desk)
        happen(desk)
        assert len(sizes) < 10
    assert sizes == [2, 1]
