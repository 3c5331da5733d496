"""Ids that the server gives: of rooms and of events."""

import uuid


def is_uuid(text: str) -> bool:
    """Of 36 characters, as the server writes them; in either case."""
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False
