"""Joins that are stored together, that come while a room is being closed, and that fail."""

from collections.abc import Iterable
from functools import partial
from typing import Any

import pytest
from application import Lobby, Talker, held, reached

from chatctl_server.actions import conversations, sessions
from chatctl_server.domain import close_codes, events
from chatctl_server.domain.references import RoomRef
from chatctl_server.storage import room_sessions

OPERATOR = events.Actor(None, "test")
ROOM = RoomRef(1, 1)


def are_joining(waiting: Iterable[Any], count: int) -> bool:
    return sum(call.action is sessions.UPDATE for call in waiting) == count


async def in_one_batch(lobby: Lobby, *users: str) -> list[Talker]:
    talkers: list[Talker] = []
    waiting = lobby.app.context.store._waiting
    async with held(lobby.app.context.store):
        for number, user_id in enumerate(users, 1):
            talkers.append(lobby.dial(user_id))
            await reached(partial(are_joining, waiting, number))
    return talkers


async def test_who_came_first_is_told_of_who_came_in_the_same_batch(lobby: Lobby) -> None:
    """As if each had come alone."""
    talkers = await in_one_batch(lobby, "anna", "bert", "carl")
    anna, bert, carl = talkers
    await reached(lambda: anna.named("RoomStats"))
    assert [each["user_id"] for each in anna.named("UserJoined")] == ["bert", "carl"]
    assert [each["user_id"] for each in bert.named("UserJoined")] == ["carl"]
    assert carl.named("UserJoined") == []
    assert anna.named("RoomStats") == [{"current_users": 3, "peak_users": 3}]
    for each in talkers:
        await each.leave()


async def test_of_two_connections_of_a_user_in_one_batch_the_later_stays(lobby: Lobby) -> None:
    first, second = await in_one_batch(lobby, "anna", "anna")
    await reached(lambda: first.frames[-1:] == [{"type": "YouAreKicked"}])
    await reached(lambda: second.named("RoomStats"))
    assert second.named("RoomStats") == [{"current_users": 1, "peak_users": 1}]
    for each in (first, second):
        await each.leave()


async def test_who_comes_while_a_room_is_being_closed_is_told_of_it_too(
    lobby: Lobby, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sessions of a large room end before; a connection from before is replaced."""
    monkeypatch.setattr(conversations, "SESSIONS_A_CALL", 1)
    anna, bert = await lobby.join("anna"), await lobby.join("bert")
    store = lobby.app.context.store
    assert await store.write(conversations.end_sessions, OPERATOR, ROOM)
    (stays,) = await store.read(room_sessions.open_of_room, ROOM, 10)
    assert stays.user_id == "bert"
    again = await lobby.join("anna")
    await reached(lambda: anna.code is not None)
    assert anna.code == close_codes.REPLACED
    assert anna.frames[-1]["type"] == "YouAreKicked"
    assert len((await lobby.client.get(f"{lobby.path}/members")).json()) == 2
    assert (await lobby.client.delete(lobby.path)).status_code == 204
    for each in (again, bert):
        await reached(lambda each=each: each.code is not None)  # type: ignore[misc]
        assert each.code == close_codes.ROOM_CLOSED
    for each in (anna, bert, again):
        await each.leave()
    assert lobby.app.context.presence.connections == 0


@pytest.mark.parametrize("is_stored", [False, True])
async def test_one_that_fails_closes_the_connection(
    is_stored: bool, lobby: Lobby, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    """For a reason nobody has thought of."""
    submit = lobby.app.context.store.submit

    def failing(action: Any, *arguments: Any, **named: Any) -> None:
        if action is sessions.UPDATE:
            raise ValueError("a fault")
        submit(action, *arguments, **named)

    def unwelcome(*_: Any) -> None:
        raise ValueError("a fault")

    if is_stored:
        monkeypatch.setattr(lobby.app.broadcasters["rooms"], "welcome", unwelcome)
    else:
        monkeypatch.setattr(lobby.app.context.store, "submit", failing)
    talker = lobby.dial("anna")
    await reached(lambda: talker.code == 1011)
    assert "a join failed" in caplog.text
    monkeypatch.undo()
    await talker.leave()
    assert lobby.app.context.presence.connections == 0
