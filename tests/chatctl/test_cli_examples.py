"""Every example of every command's help, which docs/cli.md shows: it runs as it stands there.

In a directory with what an example names: two rooms, a list of users, a backup. Only addresses
and places of other machines are replaced.
"""

import itertools
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import forks
import programs
import pytest
from receivers import Receiver, receiver
from world import KEY, Server, clean_environment, eventually, free_port

from chatctl.shell import registry

EXAMPLES = [example for _, verb, _ in registry.commands() for example in verb.examples]
SECRET = "a-secret-of-at-least-32-bytes-for-hs256"
# These stop no server; they are refused beside one, or are one.
ALONE = (
    "chatctl init",
    "chatctl serve",
    "chatctl db migrate",
    "chatctl db restore",
    "chatctl db seed",
)
ENDLESS = ("chatctl serve", "chatctl watch lobby", "chatctl events tail -f")
FOLLOWING = ("chatctl events tail -f", "chatctl callbacks forward", "chatctl callbacks tail")
LISTENING = "chatctl callbacks listen"
HOOK = "http://localhost:8080/hook"
DELIVERY = "01a2b3c4-0000-7000-8000-000000000001"
ASKING = ("chatctl rooms close lobby", "chatctl rooms rm lobby", "chatctl db restore nightly.db")
ENDED = {0, 128 + signal.SIGTERM, -signal.SIGTERM}


class Desk:
    """A directory, and a shell in it, in which ``chatctl`` is the command, for what needs one."""

    def __init__(self, directory: Path, **settings: str) -> None:
        self.directory = directory
        self.environment = clean_environment(directory, **settings)
        self.environment["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"

    def start(self, command: str) -> forks.Process:
        _, *words = shlex.split(command)
        return forks.start(words, self.environment, self.directory, stderr=subprocess.STDOUT)

    def run(self, command: str, *, is_asked: bool = False) -> tuple[int, str]:
        if not is_asked and not set(command) & set("|<>$&"):
            running = self.start(command)
            shown, _ = running.communicate(timeout=60)
            return running.returncode, shown.decode()
        words = ["sh", "-c", command]
        if is_asked:  # script(1) gives the command a terminal of its own
            words = [programs.path("script"), "-qec", command, "/dev/null"]
        done = subprocess.run(
            words, cwd=self.directory, env=self.environment, input=b"y\n" if is_asked else b"",
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True, timeout=60,
            check=False,
        )  # fmt: skip
        return done.returncode, done.stdout.decode()

    def furnish(self) -> None:
        (self.directory / "users.txt").write_text("mallory\ntrudy\n")
        (self.directory / "text").write_text("hello from a file\n")
        (self.directory / "secret.txt").write_text(f"{'0' * 40}\n")
        (self.directory / "chatctl.toml").write_text('DATABASE_URL = "sqlite:./chat.db"\n')
        (self.directory / "backup").mkdir()


@pytest.fixture(scope="module")
def hook() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture(scope="module")
def beside_server(hook: Receiver) -> Iterator[tuple[Desk, Server]]:
    # The path of the server's socket in it must stay below 108 bytes, and pytest's are long.
    with TemporaryDirectory(prefix="chatctl-") as name:
        settings = {"ROOM_IDENTITY": "token", "ROOM_TOKEN_SECRET": SECRET}
        heard = {
            "ROOM_EVENT_CALLBACK_URL": f"{hook.origin}/api/room-events",
            "CALLBACK_ALLOW_NETWORKS": "127.0.0.0/8",
        }
        server = Server(Path(name), **settings, **heard)
        desk = Desk(Path(name), DATABASE_URL="sqlite:./chat.db", ADMIN_API_KEY=KEY, **settings)
        desk.furnish()
        try:
            server.start()
            assert desk.run("chatctl token mint --user anna > token.txt")[0] == 0
            yield desk, server
        finally:
            server.close()


@pytest.fixture
def alone() -> Iterator[Desk]:
    with TemporaryDirectory(prefix="chatctl-") as name:
        yield Desk(Path(name), DATABASE_URL="sqlite:./chat.db")


@pytest.mark.parametrize("example", [each for each in EXAMPLES if not each.startswith(ALONE)])
def test_beside_a_server(example: str, beside_server: tuple[Desk, Server], hook: Receiver) -> None:
    desk, server = beside_server
    for room in server.http.get("/management/rooms", params={"status": "all"}).json():
        for query in ({}, {"purge": "true"}):
            server.http.delete(f"/management/rooms/{room['room_id']}", params=query)
    lobby = server.create_room("lobby")
    server.create_room("arena")
    lobby.ban("trudy")
    posted = server.http.post(f"{lobby.path}/messages", json={"content": "buy spam"}).json()
    if "rooms rm" in example:
        server.http.delete(lobby.path)
    delivery = _endpoint_and_delivery(server, hook, is_there="callbacks add" not in example)
    for name in ("nightly.db", "nightly.db.json", "all.ndjson", "new-secret.txt"):
        (desk.directory / name).unlink(missing_ok=True)
    command = (
        example.replace("https://chat.example.org", server.url)
        .replace(HOOK, hook.url)
        .replace(DELIVERY, delivery)
        .replace("1207", str(posted["message_id"]))
        .replace("--count 100", "--count 1")
        .replace("/backup ", "./backup ")
        .replace("--port 9000", "")
        .replace(LISTENING, f"{LISTENING} --port {free_port()}")
    )
    if example.startswith(LISTENING):
        follow(desk, command, lambda: None)
    elif example in ENDLESS or example.startswith(FOLLOWING):
        path, reasons = f"{lobby.path}/bans/mallory", itertools.count()
        follow(desk, command, lambda: server.http.put(path, json={"reason": str(next(reasons))}))
    else:
        code, shown = desk.run(command, is_asked=example in ASKING)
        assert code == 0, shown


def _endpoint_and_delivery(server: Server, hook: Receiver, *, is_there: bool) -> str:
    """An endpoint for all events, unless it is about to be added; and a delivery of the
    settings."""
    path = "/management/callbacks"
    for each in server.http.get(path).json():
        if each["origin"] == "added":
            server.http.delete(f"{path}/{each['endpoint_id']}")
    if is_there:
        server.http.post(path, json={"url": hook.url, "events": ["*"]}).raise_for_status()
    query = {"event": "room_created"}
    found = eventually(lambda: server.http.get(f"{path}/deliveries", params=query).json())
    return str(found[0]["delivery_id"])


@pytest.mark.parametrize("example", [each for each in EXAMPLES if each.startswith(ALONE)])
def test_without_a_server(example: str, alone: Desk) -> None:
    if example.startswith(("chatctl db restore", "chatctl db seed")) or "--dry-run" in example:
        assert alone.run("chatctl db migrate && chatctl db backup nightly.db")[0] == 0
    (alone.directory / "etc").mkdir()
    (alone.directory / "lib").mkdir()
    command = (
        example.replace("/etc/chatctl", "./etc")
        .replace("/var/lib/chatctl", f"{alone.directory}/lib")
        .replace("127.0.0.1:3000,[::1]:3000", f"127.0.0.1:{free_port()},[::1]:{free_port()}")
    )
    if example.startswith("chatctl init"):
        del alone.environment["DATABASE_URL"]
    if example.startswith("chatctl serve"):
        alone.environment.setdefault("BIND_ADDRESS", f"127.0.0.1:{free_port()}")
        follow(alone, command, lambda: None)
    else:
        code, shown = alone.run(command, is_asked=example in ASKING)
        assert code == 0, shown


def follow(desk: Desk, command: str, happen: object) -> None:
    """What goes on for ever says something, and ends at SIGTERM."""
    assert callable(happen)
    running = desk.start(command)
    assert running.stdout is not None
    os.set_blocking(running.stdout.fileno(), False)

    def said() -> bytes | None:
        happen()
        assert running.poll() is None
        return running.stdout.read() if running.stdout is not None else None

    assert eventually(said)
    os.set_blocking(running.stdout.fileno(), True)
    running.terminate()
    running.communicate(timeout=30)
    assert running.returncode in ENDED
