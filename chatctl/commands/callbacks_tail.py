"""``chatctl callbacks tail``: every try of a callback, as it happens."""

import sys
from itertools import islice
from typing import Annotated

from chatctl.commands.callbacks_show import milliseconds
from chatctl.input import endpoints
from chatctl.link import connection, streams
from chatctl.link.client import Json
from chatctl.shell.options import Options, opt, verb
from chatctl.show import output

_COLUMNS = output.columns(
    "at AT id; state STATE id; event EVENT id; room_id ROOM id; number TRY number; "
    "status ANSWER number; error ERROR id; latency_ms LATENCY MS number; next NEXT id; "
    "retry_in_seconds RETRY IN number; delivery_id DELIVERY id; url URL id"
)
_NEXT = {"delivered": "delivered", "failed": "failed", "skipped": "not sent any more"}


@verb(
    "tail",
    "chatctl callbacks tail -f",
    "chatctl callbacks tail -f --json",
    exits=(3, 4, 130, 141, 143),
    columns=_COLUMNS,
)
def tail(
    options: Options,
    follow: Annotated[
        bool, opt("-f --follow", "Follow the tries; it never does anything else.")
    ] = False,
    count: Annotated[int | None, opt("--count", "End after this many lines.", "N", min=1)] = None,
) -> None:
    """Follow the tries of all callbacks: each as it begins, and as it ends."""
    lines = AttemptRows()
    with connection.open(options, only_served=connection.NOT_FOLLOWED) as server:
        found = streams.live(options, server, f"{endpoints.PATH}/tries")
        for each in islice(found, count):
            _show(options, lines, each)


def _show(options: Options, lines: "AttemptRows", found: Json) -> None:
    if options.json:
        output.json_line(found)
    elif "skipped" in found:
        output.note(options, f"{found['skipped']:,} lines came faster than they could be shown")
    elif sys.stdout.isatty():
        output.talk_line(f"{found['at'][11:19]}  {lines.of(found)}")
    else:
        output.row_line(_COLUMNS, found)


class AttemptRows:
    """``--> RoomClosed room=ops #3``, ``<-- 500 in 212 ms, retry in 5 s``. An answer says what it
    answers unless that is the line above."""

    def __init__(self) -> None:
        self._above: tuple[str, int] | None = None

    def of(self, found: Json) -> str:
        one = (found["delivery_id"], found["number"])
        if found["state"] == "sent":
            self._above = one
            return f"--> {_subject(found)}"
        is_clear, self._above = one == self._above, None
        return f"<-- {_answer(found)}{'' if is_clear else f' ({_subject(found)})'}"


def _subject(found: Json) -> str:
    """The event as the documents write it: ``room_closed`` is their RoomClosed."""
    event = found["event"]
    if found["kind"] != "events":
        event = "".join(word.capitalize() for word in event.split("_"))
    room = found["room_name"] or found["room_id"]
    words = [event, *([] if room is None else [f"room={room}"]), f"#{found['number']}"]
    if found["mark"] is not None:
        words.append(f"[{found['mark']}]")
    return " ".join(words)


def _answer(found: Json) -> str:
    said = ", ".join(str(each) for each in (found["status"], found["error"]) if each is not None)
    words = f"{said} in {milliseconds(found['latency_ms'])}"
    if found["retry_in_seconds"] is not None:
        return f"{words}, retry in {_seconds(found['retry_in_seconds'])} s"
    following = _NEXT.get(found["next"])
    return words if following is None else f"{words}, {following}"


def _seconds(number: float) -> str:
    return f"{number:.0f}" if number >= 10 or number == int(number) else f"{number:.1f}"
