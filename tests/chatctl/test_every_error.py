"""Every command in the troubles that it can meet: its exit code, one object, and nothing else."""

import json
import shutil
import socket
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import limits
import offline
import pytest
from cases import CASES, Scene
from offline import Offline
from prepared_server import Chatctl, Finished
from same_process import Here
from world import KEY, Server, running

from chatctl.shell import exits
from chatctl_server.actions import attempts, conversations, endpoints, history_batches, moderation
from chatctl_server.domain import callbacks
from chatctl_server.process import lock
from chatctl_server.settings.sources import Settings
from chatctl_server.storage import deliveries, maintenance

# SQLite needs 32 KiB beside a database to open it; a whole new database needs more than this.
_WAL_BYTES = 40_000
HOOK = "http://127.0.0.1:9/hook"
ROOMS: Mapping[Scene, str] = {"an unknown room": "nowhere", "an ambiguous name": "twin"}
_SECRET = "correct-horse-battery-staple-0123456789"


@dataclass(frozen=True)
class Trouble:
    """``options`` stand behind the command; ``environ`` says where it acts."""

    options: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)
    room: str = "lobby"
    source: str = "good.backup"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``chat.db`` with the room of the cases and a closed one, the same of a newer version, and a
    backup of each."""
    directory = tmp_path_factory.mktemp("files")
    desk = Offline(directory / "chat.db")
    room = desk.create_room("lobby", "boss")
    desk.post(room, "anna", "first")
    desk.post(room, "anna", "second")
    for sanction, user in ((moderation.ban, "mallory"), (moderation.mute, "trudy")):
        desk.run(sanction, room, user, None, None)
    give_up_a_delivery(desk)
    desk.run(conversations.close, desk.create_room("gone"))
    desk.close()
    maintenance.backup(desk.path, directory / "good.backup")
    shutil.copy(directory / "good.backup", directory / "newer.db")
    with closing(sqlite3.connect(directory / "newer.db")) as db, db:
        db.execute("INSERT INTO schema_migration (name, applied) VALUES ('0999_later', 'now')")
    return directory


def give_up_a_delivery(desk: Offline) -> None:
    """To an endpoint that is disabled then."""
    settings = Settings()
    added = desk.run(endpoints.add, HOOK, ["custom.*"], None, True, settings).endpoint
    planned = deliveries.Planned(added.id, 1, "room.created", 1, 1, 1)
    number = desk.call(lambda tx: deliveries.add(tx.db, tx.take("delivery"), [planned], tx.now, 0))
    stored = desk.call(lambda tx: deliveries.one(tx.db, number))
    outcome = callbacks.Outcome(0, error="refused")
    sizes = history_batches.Sizes(1, 1, 1)
    verdict = callbacks.GivenUp()
    tried = attempts.AttemptEnded(stored, desk.now, outcome, verdict, b"", desk.now, sizes)
    assert desk.call(attempts.record_one, tried)
    changes = endpoints.Changes(None, None, None, "disabled", True)
    desk.run(endpoints.change, added.public_id, changes, settings)


@pytest.fixture(scope="module")
def full(files: Path) -> Iterator[tuple[Path, int]]:
    """A database that somebody reads, so that its journal only grows, and its size at which
    nothing more fits in."""
    path = files / "full.db"
    shutil.copy(files / "good.backup", path)
    desk = Offline(path)
    room = offline.room(1)
    desk.post(room, "anna", "again")  # from here on there is a journal
    with closing(sqlite3.connect(path)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM schema_migration").fetchall()
        wal = path.with_name("full.db-wal")
        while wal.stat().st_size < _WAL_BYTES:
            desk.post(room, "anna", "again")
        # Less than a page: SQLite takes a disk for full that takes a part of what it writes.
        yield path, wal.stat().st_size + 100
    desk.close()


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Two of its rooms have the same name; any number of wrong keys is refused as wrong."""
    directory = tmp_path_factory.mktemp("asked")
    with running(directory, API_KEY_FAILURES_PER_MINUTE="0") as server:
        for name in ("lobby", "twin", "twin"):
            server.create_room(name)
        yield server


def _on(path: Path) -> dict[str, str]:
    return {"DATABASE_URL": f"sqlite:{path}"}


def _unused_url() -> str:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


@contextmanager
def _troubled(scene: Scene, files: Path, request: pytest.FixtureRequest) -> Iterator[Trouble]:
    match scene:
        case "nothing is configured":
            yield Trouble()
        case "the server is away":
            yield Trouble(("--server", _unused_url()))
        case "a held lock":
            with _held(files / "chat.db"), _held(files / "unborn.db"):
                yield Trouble(("--lock-timeout", "0.1"), _on(files / "chat.db"))
        case "a newer schema":
            yield Trouble((), _on(files / "newer.db"), source="newer.db")
        case "a full disk":
            path, size = request.getfixturevalue("full")
            with limits.file_size(size):
                yield Trouble((), _on(path))
        case _:
            server = request.getfixturevalue("asked")
            environ = {"CHATCTL_SERVER": server.url, "ADMIN_API_KEY": KEY}
            if scene == "a wrong key":
                environ["ADMIN_API_KEY"] = "wrong"
            yield Trouble((), environ, room=ROOMS.get(scene, "lobby"))


def _held(database: Path) -> AbstractContextManager[object]:
    """Another command works on it, or is about to make it."""
    return lock.acquire(lock.lock_path(database), "command")


@pytest.fixture
def run(here: Here, chatctl: Chatctl, files: Path, tmp_path: Path) -> Any:
    """A command in its trouble, with --json. A server has a process of its own: if it came to run,
    it would end the tests."""

    def run(name: str, words: str, trouble: Trouble) -> Finished:
        known = {
            "room": trouble.room,
            "message": 2,
            "endpoint": HOOK,
            "key": "nobody's",
            "account": "nobody@example.org",
            "workspace": "nowhere",
            "chat": "nothing",
            "conversation": "conv_00000000",
            "site": "no-site",
            "said": 999,
            "delivery": 1,
            "new": tmp_path / "new",
            "source": files / trouble.source,
            "unborn": files / "unborn.db",
        }
        typed = [word.format(**known) for word in words.split()]
        settings = {"ROOM_IDENTITY": "token", "ROOM_TOKEN_SECRET": _SECRET, **trouble.environ}
        command = chatctl if name == "serve" and "--server" not in trouble.options else here
        options = (*trouble.options, "--quiet", "--json")
        return command(*typed, *options, stdin=CASES[name].stdin, **settings)

    return run


@pytest.mark.parametrize("scene", get_args(Scene))
def test_the_exit_code_and_one_object(
    run: Any, files: Path, tmp_path: Path, scene: Scene, request: pytest.FixtureRequest
) -> None:
    """The files stay as they were, and no new ones are left. The lines without --json are made of
    the same failure."""
    before = [(files / each).read_bytes() for each in ("chat.db", "newer.db")]
    for name in [each for each in CASES if scene in CASES[each].errors]:
        error = CASES[name].errors[scene]
        with _troubled(scene, files, request) as trouble:
            done = run(name, error.words or CASES[name].words, trouble)
        assert (done.stdout, done.exit) == ("", error.exit), (name, done)
        told = json.loads(done.stderr)
        assert list(told) == ["error"]
        assert list(told["error"]) == ["code", "message", "hint", "exit"]
        assert (told["error"]["code"], told["error"]["exit"]) == (error.code, error.exit), name
        assert told["error"]["message"]
        assert list(tmp_path.glob("new*")) == [], name
    assert [(files / each).read_bytes() for each in ("chat.db", "newer.db")] == before


def test_what_writes_nothing_needs_no_room(
    run: Any, files: Path, request: pytest.FixtureRequest
) -> None:
    for name in ("rooms ls", "kick", "export", "callbacks disable", "events replay"):
        with _troubled("a full disk", files, request) as trouble:
            done = run(name, CASES[name].words, trouble)
        assert (done.stderr, done.exit) == ("", exits.DONE), name
        assert json.loads(done.stdout) is not None
