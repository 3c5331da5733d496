"""Who is there and who is typing, as others in the same workspaces and chats are told."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from application import held, reached
from live_scene import Scene, Stream, serving
from team import Person

from chatctl_server.actions import workspaces
from chatctl_server.api.team import signals
from chatctl_server.live import trailing_edge, typing


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with serving(tmp_path) as made:
        yield made


async def test_who_comes_and_leaves_a_workspace_within_a_second_is_not_told_of_there(
    scene: Scene,
) -> None:
    anna = await scene.follow(scene.anna)
    await scene.follow(scene.bert)
    await scene.remove(scene.other, scene.bert)
    await anna.got("UserPresence")
    await choose(scene, scene.bert, "busy")
    await reached(lambda: seen(anna, scene.bert)[-1:] == ["busy"])
    assert {each["workspace_id"] for each in anna.named("UserPresence")} == {0}


async def test_who_comes_and_goes_within_a_second_is_told_of_once(scene: Scene) -> None:
    """As they are then, and not to themselves."""
    anna = await scene.follow(scene.anna)
    for _ in range(3):
        bert = await scene.follow(scene.bert)
        await bert.leave()
    bert = await scene.follow(scene.bert)
    await anna.got("UserPresence", 2)  # in two workspaces
    await bert.leave()
    told = await anna.got("UserPresence", 4)
    assert [(each["user_id"], each["status"], each["workspace_id"]) for each in told] == [
        (scene.bert.id, status, place)
        for status in ("online", "offline")
        for place in (0, scene.other.number)
    ]
    assert {each["user_id"] for each in bert.named("UserPresence")} == {scene.anna.id}


async def test_when_many_come_at_once_all_are_told_the_same(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signals, "ALIKE_FROM", 2)
    people = scene.carl, scene.dora
    streams = [await scene.follow(each) for each in people]
    for stream in streams:
        told = await stream.got("UserPresence", 2)
        assert [each["user_id"] for each in told] == [each.id for each in people]


async def choose(scene: Scene, person: Person, status: str) -> None:
    body = {"status": status}
    answer = await scene.client.post("/api/realtime/presence", json=body, headers=person.headers)
    assert answer.status_code == 204


def seen(stream: Stream, person: Person) -> list[str]:
    """What the stream was told that the person is."""
    told = stream.named("UserPresence")
    return [each["status"] for each in told if each["user_id"] == person.id]


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trailing_edge, "SECONDS", 0.05)


@pytest.mark.usefixtures("soon")
async def test_others_are_told_of_presence_when_they_see_it_change(scene: Scene) -> None:
    """Not of a further tab, nor of one that goes, nor of somebody who stays hidden."""
    dora = await scene.follow(scene.dora)
    wanted: list[str] = []

    async def is_told(status: str) -> None:
        wanted.append(status)
        await reached(lambda: len(seen(dora, scene.anna)) >= len(wanted))

    tabs = [await scene.follow(scene.anna) for _ in range(2)]
    await is_told("online")
    for status in ("busy", "busy"):
        await choose(scene, scene.anna, status)
    await tabs[0].leave()
    await is_told("busy")
    for status in ("offline", "away", "offline"):
        await choose(scene, scene.anna, status)
        await is_told(status)
    await tabs[1].leave()
    await scene.follow(scene.anna)
    await choose(scene, scene.anna, "online")
    await is_told("online")
    assert seen(dora, scene.anna) == wanted


@pytest.mark.usefixtures("soon")
async def test_who_has_come_back_is_not_told_to_be_gone(scene: Scene) -> None:
    dora = await scene.follow(scene.dora)
    await scene.follow(scene.anna)
    await reached(lambda: seen(dora, scene.anna) == ["online"])
    async with held(scene.store):  # since when somebody is gone is stored first
        await choose(scene, scene.anna, "offline")
        await choose(scene, scene.anna, "busy")
    await scene.write(lambda *_: None)
    await choose(scene, scene.anna, "away")
    await reached(lambda: seen(dora, scene.anna)[-1:] == ["away"])
    assert "offline" not in seen(dora, scene.anna)


async def test_who_follows_was_seen_though_the_server_dies(scene: Scene) -> None:
    await scene.follow(scene.anna)
    users = (await scene.client.get("/api/users", headers=scene.bert.headers)).json()
    was_seen = {each["id"]: each["last_seen"] is not None for each in users}
    assert (was_seen[scene.anna.id], was_seen[scene.dora.id]) == (True, False)


@pytest.mark.parametrize("is_deleted", [False, True])
async def test_who_is_not_in_a_workspace_any_more_hears_nothing_of_who_is_there(
    scene: Scene, *, is_deleted: bool
) -> None:
    bert = await scene.follow(scene.bert)
    await scene.follow(scene.anna)
    if is_deleted:
        await scene.write(workspaces.delete, scene.other, True)
    else:
        await scene.remove(scene.other, scene.bert)
    await choose(scene, scene.anna, "busy")
    await reached(lambda: "busy" in seen(bert, scene.anna))
    await scene.say(scene.group, scene.anna, "busy")
    await bert.got("NewMessage")
    told = [each for each in bert.named("UserPresence") if each["status"] == "busy"]
    assert [each["workspace_id"] for each in told] == [0]


async def test_typing_ends_by_itself(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those who type are not told that they do."""
    monkeypatch.setattr(typing, "TYPING_SECONDS", 0.05)
    anna, bert = await scene.follow(scene.anna), await scene.follow(scene.bert)
    path = f"/api/chat/{scene.group.id}/typing/start"
    await scene.client.post(path, headers=scene.anna.headers)
    told = await bert.got("TypingStatus", 2)
    assert [(each["user_id"], each["typing"]) for each in told] == [
        (scene.anna.id, True),
        (scene.anna.id, False),
    ]
    assert anna.named("TypingStatus") == []
