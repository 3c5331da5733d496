"""What is foreign takes as long as what is absent."""

import itertools
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import probes
import proof
import pytest
from probes import Caller, Operation, Probe
from two_workspaces import SERVED, Actor, TwoWorkspaces
from world import running

TIMES = proof.size(60, 500)
MOST_APART = proof.size(50, 10)  # per cent of a median
A_FEW = ("show_chat", "show_message", "show_workspace", "fetch_file", "show_any_chat")
TRIES = 5  # what a busy machine did to one of the two it does not do again


def measured(made: TwoWorkspaces) -> Iterator[tuple[Actor, Operation]]:
    """Those that ask for a credential, by whom it lets in with the most rights."""
    actors = [each for each in made.actors() if each.name in ("owner", "key of the other")]
    for actor, operation in itertools.product(actors, probes.operations()):
        is_guarded = operation.is_guarded and operation.knows(actor)
        if is_guarded and operation.places and (proof.IS_LONG or operation.name in A_FEW):
            yield actor, operation


@pytest.mark.timeout(proof.time_limit())
def test_what_is_foreign_takes_as_long_as_what_is_absent(tmp_path: Path) -> None:
    made = TwoWorkspaces(tmp_path / "chat.db")
    with running(tmp_path, **SERVED) as server:
        caller = Caller(server)
        apart = {
            operation.name: _apart(caller, actor, next(probes.probes(operation, actor)))
            for actor, operation in measured(made)
        }
        caller.close()
    worst = sorted(apart.items(), key=lambda each: -abs(each[1]))
    print(f"{len(apart)} operations, furthest apart in per cent: {worst[:10]}")
    assert [each for each in worst if abs(each[1]) > MOST_APART] == []


def _apart(caller: Caller, actor: Actor, probe: Probe) -> float:
    for _ in range(TRIES):
        found = _difference(caller, actor, probe)
        if abs(found) <= MOST_APART:
            break
    return found


def _difference(caller: Caller, actor: Actor, probe: Probe) -> float:
    """Between the medians, in per cent of that of what is absent."""
    sent = [probes.request(actor, each) for each in (probe, probe.absent(actor))]
    seconds: list[list[float]] = [[], []]
    for number in range(2 * TIMES):
        which = (number + number // 2) % 2  # each comes first as often as the other
        begin = time.perf_counter()
        caller.send(sent[which])
        seconds[which].append(time.perf_counter() - begin)
    foreign, absent = map(statistics.median, seconds)
    return 100 * (foreign / absent - 1)
