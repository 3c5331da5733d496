"""``chatctl callbacks``: what was sent, what waits, what failed; and once more."""

import shlex
import sys
import time
from functools import partial
from typing import Annotated, Literal, NamedTuple

from chatctl.input import endpoints, event_types, rooms, targets, times
from chatctl.input.targets import DELIVERY
from chatctl.link import connection
from chatctl.link.client import Client, Json, Params
from chatctl.shell import bulk, listing
from chatctl.shell.bulk import Said
from chatctl.shell.options import OnlyOfRoom, Options, arg, opt, verb
from chatctl.show import output

COLUMNS = output.columns(
    "delivery_id DELIVERY id; event EVENT id; room_id ROOM id; status STATUS id; "
    "tries TRIES number; tries_allowed ALLOWED number; last_status ANSWER number; "
    "last_error ERROR id; planned_at PLANNED time; finished_at FINISHED time; "
    "next_try_at NEXT time"
)
# What a person reads: all in a line of 80 columns.
_READ = output.columns(
    "delivery_id DELIVERY id; event EVENT; room ROOM; outcome OUTCOME; planned_at PLANNED time"
)
_OTHER_EVENTS = (*event_types.CALLBACKS, event_types.SAMPLE)


class DeliveryFilter(NamedTuple):
    """``before``: a delivery's id; ``most`` is None for all; ``since`` and ``until`` are Unix
    seconds."""

    status: str | None
    event: str | None
    room: str | None
    endpoint: str | None
    before: str | None
    window: dict[str, int]
    most: int | None


def _asked(
    *,
    status: Annotated[
        Literal["pending", "delivered", "failed", "skipped"] | None,
        opt("--status", "Only these.", "pending|delivered|failed|skipped"),
    ] = None,
    since: Annotated[
        str | None, opt("--since", "Planned from then on: a time, a date, an age.", "TIME")
    ] = None,
    until: Annotated[str | None, opt("--until", "Planned until then.", "TIME")] = None,
    event: Annotated[str | None, opt("--event", "Only events like room_*.", "GLOB")] = None,
    room: OnlyOfRoom = None,
    endpoint: Annotated[str | None, opt("--endpoint", "Only to this one.", "ENDPOINT")] = None,
    before: Annotated[
        str | None, opt("--before", "Only those that are listed behind this one.", "ID")
    ] = None,
    limit: listing.Limit = None,
    everything: listing.Everything = False,
) -> DeliveryFilter:
    most = listing.most(limit, everything)
    if event is not None:
        event_types.check(event, "--event", _OTHER_EVENTS)
    if before is not None:
        (before,) = targets.given([before], None, DELIVERY)
    window = times.window(time.time(), ("since", since), ("until", until))
    return DeliveryFilter(status, event, room, endpoint, before, window, most)


@verb(
    "deliveries",
    "chatctl callbacks deliveries --status failed --since 1h",
    "chatctl callbacks deliveries --room lobby --event 'room_*' --all --json",
    exits=(3, 4, 5),
    columns=COLUMNS,
    asked=_asked,
)
def deliveries(options: Options, asked: DeliveryFilter) -> None:
    """List deliveries with their last answers, the newest first."""
    with connection.open(options) as server:
        query = _query(server, asked)
        pages = listing.pages(server, f"{endpoints.PATH}/deliveries", query, asked.most)
        cut = listing.show(options, pages, asked.most, partial(_rows, options, server))
    if cut is not None:
        _tell(options, asked, cut[0]["delivery_id"])


def _query(server: Client, asked: DeliveryFilter) -> Params:
    given: dict[str, str | int | None] = {
        "status": asked.status,
        "event": asked.event,
        "room": None if asked.room is None else rooms.find_id(server, asked.room),
        "endpoint_id": None
        if asked.endpoint is None
        else endpoints.find(server, asked.endpoint)["endpoint_id"],
        "before": asked.before,
        **asked.window,
    }
    return {name: value for name, value in given.items() if value is not None}


def _rows(options: Options, server: Client, found: list[Json]) -> None:
    if options.json or not sys.stdout.isatty():
        output.rows(options, COLUMNS, found)
    else:
        names = rooms.Names(server)
        output.rows(options, _READ, [_read(each, names) for each in found])


def _read(delivery: Json, names: rooms.Names) -> Json:
    return {**delivery, "room": names.of(delivery["room_id"]), "outcome": outcome(delivery)}


def outcome(delivery: Json) -> str:
    """``delivered``, ``failed: 500``, ``retry 2/4: timeout``."""
    last = delivery["last_error"] if delivery["last_status"] is None else delivery["last_status"]
    state = delivery["status"]
    if last is None or state == "delivered":
        return str(state)
    if state == "pending":
        state = f"retry {delivery['tries']}/{delivery['tries_allowed']}"
    return f"{state}: {last}"


def with_times(delivery: Json) -> Json:
    return output.with_times(COLUMNS, delivery)


def _tell(options: Options, asked: DeliveryFilter, last: str) -> None:
    """That the list is cut, and the command that goes on behind ``last``: an age would have moved
    on."""
    given = {
        "--status": asked.status,
        "--event": asked.event,
        "--room": asked.room,
        "--endpoint": asked.endpoint,
        **{f"--{name}": str(value) for name, value in asked.window.items()},
        "--before": last,
        "--limit": None if asked.most == listing.USUAL else str(asked.most),
    }
    words = ["chatctl", "callbacks", "deliveries"]
    for name, text in given.items():
        words += (name, text) if text is not None else ()
    count = "1 is" if asked.most == 1 else f"{asked.most:,} are"
    newest = "the newest " if asked.before is None else ""
    note = f"{newest}{count} shown; the older ones, {asked.most:,} at a time or with --all"
    output.note(options, f"{note}: {shlex.join(words)}")


@verb(
    "retry",
    "chatctl callbacks retry 01a2b3c4-0000-7000-8000-000000000001",
    "chatctl callbacks deliveries --status failed | chatctl callbacks retry --from -",
    exits=(3, 4, 5, 9, 130, 143),
    changes=True,
)
def retry(
    options: Options,
    words: Annotated[list[str] | None, arg("ID…")] = None,
    source: Annotated[
        str | None, opt("--from", "More of them: one a line, or as listed (help input).", "FILE")
    ] = None,
) -> None:
    """Send deliveries once more, with their old ids and a fresh number of tries."""

    def act(server: Client, delivery_id: str) -> Json:
        answer = server.post(endpoints.delivery_path(delivery_id, "resend"))
        if answer["changed"]:
            server.note_waiting()
        return {key: answer[key] for key in ("changed", "delivery_id", "event", "status")}

    said = Said("sent again", "was on its way already")
    bulk.roomless(options, DELIVERY, words, source, act=act, said=said)
