"""Streams and sockets show nothing of another workspace, from whatever offset they resume, while
the others talk; and open to nobody whose credential is not for them."""

import contextlib
import itertools
import json
import socket
from collections.abc import Iterator
from typing import NamedTuple

import declared
import probes
import pytest
import wire
from offline import reading
from two_workspaces import SERVED, Actor, Side, TwoWorkspaces, absent, newest, shown_of
from websockets.sync.client import connect
from world import Server, running

from chatctl_server.api.rooms import commands
from chatctl_server.app import FACES

OF_ACCOUNTS = ("/api/notifications/events", "/events", "/ws")
OF_ROOMS = ("/events/rooms/{}", "/ws/rooms/{}")


class Scene:
    def __init__(self, made: TwoWorkspaces, server: Server) -> None:
        self.made = made
        self.server = server

    @contextlib.contextmanager
    def line(self, path: str, query: str, *headers: str) -> Iterator[socket.socket]:
        """A stream, or a WebSocket."""
        asked = f"{path}?{query}"
        with wire.dial(self.server) as line:
            shown = ("Host: 127.0.0.1", *headers)
            head = "\r\n".join((f"GET {asked} HTTP/1.1", *shown, "", "")).encode()
            line.sendall(wire.upgrade(asked, *headers) if path.startswith("/ws") else head)
            yield line

    def refusal(self, path: str, query: str, *headers: str) -> wire.Answer:
        with self.line(path, query, *headers) as line:
            return wire.read_answer(line)

    def offset_of(self, side: Side) -> int:
        """Of an event of that workspace."""
        with reading(self.server.database) as db:
            found: int = db.execute_sql(
                "SELECT max(id) FROM event WHERE scope = ?", (side.ref.scope,)
            ).fetchone()[0]
            return found

    def talk(self, side: Side) -> None:
        """What their streams tell of, one after the other."""
        owner, chat, said = side.owner, side.private.id, side.said[side.owner.id]
        for method, path, body in (
            ("POST", f"/api/chat/{chat}/messages", {"content": side.text}),
            ("PATCH", f"/api/messages/{said}", {"content": f"{side.text}?"}),
            ("POST", f"/api/messages/{said}/reactions", {"emoji": "🐝"}),
            ("POST", f"/api/chat/{chat}/messages/{said}/read", None),
            ("POST", f"/api/chat/{chat}/typing/start", None),
            ("POST", "/api/realtime/presence", {"status": "busy"}),
            ("PATCH", f"/api/chat/{chat}", {"description": side.text}),
            ("POST", f"/api/chat/{chat}/members", [side.outsider.id]),
            ("DELETE", f"/api/chat/{chat}/members/{side.outsider.id}", None),
            ("POST", "/api/chat", {"name": f"{side.name} new", "type": "PublicChannel"}),
        ):
            answer = self.server.http.request(method, path, json=body, headers=owner.headers)
            assert answer.status_code < 300, answer.text

    def end(self, actor: Actor) -> bytes:
        """The name of a new chat of the actor's, which each of their streams is told of last."""
        name = f"the end of {actor.name}"
        body = {"name": name, "type": "PublicChannel"}
        made = self.server.http.post("/api/chat", json=body, headers=actor.headers)
        assert made.status_code == 201, made.text
        return name.encode()


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    directory = tmp_path_factory.mktemp("two")
    made = TwoWorkspaces(directory / "chat.db")
    with running(directory, **SERVED) as server:
        yield Scene(made, server)


def read_until(line: socket.socket, mark: bytes) -> bytes:
    found = b""
    while mark not in found:
        part = line.recv(65536)
        assert part, found
        found += part
    return found


def token_of(actor: Actor) -> str:
    return next(iter(actor.headers.values()), "").removeprefix("Bearer ")


def test_each_socket_and_each_stream_is_tried_here() -> None:
    declared_sockets = (path.partition("?")[0] for face in FACES for path in face.sockets)
    sockets = {path.replace("{room_id:str}", "{}") for path in declared_sockets}
    streams = {
        path.replace("{room_id}", "{}")
        for path, methods in declared.description()["paths"].items()
        for described in methods.values()
        if described["operationId"] in probes.STREAMS
    }
    assert sockets | streams | {"/events"} == {*OF_ACCOUNTS, *OF_ROOMS}


def test_a_stream_has_nothing_of_another_workspace_from_whatever_offset(scene: Scene) -> None:
    known = [each for each in scene.made.actors() if each.known_to == "team"]
    with contextlib.ExitStack() as lines:
        opened = [each for actor in known for each in opening(scene, actor, lines)]
        for side in (scene.made.ants, scene.made.bees):
            scene.talk(side)
        ends = {each.name: scene.end(each) for each in known}
        wrong = []
        for each in opened:
            found = each.begun + read_until(each.line, ends[each.actor.name])
            theirs = shown_of(each.actor.theirs, found)
            if theirs:
                wrong.append((each.actor.name, each.path, each.position, theirs))
            is_told = f"{each.actor.ours.name} new".encode() in found
            assert is_told == (each.actor.person == each.actor.ours.owner)
        assert wrong == []


class Opened(NamedTuple):
    """``begun``: what it said until it was confirmed."""

    actor: Actor
    path: str
    position: str
    line: socket.socket
    begun: bytes


def opening(scene: Scene, actor: Actor, lines: contextlib.ExitStack) -> Iterator[Opened]:
    """Over each transport from now, from the begin, and from an event of the other workspace."""
    token = f"access_token={token_of(actor)}"
    positions = ("", "0", str(scene.offset_of(actor.theirs)))
    for path, position in itertools.product(OF_ACCOUNTS, positions):
        if path == "/events":
            opened = scene.line(path, token, f"Last-Event-ID: {position}")
        else:
            opened = scene.line(path, f"{token}&since={position}")
        line = lines.enter_context(opened)
        yield Opened(actor, path, position, line, read_until(line, b"confirmed"))


def test_what_a_socket_sends_names_nothing(scene: Scene) -> None:
    """Whatever the frame asks for: only a Ping is answered."""
    made, before = scene.made, newest(scene.server.database)
    (owner,) = (each for each in made.actors() if each.name == "owner")
    bees = made.bees
    payload = {
        "chat_id": bees.private.id,
        "room_id": bees.ids["room"][1],
        "message_id": bees.ids["message"][0],
        "user_id": bees.member.id,
        "workspace_id": bees.ref.number,
        "content": "hello",
    }
    address = f"ws://127.0.0.1:{scene.server.port}/ws?access_token={token_of(owner)}"
    with connect(address, proxy=None) as socket:
        for name in (*commands.NAMES, "Subscribe", "Join"):
            if name != "Ping":
                socket.send(json.dumps({"type": name, **payload}))
                socket.send(json.dumps({"type": name, "payload": payload}))
        socket.send('{"type": "Ping"}')
        told = [json.loads(socket.recv()) for _ in range(2)]
    assert [each["event"] for each in told] == ["connection_confirmed", "Pong"]
    assert newest(scene.server.database) == before


def test_no_stream_opens_to_who_is_not_signed_in(scene: Scene) -> None:
    wrong = []
    for actor in (each for each in scene.made.actors() if each.known_to != "team"):
        headers = [f"{name}: {value}" for name, value in actor.headers.items()]
        for path, position in itertools.product(OF_ACCOUNTS, ("", "0")):
            for query, shown in ((f"access_token={token_of(actor)}&", ()), ("", headers)):
                if path == "/ws" and not query:  # the support desk's
                    continue
                answer = scene.refusal(path, f"{query}since={position}", *shown)
                if answer.status != 401 or shown_of(actor.theirs, answer.body):
                    wrong.append((actor.name, path, query, answer))
    assert wrong == []


def test_an_access_token_opens_no_room_and_a_room_token_no_chat(scene: Scene) -> None:
    lobby, chat = scene.made.bees.ids["room"]
    wrong = []
    for actor, path in itertools.product(scene.made.actors(), OF_ROOMS):
        nobodys = str(absent(actor, "room"))
        met = [
            scene.refusal(path.format(room), f"token={token_of(actor)}")
            for room in (lobby, chat, nobodys)
            if room != lobby or actor.name != "room guest"
        ]
        expected = 404 if actor.name == "room guest" else 401
        if {each.status for each in met} != {expected}:
            wrong.append((actor.name, path, met))
        bodies = {_without_ids(each.body, chat, nobodys, lobby) for each in met}
        assert len(bodies) == 1, bodies
    assert wrong == []


def _without_ids(body: bytes, *ids: str) -> bytes:
    found = json.loads(body)
    del found["request_id"]
    text = json.dumps(found)
    for each in ids:
        text = text.replace(each, "…")
    return text.encode()
