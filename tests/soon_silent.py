"""The real ``chatctl``, which keeps streams alive five times a second."""

import sys

from chatctl import cli
from chatctl_server import app

if __name__ == "__main__":
    app.KEEP_ALIVE_SECONDS = 0.2
    sys.exit(cli.run(sys.argv[1:]))
