"""``chatctl events replay``: what happened, told once more to whoever missed it."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import takewhile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

from chatctl.commands.events import Since, Type, filters, start
from chatctl.input import ids, named_files, pace, times
from chatctl.input.cursor_files import OffsetFile
from chatctl.link import connection, envelopes, streams
from chatctl.link.client import Client, Json, Params
from chatctl.shell import signals
from chatctl.shell.failures import Failure, usage
from chatctl.shell.options import OnlyOfRoom, Options, opt, verb
from chatctl.show import ndjson, output, progress
from chatctl.show.output import Column

if TYPE_CHECKING:
    from chatctl.webhooks.poster import PostReceiver

PATH = "/management/events"
_PAGE = 1000
_PAUSES_SECONDS = (1.0, 2.0, 4.0)
_COLUMNS = output.columns(
    "count events number; first_offset first offset number; first_at first at id; "
    "last_offset last offset number; last_at last at id"
)
_EXPECTED = Column("expected_seconds", "expected seconds", "number")

Beyond = Callable[[Json], bool]
Take = Callable[[Json], None]

To = Annotated[str | None, opt("--to", "POST each there, one after the other.", "URL")]
SecretFile = Annotated[
    str | None, opt("--secret-file", "Sign with its secrets, one a line.", "FILE")
]
Cursor = Annotated[
    str | None, opt("--cursor", "Keeps the place; if it is there, begin behind it.", "FILE")
]


@verb(
    "replay",
    "chatctl events replay --since 2h --to http://localhost:8080/hook --cursor replay.cursor",
    "chatctl events replay --since 0 --envelopes --to-file - >envelopes.ndjson",
    exits=(3, 4, 5, 9, 130, 141, 143),
    because={5: "FILE is there already, or a name is ambiguous", 9: "the receiver refused one"},
)
def replay(
    options: Options,
    since: Since = None,
    until: Annotated[
        str | None, opt("--until", "Up to there; now unless given.", "OFFSET|ID|TIME")
    ] = None,
    type: Type = None,  # noqa: A002 - the option's name
    room: OnlyOfRoom = None,
    to: To = None,
    to_file: Annotated[
        str | None, opt("--to-file", "Lines of JSON instead; - is stdout.", "FILE")
    ] = None,
    secret_file: SecretFile = None,
    rate: Annotated[str | None, opt("--rate", "No faster: 50/s, 600/m.", "N/s")] = None,
    cursor: Cursor = None,
    is_desk: Annotated[
        bool, opt("--envelopes", "Those of the support desk, as its clients get them.")
    ] = False,
    dry_run: Annotated[
        bool, opt("--dry-run", "Count them, and say how long it would take.")
    ] = False,
) -> None:
    """Tell events once more, in order: to a URL, marked as a replay, or into a file."""
    if is_desk and (type or room):
        raise usage("--envelopes are all of the support desk: --type and --room are the log's")
    _check_targets(to, to_file, is_needed=not dry_run)
    _check_order(since, until)
    per_second = None if rate is None else pace.rate(rate, "--rate")
    run = ReplayRun(options, per_second, cursor, is_dry=dry_run, is_posted=to is not None)
    with signals.told(options, run.so_far), connection.open(options) as server:
        newest = streams.newest_offset(server)
        after = run.placed(newest)
        begin = _begin(options, since, after, cursor)
        beyond = _beyond(server, until, newest)
        log = (
            envelopes.events(server, begin)
            if is_desk
            else _events(server, {**filters(server, type, room), **begin})
        )
        found = takewhile(lambda event: not beyond(event), log)
        if dry_run:
            run.over(found, lambda _: None)
        else:
            with _target(options, to, to_file, secret_file, is_begun=after is not None) as take:
                run.over(found, (lambda each: take(each["envelope"])) if is_desk else take)
    if dry_run or to_file != "-":
        run.tell()


def _check_targets(to: str | None, to_file: str | None, *, is_needed: bool) -> None:
    if to is not None and to_file is not None:
        raise usage("--to and --to-file both say where it goes", "one of the two")
    if is_needed and to is None and to_file is None:
        raise usage("where it goes is not said", "--to URL, --to-file FILE, or --dry-run")
    if to_file not in (None, "-"):
        named_files.check_written(str(to_file), "--to-file")


def _check_order(since: str | None, until: str | None) -> None:
    """Of two offsets or two times; what an id means is known only when it is read."""
    if since is None or until is None:
        return
    if times.looks_like_offset(since) and times.looks_like_offset(until):
        times.check_order(("since", int(since)), ("until", int(until)))
        return
    now = time.time()
    begin, end = (_moment(text, now) for text in (since, until))
    if begin is not None and end is not None:
        times.check_order(("since", begin), ("until", end))


def _moment(text: str, now: float) -> float | None:
    return None if times.looks_like_offset(text) else times.moment(text, now)


def _begin(options: Options, since: str | None, after: int | None, cursor: str | None) -> Params:
    """``after``: what the cursor's file says, which goes before ``since``."""
    if after is not None:
        output.note(options, f"going on behind the event {after:,}, as {cursor} says")
        return {"after": after}
    if since is None:
        raise usage("where to begin is not said", "--since 0 for all there is")
    return start(options, since)


def _beyond(server: Client, until: str | None, newest: int) -> Beyond:
    """What ends it: without ``until`` whatever happens from now on."""
    last = newest
    if until is not None and times.looks_like_offset(until):
        last = min(newest, int(until))
    elif until is not None and ids.is_start(until):
        following = server.get(PATH, {"after": until, "limit": 1})
        last = min(newest, following[0]["offset"] - 1) if following else newest
    elif until is not None:
        moment = times.point(until, time.time(), "--until")
        return lambda event: event["offset"] > newest or times.point(event["at"], 0, "at") > moment
    return lambda event: bool(event["offset"] > last)


def _events(server: Client, query: Params) -> Iterator[Json]:
    for page in server.pages(PATH, {**query, "limit": _PAGE}):
        yield from page
        server.renew()


@contextmanager
def _target(
    options: Options,
    to: str | None,
    to_file: str | None,
    secret_file: str | None,
    *,
    is_begun: bool,
) -> Iterator[Take]:
    """``is_begun``: an earlier run has filled a part of the file."""
    if to is not None:
        from chatctl.webhooks.poster import PostReceiver

        receiver = PostReceiver(to, "replay", secret_file, options.timeout_seconds)
        try:
            yield lambda event: _persist(receiver, event)
        finally:
            receiver.close()
    elif to_file == "-":
        yield output.json_line
    else:
        assert to_file is not None
        with _lines(Path(to_file), is_begun=is_begun) as take:
            yield take


@contextmanager
def _lines(path: Path, *, is_begun: bool) -> Iterator[Take]:
    if path.exists() and not is_begun:
        raise Failure("file_exists", f"{path} is there already", "another name", 409)
    with ExitStack() as opened:
        # Where there is no line to write, no file is made.
        file = opened.enter_context(_whole_lines(path)) if path.exists() else None

        def take(event: Json) -> None:
            nonlocal file
            with named_files.writing(path):
                file = file or opened.enter_context(_whole_lines(path))
                file.write(ndjson.encoded(event) + b"\n")
                file.flush()

        yield take


@contextmanager
def _whole_lines(path: Path) -> Iterator[IO[bytes]]:
    """What a full disk leaves of a line is cut off, and no file stays that has none."""
    file = path.open("a+b")
    _cut(file)
    try:
        yield file
    finally:
        with suppress(OSError):  # what is left in its buffer
            file.close()
        with path.open("r+b") as left:
            _cut(left)
        if not path.stat().st_size:
            path.unlink()


def _cut(file: IO[bytes]) -> None:
    """A line that whoever was stopped has not finished."""
    end = file.seek(0, 2)
    while end:
        begin = max(0, end - 65_536)
        file.seek(begin)
        kept = file.read(end - begin).rfind(b"\n") + 1
        end = begin + kept
        if kept:
            break
    file.truncate(end)


def _persist(receiver: "PostReceiver", event: Json) -> None:
    """Raises Failure after the last try: ``unreachable`` when nothing has heard of it."""
    for pause in (*_PAUSES_SECONDS, None):
        outcome = receiver.post(event)
        if outcome.is_taken:
            return
        if pause is not None:
            time.sleep(pause)
    code = "unreachable" if outcome.error == "unreachable" else "partly_done"
    which = event.get("offset", event["event_id"])
    tries = len(_PAUSES_SECONDS) + 1
    raise Failure(
        code,
        f"the event {which} was not taken in {tries} tries: {receiver.url} {outcome.detail}",
    )


class ReplayRun:
    """What was told so far. ``cursor``: the file that keeps the place after each, or None."""

    def __init__(
        self,
        options: Options,
        per_second: float | None,
        cursor: str | None,
        *,
        is_dry: bool,
        is_posted: bool,
    ) -> None:
        self._place = OffsetFile(cursor)
        self._options = options
        self._per_second = per_second
        self._is_dry = is_dry
        self._is_posted = is_posted
        self._is_kept = cursor is not None
        self._is_placed = False
        self._count = 0
        self._first: Json = None
        self._last: Json = None
        self._behind = 0

    def placed(self, newest: int) -> int | None:
        """Behind which offset an earlier run has said to go on."""
        after = self._place.read(newest)
        self._is_placed = after is not None
        return after

    def over(self, events: Iterator[Json], take: Take) -> None:
        """However it ends before its end, it says how to go on."""
        kept = pace.Pace(None if self._is_dry else self._per_second)
        try:
            with progress.shown(self._options, "telling events") as shown:
                for event in events:
                    kept.rest()
                    self._tell_one(event, take)
                    kept.did(1)
                    shown.done = self._count
        except Failure as failure:
            told, rest = self.so_far()
            if self._count:
                failure.message = f"{failure.message}; {told} before it"
            failure.hint = ", then ".join(each for each in (failure.hint, rest) if each) or None
            raise

    def _tell_one(self, event: Json, take: Take) -> None:
        self._first = self._first or event
        self._behind = event["offset"] - 1
        try:
            take(event)
        except Failure as failure:
            is_full = failure.code == "storage_full"
            failure.code = "partly_done" if self._count and not is_full else failure.code
            raise
        self._last, self._behind = event, event["offset"]
        self._count += 1
        if not self._is_dry:
            self._place.write(event["offset"])
            self._is_placed = self._is_kept

    def tell(self) -> None:
        first, last = self._first or {}, self._last or {}
        told = {
            "count": self._count,
            "first_offset": first.get("offset"),
            "first_at": first.get("at"),
            "last_offset": last.get("offset"),
            "last_at": last.get("at"),
        }
        if not self._is_dry or self._per_second is None:
            output.record(self._options, _COLUMNS, told)
        else:
            told["expected_seconds"] = math.ceil(self._count / self._per_second)
            output.record(self._options, (*_COLUMNS, _EXPECTED), told)

    def so_far(self) -> tuple[str, str | None]:
        done = "counted" if self._is_dry else "told"
        said = f"{self._count:,} event{' was' if self._count == 1 else 's were'} {done}"
        if self._first is None or self._is_dry:
            return said, None
        if self._is_placed:
            return said, f"the same command{', which goes on behind them' if self._count else ''}"
        other = "" if self._is_posted else ", and with another FILE"
        return said, f"the same with --since {self._behind}{other}"
