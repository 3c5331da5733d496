"""USER…, MESSAGE_ID… or ID… on the command line and ``--from``: what a bulk verb is about."""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from chatctl.input import ids, named_files
from chatctl.link.client import Json
from chatctl.shell import failures
from chatctl.show.visible import exact

# A number that fits no column of the database would only be refused there.
_MOST_DIGITS = 18
_WHERE_IDS_ARE = (
    "chatctl rooms history ROOM, or chatctl watch chat:CHAT --since 0, which show the ids"
)
# What some editors put before UTF-8: no part of the first name.
_BYTE_ORDER_MARK = "\ufeff"


class Target(NamedTuple):
    """``key`` names it in JSON, ``word`` on the command line."""

    key: str
    word: str
    plural: str

    def value(self, text: str) -> str | int:
        """As JSON has it."""
        return int(text) if self.key == "message_id" else text


USER = Target("user_id", "USER", "users")
MESSAGE = Target("message_id", "MESSAGE_ID", "messages")
DELIVERY = Target("delivery_id", "ID", "deliveries")


def given(words: Sequence[str], source: str | None, subject: Target = USER) -> list[str]:
    """Each once, in the order given. Reads stdin for ``-``."""
    if source is None and not words:
        raise failures.usage(
            f"Missing argument '{subject.word}'.", f"--from - reads the {subject.plural} from stdin"
        )
    found = [*words, *(() if source is None else _read(source, subject))]
    if "" in found:
        raise failures.usage(f"{subject.word} is empty")
    check = _CHECKS.get(subject)
    return list(dict.fromkeys(found if check is None else map(check, found)))


def text_of(source: str, option: str = "FILE") -> str:
    """The text of a file, or of stdin for ``-``. ``option``: what names it."""
    if source != "-":
        named_files.check_read(source, option)
    content = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        shown = "stdin" if source == "-" else source
        raise failures.usage(f"{shown} is not UTF-8 (byte {error.start})") from None


def _message(text: str) -> str:
    return _number(text, "a message id", _WHERE_IDS_ARE)


def _delivery(text: str) -> str:
    """As it is shown, the beginning of that, or its bare number."""
    if ids.is_start(text):
        return text.lower()
    return _number(text, "a delivery's id", "chatctl callbacks deliveries, which shows the ids")


def _number(text: str, what: str, hint: str) -> str:
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS and int(text)):
        raise failures.usage(f"'{text}' is not {what}", hint)
    return str(int(text))


_CHECKS = {MESSAGE: _message, DELIVERY: _delivery}


def _read(source: str, subject: Target) -> Iterator[str]:
    text = text_of(source, "--from").removeprefix(_BYTE_ORDER_MARK)
    if text.lstrip().startswith("["):
        for item in _parsed(text, "the JSON array"):
            yield _named(item, subject, "the JSON array")
        return
    lines = (line.removesuffix("\r") for line in text.split("\n"))
    for number, line in enumerate(lines, 1):
        if line.startswith("{"):
            yield _named(_parsed(line, f"line {number}"), subject, f"line {number}")
        elif "\t" in line:
            # The tab-separated output of a list: what it lists comes first, escaped.
            yield exact(line.split("\t", 1)[0])
        elif line:
            yield line


def _parsed(text: str, where: str) -> Json:
    try:
        return json.loads(text)
    except ValueError:
        raise failures.usage(f"--from: {where} is not JSON") from None


def _named(item: Json, subject: Target, where: str) -> str:
    found = item.get(subject.key) if isinstance(item, dict) else item
    if subject is MESSAGE and isinstance(found, int) and not isinstance(found, bool):
        return str(found)
    if not isinstance(found, str):
        raise failures.usage(f"--from: {where} names no {subject.key}")
    return found
