"""A room with its whole history, oldest first, in pieces: each says where the next one begins.

What happens meanwhile shifts nothing: messages go by their seq up to what was the newest, and
sessions by windows of their join time, each of which is one answer.
"""

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from chatctl.input import rooms
from chatctl.link.client import Client, Json
from chatctl.shell.failures import Failure
from chatctl.show import output
from chatctl.show.output import Column

_CHUNK = 1000
_SESSIONS_A_PAGE = 10_000
_ATTEMPTS = 5
_TIMES = tuple(
    Column(key, key, "time")
    for key in ("start_time", "closed_at", "created_at", "last_activity", "join_time", "leave_time")
)

Window = Mapping[str, int]


class RoomPosition(NamedTuple):
    """``at``: the seq up to which messages are there, or the second from which sessions are not."""

    room_id: str
    phase: Literal["messages", "sessions", "done"]
    at: int = 0


class RoomPiece(NamedTuple):
    lines: list[Json]
    position: RoomPosition


class _Page(NamedTuple):
    """Newest first. ``size``: the most records of a page."""

    records: list[Json]
    total: int
    size: int


def room(
    server: Client, found: Json, window: Window, begun: RoomPosition | None
) -> Iterator[RoomPiece]:
    """``begun``: where an earlier run got to in this room, or None. ``window``: Unix seconds by
    ``from`` and ``to``, of messages and of when sessions began."""
    room_id = str(found["room_id"])
    if begun is None:
        begun = RoomPosition(room_id, "messages")
        yield RoomPiece([_line("room", found)], begun)
    if begun.phase == "messages":
        for messages, seq in _messages(server, room_id, window, begun.at):
            lines = [_line("message", {"room_id": room_id, **each}) for each in messages]
            yield RoomPiece(lines, RoomPosition(room_id, "messages", seq))
        begun = RoomPosition(room_id, "sessions")
    if begun.phase == "sessions":
        for sessions, second in _sessions(server, room_id, window, begun.at):
            lines = [_line("session", {"room_id": room_id, **each}) for each in sessions]
            yield RoomPiece(lines, RoomPosition(room_id, "sessions", second))
        yield RoomPiece([], RoomPosition(room_id, "done"))


def messages(server: Client, found: Json, window: Window) -> Iterator[list[Json]]:
    """Those of a room alone, oldest first."""
    for chunk, _ in _messages(server, str(found["room_id"]), window, 0):
        yield [output.with_times(_TIMES, each) for each in chunk]


def _line(kind: str, found: Json) -> Json:
    return output.with_times(_TIMES, {"type": kind, **found})


def _messages(
    server: Client, room_id: str, window: Window, behind: int
) -> Iterator[tuple[list[Json], int]]:
    """Chunks above that seq, and up to which seq each goes. seq has no holes."""
    path = rooms.path(room_id, "messages")
    newest = server.get(path, {**window, "limit": 1})
    if not newest:
        return
    last = int(newest[0]["seq"])
    first = behind + 1 if behind else _first_seq(server, path, window, last)
    while first <= last:
        top = min(last, first + _CHUNK - 1)
        chunk: list[Json] = []
        query = {**window, "before": top + 1, "limit": _CHUNK}
        for page in server.pages(path, query):
            server.renew()
            chunk += [message for message in page if message["seq"] >= first]
            if not page or page[-1]["seq"] <= first:
                break
        yield chunk[::-1], top
        first = top + 1


def _first_seq(server: Client, path: str, window: Window, last: int) -> int:
    """Of the first message in the window, which has one: bisection finds it."""
    low, high = 1, last if "from" in window else 1
    while low < high:
        middle = (low + high) // 2
        if server.get(path, {**window, "before": middle + 1, "limit": 1}):
            high = middle
        else:
            low = middle + 1
        server.renew()
    return low


def _sessions(
    server: Client, room_id: str, window: Window, begun: int
) -> Iterator[tuple[list[Json], int]]:
    """Those that have ended by now, and the second from which on the next ones began."""
    start = max(begun, window.get("from", 0))
    page = _page(server, room_id, {**window, "from": start})
    if not page.records:
        return
    end = int(page.records[0]["join_time"])
    if page.total <= page.size:
        yield page.records[::-1], end + 1
        return
    width = end - start
    while start <= end:
        top = min(end, start + width)
        page = _page(server, room_id, {"from": start, "to": top})
        if page.total > page.size and top > start:
            width = (top - start) * page.size // (2 * page.total)
            continue
        if page.total > page.size:
            page = _second(server, room_id, start)
        if page.records:
            yield page.records[::-1], top + 1
        start = top + 1
        width = 2 * width + 1


def _second(server: Client, room_id: str, second: int) -> _Page:
    """All that began within one second, more than a page: read until none ended meanwhile."""
    window = {"from": second, "to": second}
    for _ in range(_ATTEMPTS):
        first = _page(server, room_id, window)
        records, number = list(first.records), 1
        while len(records) < first.total:
            number += 1
            page = _page(server, room_id, {**window, "page": number})
            if page.total != first.total:
                break
            records += page.records
        else:
            return _Page(records, first.total, first.size)
    raise Failure("busy", f"sessions keep ending in the room {room_id}", status=503)


def _page(server: Client, room_id: str, query: Window) -> _Page:
    path = f"/management/sync/session-history/{room_id}"
    found = server.get(path, {**query, "limit": _SESSIONS_A_PAGE})
    server.renew()
    sums = found["pagination"]
    return _Page(found["records"], int(sums["total_records"]), int(sums["page_size"]))
