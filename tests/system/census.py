"""The real ``chatctl``, which on SIGUSR1 writes into the file ``census`` how many connections are
in its memory, and then the names of its tasks, one a line.

``python -m census serve`` is ``chatctl serve``.
"""

import asyncio
import gc
import signal
import sys
from pathlib import Path
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from chatctl import cli
from chatctl_server import serving
from chatctl_server.api.rooms.member import Member
from chatctl_server.live.websocket_protocol import WebSocketProtocol

CONNECTION = (Member, WebSocketProtocol, WebSocketsSansIOProtocol)
_serve = serving._serve


def _count() -> None:
    connections = sum(isinstance(each, CONNECTION) for each in gc.get_objects())
    names = [each.get_name() for each in asyncio.all_tasks()]
    part = Path("census.part")
    part.write_text("\n".join([str(connections), *names]))
    part.rename("census")


async def _serve_counted(*arguments: Any) -> None:
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, _count)
    await _serve(*arguments)


if __name__ == "__main__":
    serving._serve = _serve_counted
    sys.exit(cli.run(sys.argv[1:]))
