"""User text on its way to a terminal or a tab-separated line: nothing in it stays hidden or acts.

``visible`` is the one way there. The escapes are Python's, so ``exact`` can take back what
``cell`` wrote.
"""

import json
import re
import unicodedata
from collections.abc import Iterator

# More marks than any written language stacks on one letter; a longer run hides its neighbours.
_LONGEST_MARKS = 4

# Printable by Unicode's account, yet they show nothing: Hangul fillers, the Khmer inherent
# vowels, the Braille blank, the grapheme joiner.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_SELECTOR = re.compile("[\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_MARKS = frozenset(("Mn", "Me"))
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_ESCAPED = re.compile(r"\\(?:\\|n|r|t|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})")
_BACK = {"\\\\": "\\", **{name: char for char, name in _NAMED.items()}}


def visible(text: str) -> str:
    """C0, DEL, C1, bidi controls, zero-width, surrogates and over-long marks as escapes."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape(char) if hidden else char for char, hidden in _judged(text))


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
        json.dumps(char)[1:-1] if hidden and char != "\n" else char
        for char, hidden in _judged(text)
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
            return text[:index] + "…"
    return text


def _char_width(char: str) -> int:
    if unicodedata.category(char) in _MARKS:
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _judged(text: str) -> Iterator[tuple[str, bool]]:
    """Each character, and whether it acts, hides or piles up where it stands."""
    before, marks = " ", 0
    for char in text:
        marks = marks + 1 if unicodedata.category(char) in _MARKS else 0
        hidden = marks > _LONGEST_MARKS or _acts_or_hides(char) or _varies_nothing(before, char)
        yield char, hidden
        before = "\\" if hidden else char


def _varies_nothing(before: str, char: str) -> bool:
    """A variation selector chooses the look of a symbol, an ideograph or a Mongolian letter;
    behind anything else it makes two names that look the same."""
    if not _SELECTOR.match(char):
        return False
    category = unicodedata.category(before)
    return category != "Lo" and category[0] != "S"


def _acts_or_hides(char: str) -> bool:
    if char in _BLANK:
        return True
    return not char.isprintable() and unicodedata.category(char) != "Zs"


def _escape(char: str) -> str:
    number = ord(char)
    if char in _NAMED:
        return _NAMED[char]
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _unescape(found: re.Match[str]) -> str:
    escape = found.group()
    return _BACK.get(escape) or chr(int(escape[2:], 16))
