"""The id of an event: a UUID (RFC 9562, version 7) that carries the event's time and offset.

48 bits of Unix milliseconds, 12 bits of microseconds within them, 62 bits of offset: unique
without an index, and ``offset_of`` finds the row without a look-up table.
"""

import re
import uuid
from collections.abc import Iterable
from typing import NamedTuple

from chatctl_server import errors

_VERSION_7 = 0x7 << 76
_VARIANT = 0b10 << 62
_OFFSET_MASK = (1 << 62) - 1
CANDIDATES = 6  # that are looked for: one more than are named
_START = re.compile(r"[0-9a-f]{8}[0-9a-f-]{0,28}", re.ASCII)


class Span(NamedTuple):
    """Times in microseconds and offsets, between which all ids lie that begin alike, and others of
    the same time only if none begins so."""

    since: int
    until: int
    first: int
    last: int

    @property
    def is_whole(self) -> bool:
        return self.first == self.last


def make(at: int, offset: int) -> str:
    milliseconds, microseconds = divmod(at, 1000)
    value = (milliseconds << 80) | _VERSION_7 | (microseconds << 64) | _VARIANT | offset
    return str(uuid.UUID(int=value))


def offset_of(event_id: uuid.UUID) -> int:
    """The offset in it; the caller compares the whole id with that of the row found."""
    return event_id.int & _OFFSET_MASK


def span(start: str) -> Span | None:
    """Of the first 8 characters of an id, or more of them; None for anything else."""
    digits = start.replace("-", "")
    if not _START.fullmatch(start) or len(digits) > 32:
        return None
    low, high = (int(digits.ljust(32, filling), 16) for filling in "0f")
    return Span(_time(low), _time(high), low & _OFFSET_MASK, high & _OFFSET_MASK)


def only(start: str, found: Iterable[tuple[int, int]], plural: str) -> int | None:
    """Which offset's id begins so, of those with their times. Raises Ambiguous."""
    ids = {make(at, offset): offset for at, offset in found}
    digits = start.replace("-", "")
    meant = {name: ids[name] for name in ids if name.replace("-", "").startswith(digits)}
    if len(meant) > 1:
        names = ", ".join(list(meant)[: CANDIDATES - 1])
        more = " and more" if len(meant) == CANDIDATES else ""
        raise errors.Ambiguous(
            f"{start} may be any of several {plural}: {names}{more}",
            hint="the whole id of one of them",
        )
    return next(iter(meant.values()), None)


def _time(value: int) -> int:
    return (value >> 80) * 1000 + min(value >> 64 & 0xFFF, 999)
