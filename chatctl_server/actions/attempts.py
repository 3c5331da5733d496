"""What a try of a delivery led to. Neighbouring tries are recorded as one batch."""

from collections.abc import Sequence

import msgspec

from chatctl_server import errors
from chatctl_server.actions import history_batches
from chatctl_server.domain import callbacks, events
from chatctl_server.settings.table import masked
from chatctl_server.storage import conversations, deliveries, endpoints, messages
from chatctl_server.storage.transaction import Tx
from chatctl_server.storage.writer import Batch

TOO_LONG = "no delivery has succeeded for five days"
GONE = "the receiver answered 410: it is gone"


class AttemptEnded(msgspec.Struct, frozen=True):
    """A try that has ended. ``delivery``: as it was before; ``due_at``, before the verdict's
    delay, is by the sender's clock. ``read_to``: the newest offset when its body was made."""

    delivery: deliveries.Delivery
    at: int
    outcome: callbacks.Outcome
    verdict: callbacks.Verdict
    body_hash: bytes
    due_at: int
    sizes: history_batches.Sizes
    read_to: int = 0


_STATUSES: dict[type[callbacks.Verdict], deliveries.Status] = {
    callbacks.Delivered: "delivered",
    callbacks.Again: "pending",
    callbacks.GivenUp: "failed",
    callbacks.Skipped: "skipped",
}


def record_many(tx: Tx, tries: Sequence[AttemptEnded]) -> list[bool | errors.ChatctlError]:
    """False for one that is recorded already, or whose delivery is not pending any more."""
    pending = deliveries.pending(tx.db, [each.delivery for each in tries])
    done = [pending.pop(each.delivery.id, None) for each in tries]
    counted = [(stored, each) for stored, each in zip(done, tries, strict=True) if stored]
    deliveries.add_tries(
        tx.db,
        [(stored.id, stored.tries + 1, tried.at, _kept(tx, tried)) for stored, tried in counted],
    )
    deliveries.mark_tried(
        tx.db,
        [(stored, _STATUSES[type(tried.verdict)], tried.body_hash) for stored, tried in counted],
        tx.now,
    )
    receivers = _Receivers(tx)
    for stored, tried in counted:
        if isinstance(tried.verdict, callbacks.Delivered):
            history_batches.acknowledge(tx, stored, tried.sizes, tried.due_at)
        if stored.mark != deliveries.TEST and tried.outcome.error != callbacks.BAD_DATA:
            receivers.judge(stored.endpoint, tried.verdict)
    deliveries.reschedule(tx.db, [_move(stored, tried) for stored, tried in counted])
    return [stored is not None for stored in done]


def record_one(tx: Tx, tried: AttemptEnded) -> bool:
    [outcome] = record_many(tx, [tried])
    assert isinstance(outcome, bool)
    return outcome


RECORD = Batch(record_one, record_many)


def _kept(tx: Tx, tried: AttemptEnded) -> callbacks.Outcome:
    """Without the answer, if a text that it may repeat was erased while it was on its way."""
    delivery, outcome = tried.delivery, tried.outcome
    if not outcome.answer or delivery.event not in callbacks.TEXTS:
        return outcome
    about = conversations.by_id(tx.db, delivery.conversation)
    if about is None or not messages.is_any_erased_since(tx.db, about.ref, tried.read_to):
        return outcome
    return msgspec.structs.replace(outcome, answer=b"")


def _move(stored: deliveries.Delivery, tried: AttemptEnded) -> deliveries.Rescheduled:
    delay = tried.verdict.delay if isinstance(tried.verdict, callbacks.Again) else 0
    return deliveries.Rescheduled(
        stored.endpoint,
        stored.conversation,
        due_at=tried.due_at + delay,
        delay=delay,
        is_slow=tried.outcome.error == "timeout",
    )


class _Receivers:
    """The endpoints of one batch. A receiver that is gone, or five days of failures without a
    day's pause and without a success, disable an added endpoint. Those of the settings only say
    since when they fail."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._known: dict[int, endpoints.Endpoint | None] = {}

    def judge(self, endpoint: int, verdict: callbacks.Verdict) -> None:
        if endpoint not in self._known:
            self._known[endpoint] = endpoints.one(self._tx.db, endpoint)
        stored = self._known[endpoint]
        if stored is None or stored.status != "enabled":
            return
        if isinstance(verdict, callbacks.Delivered):
            self._save(stored, msgspec.structs.replace(stored, failing_since=None, failed_at=None))
            return
        failing = _failing(stored, self._tx.now)
        since = failing.failing_since or self._tx.now
        is_gone = isinstance(verdict, callbacks.GivenUp) and verdict.is_gone
        if stored.is_added and (is_gone or self._tx.now - since >= callbacks.FAILING_TOO_LONG):
            self._disable(failing, GONE if is_gone else TOO_LONG)
        else:
            self._save(stored, failing)

    def _disable(self, failing: endpoints.Endpoint, reason: str) -> None:
        disabled = msgspec.structs.replace(failing, status="disabled", disabled_reason=reason)
        self._save(failing, disabled)
        url = masked(disabled.url)
        payload = events.EndpointChanged(
            disabled.public_id, url, disabled.events, "disabled", ("status",), reason
        )
        self._tx.record(payload, events.SERVER, None)

    def _save(self, before: endpoints.Endpoint, after: endpoints.Endpoint) -> None:
        if after != before:
            endpoints.save(self._tx.db, after)
            self._known[after.id] = after


def _failing(stored: endpoints.Endpoint, now: int) -> endpoints.Endpoint:
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
