"""A database of the version before the support desk (``older/fill.py``), full of team chat, is
upgraded when a server starts: everybody goes on as before, the desk works, and it goes back as
docs/deploy.md says."""

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from team import SETTINGS
from test_upgrade import dumped, is_clean, lobby_of, rows
from world import Server

OLDER = Path(__file__).parents[1] / "older" / "before_0003.sql"
BACKUP = "chat.db.before-0003_support_desk"
PASSWORD = "correct horse battery"
CHANGED = ("counter",)  # the site default has a scope


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Not started."""
    made = Server(tmp_path, **SETTINGS, SUPPORT_ACCESS="token")
    with contextlib.closing(sqlite3.connect(made.database)) as connection:
        connection.executescript(OLDER.read_text())
    with contextlib.closing(made):
        yield made


def ask(server: Server, who: dict[str, str], method: str, path: str, body: Any = None) -> Any:
    answer = server.http.request(method, path, json=body, headers=who)
    assert answer.is_success, answer.text
    return answer.json() if answer.content else None


def signed_in(server: Server, name: str) -> dict[str, str]:
    body = {"email": f"{name}@example.org", "password": PASSWORD}
    return {"Authorization": f"Bearer {ask(server, {}, 'POST', '/api/signin', body)['token']}"}


def test_it_is_upgraded_behind_a_backup_and_keeps_what_it_holds(server: Server) -> None:
    before, text = rows(server.database), dumped(server.database)
    dry = server.chatctl("db", "migrate", "--dry-run", "--json")
    assert json.loads(dry.stdout)["migrations"][0] == "0003_support_desk"
    assert dumped(server.database) == text
    assert server.chatctl("db", "migrate").returncode == 0
    assert dumped(server.directory / BACKUP) == text
    after = rows(server.database)
    for table, kept in before.items():
        columns = set(kept[0]) if kept else set()
        found = [{name: row[name] for name in columns} for row in after[table]]
        assert table in CHANGED or found[: len(kept)] == kept, table
    (site,) = after["site"]
    assert (site["id"], site["workspace"]) == ("default", 0)
    assert is_clean(server)


def test_people_go_on_as_they_were(server: Server) -> None:
    server.start()
    anna, eve = signed_in(server, "anna"), signed_in(server, "eve")
    (lunch,) = (each for each in ask(server, anna, "GET", "/api/chats") if each["name"] == "lunch")
    said = ask(server, anna, "GET", f"/api/chat/{lunch['id']}/messages")
    assert [each["content"] for each in said] == ["at Lucy's", "where today?"]
    body = {"content": "where?", "idempotency_key": "1", "mentions": []}
    repeat = ask(server, anna, "POST", f"/api/chat/{lunch['id']}/messages", body)
    assert repeat["id"] == said[1]["id"]
    assert [each["name"] for each in ask(server, eve, "GET", "/api/chats")] == ["mine"]
    assert [each["content"] for each in lobby_of(server).history()] == ["hello from a room"]
    server.stop()
    assert is_clean(server)


def test_the_desk_works_for_who_was_there_before(server: Server) -> None:
    server.start()
    anna, bert, eve = (signed_in(server, each) for each in ("anna", "bert", "eve"))
    (site,) = ask(server, anna, "GET", "/api/sites")
    made = ask(server, {}, "POST", "/api/visitors", {"site": site["key"], "name": "Bo"})
    bo = {"X-Site-Key": site["key"], "X-Visitor-Token": made["visitor_token"]}
    chat = f"/api/conversations/{ask(server, bo, 'POST', '/api/conversations')['id']}"
    ask(server, bo, "POST", f"{chat}/messages", {"content": "is anybody there?"})
    assert server.http.get(chat, headers=bert).status_code == 403
    ask(server, anna, "PATCH", "/api/workspaces/0/members/2", {"role": "agent"})
    ask(server, bert, "POST", f"{chat}/messages", {"content": "yes"})
    ask(server, bert, "PUT", f"{chat}/status", {"status": "closed"})
    events = ask(server, bo, "GET", "/api/events/replay")["events"]
    assert [each["type"].removeprefix("domain.event.") for each in events] == [
        "conversation_opened",
        "message_appended",
        "message_appended",
        "conversation_closed",
    ]
    assert server.http.get(chat, headers=eve).status_code == 404
    server.stop()
    assert is_clean(server)


def test_it_goes_back_as_it_was(server: Server) -> None:
    older = dumped(server.database)
    server.start()
    anna = signed_in(server, "anna")
    ask(server, anna, "POST", "/api/conversations", {"customer_name": "Bo"})
    server.stop()
    done = server.chatctl("db", "restore", str(server.directory / BACKUP), "--yes")
    assert done.returncode == 0, done.stderr
    assert dumped(server.database) == older
    (replaced,) = server.directory.glob("chat.db.replaced-*")
    assert [each["name"] for each in rows(replaced)["customer"]] == ["Bo"]
