"""``chatctl inbox`` on a real pseudo-terminal, beside a real server."""

import fcntl
import os
import pty
import re
import signal
import struct
import termios
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import desk_scene
import forks
import pytest
from hostile import STRINGS, acting
from prepared_server import Chatctl
from team import SETTINGS, Person, Town
from world import Server, eventually, running

from chatctl.input import keys
from chatctl.input.keys import LineEditor, named
from chatctl.show.visible import width

PATH = "/management/conversations"
_STYLE = re.compile(r"\x1b\[[0-9;]*m|\x1b(\[[0-9;]*)?$")  # or one of which the rest is to come
_HOME = "\x1b[H"
ALTERNATE, BACK = "\x1b[?1049h", "\x1b[?1049l"


class Street(NamedTuple):
    server: Server
    anna: Person
    bo: desk_scene.Customer
    carl: desk_scene.Customer


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    town = Town(tmp_path / "chat.db")
    anna = town.person("Anna", role="agent")
    bakery = desk_scene.site(town, "Bakery")
    bo = desk_scene.customer(town, bakery, "Bo", "is the bread fresh?")
    carl = desk_scene.customer(town, bakery, "Carl", "red\nor blue?")
    town.close()
    with running(tmp_path, **SETTINGS) as server:
        yield Street(server, anna, bo, carl)


class Terminal:
    """A command that runs in one, and what its screen shows."""

    def __init__(self, server: Server, *words: str, columns: int = 80, rows: int = 24) -> None:
        self._master, slave = pty.openpty()
        self.resize(columns, rows)
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        environment = {**server.environment, "TERM": "xterm"}
        self.running = forks.start(
            words, environment, server.directory, stdin=slave, stdout=slave, stderr=slave
        )
        self.shown = ""
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while True:
            try:
                chunk = os.read(self._master, 65_536)
            except OSError:
                return
            self.shown += chunk.decode(errors="replace")

    def resize(self, columns: int, rows: int) -> None:
        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, size)

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    @property
    def lines(self) -> list[str]:
        """Of the newest whole screen."""
        frame = self.shown.rpartition(_HOME)[2]
        return [line.rstrip() for line in _STYLE.sub("", frame).split("\r\n")]

    def shows(self, text: str) -> None:
        try:
            eventually(lambda: any(text in line for line in self.lines))
        except AssertionError:
            raise AssertionError("\n".join([f"no {text!r} in", *self.lines])) from None

    def ends(self, code: int) -> None:
        """And the terminal is as it was."""
        assert self.running.wait(15) == code, self.shown[-500:]
        eventually(lambda: BACK in self.shown)
        eventually(lambda: termios.tcgetattr(self.slave) == self.before)
        assert self.shown.count(ALTERNATE) == 1
        assert re.sub(r"\x1b\[[?0-9;]*[a-z]", "", self.shown.rpartition(BACK)[2]).strip() == ""
        assert self.shown.rfind("\x1b[?25h") > self.shown.rfind("\x1b[?25l")
        os.close(self.slave)


def said(street: Street, customer: desk_scene.Customer) -> list[dict[str, Any]]:
    return list(street.server.http.get(f"{PATH}/{customer.id}/messages").json())


def test_conversations_are_answered_from_the_keyboard(street: Street) -> None:
    inbox = Terminal(street.server, "inbox")
    inbox.shows("2 open, 2 waiting")
    inbox.shows("> !")
    assert inbox.lines[1].split()[3] == "Carl"  # who wrote last is first, and selected
    inbox.shows("or blue?")
    inbox.type("nask Tom\r")
    inbox.shows("(note): ask Tom")
    inbox.shows("2 open, 2 waiting")
    inbox.type("jr")
    inbox.shows("reply to Bo:")
    inbox.type("hallox\x7f\x1b[D!\x1b[200~, yes\nsure\x1b[201~\r")
    eventually(lambda: len(said(street, street.bo)) == 2)
    answer = said(street, street.bo)[0]
    assert (answer["content"], answer["sender_type"]) == ("hall!, yes\nsureo", "agent")
    inbox.shows("2 open, 1 waiting")
    inbox.type("n")
    inbox.shows("note on Bo:")
    inbox.type("likes ryе\r")
    inbox.shows("(note): likes")
    assert said(street, street.bo)[0]["is_private"] is True
    inbox.type("a")
    inbox.shows("assign Bo to (nobody):")
    inbox.type("Anna\r")
    inbox.shows(f"u{street.anna.id}")
    inbox.type("a\r")
    inbox.shows("assigned to nobody")
    inbox.type("c")
    inbox.shows("Bo is closed")
    inbox.shows("1 open, 1 waiting")
    inbox.type("c")
    inbox.shows("0 open, 0 waiting")
    inbox.shows("no conversation is open")
    assert "Layout" not in inbox.shown
    inbox.type("q")
    inbox.ends(0)
    assert street.server.http.get(f"{PATH}/{street.bo.id}").json()["status"] == "closed"


def test_what_customers_write_is_there_at_once(street: Street) -> None:
    inbox = Terminal(street.server, "inbox")
    inbox.shows("2 open")
    path = f"/api/conversations/{street.carl.id}/messages"
    for number in range(30):
        body = {"content": f"line {number}"}
        street.server.http.post(path, json=body, headers=street.carl.headers).raise_for_status()
    inbox.shows("Carl: line 29")
    inbox.type("\r")
    inbox.shows("line 11")
    inbox.type("\x1b[5~")
    inbox.shows("line 3")
    inbox.type("\x1b[6~\x1b")
    inbox.shows("Bo")
    inbox.type("q")
    inbox.ends(0)


def test_enter_opens_and_enter_again_answers(street: Street) -> None:
    inbox = Terminal(street.server, "inbox")
    inbox.shows("Enter open")
    inbox.type("\r")
    inbox.shows("Enter reply")
    inbox.type("\rcan it wait?\r")
    eventually(lambda: said(street, street.carl)[0]["content"] == "can it wait?")
    inbox.shows("Enter reply")
    inbox.type("\x1b")
    inbox.shows("Enter open")
    inbox.type("q")
    inbox.ends(0)


def test_a_line_that_is_refused_stays_typed_and_goes_to_whom_it_was_meant_for(
    street: Street,
) -> None:
    inbox = Terminal(street.server, "inbox")
    inbox.shows("2 open")
    inbox.type("r")
    inbox.shows("reply to Carl:")
    inbox.type("too late")
    street.server.http.patch(f"{PATH}/{street.carl.id}", json={"status": "closed"})
    inbox.shows("1 open")
    inbox.type("\r")
    inbox.shows("The conversation is closed")
    inbox.shows("reply to Carl: too late")
    inbox.type("\x1b")
    eventually(lambda: not any("too late" in line for line in inbox.lines))
    inbox.type("q")
    inbox.ends(0)
    assert len(said(street, street.bo)) == len(said(street, street.carl)) == 1


def test_it_survives_a_restart_of_the_server(street: Street) -> None:
    inbox = Terminal(street.server, "inbox")
    inbox.shows("2 open")
    assert street.server.stop() == 0
    inbox.shows("waiting for the server to come back")
    street.server.start()
    inbox.shows("connected again")
    street.server.http.patch(f"{PATH}/{street.bo.id}", json={"status": "closed"})
    inbox.shows("1 open")
    inbox.type("q")
    inbox.ends(0)


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)],
)
def test_the_terminal_is_as_it_was_however_it_ends(street: Street, number: int, code: int) -> None:
    inbox = Terminal(street.server, "inbox")
    inbox.shows("2 open")
    assert termios.tcgetattr(inbox.slave) != inbox.before
    inbox.running.send_signal(number)
    inbox.ends(code)


def test_ctrl_z_does_nothing(street: Street) -> None:
    """A shell would show its prompt on the inbox's screen."""
    inbox = Terminal(street.server, "inbox")
    inbox.shows("2 open")
    inbox.type("r\x1a")
    inbox.shows("reply to Carl:")
    inbox.type("\x1b")
    eventually(lambda: not any("reply to" in line for line in inbox.lines[-1:]))
    inbox.type("q")
    inbox.ends(0)


def test_it_fits_every_size(street: Street) -> None:
    inbox = Terminal(street.server, "inbox")
    inbox.shows("2 open")
    for columns, rows in ((120, 40), (40, 10), (20, 6), (80, 24)):
        inbox.resize(columns, rows)
        inbox.running.send_signal(signal.SIGWINCH)
        eventually(lambda rows=rows: len(inbox.lines) == rows)
        eventually(lambda c=columns: all(width(each) <= c for each in inbox.lines))
    inbox.shows("Bo")
    inbox.type("q")
    inbox.ends(0)


def test_nothing_that_customers_write_acts_on_the_terminal(tmp_path: Path) -> None:
    town = Town(tmp_path / "chat.db")
    bakery = desk_scene.site(town, "Bakery")
    for number, text in enumerate(STRINGS.values()):
        desk_scene.customer(town, bakery, f"c{number}", text)
    town.close()
    with running(tmp_path, **SETTINGS) as server:
        for each in server.http.get(PATH).json():
            server.http.patch(f"{PATH}/{each['id']}", json={"labels": ["[red]x[/]"]})
        inbox = Terminal(server, "inbox", rows=60)
        inbox.shows(f"{len(STRINGS)} open")
        for _ in range(len(STRINGS) - 1):
            lines = inbox.lines
            inbox.type("j")
            eventually(lambda before=lines: inbox.lines != before)
            assert acting("".join(inbox.lines)) == set()
        inbox.type("q")
        inbox.ends(0)


def test_it_is_for_a_person_at_a_terminal(street: Street, tmp_path: Path) -> None:
    for words in (("inbox",), ("inbox", "--json")):
        done = street.server.chatctl(*words)
        assert (done.returncode, done.stdout) == (2, "")
        assert "chatctl conversations ls" in done.stderr


def test_without_a_server_it_says_so(chatctl: Chatctl) -> None:
    chatctl("db", "migrate", "--db", "sqlite:./chat.db")
    shown, code = chatctl.on_terminal("inbox", "--db", "sqlite:./chat.db")
    assert code == 6
    assert ALTERNATE not in shown
    assert "a file cannot be followed" in shown


def test_of_one_agent_and_of_one_site(street: Street) -> None:
    body = {"assignee": f"u{street.anna.id}"}
    street.server.http.patch(f"{PATH}/{street.bo.id}", json=body).raise_for_status()
    inbox = Terminal(street.server, "inbox", "--mine", "Anna", "--site", "bakery")
    inbox.shows("1 open, 1 waiting")
    inbox.type("rit is\r")
    eventually(lambda: said(street, street.bo)[0]["sender_id"] == f"u{street.anna.id}")
    inbox.type("q")
    inbox.ends(0)
    nobody = Terminal(street.server, "inbox", "--mine", "nobody")
    assert nobody.running.wait(15) == 3
    assert ALTERNATE not in nobody.shown


def test_a_long_list_says_that_it_is_cut(tmp_path: Path) -> None:
    town = Town(tmp_path / "chat.db")
    bakery = desk_scene.site(town, "Bakery")
    for number in range(101):
        desk_scene.customer(town, bakery, f"c{number}")
    town.close()
    with running(tmp_path, **SETTINGS) as server:
        inbox = Terminal(server, "inbox")
        inbox.shows("100+ open, 0 waiting")
        inbox.shows("nothing was said yet")
        inbox.type("\x1b[F")
        eventually(lambda: any(line[0:1] == ">" and " c1 " in line for line in inbox.lines))
        inbox.type("q")
        inbox.ends(0)


def test_keys_have_names() -> None:
    assert named("a\x1b[A\x1bOB\r\x7f\x1b[3~é\x1b[1;5C\x02") == [
        "a", "up", "down", "enter", "backspace", "delete", "é",
    ]  # fmt: skip
    assert named("\x1b") == ["escape"]
    assert named("\x1b[200~a\r\nb\x1b[201~c") == [f"{keys.PASTED}a\nb", "c"]


def test_a_line_is_edited() -> None:
    editor = LineEditor("x")
    for key in ("a", "c", "left", "b", "home", "0", "end", "d", "left", "delete", "backspace"):
        editor.press(key)
    assert (editor.text, editor.cursor) == ("0ab", 3)
    editor.press("clear")
    assert editor.text == ""
