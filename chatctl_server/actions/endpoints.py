"""Where callbacks go besides the URLs of the settings, and what an operator does with deliveries.

Nothing that is recorded holds a secret: of a URL, what stands before the @ or after the ? is one.
"""

import hmac
import re
from collections.abc import Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import NamedTuple

import msgspec

from chatctl_server import errors
from chatctl_server.domain import callback_urls, callbacks, events, signatures, times
from chatctl_server.domain.callbacks import BATCH_EVENTS, EndpointKind
from chatctl_server.settings.table import Settings, masked
from chatctl_server.storage import deliveries, endpoints, scopes
from chatctl_server.storage.transaction import Tx

MOST_SECRETS = 8  # that sign besides the newest
OVERLAP = 24 * 3600 * times.SECOND
MOST_ADDED = 100
MOST_A_CALL = 1000
_GLOB = re.compile(r"[a-z0-9_.*?\[\]!-]{1,255}")
_SHOWN = 80  # characters of one that is none
_SAMPLES: dict[EndpointKind, tuple[str, ...]] = {
    "data": (callbacks.DATA_SYNC,),
    "room_event": ("room_created", "room_closed", "user_joined", "user_left"),
    "chat_history": (BATCH_EVENTS["chat_history"],),
    "session_history": (BATCH_EVENTS["session_history"],),
    "periodic_sync": (callbacks.PERIODIC_SYNC,),
    "events": ("test",),
}


class Changes(NamedTuple):
    """What is None stays. ``is_own_word``: the operator's, whose URL is not checked further."""

    url: str | None
    events: Sequence[str] | None
    secret: str | None
    status: str | None
    is_own_word: bool


class Result(NamedTuple):
    endpoint: endpoints.Endpoint
    changed: bool


def policy_of(endpoint: endpoints.Endpoint, settings: Settings) -> callbacks.Policy:
    delay = settings.callback_retry_delay_seconds * times.SECOND
    usual = "exponential" if endpoint.is_added else "fixed"
    is_growing = (settings.callback_backoff or usual) == "exponential"
    tries = callbacks.GROWING_TRIES if is_growing else 1 + settings.callback_max_retries
    return callbacks.Policy(delay, tries, is_patient=endpoint.is_added, is_growing=is_growing)


def add(
    tx: Tx,
    actor: events.Actor,
    url: str,
    globs: Sequence[str],
    secret: str | None,
    is_own_word: bool,
    settings: Settings,
    scope: str = "rooms",
) -> Result:
    """It hears of what happens in the scope of that name from here on. The same URL, events and
    scope again change nothing. Raises Conflict when there are as many as there can be."""
    _check_url(url, is_own_word, settings)
    globs = _checked_globs(globs)
    _check_secret(secret)
    scope_id = _scope(tx, scope)
    present = [each for each in endpoints.present(tx.db) if each.is_added]
    for known in present:
        same = known.url == url and known.scope == scope_id
        if same and set(known.events) == set(globs):
            _check_same_secret(known, secret)
            return Result(known, False)
    _check_count(len(present))
    made = endpoints.new(
        tx.now,
        tx.take("endpoint"),
        origin="added",
        kind="events",
        scope=scope_id,
        url=url,
        events=globs,
    )
    payload = events.EndpointAdded(made.public_id, masked(url), globs, scope)
    entry = tx.record(payload, actor, None)
    added = msgspec.structs.replace(
        made, since=entry.offset, is_guarded=not is_own_word, secret=secret
    )
    endpoints.save(tx.db, added)
    return Result(added, True)


def change(
    tx: Tx, actor: events.Actor, endpoint_id: str, changes: Changes, settings: Settings
) -> Result:
    """A new secret leaves the one before it valid for a day. Enabling forgets past failures."""
    stored = _find_added(tx, endpoint_id)
    changed = _changed(tx, stored, changes, settings)
    if changed == stored:
        return Result(stored, False)
    endpoints.save(tx.db, changed)
    names = ("url", "events", "status", "secret")
    payload = events.EndpointChanged(
        endpoint_id,
        masked(changed.url),
        changed.events,
        "enabled" if changed.status == "enabled" else "disabled",
        tuple(name for name in names if getattr(changed, name) != getattr(stored, name)),
    )
    tx.record(payload, actor, None)
    return Result(changed, True)


def hurry(tx: Tx, endpoint_id: str) -> bool:
    """What waits for a retry is tried now, up to 1,000 ordering keys a call; False when none was
    left."""
    stored = endpoints.find(tx.db, endpoint_id)
    return deliveries.hurry_ordering_keys(tx.db, stored.id, MOST_A_CALL) == MOST_A_CALL


def remove(tx: Tx, actor: events.Actor, endpoint_id: str) -> None:
    """``skip_of_removed`` follows, as often as it finds any. Its deliveries are kept."""
    stored = _find_added(tx, endpoint_id)
    gone = msgspec.structs.replace(
        stored, status="removed", secret=None, previous_secret=None, previous_until=None
    )
    endpoints.save(tx.db, gone)
    tx.record(events.EndpointRemoved(endpoint_id), actor, None)


def skip_of_removed(tx: Tx) -> bool:
    """Up to 1,000 of the deliveries that were pending; False when none was left. What a crash
    has left of them the next start finds."""
    return deliveries.skip_of_removed(tx.db, tx.now, MOST_A_CALL) == MOST_A_CALL


def request_test(tx: Tx, endpoint_id: str, event: str | None) -> list[deliveries.Delivery]:
    """One sample of each event, or of that one. Each has an ordering key of its own: a room's
    number is never negative, so no real delivery waits for it."""
    stored = endpoints.find(tx.db, endpoint_id)
    if stored.status != "enabled":
        raise errors.Conflict("The endpoint is disabled: nothing is sent to it", field="status")
    possible = _SAMPLES[stored.kind]
    if event is not None and event not in possible:
        raise errors.InvalidInput(
            f"event {event!r} is none of this endpoint's", field="event", hint=", ".join(possible)
        )
    wanted = possible if event is None else (event,)
    first = tx.take("delivery", len(wanted))
    samples = [
        deliveries.Planned(stored.id, -number, each, 0, 0, 1, mark=deliveries.TEST)
        for number, each in enumerate(wanted, first)
    ]
    last = deliveries.add(tx.db, first, samples, tx.now, 0)
    found = [deliveries.one(tx.db, number) for number in range(first, last + 1)]
    return [each for each in found if each is not None]


def _find_added(tx: Tx, endpoint_id: str) -> endpoints.Endpoint:
    stored = endpoints.find(tx.db, endpoint_id)
    if not stored.is_added:
        raise errors.Conflict(
            "The settings name this endpoint, and it is changed there",
            field="endpoint_id",
            hint=f"{stored.kind.upper()}_CALLBACK_URL, which switches it off when it is not set; "
            "CALLBACK_SIGNING_SECRET",
        )
    return stored


def _changed(
    tx: Tx, stored: endpoints.Endpoint, changes: Changes, settings: Settings
) -> endpoints.Endpoint:
    changed = stored
    if changes.url is not None and changes.url != stored.url:
        _check_url(changes.url, changes.is_own_word, settings)
        changed = msgspec.structs.replace(
            changed, url=changes.url, is_guarded=not changes.is_own_word
        )
    if changes.events is not None and set(changes.events) != set(stored.events):
        changed = msgspec.structs.replace(changed, events=_checked_globs(changes.events))
    if changes.secret is not None:
        changed = _with_secret(tx, changed, changes.secret, settings)
    if changes.status is not None and changes.status != stored.status:
        changed = msgspec.structs.replace(
            changed, status=changes.status, disabled_reason=None, failing_since=None, failed_at=None
        )
    return changed


def _with_secret(
    tx: Tx, stored: endpoints.Endpoint, secret: str, settings: Settings
) -> endpoints.Endpoint:
    _check_secret(secret)
    if stored.secret is not None and hmac.compare_digest(stored.secret, secret):
        return stored
    before = [stored.secret] if stored.secret else list(settings.callback_signing_secret)
    if stored.previous_until is not None and tx.now < stored.previous_until:
        before += (stored.previous_secret or "").split()
    kept = [each for each in dict.fromkeys(before) if each != secret][:MOST_SECRETS]
    return msgspec.structs.replace(
        stored,
        secret=secret,
        previous_secret=" ".join(kept) or None,
        previous_until=tx.now + OVERLAP if kept else None,
    )


def _scope(tx: Tx, name: str) -> int:
    found = scopes.named(tx.db, name)
    if found is None:
        raise errors.InvalidInput(
            f"scope: there is no {_begin(name)!r}",
            field="scope",
            hint="rooms or all, or a workspace:NUMBER or site:ID that there is",
        )
    return found


def _check_url(url: str, is_own_word: bool, settings: Settings) -> None:
    if is_own_word:
        callback_urls.parse(url)
    else:
        callback_urls.check_url(url, settings.callback_allow_networks)


def _checked_globs(globs: Sequence[str]) -> tuple[str, ...]:
    """Each once, in their order. One that no event fits is a slip of the pen."""
    for glob in globs:
        if not _GLOB.fullmatch(glob):
            raise errors.InvalidInput(
                f"events: {_begin(glob)!r} is no pattern of an event's type",
                field="events",
                hint="such as message.posted, room.* or *",
            )
        if not any(fnmatchcase(name, glob) for name in events.TYPE_NAMES):
            close = get_close_matches(glob, events.TYPE_NAMES, 3, cutoff=0.5)
            raise errors.InvalidInput(
                f"events: no type of event fits {glob!r}",
                field="events",
                hint=f"did you mean {' or '.join(close)}?" if close else "such as message.*",
            )
    return tuple(dict.fromkeys(globs))


def _begin(glob: str) -> str:
    return glob if len(glob) <= _SHOWN else f"{glob[:_SHOWN]}…"


def _check_secret(secret: str | None) -> None:
    if secret is None:
        return
    try:
        signatures.key(secret)
    except signatures.BadSecret as bad:
        raise errors.InvalidInput(
            f"secret {bad}; it is {signatures.FORM}", field="secret", hint=signatures.FIX
        ) from None


def _check_count(count: int) -> None:
    """The planner asks each of them about each event."""
    if count >= MOST_ADDED:
        raise errors.Conflict(
            f"There are {count} added endpoints; {MOST_ADDED} is the most",
            field="url",
            hint="remove one that is not needed any more",
        )


def _check_same_secret(known: endpoints.Endpoint, secret: str | None) -> None:
    if secret is None or hmac.compare_digest(known.secret or "", secret):
        return
    raise errors.Conflict(
        f"The endpoint {known.public_id} has this URL, these events, this scope, another secret",
        field="secret",
        hint=f"chatctl callbacks rotate-secret {known.public_id}, or PATCH "
        f"/management/callbacks/{known.public_id}, changes it",
    )
