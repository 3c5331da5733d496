"""What the streams of team chat look like over HTTP, and what they tell that is not stored: who is
there, who types."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from event_streams import Event, EventSource
from team import SETTINGS, Person, Town
from world import PATIENCE_SECONDS, Server, eventually, running

PATHS = ("/api/notifications/events", "/events")


class World(Server):
    """anna and bert are in a chat of workspace 0; carl is in another workspace, alone. In the chat
    something was said before."""

    anna: Person
    bert: Person
    carl: Person
    chat: int


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    directory = tmp_path_factory.mktemp("world")
    town = Town(directory / "chat.db")
    anna, bert = town.person("Anna"), town.person("Bert")
    carl = town.person("Carl", town.workspace("away"))
    chat = town.chat("single", "", anna, bert)
    town.scene.post(chat, f"u{anna.id}", "hello")
    town.close()
    with running(directory, **SETTINGS) as server:
        made: Any = server
        made.anna, made.bert, made.carl, made.chat = anna, bert, carl, chat.id
        yield made


class Stream(EventSource):
    """Of an account; confirmed."""

    def __init__(self, world: World, person: Person, last_id: str | None = None) -> None:
        super().__init__(world, "/events", last_id, person.headers)
        assert self.answer.status_code == 200, self.answer.read()
        self.first = self.next()
        assert self.first.name == "connection_confirmed"

    def receive(self, name: str) -> Event:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            event = self.next()
            if event.name == name:
                return event
        raise AssertionError(f"no {name}")


def ask(world: World, person: Person, method: str, path: str, **body: Any) -> httpx.Response:
    given = {"json": body} if body else {}
    return world.http.request(method, path, headers=person.headers, **given)


def presence(world: World, person: Person, *others: Person) -> dict[int, tuple[str, str | None]]:
    ids = ",".join(str(each.id) for each in others)
    answer = ask(world, person, "GET", f"/api/presence?user_ids={ids}")
    assert answer.status_code == 200, answer.text
    return {each["user_id"]: (each["status"], each["last_seen"]) for each in answer.json()}


def test_the_stream_as_its_lines(world: World) -> None:
    """At both paths, by token in the header or in the address."""
    shown: list[tuple[dict[str, str], dict[str, str]]] = [
        (world.anna.headers, {}),
        ({}, {"access_token": world.anna.token}),
        ({}, {"token": world.anna.token}),
    ]
    for path in PATHS:
        for headers, query in shown:
            with EventSource(world, path, "1", headers, **query) as stream:
                head = stream.answer.headers
                assert (head["content-type"], head["x-accel-buffering"]) == (
                    "text/event-stream",
                    "no",
                )
                lines = stream._lines
                assert [next(lines), next(lines)] == ["retry: 3000", "event: connection_confirmed"]
                assert next(lines).startswith('data: {"event":"connection_confirmed"')
                assert next(lines) == ""


def test_what_was_missed_comes_with_its_ids(world: World) -> None:
    with Stream(world, world.bert, "1") as bert:
        chat, message = bert.receive("NewChat"), bert.receive("NewMessage")
    assert (bert.first.id, bert.first.data["connected_chats"]) == (None, 1)
    assert chat.data["chat_members"] == [world.anna.id, world.bert.id]
    assert (message.data["content"], message.data["sender_id"]) == ("hello", world.anna.id)
    assert bert.last_id == message.id == str(bert.first.data["last_event_id"])
    assert int(chat.id or 0) < int(message.id or 0)
    with EventSource(world, "/events", None, world.bert.headers, since=chat.id or "") as again:
        assert [again.next().name for _ in range(2)] == ["connection_confirmed", "NewMessage"]
    with EventSource(world, "/events", chat.id, world.bert.headers, since="0") as again:
        assert [again.next().name for _ in range(2)] == ["connection_confirmed", "NewMessage"]


def test_head_looks_and_opens_nothing(world: World) -> None:
    for path in PATHS:
        answer = world.http.head(path, headers=world.anna.headers)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream")
        assert httpx.head(world.url + path, trust_env=False).status_code == 401
    eventually(lambda: world.figure('chatctl_streams{kind="team"}') == 0)
    with Stream(world, world.anna):
        assert world.figure('chatctl_streams{kind="team"}') == 1


def test_who_is_refused(world: World) -> None:
    assert world.http.get("/events").json()["code"] == "unauthorized"
    bad = world.http.get("/events", params={"token": "x"})
    assert (bad.status_code, bad.headers["content-type"]) == (401, "application/problem+json")
    both = {"params": {"token": world.anna.token}, "headers": {"Authorization": "Bearer x"}}
    assert world.http.get("/events", **both).status_code == 401
    place = world.http.get("/events", headers={**world.anna.headers, "Last-Event-ID": "closed"})
    assert (place.status_code, place.json()["field"]) == (400, "since")


def test_presence_is_held_by_streams(world: World) -> None:
    everybody = world.anna, world.bert, world.carl
    eventually(lambda: presence(world, world.anna, world.bert)[world.bert.id][0] == "offline")
    with Stream(world, world.anna) as anna, Stream(world, world.carl):
        with Stream(world, world.bert):
            told = anna.receive("UserPresence").data
            assert (told["user_id"], told["status"]) == (world.bert.id, "online")
            found = presence(world, world.anna, *everybody)
            assert {id_: status for id_, (status, _) in found.items()} == {
                world.anna.id: "online",
                world.bert.id: "online",
            }
            answer = ask(world, world.bert, "POST", "/api/realtime/presence", status="busy")
            assert (answer.status_code, answer.content) == (204, b"")
            assert anna.receive("UserPresence").data["status"] == "busy"
            for path in ("/api/users", "/api/workspaces/0/members"):
                users = ask(world, world.anna, "GET", path).json()
                assert [each["presence"] for each in users] == ["online", "busy"]
        gone = anna.receive("UserPresence").data
        assert (gone["user_id"], gone["status"]) == (world.bert.id, "offline")
        assert presence(world, world.anna, world.bert)[world.bert.id] == (
            "offline",
            gone["last_seen"],
        )
        with Stream(world, world.bert), Stream(world, world.bert):
            assert anna.receive("UserPresence").data["status"] == "busy"
        ask(world, world.bert, "POST", "/api/realtime/presence", status="online")


def test_presence_is_asked_for_in_known_words(world: World) -> None:
    wrong = ask(world, world.anna, "POST", "/api/realtime/presence", status="asleep")
    assert (wrong.status_code, wrong.json()["field"]) == (400, "status")
    for no_ids in ("1,x", "9" * 5000):
        ids = ask(world, world.anna, "GET", f"/api/presence?user_ids={no_ids}")
        assert (ids.status_code, ids.json()["field"]) == (400, "user_ids")


def test_typing_is_told_to_the_others(world: World) -> None:
    with Stream(world, world.anna) as anna, Stream(world, world.bert) as bert:
        for path in (f"/api/chat/{world.chat}", f"/api/chats/{world.chat}"):
            assert ask(world, world.anna, "POST", f"{path}/typing/start").status_code == 204
            told = bert.receive("TypingStatus")
            assert (told.id, told.data) == (
                None,
                {
                    "event": "TypingStatus",
                    "workspace_id": 0,
                    "chat_id": world.chat,
                    "user_id": world.anna.id,
                    "user_name": "Anna",
                    "typing": True,
                },
            )
            assert ask(world, world.anna, "POST", f"{path}/typing/stop").status_code == 204
            assert bert.receive("TypingStatus").data["typing"] is False
        ask(world, world.bert, "POST", f"/api/chat/{world.chat}/typing/start")
        assert anna.receive("TypingStatus").data["user_id"] == world.bert.id


def test_typing_in_a_chat_of_others(world: World) -> None:
    foreign = ask(world, world.carl, "POST", f"/api/chat/{world.chat}/typing/start")
    unknown = ask(world, world.carl, "POST", "/api/chat/999/typing/start")
    assert foreign.status_code == unknown.status_code == 404
    assert foreign.json()["code"] == unknown.json()["code"]


def test_a_repeat_is_told_to_the_sender_alone(world: World) -> None:
    path = f"/api/chat/{world.chat}/messages"
    with Stream(world, world.anna) as anna, Stream(world, world.bert) as bert:
        for _ in range(2):
            assert ask(
                world, world.anna, "POST", path, content="once", idempotency_key="k"
            ).is_success
        assert ask(world, world.anna, "POST", path, content="twice").is_success
        repeated = anna.receive("DuplicateMessageAttempted")
        assert (repeated.id, repeated.data) == (
            None,
            {
                "event": "DuplicateMessageAttempted",
                "workspace_id": 0,
                "idempotency_key": "k",
                "chat_id": world.chat,
                "sender_id": world.anna.id,
            },
        )
        told = [bert.receive("NewMessage")]
        while told[-1].data.get("content") != "twice":
            told.append(bert.next())
        names = [each.name for each in told if each.name != "UserPresence"]
        assert (names, told[0].data["content"]) == (["NewMessage"] * 2, "once")


def test_a_message_is_told_as_it_is_shown(world: World) -> None:
    path = f"/api/chat/{world.chat}/messages"
    with Stream(world, world.bert) as bert:
        posted = ask(world, world.anna, "POST", path, content="the same").json()
        told = bert.receive("NewMessage").data
        assert told == {**posted, "event": "NewMessage", "workspace_id": 0}
        ask(world, world.bert, "POST", f"{path}/{posted['id']}/read")
        assert bert.receive("MessageRead").data["message_id"] == posted["id"]
        edited = ask(
            world, world.anna, "PATCH", f"/api/messages/{posted['id']}", content="new"
        ).json()
        assert bert.receive("MessageUpdated").data == {
            **edited,
            "event": "MessageUpdated",
            "workspace_id": 0,
        }


def test_a_stop_ends_streams_and_says_when_they_were_last_seen(tmp_path: Path) -> None:
    town = Town(tmp_path / "chat.db")
    anna, bert = town.person("Anna"), town.person("Bert")
    town.close()
    with running(tmp_path, **SETTINGS) as server:
        world: Any = server
        with Stream(world, anna) as stream, Stream(world, bert):
            assert server.stop() == 0
            assert [each.name for each in stream.rest() if each.name != "UserPresence"] == []
        server.start()
        status, last_seen = presence(world, anna, bert)[bert.id]
        assert (status, str(last_seen)[:2]) == ("offline", "20")
