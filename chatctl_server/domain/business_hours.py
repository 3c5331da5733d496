"""When a desk is open, in the time zone of its site."""

from datetime import date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from chatctl_server import errors

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MAX_SPANS = 6  # of one day
LOOK_AHEAD_DAYS = 8


class BusinessHours(msgspec.Struct, frozen=True):
    """``days``: of each day its spans, ``("09:00", "17:30")``; a day that is left out is closed.
    24:00 is the end of a day."""

    timezone: str
    days: dict[Day, tuple[tuple[str, str], ...]]


def check(hours: BusinessHours) -> BusinessHours:
    """Raises InvalidInput."""
    try:
        ZoneInfo(hours.timezone)
    except (ValueError, OSError, KeyError):  # also of a name that is a path
        raise _wrong(f"timezone {hours.timezone[:40]!r} is unknown; as in Europe/Berlin") from None
    for day, spans in hours.days.items():
        if len(spans) > MAX_SPANS:
            raise _wrong(f"{day} has more than {MAX_SPANS} spans")
        ends = [_minutes(each) for span in spans for each in span]
        if ends != sorted(set(ends)):
            raise _wrong(f"the spans of {day} must each end after they begin, one after the other")
    return hours


def is_open(hours: BusinessHours | None, at: datetime) -> bool:
    """At a moment with a zone; without hours always."""
    if hours is None:
        return True
    local = at.astimezone(ZoneInfo(hours.timezone))
    now = local.hour * 60 + local.minute
    spans = hours.days.get(DAYS[local.weekday()], ())
    return any(_minutes(begin) <= now < _minutes(end) for begin, end in spans)


def next_open(hours: BusinessHours | None, at: datetime) -> datetime | None:
    """When it opens next; None when it is open, or never opens."""
    if hours is None or is_open(hours, at):
        return None
    zone = ZoneInfo(hours.timezone)
    today = at.astimezone(zone).date()
    begins = (
        _moment(today + timedelta(days=ahead), _minutes(begin), zone)
        for ahead in range(LOOK_AHEAD_DAYS)
        for begin, _ in hours.days.get(DAYS[(today + timedelta(days=ahead)).weekday()], ())
    )
    return next((each for each in begins if each > at), None)


def _moment(day: date, minutes: int, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(minutes // 60, minutes % 60), zone)


def _minutes(text: str) -> int:
    hours, _, minutes = text.partition(":")
    if len(text) == 5 and (hours + minutes).isascii() and (hours + minutes).isdecimal():
        found = int(hours) * 60 + int(minutes)
        if int(minutes) < 60 and found <= 24 * 60:
            return found
    raise _wrong(f"{text[:20]!r} is no time of a day; as in 09:00")


def _wrong(problem: str) -> errors.InvalidInput:
    return errors.InvalidInput(f"business_hours: {problem}", field="business_hours")
