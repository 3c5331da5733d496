"""The live events of an account: one stream over all its chats, in the order of the log, within
its stays; and how it ends."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from application import Socket, held, reached, socket_scope
from live_scene import LIMIT, Scene, Stream, serving
from team import DEFAULT, Person

from chatctl_server import errors
from chatctl_server.actions import chats, conversations, messages, participants, workspaces
from chatctl_server.domain import account_events, chat_events, events
from chatctl_server.domain.references import ChatRef
from chatctl_server.storage import missed_events
from chatctl_server.storage.transaction import Tx
from chatctl_server.views.team import events as views


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with serving(tmp_path) as made:
        yield made


async def test_one_stream_over_all_chats_of_all_workspaces(scene: Scene) -> None:
    """Nothing of another's chats, and several tabs each get everything."""
    tabs = [await scene.follow(scene.anna) for _ in range(2)]
    confirmed = tabs[0].frames[0]
    assert confirmed == {
        "event": "connection_confirmed",
        "workspace_id": 0,
        "user_id": scene.anna.id,
        "connected_chats": 2,
        "last_event_id": scene.newest,
    }
    posted = await scene.say(scene.group, scene.bert, "one")
    await scene.say(scene.without, scene.carl, "hush")
    await scene.say(scene.elsewhere, scene.anna, "two")
    for tab in tabs:
        await tab.got("NewMessage", 2)
        assert tab.texts == ["one", "two"]
        assert [each["workspace_id"] for each in tab.stored] == [0, scene.other.number]
        assert [each["offset"] for each in tab.stored] == [scene.newest - 2, scene.newest]
    first = tabs[0].stored[0]
    assert {name: first[name] for name in ("id", "chat_id", "sender_id", "seq")} == {
        "id": posted.message_id,
        "chat_id": scene.group.id,
        "sender_id": scene.bert.id,
        "seq": 1,
    }


async def test_what_becomes_of_a_message_is_told(scene: Scene) -> None:
    anna = await scene.follow(scene.anna)
    posted = await scene.say(scene.group, scene.bert, "helo")
    bert, id_ = f"u{scene.bert.id}", posted.message_id
    edited = chat_events.MessageEdited(
        id_, 1, scene.newest, "hello", (), bert, "Bert", 5, None, None, (), 0
    )
    await scene.record(edited, scene.group)
    await scene.record(chat_events.ReactionAdded(id_, "👍", f"u{scene.anna.id}"), scene.group)
    await scene.record(chat_events.MessagePinned(id_, bert), scene.group)
    await scene.record(chat_events.ReadMoved(f"u{scene.anna.id}", id_, 1), scene.group)
    await scene.write(messages.delete, scene.group, id_)
    (deleted,) = await anna.got("MessageDeleted")
    assert (deleted["chat_id"], deleted["message_id"]) == (scene.group.id, id_)
    (updated,) = anna.named("MessageUpdated")
    assert (updated["content"], updated["id"]) == ("hello", id_)
    (reaction,) = anna.named("ReactionChanged")
    assert (reaction["emoji"], reaction["added"], reaction["user_id"]) == (
        "👍",
        True,
        scene.anna.id,
    )
    (pin,) = anna.named("PinChanged")
    assert (pin["message_id"], pin["pinned"], pin["user_id"]) == (id_, True, scene.bert.id)
    (read,) = await anna.got("MessageRead")
    assert (read["message_id"], read["user_id"], "offset" in read) == (id_, scene.anna.id, False)


async def test_who_is_added_is_told_of_the_chat_and_hears_it_from_then_on(scene: Scene) -> None:
    begin = scene.newest
    carl, anna = await scene.follow(scene.carl), await scene.follow(scene.anna)
    await scene.say(scene.group, scene.anna, "before")
    await _add(scene, scene.group, scene.carl)
    await scene.say(scene.group, scene.anna, "welcome")
    await carl.got("NewMessage")
    assert told(carl) == ["connection_confirmed", "NewChat", "UserJoinedChat", "NewMessage"]
    assert carl.texts == ["welcome"]
    chat = carl.named("NewChat")[0]
    assert (chat["id"], chat["type"], chat["chat_type"]) == (scene.group.id, "Group", "Group")
    assert "offset" not in chat  # the second of the two is the place to go on from
    (joined,) = await anna.got("UserJoinedChat")
    assert (joined["user_id"], anna.named("NewChat")) == (scene.carl.id, [])
    resumed = await scene.follow(scene.carl, begin)
    await resumed.got("NewMessage")
    assert (told(resumed), resumed.stored) == (told(carl), carl.stored)


def told(stream: Stream) -> list[str]:
    """Of what, but for who is there."""
    return [each["event"] for each in stream.frames if each["event"] != "UserPresence"]


async def _add(scene: Scene, chat: ChatRef, *people: Person) -> None:
    await scene.write(participants.add, chat, [f"u{each.id}" for each in people])


async def test_each_is_told_of_the_chat_in_front_of_all_else_also_in_a_resume(
    scene: Scene,
) -> None:
    """As it was when they came, with those who came along."""
    begin = scene.newest
    tabs = [await scene.follow(scene.anna) for _ in range(2)]
    await _add(scene, scene.without, scene.anna, scene.bert)
    await scene.say(scene.without, scene.carl, "welcome")
    await scene.write(participants.leave, scene.without, f"u{scene.dora.id}")
    resumed = await scene.follow(scene.anna, begin)
    for stream in (*tabs, resumed):
        await stream.got("UserLeftChat")
        told = [each for each in stream.frames if each["event"] != "UserPresence"]
        assert [each["event"] for each in told] == [
            "connection_confirmed",
            "NewChat",
            *["UserJoinedChat"] * 2,
            "NewMessage",
            "UserLeftChat",
        ]
        assert stream.stored == tabs[0].stored
    before = [scene.carl.id, scene.dora.id, scene.anna.id]
    for stream in tabs:
        assert stream.named("NewChat")[0]["chat_members"] == [*before, scene.bert.id]
    (chat,) = resumed.named("NewChat")
    assert chat == {**tabs[0].named("NewChat")[0], "chat_members": before}


async def test_who_leaves_and_is_added_again_is_told_so_in_that_order(scene: Scene) -> None:
    """Also when both are committed at once, or while they are behind."""
    bert = await scene.follow(scene.bert)
    async with held(scene.store):
        again = scene.group, f"u{scene.bert.id}"
        changes = [
            asyncio.create_task(scene.write(participants.leave, *again)),
            asyncio.create_task(_add(scene, scene.group, scene.bert)),
        ]
        await asyncio.sleep(0)  # both wait for the writer
    await asyncio.gather(*changes)
    await bert.got("UserJoinedChat")
    assert told(bert)[1:] == ["UserLeftChat", "NewChat", "UserJoinedChat"]


async def test_a_chat_is_read_once_for_all_who_are_added_to_it_at_once(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    read_live = scene.store.read_live

    async def watched(query: Any, *arguments: Any) -> Any:
        asked.append(query)
        return await read_live(query, *arguments)

    streams = [await scene.follow(each) for each in (scene.anna, scene.bert)]
    monkeypatch.setattr(scene.store, "read_live", watched)
    await _add(scene, scene.without, scene.anna, scene.bert)
    for stream, joined in zip(streams, (2, 1), strict=True):
        await stream.got("UserJoinedChat", joined)
        assert len(stream.named("NewChat")) == 1
    assert asked == [missed_events.chat_at]


async def test_who_has_left_learns_no_later_name_of_the_chat(scene: Scene) -> None:
    begin = scene.newest
    await _add(scene, scene.group, scene.carl)
    await scene.write(participants.leave, scene.group, f"u{scene.carl.id}")
    told = await scene.follow(scene.carl, begin)
    await told.got("UserLeftChat")
    assert told.named("NewChat")[0]["name"] == "lunch"
    await scene.write(chats.change, scene.group, "dinner")
    told = await scene.follow(scene.carl, begin)
    await told.got("UserLeftChat")
    assert told.named("NewChat") == []


async def test_a_chat_that_cannot_be_read_is_told_of_in_a_resume(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = scene.newest
    carl, anna = await scene.follow(scene.carl), await scene.follow(scene.anna)

    async def busy(*_: Any) -> None:
        raise errors.Busy("Too many queries are waiting")

    with monkeypatch.context() as patch:
        patch.setattr(scene.store, "read_live", busy)
        await _add(scene, scene.group, scene.carl)
        await reached(lambda: carl.code == 1013)
        await anna.got("UserJoinedChat")
    assert carl.named("UserJoinedChat") == []
    resumed = await scene.follow(scene.carl, begin)
    await resumed.got("UserJoinedChat")
    assert len(resumed.named("NewChat")) == 1


async def test_a_deleted_workspace_takes_its_chats_along_also_in_a_resume(scene: Scene) -> None:
    """Nobody else learns that it was there."""
    begin = scene.newest
    anna = await scene.follow(scene.anna)
    await scene.say(scene.elsewhere, scene.bert, "bye")
    await scene.write(workspaces.leave_workspace, scene.other, scene.bert.id)
    assert await scene.write(workspaces.delete, scene.other, True)
    (closed,) = await anna.got("ChatDeleted")
    assert (closed["chat_id"], closed["workspace_id"]) == (scene.elsewhere.id, scene.other.number)
    resumed = await scene.follow(scene.anna, begin)
    await resumed.got("ChatDeleted")
    assert resumed.stored == anna.stored[-1:]  # what was said there is as if it were unknown
    await scene.say(scene.group, scene.anna, "on")
    for stream in (await scene.follow(scene.bert, begin), await scene.follow(scene.dora, begin)):
        await stream.got("NewMessage")
        assert stream.texts == ["on"]
        assert stream.named("ChatDeleted") == stream.named("UserLeftChat") == []


async def test_who_is_removed_hears_nothing_later_also_in_a_resume(scene: Scene) -> None:
    begin = scene.newest
    bert, anna = await scene.follow(scene.bert), await scene.follow(scene.anna)
    await scene.say(scene.group, scene.anna, "with bert")
    await scene.write(participants.leave, scene.group, f"u{scene.bert.id}")
    await scene.say(scene.group, scene.anna, "without bert")
    await scene.say(scene.elsewhere, scene.anna, "elsewhere")
    await bert.got("NewMessage", 2)
    assert bert.texts == ["with bert", "elsewhere"]
    (left,) = bert.named("UserLeftChat")
    assert (left["user_id"], left["joined_at"][:2]) == (scene.bert.id, "20")
    await anna.got("NewMessage", 3)
    resumed = await scene.follow(scene.bert, begin)
    await resumed.got("NewMessage", 2)
    assert resumed.stored == bert.stored


async def test_a_new_chat_is_heard_from_its_first_word(scene: Scene) -> None:
    begin = scene.newest
    carl = await scene.follow(scene.carl)
    made = events.ConversationCreated(
        "private",
        "x" * 36,
        "fresh",
        (),
        f"u{scene.anna.id}",
        "",
        (f"u{scene.anna.id}", f"u{scene.carl.id}"),
    )
    chat = await scene.write(_create, made)
    await scene.say(chat, scene.anna, "hello")
    await scene.write(conversations.close, chat)
    (closed,) = await carl.got("ChatDeleted")
    assert closed["chat_id"] == chat.id
    assert [each["event"] for each in carl.stored] == ["NewChat", "NewMessage", "ChatDeleted"]
    assert carl.named("NewChat")[0]["chat_members"] == [scene.anna.id, scene.carl.id]
    resumed = await scene.follow(scene.carl, begin)
    await resumed.got("ChatDeleted")
    assert resumed.stored == carl.stored


def _create(tx: Tx, actor: events.Actor, made: events.ConversationCreated) -> ChatRef:
    ref = ChatRef(tx.take("conversation"), DEFAULT.scope)
    tx.record(made, actor, ref)
    return ref


async def test_a_resume_tells_what_the_stream_would_have_told(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From each place, over several pages."""
    monkeypatch.setattr(missed_events, "PAGE", 3)
    live = await scene.follow(scene.anna)
    for number in range(8):
        await scene.say((scene.group, scene.elsewhere)[number % 2], scene.bert, f"text {number}")
        await scene.say(scene.without, scene.carl, "hush")
    await live.got("NewMessage", 8)
    for number, event in enumerate(live.stored):
        resumed = await scene.follow(scene.anna, event["offset"])
        rest = live.stored[number + 1 :]
        await reached(lambda stream=resumed, wanted=rest: len(stream.stored) >= len(wanted))
        assert resumed.stored == rest
        await resumed.leave()


async def test_a_resume_shows_no_message_that_is_deleted(scene: Scene) -> None:
    begin = scene.newest
    gone = await scene.say(scene.group, scene.bert, "gone")
    await scene.say(scene.group, scene.bert, "kept")
    await scene.write(messages.delete, scene.group, gone.message_id)
    resumed = await scene.follow(scene.anna, begin)
    await resumed.got("MessageDeleted")
    assert resumed.texts == ["kept"]


def _a_page_waits(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> tuple[asyncio.Event, asyncio.Event]:
    """A resume has read a page, and is told when to go on."""
    is_read, go_on = asyncio.Event(), asyncio.Event()
    read_live = scene.store.read_live

    async def slowly(query: Any, *arguments: Any) -> Any:
        found = await read_live(query, *arguments)
        if query is missed_events.page:
            is_read.set()
            await go_on.wait()
        return found

    monkeypatch.setattr(scene.store, "read_live", slowly)
    return is_read, go_on


async def test_what_happens_during_a_resume_comes_behind_it(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also a removal: nothing after it, and all before it."""
    begin = scene.newest
    for number in range(6):
        await scene.say(scene.group, scene.anna, f"text {number}")
    is_read, go_on = _a_page_waits(scene, monkeypatch)
    bert = await scene.follow(scene.bert, begin)
    await is_read.wait()
    await scene.say(scene.group, scene.anna, "meanwhile")
    await scene.write(participants.leave, scene.group, f"u{scene.bert.id}")
    await scene.say(scene.group, scene.anna, "without bert")
    go_on.set()
    await bert.got("UserLeftChat")
    await scene.say(scene.elsewhere, scene.anna, "on")
    await bert.got("NewMessage", 8)
    assert bert.texts == [*(f"text {number}" for number in range(6)), "meanwhile", "on"]


async def test_what_cannot_be_resumed_is_said_and_the_stream_goes_on(scene: Scene) -> None:
    begin = scene.newest
    for number in range(LIMIT + 1):
        await scene.say(scene.group, scene.bert, f"text {number}")
    for since in (begin, scene.newest + 1000):
        stream = await scene.follow(scene.anna, since)
        (told,) = await stream.got("resync")
        assert told["last_event_id"] == scene.newest
        posted = await scene.say(scene.group, scene.bert, "on")
        (message,) = await stream.got("NewMessage")
        assert (message["id"], message["offset"]) == (posted.message_id, scene.newest)


async def test_the_end_of_a_session_closes_its_streams_alone(scene: Scene) -> None:
    tokens = [scene.anna.token_of(each) for each in ("phone", "desk")]
    phone, desk = [await scene.follow(scene.anna, token=token) for token in tokens]
    await scene.record(account_events.SignedOut(scene.anna.id, ("phone",), "signed_out"))
    await reached(lambda: phone.code == 4501)
    await scene.say(scene.group, scene.bert, "still here?")
    await desk.got("NewMessage")
    assert phone.texts == []
    refused = Stream(scene.app, tokens[0])
    await reached(lambda: refused.refused == 401)
    await scene.record(account_events.AccountSuspended(scene.anna.id))
    await reached(lambda: desk.code == 4501)


async def test_who_leaves_a_workspace_hears_nothing_of_it(scene: Scene) -> None:
    begin = scene.newest
    bert = await scene.follow(scene.bert)
    await scene.remove(scene.other, scene.bert)
    await scene.say(scene.elsewhere, scene.anna, "without bert")
    await scene.say(scene.group, scene.anna, "with bert")
    await bert.got("NewMessage")
    assert bert.texts == ["with bert"]
    resumed = await scene.follow(scene.bert, begin)
    await resumed.got("NewMessage")
    assert resumed.texts == ["with bert"]
    assert resumed.frames[0]["connected_chats"] == 1


async def test_who_comes_to_a_workspace_hears_its_chats_once_they_are_in_one(
    scene: Scene,
) -> None:
    carl = await scene.follow(scene.carl)
    await scene.write(workspaces.add_member, scene.other, scene.carl.id, "member")
    await _add(scene, scene.elsewhere, scene.carl)
    await scene.say(scene.elsewhere, scene.anna, "hello carl")
    (message,) = await carl.got("NewMessage")
    assert message["workspace_id"] == scene.other.number


async def test_a_token_that_ends_soon_is_told_of_and_ends_nothing(scene: Scene) -> None:
    anna = await scene.follow(scene.anna, token=scene.anna.token_of("desk", expires_in=30))
    (told,) = await anna.got("token_expiring")
    assert told["expires_at"].endswith("Z")
    await scene.say(scene.group, scene.bert, "on")
    await anna.got("NewMessage")


async def test_ping_is_answered_and_all_else_ignored(scene: Scene) -> None:
    anna = await scene.follow(scene.anna)
    for text in ("{", '{"type":"Say"}', '{"type":"Ping"}'):
        anna.arrives("receive", text=text)
    (pong,) = await anna.got("Pong")
    assert pong.keys() == {"event", "time"}


async def test_who_shows_no_good_token_is_refused(scene: Scene) -> None:
    for token in ("", "x", scene.anna.token_of("old", expires_in=-100)):
        refused = Stream(scene.app, token)
        await reached(lambda stream=refused: stream.refused is not None)
        assert refused.refused == 401
    query, origin = f"access_token={scene.anna.token}", (b"origin", b"https://elsewhere.example")
    foreign = Socket(scene.app, socket_scope("/ws", query, origin))
    await reached(lambda: foreign.refused == 403)


async def test_an_account_has_so_many_streams(scene: Scene) -> None:
    tabs = [await scene.follow(scene.anna) for _ in range(20)]
    surplus = Stream(scene.app, scene.anna.token)
    await reached(lambda: surplus.refused == 503)
    await scene.follow(scene.bert)
    await tabs[0].leave()
    await scene.follow(scene.anna)


async def test_a_stream_asks_the_database_nothing_per_event(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = await scene.follow(scene.anna)
    asked: list[Any] = []
    read_live = scene.store.read_live

    async def watched(query: Any, *arguments: Any) -> Any:
        asked.append(query)
        return await read_live(query, *arguments)

    monkeypatch.setattr(scene.store, "read_live", watched)
    for number in range(5):
        await scene.say(scene.group, scene.bert, f"text {number}")
    await anna.got("NewMessage", 5)
    assert asked == []


async def test_a_slow_resume_is_given_up(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    from chatctl_server.api.team import missed

    begin = scene.newest
    await scene.say(scene.group, scene.bert, "one")
    monkeypatch.setattr(missed, "LIMIT_SECONDS", 0.05)
    read_live = scene.store.read_live

    async def never(query: Any, *arguments: Any) -> Any:
        if query is missed_events.page:
            await asyncio.Event().wait()
        return await read_live(query, *arguments)

    monkeypatch.setattr(scene.store, "read_live", never)
    anna = await scene.follow(scene.anna, begin)
    await anna.got("resync")
    await scene.say(scene.group, scene.bert, "two")
    await anna.got("NewMessage")
    assert anna.texts == ["two"]


async def test_what_is_deleted_during_a_resume_is_not_told(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither from the page that was read before, nor from what waits behind it."""
    begin = scene.newest
    posted = [await scene.say(scene.group, scene.anna, text) for text in ("kept", "gone")]
    is_read, go_on = _a_page_waits(scene, monkeypatch)
    bert = await scene.follow(scene.bert, begin)
    await is_read.wait()
    posted.append(await scene.say(scene.group, scene.anna, "gone, too"))
    for each in posted[1:]:
        await scene.write(messages.delete, scene.group, each.message_id)
    await scene.say(scene.group, scene.anna, "on")
    go_on.set()
    await bert.got("MessageDeleted", 2)
    await bert.got("NewMessage", 2)
    assert bert.texts == ["kept", "on"]


async def test_who_signs_out_while_a_stream_begins_is_not_let_in(scene: Scene) -> None:
    async with held(scene.store):
        out = account_events.SignedOut(scene.anna.id, (f"login-of-{scene.anna.id}",), "revoked")
        signing_out = asyncio.create_task(scene.record(out))
        await asyncio.sleep(0)
        stream = Stream(scene.app, scene.anna.token)
        await reached(lambda: scene.app.context.presence.connections == 1)
    await signing_out
    await reached(lambda: stream.code == 4501)
    assert stream.frames == []


async def test_what_cannot_be_shown_closes_the_streams_which_come_back_for_it(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = await scene.follow(scene.anna)
    with monkeypatch.context() as patch:
        patch.setattr(views, "of_event", lambda *_: 1 / 0)
        await scene.say(scene.group, scene.bert, "unspeakable")
        await reached(lambda: anna.code == 1013)
    again = await scene.follow(scene.anna, anna.frames[0]["last_event_id"])
    await again.got("NewMessage")
    assert again.texts == ["unspeakable"]


async def test_who_sends_more_than_anybody_needs_is_closed(scene: Scene) -> None:
    anna = await scene.follow(scene.anna)
    for _ in range(400):
        anna.arrives("receive", text="x")
    await reached(lambda: anna.code == 4029)


async def test_nothing_is_kept_of_a_chat_that_was_deleted(scene: Scene) -> None:
    anna = await scene.follow(scene.anna)
    assert scene.app.context.hub.listens(scene.group)
    await scene.write(conversations.close, scene.group)
    await anna.got("ChatDeleted")
    assert not scene.app.context.hub.listens(scene.group)
