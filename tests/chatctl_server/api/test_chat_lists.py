"""Lists of chats in memory: never stale, and bounded."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from application import in_process
from team import DEFAULT, Person, Town

from chatctl_server.actions import chats, messages, participants
from chatctl_server.app import Application
from chatctl_server.domain import chat_events, events
from chatctl_server.domain.references import ChatRef
from chatctl_server.live import chat_lists
from chatctl_server.storage import chat_lists as stored
from chatctl_server.storage.transaction import Tx

HOST = events.Actor(None, "test")


class Scene:
    """Anna with the chats ``lunch`` and ``plans``, Bert in the first; the server runs here."""

    def __init__(self, town: Town) -> None:
        self.anna, self.bert = town.person("Anna"), town.person("Bert")
        self.lunch = town.chat("private", "lunch", self.anna, self.bert)
        self.plans = town.chat("private", "plans", self.anna)
        self.app: Application
        self.read: list[Any] = []  # what was read of the database, in place of memory

    async def run(self, action: Any, *arguments: Any) -> Any:
        return await self.app.context.store.write(action, HOST, *arguments)

    async def post(self, who: Person, content: str, chat: ChatRef) -> messages.Posted:
        name = f"u{who.id}"
        sent = messages.Post(chat, HOST, name, name, content)
        posted: messages.Posted = await self.app.context.store.write(messages.POST, sent)
        return posted

    async def listed(self, who: Person) -> dict[str, dict[str, Any]]:
        """By their names, in the order of the list."""
        found = json.loads(await self.app.context.chat_lists.of(DEFAULT, who.id))
        return {each["name"]: each for each in found}


@pytest.fixture
async def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    town = Town(tmp_path / "chat.db")
    scene = Scene(town)
    town.close()
    read = stored.mine

    def seen(*arguments: Any) -> list[stored.MyChat]:
        scene.read.append(arguments[3])
        return read(*arguments)

    monkeypatch.setattr(stored, "mine", seen)
    async with in_process(tmp_path, "server") as (app, _):
        scene.app = app
        yield scene


async def test_a_list_that_nothing_changes_is_read_once(scene: Scene) -> None:
    first = await scene.listed(scene.anna)
    assert await scene.listed(scene.anna) == first
    assert [*first] == ["plans", "lunch"]
    assert scene.read == [None]


async def test_after_a_message_its_chat_alone_is_read_and_comes_first(scene: Scene) -> None:
    await scene.listed(scene.anna)
    posted = await scene.post(scene.bert, "hungry?", scene.lunch)
    listed = await scene.listed(scene.anna)
    assert [*listed] == ["lunch", "plans"]
    assert listed["lunch"]["last_message"] == {
        "id": posted.message_id,
        "content": "hungry?",
        "sender_name": f"u{scene.bert.id}",
        "created_at": listed["lunch"]["last_message"]["created_at"],
        "has_files": False,
    }
    assert (listed["lunch"]["unread_count"], listed["plans"]["unread_count"]) == (1, 0)
    assert (await scene.listed(scene.bert))["lunch"]["unread_count"] == 0
    assert scene.read == [None, [scene.lunch.id], None]


async def test_a_deleted_message_is_neither_the_last_nor_unread(scene: Scene) -> None:
    await scene.post(scene.bert, "one", scene.lunch)
    second = await scene.post(scene.bert, "two", scene.lunch)
    assert (await scene.listed(scene.anna))["lunch"]["unread_count"] == 2
    await scene.run(messages.delete, scene.lunch, second.message_id)
    shown = (await scene.listed(scene.anna))["lunch"]
    assert (shown["last_message"]["content"], shown["unread_count"]) == ("one", 1)


async def test_what_one_has_read_changes_ones_own_list_alone(scene: Scene) -> None:
    await scene.post(scene.bert, "one", scene.lunch)
    posted = await scene.post(scene.bert, "two", scene.lunch)
    assert (await scene.listed(scene.anna))["lunch"]["unread_count"] == 2
    await scene.listed(scene.bert)

    def mark(tx: Tx, actor: events.Actor) -> None:
        moved = chat_events.ReadMoved(f"u{scene.anna.id}", posted.message_id - 1, posted.seq - 1)
        tx.record(moved, actor, scene.lunch)

    await scene.run(mark)
    assert (await scene.listed(scene.anna))["lunch"]["unread_count"] == 1
    await scene.listed(scene.bert)
    assert scene.read == [None, None, [scene.lunch.id]]


async def test_who_comes_and_who_goes_sees_it_at_once(scene: Scene) -> None:
    assert [*(await scene.listed(scene.bert))] == ["lunch"]
    await scene.run(chats.add, scene.plans, [scene.bert.id])
    listed = await scene.listed(scene.bert)
    assert listed["plans"]["chat_members"] == [scene.anna.id, scene.bert.id]
    assert (listed["plans"]["is_creator"], listed["plans"]["member_count"]) == (False, 2)
    await scene.run(chats.change, scene.plans, "secret plans")
    assert [*(await scene.listed(scene.bert))] == ["secret plans", "lunch"]
    await scene.run(chats.remove, scene.plans, [scene.bert.id])
    assert [*(await scene.listed(scene.bert))] == ["lunch"]
    await scene.run(chats.delete, scene.lunch)
    assert await scene.listed(scene.bert) == {}
    await scene.run(chats.open_chat, DEFAULT, "single", "two", scene.anna.id, [scene.bert.id])
    assert [*(await scene.listed(scene.bert))] == ["two"]


async def test_a_change_during_the_read_is_not_lost(scene: Scene) -> None:
    """The read began before it; its answer may be as before, or between; the next one is not."""
    reading = scene.app.context.chat_lists.of(DEFAULT, scene.bert.id)
    during = (
        (participants.join, scene.plans, f"u{scene.bert.id}"),
        (participants.leave, scene.lunch, f"u{scene.bert.id}"),
    )
    first = scene.app.context.store.read

    async def slow(query: Any, *arguments: Any) -> Any:
        found = await first(query, *arguments)
        for action, *rest in during:
            await scene.run(action, *rest)
        return found

    scene.app.context.store.read = slow  # type: ignore[method-assign]
    answer = [each["name"] for each in json.loads(await reading)]
    assert answer in (["lunch"], ["plans", "lunch"], ["plans"])
    scene.app.context.store.read = first  # type: ignore[method-assign]
    assert [*(await scene.listed(scene.bert))] == ["plans"]


async def test_what_nobody_sees_in_a_list_costs_no_read(scene: Scene) -> None:
    posted = await scene.post(scene.bert, "one", scene.lunch)
    await scene.listed(scene.anna)
    pinned = chat_events.MessagePinned(posted.message_id, f"u{scene.bert.id}")
    await scene.run(lambda tx, actor: tx.record(pinned, actor, scene.lunch))
    await scene.listed(scene.anna)
    assert scene.read == [None]


async def test_the_list_read_longest_ago_gives_way(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat_lists, "MOST_BYTES", 1500)
    for who in (scene.anna, scene.bert, scene.bert, scene.anna):
        await scene.listed(who)
    assert scene.read == [None, None, None]


async def test_many_changed_chats_have_everything_read_anew(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat_lists, "MANY", 1)
    await scene.listed(scene.anna)
    await scene.post(scene.bert, "one", scene.lunch)
    await scene.post(scene.anna, "two", scene.plans)
    assert [*(await scene.listed(scene.anna))] == ["plans", "lunch"]
    assert scene.read == [None, None]


@pytest.mark.parametrize("seconds", [0, 0.000001])
async def test_a_list_is_kept_for_so_long(scene: Scene, seconds: float) -> None:
    lists = chat_lists.ChatLists(scene.app.context.store, seconds)
    for _ in range(2):
        await lists.of(DEFAULT, scene.anna.id)
    assert scene.read == [None, None]
