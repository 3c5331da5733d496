"""``chatctl init``: what it writes works at once, and nothing that is there is touched."""

import json
import os
import shlex
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from prepared_server import Chatctl
from real_server import Serving
from same_process import Here
from websockets.sync.client import connect

from chatctl.commands import init as module
from chatctl_server.settings import sources
from chatctl_server.storage import maintenance

MARK = module.MARK


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _secrets(directory: Path) -> list[str]:
    return [
        (directory / "secrets" / name).read_text().strip()
        for name in ("admin-api-key", "room-token-secret", "jwt-secret")
    ]


def test_serve_create_and_mint_work_with_nothing_else(chatctl: Chatctl, here: Here) -> None:
    assert here("init").exit == 0
    with Serving(chatctl) as serving:
        room_id = here("rooms", "create", "lobby").stdout.split("\t")[0]
        token = here("token", "mint", "--user", "anna", "--room", "lobby").stdout.strip()
        address = serving.url.replace("http", "ws", 1)
        with connect(f"{address}/ws/rooms/{room_id}?token={token}", proxy=None) as anna:
            welcome = json.loads(anna.recv(timeout=15))
        assert welcome["payload"]["user_id"] == "anna"
        assert serving.stop() == 0
    log = "".join(serving.log)
    assert "WARNING" not in log
    assert not any(secret in log for secret in _secrets(chatctl.directory))
    for beside in ("chat.db.admin-key", "chat.db.jwt-secret"):
        assert not (chatctl.directory / beside).exists()


def test_the_files_and_what_is_said_of_them(here: Here) -> None:
    done = here("init", "prod", "--json")
    assert done.exit == 0, done.stderr
    prod = here.directory / "prod"
    found = json.loads(done.stdout)
    assert found == {
        "changed": True,
        "configuration": f"{prod}/chatctl.toml",
        "database": f"{prod}/chat.db",
        "admin_api_key_file": f"{prod}/secrets/admin-api-key",
        "room_token_secret_file": f"{prod}/secrets/room-token-secret",
        "jwt_secret_file": f"{prod}/secrets/jwt-secret",
        "next": [
            f"chatctl serve --config {prod}/chatctl.toml",
            f"chatctl rooms create lobby --config {prod}/chatctl.toml",
            f"chatctl users create Anna anna@example.org --config {prod}/chatctl.toml",
        ],
    }
    assert tomllib.loads((prod / "chatctl.toml").read_text()) == {
        "DATABASE_URL": f"sqlite://{prod}/chat.db",
        "ADMIN_API_KEY_FILE": f"{prod}/secrets/admin-api-key",
        "ROOM_IDENTITY": "token",
        "ROOM_TOKEN_SECRET_FILE": f"{prod}/secrets/room-token-secret",
        "OPEN_SIGNUP": False,
        "SUPPORT_ACCESS": "token",
        "JWT_SECRET_FILE": f"{prod}/secrets/jwt-secret",
        "USER_MESSAGE_INTERVAL_SECS": 3,
        "CALLBACK_BACKOFF": "exponential",
    }
    assert not (prod / MARK).exists()
    assert here("init", "other", "--quiet").exit == 0
    secrets = {*_secrets(prod), *_secrets(here.directory / "other")}
    assert (len(secrets), min(map(len, secrets)) >= 43) == (6, True)
    assert done.stderr == ""


def test_the_umask_decides_nothing(here: Here) -> None:
    """A service's user reads the configuration, and nobody else the secrets."""
    for mask in (0o077, 0o000):
        before = os.umask(mask)
        try:
            assert here("init", f"prod-{mask}", "--quiet").exit == 0
        finally:
            os.umask(before)
        modes = {
            ".": 0o755,
            "chatctl.toml": 0o644,
            "secrets": 0o700,
            "secrets/admin-api-key": 0o600,
            "secrets/room-token-secret": 0o600,
            "secrets/jwt-secret": 0o600,
            "chat.db": 0o600,
        }
        assert {name: _mode(here.directory / f"prod-{mask}" / name) for name in modes} == modes


def test_the_database_belongs_to_whom_its_directory_belongs(here: Here) -> None:
    """Root makes it for a service's user; for anybody else it is their own."""
    state = here.directory / "state"
    state.mkdir()
    if os.geteuid() == 0:
        os.chown(state, 12345, 12345)
    assert here("init", "etc", "--db", "sqlite:./state/chat.db", "--quiet").exit == 0
    owner = state.stat().st_uid
    assert {path.stat().st_uid for path in state.iterdir()} == {owner}
    assert (here.directory / "etc/secrets/admin-api-key").stat().st_uid == os.geteuid()


def test_it_says_what_to_type_next_and_that_works(here: Here) -> None:
    done = here("init", "a 'quoted' \\ directory")
    commands = [line[2:] for line in done.stderr.splitlines() if line.startswith("  chatctl")]
    assert [command.split()[1] for command in commands] == ["serve", "rooms", "users"]
    config = here.directory / "a 'quoted' \\ directory" / "chatctl.toml"
    assert [shlex.split(command)[-1] for command in commands] == [str(config)] * 3
    assert here("db", "check", "--config", str(config)).exit == 0
    assert not any(secret in done.stdout + done.stderr for secret in _secrets(config.parent))


PARTS = (
    "chatctl.toml",
    "secrets/admin-api-key",
    "secrets/room-token-secret",
    "secrets/jwt-secret",
    "chat.db",
)


@pytest.mark.parametrize("name", PARTS)
def test_a_file_that_is_there_is_never_touched(here: Here, name: str) -> None:
    """Nor is a link to nowhere."""
    for kind in ("file", "link"):
        path = here.directory / kind / name
        path.parent.mkdir(parents=True)
        if kind == "file":
            path.write_text("mine")
        else:
            path.symlink_to("nowhere")
        before = _tree(here.directory)
        done = here("init", kind, "--json")
        error = json.loads(done.stderr)["error"]
        assert (done.stdout, done.exit, error["code"]) == ("", 5, "file_exists")
        assert error["message"] == f"{path} exists already; nothing was changed"
        assert _tree(here.directory) == before


def test_a_second_one_leads_to_the_configuration_of_the_first(here: Here) -> None:
    assert here("init", "a b", "--quiet").exit == 0
    before = _tree(here.directory)
    done = here("init", "a b")
    assert (done.exit, _tree(here.directory)) == (5, before)
    hint = done.stderr.splitlines()[1].removeprefix("  try: ")
    shown = here(*shlex.split(hint.partition(", or ")[0])[1:])
    assert f"DATABASE_URL\tsqlite://{here.directory}/a b/chat.db" in shown.stdout


def _tree(directory: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(directory)): path.read_bytes() if path.is_file() else None
        for path in sorted(directory.rglob("*"))
        if "run" not in path.parts
    }


# Kills a run of its own in directory N before its Nth call that writes something down, until a
# run gets through; prints for each how the next run ended.
_KILLED = """
import os, signal, sys
from chatctl import cli
from chatctl_server.process import lock
from chatctl_server.settings import sources as settings
from chatctl_server.storage import maintenance

cli.run(["init", "warm", "--quiet"])  # so that no run has anything left to import

def counted(function):
    def call(*args, **more):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **more)
    return call

def child(number):
    pid = os.fork()
    if pid == 0:
        global left
        left = number
        os._exit(cli.run(["init", str(directory), "--quiet"]))
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

for name in ("mkdir", "fsync", "rename", "unlink"):
    setattr(os, name, counted(getattr(os, name)))
left = directory = 0
while True:
    directory += 1
    if child(directory) == 0:
        break
    code = child(1_000_000)
    print("end", code, os.path.exists(f"{directory}/.chatctl-init"), flush=True)
"""


def test_after_a_kill_in_the_middle_the_next_one_completes_it(here: Here) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _KILLED],
        cwd=here.directory,
        env=here.environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    ends = [line for line in done.stdout.splitlines() if line.startswith("end ")]
    # Killed after its last step, a run is complete: then the next one is refused as always.
    assert set(ends[:-2]) == {"end 0 False"}, done.stderr
    assert set(ends[-2:]) <= {"end 0 False", "end 5 False"}
    assert len(ends) > 10
    whole = {*PARTS, "chat.db.lock"}
    for number in range(1, len(ends) + 1):
        directory = here.directory / str(number)
        made = {name for name, content in _tree(directory).items() if content}
        assert made - {"chat.db-wal", "chat.db-shm"} == whole
        config = sources.load(config=str(directory / "chatctl.toml"), environ={})
        maintenance.check_schema(Path(f"{directory}/chat.db"))
        assert config.settings.room_token_secret


def test_a_failing_one_leaves_nothing(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "_configuration", fail)
    assert here("init", "new/prod").exit == 130
    assert not (here.directory / "new").exists()
    monkeypatch.undo()
    assert here("init", "new/prod", "--quiet").exit == 0


def test_beside_another_init_is_exit_7(here: Here) -> None:
    descriptor, _ = module._held(here.directory / MARK)
    try:
        done = here("init")
    finally:
        os.close(descriptor)
    assert (done.stdout, done.exit) == ("", 7)
    assert "another chatctl init" in done.stderr


def test_what_wins_over_the_configuration_is_said(here: Here) -> None:
    done = here("init", DATABASE_URL="sqlite:./other.db", ADMIN_API_KEY="typed")
    assert done.exit == 0
    config = here.directory / "chatctl.toml"
    assert f"chatctl: DATABASE_URL from environment wins over {config}" in done.stderr
    assert f"chatctl: ADMIN_API_KEY from environment wins over {config}" in done.stderr
