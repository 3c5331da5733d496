"""The programs in docs/python.md run, and live on when their server is killed."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import documents
from people import PASSWORD, ask, email, sign_up
from world import Server, running

from chatctl.client import close_codes

DOCUMENT = "docs/python.md"
BLOCKS = [block.text for block in documents.blocks(DOCUMENT) if block.language == "python"]


@contextmanager
def program(server: Server, name: str, *words: str) -> Iterator[subprocess.Popen[str]]:
    """The one that uses that class."""
    (text,) = (block for block in BLOCKS if f" {name}" in block)
    file = server.directory / "program.py"
    file.write_text(text.replace("http://127.0.0.1:3000", server.url))
    with subprocess.Popen(
        [sys.executable, "-W", "error", str(file), *words],
        stdout=subprocess.PIPE,
        encoding="utf-8",
        env={"PYTHONIOENCODING": "utf-8"},
    ) as running_program:
        try:
            yield running_program
        finally:
            running_program.kill()


def said(running_program: subprocess.Popen[str]) -> str:
    assert running_program.stdout is not None
    return running_program.stdout.readline()


def test_in_a_room(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        room = server.create_room()
        with program(server, "RoomClient", room.id) as bot:
            assert said(bot) == "connected\n"
            room.join("anna").say("ping")
            assert said(bot) == "message 1 is answered by 2\n"
            server.kill()
            server.start()
            room.join("anna").say("ping")
            assert [said(bot), said(bot)] == ["connected\n", "message 3 is answered by 4\n"]
            room.ban("bot")
            assert said(bot) == "not any more: banned\n"
            assert bot.wait(10) == 0


def test_in_team_chat(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        anna, bert = (sign_up(server, name) for name in ("Anna", "Bert"))
        body = {"name": "lunch", "type": "PrivateChannel", "members": [bert["user"]["id"]]}
        chat = ask(server, "POST", "/api/chat", anna["token"], json=body).json()["id"]

        def say(text: str) -> None:
            path = f"/api/chat/{chat}/messages"
            ask(server, "POST", path, anna["token"], json={"content": text})

        with program(server, "TeamClient", email("Bert"), PASSWORD) as bot:
            assert said(bot) == "in lunch\n"
            say("one")
            assert said(bot) == "Anna: one\n"
            server.kill()
            server.start()
            say("ping")
            assert sorted([said(bot), said(bot)]) == ["Bert: pong\n", "in lunch\n"]


def test_at_the_desk(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        anna = sign_up(server, "Anna")["token"]  # the first account, which owns the workspace
        with program(server, "SupportClient", anna) as greeter:
            for name in ("Dora", "Eve"):
                assert said(greeter) == "connected\n"
                made = ask(server, "POST", "/api/conversations", anna, json={"customer_name": name})
                path = f"/api/conversations/{made.json()['id']}/messages"
                assert said(greeter) == "Anna: We are here.\n"
                ask(server, "POST", path, anna, json={"content": f"hello {name}"})
                assert said(greeter) == f"Anna: hello {name}\n"
                server.kill()
                server.start()


def test_their_types_are_checked(tmp_path: Path) -> None:
    """By whoever uses mypy: the client is typed."""
    for number, text in enumerate(BLOCKS):
        (tmp_path / f"program_{number}.py").write_text(text)
    words = (sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"))
    done = subprocess.run(
        [*words, *map(str, tmp_path.glob("*.py"))],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,  # where it finds what is installed, and no sources
    )
    assert (done.stdout, done.returncode) == ("Success: no issues found in 3 source files\n", 0)


def test_every_close_that_ends_it_has_its_row() -> None:
    rows = re.findall(r"^\| `(\w+)`.* \| (\d{4}) \|$", documents.read(DOCUMENT), re.MULTILINE)
    assert {int(code): name for name, code in rows} == close_codes.FINAL
