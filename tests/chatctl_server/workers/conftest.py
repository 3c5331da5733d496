"""The client of callbacks runs on two kinds of loop: the server's, and that of a command."""

import asyncio
from collections.abc import Callable, Mapping

import pytest
import uvloop

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


@pytest.hookimpl(optionalhook=True)
def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, LoopFactory]:
    plain: dict[str, LoopFactory] = {"asyncio": asyncio.new_event_loop}
    is_on_both = isinstance(item, pytest.Function) and "on_both_loops" in item.fixturenames
    return plain | {"uvloop": uvloop.new_event_loop} if is_on_both else plain


@pytest.fixture
def on_both_loops() -> None:
    """What depends on how a loop's transports read, write and close is tested on both."""
