"""How far apart two answers come, the one to what is foreign and the other to what is absent."""

import statistics
import time
from collections.abc import Callable

import proof

TIMES = proof.size(60, 500)
MOST_APART = proof.size(50, 10)  # per cent of a median
TRIES = 5  # what a busy machine did to one of the two it does not do again


def apart(send: Callable[[bytes], object], foreign: bytes, absent: bytes) -> float:
    """Between the medians, in per cent of that of what is absent."""
    for _ in range(TRIES):
        found = _difference(send, (foreign, absent))
        if abs(found) <= MOST_APART:
            break
    return found


def _difference(send: Callable[[bytes], object], sent: tuple[bytes, bytes]) -> float:
    seconds: list[list[float]] = [[], []]
    for number in range(2 * TIMES):
        which = (number + number // 2) % 2  # each comes first as often as the other
        begin = time.perf_counter()
        send(sent[which])
        seconds[which].append(time.perf_counter() - begin)
    foreign, absent = map(statistics.median, seconds)
    return 100 * (foreign / absent - 1)
