"""chatctl beside other chat servers: fan-out, joins, memory, large rooms, resumes, stuck clients.

python bench/fanout.py [--row NAME]… [--peer NAME=PATH]… [--runs 5] [--quick] [--write]

The server has the first core, the generator the last. A row's contenders take turns, each run with
a server of its own. Rows: wide32 wide4 wide1 small ack join large resume stuck. Peers: chatctl
chatctl-memory node=DIR socketio=DIR litestar nats[=PATH] centrifugo=PATH tokio=PATH; all are
tried, and one that is not there is not measured. How to get them is in bench/README.md. No round
begins after 25 minutes.
"""

import argparse
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import chart
import figures
import load
import report
import rows
from peers import KNOWN, NotHere, fetch_node, versions

ROOT = Path(__file__).parent.parent
QUICK_RUNS = 2
LIMIT_SECONDS = 25 * 60.0


def measure(
    row: rows.Row, generator: load.Generator, given: argparse.Namespace, deadline: float
) -> figures.RowFigures:
    """Each round in the other direction than the one before; none begins after the deadline."""
    at, loop = f"{datetime.now(UTC):%Y-%m-%d %H:%M}", round(report.fixed_loop(), 1)
    made = figures.RowFigures(row.title, at, loop, {}, {})
    effort = rows.QUICK if given.quick else rows.FULL
    for run in range(given.runs):
        order = list(row.contenders.items())[:: -1 if run % 2 else 1]
        if time.monotonic() > deadline:
            break
        for contender, values in order:
            if contender not in made.missing:
                _add(made, contender, partial(values, generator, effort))
    return made


def _add(made: figures.RowFigures, contender: str, run: Callable[[], rows.Values]) -> None:
    """Who fails once is left out of the row: what others have measured stays."""
    try:
        values = run()
    except NotHere as reason:
        made.missing[contender] = str(reason)
    except Exception as error:
        made.found.pop(contender, None)
        made.missing[contender] = f"failed ({str(error).splitlines()[0]})"
    else:
        for name, value in values.items():
            made.found.setdefault(contender, {}).setdefault(name, []).append(round(value, 4))


def pages(measured: figures.Figures) -> dict[str, str]:
    """What each document shows."""
    head, missing = figures.when(measured), figures.missing(measured)
    every = "".join(figures.table(measured, name) for name in figures.TABLES)
    short = "".join(
        figures.table(measured, name, spread=False)
        for name in ("cpu", "latency", "costs", "large", "resume", "stuck")
    )
    return {
        "bench/README.md": f"{head}\n{every}{missing}",
        "docs/performance.md": f"{head}\n{short}{missing}",
        "README.md": figures.table(measured, "cpu", spread=False),
    }


def _how_to_read() -> str:
    text = (ROOT / "bench/README.md").read_text()
    return text[text.index("### How to read it") : text.index("### Measured")]


def write(measured: figures.Figures) -> None:
    figures.save(measured)
    (ROOT / "docs/fan-out.svg").write_text(chart.draw(measured))
    for name, text in pages(measured).items():
        figures.insert(ROOT / name, text)


def main() -> None:
    given = _arguments()
    paths = dict(given.peer)
    if given.fetch_node is not None:
        _fetch(given.fetch_node)
        paths |= dict.fromkeys(("node", "socketio"), given.fetch_node)
    if given.draw:
        write(figures.load())
        return
    report.machine()
    if given.quick:
        report.line("quick: of all that is named below, clients and seconds", "a tenth", "")
    measured = figures.load() if given.write else figures.Figures()
    measured.machine = report.hardware()
    measured.versions |= versions(paths)
    _measure_rows(measured, rows.every(paths, given.only or KNOWN), given)
    report.end()
    print(f"\n{pages(measured)['bench/README.md']}\n{_how_to_read()}")
    if given.write:
        write(measured)


def _measure_rows(
    measured: figures.Figures, every: dict[str, rows.Row], given: argparse.Namespace
) -> None:
    if unknown := set(given.row or ()) - set(every):
        raise SystemExit(f"no row {', '.join(unknown)}: they are {' '.join(every)}")
    deadline = time.monotonic() + LIMIT_SECONDS
    with load.generator() as generator:
        for name in given.row or every:
            started = time.monotonic()
            if started > deadline:
                print(f"{name}: not measured, the time is over", file=sys.stderr)
                continue
            measured.rows[name] = measure(every[name], generator, given, deadline)
            took = time.monotonic() - started
            print(f"{name}, {every[name].title}: {took:.0f} s", file=sys.stderr, flush=True)
            if given.write:
                figures.save(measured)


def _fetch(folder: Path) -> None:
    try:
        fetch_node(folder)
    except NotHere as reason:
        raise SystemExit(f"--fetch-node: {reason}") from None


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--row", action="append", metavar="NAME", help="measure only this; again for others")
    add("--only", action="append", metavar="PEER", help="measure only this peer; again for others")
    add("--peer", action="append", metavar="NAME=PATH", default=[], type=_peer, help="where it is")
    add("--fetch-node", type=Path, metavar="DIR", help="npm installs ws and socket.io there")
    add("--runs", type=int, help="of each contender (5)")
    add("--quick", action="store_true", help="to try: a tenth of the clients, 2 runs")
    add("--write", action="store_true", help="into bench/figures.json, documents and SVG")
    add("--draw", action="store_true", help="only write anew what bench/figures.json holds")
    given = parser.parse_args()
    given.runs = given.runs or (QUICK_RUNS if given.quick else 5)
    if given.write and (given.quick or given.only):
        parser.error("--write takes whole rows: neither --quick nor --only")
    return given


def _peer(text: str) -> tuple[str, Path]:
    name, _, path = text.partition("=")
    if name not in KNOWN or not path:
        raise argparse.ArgumentTypeError(f"NAME=PATH with one of {', '.join(KNOWN)}")
    return name, Path(path)


if __name__ == "__main__":
    main()
