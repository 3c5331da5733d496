"""Which text may be stored: valid Unicode without U+0000, within a size in UTF-8 bytes.

PostgreSQL cannot store U+0000 and no database can store a lone surrogate, so both are refused
at the door. Other control characters are kept as they are: escaping is the reader's affair.
"""

import json
import re
import shlex
import unicodedata

from chatctl_server import errors

MAX_NAME_CHARACTERS = 255
MAX_REASON_BYTES = 4096
RESERVED = "system"  # whose messages are the system's own
_LINES = ("Cc", "Zl", "Zp")  # controls, and what ends a line
_ID = re.compile(
    r"(urn:uuid:)?\{?[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}\}?", re.ASCII | re.IGNORECASE
)


def check(text: str, field: str, *, max_bytes: int) -> str:
    """The text itself. Raises BadText or TooLarge, which name the field."""
    if "\0" in text:
        raise errors.BadText(f"{field} contains U+0000, which cannot be stored", field=field)
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise errors.BadText(
            f"{field} contains a lone surrogate, which is no valid Unicode", field=field
        ) from None
    if size > max_bytes:
        raise errors.TooLarge(
            f"{field} has {size} bytes of UTF-8; at most {max_bytes} are allowed", field=field
        )
    return text


def check_user_id(user_id: str) -> str:
    """Of one who joins or posts. Raises InvalidInput also for the reserved name."""
    if user_id == RESERVED:
        raise errors.InvalidInput(f"user_id {RESERVED} is reserved", field="user_id")
    return check_name(user_id, "user_id")


def check_json(document: bytes, field: str) -> None:
    """JSON that readers can take: no lone surrogates, no integer of thousands of digits, no
    nesting that exhausts a parser. Raises InvalidInput or BadText."""
    try:
        json.dumps(json.loads(document), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise errors.BadText(f"{field} contains a lone surrogate", field=field) from None
    except (ValueError, RecursionError):
        raise errors.InvalidInput(
            f"{field} holds a number of thousands of digits, or is nested too deep", field=field
        ) from None


def check_room_name(name: str, field: str) -> str:
    """One that can be typed where a command expects a room, and is not taken for something else.
    Raises InvalidInput or BadText."""
    check_name(name, field)
    if any(unicodedata.category(each) in _LINES for each in name):
        raise errors.InvalidInput(f"{field} has a control character", field=field)
    if name != name.strip():
        hint = shlex.quote(name.strip()) if name.strip() else None
        raise errors.InvalidInput(f"{field} has white space at its ends", field=field, hint=hint)
    if name.startswith("-"):
        raise errors.InvalidInput(f"{field} begins like an option, with -", field=field)
    if _ID.fullmatch(name):
        raise errors.InvalidInput(f"{field} looks like a room's id", field=field)
    return name


def check_name(text: str, field: str) -> str:
    """A name or an id: not empty, at most 255 characters."""
    if not text:
        raise errors.InvalidInput(f"{field} is empty", field=field)
    if len(text) > MAX_NAME_CHARACTERS:
        raise errors.InvalidInput(
            f"{field} has {len(text)} characters; at most {MAX_NAME_CHARACTERS} are allowed",
            field=field,
        )
    return check(text, field, max_bytes=4 * MAX_NAME_CHARACTERS)


def check_title(name: str, field: str, most: int) -> str:
    """Trimmed, not empty, at most so many characters. Raises InvalidInput or BadText."""
    found = name.strip()
    if not found:
        raise errors.InvalidInput(f"{field} is empty", field=field)
    if len(found) > most:
        raise errors.InvalidInput(
            f"{field} has {len(found)} characters; at most {most} are allowed", field=field
        )
    return check(found, field, max_bytes=4 * most)


def check_line(name: str, field: str, most: int) -> str:
    """A title without what acts on a line or ends it. Raises InvalidInput or BadText."""
    found = check_title(name, field, most)
    if any(unicodedata.category(each) in _LINES for each in found):
        raise errors.InvalidInput(f"{field} has a control character", field=field)
    return found
