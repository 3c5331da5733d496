"""Nothing of a workspace is reached from another, whoever asks, by whatever operation, wherever an
id can stand; and nobody can tell what is there from what is not.

The operations, their parameters and their fields are those of the API's description: of one that
is new ``probes.SORTS`` has to know what it names.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import probes
import proof
import pytest
from offline import reading
from probes import Answer, Caller, Operation, Probe
from rightful import Rightful
from two_workspaces import ADMIN, SERVED, Actor, TwoWorkspaces, newest, shown_of
from world import Server, running

LEAST = 5_000
REFUSED = (400, 403, 404)
OF_THE_SERVER = ("cursor", "server_state")  # where followers are, and when it was alive


class Scene:
    def __init__(self, made: TwoWorkspaces, server: Server) -> None:
        self.made = made
        self.server = server
        self.caller = Caller(server)
        self.database = server.database
        self._absent: dict[tuple[Any, ...], Answer] = {}

    def compare(self, actor: Actor, probe: Probe) -> str | None:
        """What is wrong with the answer; nothing if it is that to an id that nothing has."""
        answer = self.caller.ask(actor, probe)
        if not _is_refusal(actor, probe, answer):
            return f"{answer.status}: {answer.body!r}"
        if probe.values and answer != self._to_absent(actor, probe):
            return f"{answer} differs from {self._to_absent(actor, probe)}"
        shown = shown_of(actor.theirs, answer.body)
        return f"shows {shown}: {answer.body!r}" if shown else None

    def _to_absent(self, actor: Actor, probe: Probe) -> Answer:
        """Asked once for all ids that are tried in those places; or once for the whole face, by
        whom it does not know."""
        operation = probe.operation
        key: tuple[Any, ...] = actor.name, operation.face
        if _status_to_strangers(actor, operation) != 401 or operation.knows(actor):
            key = actor.name, operation.name, tuple(probe.values), bool(probe.headers)
        if key not in self._absent:
            self._absent[key] = self.caller.ask(actor, probe.absent(actor))
        return self._absent[key]


def _is_refusal(actor: Actor, probe: Probe, answer: Answer) -> bool:
    operation = probe.operation
    if operation.base == "refresh":
        return answer.status == 401
    if not operation.knows(actor):
        return answer.status == _status_to_strangers(actor, operation)
    return probe.is_passed_over or answer.status in REFUSED


def _status_to_strangers(actor: Actor, operation: Operation) -> int:
    """A named key is known to all operators' routes, and opens few of them."""
    return 403 if "key of" in actor.name and operation.face != "team" else 401


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    directory = tmp_path_factory.mktemp("two")
    made = TwoWorkspaces(directory / "chat.db")
    with running(directory, **SERVED) as server:
        scene = Scene(made, server)
        yield scene
        scene.caller.close()


def contents(database: Path) -> dict[str, list[Any]]:
    """All rows of each table."""
    with reading(database) as db:
        return {
            name: db.execute_sql(f"SELECT * FROM {name}").fetchall()
            for name in db.get_tables()
            if name not in OF_THE_SERVER
        }


def asked(actor: Actor) -> Iterator[Probe]:
    for operation in probes.operations():
        if not operation.path.startswith(actor.opens):
            yield from probes.probes(operation, actor)


@pytest.mark.timeout(proof.time_limit(180))
def test_nothing_of_another_workspace_is_reached_or_told_from_what_is_not_there(
    scene: Scene,
) -> None:
    before, offset = contents(scene.database), newest(scene.database)
    count, wrong = 0, []
    for actor in scene.made.actors():
        for probe in asked(actor):
            count += 1
            complaint = scene.compare(actor, probe)
            if complaint is not None:
                wrong.append((actor.name, probe.operation.name, probe.values, complaint))
        assert newest(scene.database) == offset, f"{actor.name} has changed something: {wrong}"
    assert wrong == []
    assert count >= LEAST
    assert contents(scene.database) == before
    print(f"{count} probes, of which none succeeded or changed anything")


def test_who_is_in_the_workspace_but_not_in_the_chat_does_nothing_there(scene: Scene) -> None:
    """Be they its owner."""
    before, ants = newest(scene.database), scene.made.ants
    known = {each.name: each for each in scene.made.actors()}
    wrong = []
    for name in ("owner", "outsider"):
        for operation in probes.operations():
            probe = probes.inside(operation, ants.secret.id, ants.said_in_secret)
            if probe is None:
                continue
            answer = scene.caller.ask(known[name], probe)
            if answer.status != 403 or shown_of(ants, answer.body):
                wrong.append((name, operation.name, answer))
    assert wrong == []
    assert newest(scene.database) == before


def test_a_chat_is_no_room_for_the_operator_either(scene: Scene) -> None:
    """By its UUID, which no route shows; nor is its message one of a room."""
    before, bees = newest(scene.database), scene.made.bees
    (operator,) = (each for each in scene.made.actors() if each.name == ADMIN)
    lobby, chat = bees.ids["room"]
    wrong = []
    for operation in probes.of_rooms(bees.ids["message"][0]):
        (place,) = operation.places
        probe = Probe(operation, {place: chat})
        answer, absent = (
            scene.caller.ask(operator, each) for each in (probe, probe.absent(operator))
        )
        if answer != absent or answer.status != 404:
            wrong.append((operation.name, answer, absent))
        if operation.name == "delete_message":
            of_lobby = scene.caller.ask(operator, Probe(operation, {place: lobby}))
            assert of_lobby.status == 404
    assert wrong == []
    assert newest(scene.database) == before


def test_who_is_elsewhere_is_passed_over(scene: Scene) -> None:
    """As somebody who is not there: neither mentioned, nor a member of a public chat."""
    server, ants, bees = scene.server, scene.made.ants, scene.made.bees
    before = contents(scene.database)
    for stranger in (bees.member.id, 99_999):
        body: dict[str, Any] = {"content": "look", "mentions": [stranger, ants.member.id]}
        path = f"/api/chat/{ants.private.id}/messages"
        said = server.http.post(path, json=body, headers=ants.owner.headers)
        assert (said.status_code, said.json()["mentions"]) == (201, [ants.member.id])
        body = {"name": f"for {stranger}", "type": "PublicChannel", "members": [stranger]}
        made = server.http.post("/api/chat", json=body, headers=ants.owner.headers)
        assert (made.status_code, made.json()["chat_members"]) == (201, [ants.owner.id])
    rows = [(table, row) for table, rows in contents(scene.database).items() for row in rows]
    added = [row for table, row in rows if row not in before[table] and table != "event"]
    assert not [row for row in added if f"u{bees.member.id}" in row or bees.private.id in row]


def test_those_whose_it_is_get_it(scene: Scene) -> None:
    """The same operations with ids of one's own: it was no other mistake that was refused."""
    owner = Rightful(scene.server, scene.caller, scene.made)
    found = [
        each
        for each in probes.operations()
        if each.places and each.face == "team" and each.is_guarded
    ]
    complaints = [owner.complaint(each) for each in found]
    assert [each for each in complaints if each is not None] == []
