"""The README's commands run, in their order, in an empty directory with nothing configured.

In a ``console`` block ``$`` begins a command and what follows is its output. What a person would
leave running in a terminal of its own (``chatctl serve``, ``python talk.py``) is left running
here; a block without a command shows what the program still running prints next: to its end, or of
the receiver of callbacks, which has none, the lines that are shown.
What stands before ``&& chatctl`` installs, which has happened already. The commands that start
the server and run the tests must be there as they are.
"""

import itertools
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import programs
import pytest
from documents import Block, Examples, blocks
from world import clean_environment, eventually, free_port

README = "README.md"
START = "pip install . && chatctl serve --db sqlite:./chat.db"
TEST = "pip install -e '.[test]' && pytest"
ADDRESS = "127.0.0.1:3000"
RECEIVER = "127.0.0.1:8080"
LISTEN = "chatctl callbacks listen"
SERVE = re.compile(r"(?:([A-Z_]+)=(\S+) )?(chatctl serve .*)")


@pytest.fixture
def terminals() -> Iterator["Terminals"]:
    # The path of the server's socket in it must stay below 108 bytes, and tmp_path is long.
    with TemporaryDirectory(prefix="chatctl-") as directory:
        opened = Terminals(Path(directory))
        try:
            yield opened
        finally:
            opened.close()


def test_the_commands_run(terminals: "Terminals") -> None:
    ran = []
    for block in blocks(README):
        if block.language == "python":
            terminals.save("talk.py", block.text)
            continue
        assert block.language == "console", block.place
        typed = list(commands(block))
        if not typed:
            terminals.compare_rest(block.text.splitlines(), block)
        for command, output in typed:
            ran.append(command)
            if command != TEST:
                terminals.type(command, output, block)
    assert ran[:2] == [START, TEST]


def commands(block: Block) -> Iterator[tuple[str, list[str]]]:
    lines = iter(block.text.splitlines())
    ahead = next(lines, None)
    while ahead is not None and ahead.startswith("$ "):
        command, output = ahead[2:], []
        ahead = None
        for line in lines:
            if line.startswith("$ "):
                ahead = line
                break
            output.append(line)
        yield command, output


class Terminals:
    """One directory, one set of shell variables, and the programs left running."""

    def __init__(self, directory: Path) -> None:
        self.bash, *_ = map(programs.path, ("bash", "awk", "curl"))
        self.directory = directory
        self.address = f"127.0.0.1:{free_port()}"
        self.receiver_port = free_port()
        self.environment = clean_environment(directory, BIND_ADDRESS=self.address)
        self.environment["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.examples = Examples()
        self.running: subprocess.Popen[str] | None = None
        self.is_listening = False
        self.servers: list[subprocess.Popen[bytes]] = []
        self._logs = itertools.count(1)

    def save(self, name: str, text: str) -> None:
        assert ADDRESS in text
        (self.directory / name).write_text(text.replace(ADDRESS, self.address))

    def type(self, command: str, output: list[str], block: Block) -> None:
        command = command.removeprefix("pip install . && ")
        if serve := SERVE.fullmatch(command.replace(RECEIVER, f"127.0.0.1:{self.receiver_port}")):
            name, value, command = serve.groups()
            self._serve(command, {name: value} if name else {})
        elif command == LISTEN:
            self._listen(command)
        elif command.startswith("python talk.py"):
            self._talk(command, output, block)
        else:
            done = self._run(command.replace(ADDRESS, self.address))
            assert not done.returncode, f"{block.place}: {command}\n{done.stderr}"
            self._compare(output, done.stdout.splitlines(), block, done.stderr)

    def compare_rest(self, shown: list[str], block: Block) -> None:
        assert self.running is not None, block.place
        if self.is_listening:
            assert self.running.stdout is not None
            found = [self.running.stdout.readline().removesuffix("\n") for _ in shown]
            self._compare(shown, found, block)
            self.running.send_signal(signal.SIGINT)
        rest, _ = self.running.communicate(timeout=30)
        assert self.running.returncode == 0, block.place
        if not self.is_listening:
            self._compare(shown, rest.splitlines(), block)

    def close(self) -> None:
        for process in (self.running, *self.servers):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait(30)
        if self.running is not None and self.running.stdout is not None:
            self.running.stdout.close()

    def _listen(self, command: str) -> None:
        log = self.directory / "receiver.log"
        self.is_listening = True
        with log.open("wb") as stderr:
            self.running = subprocess.Popen(
                [*command.split(), "--port", str(self.receiver_port)],
                env=self.environment,
                cwd=self.directory,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )
        eventually(lambda: f"on http://127.0.0.1:{self.receiver_port};" in log.read_text())

    def _serve(self, command: str, settings: dict[str, str]) -> None:
        for earlier in self.servers:
            earlier.wait(30)
        log = self.directory / f"server-{next(self._logs)}.log"
        with log.open("wb") as stderr:
            server = subprocess.Popen(
                command.split(),
                env={**self.environment, **settings},
                cwd=self.directory,
                stderr=stderr,
            )
        self.servers.append(server)
        eventually(lambda: f"listens on http://{self.address}" in log.read_text(), seconds=30)

    def _talk(self, command: str, output: list[str], block: Block) -> None:
        self.running = subprocess.Popen(
            [self.bash, "-c", f"exec {command}"],
            env=self.environment,
            cwd=self.directory,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.running.stdout is not None
        found = [self.running.stdout.readline().removesuffix("\n") for _ in output]
        self._compare(output, found, block)

    def _run(self, command: str) -> subprocess.CompletedProcess[str]:
        """A variable that the command sets is there for the next ones."""
        assigned = re.match(r"([A-Z]+)=\$", command)
        shown = f'; printf %s "${assigned[1]}"' if assigned else ""
        done = subprocess.run(
            [self.bash, "-c", f"set -e -o pipefail; {command}{shown}"],
            env=self.environment,
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if assigned:
            self.environment[assigned[1]] = done.stdout
            done.stdout = ""
        return done

    def _compare(self, shown: list[str], found: list[str], block: Block, beside: str = "") -> None:
        text = "\n".join(found)
        is_like = self.examples.is_like_text("\n".join(shown).replace(ADDRESS, self.address), text)
        assert is_like, f"{block.place}: shown is\n{shown}\nfound is\n{found}\n{beside}"
