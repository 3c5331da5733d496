"""What is foreign takes as long as what is absent."""

import statistics
import time
from pathlib import Path

import probes
import proof
import pytest
from probes import Caller, Operation, Probe
from two_workspaces import SERVED, Actor, TwoWorkspaces
from world import running

TIMES = proof.size(60, 500)
MOST_APART = proof.size(50, 10)  # per cent of a median
A_FEW = ("show_chat", "show_message", "show_workspace", "fetch_file", "post_chat_message")
TRIES = 5  # what a busy machine did to one of the two it does not do again


def measured() -> list[Operation]:
    found = [
        each
        for each in probes.operations()
        if each.places and each.face == "team" and each.is_guarded
    ]
    return found if proof.IS_LONG else [each for each in found if each.name in A_FEW]


@pytest.mark.timeout(proof.time_limit())
def test_what_is_foreign_takes_as_long_as_what_is_absent(tmp_path: Path) -> None:
    made = TwoWorkspaces(tmp_path / "chat.db")
    (owner,) = (each for each in made.actors() if each.name == "owner")
    with running(tmp_path, **SERVED) as server:
        caller = Caller(server)
        apart = {
            operation.name: _apart(caller, owner, next(probes.probes(operation, owner)))
            for operation in measured()
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
