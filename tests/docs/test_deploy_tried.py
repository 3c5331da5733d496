"""What docs/deploy.md says of a server's later life, done: its secrets are changed, it moves to
another machine, it is upgraded and goes back."""

import json
import secrets
import shutil
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from documents import ROOT
from receivers import Receiver, Request, receiver
from standardwebhooks.webhooks import Webhook, WebhookVerificationError
from websockets.exceptions import InvalidStatus
from world import Server, eventually

LOCK_REFUSED = 7
MIGRATION = """
def up(migrator, db):
    db.execute_sql("CREATE TABLE example (id INTEGER PRIMARY KEY) STRICT")
"""


class Production(Server):
    """What ``chatctl init`` makes, and the ``chatctl serve`` of it."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, "--config", "etc/chatctl.toml")
        for name in ("DATABASE_URL", "ADMIN_API_KEY"):
            del self.environment[name]
        self.secrets = directory / "etc/secrets"

    def start(self) -> "Production":
        self.http.headers["X-Api-Key"] = self.secret("admin-api-key")
        super().start()
        return self

    def is_up(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health/simple").text == "OK"
        except httpx.TransportError:
            return False

    def secret(self, name: str) -> str:
        """The first, where there are several."""
        return (self.secrets / name).read_text().strip().partition(",")[0]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.chatctl(*words, "--config", "etc/chatctl.toml")

    def did(self, *words: str) -> str:
        done = self.run(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def opens(self, key: str) -> bool:
        answer = httpx.get(f"{self.url}/management/rooms", headers={"X-Api-Key": key})
        assert answer.status_code in (200, 401)
        return answer.status_code == 200

    def admits(self, room_id: str, token: str) -> bool:
        try:
            self.join(room_id, "anna", token=token)
        except InvalidStatus as refused:
            return refused.response.status_code != 401
        return True


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Production]:
    server = Production(tmp_path)
    server.environment["USER_MESSAGE_INTERVAL_SECS"] = "0"
    done = server.chatctl("init", "etc", "--db", f"sqlite://{tmp_path}/chat.db")
    assert done.returncode == 0, done.stderr
    yield server
    server.close()


def is_signed(request: Request, secret: str) -> bool:
    try:
        Webhook(secret).verify(request.body, request.headers)
    except WebhookVerificationError:
        return False
    return True


def created_of(hook: Receiver, room: str) -> Request | None:
    return next((each for each in hook.requests if room.encode() in each.body), None)


def test_each_secret_is_changed_and_nobody_is_locked_out(made: Production, hook: Receiver) -> None:
    """The new one in front of the old one, then the new one alone; a restart each time."""
    signing = made.secrets / "callback-signing-secret"
    with (made.directory / "etc/chatctl.toml").open("a") as file:
        file.write(f'CALLBACK_SIGNING_SECRET_FILE = "{signing}"\n')
        file.write(f'ROOM_EVENT_CALLBACK_URL = "{hook.url}"\n')
    signing.touch(0o600)
    names = ("admin-api-key", "room-token-secret", signing.name)
    old, new = ({name: b64encode(secrets.token_bytes(32)).decode() for name in names} for _ in "on")
    tokens = []
    stages = (("{old}", (True, False)), ("{new},{old}", (True, True)), ("{new}", (False, True)))
    for number, (text, good) in enumerate(stages):
        for name in names:
            (made.secrets / name).write_text(text.format(old=old[name], new=new[name]))
        made.start()
        room = made.did("rooms", "create", f"room-{number}").split()[0]
        created = eventually(lambda name=f"room-{number}": created_of(hook, name))
        # The first two by the old secret and by the new one: it signs that stands in front.
        tokens.append(made.did("token", "mint", "--user", "anna").strip())
        assert tuple(made.opens(each["admin-api-key"]) for each in (old, new)) == good
        assert tuple(made.admits(room, each) for each in tokens[:2]) == good[: len(tokens)]
        assert tuple(is_signed(created, each[signing.name]) for each in (old, new)) == good
        assert made.stop() == 0


def test_it_moves_to_another_machine(made: Production, tmp_path: Path, hook: Receiver) -> None:
    """A client resumes there, and a callback that still waits goes out."""
    made.start()
    hook.shut()
    made.did("callbacks", "add", hook.url, "--events", "ban.set")
    room = made.did("rooms", "create", "lobby").split()[0]
    token = made.did("token", "mint", "--user", "anna").strip()
    seqs = [made.join(room, "anna", token=token).say(text)["seq"] for text in ("one", "two")]
    made.did("ban", "lobby", "mallory")
    assert made.stop() == 0
    made.did("db", "backup", "moving.db")
    (tmp_path / "there").mkdir()
    there = Production(tmp_path / "there")
    for name in ("moving.db", "moving.db.json"):
        shutil.copy2(made.directory / name, there.directory)
    shutil.copytree(made.directory / "etc", there.directory / "etc")
    (made.directory / "chat.db").unlink()
    config = there.directory / "etc/chatctl.toml"
    config.write_text(config.read_text().replace(f"{tmp_path}/", f"{there.directory}/"))
    try:
        there.did("db", "restore", "moving.db", "--yes")
        hook.reopen()
        there.start()
        client = there.join(room, "anna", token=token, since=seqs[0])
        missed = client.receive("Message")["payload"]
        assert (missed["content"], missed["seq"]) == ("two", seqs[1])
        (waited,) = hook.wait_for(1)
        assert waited.json["data"]["user_id"] == "mallory"
        assert there.did("bans", "lobby").split()[0] == "mallory"
    finally:
        there.close()


class Newer:
    """A version of the source that has one migration more, in interpreters of its own."""

    def __init__(self, made: Production, tree: Path) -> None:
        for package in ("chatctl", "chatctl_server"):
            shutil.copytree(ROOT / package, tree / package)
        (tree / "chatctl_server/storage/migrations/0099_example.py").write_text(MIGRATION)
        self._made = made
        self._environment = {**made.environment, "PYTHONPATH": str(tree)}

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "chatctl", *words, "--config", "etc/chatctl.toml"],
            env=self._environment,
            cwd=self._made.directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def run(self, *words: str) -> tuple[int, str]:
        with self.start(*words) as process:
            shown, _ = process.communicate(timeout=60)
        return process.returncode, shown

    @contextmanager
    def serving(self) -> Iterator[None]:
        """From its first answer to its stop."""
        with self.start("serve") as process:
            try:
                eventually(self._made.is_up, seconds=60)
                yield
            finally:
                process.terminate()
                assert process.wait(30) == 0


def test_it_is_upgraded_and_goes_back(made: Production, tmp_path: Path) -> None:
    newer = Newer(made, tmp_path / "newer")
    kept = f"{tmp_path}/chat.db.before-0099_example"
    made.start()
    made.did("rooms", "create", "lobby")
    made.did("say", "lobby", "before the upgrade")
    _, dry = newer.run("db", "migrate", "--dry-run", "--json")
    assert json.loads(dry)["migrations"] == ["0099_example"]
    assert newer.run("db", "migrate")[0] == LOCK_REFUSED
    assert made.stop() == 0
    with newer.serving():
        assert Path(kept).exists()
        assert Path(f"{kept}.json").exists()
        made.did("say", "lobby", "since the upgrade")
        history = made.did("rooms", "history", "lobby")
        assert ("before the upgrade" in history, "since the upgrade" in history) == (True, True)
    refused = made.run("serve")
    assert (refused.returncode, "newer" in refused.stderr) == (LOCK_REFUSED, True)
    made.did("db", "restore", kept, "--yes")
    made.start()
    history = made.did("rooms", "history", "lobby")
    assert ("before the upgrade" in history, "since the upgrade" in history) == (True, False)
    (replaced,) = tmp_path.glob("chat.db.replaced-*")
    _, newest = newer.run("rooms", "history", "lobby", "--db", f"sqlite://{replaced}")
    assert "since the upgrade" in newest
