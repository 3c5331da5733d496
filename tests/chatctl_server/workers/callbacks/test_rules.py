"""What follows from a try: the settings' endpoints by fixed delays, added ones with patience."""

from email.utils import format_datetime

import msgspec

from chatctl_server.domain import callbacks, events
from chatctl_server.domain.callbacks import (
    Again,
    Delivered,
    GivenUp,
    Outcome,
    Policy,
    Skipped,
    Verdict,
    judge,
    retry_after,
)
from chatctl_server.domain.references import EVERY_SCOPE, ROOMS
from chatctl_server.domain.times import EPOCH, SECOND

NOW = 1_800_000_000 * SECOND
FIXED = Policy(5 * SECOND, 4)
ADDED = Policy(5 * SECOND, callbacks.GROWING_TRIES, is_patient=True, is_growing=True)
REFUSED = Outcome(1000, error="refused")


def answered(status: int, after: str | None = None) -> Outcome:
    return Outcome(1000, status=status, retry_after=after)


def after(
    policy: Policy,
    outcome: Outcome,
    tries: int = 1,
    event: str = "room_created",
    jitter: float = 0.0,
) -> Verdict:
    return judge(policy, event, tries, policy.tries, outcome, NOW, jitter)


def test_two_hundred_and_something_has_arrived_and_all_else_is_tried_again() -> None:
    for status in (200, 201, 204, 299):
        assert after(FIXED, answered(status)) == after(ADDED, answered(status)) == Delivered()
    for status in (199, 300, 302, 404, 410, 500):
        assert after(FIXED, answered(status)) == Again(5 * SECOND)
    assert after(FIXED, REFUSED, tries=3) == Again(5 * SECOND)


def test_the_settings_own_urls_may_wait_longer_each_time_too() -> None:
    """What their answers say of the next time is not looked at."""
    growing = Policy(5 * SECOND, callbacks.GROWING_TRIES, is_growing=True)
    assert after(growing, answered(503, "1200"), tries=3) == Again(20 * SECOND)


def test_the_last_try_gives_up() -> None:
    assert after(FIXED, REFUSED, tries=4) == GivenUp()
    assert after(ADDED, REFUSED, tries=callbacks.GROWING_TRIES) == GivenUp()


def test_who_may_not_hear_of_a_state_is_skipped() -> None:
    for status in (401, 403):
        for event in (callbacks.DATA_SYNC, callbacks.PERIODIC_SYNC):
            assert after(FIXED, answered(status), event=event) == Skipped()
        assert after(FIXED, answered(status), event="user_left") == Again(5 * SECOND)


def test_delays_double_up_to_an_hour_within_ten_percent_for_three_days() -> None:
    for tries, seconds in ((1, 5), (2, 10), (3, 20), (10, 2560), (11, 3600), (32, 3600)):
        for jitter in (-1.0, 0.0, 0.5, 1.0):
            delay = int(seconds * SECOND * (1 + jitter / 10))
            assert after(ADDED, REFUSED, tries=tries, jitter=jitter) == Again(delay)
            assert after(FIXED, REFUSED, tries=1, jitter=jitter) == Again(5 * SECOND)
    waited = 0
    for tries in range(1, callbacks.GROWING_TRIES):
        verdict = after(ADDED, REFUSED, tries=tries)
        assert isinstance(verdict, Again)
        waited += verdict.delay
    assert 71 * 3600 < waited / SECOND < 74 * 3600


def test_an_added_endpoint_says_that_it_is_gone_or_when_to_come_again() -> None:
    assert after(ADDED, answered(410)) == GivenUp(is_gone=True)
    for status in (429, 503):
        assert after(ADDED, answered(status, "1200")) == Again(1200 * SECOND)
        assert after(FIXED, answered(status, "1200")) == Again(5 * SECOND)
    soon = after(ADDED, answered(500, "1200"))
    assert isinstance(soon, Again)
    assert soon.delay < 6 * SECOND


def test_retry_after_in_seconds_or_as_a_date_is_capped() -> None:
    for text, seconds in (
        *((each, 0) for each in (None, "", "0", "-5", "1.5", "soon", "\u0663")),
        ("30", 30),
        *((each, 3600) for each in ("3600", "315360000", "9" * 400)),
        (format_datetime(EPOCH.fromtimestamp(NOW // SECOND + 60, EPOCH.tzinfo), usegmt=True), 60),
        (format_datetime(EPOCH.fromtimestamp(NOW // SECOND - 60, EPOCH.tzinfo), usegmt=True), 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 3600),
        ("Fri, 99 Dec 9999 23:59:59 GMT", 0),
        (format_datetime(EPOCH.fromtimestamp(NOW // SECOND + 60, EPOCH.tzinfo))[:-5] + "-0000", 60),
    ):
        assert retry_after(text, NOW) == seconds * SECOND, text


CREATED = events.ConversationCreated("room", "id", "lobby", ())
CLOSED = events.ConversationClosed("room", 0, 0, 0)
JOINED = events.SessionJoined(1, "ann", "Ann", 1, 1, 1)
LEFT = events.SessionLeft(1, "ann", "Ann", 1, 2, "left", 0)
BANNED = events.BanSet("ann", None, None, None)
GIVEN = [
    events.Event(number, NOW, ROOMS, 1, events.SERVER, payload)
    for number, payload in enumerate((CREATED, CLOSED, JOINED, LEFT, BANNED), 1)
]


def test_which_event_goes_where() -> None:
    told: dict[callbacks.EndpointKind, list[str | None]] = {
        "room_event": ["room_created", "room_closed", "user_joined", "user_left", None],
        "data": ["data_sync", "data_sync", None, None, None],
        "chat_history": [None] * 5,
        "session_history": [None] * 5,
        "periodic_sync": [None] * 5,
    }
    of_a_chat = [msgspec.structs.replace(entry, scope=2) for entry in GIVEN]
    for kind, expected in told.items():
        assert [callbacks.event_of(kind, (), ROOMS, entry) for entry in GIVEN] == expected
        assert [callbacks.event_of(kind, (), ROOMS, entry) for entry in of_a_chat] == [None] * 5


def test_an_added_endpoint_hears_by_the_name_of_the_event_and_of_its_scope() -> None:
    """Of the server's own events, which are of no scope, only one of every scope."""
    globs = ("room.*", "ban.set")
    heard = [callbacks.event_of("events", globs, ROOMS, entry) for entry in GIVEN]
    assert heard == ["room.created", "room.closed", None, None, "ban.set"]
    given = [msgspec.structs.replace(GIVEN[0], scope=each) for each in (ROOMS, 2, None)]
    unknown = msgspec.structs.replace(GIVEN[0], payload=events.Unknown("x.y", msgspec.Raw(b"{}")))
    for scope, hears in (
        (ROOMS, [True, False, False]),
        (2, [False, True, False]),
        (EVERY_SCOPE, [True, True, True]),
    ):
        heard = [callbacks.event_of("events", ("*",), scope, entry) for entry in given]
        assert [each is not None for each in heard] == hears
        assert callbacks.event_of("events", ("*",), scope, unknown) is None
