"""Every command gives the same answer wherever it acts: at a running server, on its file, and at
a server in memory. A command without a case fails."""

import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import cases
import pytest
from cases import CASES
from prepared_server import Chatctl, Finished
from same_process import Here
from world import Room, Server, eventually, running

from chatctl import exits, registry

# Of this moment, of this machine, or of a server alone.
_OF_THE_PLACE = (
    "address", "backlog", "connections", "database", "database_bytes", "durable",
    "duration_seconds", "health", "pid", "started_at", "uptime_seconds",
)  # fmt: skip
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
PLACES = ("server", "file", "memory")


class Places(NamedTuple):
    """``messages`` are the ids of the second message of each case's room."""

    environ: dict[str, dict[str, str]]
    messages: dict[str, int]


def test_every_command_has_a_case() -> None:
    registered = {path.removeprefix("chatctl ") for path, _, _ in registry.commands()}
    assert {cases.command(name) for name in CASES} == registered


def _room_of(name: str) -> str:
    return f"room of {name}"


def _prepare(server: Server) -> dict[str, int]:
    """A room for each case, as the table says."""
    made = {}
    for name in cases.of("product", "stream"):
        room = server.create_room(_room_of(name), admins=("boss",))
        room.ban("mallory", reason="spam")
        server.http.put(f"{room.path}/mutes/trudy", json={})
        for content in ("first", "second"):
            body = {"user_id": "anna", "content": content}
            posted = server.http.post(f"{room.path}/messages", json=body).json()
        made[name] = int(posted["message_id"])
        if name == "rooms sessions":
            _stay(room)
    return made


def _stay(room: Room) -> None:
    room.join("anna").close()
    path = f"/management/sync/session-history/{room.id}"
    eventually(lambda: room.server.http.get(path).json()["records"])


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    """The running server, its file as it was before the first command, and a server in memory,
    each found in the way that it usually is."""
    lived, lonely = tmp_path_factory.mktemp("lived"), tmp_path_factory.mktemp("lonely")
    copy = lonely / "chat.db"
    with TemporaryDirectory(prefix="chatctl-") as short:
        memory = Path(short)
        with running(lived) as file, running(memory, DATABASE_URL="sqlite::memory:") as lost:
            messages = _prepare(file)
            assert _prepare(lost) == messages
            with (
                closing(sqlite3.connect(file.database)) as db,
                closing(sqlite3.connect(copy)) as to,
            ):
                db.backup(to)
            yield Places(
                {
                    "server": {"DATABASE_URL": f"sqlite:{file.database}"},
                    "file": {"DATABASE_URL": f"sqlite:{copy}"},
                    "memory": {"XDG_RUNTIME_DIR": lost.environment["XDG_RUNTIME_DIR"]},
                },
                messages,
            )


@pytest.fixture
def words(places: Places) -> Callable[[str], list[str]]:
    def of(name: str) -> list[str]:
        known = {"room": _room_of(name), "message": places.messages[name]}
        return [word.format(**known) for word in CASES[name].words.split()]

    return of


def same(answer: Any) -> Any:
    """What must be the same everywhere: without ids, times, sizes and what only a server has."""
    match answer:
        case dict():
            return {
                key: "…" if key in _OF_THE_PLACE or _is_time(key, value) else same(value)
                for key, value in answer.items()
            }
        case list():
            return [same(each) for each in answer]
        case str():
            return _TIME.sub("TIME", _ID.sub("ID", answer))
    return answer


def _is_time(key: str, value: object) -> bool:
    """As a number; as text it is seen to be one."""
    return isinstance(value, int | float) and key.endswith(("_at", "_time"))


def _document(done: Finished) -> Any:
    """The answer, or the error object; never both."""
    if done.exit == exits.DONE:
        assert done.stderr == ""
        return json.loads(done.stdout)
    assert done.stdout == ""
    return json.loads(done.stderr)["error"]


@pytest.mark.parametrize("name", cases.of("product"))
def test_the_same_answer_everywhere(
    here: Here, places: Places, words: Callable[[str], list[str]], name: str
) -> None:
    """Once, and then again: what is done already is done already everywhere."""

    def everywhere() -> list[tuple[Any, int]]:
        finished = [
            here(*words(name), "--json", "--quiet", **places.environ[place]) for place in PLACES
        ]
        return [(same(_document(done)), done.exit) for done in finished]

    for expected in (exits.DONE, CASES[name].again):
        if expected is not None:
            at_server, on_file, in_memory = everywhere()
            assert on_file == at_server
            assert in_memory == at_server
            assert at_server[1] == expected


@pytest.mark.parametrize("name", cases.of("stream"))
def test_a_stream_needs_a_server(
    here: Here, places: Places, words: Callable[[str], list[str]], name: str
) -> None:
    done = here(*words(name), "--json", "--quiet", **places.environ["file"])
    assert (done.stdout, done.exit) == ("", exits.UNREACHABLE)
    assert json.loads(done.stderr)["error"]["code"] == "no_server"


@pytest.mark.parametrize("name", cases.of("stream"))
def test_a_stream_is_the_same_at_both_servers(
    chatctl: Chatctl, places: Places, words: Callable[[str], list[str]], name: str
) -> None:
    """Its first two lines; it is stopped then, if it does not end by itself."""
    begun = []
    for place in ("server", "memory"):
        environ = {**chatctl.environ, **places.environ[place]}
        stream = Chatctl(chatctl.directory, chatctl.runtime)
        stream.environ = environ
        begun.append(stream.start(*words(name), "--json"))
    seen = []
    for process in begun:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(2)]
        process.terminate()
        process.communicate(timeout=30)
        seen.append([same(json.loads(line)) for line in lines])
    assert seen[0] == seen[1]
    assert all(fact["type"] for fact in seen[0])
