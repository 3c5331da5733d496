"""Runs chatctl in a terminal and draws what it showed: ``python docs/draw_terminal.py [FILE]``.

A server is started in a temporary directory and killed on the way; the commands and what they
print are as they are. Without FILE it is docs/terminal.svg.
"""

import fcntl
import os
import pty
import re
import shlex
import signal
import struct
import subprocess
import sys
import termios
import time
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory

COLUMNS, ROWS = 84, 40
CHARACTER, LINE, MARGIN = 8.0, 19, 16
CONFIGURE = "export DATABASE_URL=sqlite:./chat.db"
SERVE = "chatctl serve 2>log &"
KILL = "kill -9 %1"
STEPS = (
    "chatctl rooms create lobby --admin anna",
    "chatctl say lobby Back in ten minutes",
    "chatctl ban lobby mallory --reason spam --for 1h",
    "chatctl rooms ls",
    KILL,
    "chatctl bans lobby",
    "chatctl events --limit 3 --quiet",
)
STYLE = """
text { font: 13.3px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; fill: #1f2328;
  white-space: pre }
.page { fill: #f6f8fa }
.prompt { fill: #0969da }
.typed, .bold { font-weight: 600 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .page { fill: #151b23 }
  .prompt { fill: #4493f8 }
}
"""
_BOLD = re.compile(r"\x1b\[1m(.*?)\x1b\[0?m", re.DOTALL)
_OTHER = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|\r")


def main() -> None:
    target = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_name("terminal.svg"))
    target.write_text(svg(session()))


def session() -> list[str]:
    """Lines of SVG text, without their places."""
    with TemporaryDirectory(prefix="chatctl-") as directory:
        environment = {
            "HOME": directory,
            "XDG_RUNTIME_DIR": directory,
            "TERM": "xterm-256color",
            "PAGER": "cat",
            "DATABASE_URL": "sqlite:./chat.db",
            "BIND_ADDRESS": "127.0.0.1:0",
        }
        server = subprocess.Popen(
            [sys.executable, "-m", "chatctl", "serve"],
            cwd=directory,
            env=environment,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait_for(Path(directory, "chat.db.admin.sock"))
            lines = [_typed(CONFIGURE), _typed(SERVE)]
            for step in STEPS:
                lines.append(_typed(step))
                if step == KILL:
                    server.send_signal(signal.SIGKILL)
                    server.wait()
                else:
                    lines += _shown(_in_terminal(step, directory, environment))
            return lines
        finally:
            server.kill()
            server.wait()


def _wait_for(path: Path) -> None:
    for _ in range(200):
        if path.exists():
            return
        time.sleep(0.05)
    raise SystemExit("the server did not start")


def _in_terminal(command: str, directory: str, environment: dict[str, str]) -> str:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    running = subprocess.Popen(
        [sys.executable, "-m", *shlex.split(command)],
        cwd=directory,
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    parts = []
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # the other side is closed
            break
        if not part:
            break
        parts.append(part)
    os.close(ours)
    if running.wait():
        raise SystemExit(f"{command}: exit {running.returncode}")
    return b"".join(parts).decode().replace(os.path.realpath(directory), "/home/anna")


def _typed(command: str) -> str:
    return f'<tspan class="prompt">$ </tspan><tspan class="typed">{escape(command)}</tspan>'


def _shown(text: str) -> list[str]:
    marked = _BOLD.sub(lambda found: f"\1{found[1]}\2", text)
    lines = escape(_OTHER.sub("", marked)).rstrip("\n").split("\n")
    return [line.replace("\1", '<tspan class="bold">').replace("\2", "</tspan>") for line in lines]


def svg(lines: list[str]) -> str:
    width, height = round(COLUMNS * CHARACTER + 2 * MARGIN), len(lines) * LINE + 2 * MARGIN
    drawn = "\n".join(
        f'<text x="{MARGIN}" y="{MARGIN + LINE * number - 5}" xml:space="preserve">{line}</text>'
        for number, line in enumerate(lines, 1)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="chatctl in a terminal">\n<style>{STYLE}</style>\n'
        f'<rect class="page" width="{width}" height="{height}" rx="8"/>\n{drawn}\n</svg>\n'
    )


if __name__ == "__main__":
    main()
