"""``chatctl callbacks forward``: what a server records, posted to one's own machine."""

import itertools
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated

from chatctl.commands.callbacks_tail import AttemptRows
from chatctl.commands.events import Since, filters, start
from chatctl.commands.replay import PATH, Cursor, SecretFile
from chatctl.input import event_types, rooms
from chatctl.input.cursor_files import OffsetFile
from chatctl.link import connection, streams
from chatctl.link.client import Client, Json, Params
from chatctl.shell import signals
from chatctl.shell.failures import Failure
from chatctl.shell.options import OnlyOfRoom, Options, opt, verb
from chatctl.show import output

if TYPE_CHECKING:
    from chatctl.webhooks.poster import PostOutcome, PostReceiver

_COLUMNS = output.columns(
    "at AT id; state STATE id; type TYPE id; room_id ROOM id; number TRY number; "
    "status ANSWER number; error ERROR id; latency_ms LATENCY MS number; next NEXT id; "
    "retry_in_seconds RETRY IN number; offset OFFSET number; event_id EVENT id"
)
_MARK = "forward"
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 30.0


@verb(
    "forward",
    "chatctl callbacks forward --to http://localhost:8080/hook --cursor forward.cursor",
    "chatctl callbacks forward --to http://localhost:8080/hook --events 'room.*,ban.*' --json",
    exits=(3, 4, 5, 130, 141, 143),
    columns=_COLUMNS,
)
def forward(
    options: Options,
    to: Annotated[str, opt("--to", "POST each there.", "URL", show_default=False)],
    events: Annotated[
        str | None, opt("--events", "Only types like room.*,message.*.", "GLOB,…")
    ] = None,
    room: OnlyOfRoom = None,
    since: Since = None,
    cursor: Cursor = None,
    secret_file: SecretFile = None,
    count: Annotated[int | None, opt("--count", "End after this many.", "N", min=1)] = None,
) -> None:
    """Follow a server's events and POST each to one's own machine, again until it is taken."""
    from chatctl.webhooks.poster import PostReceiver

    globs = [] if events is None else event_types.globs([events], "--events")
    receiver = PostReceiver(to, _MARK, secret_file, options.timeout_seconds)
    forwarding = _Forwarding(options, receiver, cursor)
    with (
        closing(receiver),
        signals.told(options, forwarding.so_far),
        connection.open(options, only_served=connection.NOT_FOLLOWED) as server,
    ):
        query = filters(server, globs[0] if len(globs) == 1 else None, room)
        after = forwarding.begin(server, since)
        found = streams.follow(options, server, query, after)
        wanted = (event for event in found if _is_wanted(event, globs))
        names = rooms.Names(server)
        with closing(found):
            for event in itertools.islice(wanted, count):
                forwarding.persist(event, names)


def _offset(server: Client, begin: Params, newest: int) -> int:
    """Behind which everything that is asked for lies. Raises Failure for an offset that the log
    does not have yet: it is another database's, or mistyped."""
    after = begin.get("after")
    if isinstance(after, int) and after > newest:
        raise Failure(
            "resync_required",
            f"--since {after}: the log ends at {newest}",
            f"--since {newest}",
            409,
        )
    if isinstance(after, int):
        return after
    following = server.get(PATH, {**begin, "limit": 1})
    return int(following[0]["offset"]) - 1 if following else newest


def _is_wanted(event: Json, globs: list[str]) -> bool:
    return not globs or any(fnmatchcase(event["type"], glob) for glob in globs)


class _Forwarding:
    """``cursor``: the file that keeps the place, or None."""

    def __init__(self, options: Options, receiver: "PostReceiver", cursor: str | None) -> None:
        self._options = options
        self._receiver = receiver
        self._place = OffsetFile(cursor)
        self._is_kept = cursor is not None
        self._lines = AttemptRows()
        self._count = 0
        self._after: int | None = None

    def begin(self, server: Client, since: str | None) -> int:
        """Kept at once: what happens between now and the first that is taken is not lost either."""
        newest = streams.newest_offset(server)
        after = self._place.read(newest)
        if after is not None:
            output.note(self._options, f"going on after offset {after}")
        else:
            after = (
                newest if since is None else _offset(server, start(self._options, since), newest)
            )
            self._place.write(after)
        self._after = after
        return after

    def persist(self, event: Json, names: rooms.Names) -> None:
        """Until it is taken: the ones behind it wait."""
        for number, pause in zip(itertools.count(1), _pauses(), strict=False):
            self._show(_told(event, number, state="sent"), names)
            outcome = self._receiver.post(event)
            self._show(_answered(event, number, outcome, pause), names)
            if outcome.is_taken:
                break
            time.sleep(pause)
        self._place.write(event["offset"])
        self._count, self._after = self._count + 1, event["offset"]

    def so_far(self) -> tuple[str, str | None]:
        taken = f"{self._count:,} event{' was' if self._count == 1 else 's were'} taken"
        if self._after is None:
            return taken, None
        if self._is_kept:
            return taken, "the same command, which goes on behind them"
        return taken, f"the same with --since {self._after}"

    def _show(self, told: Json, names: rooms.Names) -> None:
        if self._options.json:
            output.json_line(told)
        elif sys.stdout.isatty():
            room = names.of(told["room_id"])
            # As a line of ``callbacks tail``, where the event's id is its delivery's.
            alike = {"delivery_id": told["event_id"], "event": told["type"], "kind": "events"}
            line = self._lines.of({**told, **alike, "room_name": room})
            output.talk_line(f"{told['at'][11:19]}  {line}")
        else:
            output.row_line(_COLUMNS, told)


def _pauses() -> Iterator[float]:
    pause = _FIRST_PAUSE_SECONDS
    while True:
        yield pause
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)


def _told(event: Json, number: int, state: str) -> Json:
    return {
        "at": datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "offset": event["offset"],
        "event_id": event["event_id"],
        "type": event["type"],
        "room_id": event["room_id"],
        "number": number,
        "mark": _MARK,
        "state": state,
        **dict.fromkeys(("status", "error", "latency_ms", "next", "retry_in_seconds")),
    }


def _answered(event: Json, number: int, outcome: "PostOutcome", pause: float) -> Json:
    return {
        **_told(event, number, state="answered"),
        "status": outcome.status,
        "error": outcome.error,
        "latency_ms": round(outcome.latency_ms, 3),
        "next": "delivered" if outcome.is_taken else "retry",
        "retry_in_seconds": None if outcome.is_taken else pause,
    }
