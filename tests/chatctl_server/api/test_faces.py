"""A face that the product does not have is served as its own are, and opens nothing of theirs."""

import asyncio
import contextlib
import logging
import os
import re
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import world
from application import in_process, reached, socket_scope
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.routes import HTTPRoute
from world import KEY

from chatctl_server import errors
from chatctl_server.actions import conversations
from chatctl_server.api import caller
from chatctl_server.api.authentication import Credentials
from chatctl_server.api.caller import Caller
from chatctl_server.api.context import Context
from chatctl_server.api.faces import AsgiRoute, Face, Handlers
from chatctl_server.api.parameters import AnyRequest
from chatctl_server.api.routes import whole
from chatctl_server.app import FACES, Application, Role
from chatctl_server.domain import events
from chatctl_server.storage import log, maintenance

GUEST = {"X-Guest-Token": "guest of anna"}
ADMIN = {"X-Api-Key": KEY}
CLERK = events.Actor(None, "test")
SYNC = ("due", "routes", "status")


async def guest(scope: Mapping[str, Any], who: Caller) -> Caller | None:
    given = caller.header(scope, b"x-guest-token")
    if given is None:
        return None
    kind, _, user = given.decode().partition(" of ")
    if kind != "guest":
        raise errors.Unauthorized("The token in X-Guest-Token is wrong")
    return msgspec.structs.replace(who, credential="guest", user_id=user)


class Counting:
    """Counts what happens; what happens in ``bad`` it cannot."""

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.skipped: list[int] = []
        self.bad: set[str] = set()
        self.is_stopped = False

    def publish(self, entry: events.Event) -> None:
        payload = entry.payload
        if isinstance(payload, events.ConversationCreated) and payload.name in self.bad:
            raise ValueError("cannot be counted")
        self.seen.append(entry.offset)

    def skip(self, entry: events.Event) -> None:
        self.skipped.append(entry.offset)
        if "skip" in self.bad:
            raise ValueError("cannot be skipped")

    def stop(self) -> None:
        self.is_stopped = True


def lobby(_: Context, counting: Counting) -> AsgiRoute:
    """Tells whoever comes how many events there were."""

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": f"{len(counting.seen)} for {scope['path']}"})

    return serve


def guest_streams(_: Context, counting: Counting) -> Handlers:
    """At a path with a parameter."""

    @get("/guests-live/{name:str}", include_in_schema=False)
    async def refused(name: FromPath[str]) -> None:
        raise errors.Conflict(f"Not today, {name}; there were {len(counting.seen)}")

    return [refused]


@get("/guests/me", summary="Who is here", tags=("guests",))
async def who_am_i(request: AnyRequest, context: NamedDependency[Context]) -> dict[str, str | None]:
    who = caller.of(request.scope)
    return {"user": who.user_id, "credential": who.credential, "version": context.version}


@get("/welcome", include_in_schema=False)
async def welcome() -> str:
    return "come in"


def guest_routes() -> Handlers:
    return [who_am_i]


@get("/guests-book")
async def guest_book() -> list[str]:
    return ["anna", "bert"]


def guest_book_routes() -> Handlers:
    return [guest_book]


@get("/guests/tables/{number:int}")
async def table(number: FromPath[int]) -> int:
    return number


GUESTS = Face(
    "guests",
    credentials=Credentials(lambda _: (guest,), "The header X-Guest-Token is missing"),
    parts={
        "/guests": guest_routes,
        "/guests-book": guest_book_routes,
        "/guests/tables": lambda: [table],
    },
    unguarded=lambda: [welcome],
    broadcaster=lambda _: Counting(),
    sockets={"/ws/guests/{name:str}/live": lobby},
    streams=guest_streams,
)
TWINS = msgspec.structs.replace(
    GUESTS, name="twins", parts={}, unguarded=list, sockets={}, streams=None
)


@contextlib.asynccontextmanager
async def with_guests(
    directory: Path, role: Role = "server"
) -> AsyncIterator[tuple[Application, httpx.AsyncClient]]:
    async with in_process(directory, role, faces=(*FACES, GUESTS)) as (app, client):
        del client.headers["X-Api-Key"]
        yield app, client


async def upgrade(app: Application, path: str) -> list[dict[str, Any]]:
    """What a WebSocket there is sent until it is left alone."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(dict(message))

    async with asyncio.timeout(10):
        await app(socket_scope(path), receive, send)
    return sent


async def test_its_routes_take_its_own_credential(tmp_path: Path) -> None:
    async with with_guests(tmp_path) as (app, client):
        answer = await client.get("/guests/me", headers=GUEST)
        assert answer.json() == {
            "user": "anna",
            "credential": "guest",
            "version": app.context.version,
        }
        for shown, sentence in (
            ({}, "The header X-Guest-Token is missing"),
            ({"X-Guest-Token": "trudy"}, "The token in X-Guest-Token is wrong"),
        ):
            answer = await client.get("/guests/me", headers=shown)
            assert (answer.status_code, answer.json()["detail"]) == (401, sentence)
        assert (await client.get("/welcome", headers={"X-Guest-Token": "bad"})).text == "come in"


async def test_no_credential_opens_another_face(tmp_path: Path) -> None:
    async with with_guests(tmp_path) as (_, client):
        assert (await client.get("/guests/me", headers=ADMIN)).status_code == 401
        for path in ("/management/rooms", "/management/events", "/management/status"):
            assert (await client.get(path, headers=GUEST)).status_code == 401
            assert (await client.get(path, headers=GUEST | ADMIN)).status_code == 200


async def test_what_a_process_is_trusted_with_is_said_by_the_face(tmp_path: Path) -> None:
    """A command on the file needs no key for the management, and a guest's token for the guests,
    also where the path of one part begins as another's does."""
    async with with_guests(tmp_path, "command") as (_, client):
        assert (await client.get("/management/status")).status_code == 200
        assert (await client.get("/guests/me")).status_code == 401
        assert (await client.get("/guests/me", headers=GUEST)).status_code == 200
        assert (await client.get("/guests-book", headers=GUEST)).json() == ["anna", "bert"]
        assert (await client.get("http://here//guests//me/", headers=GUEST)).status_code == 200
        assert (await client.get("/guests/tables/7", headers=GUEST)).json() == 7
        assert (await client.get("/welcome")).text == "come in"


@pytest.mark.parametrize("role", ["server", "command"])
async def test_each_route_is_where_its_part_begins(tmp_path: Path, role: Role) -> None:
    async with with_guests(tmp_path, role) as (app, client):
        routes = whole(app.context, (*FACES, GUESTS), app.broadcasters).routes
        asked = [each for each in routes if isinstance(each, HTTPRoute)]
        assert {"/guests/me", "/welcome", "/health"} <= {each.path_format for each in asked}
        for each in asked:
            path = re.sub(r"{\w+}", "7", each.path_format)
            assert (await client.request("TRACE", path)).status_code == 405, path


async def test_who_asks_while_a_part_is_loaded_waits_alone(tmp_path: Path) -> None:
    begun, over = threading.Event(), threading.Event()
    loads = []

    def slow() -> Handlers:
        loads.append(begun.set())
        assert over.wait(10)
        return [guest_book]

    late = msgspec.structs.replace(TWINS, parts={"/guests-book": slow})
    async with in_process(tmp_path, "command", faces=(*FACES, late)) as (_, client):
        assert (await client.get("/health")).status_code == 200
        asked = [asyncio.create_task(client.get("/guests-book", headers=GUEST)) for _ in range(2)]
        await reached(begun.is_set)
        assert (await client.get("/health")).status_code == 200
        assert not any(each.done() for each in asked)
        over.set()
        assert {(await each).status_code for each in asked} == {200}
        assert len(loads) == 1


LOADED = """
import sys
from chatctl.cli import run
assert run(sys.argv[1:]) == 0
begin = "chatctl_server.api."
names = [each.removeprefix(begin) for each in sys.modules if each.startswith(begin)]
print(*(each for each in names if each.startswith(("rooms.", "management.", "openapi"))))
"""


@pytest.mark.parametrize(
    ("command", "loaded"),
    [
        (("events", "ls"), {"management.events"}),
        (("sync", "status"), {"rooms.bodies", *(f"rooms.sync_{each}" for each in SYNC)}),
    ],
)
def test_a_command_on_the_file_loads_what_it_asks_for(
    tmp_path: Path, command: tuple[str, ...], loaded: set[str]
) -> None:
    maintenance.migrate(tmp_path / "chat.db")
    words = [sys.executable, "-c", LOADED, *command, "--db", f"sqlite:{tmp_path}/chat.db"]
    done = subprocess.run(
        words, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.splitlines()[-1].split()) == {"management.face", "rooms.face"} | loaded


SERVED = """
import asyncio, pathlib, pkgutil, sys
from application import in_process, reached
from chatctl_server.api import management, rooms

async def main():
    async with in_process(pathlib.Path(sys.argv[1]), "server"):
        await reached(lambda: names <= sys.modules.keys())

names = {
    f"{each.__name__}.{found.name}"
    for each in (management, rooms)
    for found in pkgutil.iter_modules(each.__path__)
}
asyncio.run(main())
"""


def test_a_server_has_its_modules_before_others_are_put_in_their_place(tmp_path: Path) -> None:
    places = os.pathsep.join((str(Path(__file__).parent), str(Path(world.__file__).parent)))
    done = subprocess.run(
        [sys.executable, "-c", SERVED, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": places},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


async def test_wrong_admin_keys_are_counted_over_all_faces(tmp_path: Path) -> None:
    async with with_guests(tmp_path) as (app, client):
        wrong = {"X-Api-Key": "wrong"}
        for number in range(app.context.settings.api_key_failures_per_minute):
            path = ("/management/rooms", "/management/events")[number % 2]
            assert (await client.get(path, headers=wrong)).status_code == 401
        assert (await client.get("/management/status", headers=wrong)).status_code == 429


async def test_its_sockets_are_where_it_says(tmp_path: Path) -> None:
    async with with_guests(tmp_path) as (app, client):
        await app.context.store.write(conversations.create_room, CLERK, "lobby", ())
        accepted, told = await upgrade(app, "/ws/guests/anna/live")
        assert accepted["type"] == "websocket.accept"
        assert told["text"] == "1 for /ws/guests/anna/live"
        asked = await client.get("/ws/guests/anna/live")
        assert (asked.status_code, asked.json()["code"]) == (400, "invalid_input")
        answer = await client.get("/guests-live/anna")
        assert answer.json()["detail"] == "Not today, anna; there were 1"
        for path in (
            "/ws/guests/anna",
            "/ws/guests/anna/live/on",
            "/ws/strangers",
            "/guests-live/a",
        ):
            head, _ = await upgrade(app, path)
            assert (head["type"], head["status"]) == ("websocket.http.response.start", 404)


async def test_it_is_served_and_described_where_it_is_a_face(tmp_path: Path) -> None:
    async with in_process(tmp_path, "server") as (app, client):
        assert (await client.get("/guests/me", headers=GUEST)).status_code == 404
        head, _ = await upgrade(app, "/ws/guests/anna/live")
        assert head["status"] == 404
        assert "/guests/me" not in (await client.get("/schema")).json()["paths"]
    async with with_guests(tmp_path) as (_, client):
        described = (await client.get("/schema")).json()["paths"]
        assert described["/guests/me"]["get"]["summary"] == "Who is here"
        assert "401" in described["/guests/me"]["get"]["responses"]
        assert "security" not in described["/guests/me"]["get"]
        assert described["/management/rooms"]["get"]["security"] == [{"ApiKey": []}]


async def test_it_hears_of_each_event_until_the_stop(tmp_path: Path) -> None:
    async with with_guests(tmp_path) as (app, _):
        counting = app.broadcasters["guests"]
        assert isinstance(counting, Counting)
        for name in ("one", "two", "three"):
            await app.context.store.write(conversations.create_room, CLERK, name, ())
        newest = await app.context.store.read(log.newest_offset)
        assert counting.seen == list(range(1, newest + 1))
        assert not counting.is_stopped
    assert counting.is_stopped


@pytest.mark.parametrize("bad", [{"two"}, {"two", "skip"}])
async def test_what_it_cannot_show_costs_nobody_else_anything(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, bad: set[str]
) -> None:
    async with in_process(tmp_path, "server", faces=(GUESTS, *FACES, TWINS)) as (app, _):
        counting, twin = app.broadcasters["guests"], app.broadcasters["twins"]
        assert isinstance(counting, Counting)
        assert isinstance(twin, Counting)
        counting.bad = bad
        notified = app.context.notifier.count
        with caplog.at_level(logging.ERROR):
            for name in ("one", "two", "three"):
                await app.context.store.write(conversations.create_room, CLERK, name, ())
        assert (counting.seen, counting.skipped) == ([1, 3], [2])
        assert (twin.seen, twin.skipped) == ([1, 2, 3], [])
        assert app.context.hub.published == 3
        assert app.context.notifier.count > notified
        lines = [each.getMessage() for each in caplog.records if each.exc_info]
        assert set(lines) == {"guests: the event at offset 2 could not be shown"}
        assert len(lines) == len(bad)
