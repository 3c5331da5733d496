"""Every command gives the same answer wherever it acts: at a running server, on its file, and at
a server in memory. A command without a case fails."""

import itertools
import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from uuid import UUID

import cases
import pytest
from cases import CASES
from prepared_server import Finished
from same_process import Here
from world import Room, Server, eventually, running

from chatctl.shell import exits, registry
from chatctl_server.domain import event_id

# Of this moment, of this machine, or of a server alone.
_OF_THE_PLACE = (
    "address", "backlog", "connections", "database", "database_bytes", "database_error", "durable",
    "duration_seconds", "file", "health", "latency_ms", "pid", "started_at", "uptime_seconds",
    "script", "widget_url",
)  # fmt: skip
_ID = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|key_[0-9a-f]{16}|ck_[\w-]{43}"
    r"|(?:conv|msg|cus|site)_[0-9a-z]{26}|pk_[0-9a-f]{32}|(http://127.0.0.1:\d+)?/#\w+=[\w-]{43}|(?<![\w-])[\w-]{43}(?![\w-])"
)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
PLACES = ("server", "file", "memory")


class Places(NamedTuple):
    """``known``: what the words of each case stand for; ``conversations``, whose ids differ, by the
    place."""

    environ: dict[str, dict[str, str]]
    known: dict[str, dict[str, str | int]]
    conversations: dict[str, dict[str, str]]


def test_every_command_has_a_case() -> None:
    registered = {path.removeprefix("chatctl ") for path, _, _ in registry.commands()}
    assert {cases.command(name) for name in CASES} == registered


def _room_of(name: str) -> str:
    return f"room of {name}"


def _prepare(server: Server) -> dict[str, dict[str, str | int]]:
    """A room for each case that changes one, and one for all that do not, as the table says; and
    endpoints in the same way."""
    made: dict[str, dict[str, str | int]] = {}
    for name in (*_CHANGES, "rooms sessions", _READ):
        room = server.create_room(_room_of(name), admins=("boss",))
        room.ban("mallory", reason="spam")
        server.http.put(f"{room.path}/mutes/trudy", json={})
        for content in ("first", "second"):
            body = {"user_id": "anna", "content": content}
            posted = server.http.post(f"{room.path}/messages", json=body).json()
        made[name] = {"room": _room_of(name), "message": int(posted["message_id"])}
        if name in _BEFORE:
            _BEFORE[name](room)
        made[name]["key"] = _key_of(server, name)
        made[name] |= _team_of(server, name)
        if name == _READ or {"{endpoint}", "{delivery}"} & {*CASES[name].words.split()}:
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


def _key_of(server: Server, name: str) -> str:
    """The name of a key."""
    body = {"name": f"key-of-{name.replace(' ', '-')}", "scopes": ["rooms"]}
    server.http.post("/management/keys", json=body).raise_for_status()
    return str(body["name"])


def _team_of(server: Server, name: str) -> dict[str, str | int]:
    """An account, its workspace, and a chat that somebody else owns."""
    http, number = server.http, name.replace(" ", "-")
    email = f"{number}@example.org"

    def post(path: str, body: Any) -> Any:
        return http.post(f"/management/{path}", json=body).raise_for_status().json()

    other, account = (
        post("users", {"fullname": number, "email": f"{prefix}{email}", "role": role})["id"]
        for prefix, role in (("other-", "owner"), ("", "agent"))
    )
    workspace = post("workspaces", {"name": f"workspace-{number}", "owner": account})["name"]
    body = {"name": f"chat-{number}", "type": "PrivateChannel", "owner": other}
    chat = post("chats", {**body, "members": [account]})
    said = post(f"chats/{chat['id']}/messages", {"content": "said"})["id"]
    site = post("sites", {"name": f"site-{number}", "allowed_origins": ["https://a.example"]})
    return {
        "account": email,
        "workspace": workspace,
        "chat": chat["name"],
        "said": said,
        "site": site["name"],
    }


def _desk_of(server: Server) -> dict[str, str]:
    """A conversation for each case that needs one, with an answer."""
    body = {"name": "desk", "scopes": ["support"], "workspace": 0}
    key = server.http.post("/management/keys", json=body).raise_for_status().json()["key"]
    made = {}
    for name in (*_CHANGES, _READ):
        opened = server.http.post(
            "/api/conversations", json={"customer_name": name}, headers={"X-Api-Key": key}
        )
        made[name] = str(opened.raise_for_status().json()["id"])
        path = f"/management/conversations/{made[name]}/messages"
        server.http.post(path, json={"content": "hello"}).raise_for_status()
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
_READ = "what changes nothing"
_CHANGES = [each for each in cases.of("product") if CASES[each].again is not None]


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
            there, elsewhere = _desk_of(file), _desk_of(lost)
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
                {"server": there, "file": there, "memory": elsewhere},
            )


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
def test_the_same_answer_everywhere(here: Here, places: Places, tmp_path: Path, name: str) -> None:
    """Once, and then again: what is done already is done already everywhere."""
    case, numbers = CASES[name], itertools.count()

    def answer(place: str) -> tuple[Any, int]:
        conversations = places.conversations[place]
        known = {
            **places.known.get(name, places.known[_READ]),
            "conversation": conversations.get(name, conversations[_READ]),
            "new": tmp_path / f"new-{next(numbers)}",
        }
        words = [word.format(**known) for word in case.words.split()]
        environ = places.environ[place]
        done = here(*words, "--json", "--quiet", stdin=case.stdin, **environ)
        return same(_document(done)), done.exit

    for expected in (exits.DONE, case.again):
        if expected is not None:
            at_server, on_file, in_memory = map(answer, PLACES)
            assert on_file == at_server
            assert in_memory == at_server
            assert at_server[1] == expected


def test_a_stream_needs_a_server(here: Here, places: Places) -> None:
    known = {"room": "lobby", "endpoint": "http://127.0.0.1:9/hook"}
    for name in cases.of("stream", "sending"):
        words = CASES[name].words.format(**known).split()
        done = here(*words, "--json", "--quiet", **places.environ["file"])
        assert (done.stdout, done.exit) == ("", exits.UNREACHABLE), name
        assert json.loads(done.stderr)["error"]["code"] == "no_server"
