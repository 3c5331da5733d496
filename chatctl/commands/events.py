"""``chatctl events``."""

import re
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from itertools import chain
from typing import Annotated

from chatctl.input import event_types, ids, rooms, times
from chatctl.link import connection, streams
from chatctl.link.client import Client, Json, Params
from chatctl.shell import listing, places
from chatctl.shell.failures import Failure, usage
from chatctl.shell.options import OnlyOfRoom, Options, opt, verb
from chatctl.show import output, sentences

_COLUMNS = output.columns(
    "offset OFFSET number; at AT id; type TYPE id; room_id ROOM id; actor ACTOR; data DATA"
)
# What a person reads: the room by its name, the data as a sentence.
_READ = output.columns(
    "offset OFFSET number; when WHEN time; type TYPE id; room ROOM; actor ACTOR; what WHAT"
)
_PATH = "/management/events"
_YEAR = re.compile("20[0-9]{2}")

Since = Annotated[
    str | None,
    opt(
        "--since",
        "After this offset or event id, or from this time, date or age on (help input).",
        "OFFSET|ID|TIME",
    ),
]
Until = Annotated[
    str | None, opt("--until", "Up to this event, or until this time, date, age.", "OFFSET|ID|TIME")
]


def _checked_type(glob: str | None) -> str | None:
    if glob is not None:
        event_types.check(glob, "--type")
    return glob


Type = Annotated[
    str | None,
    opt("--type", "Only types like message.*, as in a shell.", "GLOB", callback=_checked_type),
]
Actor = Annotated[str | None, opt("--actor", "Only what this user did.", "USER")]


@verb(
    "ls",
    "chatctl events ls --since 2h --type 'ban.*'",
    "chatctl events --room lobby --json",
    exits=(3, 4, 5),
    columns=_COLUMNS,
)
def ls(
    options: Options,
    since: Since = None,
    until: Until = None,
    type: Type = None,  # noqa: A002 - the option's name
    room: OnlyOfRoom = None,
    actor: Actor = None,
    limit: listing.Limit = None,
    everything: listing.Everything = False,
) -> None:
    """List events, the newest first."""
    count = listing.most(limit, everything)
    with connection.open(options) as server:
        wanted = filters(server, type, room, actor)
        query = {**wanted, **start(options, since), **end(since, until)}
        with _named_as_typed():
            found = _newest(server, query, count)
            cut = listing.show(options, found, count, partial(_list, options, server))
    if cut is not None:
        _tell_older(options, count, cut[1], since, wanted)


@verb(
    "tail",
    "chatctl events tail --limit 20",
    "chatctl events tail -f --type 'ban.*' --json",
    exits=(3, 4, 5, 130, 141, 143),
    columns=_COLUMNS,
)
def tail(
    options: Options,
    follow: Annotated[bool, opt("-f --follow", "Go on as they happen.")] = False,
    since: Since = None,
    until: Until = None,
    type: Type = None,  # noqa: A002 - the option's name
    room: OnlyOfRoom = None,
    actor: Actor = None,
    limit: Annotated[int | None, opt("--limit", "How many of the newest (10).", "N", min=0)] = None,
    everything: listing.Everything = False,
) -> None:
    """Show the newest events in their order; with -f, and then all that follow."""
    if since is not None and limit is not None:
        raise usage("--since and --limit both say where to begin", "one of the two")
    if follow and until is not None:
        raise usage("-f follows what comes: --until is for what was", "without -f")
    count = listing.most(limit, everything, 10)
    only_served = connection.NOT_FOLLOWED if follow else None
    with connection.open(options, only_served=only_served) as server:
        query, older = filters(server, type, room, actor), []
        reached = streams.newest_offset(server) if follow else 0
        span = {**start(options, since), **end(since, until)}
        with _named_as_typed():
            if since is not None or count is None:
                found = _all_until(server, {**query, **span}, reached)
            else:
                pages = _newest(server, {**query, **span}, count) if count else ()
                newest = [event for page in pages for event in page]
                found, older = newest[:count][::-1], newest[count:]
        if follow:
            reached = max([reached, *(event["offset"] for event in found)])
            following = streams.follow(options, server, query, reached)
            with closing(following):
                _show_each(options, chain(found, following), rooms.Names(server))
        else:
            _list(options, server, found)
            if older:
                _tell_older(options, count, older[0], None, query)


def _tell_older(
    options: Options, count: int | None, older: Json, since: str | None, wanted: Params
) -> None:
    """``older``: the newest that is not shown."""
    words = ["chatctl", "events", "ls", "--until", str(older["offset"])]
    words += ["--since", since] if since is not None else []
    for name, value in wanted.items():
        words += (f"--{name}", str(value))
    shown = "event is" if count == 1 else f"{count:,} events are"
    output.note(options, f"the newest {shown} shown; the older ones: {places.rest(options, words)}")


def filters(
    server: Client, type_glob: str | None, room: str | None, actor: str | None = None
) -> dict[str, str | int]:
    given = {
        "type": type_glob,
        "room": None if room is None else rooms.find_id(server, room),
        "actor": actor,
    }
    return {name: value for name, value in given.items() if value is not None}


@contextmanager
def _named_as_typed() -> Iterator[None]:
    """What the API calls ``after`` was typed behind ``--since``."""
    try:
        yield
    except Failure as failure:
        for name, option in (("after: ", "--since"), ("until: ", "--until")):
            if failure.message.startswith(name):
                failure.message = f"{option}: {failure.message.removeprefix(name)}"
        raise


def end(since: str | None, until: str | None) -> dict[str, str | int]:
    if until is None:
        return {}
    if times.looks_like_offset(until) or ids.is_start(until):
        return {"until": until}
    moment = _moment(until, "--until")
    begin = None if since is None else times.moment(since, time.time())
    if begin is not None and not times.looks_like_offset(since or ""):
        times.check_order(("since", begin), ("until", moment))
    return {"until_time": int(moment)}


def start(options: Options, since: str | None) -> dict[str, str | int]:
    if since is None:
        return {}
    if times.looks_like_offset(since):
        if _YEAR.fullmatch(since):
            output.note(
                options, f"--since {since} is an offset; the year begins at --since {since}-01-01"
            )
        return {"after": int(since)}
    if ids.is_start(since):
        return {"after": since}
    return {"since_time": int(_moment(since, "--since"))}


def _moment(text: str, option: str) -> float:
    moment = times.moment(text, time.time())
    if moment is None:
        raise usage(
            f"{option}: '{text}' is neither an offset, an event's id, a time, a date nor an age",
            f"{option} 1200, {times.FORMS}",
        )
    times.check_range(moment, text, option)
    return moment


def _all_until(server: Client, query: Params, reached: int) -> list[Json]:
    pages = server.pages(_PATH, {**query, "limit": listing.LARGEST_PAGE})
    found: list[Json] = []
    for page in pages:
        found += page
        if reached and page and page[-1]["offset"] >= reached:
            break
    return found


def _newest(server: Client, query: Params, count: int | None) -> Iterator[list[Json]]:
    """Pages, the newest first."""
    for page in listing.pages(server, _PATH, {**query, "tail": "true"}, count):
        yield page[::-1]


def _list(options: Options, server: Client, found: list[Json]) -> None:
    if options.json or not sys.stdout.isatty():
        output.rows(options, _COLUMNS, found)
    else:
        names = rooms.Names(server)
        output.rows(options, _READ, [_read(event, names) for event in found])


def _read(event: Json, names: rooms.Names) -> Json:
    return {
        **event,
        "when": times.point(event["at"], 0, "at"),
        "room": _place(event, names),
        "what": sentences.of(event["type"], event["data"]),
    }


def _place(event: Json, names: rooms.Names) -> str | None:
    """The room's name; of what is no room, whose it is."""
    scope = event.get("scope")
    return names.of(event["room_id"]) if scope in (None, "rooms") else scope


def _show_each(options: Options, events: Iterable[Json], names: rooms.Names) -> None:
    for event in events:
        _show(options, event, names)


def _show(options: Options, event: Json, names: rooms.Names) -> None:
    if options.json:
        output.json_line(event)
        return
    if sys.stdout.isatty():
        said = sentences.of(event["type"], event["data"])
        words = [str(event["offset"]), event["at"][11:19], _place(event, names) or "-", said]
        output.talk_line("  ".join(words))
        return
    output.row_line(_COLUMNS, event)
