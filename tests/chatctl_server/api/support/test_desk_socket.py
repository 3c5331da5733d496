"""``/ws`` of the desk: who is let in, what they are told, what they send."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from application import reached
from desk import Desk, DeskSocket, Who, serving
from team import DEFAULT

from chatctl_server.actions import account_status, keys, sites, workspaces
from chatctl_server.domain import close_codes, events
from chatctl_server.views.support import envelopes

CLERK = events.Actor(None, "test")


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with serving(tmp_path, visitor_messages_per_minute=0) as made:
        yield made


async def write(desk: Desk, action: Any, *arguments: Any) -> Any:
    return await desk.store.write(action, CLERK, *arguments)


async def pinged(socket: DeskSocket) -> None:
    """Whatever was sent before is done."""
    count = len(socket.named("Pong")) + 1
    socket.sends("Ping")
    await socket.got("Pong", count)


def names(socket: DeskSocket) -> list[str]:
    return [each["type"].removeprefix("domain.event.") for each in socket.frames]


async def test_who_is_let_in_and_how(desk: Desk) -> None:
    for who in (desk.anna, desk.bo, desk.program):
        socket = await desk.dial(who)
        assert names(socket) == ["system.welcome"], who
        assert set(socket.frames[0]) == {"version", "type", "event_id", "emitted_at", "data"}
        assert set(socket.frames[0]["data"]) == {"message", "connection_id", "time"}
    by_address = await desk.dial(None, f"token={desk.anna.token}")
    assert names(by_address) == ["system.welcome"]
    for shown, query, refused in (
        ({"authorization": "Bearer x"}, "", 401),
        ({}, "token=x", 401),
        ({}, f"token={desk.mia.token}", 403),
        ({"x-api-key": "ck_wrong"}, "", 401),
        ({**desk.bo.headers, "X-Visitor-Token": "x"}, "", 401),
        ({**desk.bo.headers, "X-Site-Key": desk.kiosk.key}, "", 401),
    ):
        socket = await desk.dial(None, query, **shown)
        assert socket.refused == refused, shown


async def test_a_first_frame_says_who_it_is(desk: Desk) -> None:
    conversation = await desk.open(desk.bo)
    for payload, user_id, role in (
        ({"token": desk.anna.token}, f"u{desk.anna.id}", "agent"),
        ({"token": desk.olga.token}, f"u{desk.olga.id}", "owner"),
        ({"site": desk.bo.key, "visitor": desk.bo.token}, desk.bo.id, "visitor"),
    ):
        socket = await desk.dial(None)
        assert names(socket) == ["system.welcome"]
        socket.sends("JoinConversation", conversation_id=conversation)
        assert (await socket.got("Error"))["code"] == "unauthorized"
        socket.sends("Auth", **payload)
        assert await socket.got("Authenticated") == {"user_id": user_id, "role": role}
        socket.sends("Auth", **payload)
        assert (await socket.got("Error", 2))["code"] == "bad_frame"
        await desk.say(desk.bo, conversation, "hello")
        assert (await socket.got("message_appended"))["message"]["content"] == "hello"
    for payload, code in (
        ({"token": "x"}, close_codes.BAD_TOKEN),
        ({"token": desk.mia.token}, close_codes.NOT_ALLOWED),
        ({"site": desk.kiosk.key, "visitor": desk.bo.token}, close_codes.BAD_TOKEN),
        ({}, close_codes.BAD_TOKEN),
    ):
        socket = await desk.dial(None)
        socket.sends("Auth", **payload)
        assert await socket.closed() == code
        assert socket.named("Error")


async def test_who_says_nothing_is_let_go(tmp_path: Path) -> None:
    async with serving(tmp_path, handshake_timeout_seconds=1) as desk:
        stranger, anna = await desk.dial(None), await desk.dial(desk.anna)
        assert await stranger.closed() == close_codes.NO_AUTHENTICATION
        assert anna.code is None


async def test_each_is_told_what_they_may_see(desk: Desk) -> None:
    people: tuple[Who, ...] = (desk.anna, desk.program, desk.bo, desk.zoe, desk.emil, desk.ida)
    anna, program, bo, zoe, emil, ida = [await desk.dial(each) for each in people]
    conversation = await desk.open(desk.bo)
    await desk.say(desk.bo, conversation, "hello")
    await desk.say(desk.anna, conversation, "a note", is_private=True)
    labels = f"/api/conversations/{conversation}/labels"
    await desk.told(desk.anna, "PUT", labels, {"labels": ["x"]})
    await desk.say(desk.anna, conversation, "good day")
    await desk.open(desk.ida)
    theirs = ["system.welcome", "conversation_opened", "message_appended", "message_appended"]
    agents = [*theirs, "message_appended", "conversation_labelled"]
    for socket, expected in ((anna, agents), (program, agents), (bo, theirs)):
        await reached(lambda socket=socket, expected=expected: len(socket.frames) == len(expected))
        assert sorted(names(socket)) == sorted(expected)
    for socket in (emil, ida):
        await reached(lambda socket=socket: len(socket.frames) == 2)
    assert names(zoe) == ["system.welcome"]


async def test_what_is_sent_is_answered_in_order(desk: Desk) -> None:
    conversation = await desk.open(desk.bo)
    bo = await desk.dial(desk.bo)
    say = {"conversation_id": conversation, "content": "hello", "client_msg_id": "1"}
    bo.sends("Send", **say)
    bo.sends("Send", **say)
    bo.sends("Send", **{**say, "content": " ", "client_msg_id": "2"})
    bo.sends("Send", **{**say, "conversation_id": "conv_other", "client_msg_id": "3"})
    bo.sends("LoadHistory", conversation_id=conversation)
    bo.sends("Pong")
    bo.sends("ErrorAck")
    await pinged(bo)
    answers = [name for name in names(bo) if name not in ("system.welcome", "message_appended")]
    assert answers == ["MessageSent", "MessageSent", "Error", "Error", "History", "Pong"]
    first, again = bo.named("MessageSent")
    assert (first["duplicate"], again["duplicate"]) == (False, True)
    assert first["message"] == again["message"] == bo.told("message_appended")[0]["message"]
    assert [each["client_msg_id"] for each in bo.named("Error")] == ["2", "3"]
    assert [each["code"] for each in bo.named("Error")] == [
        "invalid_input",
        "conversation_not_found",
    ]
    (history,) = bo.named("History")
    assert (history["messages"], history["has_more"]) == ([first["message"]], False)


async def test_what_is_no_frame(desk: Desk) -> None:
    anna = await desk.dial(desk.anna)
    for text in ("", "x", "[]", "null", "{}", '{"type":"Dance"}', '{"type":"Send"}', "[" * 5000):
        anna.arrives("receive", text=text)
    anna.sends("Send", conversation_id=1)
    anna.sends("Send", conversation_id="\ud800")
    anna.sends("Read", conversation_id="x", message_ids=["y"] * 101)
    anna.arrives("receive", bytes=b"\xff")
    await pinged(anna)
    assert [each["code"] for each in anna.named("Error")] == ["bad_frame"] * 11
    assert anna.code is None


async def test_who_has_it_open_hears_of_typing_and_reading(desk: Desk) -> None:
    conversation = await desk.open(desk.bo)
    anna, bert, bo, zoe = [
        await desk.dial(each) for each in (desk.anna, desk.bert, desk.bo, desk.zoe)
    ]
    for socket in (anna, bo):
        socket.sends("JoinConversation", conversation_id=conversation)
        await socket.got("JoinedConversation")
    for socket in (zoe, bert):
        socket.sends("Typing", conversation_id=conversation)
        await pinged(socket)
    assert zoe.named("Error")[0]["code"] == "conversation_not_found"
    typed = {"conversation_id": conversation, "user_id": f"u{desk.bert.id}"}
    assert await anna.got("Typing") == await bo.got("Typing") == typed
    bo.sends("Typing", conversation_id=conversation)
    await anna.got("Typing", 2)
    said = await desk.say(desk.anna, conversation, "hello")
    note = await desk.say(desk.anna, conversation, "a note", is_private=True)
    for socket, who, hears in ((bo, desk.bo.id, anna), (bert, f"u{desk.bert.id}", bo)):
        ids = [said["id"], note["id"], "msg_unknown"]
        socket.sends("Read", conversation_id=conversation, message_ids=ids)
        read = {"conversation_id": conversation, "user_id": who, "message_ids": [said["id"]]}
        assert await hears.got("Read") == read
    await pinged(bo)
    assert len(bo.named("Typing")) == 1, "nobody hears themselves"
    bo.sends("LeaveConversation", conversation_id=conversation)
    await bo.got("LeftConversation")
    anna.sends("Typing", conversation_id=conversation)
    await pinged(anna)
    await pinged(bo)
    assert len(bo.named("Typing")) == 1
    assert not bert.named("Typing"), "it has not joined"


async def test_agents_see_who_else_has_it_open(desk: Desk) -> None:
    conversation = await desk.open(desk.bo)
    anna, bert, bo = [await desk.dial(each) for each in (desk.anna, desk.bert, desk.bo)]
    for socket in (anna, bo, bert):
        socket.sends("JoinConversation", conversation_id=conversation)
        await socket.got("JoinedConversation")
    ids = sorted((f"u{desk.anna.id}", f"u{desk.bert.id}"))
    assert bert.named("JoinedConversation")[0]["viewers"] == ids
    assert bo.named("JoinedConversation")[0]["viewers"] == []
    viewing = {"conversation_id": conversation, "user_ids": ids}
    await reached(lambda: anna.named("Viewing")[-1:] == [viewing])
    await bert.leave()
    await reached(lambda: anna.named("Viewing")[-1]["user_ids"] == [f"u{desk.anna.id}"])
    assert not bo.named("Viewing")


async def test_it_goes_on_behind_what_one_has(desk: Desk) -> None:
    """Nothing is missed, and nothing comes twice, whatever happens meanwhile."""
    conversation = await desk.open(desk.bo)
    for number in range(450):
        await desk.say(desk.anna, conversation, str(number))
    asked = {"limit": 500}
    found = (await desk.told(desk.anna, "GET", "/api/events/replay", params=asked))["events"]
    for who, since in ((desk.anna, found[10]), (desk.bo, found[0]), (desk.program, found[-1])):
        socket = await desk.dial(who, f"since_event_id={since['event_id']}")
        said = [desk.say(desk.anna, conversation, f"live {number}") for number in range(5)]
        await asyncio.gather(*said)
        everything = await all_events(desk, desk.anna)
        expected = everything[everything.index(since["event_id"]) + 1 :]
        await reached(lambda socket=socket, expected=expected: len(socket.frames) > len(expected))
        welcome, *told = socket.frames
        assert welcome["type"] == "system.welcome"
        assert [each["event_id"] for each in told] == expected
    again = await desk.dial(desk.anna, "since_event_id=unknown")
    everything = await all_events(desk, desk.anna)
    await reached(lambda: len(again.frames) > len(everything))
    assert [each["event_id"] for each in again.frames[1:]] == everything


async def all_events(desk: Desk, who: Who) -> list[str]:
    found: list[str] = []
    asked: dict[str, Any] = {"limit": 500}
    while page := (await desk.told(who, "GET", "/api/events/replay", params=asked))["events"]:
        found += [each["event_id"] for each in page]
        asked["since_event_id"] = found[-1]
    return found


async def test_who_may_no_longer_is_shown_out(desk: Desk) -> None:
    anna, bert, adam, program, bo, zoe = [
        await desk.dial(each)
        for each in (desk.anna, desk.bert, desk.adam, desk.program, desk.bo, desk.zoe)
    ]
    await write(desk, account_status.suspend, desk.anna.id)
    assert await anna.closed() == close_codes.BAD_TOKEN
    await write(desk, keys.remove, desk.program.id)
    assert await program.closed() == close_codes.BAD_TOKEN
    await write(desk, sites.change, desk.shop.ref, desk.shop.settings, [desk.bo.id])
    assert await bo.closed() == close_codes.BANNED
    await write(desk, workspaces.set_role, DEFAULT, desk.bert.id, "member")
    conversation = await desk.open(desk.zoe)
    await zoe.got("conversation_opened")
    await adam.got("conversation_opened")
    await pinged(bert)
    assert not bert.told("conversation_opened")
    bert.sends("JoinConversation", conversation_id=conversation)
    assert (await bert.got("Error"))["code"] == "conversation_not_found"
    await write(desk, workspaces.set_role, DEFAULT, desk.bert.id, "agent")
    await desk.say(desk.zoe, conversation, "anybody?")
    assert (await bert.got("message_appended"))["message"]["content"] == "anybody?"


async def test_a_key_that_reads_listens_and_says_nothing(desk: Desk) -> None:
    made = await desk.client.post(
        "/management/keys", json={"name": "ears", "scopes": ["support:read"], "workspace": 0}
    )
    conversation = await desk.open(desk.bo)
    ears = await desk.dial(None, **{"x-api-key": made.json()["key"]})
    await desk.say(desk.bo, conversation, "hello")
    await ears.got("message_appended")
    ears.sends("Send", conversation_id=conversation, content="me, too", client_msg_id="1")
    refused = await ears.got("Error")
    assert (refused["code"], refused["client_msg_id"]) == ("not_allowed", "1")
    assert await desk.texts(desk.anna, conversation) == ["hello"]


async def test_what_cannot_be_shown_costs_its_own_workspace_a_connection(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who comes back reads what it missed."""
    mine = await desk.open(desk.bo)
    here = [await desk.dial(each) for each in (desk.anna, desk.zoe)]
    elsewhere = [await desk.dial(each) for each in (desk.emil, desk.ida)]

    def broken(*_: Any) -> bytes:
        raise ValueError("cannot be shown")

    with monkeypatch.context() as patched:
        patched.setattr(envelopes, "of_event", broken)
        await desk.say(desk.bo, mine, "hello")
    assert [await each.closed() for each in here] == [close_codes.TRY_LATER] * 2
    for each in elsewhere:
        await pinged(each)
