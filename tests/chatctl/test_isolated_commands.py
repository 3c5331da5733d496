"""Every command that speaks of rooms says the same whether or not the database is full of
conversations of other kinds, as like to the rooms as they can be made."""

import json
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import cases
import lived_in
import other_kinds
import pytest
from cases import CASES
from offline import Offline, room
from same_process import Here

from chatctl_server.actions import conversations, endpoints
from chatctl_server.settings.sources import Settings

USERS = ("ann", "bob", "eve", "carl", "dave")
NAMES = ("lobby-now", "attic", "lobby")
URL = "http://127.0.0.1:9/all"
# They show what the others are.
OF_OTHERS = ("users ", "workspaces ", "chats ", "conversations ", "sites ", "messages show")
# Not of the file or the settings, nor a stream, which shows what the routes and sockets give it;
# not what the operator asks of the whole file, and not of a delivery: its routes are compared by
# test_isolation.py.
COMPARED = [
    name
    for name in cases.of("product")
    if not name.startswith(("events ", "status", *OF_OTHERS))
    and "{delivery}" not in CASES[name].words
]
_ID = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|key_[0-9a-f]{16}|ck_[\w-]{43}"
)
_NUMBER = re.compile(r"(?<![\w-])\d+(?![\w-])")
_WAITS = re.compile(r"for \d+ s at most")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same rooms and the same endpoint, once without and once with the others."""
    home = tmp_path_factory.mktemp("twins")
    alone, crowded = home / "alone.db", home / "crowded.db"
    lived_in.live(alone)
    scene = Offline(alone)
    scene.run(conversations.rename, room(1), "lobby-now")
    endpoint = (URL, ["custom.*"], None, True, Settings())
    scene.run(endpoints.add, *endpoint)
    scene.close()
    shutil.copy(alone, crowded)
    shutil.copytree(f"{alone}.files", f"{crowded}.files")
    other_kinds.fill(crowded, NAMES, USERS)
    return alone, crowded


def told(here: Here, source: Path, name: str) -> str:
    """What it prints, answers and writes."""
    database = here.directory / "chat.db"
    for old in here.directory.glob("chat.db*"):
        old.unlink()
    shutil.copy(source, database)
    known = {each.public_id for each in Offline(database).rooms()}
    replaced = {"{room}": "lobby-now", "{endpoint}": URL, "{new}": str(here.directory / "new")}
    words = shlex.split(CASES[name].words)
    written = [replaced.get(each, each).replace("{message}", "1") for each in words]
    done = here(*written, "--db", f"sqlite:{database}", stdin=CASES[name].stdin)
    shown = [done.stdout, done.stderr, str(done.exit)]
    for each in here.directory.glob("new*"):
        shown.append(each.read_text())
        each.unlink()
    text = _ID.sub(lambda each: each[0] if each[0] in known else "<new>", "\n".join(shown))
    return _WAITS.sub("<wait>", _TIME.sub("<time>", text))


def test_a_command_says_the_same(here: Here, twins: tuple[Path, Path]) -> None:
    for name in COMPARED:
        alone, crowded = [told(here, each, name) for each in twins]
        if name == "say":  # a new message's id counts all kinds
            alone, crowded = [_NUMBER.sub("<n>", each) for each in (alone, crowded)]
        assert crowded == alone, name


def test_the_operator_sees_all(here: Here, twins: tuple[Path, Path]) -> None:
    def asked(path: Path, *words: str) -> Any:
        done = here(*words, "--json", "--db", f"sqlite:{path}")
        assert done.exit == 0, done.stderr
        return json.loads(done.stdout)

    events = [asked(each, "events", "ls", "--limit", "1000") for each in twins]
    alone, crowded = [{each["scope"] for each in found} - {None} for found in events]
    (shop,) = alone - {"rooms", "workspace:0"}  # that of ``lived_in_desk``
    assert crowded == alone | {"workspace:7", "site:7"}
    assert shop.startswith("site:site_")
    shown = here.as_terminal(200, "events", "ls", "--db", f"sqlite:{twins[1]}").stdout
    assert "workspace:7" in shown
    messages = [asked(each, "db", "info")["messages"] for each in twins]
    assert messages[1] > messages[0]
    for path in twins:
        for words in (("db", "check"), ("db", "verify")):
            asked(path, *words)
