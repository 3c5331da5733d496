"""Joins that come together: stored in one batch, or while a room is being closed; what all ask for
is read once, and nobody is told what is no more. One that fails closes its connection."""

import threading
from collections.abc import Iterable
from functools import partial
from typing import Any

import pytest
from application import Lobby, Talker, held, reached

from chatctl_server.actions import conversations, sessions
from chatctl_server.domain import close_codes, events
from chatctl_server.domain.references import RoomRef
from chatctl_server.storage import replay, room_sessions, rooms

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


EVERYBODY = 20


class Held:
    """A query that goes on when it is let, after it has read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> None:
        self.asked = 0
        self.read = 0
        self.may_answer = threading.Event()
        real = getattr(module, name)

        def query(*arguments: Any) -> Any:
            self.asked += 1
            found = real(*arguments)
            self.read += 1
            self.may_answer.wait(60)  # longer than anybody waits
            return found

        monkeypatch.setattr(module, name, query)


async def leave(talkers: list[Talker]) -> None:
    for each in talkers:
        await each.leave()


async def test_equal_pages_are_read_once(lobby: Lobby, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        await lobby.post(f"message {number}")
    start, page = Held(monkeypatch, replay, "start"), Held(monkeypatch, replay, "page")
    start.may_answer.set()
    talkers = [lobby.dial(f"user-{number}", "&since=1") for number in range(EVERYBODY)]
    await reached(lambda: all(each.named("WelcomeInfo") for each in talkers))
    await reached(lambda: page.read)
    page.may_answer.set()
    await reached(lambda: all(len(each.named("System")) == 2 for each in talkers))
    assert page.asked == 1
    assert [each.named("System")[0]["seq"] for each in talkers] == [2] * EVERYBODY
    await leave(talkers)


async def test_after_an_erasure_nobody_is_told_a_page_from_before(
    lobby: Lobby, monkeypatch: pytest.MonkeyPatch
) -> None:
    message_id = await lobby.post("a secret")
    page = Held(monkeypatch, replay, "page")
    early = lobby.dial("early", "&since=0")
    await reached(lambda: page.read == 1)
    erased = await lobby.client.delete(f"{lobby.path}/messages/{message_id}")
    assert erased.status_code == 200
    late = lobby.dial("late", "&since=0")
    await reached(lambda: page.asked == 2)
    page.may_answer.set()
    await reached(lambda: early.named("MessageDeleted") and late.named("MessageDeleted"))
    assert "a secret" not in str(early.frames) + str(late.frames)
    await leave([early, late])


async def test_a_room_that_somebody_is_in_is_not_looked_up_again(
    lobby: Lobby, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Held(monkeypatch, rooms, "find_open_ref")
    talkers = [lobby.dial(f"user-{number}") for number in range(EVERYBODY)]
    await reached(lambda: found.read)
    found.may_answer.set()
    await reached(lambda: all(each.named("WelcomeInfo") for each in talkers))
    talkers.append(lobby.dial("the last"))
    await reached(lambda: talkers[-1].named("WelcomeInfo"))
    assert found.asked == 1
    await leave(talkers)


async def test_a_room_that_was_closed_is_found_by_nobody(lobby: Lobby) -> None:
    early = lobby.dial("early")
    await reached(lambda: early.named("WelcomeInfo"))
    assert (await lobby.client.delete(lobby.path)).status_code == 204
    late = lobby.dial("late")
    await reached(lambda: late.refused == 404)
    await early.leave()


async def test_a_look_up_from_before_a_closing_is_not_remembered(
    lobby: Lobby, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Held(monkeypatch, rooms, "find_open_ref")
    early = lobby.dial("early")
    await reached(lambda: found.read == 1)
    assert (await lobby.client.delete(lobby.path)).status_code == 204
    found.may_answer.set()
    await reached(lambda: early.named("Error"))
    await early.leave()
    assert early.named("Error")[0]["code"] == "room_closed"
    late = lobby.dial("late")
    await reached(lambda: late.refused == 404)
