"""A body whose JSON spells half of a surrogate pair (``\\ud800``), which is no text: the decoder
refuses it, and says neither what is wrong nor where."""

import json
import re
from collections.abc import Iterator
from typing import Any

MAX_CHARACTERS = 100  # what is longer is no field of ours
_SPELLED = re.compile(rb"\\u[dD][89a-fA-F]")
_LONE = re.compile("[\ud800-\udfff]")  # of a pair nothing is left in Python's text


def field_of(body: bytes) -> str | None:
    """Where the first one is, as in ``names[0]``; "body" for the name of a field, and below a long
    one; None when there is none, or the body is no JSON at all."""
    if not _SPELLED.search(body):
        return None
    try:
        found = next(_places(json.loads(body), ""), None)
    except (ValueError, RecursionError):
        return None
    return "body" if found is not None and len(found) > MAX_CHARACTERS else found


def _places(value: Any, at: str) -> Iterator[str]:
    if isinstance(value, str) and _LONE.search(value):
        yield at or "body"
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _places(each, f"{at}[{number}]")
    elif isinstance(value, dict):
        for name, each in value.items():
            if _LONE.search(name):
                yield "body"
            yield from _places(each, f"{at}.{name}" if at else name)
