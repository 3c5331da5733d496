"""What was measured, as it is kept in bench/figures.json, and the tables that are made of it.

The documents have the tables between a pair of markers; no number in them is typed by hand.
"""

import re
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
from peers import KNOWN

FILE = Path(__file__).with_name("figures.json")
OURS = "chatctl"
READERS = {
    "nobody": "nobody (to compare with)",
    "never": "never read",
    "stopped": "their process is stopped (SIGSTOP)",
    "gone": "their machine is gone (half-open)",
    "slow": "read 1 KB a second",
}


class RowFigures(msgspec.Struct):
    """``found``: of each contender its values, one of each run. ``missing``: why it has none."""

    title: str
    at: str
    fixed_loop_ms: float
    found: dict[str, dict[str, list[float]]]
    missing: dict[str, str]


class Figures(msgspec.Struct):
    machine: str = ""
    versions: dict[str, str] = {}
    rows: dict[str, RowFigures] = {}


def load() -> Figures:
    return msgspec.json.decode(FILE.read_bytes(), type=Figures) if FILE.exists() else Figures()


def save(figures: Figures) -> None:
    """A line for each value, with those of all runs, so that a difference can be read."""
    text = msgspec.json.format(msgspec.json.encode(figures), indent=1).decode()
    FILE.write_text(re.sub(r"\[[^\]]*\]", lambda found: " ".join(found[0].split()), text) + "\n")


class Column(NamedTuple):
    """Several ``values`` stand in one cell, with strokes between them. Headed as the row unless
    ``heading`` says otherwise."""

    row: str
    values: str
    heading: str = ""


class Table(NamedTuple):
    title: str
    columns: Sequence[Column]
    names: dict[str, str]
    values: Callable[[RowFigures, str, str], list[float]]


def _plain(row: RowFigures, name: str, value: str) -> list[float]:
    return row.found.get(name, {}).get(value, [])


def _times_ours(row: RowFigures, name: str, value: str) -> list[float]:
    """Of each run by itself: what slowed it down slowed both."""
    pairs = zip(_plain(row, name, value), _plain(row, OURS, value), strict=False)
    return [theirs / ours for theirs, ours in pairs]


FAN_OUT = ("wide32", "wide4", "wide1", "small")
TITLES = {name: peer.title for name, peer in KNOWN.items()}


def _of_each(values: str) -> list[Column]:
    return [Column(row, values) for row in FAN_OUT]


TABLES = {
    "cpu": Table("Fan-out, CPU seconds per million deliveries", _of_each("cpu"), TITLES, _plain),
    "ratio": Table(f"The same, times that of {TITLES[OURS]}", _of_each("cpu"), TITLES, _times_ours),
    "latency": Table(
        "Fan-out, ms until a message is there, p50 / p99",
        _of_each("p50 p99"),
        TITLES,
        _plain,
    ),
    "rate": Table(
        "Fan-out, deliveries a second / % of its core that the server used",
        _of_each("rate server"),
        TITLES,
        _plain,
    ),
    "costs": Table(
        "What one of each costs the server",
        [
            Column("ack", "cpu", "a message that only its sender gets, with Ack, µs CPU"),
            Column("join", "cpu", "connect and join, µs CPU"),
            Column("join", "kb", "an idle connection, KB"),
        ],
        TITLES,
        _plain,
    ),
    "large": Table(
        "10,000 receivers in one room, 5 messages a second",
        [
            Column("large", "p50 p99", "p50 / p99, ms"),
            Column("large", "stall", "longest stall, ms"),
        ],
        TITLES,
        _plain,
    ),
    "resume": Table(
        "2,000 clients dropped at once, back with `since`",
        [
            Column("resume", "seconds", "until all are level, s"),
            Column("resume", "missing", "not back"),
            Column("resume", "gaps", "gaps and repeats"),
            Column("resume", "stall", "longest stall meanwhile, ms"),
        ],
        {OURS: TITLES[OURS]},
        _plain,
    ),
    "stuck": Table(
        "100 who read, beside 1,000 who do not",
        [
            Column("stuck", "p50 p99", "the 100, p50 / p99, ms"),
            Column("stuck", "memory", "server afterwards, MB"),
        ],
        READERS,
        _plain,
    ),
}


def number(value: float) -> str:
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value >= 100 or value == int(value) else f"{value:.{_digits(value)}f}"


def _digits(value: float) -> int:
    return 1 if value >= 10 else 2


def _cell(values: list[float], *, spread: bool) -> str:
    if not values:
        return "–"
    middle = number(statistics.median(values))
    between = f"{number(min(values))}–{number(max(values))}"
    return f"{middle} ({between})" if spread and len(values) > 1 else middle


def table(figures: Figures, name: str, *, spread: bool = True) -> str:
    """Markdown: medians, with least and greatest beside them. Empty when nothing in it is there."""
    made = TABLES[name]
    columns = [column for column in made.columns if column.row in figures.rows]
    if not columns:
        return ""
    headings = [column.heading or figures.rows[column.row].title for column in columns]
    lines = [
        "| " + " | ".join([made.title, *headings]) + " |",
        "|---" * (len(columns) + 1) + "|",
    ]
    for contender, title in made.names.items():
        found = [
            [made.values(figures.rows[each.row], contender, value) for value in each.values.split()]
            for each in columns
        ]
        if any(any(values) for values in found):
            cells = (" / ".join(_cell(each, spread=spread) for each in values) for values in found)
            lines.append("| " + " | ".join([title, *cells]) + " |")
    return "\n".join(lines) + "\n\n" if len(lines) > 2 else ""


def missing(figures: Figures) -> str:
    """Who was not measured, in which rows, and why. Empty when all were."""
    rows_by_reason: dict[tuple[str, str], list[str]] = {}
    for row in figures.rows.values():
        for contender, reason in row.missing.items():
            title = TITLES.get(contender) or READERS[contender]
            rows_by_reason.setdefault((title, reason), []).append(row.title)
    lines = [
        f"- {title}, {reason}: {'; '.join(rows)}"
        for (title, reason), rows in rows_by_reason.items()
    ]
    return "\n".join(["Not measured:", "", *lines, "", ""]) if lines else ""


def when(figures: Figures) -> str:
    """The line above the tables: of which machine, when, how often."""
    rows = figures.rows.values()
    times = sorted(row.at for row in rows)
    runs = [len(each) for row in rows for found in row.found.values() for each in found.values()]
    loops = sorted(row.fixed_loop_ms for row in rows)
    often = " to ".join(str(count) for count in sorted({min(runs or [0]), max(runs or [0])}))
    until = times[-1].removeprefix(times[0][:11])
    peers = ", ".join(f"{TITLES[name]} {version}" for name, version in figures.versions.items())
    return (
        f"{times[0]} to {until} UTC, {figures.machine}. Medians of {often} runs in turn, least and "
        f"greatest in brackets. A fixed loop took {number(loops[0])} to {number(loops[-1])} ms CPU "
        f"before the rows. Peers: {peers}.\n"
    )


def insert(path: Path, text: str) -> None:
    """In the place of what stands between the markers."""
    begin, end = "<!-- measured: begin -->\n", "<!-- measured: end -->"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    before = path.read_text()
    after, count = pattern.subn(lambda _: f"{begin}\n{text.strip()}\n\n{end}", before)
    if count != 1:
        raise RuntimeError(f"{path.name} does not have the markers once")
    path.write_text(after)
