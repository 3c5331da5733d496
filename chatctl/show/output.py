"""Results to stdout: a table on a terminal, tab-separated when piped, JSON when asked for.

Everything else that is said goes to stderr. Rows are the server's JSON objects; a column says
which value of the row it shows and how.
"""

import os
import shlex
import shutil
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TextIO, get_args

from chatctl.input import times
from chatctl.shell import places
from chatctl.shell.options import Options
from chatctl.show import pager, progress, stdout
from chatctl.show.visible import cell, json_text, shortened, visible, width

Row = Mapping[str, object]
Kind = Literal["text", "id", "time", "number", "bytes", "seconds"]

_KINDS: dict[str, Kind] = {kind: kind for kind in get_args(Kind)}
_NARROWEST = 8
_GAP = 2


@dataclass(frozen=True)
class Column:
    """``text`` may be shortened on a terminal, an ``id`` never. ``time`` is Unix seconds, or
    RFC 3339 where the server says so."""

    key: str
    title: str
    kind: Kind = "text"


def columns(written: str) -> tuple[Column, ...]:
    """Of ``key TITLE kind; key TITLE``: without a kind it is text."""
    return tuple(_column(*each.split()) for each in written.split(";"))


def _column(key: str, *words: str) -> Column:
    kind = _KINDS.get(words[-1]) if len(words) > 1 else None
    return Column(key, " ".join(words if kind is None else words[:-1]), kind or "text")


def labels(headings: Iterable[Column]) -> tuple[Column, ...]:
    """The columns of a list, for one thing of it."""
    return tuple(replace(each, title=each.title.lower()) for each in headings)


def rows(options: Options, columns: Sequence[Column], found: Sequence[Row]) -> None:
    if options.json:
        document([with_times(columns, row) for row in found])
    elif not sys.stdout.isatty():
        for row in found:
            fields(_exact(column, row) for column in columns)
    elif found:
        _table(options, columns, found)
    else:
        note(options, "there are none")


def record(options: Options, columns: Sequence[Column], row: Row) -> None:
    """One thing: a line per value."""
    if options.json:
        document(with_times(columns, row))
    elif not sys.stdout.isatty():
        for column in columns:
            line(f"{column.title}\t{_exact(column, row)}")
    else:
        wide = max(len(column.title) for column in columns)
        now = time.time()
        for column in columns:
            line(f"{column.title:<{wide}}  {_shown(column, row, now)}".rstrip())


def changed(row: Row) -> str:
    """The last cell of what a changing verb prints into a pipe."""
    return "changed" if row["changed"] else "unchanged"


def fields(values: Iterable[str]) -> None:
    """One tab-separated line of finished cells."""
    line("\t".join(values))


def document(value: object) -> None:
    """One JSON document: spread out for a reader on a terminal, one line in a pipe."""
    line(json_text(value, indent=2 if sys.stdout.isatty() else None, ascii_only=_ascii_only()))


def json_line(value: object) -> None:
    """One line of NDJSON, handed over at once: whoever follows a stream waits for it."""
    line(json_text(value, ascii_only=_ascii_only()))
    stdout.flush()


def row_line(columns: Sequence[Column], row: Row) -> None:
    """A row of a stream into a pipe, handed over at once."""
    fields(_exact(column, row) for column in columns)
    stdout.flush()


def talk_line(text: str) -> None:
    """A line of a stream on a terminal."""
    line(visible(text))
    stdout.flush()


def line(text: str) -> None:
    stdout.write(text + "\n")


def note(options: Options, text: str) -> None:
    """Talk beside the result, silenced by ``--quiet``."""
    if not options.quiet:
        progress.say(f"chatctl: {visible(text)}\n")


def suggest(options: Options, *words: str) -> None:
    """A command to try, at the same server or file; below a note, and silenced with it."""
    if not options.quiet:
        command = shlex.join([*words, *places.of(options)])
        progress.say(f"  try: {visible(command)}\n")


def with_times(columns: Sequence[Column], row: Row) -> dict[str, object]:
    """The row with its Unix seconds as RFC 3339; all other values as the server gave them."""
    converted = dict(row)
    for column in columns:
        value = row.get(column.key)
        if column.kind == "time" and isinstance(value, int | float):
            converted[column.key] = times.rfc3339(value)
    return converted


def colored(options: Options, stream: TextIO) -> bool:
    """https://no-color.org and https://bixense.com/clicolors; our own flag stands above both."""
    if options.no_color or os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("CLICOLOR_FORCE", "0") not in ("", "0"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def bold(text: str, *, on: bool) -> str:
    return f"\x1b[1m{text}\x1b[0m" if on else text


def _ascii_only() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"


def _exact(column: Column, row: Row) -> str:
    value = row.get(column.key)
    if value is None:
        return ""
    if column.kind == "time" and isinstance(value, int | float):
        return times.rfc3339(value)
    return cell(_plain(value))


def _shown(column: Column, row: Row, now: float) -> str:
    value = row.get(column.key)
    if value is None:
        return "-"
    if column.kind == "time" and isinstance(value, str):
        moment = times.moment(value, now)
        return visible(value) if moment is None else times.relative(moment, now)
    if isinstance(value, int | float) and not isinstance(value, bool):
        if column.kind == "time":
            return times.relative(value, now)
        if column.kind == "bytes":
            return _size(value)
        if column.kind == "seconds":
            return times.relative(now - value, now).removesuffix(" ago")
    return visible(_words(value))


def _words(value: object) -> str:
    """As ``_plain``; what is JSON in a pipe is words for a person."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {_words(each)}" for name, each in value.items())
    return _plain(value)


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and all(isinstance(item, str | int) for item in value):
        return ",".join(map(str, value))
    return value if isinstance(value, str) else json_text(value)


def _size(amount: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def _table(options: Options, columns: Sequence[Column], found: Sequence[Row]) -> None:
    now = time.time()
    table = [[_shown(column, row, now) for column in columns] for row in found]
    natural = [
        max(len(column.title), *(width(row[index]) for row in table))
        for index, column in enumerate(columns)
    ]
    total = shutil.get_terminal_size().columns
    widths = fitted(columns, natural, total)
    on = colored(options, sys.stdout)
    if sum(widths) + _GAP * (len(widths) - 1) > total:
        pager.show("\n".join(_block(columns, row, total, on=on) for row in table))
        return
    titles = _line([column.title for column in columns], columns, widths)
    lines = [bold(titles, on=on), *(_line(row, columns, widths) for row in table)]
    pager.show("".join(f"{each}\n" for each in lines))


def _block(columns: Sequence[Column], values: Sequence[str], total: int, *, on: bool) -> str:
    """A row as a line for each value, where the terminal is too narrow for a table."""
    wide = max(len(column.title) for column in columns)
    lines = []
    for column, value in zip(columns, values, strict=True):
        title = bold(f"{column.title:<{wide}}", on=on)
        room = total - wide - _GAP
        if column.kind == "id" and width(value) > room:
            lines.append(f"{title.rstrip()}\n{value}")
        else:
            lines.append(f"{title}{' ' * _GAP}{shortened(value, room)}")
    return "".join(f"{each}\n" for each in lines)


def fitted(columns: Sequence[Column], natural: Sequence[int], total: int) -> list[int]:
    """Widths that fit ``total``: text gives way, the widest first. Where that is not enough they
    are wider, because an id that is cut is of no use."""
    widths = list(natural)
    floors = [
        max(_NARROWEST, len(column.title)) if column.kind == "text" else natural[index]
        for index, column in enumerate(columns)
    ]
    excess = sum(widths) + _GAP * (len(widths) - 1) - total
    while excess > 0:
        room = [index for index, wide in enumerate(widths) if wide > floors[index]]
        if not room:
            break
        widths[max(room, key=widths.__getitem__)] -= 1
        excess -= 1
    return widths


def _line(values: Sequence[str], columns: Sequence[Column], widths: Sequence[int]) -> str:
    padded = []
    for value, column, wide in zip(values, columns, widths, strict=True):
        text = shortened(value, wide)
        space = " " * (wide - width(text))
        padded.append(space + text if column.kind in ("number", "bytes") else text + space)
    return (" " * _GAP).join(padded).rstrip()
