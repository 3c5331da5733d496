"""The real ``chatctl``, in which nothing frees what refers to each other. At SIGUSR1 it writes into
the file ``kept`` how many objects of connections there are.

``python -m uncollected serve`` is ``chatctl serve``.
"""

import gc
import signal
import sys
from pathlib import Path

from websockets.server import ServerProtocol

from chatctl import cli
from chatctl_server.live.http_protocol import HttpProtocol
from chatctl_server.live.subscriber import Subscriber
from chatctl_server.live.websocket_protocol import WebSocketProtocol

KEPT = Path("kept").absolute()
OF_CONNECTIONS = (HttpProtocol, WebSocketProtocol, ServerProtocol, Subscriber)


def count(signal_number: int, frame: object) -> None:
    found = sum(isinstance(each, OF_CONNECTIONS) for each in gc.get_objects())
    KEPT.with_suffix(".new").write_text(str(found))
    KEPT.with_suffix(".new").replace(KEPT)


if __name__ == "__main__":
    gc.disable()
    signal.signal(signal.SIGUSR1, count)
    sys.exit(cli.run(sys.argv[1:]))
