"""docs/callbacks.md: its bodies are the server's, its programs verify and compute what it sends."""

import json
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec
import pytest
from browser import Browser, chromium
from documents import blocks, read
from receivers import answer, receiver

from chatctl_server.domain import callbacks, signatures
from chatctl_server.views.rooms import callbacks as views
from chatctl_server.views.rooms.objects import SyncPayload

PAGE = "docs/callbacks.md"
KEY = b"0123456789abcdef0123456789abcdef"
SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
AT = 1_767_225_600
BODY = '{"room_name":"大厅","n":1}'.encode()
EVENTS = {
    "RoomCreated": views.RoomCreated,
    "RoomClosed": views.RoomClosed,
    "UserJoined": views.UserJoined,
    "UserLeft": views.UserLeft,
    "ChatHistoryBatch": views.ChatHistoryBatch,
    "SessionHistoryBatch": views.SessionHistoryBatch,
    "PeriodicSync": views.PeriodicSync,
    None: SyncPayload,
}
SHOWN = {
    body.get("event_type"): body
    for body in (json.loads(block.text) for block in blocks(PAGE) if block.language == "json")
}


def program(language: str) -> str:
    return "\n".join(block.text for block in blocks(PAGE) if block.language == language)


def test_a_body_has_exactly_the_servers_keys_in_their_order() -> None:
    for event, kind in EVENTS.items():
        read_back = msgspec.convert(SHOWN[event], kind, strict=True)
        assert json.dumps(msgspec.to_builtins(read_back)) == json.dumps(SHOWN[event])


def test_every_body_and_every_header_is_shown() -> None:
    assert set(SHOWN) == set(EVENTS)
    row = next(line for line in read(PAGE).splitlines() if line.startswith("| `X-Chatctl-Event`"))
    assert re.findall(r"`(\w+)`", row) == list(callbacks.EVENT_NAMES)


# The programs


def cases() -> Iterator[tuple[dict[str, str], bytes, int, bool]]:
    """Headers, body, the present, and whether it is genuine."""
    other = b"another secret of thirty-two byte"
    good = dict(signatures.headers("id-1", AT, BODY, [KEY]))
    yield good, BODY, AT, True
    yield dict(signatures.headers("id-1", AT, BODY, [other, KEY])), BODY, AT + 299, True
    yield dict(signatures.headers("id-1", AT, BODY, [other])), BODY, AT, False
    yield good, BODY + b" ", AT, False
    yield good, BODY, AT + 301, False
    yield good, BODY, AT - 301, False
    yield good | {"webhook-id": "id-2"}, BODY, AT, False
    yield good | {"webhook-timestamp": "soon"}, BODY, AT, False
    yield good | {"webhook-signature": "v1,AAAA v1"}, BODY, AT, False
    yield dict(signatures.headers("id-1", AT, BODY, [])), BODY, AT, False


MESSAGES = [
    {"user_id": f"u{n % 7}", "nickname": "安娜", "content": f"text {n} 👩", "created_at": AT + n}
    for n in range(1003)
]
SESSIONS = [
    {"user_id": "u1", "nickname": "", "join_time": AT + n, "leave_time": AT + n + 5,
     "duration_seconds": 5}
    for n in range(1001)
]  # fmt: skip


def digest(messages: list[dict[str, Any]], sessions: list[dict[str, Any]]) -> str:
    """The server's, over the newest."""
    newest = chain(messages[-views.DIGEST_RECORDS :], sessions[-views.DIGEST_RECORDS :])
    hashed = sorted(views._record_digest(list(record.values())) for record in newest)
    return views.hashlib.sha256("".join(hashed).encode()).hexdigest()


HISTORIES = [(MESSAGES, SESSIONS), (MESSAGES[:3], []), ([], SESSIONS[:1]), ([], [])]


@pytest.fixture(scope="module")
def python() -> dict[str, Any]:
    found: dict[str, Any] = {}
    exec(program("python"), found)
    return found


def test_python_tells_what_is_genuine(python: dict[str, Any]) -> None:
    for headers, body, now, is_genuine in cases():
        assert python["is_genuine"](SECRET, headers, body, now) == is_genuine, headers


def test_python_computes_the_digest(python: dict[str, Any]) -> None:
    for messages, sessions in HISTORIES:
        assert python["digest"](messages, sessions) == digest(messages, sessions)
    batches = SHOWN["ChatHistoryBatch"]["messages"], SHOWN["SessionHistoryBatch"]["sessions"]
    assert python["digest"](*batches) == SHOWN["PeriodicSync"]["consistency"]["digest"]


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """On a page of this machine: elsewhere a browser has no ``crypto.subtle``."""
    page = answer(200, b"<title>x</title>", [("Content-Type", "text/html")])
    directory: Path = tmp_path_factory.mktemp("browser")
    with receiver(page) as hook, chromium(directory) as opened:
        opened.open(hook.url)
        opened.call("Runtime.evaluate", expression=program("js"))
        yield opened


def awaited(tab: Browser, expression: str) -> Any:
    result = tab.call(
        "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
    )
    assert "exceptionDetails" not in result, result
    return result["result"]["value"]


def test_javascript_tells_what_is_genuine(tab: Browser) -> None:
    for headers, body, now, is_genuine in cases():
        given = f"{json.dumps(SECRET)}, {json.dumps(headers)}, bytes({json.dumps(body.decode())})"
        assert awaited(tab, f"isGenuine({given}, {now})") == is_genuine, headers


def test_javascript_computes_the_digest(tab: Browser) -> None:
    for messages, sessions in HISTORIES:
        given = f"{json.dumps(messages)}, {json.dumps(sessions)}"
        assert awaited(tab, f"digest({given})") == digest(messages, sessions)
