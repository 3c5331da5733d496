"""User text on its way to a terminal or a log line: nothing in it stays hidden or acts.

``visible`` is the one way there, for the command line and for the server's log. The escapes are
Python's.
"""

import re
import unicodedata
from collections.abc import Iterator

ZWNJ, ZWJ = "\u200c", "\u200d"
MARKS = frozenset(("Mn", "Me"))
# More marks than any written language stacks on one letter; a longer run hides its neighbours.
_LONGEST_MARKS = 4
# Printable by Unicode's account, yet they show nothing: Hangul fillers, the Khmer inherent
# vowels, the Braille blank, the grapheme joiner.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_SELECTOR = re.compile("[\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_EMOJI_STYLE = "\ufe0f"
# Arabic letters that join the one behind them: Joining_Type=D of Unicode's ArabicShaping.txt.
_DUAL_JOINING = re.compile(
    "[\u0620\u0626\u0628\u062a-\u062e\u0633-\u063f\u0641-\u0647\u0649\u064a\u066e\u066f"
    "\u0678-\u0687\u069a-\u06bf\u06c1\u06c2\u06cc\u06ce\u06d0\u06d1\u06fa-\u06fc\u06ff"
    "\u0750-\u0758\u075c-\u076a\u076d-\u0770\u0772\u0775-\u0777\u077a-\u077f]"
)
_NON_JOINING = "\u0621\u0674"  # the two Arabic letters that join neither side
_VIRAMA = 9  # the combining class
NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def visible(text: str) -> str:
    """Controls, bidi controls, zero-width, private, unassigned, surrogates and over-long marks as
    escapes; joiners stay where ``joins`` says so."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape(char) if hidden else char for char, hidden in judged(text))


def judged(text: str) -> Iterator[tuple[str, bool]]:
    """Each character, and whether it acts, hides or piles up where it stands."""
    base, before, marks = " ", " ", 0
    for index, char in enumerate(text):
        is_mark = unicodedata.category(char) in MARKS
        marks = marks + 1 if is_mark else 0
        if char in (ZWNJ, ZWJ):
            hidden = not joins(base, before, char, text[index + 1 : index + 2])
        else:
            hidden = marks > _LONGEST_MARKS or _acts_or_hides(char) or _varies_nothing(before, char)
        yield char, hidden
        before = "\\" if hidden else char
        if hidden or not is_mark:
            base = before


def joins(base: str, before: str, joiner: str, after: str) -> bool:
    """Whether a joiner changes what is seen; elsewhere it makes two names that look the same.

    The contexts are those of Unicode's UAX #31, section 2.3, and of RFC 5892, appendix A, and a
    ZWJ of UTS #51 within an emoji. Stricter than they are, we want a letter directly ``after``.
    ``base`` is the character that the marks up to ``before`` stand on.
    """
    if not after or after in _BLANK:
        return False
    if unicodedata.combining(before) == _VIRAMA:
        scripts = {unicodedata.name(each, "").partition(" ")[0] for each in (base, before, after)}
        return len(scripts) == 1 and unicodedata.category(after) == "Lo"
    if joiner == ZWNJ:
        return _DUAL_JOINING.match(base) is not None and _joins_backwards(after)
    return before in (base, _EMOJI_STYLE) and _is_emoji(base) and _is_emoji(after)


def _joins_backwards(char: str) -> bool:
    is_arabic = unicodedata.bidirectional(char) == "AL" and unicodedata.category(char) == "Lo"
    return is_arabic and char not in _NON_JOINING


def _is_emoji(char: str) -> bool:
    """Also symbols beside them; Python does not know which ones are emoji."""
    if not ("\u2190" <= char <= "\u2bff" or "\U0001f000" <= char <= "\U0001faff"):
        return False
    return unicodedata.category(char) in ("So", "Sk") or char == "\u2194"


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
    if char in NAMED:
        return NAMED[char]
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
