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

import forks
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

    def did(self, *words: str) -> str:
        done = forks.run([*words, "--config", "etc/chatctl.toml"], self.environment, self.directory)
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
    done = forks.run(
        ["init", "etc", "--db", f"sqlite://{tmp_path}/chat.db"], server.environment, tmp_path
    )
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


def chatctl(server: Server, tree: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The command of that version of the source."""
    return subprocess.run(
        [sys.executable, "-m", "chatctl", *words, "--config", "etc/chatctl.toml"],
        env={**server.environment, "PYTHONPATH": str(tree)},
        cwd=server.directory,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@contextmanager
def serving(server: Production, tree: Path) -> Iterator[None]:
    """``chatctl serve`` of that version, from its first answer to its stop."""
    with subprocess.Popen(
        [sys.executable, "-m", "chatctl", "serve", "--config", "etc/chatctl.toml"],
        env={**server.environment, "PYTHONPATH": str(tree)},
        cwd=server.directory,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            eventually(server.is_up, seconds=30)
            yield
        finally:
            process.terminate()
            assert process.wait(30) == 0


def test_it_is_upgraded_and_goes_back(made: Production, tmp_path: Path) -> None:
    """The newer version of the source has one migration more."""
    newer, kept = tmp_path / "newer", f"{tmp_path}/chat.db.before-0002_example"
    for package in ("chatctl", "chatctl_server"):
        shutil.copytree(ROOT / package, newer / package)
    (newer / "chatctl_server/storage/migrations/0002_example.py").write_text(MIGRATION)
    with serving(made, ROOT):
        chatctl(made, ROOT, "rooms", "create", "lobby")
        chatctl(made, ROOT, "say", "lobby", "before the upgrade")
        dry = chatctl(made, newer, "db", "migrate", "--dry-run", "--json")
        assert json.loads(dry.stdout)["migrations"] == ["0002_example"]
        assert chatctl(made, newer, "db", "migrate").returncode == LOCK_REFUSED
    with serving(made, newer):
        assert Path(kept).exists()
        assert Path(f"{kept}.json").exists()
        chatctl(made, newer, "say", "lobby", "since the upgrade")
        history = chatctl(made, newer, "rooms", "history", "lobby").stdout
        assert ("before the upgrade" in history, "since the upgrade" in history) == (True, True)
    refused = chatctl(made, ROOT, "serve")
    assert (refused.returncode, "newer" in refused.stderr) == (LOCK_REFUSED, True)
    restored = chatctl(made, ROOT, "db", "restore", kept, "--yes")
    assert restored.returncode == 0, restored.stderr
    with serving(made, ROOT):
        history = chatctl(made, ROOT, "rooms", "history", "lobby").stdout
        assert ("before the upgrade" in history, "since the upgrade" in history) == (True, False)
    (replaced,) = tmp_path.glob("chat.db.replaced-*")
    newest = chatctl(made, newer, "rooms", "history", "lobby", "--db", f"sqlite://{replaced}")
    assert "since the upgrade" in newest.stdout
