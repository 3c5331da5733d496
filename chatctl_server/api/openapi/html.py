"""HTML from elements. What is no ``Html`` is text, and is escaped where it is put in."""

import re
from html import escape

_VOID = frozenset({"link", "meta", "wbr"})


class Html(str):
    """Markup. Joining or slicing it gives plain text again, which would be escaped."""

    __slots__ = ()


def element(tag: str, *children: str, **attributes: str | None) -> Html:
    """``class_`` is ``class``, ``http_equiv`` is ``http-equiv``; None leaves an attribute out."""
    opened = tag + "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(value)}"'
        for name, value in attributes.items()
        if value is not None
    )
    if tag in _VOID:
        return Html(f"<{opened}>")
    return Html(f"<{opened}>{together(*children)}</{tag}>")


def together(*children: str) -> Html:
    return Html("".join(each if isinstance(each, Html) else escape(each) for each in children))


def prose(text: str, **attributes: str | None) -> Html:
    """Paragraphs, divided by empty lines, with `code` in backticks."""
    return together(*(element("p", line(each), **attributes) for each in text.split("\n\n")))


def line(text: str) -> Html:
    """One paragraph's inside."""
    parts = re.split(r"`([^`]+)`", text)
    return together(*(element("code", part) if at % 2 else part for at, part in enumerate(parts)))
