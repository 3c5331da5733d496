"""An added endpoint hears of one scope or of all; what the settings name hears of rooms."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from admin import LOCAL, Admin
from hooks import calling, request_sync, stored
from offline import Offline
from receivers import Receiver
from world import Server, eventually, running

from chatctl_server.actions import conversations, messages, participants, scopes
from chatctl_server.domain.references import Kind
from chatctl_server.storage.conversations import Conversation

SCOPES = ("all", "rooms", "workspace:7", "site:8")


@contextlib.contextmanager
def stopped(server: Server) -> Iterator[Offline]:
    """The server's database, until the server starts again."""
    server.stop()
    desk = Offline(server.database)
    yield desk
    desk.close()
    server.start()


def talk(desk: Offline, kind: Kind, scope: int, *texts: str) -> Conversation:
    """In a new conversation of that kind."""
    made: Conversation = desk.run(conversations.create, kind, scope, kind)
    desk.run(participants.join, made.ref, "anna", "member")
    for text in texts:
        desk.post(made.ref, "anna", text)
    return made


def make_scopes(desk: Offline) -> tuple[int, int]:
    return desk.run(scopes.create, "workspace", 7), desk.run(scopes.create, "site", 8)


def test_an_endpoint_hears_only_of_its_scope(tmp_path: Path, hook: Receiver) -> None:
    with running(tmp_path, **LOCAL) as server:
        with stopped(server) as desk:
            workspace, site = make_scopes(desk)
        admin = Admin(server)
        made = [admin.add(f"{hook.origin}/{scope}", "*", scope=scope) for scope in SCOPES]
        assert [each["scope"] for each in admin.ask("GET", "")] == list(SCOPES)
        for each in made:
            assert admin.ask("GET", f"/{each['endpoint_id']}")["scope"] == each["scope"]
            body = {"url": each["url"], "events": ["*"], "scope": each["scope"]}
            assert admin.ask("POST", "", 200, json=body)["endpoint_id"] == each["endpoint_id"]
        with stopped(server) as desk:
            room = desk.create_room("lobby")
            desk.post(room, "anna", "to the room")
            group = talk(desk, "group", workspace, "to the group")
            support = talk(desk, "support", site, "to the agents")
            other = desk.run(scopes.create, "workspace", 9)
            talk(desk, "group", other, "to others")
        wait_for_all(server)
        told = {scope: heard(hook, scope) for scope in SCOPES}
    assert told["rooms"] == ["room.created", "message.posted"]
    assert told["workspace:7"] == ["chat.created", "participant.joined", "message.posted"]
    assert told["site:8"] == ["support.created", "participant.joined", "message.posted"]
    others = ["scope.created", "chat.created", "participant.joined", "message.posted"]
    of_the_server = ["endpoint.added"] * 3
    every = [*told["rooms"], *told["workspace:7"], *told["site:8"], *others, *of_the_server]
    assert sorted(told["all"]) == sorted(every)
    for scope, made in (("workspace:7", group), ("site:8", support)):
        for request in at(hook, scope):
            assert request["scope"] == scope
            assert (request["room_id"], request["conversation_id"]) == (None, made.public_id)


def at(hook: Receiver, scope: str) -> list[dict[str, Any]]:
    found = [each.json for each in hook.requests if each.path == f"/{scope}"]
    return sorted(found, key=lambda each: int(each["offset"]))


def heard(hook: Receiver, scope: str) -> list[str]:
    return [each["type"] for each in at(hook, scope)]


def wait_for_all(server: Server) -> None:
    """Until every event and sync has been planned, and every delivery has arrived."""
    caught_up = """SELECT 1 FROM cursor WHERE name = 'callbacks'
        AND position = (SELECT max(id) FROM event) AND NOT EXISTS (SELECT 1 FROM sync)"""
    pending = "SELECT 1 FROM delivery WHERE status <> 'delivered'"
    eventually(lambda: stored(server, caught_up) and not stored(server, pending))


def test_what_the_settings_name_hears_of_rooms_alone(tmp_path: Path, hook: Receiver) -> None:
    """Nor does a history, a sync or its status count another conversation."""
    with calling(tmp_path, hook) as server:
        with stopped(server) as desk:
            workspace, site = make_scopes(desk)
            others = [talk(desk, "group", workspace, "one", "two")]
            room = desk.run(conversations.create_room, "lobby")
            desk.post(room.ref, "anna", "hello")
            others.append(talk(desk, "support", site, "three"))
            desk.run(messages.delete, others[0].ref, 1)
            desk.run(conversations.close, others[1].ref)
        for kind in ("data", "periodic", "chat_history", "session_history"):
            request_sync(server, kinds=[kind])
        request_sync(server, kinds=["chat_history"], full=True)
        wait_for_all(server)
        deliveries = "SELECT DISTINCT conversation FROM delivery"
        assert stored(server, deliveries) == [(room.ref.id,)]
        assert stored(server, "SELECT DISTINCT conversation FROM batch") == [(room.ref.id,)]
        rows = server.http.get("/management/sync/status").json()
        assert {each["room_id"] for each in rows} == {room.public_id}
        lags = [each["lag"] for each in rows if each["kind"] == "chat_history"]
        assert lags == [0]
        for other in others:
            query = {"room": other.public_id}
            assert server.http.get("/management/sync/status", params=query).status_code == 404
            asked = server.http.post(
                "/management/sync", json={"room_id": other.public_id, "kinds": ["data"]}
            )
            assert asked.status_code == 404, asked.text
    told = [request.body.decode() for request in hook.requests]
    names = {request.headers["x-chatctl-event"] for request in hook.requests}
    assert {"room_created", "data_sync", "periodic_sync", "chat_history_batch"} <= names
    assert "room_closed" not in names
    for other in others:
        assert not [each for each in told if other.public_id in each]
