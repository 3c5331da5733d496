"""Times are integers: microseconds since 1970 UTC inside, Unix seconds or RFC 3339 at the edges."""

import time
from datetime import UTC, datetime, timedelta

SECOND = 1_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAST = 253_402_300_800 * SECOND - 1  # RFC 3339 ends with the year 9999
_MICROSECOND = timedelta(microseconds=1)
_UTC_EPOCH = EPOCH.replace(tzinfo=None)  # is written without an offset


def now() -> int:
    """The wall clock, in microseconds."""
    return time.time_ns() // 1000


def seconds(at: int) -> int:
    """Whole Unix seconds, rounded down, as the rooms documents have them."""
    return at // SECOND


def seconds_or_none(at: int | None) -> int | None:
    return None if at is None else seconds(at)


def microseconds(moment: datetime) -> int:
    """Of a moment with a zone."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def rfc3339(at: int) -> str:
    """RFC 3339 UTC with six digits, for example ``2026-01-02T03:04:05.000006Z``."""
    return (_UTC_EPOCH + at * _MICROSECOND).isoformat(timespec="microseconds") + "Z"


def rfc3339_or_none(at: int | None) -> str | None:
    return None if at is None else rfc3339(at)


class SteadyClock:
    """Microseconds that begin at the wall clock's and go on evenly, however that is set later."""

    def __init__(self) -> None:
        self._ahead = now() - _monotonic()

    def now(self) -> int:
        return _monotonic() + self._ahead


def _monotonic() -> int:
    return time.monotonic_ns() // 1000
