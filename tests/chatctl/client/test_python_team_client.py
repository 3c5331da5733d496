"""A program with an account of team chat, on a real server that is killed under it."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from chats import Office, working
from flowing import LAST, TEXTS, next_of, texts, through_kills
from people import PASSWORD, ask, email, sign_up
from prepared_server import Answer, Asked, Prepared, problem
from team import TOKENS
from world import Server

from chatctl.client import Refused, TeamClient


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with working(tmp_path) as made:
        yield made


@pytest.fixture
def lunch(office: Office) -> int:
    """A chat of Anna's and Bert's."""
    return office.make(office.anna, "lunch", "PrivateChannel", office.bert)


async def test_messages_flow_through_kills_each_once_and_in_order(
    office: Office, lunch: int
) -> None:
    url = office.server.url
    async with (
        TeamClient(url, token=office.anna.token) as anna,
        TeamClient(url, token=office.bert.token) as bert,
    ):

        async def say(text: str) -> int:
            return int((await anna.send(lunch, text))["seq"])

        events = bert.events()
        await next_of(events, "connection_confirmed")
        hearing = asyncio.create_task(texts(events, "NewMessage"))
        assert await through_kills(office.server, say) == list(range(1, len(TEXTS) + 1))
        assert await hearing == TEXTS


async def test_what_was_said_while_it_was_away_is_shown(office: Office, lunch: int) -> None:
    async with TeamClient(office.server.url, token=office.bert.token) as bert:
        events = bert.events()
        await next_of(events, "connection_confirmed")
        office.server.kill()  # its loop waits with us: it cannot come back before all is said
        office.server.start()
        for text in ("one", "two", LAST):
            path = f"/api/chat/{lunch}/messages"
            office.ask(office.anna, "POST", path, {"content": text}).raise_for_status()
        assert await texts(events, "NewMessage") == ["one", "two", LAST]


async def test_a_program_goes_on_where_it_stopped(office: Office, lunch: int) -> None:
    async with TeamClient(office.server.url, token=office.bert.token) as bert:
        events = bert.events()
        await next_of(events, "connection_confirmed")
        await bert.send(lunch, "one")
        place = (await next_of(events, "NewMessage")).id
        await bert.send(lunch, "two", idempotency_key="2")
        assert (await bert.send(lunch, "two", idempotency_key="2"))["content"] == "two"
        await bert.ask("POST", f"/api/chat/{lunch}/typing/start")
    assert isinstance(place, int)
    async with TeamClient(office.server.url, token=office.bert.token, since=place) as bert:
        await bert.send(lunch, LAST)
        assert await texts(bert.events(), "NewMessage") == ["two", LAST]


async def test_a_place_that_is_not_in_the_log_is_told_once(office: Office, lunch: int) -> None:
    async with TeamClient(office.server.url, token=office.bert.token, since=10**9) as bert:
        events = bert.events()
        assert (await next_of(events, "resync")).id is None
        await bert.send(lunch, LAST)
        assert await texts(events, "NewMessage") == [LAST]
        await asyncio.to_thread(office.server.kill)
        await asyncio.to_thread(office.server.start)
        assert (await anext(events)).type == "connection_confirmed"
        await bert.send(lunch, "more")
        assert (await anext(events)).type == "NewMessage"


async def test_a_refresh_token_lasts_through_the_stream(server: Server) -> None:
    """Its access token ends while the stream is there, which is then lost."""
    signed_up = sign_up(server, "Anna")
    body = {"name": "lunch", "type": "PublicChannel"}
    chat = ask(server, "POST", "/api/chat", signed_up["token"], json=body).json()["id"]
    anna = await TeamClient.sign_in(server.url, email("Anna"), PASSWORD)
    first = anna.refresh_token
    async with anna:
        events = anna.events()
        await next_of(events, "connection_confirmed")
        server.environment["JWT_SECRET"] = "another-secret-that-has-32-bytes-too"
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
        sending = [asyncio.create_task(anna.send(chat, text)) for text in ("one", "two")]
        await asyncio.gather(*sending)
        await anna.send(chat, LAST)
        assert sorted(await texts(events, "NewMessage")) == ["one", LAST, "two"]
        assert anna.refresh_token not in (None, first)
        await anna.ask("POST", "/api/logout-all")
        with pytest.raises(Refused) as refused:
            await next_of(events, "never")
        assert refused.value.status == 401


async def test_a_function_gives_the_next_token(office: Office, lunch: int) -> None:
    bert, given = office.bert, list[str]()

    async def token() -> str:
        # It is taken for 60 s longer than it says.
        given.append(bert.token if given else bert.token_of("login-of-2", -58.0))
        return given[-1]

    async with TeamClient(office.server.url, token=token) as program:
        await program.send(lunch, "one")
        await asyncio.sleep(2.5)
        await program.send(lunch, "two")
    assert len(given) == 2


async def test_what_would_be_refused_again_is_told_at_once(office: Office, lunch: int) -> None:
    asked = []

    async def token() -> str:
        asked.append(TOKENS.mint(1, "a", {}, time.time() - 4000))
        return asked[-1]

    async with TeamClient(office.server.url, token=token) as stranger:
        with pytest.raises(Refused) as refused:
            await next_of(stranger.events(), "connection_confirmed")
        assert (refused.value.code, len(asked)) == ("unauthorized", 2)
    async with TeamClient(office.server.url, token=office.carl.token) as carl:
        with pytest.raises(Refused) as refused:
            await carl.send(lunch, "hello?")
        assert (refused.value.code, refused.value.status) == ("not_a_participant", 403)
    with pytest.raises(Refused) as refused:
        await TeamClient.sign_in(office.server.url, "anna@example.org", "wrong")
    assert refused.value.code == "invalid_credentials"


async def test_what_passes_is_asked_again_if_it_may_be(prepared: Prepared) -> None:
    """And a message may, by its key: the same each time."""
    not_now = [problem(503, "busy", "later"), Answer(b"not there", 502), Answer({"id": 7}, 201)]
    prepared.answers["POST /api/chat/1/messages"] = not_now
    async with TeamClient(prepared.url, token="t") as team:
        assert await team.send(1, "hello") == {"id": 7}
        keys = [dict(each.body)["idempotency_key"] for each in prepared.asked]  # type: ignore[call-overload]
        assert keys == [keys[0]] * 3
        for answer in (broken_off, Answer(b"lost it", 504), problem(503, "unknown", "perhaps")):
            prepared.asked.clear()
            prepared.answers["POST /api/chat"] = answer
            with pytest.raises(ConnectionError):
                await team.ask("POST", "/api/chat", {"name": "perhaps"})
            assert len(prepared.asked) == 1
        prepared.answers["POST /api/chat"] = [problem(503, "busy", "later"), Answer({"id": 1}, 201)]
        assert await team.ask("POST", "/api/chat", {"name": "lunch"}) == {"id": 1}


def broken_off(_: Asked) -> Answer:
    raise ConnectionAbortedError
