"""Whose password is looked at next, and how many may wait."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from chatctl_server import errors
from chatctl_server.live import passwords
from chatctl_server.live.passwords import Passwords


class Desk(Passwords):
    """It looks at nothing until it may, and keeps the order."""

    def __init__(self) -> None:
        super().__init__()
        self.may_look = threading.Event()
        self.seen: list[str] = []

    def _verify(self, password: str, stored: str) -> bool:
        self.may_look.wait(60)
        self.seen.append(password)
        return True

    def ask(self, password: str, address: str) -> "asyncio.Task[bool]":
        return asyncio.create_task(self.is_right(password, "stored", address))


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    made = Desk()
    yield made
    made.may_look.set()
    await made.close()


async def test_addresses_take_turns(desk: Desk) -> None:
    """So whoever sends many waits behind nobody but themselves; and who has gone away is passed
    over."""
    asked = [desk.ask(f"guess {number}", "there") for number in range(4)]
    asked.append(desk.ask("mine", "here"))
    await asyncio.sleep(0)
    asked[2].cancel()
    await asyncio.sleep(0)
    desk.may_look.set()
    await asyncio.gather(*asked, return_exceptions=True)
    assert desk.seen == ["guess 0", "guess 1", "mine", "guess 3"]


async def test_so_many_of_an_address_and_so_many_in_all_may_wait(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "MOST_OF_AN_ADDRESS", 2)
    monkeypatch.setattr(passwords, "MOST", 3)
    waiting = [desk.ask("x", "there") for _ in range(3)]  # one of them is looked at
    await asyncio.sleep(0)
    with pytest.raises(errors.Busy):
        await desk.ask("one too many", "there")
    waiting.append(desk.ask("x", "here"))
    await asyncio.sleep(0)
    with pytest.raises(errors.Busy):
        await desk.ask("one too many", "elsewhere")
    desk.may_look.set()
    assert await asyncio.gather(*waiting) == [True] * 4


async def test_a_stop_tells_those_who_wait(desk: Desk) -> None:
    begun, waiting = desk.ask("x", "here"), desk.ask("y", "here")
    await asyncio.sleep(0)
    closing = asyncio.create_task(desk.close())
    with pytest.raises(errors.Stopping):
        await waiting
    desk.may_look.set()
    await closing
    assert await begun
