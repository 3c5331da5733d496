"""Who is typing: how long it goes on, and how many there may be."""

import asyncio

import pytest

from chatctl_server.live import typing
from chatctl_server.live.typing import Typing


async def test_it_goes_on_while_it_is_said_again(monkeypatch: pytest.MonkeyPatch) -> None:
    found, ended = Typing(), asyncio.Event()
    monkeypatch.setattr(typing, "TYPING_SECONDS", 0.0)
    assert found.start("anna", ended.set)
    monkeypatch.setattr(typing, "TYPING_SECONDS", 3600.0)
    assert not found.start("anna", ended.set)
    for _ in range(3):  # turns of the loop, in which the first would have ended
        await asyncio.sleep(0)
    assert not ended.is_set()
    assert found.stop("anna")
    assert not found.stop("anna")


async def test_of_more_than_so_many_nobody_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typing, "MOST", 1)
    found = Typing()
    assert found.start("anna", lambda: None)
    assert not found.start("bert", lambda: None)
    assert not found.stop("bert")
    found.stop_all()
    assert not found.stop("anna")
