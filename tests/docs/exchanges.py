"""An ``http`` block of a document: a request and, after an empty line, its answer."""

import json
import re
from collections.abc import Mapping
from contextlib import closing
from http.client import HTTPConnection
from typing import Any

from documents import Block, Examples
from world import Server


def run(
    server: Server, examples: Examples, block: Block, headers: Mapping[str, str] | None = None
) -> str:
    """What it is really answered with. ``headers``: sent unless the document shows others."""
    asked, _, answered = examples.real(block.text).partition("\n\n")
    line, shown_headers, body = _message(asked)
    method, target = line.split(" ")
    sent = {**(headers or {}), **shown_headers}
    if body is not None and target.startswith("/api"):
        sent.setdefault("Content-Type", "application/json")
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=30)) as connection:
        connection.request(method, target, body and body.encode(), sent)
        answer = connection.getresponse()
        content = answer.read().decode()
    status, shown_headers, shown = _message(answered)
    assert str(answer.status) == status, f"{block.place}: {answer.status} {content}"
    for name, value in shown_headers.items():
        found = answer.headers.get(name, "")
        assert examples.is_like_text(value, found), f"{block.place}: {name}: {found}"
    compare(examples, shown or "", content, block.place)
    return content


def compare(examples: Examples, shown: str, found: str, place: str) -> None:
    """As JSON where the document shows JSON, else as text; NDJSON line by line."""
    lines = [_parsed(line) for line in (shown, found)]
    assert examples.is_like(*lines), f"{place}: {found}"


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text.strip()


def _message(text: str) -> tuple[str, dict[str, str], str | None]:
    """First line, headers, body."""
    line, *rest = text.splitlines()
    headers = {}
    while rest and (header := re.fullmatch(r"([A-Za-z-]+): (.*)", rest[0])):
        headers[header[1]] = header[2]
        rest.pop(0)
    return line, headers, "\n".join(rest) or None
