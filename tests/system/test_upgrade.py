"""A database of the version before team chat (``older/fill.py``) is upgraded when a server starts,
rooms go on as they were, people sign up; and it goes back as docs/deploy.md says."""

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from receivers import Receiver, receiver
from team import SETTINGS
from world import Room, Server, eventually

OLDER = Path(__file__).parents[1] / "older" / "before_0002.sql"
BANNED = 4503
BACKUP = "chat.db.before-0002_team_chat"
ADDED_TO = ("counter",)  # of scopes: workspace 0 has one


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture
def server(tmp_path: Path, hook: Receiver) -> Iterator[Server]:
    """Not started. Where callbacks go did not listen before."""
    made = Server(tmp_path, **SETTINGS, DATA_CALLBACK_URL=hook.url, USER_MESSAGE_INTERVAL_SECS="0")
    with contextlib.closing(sqlite3.connect(made.database)) as connection:
        connection.executescript(OLDER.read_text())
    with contextlib.closing(made):
        yield made


def rows(database: Path) -> dict[str, list[dict[str, Any]]]:
    """Of each table."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.row_factory = sqlite3.Row
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {
            name: [dict(row) for row in connection.execute(f"SELECT * FROM {name} ORDER BY 1, 2")]
            for (name,) in tables
            if not name.startswith("sqlite_")
        }


def dumped(database: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(database)) as connection:
        return list(connection.iterdump())


def lobby_of(server: Server) -> Room:
    (room,) = server.http.get("/management/rooms").json()
    return Room(server, room["room_id"])


def is_clean(server: Server) -> bool:
    done = [server.chatctl("db", each) for each in ("check", "verify")]
    return [(each.returncode, each.stderr) for each in done] == [(0, ""), (0, "")]


def test_it_is_upgraded_behind_a_backup_and_keeps_what_it_holds(server: Server) -> None:
    before, text = rows(server.database), dumped(server.database)
    dry = server.chatctl("db", "migrate", "--dry-run", "--json")
    assert json.loads(dry.stdout)["migrations"] == ["0002_team_chat", "0003_support_desk"]
    assert dumped(server.database) == text
    assert server.chatctl("db", "migrate").returncode == 0
    assert dumped(server.directory / BACKUP) == text
    assert (server.directory / f"{BACKUP}.json").exists()
    after = rows(server.database)
    for table, kept in before.items():
        columns = set(kept[0]) if kept else set()
        found = [{name: row[name] for name in columns} for row in after[table]]
        assert table in ADDED_TO or found[: len(kept)] == kept, table
    assert is_clean(server)


def test_rooms_go_on_as_they_were(server: Server, hook: Receiver) -> None:
    server.start()
    assert BACKUP in server.log.read_text()
    lobby = lobby_of(server)
    said = [each["content"] for each in lobby.history()]
    assert said == ["be kind", "buy this", "", "hello", "welcome"]
    ann, bob = lobby.join("ann"), lobby.join("bob")
    assert server.join(lobby.id, "eve").close_code() == BANNED
    ann.send("SendMessage", {"content": "welcome", "client_msg_id": "ann-2"})
    repeat = ann.receive("Ack")["payload"]
    assert (repeat["seq"], repeat["duplicate"]) == (1, True)
    bob.send("SendMessage", {"content": "hello?"})
    assert bob.receive("YouAreMuted")
    ann.send("SendMessage", {"content": "still here", "client_msg_id": "new"})
    assert ann.receive("Ack")["payload"]["seq"] == 6
    for name in ("attic", "lobby"):  # callbacks that nobody had heard
        eventually(lambda name=name: any(name.encode() in each.body for each in hook.requests))
    server.stop()
    assert is_clean(server)


def test_people_sign_up_and_chat_beside_the_rooms(server: Server) -> None:
    server.start()
    anna = signed_up(server)
    body = {"name": "lunch", "type": "PrivateChannel"}
    chat = server.http.post("/api/chat", json=body, headers=anna).json()["id"]
    body = {"content": "where?"}
    said = server.http.post(f"/api/chat/{chat}/messages", json=body, headers=anna)
    assert said.status_code == 201
    assert lobby_of(server).details()["room_name"] == "lobby"
    server.stop()
    assert is_clean(server)


def test_it_goes_back_as_it_was(server: Server) -> None:
    older = dumped(server.database)
    server.start()
    signed_up(server)
    server.stop()
    done = server.chatctl("db", "restore", str(server.directory / BACKUP), "--yes")
    assert done.returncode == 0, done.stderr
    assert dumped(server.database) == older
    (replaced,) = server.directory.glob("chat.db.replaced-*")
    assert [each["fullname"] for each in rows(replaced)["account"]] == ["Anna"]


def signed_up(server: Server) -> dict[str, str]:
    """The first account, which owns workspace 0; what it shows."""
    body = {"fullname": "Anna", "email": "anna@example.org", "password": "correct horse battery"}
    answer = server.http.post("/api/signup", json=body)
    assert answer.status_code == 201, answer.text
    user = answer.json()["user"]
    assert (user["id"], user["workspace_id"], user["role"]) == (1, 0, "owner")
    return {"Authorization": f"Bearer {answer.json()['token']}"}
