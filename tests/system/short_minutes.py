"""The real ``chatctl``, whose server notes twenty times a second how long it has run. Its clock
on the wall can be set, as in ``shifted_clock``."""

import sys

import shifted_clock

from chatctl import cli
from chatctl_server import app

if __name__ == "__main__":
    shifted_clock.shift()
    app.CLIENT_IDS_SECONDS = 0.05
    sys.exit(cli.run(sys.argv[1:]))
