"""Tries come when the schedule says, within 20 percent, whatever the clock on the wall says."""

import itertools
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import proof
import pytest
from hooks import PATHS, QUIET, at, stored, urls, wait_at
from receivers import Receiver, Request, answer, receiver, when
from world import Server, eventually, running

EVENTS = "ROOM_EVENT_CALLBACK_URL"
PERIODIC = "PERIODIC_SYNC_CALLBACK_URL"
DELAY_SECONDS = proof.size(1, 5)
TRIES = proof.size(3, 5)
DELAYS = [DELAY_SECONDS * 2**number for number in range(TRIES - 1)]
ROOMS = 8
# What the machine may take to begin a try that is due; the schedule knows nothing of it.
ALLOWANCE_SECONDS = 0.5
HOUR = 3600
# How the clock on the wall is set, and whether the server starts anew at that moment.
JUMPS = [(HOUR, False), (-HOUR, False), (-HOUR, True), (HOUR, True), (HOUR, True)]
JUMPS = JUMPS[: proof.size(2, 5)]


def is_on_schedule(gap: float, delay: float, latency: float = 0) -> bool:
    return 0.8 * delay <= gap <= 1.2 * delay + latency + ALLOWANCE_SECONDS


def tries_of(hook: Receiver) -> dict[str, list[Request]]:
    found: dict[str, list[Request]] = defaultdict(list)
    for request in hook.requests:
        found[request.headers["webhook-id"]].append(request)
    return found


def attempts(server: Server, delivery_id: str) -> list[dict[str, Any]]:
    """As administrators see them, once there are so many."""

    def are_there() -> list[dict[str, Any]]:
        answer = server.http.get(f"/management/callbacks/deliveries/{delivery_id}")
        found: list[dict[str, Any]] = answer.json()["attempts"]
        return found if len(found) >= TRIES else []

    return list(eventually(are_there))


@pytest.mark.timeout(proof.time_limit())
def test_each_delay_of_an_added_endpoint_is_twice_the_one_before(tmp_path: Path) -> None:
    settings = {
        **QUIET,
        "CALLBACK_RETRY_DELAY_SECONDS": str(DELAY_SECONDS),
        "CALLBACK_BACKOFF": "exponential",
        "CALLBACK_ALLOW_NETWORKS": "127.0.0.0/8",
    }
    with receiver(answer(500)) as hook, running(tmp_path, **settings) as server:
        body = {"url": hook.url, "events": ["room.created"]}
        assert server.http.post("/management/callbacks", json=body).status_code == 201
        for number in range(ROOMS):
            server.create_room(f"room {number}")
        hook.wait_for(ROOMS * TRIES, timeout=2 * sum(DELAYS) + 10)
        found = tries_of(hook)
        gaps = [checked_gaps(requests, attempts(server, each)) for each, requests in found.items()]
    least, most = min(each[-1] for each in gaps), max(each[-1] for each in gaps)
    print(f"{ROOMS} rooms, delays {DELAYS} s; the last one was {least:.2f} to {most:.2f} s")
    assert most - least > 0.02 * DELAYS[-1], "all rooms come at once"


def checked_gaps(requests: list[Request], shown: list[dict[str, Any]]) -> list[float]:
    """Seconds between the tries; what administrators are shown agrees with what came."""
    assert [each["status"] for each in shown] == [500] * TRIES
    gaps = []
    for number, delay in enumerate(DELAYS):
        earlier, later = shown[number : number + 2]
        latency = (earlier["latency_ms"] + later["latency_ms"]) / 1000
        gap = requests[number + 1].began_at - requests[number].ended_at
        assert is_on_schedule(gap, delay, latency), (number, gap)
        # ``at`` is in whole seconds, rounded down.
        assert abs(later["at"] - earlier["at"] - gap) < 1 + latency
        gaps.append(gap)
    return gaps


@pytest.fixture
def shifted(tmp_path: Path) -> Iterator[Server]:
    """Not started; its clock on the wall can be set."""
    retries = {"CALLBACK_RETRY_DELAY_SECONDS": "1", "CALLBACK_MAX_RETRIES": "50"}
    settings = {**QUIET, **retries, "SYNC_INTERVAL_SECONDS": "1"}
    server = Server(tmp_path, program="shifted_clock", **settings)
    server.set_clock(0)
    yield server
    server.close()


@pytest.mark.timeout(proof.time_limit())
def test_a_clock_that_is_set_makes_neither_a_burst_nor_a_stall(shifted: Server) -> None:
    """Neither of retries nor of periodic syncs, of which there is one a second."""
    refused = when(lambda each: each.path == PATHS[EVENTS], answer(500))
    restarts: set[int] = set()  # after which try
    ahead = 0
    began_at = time.monotonic()
    with receiver(refused, answer()) as hook:
        shifted.environment |= urls(hook, EVENTS, PERIODIC)
        shifted.start().create_room("lobby")
        wait_at(hook, EVENTS, 1)
        for jump, is_restart in JUMPS:
            count, syncs = len(at(hook, EVENTS)), len(at(hook, PERIODIC))
            ahead += jump
            if is_restart:
                shifted.kill()
                restarts.add(len(at(hook, EVENTS)))
                shifted.set_clock(ahead)
                shifted.start()
            shifted.set_clock(ahead)
            wait_at(hook, EVENTS, count + 1)
            wait_at(hook, PERIODIC, syncs + 2)  # the first may have been on its way
        tries = at(hook, EVENTS)
    [(syncs,)] = stored(shifted, "SELECT count(*) FROM event WHERE type = 'sync.requested'")
    assert syncs <= time.monotonic() - began_at + len(restarts)
    for number, (earlier, later) in enumerate(itertools.pairwise(tries), 1):
        gap = later.began_at - earlier.ended_at
        assert is_on_schedule(gap, 1) or number in restarts, (number, gap)
    print(f"{len(JUMPS)} jumps, {len(restarts)} with a restart: {len(tries)} tries, {syncs} syncs")
