"""Deliveries are planned in one step with the follower's cursor, and settled after each try."""

from collections.abc import Mapping, Sequence

import msgspec

from chatctl_server.conversation import batches, following
from chatctl_server.domain import callbacks, facts
from chatctl_server.domain.callbacks import EndpointKind
from chatctl_server.setting_table import masked
from chatctl_server.storage import deliveries, endpoints, forgetting, syncs
from chatctl_server.storage.transaction import Tx

NAME = "callbacks"
SERVER = facts.Actor(None, "server")
TOO_LONG = "no delivery has succeeded for five days"
GONE = "the receiver answered 410: it is gone"


class Settled(msgspec.Struct, frozen=True):
    """What a try led to. ``due_at``, before the verdict's delay, is by the sender's clock."""

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
        known[url] = endpoints.new(tx.db, tx.now, origin="settings", kind=kind, url=url)
        endpoints.save(tx.db, known[url])
    for each in known.values():
        if each.url != url:
            deliveries.move_endpoint(tx.db, each.id, known[url].id, due_at)


def plan(
    tx: Tx,
    expected: int,
    reached: int,
    planned: Sequence[deliveries.Planned],
    requested: Sequence[int],
    due_at: int,
) -> bool:
    """Adds the deliveries and the syncs that were ``requested``, and moves the cursor; False
    means: another moved it, read again."""
    if not following.plan(tx, NAME, expected, reached):
        return False
    _add(tx, planned, due_at)
    syncs.add(tx.db, requested)
    return True


def _add(tx: Tx, planned: Sequence[deliveries.Planned], due_at: int) -> None:
    """But for endpoints that were removed since the planner looked."""
    if planned:
        present = {each.id for each in endpoints.present(tx.db)}
        wanted = [each for each in planned if each.endpoint in present]
        deliveries.add(tx.db, wanted, tx.now, due_at)


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
    """A receiver that is gone, or five days of failures without a day's pause and without a
    success, disable an added endpoint. Those of the settings only say since when they fail."""
    stored = endpoints.one(tx.db, endpoint)
    if stored is None or stored.status != "enabled":
        return
    if isinstance(settled.verdict, callbacks.Delivered):
        if stored.failing_since is not None:
            well = msgspec.structs.replace(stored, failing_since=None, failed_at=None)
            endpoints.save(tx.db, well)
        return
    failing = _failing(stored, tx.now)
    since = failing.failing_since or tx.now
    is_gone = isinstance(settled.verdict, callbacks.GivenUp) and settled.verdict.is_gone
    if stored.is_added and (is_gone or tx.now - since >= callbacks.FAILING_TOO_LONG):
        _disable(tx, failing, GONE if is_gone else TOO_LONG)
    elif failing != stored:
        endpoints.save(tx.db, failing)


def _failing(stored: endpoints.Stored, now: int) -> endpoints.Stored:
    """After one more failure. Its time is written once an hour, not at each try."""
    last = stored.failed_at
    since = stored.failing_since
    # A clock that was set back has made the future of it.
    is_first = since is None or last is None or now < since
    if is_first or now - (last or 0) > callbacks.LONGEST_PAUSE + callbacks.FAILED_EVERY:
        return msgspec.structs.replace(stored, failing_since=now, failed_at=now)
    if abs(now - (last or 0)) < callbacks.FAILED_EVERY:
        return stored
    return msgspec.structs.replace(stored, failed_at=now)


def _disable(tx: Tx, stored: endpoints.Stored, reason: str) -> None:
    disabled = msgspec.structs.replace(stored, status="disabled", disabled_reason=reason)
    endpoints.save(tx.db, disabled)
    url = masked(stored.url)
    fact = facts.EndpointChanged(
        stored.public_id, url, stored.events, "disabled", ("status",), reason
    )
    tx.record(fact, SERVER, None)
