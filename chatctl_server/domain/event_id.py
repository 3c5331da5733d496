"""The id of an event: a UUID (RFC 9562, version 7) that carries the event's time and offset.

48 bits of Unix milliseconds, 12 bits of microseconds within them, 62 bits of offset: unique
without an index, and ``offset_of`` finds the row without a look-up table.
"""

import uuid

_VERSION_7 = 0x7 << 76
_VARIANT = 0b10 << 62
_OFFSET_MASK = (1 << 62) - 1


def make(at: int, offset: int) -> str:
    milliseconds, microseconds = divmod(at, 1000)
    value = (milliseconds << 80) | _VERSION_7 | (microseconds << 64) | _VARIANT | offset
    return str(uuid.UUID(int=value))


def offset_of(event_id: uuid.UUID) -> int:
    """The offset in it; the caller compares the whole id with that of the row found."""
    return event_id.int & _OFFSET_MASK
