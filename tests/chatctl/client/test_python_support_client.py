"""Agents and visitors at the desk of a real server that is killed under them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from flowing import LAST, TEXTS, next_of, through_kills
from prepared_server import Answer, Prepared
from team import DEFAULT, SETTINGS, Person, Town
from world import PATIENCE_SECONDS, Server, running

from chatctl.client import RESYNC, Event, Refused, SupportClient, support
from chatctl_server.actions import customers
from chatctl_server.storage import sites

UNKNOWN = "0190b0c4-7f6b-7cc1-9d7e-000000000000"


class Desk:
    """Anna and Bert are agents; Carl is a member, and none; Dora is a visitor."""

    def __init__(self, town: Town) -> None:
        self.anna, self.bert = (
            town.person(each, DEFAULT, role="agent") for each in ("Anna", "Bert")
        )
        self.carl = town.person("Carl")
        self.dora: str = town.scene.run(_welcome)
        self.server: Server

    def client(self, who: Person, since: str | None = None) -> SupportClient:
        return SupportClient(self.server.url, token=who.token, since=since)


def _welcome(tx: Any, actor: Any) -> str:
    site = sites.get(tx.db, sites.DEFAULT).ref
    return customers.welcome(tx, actor, site, customers.VisitorIdentity("Dora")).token


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    town = Town(tmp_path / "chat.db")
    made = Desk(town)
    town.close()
    with running(tmp_path, **SETTINGS) as made.server:
        yield made


async def opened(agent: SupportClient) -> str:
    """A new conversation."""
    found = await agent.ask("POST", "/api/conversations", {"customer_name": "Dora"})
    return str(found["id"])


async def said(events: AsyncIterator[Event], last: str = LAST) -> list[str]:
    found: list[str] = []
    async with asyncio.timeout(60):
        async for event in events:
            if event.type == "message_appended":
                found.append(event.data["message"]["content"])
                if found[-1] == last:
                    break
    return found


async def test_messages_flow_through_kills_each_once_and_in_order(desk: Desk) -> None:
    async with desk.client(desk.anna) as anna, desk.client(desk.bert) as bert:
        conversation = await opened(anna)
        sent: list[str] = []

        async def say(text: str) -> int:
            sent.append((await anna.send(conversation, text))["id"])
            return len(sent)

        events = bert.events()
        await next_of(events, "system.welcome")
        hearing = asyncio.create_task(said(events))
        await through_kills(desk.server, say)
        assert await hearing == TEXTS
        assert len(set(sent)) == len(TEXTS)
        stored = await anna.ask("GET", f"/api/conversations/{conversation}/messages", limit=100)
        assert [each["content"] for each in stored] == TEXTS[:-101:-1]


async def test_what_was_said_while_it_was_away_is_shown(desk: Desk) -> None:
    """Also when it had been shown nothing yet but the welcome."""
    async with desk.client(desk.anna) as anna, desk.client(desk.bert) as bert:
        conversation = await opened(anna)
        events = bert.events()
        await next_of(events, "system.welcome")
        desk.server.kill()
        desk.server.start()
        path = f"{desk.server.url}/api/conversations/{conversation}/messages"
        for text in ("one", LAST):
            headers = desk.anna.headers
            desk.server.http.post(path, json={"content": text}, headers=headers).raise_for_status()
        assert await said(events) == ["one", LAST]


async def test_a_program_goes_on_where_it_stopped(desk: Desk) -> None:
    async with desk.client(desk.anna) as anna:
        conversation = await opened(anna)
        await anna.send(conversation, "one")
        await anna.send(conversation, "one more", client_msg_id="1")
        again = await anna.send(conversation, "one more", client_msg_id="1")
        assert again["content"] == "one more"
        await anna.send(conversation, LAST)
    async with desk.client(desk.bert, UNKNOWN) as bert:
        events = bert.events()
        place = (await next_of(events, "message_appended")).id
        assert await said(events) == ["one more", LAST]
    assert isinstance(place, str)
    async with desk.client(desk.bert, place) as bert:
        assert await said(bert.events()) == ["one more", LAST]


async def test_signals_of_joined_conversations_come_after_a_reconnect_too(desk: Desk) -> None:
    async with desk.client(desk.anna) as anna, desk.client(desk.bert) as bert:
        conversation = await opened(anna)
        events, hers = bert.events(), anna.events()
        await next_of(events, "system.welcome")
        await next_of(hers, "system.welcome")
        await bert.join(conversation)
        await next_of(events, "JoinedConversation")
        await asyncio.to_thread(desk.server.kill)
        await asyncio.to_thread(desk.server.start)
        await next_of(events, "JoinedConversation")
        await next_of(hers, "system.welcome")
        await anna.signal("Typing", conversation_id=conversation)
        typing = await next_of(events, "Typing")
        assert (typing.data["user_id"], typing.id) == (f"u{desk.anna.id}", None)
        await bert.leave(conversation)
        await next_of(events, "LeftConversation")


async def test_who_is_no_agent_is_told_at_once(desk: Desk) -> None:
    async with desk.client(desk.carl) as carl:
        with pytest.raises(Refused) as refused:
            await next_of(carl.events(), "system.welcome")
        assert (refused.value.code, refused.value.status) == ("not_allowed", 403)
    async with SupportClient(desk.server.url, token="no token") as stranger:
        with pytest.raises(Refused) as refused:
            await next_of(stranger.events(), "system.welcome")
        assert refused.value.status == 401
    async with SupportClient(desk.server.url, site="default", visitor="nobody") as nobody:
        with pytest.raises(Refused) as refused:
            await next_of(nobody.events(), "Authenticated")
        assert (refused.value.code, refused.value.status) == ("bad_token", 4501)


async def test_a_visitor_is_shown_her_own(desk: Desk) -> None:
    dora = SupportClient(desk.server.url, site="default", visitor=desk.dora)
    async with desk.client(desk.anna) as anna, dora:
        conversation = (await dora.ask("POST", "/api/conversations", {"site_id": "default"}))["id"]
        events = dora.events()
        await dora.join(conversation)
        await next_of(events, "Authenticated")
        await next_of(events, "JoinedConversation")
        await dora.send(conversation, "hello?")
        await asyncio.to_thread(desk.server.kill)
        await asyncio.to_thread(desk.server.start)
        await anna.send(await opened(anna), "another's")
        await anna.send(conversation, "a note", is_private=True)
        await anna.send(conversation, LAST)
        assert await said(events) == ["hello?", LAST]


async def test_a_new_visitor_keeps_the_token(prepared: Prepared) -> None:
    made = {"visitor_token": "shown once", "customer_id": "cus_1", "verified": False}
    prepared.answers["POST /api/visitors"] = Answer(made, 201)
    dora = await SupportClient.visit(prepared.url, "a key", name="Dora")
    assert (dora.visitor, prepared.asked[0].body) == (
        "shown once",
        {"site": "a key", "name": "Dora"},
    )


# Where no WebSocket comes through


@contextlib.asynccontextmanager
async def proxy(server: Server) -> AsyncIterator[str]:
    """Its URL. It passes HTTP on, a connection a request, and knows no upgrade."""
    passing: set[asyncio.Task[None]] = set()

    def passed_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        passing.add(asyncio.create_task(pass_on(reader, writer)))

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            if b"upgrade: websocket" in head.lower():
                writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
                return
            length = [
                int(line.partition(b":")[2])
                for line in head.lower().split(b"\r\n")
                if line.startswith(b"content-length:")
            ]
            body = await reader.readexactly(*length) if length else b""
            behind, out = await asyncio.open_connection("127.0.0.1", server.port)
            with contextlib.closing(out):
                head = head.replace(b"onnection: keep-alive", b"onnection: close")
                out.write(head + body)
                while data := await behind.read(65_536):
                    writer.write(data)
                await writer.drain()

    listening = await asyncio.start_server(passed_on, "127.0.0.1", 0)
    async with listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    for each in passing:
        each.cancel()
    await asyncio.gather(*passing, return_exceptions=True)


async def test_without_a_websocket_it_asks_for_what_is_new(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From now on; in pages; and through a kill."""
    monkeypatch.setattr(support, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(support, "_PAGE", 3)
    monkeypatch.setattr(support, "SOCKET_AGAIN_SECONDS", 0.3)
    async with proxy(desk.server) as url, desk.client(desk.anna) as anna:
        conversation = await opened(anna)
        await anna.send(conversation, "before")
        async with SupportClient(url, token=desk.bert.token) as bert:
            hearing = asyncio.create_task(said(bert.events()))
            await asyncio.sleep(1)
            for number in range(8):
                await bert.send(conversation, str(number))
            await asyncio.to_thread(desk.server.kill)
            await asyncio.to_thread(desk.server.start)
            await anna.send(conversation, LAST)
            assert await hearing == [*map(str, range(8)), LAST]


async def test_a_place_that_is_not_in_the_log_is_told(desk: Desk) -> None:
    async with proxy(desk.server) as url, desk.client(desk.anna) as anna:
        await anna.send(await opened(anna), LAST)
        async with SupportClient(url, token=desk.bert.token, since=UNKNOWN) as bert:
            events = bert.events()
            async with asyncio.timeout(PATIENCE_SECONDS):
                assert (await anext(events)).type == RESYNC
            assert await said(events) == [LAST]


def test_the_ids_that_it_remembers_are_a_few() -> None:
    client = SupportClient("http://127.0.0.1:1", token="t")
    assert [client._is_new(each) for each in ("a", "b", "a")] == [True, True, False]
    assert all(client._is_new(str(number)) for number in range(support.RECENT))
    assert client._is_new("a")
    assert not client._is_new(str(support.RECENT - 1))
