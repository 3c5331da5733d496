"""A visitor reaches nothing of a desk but their own conversations, and nobody anything of another
workspace's, by whatever operation, wherever an id can stand; nobody can tell what is there from
what is not, and nothing is changed."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import desk_probes
import intervals
import proof
import pytest
import two_desks
from desk_probes import DeskCaller, DeskOperation, DeskProbe
from probes import Answer
from two_desks import DeskActor, DeskSide, TwoDesks
from two_workspaces import newest
from websockets.sync.client import ClientConnection, connect
from world import PATIENCE_SECONDS, Server, running

LEAST = 1_500
REFUSED = (400, 403, 404)
OF_THE_SERVER = ("cursor", "server_state")  # where followers are, and when it was alive
# Answers of success: what is looked for is not there, whoever's it is.
SEARCHES = (
    "list_conversations", "search_conversations", "replay_events", "list_all_conversations",
    "replay_all_events",
)  # fmt: skip
FRAMES: dict[str, list[tuple[str, Callable[[str], dict[str, Any]]]]] = {
    "conversation": [
        (name, lambda id_, more=more: {"conversation_id": id_, **more})
        for name, more in (
            ("JoinConversation", {}),
            ("Send", {"content": "let me in"}),
            ("Typing", {}),
            ("Read", {"message_ids": []}),
            ("LoadHistory", {}),
            ("LeaveConversation", {}),
        )
    ],
    "message": [
        ("LoadHistory", lambda id_: {"before": id_}),
        ("Read", lambda id_: {"message_ids": [id_]}),
    ],
}
A_FEW = ("show_conversation", "list_desk_messages", "replay_events", "show_site", "fetch_desk_file")


class Scene:
    def __init__(self, desks: TwoDesks, server: Server) -> None:
        self.desks, self.server = desks, server
        self.caller = DeskCaller(server)
        self._absent: dict[tuple[Any, ...], Answer] = {}

    def complaint(self, actor: DeskActor, probe: DeskProbe) -> str | None:
        """What is wrong with the answer; nothing if it is that to an id that nothing has."""
        answer = self.caller.ask(actor, probe)
        if answer.status not in self._allowed(actor, probe):
            return f"{answer.status}: {answer.body!r}"
        if probe.values and answer != self._to_absent(actor, probe):
            return f"{answer} differs from {self._to_absent(actor, probe)}"
        shown = [each for each in actor.marks if each in answer.body]
        return f"shows {shown}: {answer.body!r}" if shown else None

    def _allowed(self, actor: DeskActor, probe: DeskProbe) -> tuple[int, ...]:
        if not actor.is_known:
            return (400, 401, 403)
        if probe.operation.path.startswith("/management/") and "key" not in actor.name:
            return (401, 403)
        is_search = probe.operation.name in SEARCHES
        # A visitor goes on with their own, whomever they name.
        goes_on = probe.operation.name == "open_conversation" and "X-Visitor-Token" in actor.headers
        return (200, *REFUSED) if is_search or goes_on else REFUSED

    def _to_absent(self, actor: DeskActor, probe: DeskProbe) -> Answer:
        absent = probe.absent(actor)
        key = actor.name, probe.operation.name, tuple(absent.values.items())
        if key not in self._absent:
            self._absent[key] = self.caller.ask(actor, absent)
        return self._absent[key]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    directory = tmp_path_factory.mktemp("desks")
    desks = two_desks.made(directory / "chat.db")
    with running(directory, **two_desks.SETTINGS) as server:
        desks.fill(server)
        scene = Scene(desks, server)
        yield scene
        scene.caller.close()


def asked(actor: DeskActor) -> Iterator[DeskProbe]:
    for operation in desk_probes.operations():
        if not operation.path.startswith(actor.opens or "//"):
            yield from desk_probes.probed(operation, actor)


@pytest.mark.timeout(proof.time_limit(180))
def test_nothing_foreign_is_reached_or_told_from_what_is_not_there(scene: Scene) -> None:
    before, offset = two_desks.contents(scene.server, OF_THE_SERVER), newest(scene.server.database)
    count, wrong = 0, []
    for actor in scene.desks.actors():
        for probe in asked(actor):
            count += 1
            complaint = scene.complaint(actor, probe)
            if complaint is not None:
                wrong.append((actor.name, probe.operation.name, probe.values, complaint))
        assert newest(scene.server.database) == offset, f"{actor.name} changed something: {wrong}"
    assert wrong == []
    assert count >= LEAST
    assert two_desks.contents(scene.server, OF_THE_SERVER) == before
    print(f"{count} probes, of which none succeeded or changed anything")


def test_nor_by_a_socket(scene: Scene) -> None:
    """Each frame with each foreign id in each place, and from whatever event on."""
    before, offset = two_desks.contents(scene.server, OF_THE_SERVER), newest(scene.server.database)
    since = [_first_event(scene, each) for each in (scene.desks.ants, scene.desks.bees)]
    wrong = []
    for actor in scene.desks.actors():
        if not actor.is_known:
            continue
        for event_id in since:
            with _socket(scene, actor, f"?since_event_id={event_id}") as line:
                told = _told(line)
            wrong += [(actor.name, each) for each in actor.marks if each.decode() in told]
        with _socket(scene, actor) as line:
            wrong += [(actor.name, *each) for each in _wrong_frames(actor, line)]
    assert wrong == []
    assert newest(scene.server.database) == offset
    assert two_desks.contents(scene.server, OF_THE_SERVER) == before


def _first_event(scene: Scene, side: DeskSide) -> str:
    page = side.ask("GET", "/api/events/replay?limit=1", side.owner.headers)
    found: str = page["next_since"]
    return found


def _socket(scene: Scene, actor: DeskActor, query: str = "") -> ClientConnection:
    url = f"ws://127.0.0.1:{scene.server.port}/ws{query}"
    line = connect(url, additional_headers=actor.headers, proxy=None, legacy=True)
    assert "system.welcome" in str(line.recv(PATIENCE_SECONDS))
    return line


def _told(line: ClientConnection, frame: str = "") -> str:
    """Everything up to the answer to a Ping that is sent behind the frame."""
    for each in (frame, '{"type":"Ping"}'):
        if each:
            line.send(each)
    found = []
    while not (text := str(line.recv(PATIENCE_SECONDS))).startswith('{"type":"Pong"'):
        found.append(text)
    return "\n".join(found)


def _wrong_frames(actor: DeskActor, line: ClientConnection) -> Iterator[tuple[str, str, str]]:
    own = actor.own["conversation"][0]
    for sort in ("conversation", "message"):
        nothing = two_desks.ABSENT[sort]
        for name, payload in FRAMES[sort]:
            sent = [
                json.dumps({"type": name, "payload": {"conversation_id": own} | payload(each)})
                for each in (nothing, *actor.foreign[sort])
            ]
            absent, *foreign = [_told(line, each) for each in sent]
            for each, told in zip(actor.foreign[sort], foreign, strict=True):
                if told.replace(each, nothing) != absent:
                    yield name, told, absent


def test_whoever_lists_sees_their_own(scene: Scene) -> None:
    """Conversations, sites, canned responses and Replay, without naming anything."""
    paths = "conversations", "sites", "canned-responses", "events/replay?limit=500"
    for actor in scene.desks.actors():
        if actor.is_known:
            for path in paths:
                answer = scene.server.http.get(f"/api/{path}", headers=actor.headers)
                shown = [each for each in actor.marks if each in answer.content]
                assert not shown, (actor.name, path, answer.text)
            found = scene.server.http.get("/api/conversations", headers=actor.headers).json()
            assert {each["id"] for each in found} == set(actor.own["conversation"])


def test_those_whose_it_is_get_it(scene: Scene) -> None:
    """The same operations with ids of one's own: it was no other mistake that was refused."""
    wrong = []
    for operation in desk_probes.operations():
        if operation.places and not operation.path.startswith("/management/"):
            answer = _rightful(scene, operation)
            if answer.status not in (200, 201, 204):
                wrong.append((operation.name, answer))
    assert wrong == []


def _rightful(scene: Scene, operation: DeskOperation) -> Answer:
    """By the bees' owner, or their customer, with a conversation that is made for it."""
    side = scene.desks.bees
    site = side.ask("POST", "/api/sites", side.owner.headers, json={"name": "new"})
    welcomed = side.ask("POST", "/api/visitors", json={"site": site["key"], "name": "New"})
    visitor = {"X-Site-Key": site["key"], "X-Visitor-Token": welcomed["visitor_token"]}
    chat = side.ask("POST", "/api/conversations", visitor)["id"]
    path = f"/api/conversations/{chat}"
    said = side.ask("POST", f"{path}/messages", visitor, json={"content": "hello"})["id"]
    content, headers = desk_probes.form([("a.txt", b"hello")]), {"Content-Type": desk_probes.FORM}
    file = side.ask("POST", f"{path}/files", visitor, content=content, headers=headers)
    is_rating = operation.name == "rate_conversation"
    if is_rating:
        side.ask("PUT", f"{path}/status", visitor, json={"status": "closed"})
    own = side.ids | {
        "conversation": [chat],
        "message": [said],
        "file": file,
        "customer": [welcomed["customer_id"]],
        "site": [site["id"]],
    }
    by = visitor if is_rating else side.owner.headers
    actor = DeskActor("rightful", by, own, own, ())
    one_of_each = {each.sort: each for each in operation.places if each.where != "query"}
    values = {each: own[each.sort][0] for each in one_of_each.values()}
    return scene.caller.ask(actor, DeskProbe(operation, values))


@pytest.mark.timeout(proof.time_limit())
def test_what_is_foreign_takes_as_long_as_what_is_absent(scene: Scene) -> None:
    apart = {}
    for actor in scene.desks.actors():
        if actor.name in ("ants-Bo", "ants-owner@example.org"):
            for operation in desk_probes.operations():
                if operation.places and (proof.IS_LONG or operation.name in A_FEW):
                    probe = next(desk_probes.probed(operation, actor))
                    sent = [
                        desk_probes.request(actor, each) for each in (probe, probe.absent(actor))
                    ]
                    apart[actor.name, operation.name] = intervals.apart(scene.caller.send, *sent)
    worst = sorted(apart.items(), key=lambda each: -abs(each[1]))
    print(f"{len(apart)} operations, furthest apart in per cent: {worst[:10]}")
    assert [each for each in worst if abs(each[1]) > intervals.MOST_APART] == []
