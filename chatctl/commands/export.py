"""``chatctl export``: what was said, out of the database, into a file or another program."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

from chatctl.commands import sync_pull
from chatctl.input import named_files, times
from chatctl.link import connection, room_pages
from chatctl.link.client import Client, Json
from chatctl.shell import failures
from chatctl.shell.failures import Failure
from chatctl.shell.options import Options, RoomOption, RoomWords, only_room, opt, verb
from chatctl.show import output, progress, stdout
from chatctl.show.visible import cell

_CSV = (
    "room_id", "room_name", "message_id", "seq", "created_at", "user_id", "nickname", "kind",
    "content", "deleted",
)  # fmt: skip
_WRITTEN = output.columns("file file id; rooms rooms number; messages messages number")


@verb(
    "export",
    "chatctl export lobby -o lobby.ndjson",
    "chatctl export --all --format csv --since 30d >messages.csv",
    exits=(3, 4, 5, 130, 141, 143),
    because={5: "FILE is there already, or a room's name is ambiguous"},
)
def export(
    options: Options,
    words: RoomWords = None,
    room: RoomOption = None,
    everything: Annotated[bool, opt("--all", "All rooms, closed ones too.")] = False,
    form: Annotated[
        Literal["ndjson", "csv"],
        opt("--format", "Rooms, messages, sessions; or messages alone.", "ndjson|csv"),
    ] = "ndjson",
    target: Annotated[str, opt("-o --output", "Into FILE, not to stdout.", "FILE")] = "-",
    since: Annotated[str | None, opt("--since", "From then on: a time, an age.", "TIME")] = None,
    until: Annotated[str | None, opt("--until", "Until then.", "TIME")] = None,
) -> None:
    """Write out a room, or all, with what was said there, oldest first; also of closed rooms."""
    if everything and (words or room):
        raise failures.usage("--all and ROOM contradict each other", "one of the two")
    if not (everything or words or room):
        raise failures.usage("Missing argument 'ROOM'.", "chatctl export ROOM, or --all for all")
    named = None if everything else only_room(words, room)
    typed = times.window(time.time(), ("since", since), ("until", until))
    window = {{"since": "from", "until": "to"}[name]: at for name, at in typed.items()}
    if form == "ndjson":
        sync_pull.run(options, target, sync_pull.PullQuery(named, since, until, window))
    else:
        is_shown = target == "-" and sys.stdout.isatty()
        _export_csv(options, target, CsvExport(options, named, window, is_shown=is_shown))


class CsvExport:
    """Messages as CSV (RFC 4180), texts as they were said. On a terminal what would act there is
    escaped, as in a list's cells."""

    def __init__(
        self, options: Options, named: str | None, window: dict[str, int], *, is_shown: bool
    ) -> None:
        self._is_shown = is_shown
        self._options = options
        self._named = named
        self._window = window
        self.rooms = self.messages = 0

    def parts(self, server: Client) -> Iterator[str]:
        wanted = sync_pull.wanted(server, self._named)
        yield lines([_CSV])
        with progress.shown(self._options, "exporting rooms", len(wanted)) as shown:
            for room in wanted:
                yield from self._of_room(server, room)
                self.rooms += 1
                shown.done = self.rooms

    def _of_room(self, server: Client, room: Json) -> Iterator[str]:
        for piece in room_pages.messages(server, room, self._window):
            self.messages += len(piece)
            yield lines([_row(room, each, is_shown=self._is_shown) for each in piece])


def _export_csv(options: Options, target: str, made: CsvExport) -> None:
    write(options, target, made.parts)
    if target != "-":
        counts = {"rooms": made.rooms, "messages": made.messages}
        output.record(options, _WRITTEN, {"file": target, **counts})


def write(options: Options, target: str, parts: Callable[[Client], Iterator[str]]) -> None:
    """Onto stdout, or into a new file, which is there when it is whole."""
    if target == "-":
        with connection.open(options) as server:
            for part in parts(server):
                stdout.write(part)
                stdout.flush()
        return
    named_files.check_written(target, "-o")
    path = Path(target)
    if path.exists():
        raise Failure("file_exists", f"{path} is there already", "another name for -o", 409)
    unfinished = path.with_name(f"{path.name}.part")
    try:
        with (
            connection.open(options) as server,
            named_files.writing(path),
            unfinished.open("w", encoding="utf-8", newline="") as file,
        ):
            for part in parts(server):
                file.write(part)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _row(room: Json, message: Json, *, is_shown: bool) -> list[str]:
    found = {**message, "room_id": room["room_id"], "room_name": room["room_name"]}
    return [csv_cell(found[name], is_shown=is_shown) for name in _CSV]


def csv_cell(value: object, *, is_shown: bool) -> str:
    """``is_shown``: on a terminal."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return cell(text) if is_shown else text


def lines(rows: Sequence[Sequence[str]]) -> str:
    """CSV."""
    import csv
    import io

    made = io.StringIO()
    csv.writer(made).writerows(rows)
    return made.getvalue()
