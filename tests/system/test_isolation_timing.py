"""What is foreign takes as long as what is absent."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import intervals
import probes
import proof
import pytest
from probes import Caller, Operation, Probe
from two_workspaces import SERVED, Actor, TwoWorkspaces
from world import running

A_FEW = ("show_chat", "show_message", "show_workspace", "fetch_file", "show_any_chat")


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
    assert [each for each in worst if abs(each[1]) > intervals.MOST_APART] == []


def _apart(caller: Caller, actor: Actor, probe: Probe) -> float:
    sent = [probes.request(actor, each) for each in (probe, probe.absent(actor))]
    return intervals.apart(caller.send, *sent)
