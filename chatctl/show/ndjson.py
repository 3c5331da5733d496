"""Lines of NDJSON for files and bodies: UTF-8, and no line break but the one at the end."""

import json
from collections.abc import Iterable

from chatctl.link.client import Json


def encoded(value: Json) -> bytes:
    """Without the line break. Half a surrogate pair, which UTF-8 does not have, is an escape."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()


def lines(values: Iterable[Json]) -> bytes:
    return b"".join(encoded(each) + b"\n" for each in values)
