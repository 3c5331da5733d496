"""Ids that the server gives: of rooms, of events and of deliveries."""

import re
import uuid

_OFFSET = (1 << 62) - 1  # of an event's id
_START = re.compile(r"(?![0-9]+$)[0-9a-f]{8}[0-9a-f-]{0,28}", re.ASCII | re.IGNORECASE)


def is_uuid(text: str) -> bool:
    """Of 36 characters, as the server writes them; in either case."""
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def is_start(text: str) -> bool:
    """A whole id, or the first 8 characters of one, or more of them: no number."""
    return _START.fullmatch(text) is not None


def offset_of(event_id: str) -> int:
    """The event's number in the log (docs/decisions/0007)."""
    return uuid.UUID(event_id).int & _OFFSET
