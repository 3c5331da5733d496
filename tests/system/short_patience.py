"""The real ``chatctl``, which pings every second and gives a client one second for what it gives it
ten for otherwise. The system's own limit of unacknowledged bytes is far away.

``python -m short_patience serve`` is ``chatctl serve``.
"""

import sys

from chatctl import cli
from chatctl_server.live import subscriber, websocket_protocol
from chatctl_server.process import sockets

if __name__ == "__main__":
    websocket_protocol.PING_SECONDS = websocket_protocol.PONG_SECONDS = 1.0
    subscriber.STALLED_SECONDS = 1.0
    sockets.USER_TIMEOUT_MILLISECONDS = 600_000
    sys.exit(cli.run(sys.argv[1:]))
