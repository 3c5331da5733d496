"""Every hint that the product can print: the command that prints it, and what it says is done, by
the table in ``hint_cases``. A hint in the source that no line of the table prints fails here."""

import ast
import json
import re
import shlex
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from unittest import mock

import forks
import jwt
import pytest
from hint_cases import SPOKEN, TRIED, Tried
from hint_faults import Place
from offline import Offline
from prepared_server import ROOT, Finished
from same_process import Here
from test_every_error import give_up_a_delivery
from world import KEY, Server, running

import chatctl
from chatctl.commands import replay
from chatctl.shell import places, registry
from chatctl_server.actions import accounts, conversations, sites, workspaces
from chatctl_server.domain.support_events import SiteSettings
from chatctl_server.storage import maintenance
from chatctl_server.storage.workspaces import WorkspaceRef

# What raises an error, and the place of the hint among its arguments.
_RAISES = {"usage": 1, "Failure": 2, "failure": 2, "ValueRefused": 1, "check_terminal": 1}
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")
Constants = dict[str, ast.expr]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with rooms, one of them closed and two of one name; a delivery that was given up;
    a backup, and files that are not what they should be."""
    directory = tmp_path_factory.mktemp("prepared")
    desk = Offline(directory / "chat.db")
    room = desk.create_room("lobby", "boss")
    desk.post(room, "anna", "first")
    for name in ("twin", "twin", "open one"):
        desk.create_room(name)
    desk.run(conversations.close, desk.create_room("gone"))
    give_up_a_delivery(desk)
    twins = [desk.run(accounts.create, "Twin", f"{n}@example.org", None).id for n in range(2)]
    for _ in range(2):
        desk.run(sites.create, WorkspaceRef(0, 2), SiteSettings("Twin"))
    acme = desk.run(workspaces.create, "Acme").ref
    desk.run(workspaces.add_member, acme, twins[0], "owner")
    desk.close()
    maintenance.backup(desk.path, directory / "good.db")
    (directory / "text.db").write_text("no database" * 100)
    (directory / "empty").write_text("")
    (directory / "list").write_text('{"a": 1}\n')
    (directory / "key").write_text(KEY)
    (directory / "jwt").write_text(jwt.encode({"sub": "anna"}, "x" * 32))
    (directory / "users").write_text("bert\n")
    (directory / "signing").write_text("A" * 43 + "=")
    (directory / "table.toml").write_text("[rooms]\nX = 1\n")
    (directory / "list.toml").write_text('TRUSTED_PROXIES = ["10.0.0.0/8"]\n')
    for name in ("out.part", "out.part.cursor", "part/.chatctl-init", "part/chatctl.toml"):
        (directory / name).parent.mkdir(exist_ok=True)
        (directory / name).write_text("{}")
    for name in ("admin-api-key", "ADMIN_API_KEY"):
        (directory / "credentials").mkdir(exist_ok=True)
        (directory / "credentials" / name).write_text("secret")
    shutil.copy(desk.path, directory / "changed.db")
    shutil.copy(directory / "good.db.json", directory / "changed.db.json")
    shutil.copy(directory / "good.db", directory / "newer.db")
    with closing(sqlite3.connect(directory / "newer.db")) as db, db:
        db.execute("INSERT INTO schema_migration (name, applied) VALUES ('0999_later', 'now')")
    shutil.copy(directory / "good.db", directory / "wrong.db")
    with closing(sqlite3.connect(directory / "wrong.db")) as db, db:
        db.execute("UPDATE conversation SET last_seq = last_seq + 5")
    whole = desk.path.read_bytes()
    (directory / "damaged.db").write_bytes(whole[:4096] + b"x" * (len(whole) - 4096))
    (directory / "ahead").write_text('{"after": 4000}')
    shutil.copy(directory / "good.db", directory / "early.db")
    with closing(sqlite3.connect(directory / "early.db")) as db, db:
        db.execute("INSERT INTO schema_migration (name, applied) VALUES ('0001_initial', 'now')")
    (directory / "latin").write_bytes(b"\xff")
    (directory / "large").write_text("x" * 5000)
    with closing(sqlite3.connect(directory / "others.db")) as db, db:
        db.execute("CREATE TABLE invoice (id)")
    return directory


@pytest.fixture(scope="module")
def server(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("served")
    shutil.copy(prepared / "chat.db", directory / "chat.db")
    with running(directory, DATA_CALLBACK_URL="http://127.0.0.1:9/data") as server:
        yield server


@pytest.fixture
def place(here: Here, server: Server, prepared: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr(replay, "_PAUSES_SECONDS", ())  # nobody is at the URL that is tried
    shutil.copytree(prepared, here.directory, dirs_exist_ok=True)
    return Place(here, server)


def _typed(place: Place, line: str) -> Finished:
    """As a shell would take it: settings in front, ``< FILE`` and ``> FILE``, other programs.
    ``SERVED=1`` is at a server, all else on the file. ``VERSION`` is that of the command.
    ``STOPPED=1`` is one that would not end: it is stopped when it says that it listens."""
    words = shlex.split(line)
    environ = {"DATABASE_URL": "sqlite:./chat.db"}
    if words[0] == "SERVED=1":
        environ = {"CHATCTL_SERVER": place.server.url, "ADMIN_API_KEY": KEY}
        words.pop(0)
    while re.match(r"[A-Z_]+=", words[0]):
        name, _, value = words.pop(0).partition("=")
        environ[name] = value
    version = environ.pop("VERSION", chatctl.__version__)
    given = {name: value for name, value in environ.items() if value}
    if words[0].isupper():
        return _asked(place.server, version, *words)
    with mock.patch.object(chatctl, "__version__", version):
        if given.pop("STOPPED", ""):
            return _stopped(place.here, words[1:], given)
        if words[0] == "chatctl":
            return _ours(place.here, words, given)
    done = subprocess.run(
        ["sh", "-c", line], cwd=place.here.directory, check=False, capture_output=True, text=True
    )
    return Finished(done.stdout, done.stderr, done.returncode)


def _ours(here: Here, words: list[str], environ: dict[str, str]) -> Finished:
    stdin = ""
    if words[-2:-1] == ["<"]:
        stdin, words = (here.directory / words[-1]).read_text(), words[:-2]
    to = words[-1] if words[-2:-1] == [">"] else None
    done = here(*(words[1:-2] if to else words[1:]), stdin=stdin, **environ)
    if to:
        (here.directory / to).write_text(done.stdout)
    return done


def _asked(server: Server, version: str, method: str, path: str, body: str = "") -> Finished:
    """Over HTTP, where a hint stands in the problem's body."""
    headers = {"X-Chatctl-Version": version, "Content-Type": "application/json"}
    with server.http.stream(method, path, content=body or None, headers=headers) as answer:
        if answer.is_success:
            return Finished("", "", 0)
        told = json.loads(answer.read())
    return Finished("", f"chatctl: {told['detail']}\n  try: {told.get('hint')}\n", 1)


def _stopped(here: Here, words: list[str], environ: dict[str, str]) -> Finished:
    environment = {**here.environ, **environ}
    running = forks.start(words, environment, here.directory, stderr=subprocess.STDOUT)
    assert running.stdout is not None
    said = iter(running.stdout.readline, b"")
    assert any(b"listen" in line for line in said)
    running.terminate()
    running.communicate(timeout=30)
    return Finished("", "", running.returncode)


@pytest.mark.parametrize("case", TRIED, ids=lambda case: case.typed[:60])
def test_what_a_hint_says_works(place: Place, case: Tried) -> None:
    server = place.server
    known = {"url": server.url, "port": str(server.port), "version": chatctl.__version__}
    with closing(case.under(place)) as fault:
        known |= next(fault)
        known["dir"] = str(place.here.directory)
        done = _typed(place, _filled(case.typed, known))
        hint = done.stderr.partition("  try: ")[2].rstrip("\n")
        assert done.exit != 0
        typed = shlex.split(_filled(case.typed, known))
        said = places.completed(_filled(case.hint, known), typed, registry.first_words())
        assert re.fullmatch(re.escape(said).replace(r"\{\}", ".+"), hint), hint
        known["id"] = next(iter(_ID.findall(done.stderr) or _ID.findall(done.stdout)), "")
        known |= next(fault, {})
        for each in case.follow:
            line = _filled(each, known)
            followed = _typed(place, line)
            assert followed.exit in case.ends, (line, followed)
        assert case.shows in f"{followed.stdout}{followed.stderr}", followed
    named = re.findall(r"(?<!the )chatctl \w[\w-]*|(?<!no )--\w[\w-]*", hint)
    assert not named or any(each in line for each in named for line in case.follow)


def _filled(line: str, known: dict[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: known[found[1]], line)


def test_every_hint_of_the_source_is_tried() -> None:
    """By its own words: those of its values that are not written in it may be anything."""
    printed = [case.hint for case in TRIED]
    found = list(_hints())
    assert len(found) > 150
    missing = []
    for text, pattern in found:
        if not any(re.fullmatch(pattern, each) for each in printed):
            missing.append(text)
    assert missing == []


def _hints() -> Iterator[tuple[str, str]]:
    """The expression, and a pattern of what it prints. An error's hint that is
    passed on was told where it was raised."""
    for path in sorted(ROOT.glob("chatctl*/**/*.py")):
        tree = ast.parse(path.read_text())
        known = {
            target.id: node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant | ast.JoinedStr)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            for one in _hints_of(node):
                for each in _choices(one):
                    if not _is_passed_on(each):
                        text = ast.unparse(each)
                        yield text, SPOKEN.get(text) or _words(each, known)


def _hints_of(node: ast.AST) -> Iterator[ast.expr]:
    match node:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            place = _RAISES.get(name, len(node.args))
            yield from node.args[place : place + 1]
            yield from (each.value for each in node.keywords if each.arg == "hint")
        case ast.Assign(targets=[ast.Name(id="hint") | ast.Attribute(attr="hint")]):
            yield node.value
        case ast.FunctionDef(name="so_far"):
            told = [each.value for each in ast.walk(node) if isinstance(each, ast.Return)]
            yield from (each.elts[1] for each in told if isinstance(each, ast.Tuple))


def _choices(node: ast.expr) -> Iterator[ast.expr]:
    match node:
        case ast.IfExp():
            yield from (*_choices(node.body), *_choices(node.orelse))
        case ast.BoolOp():
            for each in node.values:
                yield from _choices(each)
        case _:
            yield node


def _is_passed_on(node: ast.expr) -> bool:
    match node:
        case ast.Constant(value=None) | ast.Attribute(attr="hint") | ast.Name(id="hint"):
            return True
        case ast.Call(func=ast.Name(id="str") | ast.Attribute(attr="get" | "completed")):
            return True
    return False


def _words(node: ast.expr, known: Constants) -> str:
    """A pattern; what has no words of its own is nothing that can be printed."""
    match node:
        case ast.Constant(value=str(text)):
            return re.escape(text)
        case ast.JoinedStr():
            return "".join(_words(each, known) for each in node.values)
        case ast.FormattedValue(value=ast.Name(id=name)) | ast.Name(id=name) if name in known:
            return _words(known[name], known)
        case ast.FormattedValue():
            return ".*"
        case ast.Call(func=ast.Attribute(value=ast.Name(id="shlex")), args=[ast.Tuple(elts=all)]):
            constant = (isinstance(each, ast.Constant) for each in all)
            return " ".join(
                _words(each, known) if is_so else ".+"
                for each, is_so in zip(all, constant, strict=True)
            )
    return "(?!)"
