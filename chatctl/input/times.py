"""Times and durations as people write and read them. Pure: the present is an argument."""

import math
import re
from datetime import UTC, datetime

from chatctl.shell import failures

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION = re.compile(r"(?:\d{1,9}[smhdw])+", re.ASCII)
_PART = re.compile(r"(\d+)([smhdw])", re.ASCII)
_SECONDS = re.compile(r"\d{1,12}(?:\.\d{1,6})?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_YEAR_10000 = 253_402_300_800
FORMS = "2026-01-31, 2026-01-31T09:00:00Z, Unix seconds, or an age such as 15m, 2h, 7d"

# Event offsets and Unix seconds are both bare digits; ten digits are a time since 2001.
_FIRST_UNIX_SECONDS = 1_000_000_000


def duration(text: str, name: str, *, needs_unit: bool = False) -> float:
    """Seconds above zero of ``30``, ``90s``, ``15m``, ``2h``, ``7d`` or ``1h30m``."""
    seconds = _age(text)
    if needs_unit and _SECONDS.fullmatch(text) and float(text):
        raise failures.usage(f"{name}: {text} of what?", f"{name} {text}s, {text}h or {text}d")
    if seconds is None and not needs_unit and _SECONDS.fullmatch(text):
        seconds = float(text)
    if not seconds:
        raise failures.usage(f"{name}: '{text}' is not a duration", f"{name} 30s, 15m, 2h or 7d")
    return seconds


def point(text: str, now: float, name: str) -> float:
    """Unix seconds. Raises Failure ``usage``."""
    found = moment(text, now)
    if found is None:
        raise failures.usage(f"{name}: '{text}' is not a time", f"{name} {FORMS}")
    check_range(found, text, name)
    return found


def check_range(seconds: float, text: str, name: str) -> None:
    """Of an option and what was typed behind it. Raises Failure ``usage`` for a time that no server
    knows."""
    if seconds < 0:
        raise failures.usage(f"{name}: {text} lies before 1970", f"{name} 1970-01-01")
    if seconds >= _YEAR_10000:
        raise failures.usage(f"{name}: {text} lies behind the year 9999", f"{name} 9999-12-31")


def window(
    now: float, begin: tuple[str, str | None], end: tuple[str, str | None]
) -> dict[str, int]:
    """Of two options and what was typed behind them: Unix seconds by the options that were given.
    Raises Failure ``usage``, also when it ends before it begins."""
    found = {
        name: math.floor(point(text, now, f"--{name}"))
        for name, text in (begin, end)
        if text is not None
    }
    if len(found) == 2:
        check_order((begin[0], found[begin[0]]), (end[0], found[end[0]]))
    return found


def check_order(begin: tuple[str, float], end: tuple[str, float]) -> None:
    """Of two options and what they mean. Raises Failure ``usage`` when the first is behind the
    other."""
    if begin[1] > end[1]:
        raise failures.usage(
            f"--{begin[0]} is later than --{end[0]}", f"--{begin[0]} with the earlier of the two"
        )


def moment(text: str, now: float) -> float | None:
    """Unix seconds of an RFC 3339 time, a date (its midnight UTC), Unix seconds, or an age before
    ``now``; None for anything else."""
    age = _age(text)
    if age is not None:
        return now - age
    if _SECONDS.fullmatch(text):
        return float(text)
    return _rfc3339(f"{text}T00:00:00Z" if _DATE.fullmatch(text) else text)


def looks_like_offset(text: str) -> bool:
    return bool(_SECONDS.fullmatch(text)) and text.isdigit() and int(text) < _FIRST_UNIX_SECONDS


def rfc3339(seconds: float) -> str:
    """Whole seconds stay whole; microseconds are kept where the value has them."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat().replace("+00:00", "Z")


def relative(seconds: float, now: float) -> str:
    distance = abs(now - seconds)
    amount = next(
        (
            f"{math.floor(distance / _UNITS[unit])}{unit}"
            for unit in "dhms"
            if distance >= _UNITS[unit]
        ),
        None,
    )
    if amount is None:
        return "now"
    return f"{amount} ago" if seconds <= now else f"in {amount}"


def _age(text: str) -> float | None:
    if not _DURATION.fullmatch(text):
        return None
    return float(sum(int(number) * _UNITS[unit] for number, unit in _PART.findall(text)))


def _rfc3339(text: str) -> float | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if moment.tzinfo is None else moment.timestamp()
