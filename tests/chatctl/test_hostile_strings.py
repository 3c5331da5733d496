"""Every command with strings that someone made to act on a terminal, in every form of output."""

import contextlib
import http.client
import itertools
import json
import re
import threading
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple
from unittest import mock
from urllib.parse import quote

import pytest
from callback_sender import is_open
from hostile import STRINGS, acting, file_name, name, room_name
from offline import Offline
from prepared_server import Chatctl, Finished
from receivers import Receiver, answer, receiver
from resending import oldest, resending
from same_process import Here, without_colours
from world import KEY, Room, Server, eventually, free_port, running

from chatctl.shell import registry
from chatctl.show import progress
from chatctl.show.visible import exact, visible, width
from chatctl_server.domain import tokens

TEXTS = frozenset(STRINGS.values())
NAMES = frozenset(map(name, TEXTS))
USERS = sorted(NAMES)
EVERYTHING = " ".join(STRINGS.values())
LONG_NAME = EVERYTHING[:255]
ROOM_NAME = room_name(EVERYTHING)
KEY_NAME = EVERYTHING[:100].strip()
FULLNAME = EVERYTHING[:100].strip()
CUSTOMER_NAME = room_name(EVERYTHING[:100])
EMAIL = "everything@example.org"
CHAT_NAME = room_name(EVERYTHING[:120])
TOLD = frozenset({FULLNAME, EVERYTHING[:500]})
# A database's path holds no control characters: serve --db refuses it. Other files' may.
PLACE = "".join(STRINGS[each] for each in ("bidi_override", "blank", "shell", "markup_link"))
PLACE = file_name(PLACE)
FILE = file_name("".join(STRINGS[each] for each in ("csi_colour", "return", "osc_title", "c1_csi")))
SECRET = "the-secret-of-the-tokens-of-the-tests"
# Of each: joined, kicked, left, joined, a custom event, a message, a mute.
EVENTS = str(7 * len(STRINGS))
# What a receiver answers, of which 4 KiB are kept.
SAID = " ".join(each[:60] for each in STRINGS.values())
NOBODY: frozenset[str] = frozenset()
COLUMNS = 60


class Case(NamedTuple):
    """``words`` after the command: ``<main>``, ``<hall>``, ``<new>``, ``<closed>`` and ``<file>``
    stand for rooms and a database, ``<users>`` for all of them. ``holds`` is what --json gives
    back, ``cells`` what a pipe does, both exactly."""

    words: Sequence[str]
    holds: frozenset[str] = NOBODY
    cells: frozenset[str] = NOBODY
    exit: int = 0
    is_list: bool = False


def _list(*words: str, holds: frozenset[str]) -> Case:
    return Case(words, holds, holds, is_list=True)


def _file(*words: str, exit_code: int = 0) -> Case:
    return Case(("--db", "<file>", *words), exit=exit_code)


CASES = {
    "serve": Case(("--db", f"sqlite:{FILE}"), exit=2),
    "init": Case((f"new {PLACE}",), exit=2),
    "status": Case((), cells=NOBODY),
    "ban": Case(("<hall>", "--reason", STRINGS["combining"], "--", "<users>"), NAMES, NAMES),
    "unban": Case(("<hall>", "--", "<users>"), NAMES, NAMES),
    "bans": _list("<main>", holds=NAMES | TEXTS),
    "kick": Case(("<hall>", "--", "<users>"), NAMES, NAMES),
    "mute": Case(("<hall>", "--reason", EVERYTHING, "--", "<users>"), NAMES, NAMES),
    "unmute": Case(("<hall>", "--", "<users>"), NAMES, NAMES),
    "mutes": _list("<main>", holds=NAMES | TEXTS),
    "say": Case(("<hall>", "--as", LONG_NAME, "--", EVERYTHING)),
    "watch": Case(("<main>", "--since", "0", "--count", EVENTS), NAMES | TEXTS, NAMES | TEXTS),
    "export": Case(("<main>",), NAMES | TEXTS, NAMES | TEXTS),
    "inbox": Case((), exit=2),
    "completion": Case((EVERYTHING,), exit=2),
    "help": Case(("--", "<users>"), exit=2),
    "rooms ls": _list("--status", "all", holds=NAMES),
    "rooms create": Case((ROOM_NAME, "--admin", STRINGS["osc_link"])),
    "rooms show": Case(("<main>",), NAMES, NAMES),
    "rooms rename": Case(("<new>", ROOM_NAME), frozenset({ROOM_NAME})),
    "rooms close": Case(("<new>", "--yes")),
    "rooms rm": Case(("<closed>", "--yes")),
    "rooms members": _list("<main>", holds=NAMES),
    "rooms admins": _list("<main>", holds=NAMES),
    "rooms history": _list("<main>", "--all", holds=NAMES | TEXTS),
    "rooms sessions": _list("<main>", "--all", holds=NAMES),
    "room-users show": Case((LONG_NAME,), frozenset({LONG_NAME}), frozenset({LONG_NAME})),
    "room-users history": Case((USERS[0], "--all"), is_list=True),
    "connections ls": _list(holds=NAMES),
    "messages show": Case((EVERYTHING,), exit=2),
    "messages rm": Case(("<main>", EVERYTHING), exit=2),
    "events ls": _list("--room", "<main>", "--limit", "1000", holds=NAMES | TEXTS),
    "events tail": _list("--room", "<main>", "--limit", "1000", holds=NAMES | TEXTS),
    "events replay": Case(
        ("--since", "0", "--room", "<main>", "--to-file", "-"), NAMES | TEXTS, NAMES | TEXTS
    ),
    "callbacks ls": Case(()),
    "callbacks add": Case((EVERYTHING, "--events", "*"), exit=2),
    "callbacks show": Case(("<delivery>",), frozenset({SAID}), frozenset({SAID})),
    "callbacks rm": Case((EVERYTHING,), exit=3),
    "callbacks enable": Case((EVERYTHING,), exit=3),
    "callbacks disable": Case((EVERYTHING,), exit=3),
    "callbacks rotate-secret": Case((EVERYTHING, "--out", "never"), exit=3),
    "callbacks test": Case(("data",), frozenset({SAID}), frozenset({SAID})),
    "callbacks deliveries": Case(("--all",), is_list=True),
    "callbacks retry": Case(("--", "<users>"), exit=2),
    "callbacks recover": Case(("--since", "1h", "--endpoint", EVERYTHING), exit=3),
    "callbacks tail": Case(("--count", str(4 * len(STRINGS))), NAMES),
    "callbacks listen": Case(
        ("--port", "<sending>", "--count", str(len(STRINGS))), NAMES | TEXTS, NAMES | TEXTS
    ),
    "callbacks forward": Case(
        ("--to", "<hook>", "--room", "<main>", "--since", "0", "--count", EVENTS)
    ),
    "sync push": Case(("--room", "<hall>")),
    "sync status": _list(holds=NAMES),
    "sync pull": Case(("-o", "-"), NAMES | TEXTS, NAMES | TEXTS),
    "db info": _file(),
    "db migrate": _file(),
    "db check": _file(),
    "db verify": _file(),
    "db backup": _file(f"{PLACE}/{FILE}"),
    "db restore": _file(f"{PLACE}/{FILE}", "--yes", exit_code=3),
    "db prune": _file("--older-than", "1d", "--yes"),
    "db seed": _file("--demo"),
    "users ls": _list(holds=frozenset({FULLNAME})),
    "users create": Case((EVERYTHING, EVERYTHING), exit=2),
    "users show": Case((EMAIL,), frozenset({FULLNAME}), frozenset({FULLNAME})),
    "users suspend": Case((EMAIL,), frozenset({FULLNAME})),
    "users reactivate": Case((EMAIL,), frozenset({FULLNAME})),
    "users set-password": Case((EVERYTHING, "--password-file", "-"), exit=3),
    "users reset-link": Case((EVERYTHING,), exit=3),
    "users sessions": Case((EVERYTHING,), exit=3),
    "users logout": Case((EVERYTHING,), exit=3),
    "users erase": Case((EMAIL, "--dry-run")),
    "users export": Case((EMAIL,), frozenset({FULLNAME}), frozenset({FULLNAME})),
    "workspaces ls": _list(holds=frozenset({FULLNAME})),
    "workspaces create": Case((EVERYTHING,), exit=2),
    "workspaces show": Case((FULLNAME,), frozenset({FULLNAME}), frozenset({FULLNAME})),
    "workspaces members": _list(FULLNAME, holds=frozenset({FULLNAME})),
    "workspaces invite": Case((EVERYTHING,), exit=3),
    "workspaces rm": Case((EVERYTHING,), exit=3),
    "chats ls": _list(holds=frozenset({CHAT_NAME})),
    "chats create": Case((EVERYTHING, "--type", "Group", "--owner", EVERYTHING), exit=3),
    "chats show": Case((CHAT_NAME,), frozenset({CHAT_NAME}), frozenset({CHAT_NAME})),
    "chats members": Case((CHAT_NAME,), is_list=True),
    "chats transfer": Case((CHAT_NAME, EVERYTHING), exit=3),
    "chats rm": Case((EVERYTHING,), exit=3),
    "conversations ls": _list(holds=frozenset({CUSTOMER_NAME})),
    "conversations show": Case(("<conversation>",), TEXTS, TEXTS),
    "conversations assign": Case(("<conversation>", EVERYTHING), exit=3),
    "conversations close": Case((EVERYTHING,), exit=3),
    "conversations reopen": Case(("<conversation>",), frozenset({CUSTOMER_NAME})),
    "conversations snooze": Case((EVERYTHING,), exit=3),
    "conversations say": Case(("<conversation>", EVERYTHING), frozenset({EVERYTHING})),
    "conversations label": Case(("<conversation>", "--add", EVERYTHING), exit=2),
    "conversations export": Case(("<conversation>",), TEXTS, TEXTS),
    "sites ls": _list(holds=frozenset({FULLNAME})),
    "sites create": Case((EVERYTHING,), exit=2),
    "sites show": Case((FULLNAME,), TOLD, TOLD),
    "sites set": Case((FULLNAME, "--away", EVERYTHING), TOLD | {EVERYTHING}),
    "sites rotate-key": Case((EVERYTHING,), exit=3),
    "sites integration": Case((FULLNAME,), frozenset({FULLNAME})),
    "sites rm": Case((EVERYTHING, "--yes"), exit=3),
    "keys ls": _list(holds=frozenset({KEY_NAME})),
    "keys create": Case((EVERYTHING, "--scope", "rooms:read"), exit=2),
    "keys rotate": Case((KEY_NAME, "--old-for", "1h")),
    "keys rm": Case((EVERYTHING,), exit=3),
    "config show": Case(("--origin", "--config", "<toml>")),
    "config check": Case(("--config", "<toml>")),
    "token mint": Case(
        ("--user", LONG_NAME, "--name", STRINGS["osc_link"]),
        frozenset({LONG_NAME, STRINGS["osc_link"]}),
    ),
    "token inspect": Case(("-",), frozenset({LONG_NAME}), frozenset({LONG_NAME})),
}


STREAMS = (
    "watch", "export", "events replay", "callbacks tail", "callbacks listen", "callbacks forward",
    "sync pull", "users export", "conversations export",
)  # fmt: skip


@pytest.fixture(scope="module")
def hook() -> Iterator[Receiver]:
    with receiver(answer(200, SAID.encode())) as made:
        yield made


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, hook: Receiver) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("server")
    url = f"sqlite:{directory}/{PLACE}.db"
    desk = Offline(directory / f"{PLACE}.db")
    for user in USERS:
        desk.create_room(user)  # as an older server let them be called
    desk.close()
    with running(directory, DATABASE_URL=url, DATA_CALLBACK_URL=hook.url) as started:
        started.http.post("/management/sync", json={"kinds": ["data"]}).raise_for_status()
        key = {"name": KEY_NAME, "scopes": ["rooms"]}
        started.http.post("/management/keys", json=key).raise_for_status()
        for path, body in (
            ("users", {"fullname": FULLNAME, "email": EMAIL}),
            ("workspaces", {"name": FULLNAME, "owner": 1}),
            ("chats", {"name": CHAT_NAME, "type": "PublicChannel", "owner": 1}),
            ("sites", {"name": FULLNAME, "greeting": EVERYTHING[:500]}),
        ):
            started.http.post(f"/management/{path}", json=body).raise_for_status()
        oldest(started, len(USERS))
        _open_a_conversation(started)
        yield started


def _open_a_conversation(server: Server) -> None:
    """Of a customer with the name of all, who is told each."""
    key = {"name": "desk", "scopes": ["support"], "workspace": 0}
    shown = server.http.post("/management/keys", json=key).json()["key"]
    body, headers = {"customer_name": CUSTOMER_NAME}, {"X-Api-Key": shown}
    made = server.http.post("/api/conversations", json=body, headers=headers).json()
    for each in STRINGS.values():
        path = f"/management/conversations/{made['id']}/messages"
        server.http.post(path, json={"content": each}).raise_for_status()


@pytest.fixture(scope="module")
def main(server: Server) -> Iterator[Room]:
    """Where everybody is an admin, has been, is, is banned elsewhere, and has said it all."""
    room = server.create_room("main", tuple(USERS))
    clients = []
    for each in STRINGS.values():
        user = name(each)
        segment = quote(user, safe="")
        room.join(user, nickname=user)
        assert server.http.post(f"{room.path}/kick/{segment}").json()["changed"]
        clients.append(room.join(user, nickname=user))
        clients[-1].send("CustomEvent", {"event_type": user, "payload": {each: [each]}})
        said = {"content": each, "user_id": user, "nickname": user}
        server.http.post(f"{room.path}/messages", json=said).raise_for_status()
        server.http.put(f"{room.path}/mutes/{segment}", json={"reason": each})
    for client in clients:
        client.frames_until_pong()  # one that does not read answers no ping, and is dropped
    yield room
    server.kill()
    for client in clients:
        client.close_code()  # reads what it has not read, or its close would wait


@pytest.fixture(scope="module")
def banned(server: Server, main: Room) -> Room:
    """Where everybody is banned: who is cannot be in a room."""
    room = server.create_room("banned")
    for each in STRINGS.values():
        path = f"{room.path}/bans/{quote(name(each), safe='')}"
        server.http.put(path, json={"reason": each}).raise_for_status()
    return room


class Scene:
    """Runs a command with the rooms and the files of this test."""

    def __init__(
        self, here: Here, server: Server, main: Room, banned: Room, hook: Receiver
    ) -> None:
        self._here = here
        self._hook = hook
        self._server = server
        self._rooms = (main, banned)
        self._numbers = itertools.count()
        self.directory = here.directory / PLACE
        self.directory.mkdir()

    def words(self, command: str) -> list[str]:
        found: list[str] = []
        for word in CASES[command].words:
            known = {"<users>": USERS, "<hook>": [self._hook.url]}
            if word == "<delivery>":
                known[word] = oldest(self._server, 1)
            elif word == "<conversation>":
                listed = self._server.http.get("/management/conversations").json()
                known[word] = [each["id"] for each in listed]
            found += known.get(word) or [self._word(command, word)]
        return found

    def _word(self, command: str, word: str) -> str:
        match word:
            case "<main>":
                return self._rooms[command == "bans"].id
            case "<hall>" | "<new>" | "<closed>":
                # Found by its name, which nobody else uses.
                name = room_name(f"{self._here.directory} {next(self._numbers)} {EVERYTHING}")
                room = self._server.create_room(name)
                if word == "<closed>":
                    self._server.http.delete(room.path)
                return name
            case "<file>":
                url = f"sqlite:{PLACE}/chat.db"
                if command != "db migrate":
                    assert self._here("db", "migrate", "--db", url).exit == 0
                return url
            case "<sending>":
                return str(_sending_callbacks())
            case "<toml>":
                path = self.directory / FILE
                path.write_text(f"DATABASE_URL = {json.dumps(f'sqlite:{PLACE}/x.db')}\n")
                return f"{PLACE}/{FILE}"
        return word

    @property
    def environ(self) -> dict[str, str]:
        return {"CHATCTL_SERVER": self._server.url, "ADMIN_API_KEY": KEY}

    def run(self, command: str, *options: str, columns: int | None = None) -> Finished:
        """In an empty directory, whatever the run before has made."""
        for old in self.directory.iterdir():
            old.unlink()
        args = [*command.split(), *options, *self.words(command)]
        environ = {"ROOM_TOKEN_SECRET": SECRET, "ROOM_IDENTITY": "token"}
        if not command.startswith(("db", "serve", "config", "init")):
            environ |= self.environ
        stdin = tokens.mint(tokens.TokenClaims(LONG_NAME, 4e9), SECRET, 1e9)
        is_live = command == "callbacks tail"
        # The first room is main.
        with resending(self._server, 1 + len(USERS)) if is_live else contextlib.nullcontext():
            if columns is None:
                return self._here(*args, stdin=stdin, **environ)
            return self._here.as_terminal(columns, *args, stdin=stdin, **environ)


def _sending_callbacks() -> int:
    """The port that they are going to be sent to: each string in each place there is."""
    port = free_port()
    threading.Thread(target=_send_callbacks, args=(port,)).start()
    return port


def _send_callbacks(port: int) -> None:
    eventually(lambda: is_open(port))
    for number, each in enumerate(STRINGS.values()):
        user = name(each)
        # HTTP carries C1 characters, and no others that act.
        header = re.sub(r"[\x00-\x1f\x7f]", "", each).encode("latin-1", "ignore")
        named = {"X-Chatctl-Event": header, "webhook-id": b"%d %s" % (number, header)}
        body = {"event_type": each, "room_id": user, "room_name": each, each: [user]}
        with contextlib.closing(
            http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        ) as sender:
            sender.request("POST", f"/{quote(user)}", json.dumps(body), named)
            assert sender.getresponse().status == 200


@pytest.fixture
def scene(here: Here, server: Server, main: Room, banned: Room, hook: Receiver) -> Scene:
    return Scene(here, server, main, banned, hook)


def test_every_command_has_a_case() -> None:
    assert [f"chatctl {each}" for each in CASES] == [path for path, _, _ in registry.commands()]


def _strings(value: Any) -> Iterator[str]:
    """All texts of a JSON document, keys too."""
    match value:
        case str():
            yield value
        case dict():
            for key, each in value.items():
                yield key
                yield from _strings(each)
        case list():
            for each in value:
                yield from _strings(each)


def _cells(shown: str) -> Iterator[str]:
    """All texts of a pipe's lines: of a list of users each one, of JSON in a cell or as a line its
    own."""
    for line in shown.split("\n"):
        if line.startswith('{"'):
            yield from _strings(json.loads(line))
            continue
        for cell in line.split("\t"):
            text = exact(cell)
            yield from (text, *text.split(","))
            if text.startswith('{"'):
                yield from _strings(json.loads(text))


@pytest.mark.parametrize("command", CASES)
def test_in_every_form_of_output_nothing_acts(scene: Scene, command: str) -> None:
    """Lines give every text back, and JSON does. It is written at one place: those with texts are
    asked for it, and those that refuse what is typed."""
    case, done = CASES[command], scene.run(command)
    assert done.exit == case.exit, done
    assert acting(done.stdout, "\n\t") | acting(done.stderr) == set()
    assert case.cells - set(_cells(done.stdout)) == set()
    assert done.stdout == "" or case.exit == 0
    if case.holds or case.exit:
        _check_json(case, command, scene.run(command, "--json"))
    with mock.patch.object(progress, "FIRST_SECONDS", 3600.0):  # its line takes itself away
        done = scene.run(command, columns=COLUMNS)
    assert done.exit == case.exit, done
    assert acting(without_colours(done.stdout)) | acting(done.stderr) == set()
    if case.is_list:
        assert "\x1b[1m" in done.stdout
        ids = set(map(visible, NAMES))
        lines = without_colours(done.stdout).splitlines()
        assert [line for line in lines if width(line) > COLUMNS and line not in ids] == []


def _check_json(case: Case, command: str, done: Finished) -> None:
    assert done.exit == case.exit, done
    assert acting(done.stdout) | acting(done.stderr) == set()
    if case.exit:
        assert json.loads(done.stderr)["error"]["exit"] == case.exit
        assert done.stdout == ""
        return
    documents = done.stdout.splitlines() if command in STREAMS else [done.stdout]
    assert case.holds - set(_strings([json.loads(each) for each in documents])) == set()


def test_json_on_a_terminal_is_quiet_too(scene: Scene) -> None:
    command = "rooms history"
    _check_json(CASES[command], command, scene.run(command, "--json", columns=COLUMNS))


@pytest.mark.parametrize("command", ["rooms history", "watch", "rooms close"])
def test_on_a_real_terminal_too(chatctl: Chatctl, scene: Scene, command: str) -> None:
    """A table, a stream, and a question that gets no for an answer."""
    words = [word for word in scene.words(command) if word != "--yes"]
    shown, code = chatctl.on_terminal(*command.split(), *words,
        columns=COLUMNS, typed="n\n", CHATCTL_PAGER="cat", **scene.environ,
    )  # fmt: skip
    assert code == (130 if command == "rooms close" else 0), shown
    assert acting(without_colours(shown).replace("\r\x1b[K", "")) == set()
