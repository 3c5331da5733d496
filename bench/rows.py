"""What is measured of chatctl and its peers: a row is a load, and each contender a server under it.

A contender's run is a server of its own, so what one run leaves behind is not in the next.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path
from typing import NamedTuple

import served
from load import Generator, Measured, Target
from peers import KNOWN

GONE_SECONDS = 15.0  # until the server has noticed that a crowd is gone, and given memory back
Values = dict[str, float]
Start = Callable[[int], AbstractContextManager[Target]]


class Effort(NamedTuple):
    """``share`` of the members there are, ``seconds`` that a load is measured."""

    share: float
    seconds: float

    def of(self, members: int) -> int:
        return max(1, int(members * self.share))


FULL, QUICK = Effort(1, 2), Effort(0.1, 1)


class Row(NamedTuple):
    title: str
    contenders: Mapping[str, Callable[[Generator, Effort], Values]]


def fan_out(
    start: Start, rooms: int, in_flight: int, generator: Generator, effort: Effort
) -> Values:
    rooms = rooms if rooms == 1 else effort.of(rooms)
    with start(rooms) as target:
        members = effort.of(1000)
        amount = ("-n", members, "-s", max(4, rooms), "-w", in_flight, "-d", effort.seconds)
        found = _complete(generator.run("send", target, *amount))
    return {
        "cpu": found.server_cpu / found.deliveries * 1e6,
        "p50": found.p50_microseconds / 1000,
        "p99": found.p99_microseconds / 1000,
        "rate": found.deliveries / found.seconds,
        "server": found.server_cpu / found.seconds * 100,
    }


def acknowledge(start: Start, generator: Generator, effort: Effort) -> Values:
    """Each sender is alone in a room: no fan-out is in it."""
    with start(50) as target:
        amount = ("-n", 50, "-s", 50, "-w", 16, "-d", effort.seconds)
        found = _complete(generator.run("ack", target, *amount))
    return {
        "cpu": found.server_cpu / found.acknowledged * 1e6,
        "rate": found.acknowledged / found.seconds,
    }


def join(start: Start, generator: Generator, effort: Effort) -> Values:
    """10,000 join: the first 5,000 are timed, and the memory is that of all."""
    with start(1) as target:
        amount = ("-n", effort.of(10_000), "-j", effort.of(5000))
        found = generator.run("join", target, *amount)
    return {
        "cpu": found.join_cpu / found.timed_joins * 1e6,
        "rate": found.timed_joins / found.join_seconds,
        "kb": (found.joined_kb - found.resident_kb) / found.joined,
    }


def large(start: Start, generator: Generator, effort: Effort) -> Values:
    with start(2) as target:
        amount = ("-n", effort.of(10_000), "-s", 4, "-r", 5, "-d", 2.5 * effort.seconds)
        found = _complete(generator.run("send", target, *amount, "-q"))
    return {
        "p50": found.p50_microseconds / 1000,
        "p99": found.p99_microseconds / 1000,
        "stall": found.longest_stall * 1000,
    }


def resume(start: Start, generator: Generator, effort: Effort) -> Values:
    with start(2) as target:
        clients = effort.of(2000)
        amount = ("-n", clients + 1, "-s", 1, "-r", 50, "-q")
        found = generator.run("resume", target, *amount)
    return {
        "missing": clients - found.back,
        "seconds": found.back_seconds,
        "gaps": found.gaps + found.repeats,
        "stall": found.longest_stall * 1000,
    }


def beside(
    start: Start, reading: str | None, stopped: bool, generator: Generator, effort: Effort
) -> Values:
    """100 members who read, and 1,000 who don't. The load begins when all are there."""
    with start(1) as target, ExitStack() as held:
        if reading is not None:
            held.enter_context(generator.holding(target, effort.of(1000), reading, stopped=stopped))
        amount = ("-n", 100, "-s", 4, "-r", 200, "-b", 1000, "-u", 0, "-d", 3 * effort.seconds)
        found = _complete(generator.run("send", target, *amount))
        held.close()
        time.sleep(GONE_SECONDS)
        memory = served.resident_kb(target.pid) / 1024
    return {
        "p50": found.p50_microseconds / 1000,
        "p99": found.p99_microseconds / 1000,
        "memory": memory,
    }


def _complete(found: Measured) -> Measured:
    if found.lost:
        raise RuntimeError(f"{found.lost} deliveries were lost")
    return found


def every(paths: Mapping[str, Path | None], names: Iterable[str]) -> dict[str, Row]:
    """``paths``: what ``--peer NAME=PATH`` gave. ``names``: the peers to measure."""
    starts: dict[str, Start] = {name: partial(KNOWN[name].start, paths.get(name)) for name in names}

    def of(title: str, measure: Callable[..., Values], *how: object, leave_out: str = "") -> Row:
        return Row(
            title,
            {
                name: partial(measure, start, *how)
                for name, start in starts.items()
                if name not in leave_out.split()
            },
        )

    silent = " ".join(name for name in starts if not KNOWN[name].acknowledges)
    rows = {
        "wide32": of("1,000 receivers, 32 in flight", fan_out, 1, 32),
        "wide4": of("1,000 receivers, 4 in flight", fan_out, 1, 4),
        "wide1": of("1,000 receivers, 1 in flight", fan_out, 1, 1),
        "small": of("100 rooms of 10, 16 in flight", fan_out, 100, 16),
        "ack": of("receive, check, commit, Ack", acknowledge, leave_out=silent),
        "join": of("connect and join", join),
        "large": of("10,000 receivers, 5 a second", large, leave_out="chatctl-memory"),
    }
    return rows | _own(starts["chatctl"]) if "chatctl" in starts else rows


def _own(start: Start) -> dict[str, Row]:
    """What only chatctl is asked for."""
    readers = {
        "nobody": partial(beside, start, None, False),
        "never": partial(beside, start, "never", False),
        "stopped": partial(beside, start, "never", True),
        "gone": partial(beside, start, "gone", False),
        "slow": partial(beside, start, "slow", False),
    }
    return {
        "resume": Row("2,000 come back", {"chatctl": partial(resume, start)}),
        "stuck": Row("1,000 who do not read", readers),
    }
