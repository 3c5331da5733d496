"""On a real pseudo-terminal: tables that fit, our own colours only, questions."""

import fcntl
import os
import pty
import struct
import subprocess
import termios
import time

import pytest
from prepared_server import Answer, Chatctl, Prepared, lines

from chatctl.output import Column, fitted

ROOM_ID = "6f1c8f0e-58b3-4b3a-9f5e-0d8a1f1f0001"
ROOM = {
    "room_id": ROOM_ID,
    "room_name": "长长的房间名" * 4 + "\x1b[31m",
    "start_time": time.time() - 7300,
    "current_users": 3,
    "peak_users": 9,
    "total_joins": 27,
    "admin_user_ids": [],
}


def _on_terminal(
    chatctl: Chatctl, *args: str, columns: int = 80, typed: str = "", **environ: str
) -> tuple[str, int]:
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    running = subprocess.Popen(
        chatctl.command(*args), stdin=slave, stdout=slave, stderr=slave,
        cwd=chatctl.directory, env={"TERM": "xterm", **chatctl.environ, **environ},
    )  # fmt: skip
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


@pytest.fixture
def prepared(server: Prepared) -> Prepared:
    server.answers["GET /management/rooms"] = Answer([ROOM])
    server.answers[f"GET /management/rooms/{ROOM_ID}"] = Answer(ROOM)
    return server


def test_a_table_fits_the_terminal_and_keeps_the_id(chatctl: Chatctl, prepared: Prepared) -> None:
    assert _on_terminal(chatctl, "rooms", columns=80, CHATCTL_SERVER=prepared.url) == (
        "\x1b[1mID                                    NAME            USERS  PEAK  JOINS  OPENED"
        "\x1b[0m\n"
        f"{ROOM_ID}  长长的房间名…       3     9     27  2h ago\n",
        0,
    )


def test_a_wide_terminal_shows_all(chatctl: Chatctl, prepared: Prepared) -> None:
    shown, _ = _on_terminal(
        chatctl, "rooms", "--no-color", columns=200, CHATCTL_SERVER=prepared.url
    )
    assert "长长的房间名" * 4 + r"\x1b[31m" in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_colour_is_switched_off(
    chatctl: Chatctl, prepared: Prepared, name: str, value: str
) -> None:
    chatctl.environ[name] = value
    shown, code = _on_terminal(chatctl, "rooms", CHATCTL_SERVER=prepared.url)
    assert "\x1b" not in shown
    assert code == 0


@pytest.mark.parametrize(
    ("typed", "said", "code"),
    [("y\n", "closed\n", 0), ("\n", "chatctl: nothing was done\n", 1), ("n\n", "done\n", 1)],
)
def test_close_asks_on_a_terminal(
    chatctl: Chatctl, prepared: Prepared, typed: str, said: str, code: int
) -> None:
    prepared.answers[f"DELETE /management/rooms/{ROOM_ID}"] = Answer(b"", 204)
    shown, ended = _on_terminal(
        chatctl, "rooms", "close", ROOM_ID, typed=typed, CHATCTL_SERVER=prepared.url
    )
    assert f"({ROOM_ID}), 3 inside? [y/N] " in shown
    assert shown.endswith(said)
    assert ended == code
    assert ("DELETE" in [asked.method for asked in prepared.asked]) == (code == 0)


def test_only_text_gives_way_and_the_widest_first() -> None:
    columns = [Column("a", "A", "id"), Column("b", "B"), Column("c", "C")]
    assert fitted(columns, [36, 30, 20], 200) == [36, 30, 20]
    assert fitted(columns, [36, 30, 20], 80) == [36, 20, 20]
    assert fitted(columns, [36, 30, 20], 20) == [36, 8, 8]


def test_help_names_the_nouns(chatctl: Chatctl) -> None:
    done = chatctl()
    assert (done.stderr, done.exit) == ("", 0)
    assert done == chatctl("--help")
    for name in ("serve", "status", "rooms", "ban", "watch", "events", "db"):
        assert f"\n  {name} " in done.stdout
    assert chatctl("--version").stdout.startswith("chatctl 0.")
    assert chatctl("rooms", "--help").stdout.startswith("Usage: chatctl rooms ")


def test_every_command_teaches(chatctl: Chatctl) -> None:
    help_text = chatctl("ban", "--help").stdout
    assert "Throw users out of a room and keep them out." in help_text
    assert (
        lines(
            "  Examples:",
            "    chatctl ban lobby mallory --reason spam --for 7d",
            "    chatctl bans lobby | chatctl ban arena --from -",
        )
        in help_text
    )
    assert "    9   partly done\n" in help_text
