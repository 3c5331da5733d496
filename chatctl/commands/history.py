"""``chatctl rooms history`` and ``chatctl rooms sessions``: what was said, and who was there."""

import itertools
import sys
import time
from collections.abc import Iterable
from functools import partial
from typing import Annotated, NamedTuple

from chatctl.input import rooms, times
from chatctl.link import connection
from chatctl.link.client import Client, Json
from chatctl.shell import listing, places
from chatctl.shell.options import Options, RoomOption, RoomWords, only_room, opt, verb
from chatctl.show import output
from chatctl.show.output import Column

_MESSAGES = output.columns(
    "message_id MESSAGE number; seq SEQ number; created_at CREATED time; user_id USER id; "
    "nickname NAME; content TEXT"
)
DELETED = Column("deleted", "DELETED")
_SESSIONS = output.columns(
    "user_id USER id; nickname NAME; join_time JOINED time; leave_time LEFT time; "
    "duration_seconds STAYED seconds"
)
_USUAL = 50
_SESSIONS_A_PAGE = 10_000

Query = dict[str, int]
Since = Annotated[
    str | None, opt("--since", "From then on: a time, a date (midnight UTC), an age.", "TIME")
]
Until = Annotated[str | None, opt("--until", "Until then; a date is where the day begins.", "TIME")]
Limit = Annotated[int | None, opt("--limit", f"At most N; {_USUAL} unless given.", "N", min=1)]


class HistoryQuery(NamedTuple):
    """``most`` is None for all."""

    room: str
    window: Query
    most: int | None


def _asked(
    *,
    words: RoomWords = None,
    room: RoomOption = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = None,
    everything: listing.Everything = False,
) -> HistoryQuery:
    return HistoryQuery(only_room(words, room), window(since, until), most(limit, everything))


@verb(
    "history",
    "chatctl rooms history lobby --since 2h --user mallory",
    "chatctl rooms history lobby --all --json >lobby.json",
    exits=(3, 4, 5),
    columns=(*_MESSAGES, DELETED),
    asked=_asked,
)
def history(
    options: Options,
    asked: HistoryQuery,
    before: Annotated[int | None, opt("--before", "Before this message.", "SEQ", min=1)] = None,
    user: Annotated[str | None, opt("--user", "Only what this user said.", "USER")] = None,
) -> None:
    """Show a room's messages with their ids, the newest first, also of a closed room."""
    count = asked.most
    named = {"user_id": user, "before": before}
    query = {**asked.window, **{name: each for name, each in named.items() if each is not None}}
    with connection.open(options) as server:
        room_id = rooms.find_id(server, asked.room)
        pages = listing.pages(server, rooms.path(room_id, "messages"), query, count)
        last = show_messages(options, _MESSAGES, pages, count)
    if last is not None:
        older = {**asked.window, "before": last["seq"]}
        whose = () if user is None else ("--user", user)
        tell_newest(options, count, ("rooms", "history", room_id, *whose), older)


@verb(
    "sessions",
    "chatctl rooms sessions lobby --since 7d",
    "chatctl rooms sessions lobby --limit 1000 --json",
    exits=(3, 4, 5),
    columns=_SESSIONS,
    asked=_asked,
)
def sessions(options: Options, asked: HistoryQuery) -> None:
    """List a room's finished sessions, the newest first; TIME is when they began."""
    span, count = asked.window, asked.most
    with connection.open(options) as server:
        room_id = rooms.find_id(server, asked.room)
        found, total = _sessions(server, room_id, span, count)
    output.rows(options, _SESSIONS, found)
    if count is not None and len(found) < total:
        shown = f"the newest {len(found):,} of {total:,} sessions are"
        _tell(options, shown, ("rooms", "sessions", room_id), span)


def window(since: str | None, until: str | None) -> Query:
    found = times.window(time.time(), ("since", since), ("until", until))
    return {{"since": "from", "until": "to"}[option]: at for option, at in found.items()}


def most(limit: int | None, everything: bool) -> int | None:
    return listing.most(limit, everything, _USUAL)


def show_messages(
    options: Options, columns: tuple[Column, ...], pages: Iterable[list[Json]], count: int | None
) -> Json | None:
    """The last message that is shown, when there are more."""
    cut = listing.show(options, pages, count, partial(_rows, options, columns))
    return None if cut is None else cut[0]


def _rows(options: Options, columns: tuple[Column, ...], found: list[Json]) -> None:
    """The text of a deleted message is empty in a pipe; nothing that somebody may have said marks
    it."""
    if not options.json and sys.stdout.isatty():
        found = [{**each, "content": "(deleted)"} if each["deleted"] else each for each in found]
        output.rows(options, columns, found)
    else:
        output.rows(options, (*columns, DELETED), found)


def _sessions(
    server: Client, room_id: str, window: Query, count: int | None
) -> tuple[list[Json], int]:
    """And how many there are in all."""
    size = _SESSIONS_A_PAGE if count is None else min(count, _SESSIONS_A_PAGE)
    found: list[Json] = []
    total = 0
    for number in itertools.count(1):
        query = {**window, "page": number, "limit": size}
        page = server.get(f"/management/sync/session-history/{room_id}", query)
        sums, records = page["pagination"], page["records"]
        found += records[repeated(found, records, sums["total_records"] - total) :]
        total = sums["total_records"]
        if not sums["has_next"] or (count is not None and len(found) >= count):
            break
        server.renew()
    return found[:count], total


def repeated(found: list[Json], page: list[Json], grown: int) -> int:
    """How many records of the next page were the end of what is found: sessions that ended
    meanwhile, at most ``grown``, have pushed them there."""
    most = min(grown, len(found), len(page))
    return next((many for many in range(most, 0, -1) if found[-many:] == page[:many]), 0)


def tell_newest(
    options: Options, count: int | None, command: tuple[str, ...], older: Query
) -> None:
    shown = "message is" if count == 1 else f"{count:,} messages are"
    _tell(options, f"the newest {shown}", command, older)


def _tell(options: Options, what: str, command: tuple[str, ...], query: Query) -> None:
    """That the list is cut, and the command for the rest: as it was given, by the room's id and
    with fixed times, because ages and names move on."""
    names = {"from": "--since", "to": "--until", "before": "--before"}
    words = ["chatctl", *command]
    for name, value in query.items():
        words += (names[name], str(value))
    which = "the older ones" if "before" in query else "all of them"
    output.note(options, f"{what} shown; {which}: {places.rest(options, words)}")
