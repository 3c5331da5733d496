"""What may be a reaction: an emoji as a keyboard sends it, with its modifiers."""

import unicodedata

from chatctl_server import errors

MAX_BYTES = 64  # a family of four with skin tones has 41
_SYMBOLS = frozenset(("So", "Sm", "Po", "Me", "Cn"))  # Cn: of a newer Unicode than ours
_TEXT = frozenset("LZ")  # first letters of the categories of letters and of white space
_INFORMATION = "ℹ"  # a letter by its category


def check(emoji: str) -> str:
    """Raises InvalidInput for text. Emoji that are newer than this are taken, too."""
    parts = {unicodedata.category(each) for each in emoji if each != _INFORMATION}
    is_symbol = not _SYMBOLS.isdisjoint(parts) or _INFORMATION in emoji
    has_text = emoji.isascii() or any(part[0] in _TEXT or part in ("Cc", "Cs") for part in parts)
    if has_text or not is_symbol or len(emoji.encode()) > MAX_BYTES:
        raise errors.InvalidInput("emoji must be one emoji, such as 👍", field="emoji")
    return emoji
