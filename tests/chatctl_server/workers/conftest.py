"""The client of callbacks runs on both kinds of loop: the server's, and that of a command."""

import asyncio
from collections.abc import Callable, Mapping

import pytest
import uvloop

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


@pytest.hookimpl(optionalhook=True)
def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, LoopFactory]:
    plain: dict[str, LoopFactory] = {"asyncio": asyncio.new_event_loop}
    is_of_the_client = item.path.name == "test_http_client.py"
    return plain | {"uvloop": uvloop.new_event_loop} if is_of_the_client else plain
