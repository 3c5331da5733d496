"""The rules of callbacks: which event goes where, and what follows from the outcome of a try.

An endpoint of the settings has a kind; its deliveries carry events named as the documents do.
An added endpoint has globs of event types. Times and delays are microseconds.
"""

from collections.abc import Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime
from fnmatch import fnmatchcase
from typing import Literal

import msgspec

from chatctl_server.domain import events
from chatctl_server.domain.references import EVERY_SCOPE
from chatctl_server.domain.times import SECOND

EndpointKind = Literal[
    "data", "room_event", "chat_history", "session_history", "periodic_sync", "events"
]
HistoryKind = Literal["chat_history", "session_history"]
HISTORIES: tuple[HistoryKind, ...] = ("chat_history", "session_history")

DATA_SYNC = "data_sync"
PERIODIC_SYNC = "periodic_sync"
STATES = (DATA_SYNC, PERIODIC_SYNC)
TEXTS = (events.MessagePosted.type, DATA_SYNC, "chat_history_batch")
"""Events whose callbacks have texts of messages in them; the answers to them may repeat these."""
BATCH_EVENTS: dict[HistoryKind, str] = {
    "chat_history": "chat_history_batch",
    "session_history": "session_history_batch",
}
EVENT_NAMES = (
    "room_created",
    "room_closed",
    "user_joined",
    "user_left",
    *BATCH_EVENTS.values(),
    PERIODIC_SYNC,
    DATA_SYNC,
)
"""Of the endpoints in the settings; an added one gets the event's type as the event's name."""

RECEIVERS: dict[events.SyncKind, EndpointKind] = {
    "data": "data",
    "periodic": "periodic_sync",
    "chat_history": "chat_history",
    "session_history": "session_history",
}
"""Which endpoint of the settings a kind of sync goes to."""


def history_of(kind: events.SyncKind) -> HistoryKind:
    """Of a kind of sync that is one of a history."""
    return "chat_history" if kind == "chat_history" else "session_history"


BAD_DATA = "bad_data"  # the error of a try whose body could not be made
LONGEST_DELAY = 3600 * SECOND
GROWING_TRIES = 82  # delays of 5 s, doubled up to an hour: three days in all
FAILING_TOO_LONG = 5 * 24 * 3600 * SECOND
LONGEST_PAUSE = 24 * 3600 * SECOND  # between failures that count as one
FAILED_EVERY = 3600 * SECOND  # how often the time of the last failure is noted
JITTER = 0.1


_ROOM_EVENTS: dict[type[events.Payload], dict[EndpointKind, str]] = {
    events.ConversationCreated: {"room_event": "room_created", "data": DATA_SYNC},
    events.ConversationClosed: {"room_event": "room_closed", "data": DATA_SYNC},
    events.SessionJoined: {"room_event": "user_joined"},
    events.SessionLeft: {"room_event": "user_left"},
}


def event_of(
    kind: EndpointKind, globs: Sequence[str], scope: int, entry: events.Event
) -> str | None:
    """The name under which an endpoint of that scope hears of an event; None when it does not. Of
    a type of a newer version nobody knows here what may be told."""
    if scope not in (EVERY_SCOPE, entry.scope) or isinstance(entry.payload, events.Unknown):
        return None
    if kind == "events":
        name = events.type_name(entry.payload)
        return name if wants(kind, globs, name) else None
    return _ROOM_EVENTS.get(type(entry.payload), {}).get(kind)


def wants(kind: EndpointKind, globs: Sequence[str], type_name: str) -> bool:
    """Whether an added endpoint has asked for events of that type."""
    return kind == "events" and any(fnmatchcase(type_name, glob) for glob in globs)


class Policy(msgspec.Struct, frozen=True):
    """How an endpoint is retried. ``is_patient``: what its answers say of the next time is
    believed. ``is_growing``: each delay is twice the one before, up to an hour."""

    delay: int
    tries: int
    is_patient: bool = False
    is_growing: bool = False


class Outcome(msgspec.Struct, frozen=True):
    """Of one try. ``status`` None: no answer, and ``error`` says why."""

    latency: int
    status: int | None = None
    error: str | None = None
    detail: str | None = None
    answer: bytes = b""
    retry_after: str | None = None

    @property
    def is_success(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class Delivered(msgspec.Struct, frozen=True):
    pass


class Again(msgspec.Struct, frozen=True):
    delay: int


class GivenUp(msgspec.Struct, frozen=True):
    """``is_gone``: the receiver says that it is gone for good (410)."""

    is_gone: bool = False


class Skipped(msgspec.Struct, frozen=True):
    """Refused as not allowed: the next sync comes anyway."""


Verdict = Delivered | Again | GivenUp | Skipped


def judge(
    policy: Policy,
    event: str,
    tries: int,
    tries_allowed: int,
    outcome: Outcome,
    wall: int,
    jitter: float,
) -> Verdict:
    """``tries``: how many there were, with this one; ``wall``: what the clock on the wall says;
    ``jitter``: from -1 to 1, chance for delays that grow."""
    if outcome.is_success:
        return Delivered()
    if outcome.status in (401, 403) and event in STATES:
        return Skipped()
    if policy.is_patient and outcome.status == 410:
        return GivenUp(is_gone=True)
    if tries >= tries_allowed:
        return GivenUp()
    is_told = policy.is_patient and outcome.status in (429, 503)
    told = retry_after(outcome.retry_after, wall) if is_told else 0
    return Again(max(told, _delay(policy, tries, jitter)))


def _delay(policy: Policy, tries: int, jitter: float) -> int:
    if not policy.is_growing:
        return policy.delay
    grown = policy.delay << min(tries - 1, 40)
    return int(min(max(grown, SECOND), LONGEST_DELAY) * (1 + JITTER * jitter))


def retry_after(text: str | None, wall: int) -> int:
    """RFC 9110, 10.2.3: seconds or a date; at most an hour, 0 for what says nothing."""
    if text is None:
        return 0
    if text.isascii() and text.isdigit():
        return min(int(text[:9]) * SECOND, LONGEST_DELAY)
    try:
        date = parsedate_to_datetime(text)
        at = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()  # -0000 has no zone
    except (ValueError, OverflowError):
        return 0
    return max(0, min(int(at * SECOND) - wall, LONGEST_DELAY))
