"""SUPPORT_ACCESS=open: this machine's agents show nothing. Whatever may have come through a proxy
or from a foreign page is treated as under token, over HTTP and /ws alike."""

import contextlib
import json
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import desk as scenes
import httpx
import pytest
from application import in_process
from desk import Desk
from websockets.sync.client import connect
from world import Server, free_port

HERE = {"host": "127.0.0.1:3000"}
# What a request that came by another way bears.
FOREIGN = {
    "Forwarded": {**HERE, "forwarded": "for=203.0.113.9"},
    "X-Forwarded-For": {**HERE, "x-forwarded-for": "203.0.113.9"},
    "X-Forwarded-Proto": {**HERE, "x-forwarded-proto": "https"},
    "X-Forwarded-Host": {**HERE, "x-forwarded-host": "127.0.0.1"},
    "X-Forwarded-Port": {**HERE, "x-forwarded-port": "443"},
    "Via": {**HERE, "via": "1.1 proxy"},
    "X-Real-IP": {**HERE, "x-real-ip": "127.0.0.1"},
    "an empty one": {**HERE, "via": ""},
    "a page of another site": {**HERE, "origin": "https://evil.example"},
    "a page without an origin": {**HERE, "origin": "null"},
    "a page of another scheme": {**HERE, "origin": "file://localhost"},
    "a site that is called like us": {**HERE, "origin": "http://localhost.evil.example"},
    "a name that was rebound": {"host": "evil.example:3000"},
    "a name that begins like us": {"host": "127.0.0.1.evil.example"},
    "a name with ours behind it": {"host": "evil.example:127.0.0.1"},
    "no name": {"host": ""},
}
OWN = (
    HERE,
    {"host": "localhost"},
    {"host": "LOCALHOST:80"},
    {"host": "[::1]:3000"},
    {**HERE, "origin": "http://localhost:5173"},
    {**HERE, "origin": "https://[::1]"},
)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with scenes.serving(tmp_path, support_access="open") as made:
        yield made


async def listed(desk: Desk, headers: dict[str, str]) -> httpx.Response:
    return await desk.ask(None, "GET", "/api/conversations", headers=headers)


@pytest.mark.parametrize("headers", OWN)
async def test_this_machine_is_an_agent_of_the_default_site(
    desk: Desk, headers: dict[str, str]
) -> None:
    await desk.open(desk.anna)
    mine = await desk.open(desk.anna, site_id="default")
    assert scenes.ids((await listed(desk, headers)).json()) == [mine]
    socket = await desk.dial(None, **headers)
    await desk.say(desk.anna, mine, "hello")
    assert (await socket.got("message_appended"))["message"]["content"] == "hello"


async def test_this_machine_is_no_admin(desk: Desk) -> None:
    shown = await desk.told(None, "GET", "/api/sites", headers=HERE)
    assert scenes.ids(shown) == ["default"]
    assert "secret" not in shown[0]
    refusal = await desk.refused(None, "GET", f"/api/sites/{desk.shop.id}", headers=HERE)
    assert refusal == (404, "site_not_found")
    for method, path, body in (
        ("POST", "/api/sites", {"name": "Mine"}),
        ("PATCH", "/api/sites/default", {"name": "Mine"}),
        ("POST", "/api/sites/default/rotate-key", {"secret": True}),
        ("DELETE", f"/api/customers/{desk.bo.id}", None),
    ):
        refusal = await desk.refused(None, method, path, body, headers=HERE)
        assert refusal == (403, "not_allowed")


@pytest.mark.parametrize("way", FOREIGN)
async def test_what_came_another_way_needs_credentials(desk: Desk, way: str) -> None:
    headers = FOREIGN[way]
    answer = await listed(desk, headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert (await desk.ask(desk.anna, "GET", "/api/conversations", headers=headers)).is_success
    socket = await desk.dial(None, **headers)  # waits for its Auth
    socket.sends("JoinConversation", conversation_id=await desk.open(desk.anna))
    assert (await socket.got("Error"))["code"] == "unauthorized"


async def test_another_machine_needs_credentials(desk: Desk) -> None:
    transport = httpx.ASGITransport(app=desk.app, client=("203.0.113.9", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        assert (await client.get("/api/conversations")).status_code == 401


@pytest.mark.parametrize("access", ["token", None])
async def test_a_file_is_open_only_when_it_is_said(tmp_path: Path, access: Any) -> None:
    async with in_process(tmp_path, "server", **scenes.SETTINGS, support_access=access) as (
        _,
        client,
    ):
        assert (await client.get("/api/conversations", headers=HERE)).status_code == 401


@pytest.mark.parametrize(
    ("settings", "is_open"),
    [
        ({"DATABASE_URL": "sqlite::memory:"}, True),
        ({"DATABASE_URL": "sqlite::memory:", "SUPPORT_ACCESS": "token"}, False),
        ({"DATABASE_URL": "sqlite::memory:", "BIND_ADDRESS": "{here},0.0.0.0:{other}"}, False),
        ({}, False),
        ({"SUPPORT_ACCESS": "open"}, True),
    ],
)
def test_a_server_says_when_its_desk_is_open(settings: dict[str, str], is_open: bool) -> None:
    """By default that is in memory, where nobody but this machine can connect."""
    with (
        tempfile.TemporaryDirectory() as directory,  # the name of a socket has 107 bytes
        contextlib.closing(Server(Path(directory), **settings)) as server,
    ):
        here = f"127.0.0.1:{server.port}"
        asked = settings.get("BIND_ADDRESS", here).format(here=here, other=free_port())
        server.environment["BIND_ADDRESS"] = asked
        server.start()
        status = server.http.get("/api/conversations", headers={"X-Api-Key": ""}).status_code
        assert status == (200 if is_open else 401)
        with connect(f"ws://{here}/ws", proxy=None) as socket:
            assert json.loads(socket.recv(timeout=15))["type"] == "system.welcome"
            socket.send('{"type": "JoinConversation", "payload": {"conversation_id": "conv_0"}}')
            code = json.loads(socket.recv(timeout=15))["payload"]["code"]
            assert code == ("conversation_not_found" if is_open else "unauthorized")
        assert ("the support desk is open" in server.log.read_text()) is is_open


async def test_the_body_says_who_sends(desk: Desk) -> None:
    mine = await desk.open(desk.anna, site_id="default")
    path = f"/api/conversations/{mine}/messages"
    for said, expected in (
        ({}, ("operator", "agent")),
        ({"sender_id": "bob", "sender_type": "visitor"}, ("bob", "visitor")),
        ({"sender_id": "eve", "sender_type": "admin"}, ("eve", "agent")),
    ):
        sent = {"content": "hello", **said}
        shown = await desk.told(None, "POST", path, sent, headers=HERE)
        assert (shown["sender_id"], shown["sender_type"]) == expected
    shown = await desk.told(desk.anna, "POST", path, {"content": "hello", "sender_id": "bob"})
    assert shown["sender_id"] == f"u{desk.anna.id}"


async def test_what_is_said_without_credentials_may_be_changed_without_them(desk: Desk) -> None:
    opened = await desk.told(None, "POST", "/api/conversations", headers=HERE)
    path = f"/api/conversations/{opened['id']}/messages"
    for sender in ({"sender_id": "alice"}, {"sender_id": "bo", "sender_type": "customer"}, {}):
        body = {"content": "helo", **sender}
        said = await desk.told(None, "POST", path, body, headers=HERE)
        assert said["sender_id"] == sender.get("sender_id", "operator")
        of = f"{path}/{said['id']}"
        assert (await desk.told(None, "PUT", of, {"content": "hello"}, headers=HERE))["edited"]
        await desk.told(None, "DELETE", of, headers=HERE)
    for wrong in ("", "x" * 256, "a\0"):
        body = {"content": "hello", "sender_id": wrong}
        assert (await desk.refused(None, "POST", path, body, headers=HERE))[0] == 400


async def test_who_shows_something_is_that_person(desk: Desk) -> None:
    """As the widget does, whose page is of this machine, too."""
    socket = await desk.dial(None)
    socket.sends("Auth", site=desk.bo.key, visitor=desk.bo.token)
    assert await socket.got("Authenticated") == {"user_id": desk.bo.id, "role": "visitor"}
    of_zoe, of_bo = await desk.open(desk.zoe), await desk.open(desk.bo)
    await desk.say(desk.zoe, of_zoe, "not for Bo")
    socket.sends("Send", conversation_id=of_bo, content="hello", sender_id="boss")
    assert (await socket.got("MessageSent"))["message"]["sender_id"] == desk.bo.id
    await socket.got("message_appended")
    assert {each["conversation_id"] for each in socket.told("message_appended")} == {of_bo}
    socket.sends("Auth", token=desk.anna.token)
    assert (await socket.got("Error"))["code"] == "bad_frame"
