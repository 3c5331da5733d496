"""No secret is ever an argument, or in the name of a process: whoever runs ps would see it."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import programs
import pytest
from prepared_server import Answer, Chatctl, Prepared
from world import eventually

from chatctl_server.process import lock

SECRET = "correct-horse-battery-staple-0123456789"
KEY = "key-that-nobody-may-see-0123456789"
# Every way to start a process or a thread, and to call oneself something.
TRACED = "trace=execve,execveat,clone,clone3,fork,vfork,prctl"


class Traced:
    """Commands under strace, which writes down whole arguments and no environment."""

    def __init__(self, chatctl: Chatctl) -> None:
        self.chatctl = chatctl
        self._trace = chatctl.directory / "trace"

    def command(self, *argv: str) -> list[str]:
        options = ("-f", "--seccomp-bpf", "-qq", "-s", "4096", "-e", TRACED)
        return [programs.path("strace"), *options, "-o", str(self._trace), *argv]

    def __call__(self, *args: str, stdin: str = "", **environ: str) -> str:
        """What the command wrote to stdout."""
        done = subprocess.run(
            self.command(*self.chatctl.command(*args)),
            input=stdin,
            capture_output=True,
            text=True,
            cwd=self.chatctl.directory,
            env={**self.chatctl.environ, **environ},
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def seen(self, *expected: str) -> str:
        """The trace, in which the command's own words must be."""
        text = self._trace.read_text()
        arguments = ", ".join(f'"{word}"' for word in ("-m", "chatctl", *expected))
        assert arguments in text
        return text


@pytest.fixture
def traced(chatctl: Chatctl) -> Traced:
    return Traced(chatctl)


def test_a_secret_in_an_argument_would_be_seen(traced: Traced) -> None:
    subprocess.run(traced.command("true", "-m", "chatctl", SECRET), check=True)
    assert SECRET in traced.seen()


def test_a_server_generates_its_key(traced: Traced) -> None:
    """Neither at its start nor while it runs."""
    args = ("serve", "--bind", "127.0.0.1:0", "--db", "sqlite:./chat.db")
    database = traced.chatctl.directory / "chat.db"
    process = subprocess.Popen(
        traced.command(*traced.chatctl.command(*args)),
        cwd=database.parent,
        env=traced.chatctl.environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    holder = eventually(lambda: _ready(database))
    try:
        key = Path(f"{database}.admin-key").read_text().strip()
        shown = list(_names(holder.pid))
    finally:
        # strace ends with the server, and does not pass signals on.
        os.kill(holder.pid, signal.SIGTERM)
        process.wait(30)
    assert len(key) > 20
    assert "chatctl" in shown[0]
    assert not any(key in each for each in shown)
    assert key not in traced.seen(*args)


def _ready(database: Path) -> lock.Holder | None:
    holder = lock.read(lock.lock_path(database))
    return holder if holder is not None and holder.ready else None


def _names(pid: int) -> Iterator[str]:
    """The command line as it is now, and the name of each thread."""
    process = Path(f"/proc/{pid}")
    yield process.joinpath("cmdline").read_text()
    for task in process.joinpath("task").iterdir():
        yield task.joinpath("comm").read_text()


def test_a_key_comes_from_a_file(traced: Traced, server: Prepared) -> None:
    server.answers["GET /management/rooms"] = Answer([])
    (traced.chatctl.directory / "key").write_text(KEY)
    args = ("rooms", "ls", "--server", server.url, "--api-key-file", "key")
    traced(*args)
    assert server.asked[0].key == KEY
    assert KEY not in traced.seen(*args)


def test_init_writes_secrets(traced: Traced) -> None:
    traced("init", "here")
    written = list(traced.chatctl.directory.glob("here/secrets/*"))
    assert len(written) == 3
    trace = traced.seen("init", "here")
    assert not any(path.read_text().strip() in trace for path in written)


def test_a_token_is_minted_and_inspected_from_stdin(traced: Traced) -> None:
    path = traced.chatctl.directory / "token-secret"
    path.write_text(SECRET)
    path.chmod(0o600)
    signing = {"ROOM_IDENTITY": "token", "ROOM_TOKEN_SECRET_FILE": str(path)}
    args = ("token", "mint", "--user", "anna")
    token = traced(*args, **signing).strip()
    trace = traced.seen(*args)
    assert token.count(".") == 2
    assert token not in trace
    assert SECRET not in trace

    assert "anna" in traced("token", "inspect", "-", stdin=token, **signing)
    trace = traced.seen("token", "inspect", "-")
    assert token not in trace
    assert SECRET not in trace
