"""Ids that the server gives: of rooms, of events and of deliveries."""

import re
import uuid

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
