"""Programs in rooms of a real server that is killed, stopped and started under them."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from flowing import LAST, TEXTS, next_of, texts, through_kills
from world import Room, Server, running

from chatctl.client import Event, Refused, RoomClient, event_buffer

SECRET = "0123456789abcdef0123456789abcdef"


async def until(events: AsyncIterator[Event], last: str) -> list[str]:
    return await texts(events, "Message", last)


async def refusal(events: AsyncIterator[Event]) -> tuple[str, int | None]:
    with pytest.raises(Refused) as refused:
        await next_of(events, "none")
    return refused.value.code, refused.value.status


async def test_two_talk_through_kills_and_each_message_is_there_once(server: Server) -> None:
    room = server.create_room()
    async with (
        RoomClient(server.url, room.id, "anna") as anna,
        RoomClient(server.url, room.id, "bert", since=0) as bert,
    ):

        async def say(text: str) -> int:
            return (await anna.send(text)).seq

        hearing = asyncio.create_task(until(bert.events(), LAST))
        assert await through_kills(server, say) == list(range(1, len(TEXTS) + 1))
        assert await hearing == TEXTS
        assert await until(anna.events(), LAST) == TEXTS  # she has not taken any before


async def test_what_was_sent_while_nobody_answered_is_sent_again(server: Server) -> None:
    """In the order in which it was sent; also what was stored, but whose Ack was lost."""
    room = server.create_room()
    async with RoomClient(server.url, room.id, "anna", since=0) as anna:
        await next_of(anna.events(), "WelcomeInfo")
        await asyncio.to_thread(server.kill)
        sending = [asyncio.create_task(anna.send(text)) for text in ("one", "two", "three")]
        await asyncio.sleep(0.1)
        await asyncio.to_thread(server.start)
        assert [(await each).seq for each in sending] == [1, 2, 3]
        assert await until(anna.events(), "three") == ["one", "two", "three"]
        again = await anna.send("one", "an-id"), await anna.send("one", "an-id")
        assert [(each.seq, each.duplicate) for each in again] == [(4, False), (4, True)]


async def test_a_program_goes_on_where_it_stopped(room: Room) -> None:
    boss = room.join("boss")
    boss.say("one")
    boss.say("two")
    async with RoomClient(room.server.url, room.id, "anna", since=0) as anna:
        place = (await next_of(anna.events(), "Message")).id
    boss.say("three")
    assert isinstance(place, int)
    async with RoomClient(room.server.url, room.id, "anna", since=place) as anna:
        assert await until(anna.events(), "three") == ["two", "three"]


async def test_an_old_message_that_is_deleted_is_no_place_to_go_on_from(room: Room) -> None:
    boss = room.join("boss")
    ids = [boss.say(text)["message_id"] for text in ("one", "two")]
    async with RoomClient(room.server.url, room.id, "anna", since=0) as anna:
        events = anna.events()
        assert await until(events, "two") == ["one", "two"]
        room.server.http.delete(f"{room.path}/messages/{ids[0]}")
        deleted = await next_of(events, "MessageDeleted")
        assert (deleted.data["seq"], deleted.id) == (1, None)
    room.server.http.delete(f"{room.path}/messages/{ids[1]}")
    async with RoomClient(room.server.url, room.id, "anna", since=1) as anna:
        # In the place of what is not there any more.
        assert (await next_of(anna.events(), "MessageDeleted")).id == 2


async def test_who_takes_nothing_is_answered_and_reads_on_later(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_buffer, "LIMIT", 10)
    async with RoomClient(room.server.url, room.id, "anna", since=0) as anna:
        for number in range(50):
            await anna.send(str(number))
        assert await until(anna.events(), "49") == [str(number) for number in range(50)]


async def test_what_passes_is_tried_again_and_what_does_not_is_told(tmp_path: Path) -> None:
    with running(tmp_path, USER_MESSAGE_INTERVAL_SECS="60") as server:
        room = server.create_room("lobby", admins=("boss",))
        async with RoomClient(server.url, room.id, "anna") as anna:
            await anna.send("one")
            with pytest.raises(Refused) as refused:
                await anna.send("too soon")
            assert refused.value.code == "throttled"
            server.http.put(f"{room.path}/mutes/anna")
            sending = [asyncio.create_task(anna.send(text)) for text in ("mu", "ted")]
            outcomes = await asyncio.gather(*sending, return_exceptions=True)
            assert [getattr(each, "code", each) for each in outcomes] == ["muted", "muted"]


@pytest.mark.parametrize(
    ("end", "told"),
    [
        (lambda room: room.ban("anna"), ("banned", 4503)),
        (lambda room: room.server.http.post(f"{room.path}/kick/anna"), ("kicked", 4506)),
        (lambda room: room.join("anna"), ("replaced", 4505)),
        (lambda room: room.server.http.delete(room.path), ("closed", 4508)),
    ],
)
async def test_who_is_shown_out_stays_out(room: Room, end: Any, told: tuple[str, int]) -> None:
    async with RoomClient(room.server.url, room.id, "anna") as anna:
        events = anna.events()
        await next_of(events, "WelcomeInfo")
        await asyncio.to_thread(end, room)
        assert await refusal(events) == told
        joins = room.details().get("total_joins")
        with pytest.raises(Refused):  # at once, and not never
            await anna.send("hello?")
        await asyncio.sleep(0.3)
        assert room.details().get("total_joins") == joins


async def test_a_room_that_is_not_there_is_refused(shared_server: Server) -> None:
    unknown = "6f1c8f0e-58b3-4b3a-9f5e-0d8a1f1f0001"
    async with RoomClient(shared_server.url, unknown, "anna") as anna:
        assert await refusal(anna.events()) == ("room_not_found", 404)


def minted(seconds: float) -> str:
    claims = {"sub": "anna", "iat": int(time.time()), "exp": time.time() + seconds}
    return jwt.encode(claims, SECRET, algorithm="HS256")


async def test_a_token_that_expires_is_replaced(tmp_path: Path) -> None:
    with running(tmp_path, ROOM_IDENTITY="token", ROOM_TOKEN_SECRET=SECRET) as server:
        room, made = server.create_room(), []

        async def token() -> str:
            made.append(minted(1.5 if not made else 600))
            return made[-1]

        async with RoomClient(server.url, room.id, token=token, since=0) as anna:
            events = anna.events()
            await next_of(events, "WelcomeInfo")
            await anna.send("before")
            await next_of(events, "Message")
            await next_of(events, "WelcomeInfo")
            await anna.send("after")
            assert await until(events, "after") == ["after"]
            assert len(made) == 2
        async with RoomClient(server.url, room.id, token=minted(1.5)) as anna:
            assert await refusal(anna.events()) == ("token_expired", 4001)
        async with RoomClient(server.url, room.id, token="no token") as anna:
            assert await refusal(anna.events()) == ("unauthorized", 401)


async def test_a_room_too_far_ahead_says_so_once(tmp_path: Path) -> None:
    with running(tmp_path, RESUME_LIMIT="5") as server:
        room = server.create_room("lobby", admins=("boss",))
        boss = room.join("boss")
        for number in range(20):
            boss.say(str(number))
        async with RoomClient(server.url, room.id, "anna", since=3) as anna:
            events = anna.events()
            assert (await next_of(events, "resync")).id == 20
            boss.say("live")
            assert await until(events, "live") == ["live"]
            server.kill()
            server.start()
            boss = room.join("boss")
            boss.say("more")
            assert await until(events, "more") == ["more"]


async def test_an_admins_commands(room: Room) -> None:
    async with RoomClient(room.server.url, room.id, "boss") as boss:
        await boss.command("CustomEvent", event_type="poll", payload=[1, 2])
        told = await next_of(boss.events(), "CustomEvent")
        assert (told.data, told.id) == ({"event_type": "poll", "payload": [1, 2]}, None)
    with pytest.raises(ConnectionError):
        await boss.send("too late")
