"""Nothing of one face reaches another: every room route, socket and callback gives the same bytes
in a database that is full of conversations of other kinds as in one without them.

Every route has a row here, or a reason why it shows them; a route without either fails.
"""

import asyncio
import contextlib
import json
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, get_args

import declared
import httpx
import lived_in
import other_kinds
import pytest
from application import Talker, socket_scope
from offline import SECOND
from receivers import answer, receiver
from world import KEY

from chatctl_server.app import FACES, Application, create_app
from chatctl_server.domain import times
from chatctl_server.domain.callbacks import EndpointKind
from chatctl_server.live.transports import Flow
from chatctl_server.settings.sources import Settings

NOW = 1_800_000_000 * SECOND
ROOM_NAMES = ("the lobby", "attic", "lobby")
USERS = ("ann", "bob", "eve", "carl", "dave")
# They belong to the operator, and see everything; or they are of the server, and see no
# conversation.
SEEN_BY_THE_OPERATOR = {
    "GET /management/events": "the log",
    "GET /management/events/stream": "the log",
    "GET /management/status": "counts messages and bytes of all kinds",
    "GET /management/keys": "keys of programs",
    "POST /management/keys": "keys of programs",
    "POST /management/keys/{key_id}/rotate": "keys of programs",
    "DELETE /management/keys/{key_id}": "keys of programs",
    "GET /metrics": "figures of the process",
    "GET /debug/pprof": "stacks of the process",
    "GET /health": "how long the database took",
    "GET /management/callbacks/tries": "a stream of what is sent now",
}
# They never end: each has a test of its own.
STREAMS = {"GET /events/rooms/{room_id}"}
Row = tuple[str, str, Any]
KINDS = [each for each in get_args(EndpointKind) if each != "events"]  # those of the settings


def _rows(lobby: str, attic: str) -> list[tuple[str, Row]]:
    """The route's label, and a request of it. What only reads comes before what changes."""
    rooms = "/management/rooms"
    one, sync = f"{rooms}/{lobby}", "/management/sync"
    endpoint: Any = {"url": "http://127.0.0.1:9/all", "events": ["*"]}
    found: list[tuple[str, Row]] = []

    def row(label: str, path: str, body: Any = None) -> None:
        found.append((label, (label.partition(" ")[0], path, body)))

    for query in ("", "?status=all", "?match=*", "?room=lobby", "?room=attic", "?limit=1"):
        row("GET /management/rooms", rooms + query)
    for room in (lobby, attic):
        row("GET /management/rooms/{room_id}", f"{rooms}/{room}")
        row("GET /management/rooms/{room_id}/messages", f"{rooms}/{room}/messages")
        row("GET /management/sync/chat-history/{room_id}", f"{sync}/chat-history/{room}")
        row("GET /management/sync/session-history/{room_id}", f"{sync}/session-history/{room}")
        row("GET /management/rooms/{room_id}/bans", f"{rooms}/{room}/bans")
        row("GET /management/rooms/{room_id}/mutes", f"{rooms}/{room}/mutes")
        row("GET /management/rooms/{room_id}/members", f"{rooms}/{room}/members")
        row("GET /management/sync/status", f"{sync}/status?room={room}")
    row("GET /management/sync", sync)
    row("GET /management/sync/rooms", f"{sync}/rooms")
    row("GET /management/sync/status", f"{sync}/status")
    row("GET /management/callbacks", "/management/callbacks")
    row("GET /management/callbacks/deliveries", "/management/callbacks/deliveries")
    row("GET /management/health", "/management/health")
    row("GET /management/connections", "/management/connections")
    for user in USERS:
        row("GET /management/room-users/{user_id}", f"/management/room-users/{user}")
    row("GET /health/simple", "/health/simple")
    row("POST /management/rooms", rooms, {"room_name": "lobby", "admin_user_ids": ["ann"]})
    row("POST /management/rooms/{room_id}/messages", f"{one}/messages", {"content": "one"})
    row(
        "POST /management/rooms/{room_id}/system-message", f"{one}/system-message", {"content": "n"}
    )
    said = {"content": "two", "user_id": "bob", "client_msg_id": "c1"}
    row("POST /management/rooms/{room_id}/messages", f"{one}/messages", said)
    banned = {"content": "three", "user_id": "eve"}
    row("POST /management/rooms/{room_id}/messages", f"{one}/messages", banned)
    row("DELETE /management/rooms/{room_id}/messages/{message_id}", f"{one}/messages/1")
    row("DELETE /management/rooms/{room_id}/messages/{message_id}", f"{one}/messages/999999")
    row("PUT /management/rooms/{room_id}/bans/{user_id}", f"{one}/bans/ann", {"reason": "x"})
    row("DELETE /management/rooms/{room_id}/bans/{user_id}", f"{one}/bans/ann")
    row("PUT /management/rooms/{room_id}/mutes/{user_id}", f"{one}/mutes/eve", {})
    row("DELETE /management/rooms/{room_id}/mutes/{user_id}", f"{one}/mutes/eve")
    row("POST /management/rooms/{room_id}/kick/{user_id}", f"{one}/kick/bob")
    found += _of_users(lobby, attic)
    row("PUT /management/rooms/{room_id}/admins", f"{one}/admins", {"admin_user_ids": ["bob"]})
    row("PATCH /management/rooms/{room_id}/admins", f"{one}/admins", {"add": ["ann"]})
    row("PATCH /management/rooms/{room_id}", one, {"room_name": "attic"})
    row("POST /management/callbacks", "/management/callbacks", endpoint)
    row("POST /management/sync", sync, {"kinds": ["data", "chat_history"]})
    row("POST /management/sync", sync, {"full": True})
    row("POST /management/callbacks/recover", "/management/callbacks/recover", {"since": 0})
    row("GET /management/callbacks", "/management/callbacks")
    row("DELETE /management/rooms/{room_id}", one)
    row("GET /management/sync", sync)
    return found


def _of_users(lobby: str, attic: str) -> list[tuple[str, Row]]:
    """Of all rooms."""
    found: list[tuple[str, Row]] = []

    def row(label: str, path: str, body: Any = None) -> None:
        found.append((label, (label.partition(" ")[0], path, body)))

    for user in USERS:
        path = f"/management/room-users/{user}/messages"
        for query in ("", "?limit=1", "?before=100&from=0"):
            row("GET /management/room-users/{user_id}/messages", path + query)
        label = "DELETE /management/room-users/{user_id}/messages"
        for query in ("?dry_run=true", f"?dry_run=true&room={attic}", f"?room={lobby}", ""):
            row(label, path + query)
    for kind in ("ban", "mute"):
        for user in ("bob", "eve"):
            path = f"/management/room-users/{user}/{kind}"
            row(f"PUT /management/room-users/{{user_id}}/{kind}", path, {"expires_in": 60})
            row("GET /management/room-users/{user_id}", f"/management/room-users/{user}")
            row(f"GET /management/{kind}s", f"/management/{kind}s")
            row(f"DELETE /management/room-users/{{user_id}}/{kind}", path)
    return found


# By an id that each database makes anew.
BY_A_NEW_ID = {
    "GET /management/callbacks/{endpoint_id}",
    "PATCH /management/callbacks/{endpoint_id}",
    "POST /management/callbacks/{endpoint_id}/test",
    "DELETE /management/callbacks/{endpoint_id}",
    "GET /management/callbacks/deliveries/{delivery_id}",
    "POST /management/callbacks/deliveries/{delivery_id}/resend",
}
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_NUMBER = re.compile(r'("?(?:offset|message_id|newest|delivered_to|cursor|after)"?(?:: ?|=))\d+')


def masked(text: str, known: set[str]) -> str:
    """Without what counts all kinds: offsets, and the ids that are made meanwhile."""
    text = _ID.sub(lambda each: each[0] if each[0] in known else "<new>", text)
    return _NUMBER.sub(r"\1<number>", text)


def shown(response: httpx.Response, known: set[str]) -> str:
    names = ("content-type", "link", "retry-after")
    kept = {name: response.headers.get(name) for name in names}
    body = re.sub(r'"request_id":"[^"]*"', "", response.text)
    return f"{response.status_code} {masked(str(kept), known)} {masked(body, known)}"


@pytest.fixture
def twins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The same rooms, once without and once with the others; the same time in both."""
    monkeypatch.setattr(times, "now", lambda: NOW)
    alone, crowded = tmp_path / "alone" / "chat.db", tmp_path / "crowded" / "chat.db"
    for path in (alone, crowded):
        path.parent.mkdir()
    lived_in.live(alone)
    shutil.copy(alone, crowded)
    other_kinds.fill(crowded, ROOM_NAMES, USERS)
    return alone, crowded


@contextlib.asynccontextmanager
async def running(
    path: Path, role: Any = "command", **settings: Any
) -> AsyncIterator[tuple[Application, httpx.AsyncClient]]:
    found = Settings(database_url=f"sqlite:{path}", admin_api_key=(KEY,), **settings)
    app = create_app(found, role)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    headers = {"X-Api-Key": KEY}
    async with (
        app.lifespan(),
        httpx.AsyncClient(transport=transport, base_url="http://here", headers=headers) as client,
    ):
        yield app, client


async def room_ids(client: httpx.AsyncClient) -> tuple[str, str]:
    lobby, attic = (await client.get("/management/rooms?status=all")).json()
    return lobby["room_id"], attic["room_id"]


def test_every_route_has_a_row_or_a_reason() -> None:
    described = {
        f"{method.upper()} {path}"
        for path, methods in declared.description()["paths"].items()
        for method in methods
        if not path.startswith(declared.OF_OTHERS)
    }
    rows = {label for label, _ in _rows("lobby", "attic")}
    assert described == rows | BY_A_NEW_ID | STREAMS | set(SEEN_BY_THE_OPERATOR)
    assert not rows & set(SEEN_BY_THE_OPERATOR)


async def answers(path: Path) -> list[tuple[str, str]]:
    """Of every route, those of an endpoint and of a delivery first."""
    async with running(path) as (_, client):
        lobby, attic = await room_ids(client)
        found = []
        for label, (method, url, body) in [*await _by_new_ids(client), *_rows(lobby, attic)]:
            response = await client.request(method, url, json=body)
            found.append((f"{label} {body}", shown(response, {lobby, attic})))
        return found


async def _by_new_ids(client: httpx.AsyncClient) -> list[tuple[str, Row]]:
    body: Any = {"url": "http://127.0.0.1:9/other", "events": ["*"]}
    made = (await client.post("/management/callbacks", json=body)).json()
    one = f"/management/callbacks/{made['endpoint_id']}"
    tested = (await client.post(f"{one}/test", json={})).json()
    delivery = f"/management/callbacks/deliveries/{tested['delivery_ids'][0]}"
    endpoints, deliveries = "callbacks/{endpoint_id}", "callbacks/deliveries/{delivery_id}"
    rows: list[tuple[str, Row]] = [
        (f"GET /management/{endpoints}", ("GET", one, None)),
        (f"GET /management/{deliveries}", ("GET", delivery, None)),
        (f"POST /management/{deliveries}/resend", ("POST", f"{delivery}/resend", None)),
        (f"POST /management/{endpoints}/test", ("POST", f"{one}/test", {})),
        (f"PATCH /management/{endpoints}", ("PATCH", one, {"events": ["message.*"]})),
        (f"DELETE /management/{endpoints}", ("DELETE", one, None)),
    ]
    assert {label for label, _ in rows} == BY_A_NEW_ID
    return rows


async def test_every_route_gives_the_same_bytes(twins: tuple[Path, Path]) -> None:
    alone, crowded = [await answers(path) for path in twins]
    assert {label for label, text in alone if text.startswith("5")} == set()
    assert all(text.startswith("2") for _, text in alone[: len(BY_A_NEW_ID)])
    assert crowded == alone


async def spoken(path: Path) -> list[str]:
    """What a room's socket is sent: the join, a resume from the begin, a message, the history."""
    async with running(path, "server") as (app, client):
        lobby, attic = await room_ids(client)
        talker = Talker(app, lobby, "bob", "&since=0")
        await talker.got("WelcomeInfo")
        talker.say("hi")
        await talker.got("Ack")
        talker.sends("LoadHistory", {})
        await talker.got("History")
        talker.sends("Ping", {"timestamp": 1})
        await talker.got("Pong")
        await talker.leave()
        return sorted(masked(json.dumps(each), {lobby, attic}) for each in talker.frames)


async def test_a_rooms_socket_is_sent_the_same_bytes(twins: tuple[Path, Path]) -> None:
    alone, crowded = [await spoken(path) for path in twins]
    assert {path for face in FACES for path in face.sockets} == {
        "/ws/rooms/{room_id:str}",
        "/ws?access_token",
        "/ws",
    }
    assert any("History" in each for each in alone)
    assert any("let me in" not in each and "welcome" in each for each in alone)
    assert crowded == alone


class Line(asyncio.Transport):
    """The scope extension ``chatctl.line``: its client leaves when it has seen the end."""

    def __init__(self, until: bytes) -> None:
        super().__init__()
        self.transport = self
        self.told = b""
        self._until = until

    def attach(self, flow: Flow, lost: asyncio.Event) -> None:
        self._lost = lost

    def detach(self) -> None: ...

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.told += bytes(data)
        if self._until in self.told:
            self._lost.set()

    def get_write_buffer_size(self) -> int:
        return 0


async def followed(path: Path) -> list[str]:
    """What a room's stream is sent: a resume from the begin, and a message."""
    async with running(path, "server") as (app, client):
        lobby, attic = await room_ids(client)
        line = Line(b"the last word")
        url = f"/events/rooms/{lobby}"
        scope = socket_scope(url, "user_id=bob&since=0") | {
            "type": "http",
            "method": "GET",
            "extensions": {"chatctl.line": lambda: line},
        }

        async def receive() -> dict[str, Any]:
            return {"type": "http.request"}

        async def send(message: Any) -> None:
            assert message.get("status", 200) == 200

        async with asyncio.timeout(20):
            following = asyncio.create_task(app(scope, receive, send))
            while b"MessageDeleted" not in line.told:
                await asyncio.sleep(0.01)
            messages = f"/management/rooms/{lobby}/messages"
            await client.post(messages, json={"content": "the last word"})
            await following
        told = re.sub(r"id: \d+", "id: <number>", line.told.decode())
        return [masked(each, {lobby, attic}) for each in told.split("\r\n")[1::2]]


async def test_a_rooms_stream_is_sent_the_same_bytes(twins: tuple[Path, Path]) -> None:
    alone, crowded = [await followed(path) for path in twins]
    assert any("let me in" not in each and "welcome" in each for each in alone)
    assert crowded == alone


async def called_back(path: Path) -> list[tuple[str, str]]:
    """Every kind of callback of the settings, and an added endpoint for everything."""
    with receiver(answer(200)) as hook:
        urls = {f"{name}_callback_url": f"{hook.origin}/{name}" for name in KINDS}
        async with running(path, **urls) as (_, client):
            known = set(await room_ids(client))
            added: Any = {"url": f"{hook.origin}/events", "events": ["*"]}
            await client.post("/management/callbacks", json=added)
            created = await client.post("/management/rooms", json={"room_name": "new"})
            await client.delete(f"/management/rooms/{created.json()['room_id']}")
            kinds = ["data", "periodic", "chat_history", "session_history"]
            await client.post("/management/sync", json={"kinds": kinds})
            done = await client.post("/management/sync/due", json={"seconds": 20})
            assert done.json()["pending"] == 0
        return sorted((each.path, masked(each.body.decode(), known)) for each in hook.requests)


async def test_callbacks_batches_and_syncs_tell_of_rooms_alone(twins: tuple[Path, Path]) -> None:
    alone, crowded = [await called_back(path) for path in twins]
    assert {path for path, _ in alone} == {f"/{each}" for each in get_args(EndpointKind)}
    assert crowded == alone


async def test_the_operators_log_sees_all(twins: tuple[Path, Path]) -> None:
    async with running(twins[1]) as (_, client):
        events = (await client.get("/management/events?limit=1000")).json()
    scopes = {each["scope"] for each in events}
    assert {"rooms", "workspace:7", "site:7"} <= scopes
    assert all(each["room_id"] is None for each in events if each["scope"] != "rooms")
    assert all(
        each["conversation_id"]
        for each in events
        if each["type"] in ("chat.created", "ban.set") and each["scope"] == "rooms"
    )
