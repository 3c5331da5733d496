"""How the benches print: aligned lines ``name value unit target``, and the machine they ran on."""

import os
import platform
import statistics
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

NAME_WIDTH = 64


def machine() -> None:
    """Date, processor and load: a figure is worth little without them."""
    load = " ".join(f"{average:.2f}" for average in os.getloadavg())
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    print(f"# {Path(sys.argv[0]).name}, {now}, {hardware()}, load {load}")
    line("a fixed loop, to compare runs by", fixed_loop(), "ms CPU")


def hardware() -> str:
    return f"{len(os.sched_getaffinity(0))} cores, {_processor()}"


def fixed_loop() -> float:
    """Milliseconds of CPU. It grows when others use the processor's other half or its caches."""
    spent = []
    for _ in range(15):
        started = time.thread_time()
        found: dict[str, int] = {}
        for number in range(50_000):
            found[str(number % 1000)] = number
        spent.append(time.thread_time() - started)
    return statistics.median(spent) * 1000


def end() -> None:
    line("the fixed loop again", fixed_loop(), "ms CPU")


def line(name: str, value: float | str, unit: str, *, at_most: float | None = None) -> None:
    target = ""
    if at_most is not None:
        assert isinstance(value, float | int)
        target = f"≤ {at_most:g} {'met' if value <= at_most else 'MISSED'}"
    print(f"{name:<{NAME_WIDTH}} {_text(value):>10} {unit:<22} {target}".rstrip(), flush=True)


def median(name: str, values: Sequence[float], unit: str, *, at_most: float | None = None) -> float:
    """The middle one of the runs, with the least and the greatest beside it. Returns it."""
    middle = statistics.median(values)
    spread = f" ({_text(min(values))}–{_text(max(values))})" if len(values) > 1 else ""
    line(name + spread, middle, unit, at_most=at_most)
    return middle


def percentile(values: Sequence[float], percent: float) -> float:
    """The nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def _text(value: float | str) -> str:
    if isinstance(value, str):
        return value
    if value >= 1000:
        return f"{value:.0f}"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def _processor() -> str:
    for row in Path("/proc/cpuinfo").read_text().splitlines():
        if row.startswith("model name"):
            return row.partition(":")[2].strip()
    return platform.machine()
