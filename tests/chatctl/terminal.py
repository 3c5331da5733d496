"""A command on a real pseudo-terminal."""

import fcntl
import os
import pty
import struct
import termios

from prepared_server import Chatctl


def on_terminal(
    chatctl: Chatctl,
    *args: str,
    columns: int = 80,
    rows: int = 24,
    typed: str = "",
    **environ: str,
) -> tuple[str, int]:
    """Everything that was shown, and the exit code."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    given = {"TERM": "xterm", **chatctl.environ, **environ}
    running = chatctl.start(*args, stdin=slave, stdout=slave, stderr=slave, **given)
    os.close(slave)
    os.write(master, typed.encode())
    shown = b""
    # The other end is closed when the command has ended.
    while chunk := _read(master):
        shown += chunk
    os.close(master)
    return shown.decode().replace("\r\n", "\n"), running.wait(30)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:
        return b""
