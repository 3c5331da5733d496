"""Every command gives the same answer wherever it acts: at a running server, on its file, and at
a server in memory. A command without a case fails."""

import itertools
import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from uuid import UUID

import cases
import pytest
from cases import CASES
from prepared_server import Chatctl, Finished
from same_process import Here
from world import Room, Server, eventually, running

from chatctl.shell import exits, registry
from chatctl_server.domain import event_id

# Of this moment, of this machine, or of a server alone.
_OF_THE_PLACE = (
    "address", "backlog", "connections", "database", "database_bytes", "durable",
    "duration_seconds", "file", "health", "latency_ms", "pid", "started_at", "uptime_seconds",
)  # fmt: skip
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
PLACES = ("server", "file", "memory")


class Places(NamedTuple):
    """``known``: what the words of each case stand for."""

    environ: dict[str, dict[str, str]]
    known: dict[str, dict[str, str | int]]


def test_every_command_has_a_case() -> None:
    registered = {path.removeprefix("chatctl ") for path, _, _ in registry.commands()}
    assert {cases.command(name) for name in CASES} == registered


def _room_of(name: str) -> str:
    return f"room of {name}"


def _prepare(server: Server) -> dict[str, dict[str, str | int]]:
    """A room for each case, and an endpoint where it needs one, as the table says."""
    made: dict[str, dict[str, str | int]] = {}
    for name in cases.of("product", "stream", "sending"):
        room = server.create_room(_room_of(name), admins=("boss",))
        room.ban("mallory", reason="spam")
        server.http.put(f"{room.path}/mutes/trudy", json={})
        for content in ("first", "second"):
            body = {"user_id": "anna", "content": content}
            posted = server.http.post(f"{room.path}/messages", json=body).json()
        made[name] = {"room": _room_of(name), "message": int(posted["message_id"])}
        if name in _BEFORE:
            _BEFORE[name](room)
        if "{endpoint}" in CASES[name].words or "{delivery}" in CASES[name].words:
            made[name]["endpoint"] = f"http://127.0.0.1:9/{name.replace(' ', '-')}"
    for each in made.values():
        if "endpoint" in each:
            body = {"url": each["endpoint"], "events": ["custom.*"]}
            server.http.post("/management/callbacks", json=body).raise_for_status()
    boss = room.join("boss")
    boss.send("CustomEvent", {"event_type": "any", "payload": None})
    for endpoint_id, url in _added(server):
        (known,) = [each for each in made.values() if each.get("endpoint") == url]
        known["delivery"] = _given_up(server, endpoint_id)
        body = {"status": "disabled"}
        server.http.patch(f"/management/callbacks/{endpoint_id}", json=body).raise_for_status()
    boss.close()
    return made


def _added(server: Server) -> list[tuple[str, str]]:
    """Ids and URLs."""
    found = server.http.get("/management/callbacks").json()
    return [(each["endpoint_id"], each["url"]) for each in found]


def _given_up(server: Server, endpoint_id: str) -> int:
    """The number of the one delivery to an endpoint where nobody listens, after its one try."""
    query = {"endpoint_id": endpoint_id, "status": "failed"}
    path = "/management/callbacks/deliveries"
    (found,) = eventually(lambda: server.http.get(path, params=query).json())
    return event_id.offset_of(UUID(found["delivery_id"]))


def _stay(room: Room) -> None:
    room.join("anna").close()
    path = f"/management/sync/session-history/{room.id}"
    eventually(lambda: room.server.http.get(path).json()["records"])


def _close(room: Room) -> None:
    room.server.http.delete(room.path)


_BEFORE = {"rooms sessions": _stay, "rooms rm": _close}


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    """The running server, its file as it was before the first command, and a server in memory,
    each found in the way that it usually is."""
    lived, lonely = tmp_path_factory.mktemp("lived"), tmp_path_factory.mktemp("lonely")
    copy = lonely / "chat.db"
    with TemporaryDirectory(prefix="chatctl-") as short:
        memory = Path(short)
        settings = {
            "CALLBACK_ALLOW_NETWORKS": "127.0.0.0/8",
            "CALLBACK_BACKOFF": "fixed",
            "CALLBACK_MAX_RETRIES": "0",
        }
        in_memory = {"DATABASE_URL": "sqlite::memory:", **settings}
        with running(lived, **settings) as file, running(memory, **in_memory) as lost:
            known = _prepare(file)
            assert _prepare(lost) == known
            with (
                closing(sqlite3.connect(file.database)) as db,
                closing(sqlite3.connect(copy)) as to,
            ):
                db.backup(to)
            yield Places(
                {
                    "server": {"DATABASE_URL": f"sqlite:{file.database}", **settings},
                    "file": {"DATABASE_URL": f"sqlite:{copy}", **settings},
                    "memory": {
                        "XDG_RUNTIME_DIR": lost.environment["XDG_RUNTIME_DIR"],
                        **settings,
                    },
                },
                known,
            )


@pytest.fixture
def words(places: Places, tmp_path: Path) -> Callable[[str], list[str]]:
    numbers = itertools.count()

    def of(name: str) -> list[str]:
        new = tmp_path / f"new-{next(numbers)}"
        known = {**places.known[name], "new": new}
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
            here(
                *words(name), "--json", "--quiet", stdin=CASES[name].stdin, **places.environ[place]
            )
            for place in PLACES
        ]
        return [(same(_document(done)), done.exit) for done in finished]

    for expected in (exits.DONE, CASES[name].again):
        if expected is not None:
            at_server, on_file, in_memory = everywhere()
            assert on_file == at_server
            assert in_memory == at_server
            assert at_server[1] == expected


@pytest.mark.parametrize("name", cases.of("stream", "sending"))
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
    assert all(event["type"] for event in seen[0])


def test_what_is_sent_is_told_the_same_at_both_servers(here: Here, places: Places) -> None:
    """A sample to where nobody listens, once the endpoint is enabled."""
    url, told = places.known["callbacks test"]["endpoint"], []
    for place in ("server", "memory"):
        assert here("callbacks", "enable", str(url), **places.environ[place]).exit == exits.DONE
        done = here("callbacks", "test", str(url), "--json", **places.environ[place])
        assert done.exit == exits.PARTLY_DONE
        told.append((same(json.loads(done.stdout)), json.loads(done.stderr)))
    assert told[0] == told[1]
    assert [each["error"] for each in told[0][0]] == ["refused"]
