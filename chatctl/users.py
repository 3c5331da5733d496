"""USER… on the command line and ``--from``: who a moderation verb is about."""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from chatctl import failures
from chatctl.client import Json
from chatctl.visible import exact


def given(words: Sequence[str], source: str | None) -> list[str]:
    """Each user once, in the order given. Reads stdin for ``-``."""
    if source is None and not words:
        raise failures.usage("Missing argument 'USER'.", "--from - reads the users from stdin")
    users = [*words, *(() if source is None else _read(source))]
    if "" in users:
        raise failures.usage("USER is empty")
    return list(dict.fromkeys(users))


def text_of(source: str) -> str:
    """The text of a file, or of stdin for ``-``."""
    content = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        shown = "stdin" if source == "-" else source
        raise failures.usage(f"{shown} is not UTF-8 (byte {error.start})") from None


def _read(source: str) -> Iterator[str]:
    text = text_of(source)
    if text.lstrip().startswith("["):
        for item in _parsed(text, "the JSON array"):
            yield _user_of(item, "the JSON array")
        return
    lines = (line.removesuffix("\r") for line in text.split("\n"))
    for number, line in enumerate(lines, 1):
        if line.startswith("{"):
            yield _user_of(_parsed(line, f"line {number}"), f"line {number}")
        elif "\t" in line:
            # The tab-separated output of a list: the user comes first, escaped.
            yield exact(line.split("\t", 1)[0])
        elif line:
            yield line


def _parsed(text: str, where: str) -> Json:
    try:
        return json.loads(text)
    except ValueError:
        raise failures.usage(f"--from: {where} is not JSON") from None


def _user_of(item: Json, where: str) -> str:
    user = item.get("user_id") if isinstance(item, dict) else item
    if not isinstance(user, str):
        raise failures.usage(f"--from: {where} names no user_id")
    return user
