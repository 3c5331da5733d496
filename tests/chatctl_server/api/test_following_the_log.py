"""Streams of the log: every event once, in order, without asking the database for each commit; and
that the server is there, where their filter lets little through."""

import asyncio
import contextlib
import json
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import msgspec
import pytest
from application import in_process
from world import Room, Server

from chatctl_server.api.context import Serving
from chatctl_server.api.management import events
from chatctl_server.app import Application
from chatctl_server.domain import events as log_events
from chatctl_server.domain import times
from chatctl_server.live import log_tail
from chatctl_server.live.hub import Hub
from chatctl_server.live.notifier import Notifier
from chatctl_server.storage import log, maintenance
from chatctl_server.storage.log import EventFilter
from chatctl_server.storage.store import Store

Shown = dict[str, Any]


class Stream:
    """One of a server in this process, read when the test says so."""

    def __init__(self, app: Application, lines: AsyncIterator[bytes]) -> None:
        self._lines = lines
        self.seen: list[Shown] = []

    async def read(self, count: int) -> list[Shown]:
        """Until there are so many in all."""
        async with asyncio.timeout(15):
            while len(self.seen) < count:
                part = await anext(self._lines)
                self.seen += [json.loads(line) for line in part.splitlines() if line]
        return self.seen

    async def close(self) -> None:
        await self._lines.aclose()  # type: ignore[attr-defined]


async def follow(app: Application, **query: Any) -> Stream:
    context = app.context
    seen = context.notifier.count
    found = await context.store.read(events._start, events.EventQuery(**query), 0)
    newest = log_tail.NewestEvents(context.log_tail, context.store, found.wanted, found.types)
    lines = events._follow(context, found.wanted, found.position, [], seen, newest)
    stream = Stream(app, lines)
    assert await anext(lines) == b"\n"
    return stream


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[tuple[Application, httpx.AsyncClient]]:
    async with in_process(tmp_path, "server") as (app, client):
        yield app, client


def count_reads(app: Application, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """By the query's name: what is read for lists and streams."""
    counted: Counter[str] = Counter()
    read = app.context.store.read

    async def counting(query: Callable[..., Any], *arguments: Any) -> Any:
        counted[query.__name__] += 1
        return await read(query, *arguments)

    monkeypatch.setattr(app.context.store, "read", counting)
    return counted


async def create(client: httpx.AsyncClient, name: str = "lobby") -> str:
    made = await client.post("/management/rooms", json={"room_name": name})
    return f"/management/rooms/{made.json()['room_id']}"


async def say(client: httpx.AsyncClient, room: str, text: str, **body: str) -> Shown:
    answer = await client.post(f"{room}/messages", json={"content": text, **body})
    return dict(answer.json())


async def page(client: httpx.AsyncClient, **query: Any) -> list[Shown]:
    return list((await client.get("/management/events", params={"limit": 1000, **query})).json())


async def test_a_commit_costs_no_stream_a_query(
    served: tuple[Application, httpx.AsyncClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    app, client = served
    room = await create(client)
    streams = [await follow(app) for _ in range(8)]
    counted = count_reads(app, monkeypatch)
    for number in range(50):
        await say(client, room, f"text {number}")
        for stream in streams:
            await stream.read(number + 1)
    assert counted["_following"] == 0
    assert 0 < counted["of"] <= len(streams)  # where the room is, at its first event
    expected = await page(client, type="message.*")
    for stream in streams:
        assert stream.seen == expected
        await stream.close()


async def test_an_event_is_encoded_once_for_all_streams(
    served: tuple[Application, httpx.AsyncClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    app, client = served
    room = await create(client)
    made = 0
    line_of = log_tail.line_of

    def counting(event: Any) -> bytes:
        nonlocal made
        made += 1
        return line_of(event)

    monkeypatch.setattr(log_tail, "line_of", counting)
    streams = [await follow(app) for _ in range(5)]
    await say(client, room, "hello")
    for stream in streams:
        await stream.read(1)
        await stream.close()
    assert made == 1


async def test_who_reads_slowly_goes_on_from_the_database(
    served: tuple[Application, httpx.AsyncClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what is kept for it has a limit."""
    monkeypatch.setattr(log_tail, "MOST_BYTES", 20_000)
    app, client = served
    room = await create(client)
    slow = await follow(app)
    counted = count_reads(app, monkeypatch)
    for number in range(60):
        await say(client, room, f"{number} " + "x" * 1000)
    assert app.context.log_tail._size <= 20_000
    assert 0 < len(app.context.log_tail._recent) < 20
    assert await slow.read(60) == await page(client, type="message.*")
    assert counted["_following"] >= 1
    before = counted["_following"]
    await say(client, room, "level again")
    await slow.read(61)
    assert counted["_following"] == before
    await slow.close()


async def test_a_long_backlog_comes_in_parts(
    served: tuple[Application, httpx.AsyncClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_tail, "PART_BYTES", 5000)
    app, client = served
    room = await create(client)
    stream = await follow(app)
    counted = count_reads(app, monkeypatch)
    for number in range(30):
        await say(client, room, f"{number} " + "x" * 1000)
    assert 0 < len(await stream.read(1)) < 5
    assert await stream.read(30) == await page(client, type="message.*")
    assert counted["_following"] == 0
    await stream.close()


async def test_an_erased_text_is_in_no_later_line(
    served: tuple[Application, httpx.AsyncClient],
) -> None:
    app, client = served
    room = await create(client)
    late = await follow(app)
    early = await follow(app)
    said = await say(client, room, "a secret")
    assert (await early.read(1))[0]["data"]["content"] == "a secret"
    await client.delete(f"{room}/messages/{said['message_id']}")
    posted, erased = await late.read(2)
    assert (posted["data"]["content"], erased["type"]) == ("", "message.erased")
    assert [posted, erased] == await page(client, type="message.*")
    for each in (late, early):
        await each.close()


async def test_nothing_is_kept_while_nobody_follows(
    served: tuple[Application, httpx.AsyncClient],
) -> None:
    app, client = served
    room = await create(client)
    await say(client, room, "before")
    assert not app.context.log_tail._recent
    streams = [await follow(app) for _ in range(2)]
    await say(client, room, "meanwhile")
    await streams[0].close()
    assert app.context.log_tail._recent
    await streams[1].close()
    assert not app.context.log_tail._recent
    await say(client, room, "after")
    again = await follow(app, after="0")
    assert await again.read(4) == await page(client)
    await again.close()


async def test_what_cannot_be_kept_is_read(
    served: tuple[Application, httpx.AsyncClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    app, client = served
    room = await create(client)
    stream = await follow(app)
    recent = log_tail.Recent

    def failing(event: log_events.Event, where: Any) -> Any:
        if b"bad" in log_events.encode(event.payload):
            raise ValueError("cannot be kept")
        return recent(event, where)

    monkeypatch.setattr(log_tail, "Recent", failing)
    for text in ("good", "bad", "good again"):
        await say(client, room, text)
    assert await stream.read(3) == await page(client, type="message.*")
    await stream.close()


GLOBS = ["*", "message.*", "[bm]*.set", "[^m]*", "?an.*", "BAN.*", "ban.set", "[a-r]*", "x*", ""]


async def test_a_pattern_means_in_the_stream_what_it_means_in_the_page(
    served: tuple[Application, httpx.AsyncClient],
) -> None:
    app, client = served
    room = await create(client)
    streams = {glob: await follow(app, type_glob=glob, after="1") for glob in GLOBS}
    await client.put(f"{room}/mutes/anna", json={})
    await client.put(f"{room}/bans/bert", json={})
    await client.delete(f"{room}/bans/bert")
    await say(client, room, "hello")
    await client.put(f"{room}/admins", json={"admin_user_ids": ["boss"]})
    assert len(await streams["*"].read(5)) == 5
    for glob, stream in streams.items():
        expected = await page(client, type=glob, after=1)
        assert await stream.read(len(expected)) == expected, glob
        await stream.close()


def lines(server: Server, count: int, seen: list[Shown], **query: Any) -> None:
    with server.http.stream("GET", "/management/events/stream", params=query) as answer:
        for line in answer.iter_lines():
            if line:
                seen.append(json.loads(line))
            if len(seen) == count:
                return


def test_every_event_once_and_in_order_while_many_write(server: Server) -> None:
    """With each filter, from the begin and from the middle, while others talk and moderate."""
    rooms: list[Room] = [server.create_room(name, admins=("boss",)) for name in ("a", "b")]
    talkers = [room.join(f"user {number}") for number in range(3) for room in rooms]
    joined = server.http.get("/management/events", params={"tail": True, "limit": 1}).json()
    start = joined[0]["offset"]
    queries: list[tuple[int, dict[str, Any]]] = [
        (240 + 40, {"after": start}),
        (240 + 40, {"after": start}),
        (240, {"after": start, "type": "message.*"}),
        (120, {"after": start, "room": rooms[0].id, "type": "message.posted"}),
        (40, {"after": start, "actor": "user 1", "room": rooms[1].id}),
        (40, {"after": start, "type": "mute.*"}),
    ]
    seen: list[list[Shown]] = [[] for _ in queries]

    def talk(number: int) -> None:
        for text in range(40):
            talkers[number].say(f"text {text}")

    def moderate() -> None:
        for number in range(20):
            path = f"{rooms[number % 2].path}/mutes/somebody"
            server.http.put(path, json={})
            server.http.delete(path)

    threads = [threading.Thread(target=talk, args=(number,)) for number in range(6)]
    threads += [threading.Thread(target=moderate)]
    threads += [
        threading.Thread(target=lines, args=(server, count, seen[number]), kwargs=query)
        for number, (count, query) in enumerate(queries)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    for found, (_, query) in zip(seen, queries, strict=True):
        asked = server.http.get("/management/events", params={"limit": 1000, **query})
        assert found == asked.json()


async def test_what_others_do_does_not_put_the_empty_line_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "KEEP_ALIVE_SECONDS", 0.3)
    maintenance.prepare(tmp_path / "chat.db", durable=False)
    store = Store(tmp_path / "chat.db", durable=False, clock=times.now)
    await store.open()
    context = SimpleNamespace(store=store, notifier=Notifier(), serving=Serving(), hub=Hub())

    async def be_busy() -> None:
        while True:
            context.notifier.notify()
            await asyncio.sleep(0.05)  # the pace of the others

    busy = asyncio.create_task(be_busy())
    lines = events._follow(context, EventFilter("mute.*"), 0, [], 0)  # type: ignore[arg-type]
    async with asyncio.timeout(5):
        assert [await anext(lines) for _ in range(3)] == [b"\n"] * 3
    busy.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await busy
    await store.close()


async def test_a_long_log_is_looked_through_part_by_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One query over all of it would be interrupted. Nothing is committed meanwhile."""
    monkeypatch.setattr(log, "SCAN", 3)
    async with in_process(tmp_path) as (app, client):
        for name in [*["room"] * 10, "last"]:
            await client.post("/management/rooms", json={"room_name": name})
        context = app.context
        newest = await context.store.read(log.newest_offset)
        (last,) = await context.store.read(log.find_last, EventFilter(), 0, 1)
        wanted = EventFilter(conversation=last.conversation)
        lines = events._follow(context, wanted, 0, [], context.notifier.count)
        async with asyncio.timeout(5):
            assert await anext(lines) == b"\n"
            assert msgspec.json.decode(await anext(lines))["offset"] == newest
