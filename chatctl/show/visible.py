"""User text for a terminal or a tab-separated line, and what it measures there.

The escapes of ``visible`` are Python's, so ``exact`` can take back what ``cell`` wrote.
"""

import json
import re
import unicodedata

from chatctl_server.domain.visible import MARKS, NAMED, ZWJ, ZWNJ, judged, visible

__all__ = ["cell", "exact", "json_text", "shortened", "visible", "width"]
_ESCAPED = re.compile(r"\\(?:\\|n|r|t|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})")
_BACK = {"\\\\": "\\", **{name: char for char, name in NAMED.items()}}


def cell(text: str) -> str:
    """``visible``, with backslashes doubled, so that ``exact`` gives the text back."""
    return visible(text.replace("\\", "\\\\"))


def exact(cell: str) -> str:
    return _ESCAPED.sub(_unescape, cell)


def json_text(value: object, *, indent: int | None = None, ascii_only: bool = False) -> str:
    """JSON that reads back exactly and in which no character acts on a terminal."""
    separators = None if indent else (",", ":")
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent, separators=separators)
    if text.isascii() and "\x7f" not in text:
        return text
    return "".join(
        json.dumps(char)[1:-1] if hidden and char != "\n" else char for char, hidden in judged(text)
    ).replace("\x7f", "\\u007f")


def width(text: str) -> int:
    """Columns that visible text takes."""
    if text.isascii():
        return len(text)
    return sum(map(_char_width, text))


def shortened(text: str, columns: int) -> str:
    """At most ``columns`` wide; what is left out shows as an ellipsis."""
    if width(text) <= columns:
        return text
    used = 0
    for index, char in enumerate(text):
        used += _char_width(char)
        if used > columns - 1:
            return text[:index].rstrip(ZWNJ + ZWJ) + "…"
    return text


def _char_width(char: str) -> int:
    if char in (ZWNJ, ZWJ) or unicodedata.category(char) in MARKS:
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _unescape(found: re.Match[str]) -> str:
    escape = found.group()
    return _BACK.get(escape) or chr(int(escape[2:], 16))
