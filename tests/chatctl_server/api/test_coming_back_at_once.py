"""Many come back at once: what they ask for is read once, and nobody is told what is no more."""

import threading
from typing import Any

import pytest
from application import Lobby, Talker, reached

from chatctl_server.storage import replay, rooms

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
