"""Deliveries once more: one by one, or in portions after an outage.

What failed is pending again, at its old place in the order and with its old id. Events of
which an endpoint was never told are planned as the planner would have done.
"""

import contextlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from chatctl_server import errors
from chatctl_server.actions import callbacks as planning
from chatctl_server.actions.endpoints import policy_of
from chatctl_server.domain import callbacks, events, times
from chatctl_server.settings.table import Settings
from chatctl_server.storage import (
    cursors,
    deliveries,
    delivery_lists,
    delivery_retention,
    endpoints,
    log,
)
from chatctl_server.storage.delivery_lists import Addressed, DeliveryListed
from chatctl_server.storage.sql import Database
from chatctl_server.storage.transaction import Tx

MOST_HURRIED = 10_000  # conversations whose callbacks wait for a retry
EVENTS_A_PORTION = 1000


class Resent(NamedTuple):
    delivery: DeliveryListed
    changed: bool


class Outage(NamedTuple):
    """``window``: microseconds, both ends inclusive. Without an endpoint: all enabled ones.
    ``limit``: of one portion."""

    only: events.RecoveryKind
    window: tuple[int, int]
    endpoint_id: str | None
    limit: int
    is_dry_run: bool


class PortionStart(NamedTuple):
    """Behind which delivery or event a portion begins, and the last of all: it is that of the first
    portion, or a busy server would never be at the end."""

    after: int = 0
    end: int | None = None


class Portion(NamedTuple):
    """``following``: where the next one begins; None at the end. ``due_now``: ordering keys that
    waited for a retry."""

    size: int
    first: DeliveryListed | None
    last: DeliveryListed | None
    following: PortionStart | None
    due_now: int = 0


class Missing(NamedTuple):
    """Deliveries that there should be. ``newest``: of the deliveries that were looked at."""

    planned: Sequence[deliveries.Planned]
    newest: int
    following: PortionStart | None


def resend(tx: Tx, actor: events.Actor, delivery_id: str, settings: Settings) -> Resent:
    """With a fresh number of tries; one that waits for a retry is due now."""
    stored = deliveries.find(tx.db, delivery_id)
    home = _home(_known(tx.db), stored.endpoint)
    if home is None:
        raise errors.Conflict("The endpoint of this delivery was removed", field="delivery_id")
    if stored.status == "pending":
        is_waiting = stored.tries > 0
        changed = is_waiting and deliveries.hurry_ordering_key(
            tx.db, stored.endpoint, stored.conversation
        )
    else:
        changed = True
        _make_pending(tx, stored, home, settings)
    if changed:
        payload = events.DeliveryResent(home.public_id, deliveries.public_id(stored))
        tx.record(payload, actor, None)
    return Resent(delivery_lists.one(tx.db, stored.id), changed)


def revive(
    tx: Tx, actor: events.Actor, outage: Outage, place: PortionStart, settings: Settings
) -> Portion:
    """What failed or, for ``all``, whatever is not pending. What waits for its next try is
    tried now: the receiver is back, or nobody would ask."""
    homes = _homes(_known(tx.db), _targets(tx.db, outage.endpoint_id))
    which: delivery_lists.Among = "failed" if outage.only == "failed" else "finished"
    end = deliveries.newest_id(tx.db) if place.end is None else place.end
    due_now = _hurry_what_waits(tx.db, outage) if place == PortionStart() else 0
    ids, limit = (place.after, end), outage.limit
    found = delivery_lists.among(tx.db, which, list(homes), ids, outage.window, limit)
    for number in () if outage.is_dry_run else found:
        stored = deliveries.one(tx.db, number)
        assert stored is not None
        _make_pending(tx, stored, homes[stored.endpoint], settings)
    following = PortionStart(found[-1], end) if len(found) == limit else None
    portion = _portion(tx.db, found, following)._replace(due_now=due_now)
    return _recorded(tx, actor, outage, portion)


def _hurry_what_waits(db: Database, outage: Outage) -> int:
    """How many ordering keys; a dry run only counts them."""
    did = 0
    for target in _targets(db, outage.endpoint_id):
        if outage.is_dry_run:
            did += len(deliveries.waiting_keys(db, target.id, MOST_HURRIED))
        else:
            did += deliveries.hurry_ordering_keys(db, target.id, MOST_HURRIED)
    return did


def find_missing(
    db: Database, outage: Outage, place: PortionStart, settings: Settings, now: int
) -> Missing:
    """A query. Among the events that the planner has behind it: those that an endpoint wants,
    and has no delivery of. Histories need none, their cursors have them. What is older than the
    deliveries that are kept may have arrived, so it is left out."""
    targets = _targets(db, outage.endpoint_id)
    kept = settings.callback_retention_days * 24 * 3600 * times.SECOND
    first, last = _offsets(db, (max(outage.window[0], now - kept), outage.window[1]))
    end = last if place.end is None else place.end
    start = max(place.after, first)
    entries, reached = _events(db, targets, start, EVENTS_A_PORTION)
    within = [entry for entry in entries if entry.offset <= end]
    known = delivery_lists.addressed(db, 0, start + 1, min(reached, end)) if within else set()
    planned: list[deliveries.Planned] = []
    for entry in within:
        if len(planned) >= outage.limit:
            reached = entry.offset - 1
            break
        planned += _untold(entry, targets, known, settings)
    following = None if reached >= end else PortionStart(reached, end)
    return Missing(planned, deliveries.newest_id(db), following)


def plan_missing(tx: Tx, actor: events.Actor, outage: Outage, missing: Missing) -> Portion:
    """Adds them, but for what was planned meanwhile, or whose endpoint is gone. In a dry run they
    are told as they would be."""
    targets = {each.id: each for each in _targets(tx.db, outage.endpoint_id)}
    offsets = [each.first for each in missing.planned]
    known: set[Addressed] = set()
    if offsets:
        known = delivery_lists.addressed(tx.db, missing.newest, min(offsets), max(offsets))
    planned = [
        each
        for each in delivery_retention.but_of_purged(tx.db, missing.planned)
        if each.endpoint in targets
        and Addressed(_known_as(targets[each.endpoint]), each.event, each.first) not in known
    ]
    # A dry run takes no numbers: it leaves nothing behind.
    newest = deliveries.newest_id(tx.db)
    first = newest + 1 if outage.is_dry_run else tx.take("delivery", len(planned))
    with deliveries.undone(tx.db) if outage.is_dry_run else contextlib.nullcontext():
        last = deliveries.add(tx.db, first, planned, tx.now, 0)
        portion = _portion(tx.db, range(first, last + 1), missing.following)
    return _recorded(tx, actor, outage, portion)


def _make_pending(
    tx: Tx, stored: deliveries.Delivery, home: endpoints.Endpoint, settings: Settings
) -> None:
    if stored.endpoint != home.id:
        deliveries.give_to(tx.db, stored.id, home.id)
        stored = msgspec.structs.replace(stored, endpoint=home.id)
    if stored.status == "delivered" and stored.last != stored.until:
        deliveries.end_run(tx.db, stored.id)
    tries = 1 if stored.mark == deliveries.TEST else policy_of(home, settings).tries
    deliveries.revive(tx.db, stored, 0, tries)
    deliveries.hurry_ordering_key(tx.db, home.id, stored.conversation)


def _recorded(tx: Tx, actor: events.Actor, outage: Outage, portion: Portion) -> Portion:
    if portion.size and not outage.is_dry_run:
        payload = events.CallbacksRecovered(outage.endpoint_id, outage.only, portion.size)
        tx.record(payload, actor, None)
    return portion


def _portion(db: Database, found: Sequence[int], following: PortionStart | None) -> Portion:
    if not found:
        return Portion(0, None, None, following)
    first, last = delivery_lists.one(db, found[0]), delivery_lists.one(db, found[-1])
    return Portion(len(found), first, last, following)


def _targets(db: Database, endpoint_id: str | None) -> list[endpoints.Endpoint]:
    """Raises EndpointNotFound."""
    if endpoint_id is not None:
        return [endpoints.find(db, endpoint_id)]
    return [each for each in endpoints.present(db) if each.status == "enabled"]


def _known(db: Database) -> dict[int, endpoints.Endpoint]:
    return {each.id: each for each in endpoints.everyone(db)}


def _homes(
    known: Mapping[int, endpoints.Endpoint], targets: Sequence[endpoints.Endpoint]
) -> dict[int, endpoints.Endpoint]:
    """Where the deliveries of an endpoint go now, as far as that is a target."""
    wanted = {each.id for each in targets}
    found = {id_: _home(known, id_) for id_ in known}
    return {id_: home for id_, home in found.items() if home is not None and home.id in wanted}


def _home(known: Mapping[int, endpoints.Endpoint], endpoint: int) -> endpoints.Endpoint | None:
    """The endpoint itself or, when the settings name another URL now, that one."""
    mine = known[endpoint]
    if mine.status != "removed":
        return mine
    named = (each for each in known.values() if not each.is_added and each.status != "removed")
    return next((each for each in named if each.kind == mine.kind), None)


def _offsets(db: Database, window: tuple[int, int]) -> tuple[int, int]:
    """Of the events of that time: after the first number, up to the second."""
    planned = cursors.position(db, planning.NAME)
    return log.offset_at(db, window[0]), min(log.offset_at(db, window[1] + 1), planned)


def _events(
    db: Database, targets: Sequence[endpoints.Endpoint], after: int, limit: int
) -> tuple[list[events.Event], int]:
    """The next events, and the offset up to which there is no other that could be wanted."""
    posted = events.MessagePosted.type
    if not any(callbacks.wants(each.kind, each.events, posted) for each in targets):
        return log.read_but_posts(db, after, limit)
    entries = log.read_after(db, after, limit)
    return entries, entries[-1].offset if len(entries) == limit else log.newest_offset(db)


def _untold(
    entry: events.Event,
    targets: Sequence[endpoints.Endpoint],
    known: set[Addressed],
    settings: Settings,
) -> list[deliveries.Planned]:
    planned = []
    for endpoint in targets:
        event = callbacks.event_of(endpoint.kind, endpoint.events, endpoint.scope, entry)
        if event is None or entry.offset <= endpoint.since:
            continue
        if Addressed(_known_as(endpoint), event, entry.offset) not in known:
            tries = policy_of(endpoint, settings).tries
            conversation = entry.conversation or 0
            planned.append(
                deliveries.Planned(
                    endpoint.id, conversation, event, entry.offset, entry.offset, tries
                )
            )
    return planned


def _known_as(endpoint: endpoints.Endpoint) -> int | callbacks.EndpointKind:
    return endpoint.id if endpoint.is_added else endpoint.kind
