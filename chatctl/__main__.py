"""Where the command begins: also before its modules are there Ctrl-C leaves no traceback."""

import os
import signal
from typing import NoReturn

_INTERRUPTED = 130  # as in exits, which is still to be imported


def _stop(*_: object) -> NoReturn:
    os._exit(_INTERRUPTED)


# Whoever starts a command with SIGINT ignored, as nohup and a shell's & do, has it ignored.
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, _stop)


def main() -> NoReturn:
    from chatctl import cli

    cli.main()


if __name__ == "__main__":
    main()
