"""Every example of every command's help, which docs/cli.md shows: it runs as it stands there.

In a directory with what an example names: two rooms, a list of users, a backup. Only addresses
and places of other machines are replaced. A pipe and a redirection are as a shell has them, in the
tests' own process; what asks has a terminal, and what goes on for ever a process of its own.
"""

import itertools
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from prepared_server import Chatctl
from receivers import Receiver, receiver
from same_process import Here
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
FOLLOWING = ("chatctl events tail -f", "chatctl callbacks forward", "chatctl callbacks tail")
LISTENING = "chatctl callbacks listen"
HOOK = "http://localhost:8080/hook"
TEAM = re.compile("chatctl (users|workspaces|chats|messages show|say chat:)")
DESK = re.compile("chatctl (inbox|conversations|sites)")
CONVERSATION, SITE = "conv_3xk9v2m7", "site_3xk9v2m7"
KEY_ID = "key_3f9a0c52d1e84b67"
DELIVERY = "01a2b3c4-0000-7000-8000-000000000001"
ASKING = (
    "chatctl rooms close lobby", "chatctl rooms rm lobby", "chatctl db restore nightly.db",
    "chatctl sites rm 'The shop'",
)  # fmt: skip
TERMINATED = 143


class Desk:
    """A person's ways to run what they have read."""

    def __init__(self, chatctl: Chatctl, here: Here) -> None:
        self._chatctl = chatctl
        self._here = here

    def run(self, command: str) -> None:
        if command.startswith("d="):
            self._shell(command)
        elif command in ASKING or command.startswith("chatctl inbox"):
            typed = "y\n" if command in ASKING else "q"
            shown, code = self._chatctl.on_terminal(*shlex.split(command)[1:], typed=typed)
            assert code == 0, shown
        else:
            self._pipeline(command)

    def _shell(self, command: str) -> None:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        environ = {**self._chatctl.environ, "PATH": path}
        subprocess.run(
            ["sh", "-ec", command], cwd=self._chatctl.directory, env=environ, check=True, timeout=60
        )

    def _pipeline(self, command: str) -> None:
        """Each command is given what the one before has said; after && it does not read it."""
        given = ""
        for part in re.split(r" \| | && ", command):
            words, redirection, file = re.fullmatch(r"(.*?)(?: ([<>])(\S+))?", part).groups()  # type: ignore[union-attr]
            if redirection == "<":
                given = (self._chatctl.directory / file).read_text()
            done = self._here(*shlex.split(words)[1:], stdin=given)
            assert done.exit == 0, done
            given = done.stdout

    def follow(self, command: str, happen: Callable[[], object] = lambda: None) -> None:
        """What goes on for ever says something, and ends at SIGTERM."""
        running = self._chatctl.start(*shlex.split(command)[1:], stderr=subprocess.STDOUT)
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
        assert running.returncode in (0, TERMINATED)


class World:
    """A server that calls back, and what the examples take for granted of it."""

    def __init__(self, directory: Path, hook: Receiver) -> None:
        settings = {"ROOM_IDENTITY": "token", "ROOM_TOKEN_SECRET": SECRET}
        self._hook = hook
        self._reasons = itertools.count()
        self._key_id = self._said = ""
        self._conversation, self._site = CONVERSATION, SITE
        self.server = Server(
            directory,
            ROOM_EVENT_CALLBACK_URL=f"{hook.origin}/api/room-events",
            CALLBACK_ALLOW_NETWORKS="127.0.0.0/8",
            **settings,
        )
        self.chatctl = Chatctl(directory, directory / "run")
        self.chatctl.environ |= clean_environment(
            directory, DATABASE_URL="sqlite:./chat.db", ADMIN_API_KEY=KEY, **settings
        )
        for name, text in (
            ("users.txt", "mallory\ntrudy\n"),
            ("text", "hello from a file\n"),
            ("secret.txt", f"{'0' * 40}\n"),
            ("password.txt", "correct horse battery\n"),
            ("note.txt", "a note from a file\n"),
            ("hours.json", '{"timezone": "Europe/Berlin", "days": {"mon": [["09:00", "17:00"]]}}'),
            ("chatctl.toml", 'DATABASE_URL = "sqlite:./chat.db"\n'),
        ):
            (directory / name).write_text(text)
        (directory / "backup").mkdir()

    def command(self, example: str) -> str:
        """With all there that it names, each once, and what is not as it is elsewhere replaced."""
        for name in (
            "nightly.db",
            "nightly.db.json",
            "all.ndjson",
            "refund.ndjson",
            "new-secret.txt",
            "reports.key",
            "new.key",
        ):
            (self.chatctl.directory / name).unlink(missing_ok=True)
        self._make_rooms()
        if "rooms rm" in example:
            self.server.http.delete(self._lobby.path)
        if example.startswith("chatctl callbacks"):
            self._make_endpoint(is_there="callbacks add" not in example)
        if example.startswith("chatctl keys"):
            self._make_keys(are_there="keys create" not in example)
        if DESK.match(example):
            self._make_team("")
            self._make_desk()
        if TEAM.match(example):
            self._make_team(example.split()[1] if " create " in example else "")
        delivery = self._delivery() if DELIVERY in example else ""
        return (
            example.replace("https://chat.example.org", self.server.url)
            .replace(HOOK, self._hook.url)
            .replace(DELIVERY, delivery)
            .replace(KEY_ID, self._key_id)
            .replace(CONVERSATION, self._conversation)
            .replace(SITE, self._site)
            .replace("1207", self._said if TEAM.match(example) else self._message)
            .replace("--count 100", "--count 1")
            .replace("/backup ", "./backup ")
            .replace("--port 9000", "")
            .replace(LISTENING, f"{LISTENING} --port {free_port()}")
        )

    def happen(self) -> None:
        path = f"{self._lobby.path}/bans/mallory"
        self.server.http.put(path, json={"reason": str(next(self._reasons))})

    def _make_rooms(self) -> None:
        """Anew where an example has changed which there are."""
        rooms = self.server.http.get("/management/rooms", params={"status": "all"}).json()
        names = [each["room_name"] for each in rooms if "closed_at" not in each]
        if sorted(names) == ["arena", "lobby"]:
            return
        for room in rooms:
            for query in ({}, {"purge": "true"}):
                self.server.http.delete(f"/management/rooms/{room['room_id']}", params=query)
        self._lobby = self.server.create_room("lobby")
        self.server.create_room("arena")
        self._lobby.ban("trudy")
        path = f"{self._lobby.path}/messages"
        posted = self.server.http.post(path, json={"content": "buy spam"}).json()
        self._message = str(posted["message_id"])

    def _make_endpoint(self, *, is_there: bool) -> None:
        """For all events, unless it is about to be added."""
        path = "/management/callbacks"
        for each in self.server.http.get(path).json():
            if each["origin"] == "added":
                self.server.http.delete(f"{path}/{each['endpoint_id']}")
        if is_there:
            body = {"url": self._hook.url, "events": ["*"]}
            self.server.http.post(path, json=body).raise_for_status()

    def _make_keys(self, *, are_there: bool) -> None:
        path = "/management/keys"
        for each in self.server.http.get(path).json():
            self.server.http.delete(f"{path}/{each['id']}")
        for name in ("reports", "deployment") if are_there else ():
            made = self.server.http.post(path, json={"name": name, "scopes": ["rooms"]})
            self._key_id = made.json()["id"]

    def _make_team(self, about_to_be_created: str) -> None:
        """Anew: Anna, who owns Acme and the news, and Ben and Cleo, with whom she has lunch."""
        http = self.server.http
        for kind in ("chats", "workspaces", "users"):
            for each in http.get(f"/management/{kind}").json():
                if each["id"]:
                    http.delete(f"/management/{kind}/{each['id']}", params={"force": "true"})
        if about_to_be_created == "users":
            return
        anna, *others = (
            self._make("users", fullname=name, email=f"{name}@example.org")
            for name in ("anna", "ben", "cleo")
        )
        if about_to_be_created != "workspaces":
            self._make("workspaces", name="Acme", owner=anna)
        if about_to_be_created != "chats":
            news = self._make("chats", name="news", type="PublicChannel", owner=anna)
            self._make("chats", name="lunch", type="Group", owner=anna, members=others)
            path = f"/management/chats/{news}/messages"
            self._said = str(http.post(path, json={"content": "news"}).json()["id"])

    def _make_desk(self) -> None:
        """Anew: a shop, and somebody who has asked for something; Anna is an agent."""
        http = self.server.http
        for each in http.get("/management/sites").json():
            http.delete(f"/management/sites/{each['id']}")  # the default one stays
        for each in http.get("/management/keys").json():
            http.delete(f"/management/keys/{each['id']}")
        self._site = http.post("/management/sites", json={"name": "The shop"}).json()["id"]
        wanted = {"name": "desk", "scopes": ["support"], "workspace": 0}
        key = http.post("/management/keys", json=wanted).json()["key"]
        opened = http.post(
            "/api/conversations",
            json={"site_id": self._site, "customer_name": "Bo"},
            headers={"X-Api-Key": key},
        )
        self._conversation = opened.raise_for_status().json()["id"]

    def _make(self, kind: str, **body: Any) -> int:
        made = self.server.http.post(f"/management/{kind}", json=body)
        return int(made.raise_for_status().json()["id"])

    def _delivery(self) -> str:
        """One of the settings."""
        path, query = "/management/callbacks/deliveries", {"event": "room_created"}
        found = eventually(lambda: self.server.http.get(path, params=query).json())
        return str(found[0]["delivery_id"])


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    # The path of the server's socket in it must stay below 108 bytes, and pytest's are long.
    with TemporaryDirectory(prefix="chatctl-") as name, receiver() as hook:
        made = World(Path(name), hook)
        try:
            made.server.start()
            token = made.chatctl("token", "mint", "--user", "anna").stdout
            (Path(name) / "token.txt").write_text(token)
            yield made
        finally:
            made.server.close()


@pytest.mark.parametrize("example", [each for each in EXAMPLES if not each.startswith(ALONE)])
def test_beside_a_server(example: str, world: World, capsys: pytest.CaptureFixture[str]) -> None:
    desk = Desk(world.chatctl, Here(world.chatctl, capsys))
    command = world.command(example)
    if example.startswith(LISTENING):
        desk.follow(command)
    elif example == "chatctl watch lobby" or example.startswith(FOLLOWING):
        desk.follow(command, world.happen)
    else:
        desk.run(command)


@pytest.mark.parametrize("example", [each for each in EXAMPLES if each.startswith(ALONE)])
def test_without_a_server(example: str, chatctl: Chatctl, here: Here) -> None:
    desk = Desk(chatctl, here)
    for name in ("etc", "lib"):
        (chatctl.directory / name).mkdir()
    if not example.startswith("chatctl init"):
        chatctl.environ["DATABASE_URL"] = "sqlite:./chat.db"
    if example.startswith(("chatctl db restore", "chatctl db seed")) or "--dry-run" in example:
        desk.run("chatctl db migrate && chatctl db backup nightly.db")
    command = (
        example.replace("/etc/chatctl", "./etc")
        .replace("/var/lib/chatctl", f"{chatctl.directory}/lib")
        .replace("127.0.0.1:3000,[::1]:3000", f"127.0.0.1:{free_port()},[::1]:{free_port()}")
    )
    if example.startswith("chatctl serve"):
        chatctl.environ["BIND_ADDRESS"] = f"127.0.0.1:{free_port()}"
        desk.follow(command)
    else:
        desk.run(command)
