"""``chatctl sync pull``: all rooms, messages and sessions as NDJSON."""

import contextlib
import fcntl
import os
import shlex
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Annotated, NamedTuple

from chatctl.commands.sync import From, To
from chatctl.input import named_files, rooms, times
from chatctl.input.cursor_files import CursorFile
from chatctl.link import connection, room_pages
from chatctl.link.client import Client, Json
from chatctl.link.room_pages import RoomPiece, RoomPosition
from chatctl.shell import signals
from chatctl.shell.failures import Failure, usage
from chatctl.shell.options import OnlyOfRoom, Options, opt, verb
from chatctl.show import ndjson, output, progress, stdout
from chatctl.show.visible import json_text

_COLUMNS = output.columns(
    "file file id; rooms rooms number; messages messages number; sessions sessions number"
)


class PullQuery(NamedTuple):
    """As it was typed: what a run that goes on must have in common with the one before. ``window``
    is what the first of them made of it."""

    room: str | None
    since: str | None
    until: str | None
    window: dict[str, int]


@verb(
    "pull",
    "chatctl sync pull -o all.ndjson",
    "chatctl sync pull --room lobby --from 7d -o -",
    exits=(3, 4, 5, 130, 141, 143),
    because={5: "FILE is there already, or a room's name is ambiguous"},
)
def pull(
    options: Options,
    target: Annotated[
        str, opt("-o --output", "Where it goes; - is stdout.", "FILE", show_default=False)
    ],
    room: OnlyOfRoom = None,
    since: From = None,
    until: To = None,
) -> None:
    """Pull rooms, messages and finished sessions, oldest first; a run that broke off goes on."""
    window = times.window(time.time(), ("from", since), ("to", until))
    run(options, target, PullQuery(room, since, until, window))


def run(options: Options, target: str, asked: PullQuery) -> None:
    if target == "-":
        printed = Printed()
        with signals.told(options, printed.so_far), connection.open(options) as server:
            for piece in _pieces(options, server, wanted(server, asked.room), asked, None):
                printed.add(piece)
        return
    named_files.check_written(target, "-o")
    path = Path(target)
    if path.exists():
        raise Failure("file_exists", f"{path} is there already", "another name for -o", 409)
    part = PulledPart(path, asked)
    with signals.told(options, part.so_far), connection.open(options) as server:
        found = wanted(server, asked.room)
        with part:
            if part.position is not None:
                output.note(options, f"going on with {part.path}")
            begun = asked._replace(window=part.window)
            for piece in _pieces(options, server, found, begun, part.position):
                part.add(piece)
            part.finish()
    output.record(options, _COLUMNS, {"file": str(path), **part.counts})


def wanted(server: Client, room: str | None) -> list[Json]:
    """In order of creation: rooms that are made meanwhile are behind all that there were."""
    if room is not None:
        return [rooms.find(server, room)]
    found: list[Json] = []
    for page in server.pages("/management/rooms", {"status": "all", "limit": 1000}):
        found += page
        server.renew()
    return found


def _pieces(
    options: Options,
    server: Client,
    wanted: list[Json],
    asked: PullQuery,
    begun: RoomPosition | None,
) -> Iterator[RoomPiece]:
    """What is left of the rooms."""
    behind = 0
    if begun is not None:
        ids = [room["room_id"] for room in wanted]
        if begun.room_id not in ids:
            raise Failure("room_not_found", f"the room {begun.room_id} is gone", status=404)
        behind = ids.index(begun.room_id)
    with progress.shown(options, "pulling rooms", len(wanted)) as shown:
        for number, room in enumerate(wanted[behind:], behind):
            shown.done = number
            yield from room_pages.room(server, room, asked.window, begun)
            begun = None


class Printed:
    """Lines on stdout."""

    def __init__(self) -> None:
        self._count = 0

    def add(self, piece: RoomPiece) -> None:
        for each in piece.lines:
            output.line(json_text(each))
        stdout.flush()
        self._count += len(piece.lines)

    def so_far(self) -> tuple[str, str]:
        return _written(self._count), "-o FILE, with which the same command goes on from there"


def _written(count: int) -> str:
    return f"{count:,} line{' is' if count == 1 else 's are'} written"


class PulledPart:
    """FILE.part, and beside it how far it got: what is written behind that is cut off. At the end
    it becomes FILE. Entering it raises Failure where another run writes it, or began it for
    something else."""

    def __init__(self, path: Path, asked: PullQuery) -> None:
        self.path = path.with_name(path.name + ".part")
        self.position: RoomPosition | None = None
        self.window = asked.window
        self._path = path
        self._typed = list(asked[:3])
        self._cursor = CursorFile(path.with_name(path.name + ".part.cursor"))
        self._counted: Counter[str] = Counter()
        self._whole = 0  # bytes of it that the cursor knows

    @property
    def counts(self) -> dict[str, int]:
        return {f"{kind}s": self._counted[kind] for kind in ("room", "message", "session")}

    def so_far(self) -> tuple[str, str]:
        return _written(self._counted.total()), "the same command, which goes on from there"

    def __enter__(self) -> "PulledPart":
        self._file: IO[bytes] = self.path.open("ab")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._go_on(self._cursor.read())
        except BlockingIOError:
            self._file.close()
            raise Failure("lock_held", f"another command writes {self.path}") from None
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        with contextlib.suppress(OSError):  # what is left in its buffer
            self._file.close()
        if error is not None:
            os.truncate(self.path, self._whole)
            if not self._whole:
                self.path.unlink()
        if isinstance(error, Failure):
            done, rest = self.so_far()
            error.message = f"{error.message}; {done}"
            error.hint = f"{error.hint}, then {rest}" if error.hint else rest

    def _go_on(self, found: Json | None) -> None:
        if found is None:
            self._file.truncate(0)
            return
        try:
            typed, size = found["asked"], int(found["bytes"])
            position, counted = RoomPosition(*found["position"]), Counter(found["counts"])
            self.window = dict(found["window"])
        except (KeyError, TypeError, ValueError):
            raise self._misfit("holds no cursor of a pull") from None
        if typed != self._typed:
            raise self._misfit("was begun for another room or time")
        if size > self.path.stat().st_size:
            raise self._misfit("is ahead of its file")
        self._file.truncate(size)
        self._whole = size
        self.position, self._counted = position, counted

    def _misfit(self, what: str) -> Failure:
        return usage(
            f"{self._cursor.path} {what}",
            shlex.join(("rm", str(self.path), str(self._cursor.path))),
        )

    def add(self, piece: RoomPiece) -> None:
        """On the disk before the cursor says that it is."""
        with named_files.writing(self.path):
            self._file.write(ndjson.lines(piece.lines))
            self._sync()
        self._counted.update(each["type"] for each in piece.lines)
        self._cursor.write(
            {
                "asked": self._typed,
                "window": self.window,
                "position": piece.position,
                "bytes": self._file.tell(),
                "counts": self._counted,
            }
        )
        self._whole = self._file.tell()

    def finish(self) -> None:
        self.path.replace(self._path)
        self._cursor.remove()

    def _sync(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
