"""What is foreign is looked for as what is not there: by the same queries, so that it takes as
long."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from offline import reading
from team import Town

from chatctl_server import errors
from chatctl_server.storage import chat_messages, chats, stored_files, workspaces
from chatctl_server.storage.sql import Database

ABSENT = 99


def executed(db: Database, find: Callable[..., Any], *arguments: Any) -> list[str]:
    """The SQL that it is looked for by, and not found."""
    found: list[str] = []
    connection = db.connection()
    connection.exec_trace = lambda _, statement, __: found.append(statement) or True
    with contextlib.suppress(errors.ChatctlError):
        pytest.fail(f"found: {find(db, *arguments)}")
    connection.exec_trace = None
    return found


def test_a_foreign_id_costs_what_an_absent_one_does(tmp_path: Path) -> None:
    town = Town(tmp_path / "chat.db")
    elsewhere = town.workspace("Elsewhere")
    anna, eve = town.person("Anna"), town.person("Eve", elsewhere)
    chat = town.chat("public", "hers", eve, workspace=elsewhere)
    message = town.scene.post(chat, f"u{eve.id}", "hello").message_id
    town.close()
    with reading(tmp_path / "chat.db") as db:
        for find, foreign in (
            (chats.find, chat.id),
            (chat_messages.find, message),
            (workspaces.find, elsewhere.number),
        ):
            found = executed(db, find, anna.id, foreign)
            assert found == executed(db, find, anna.id, ABSENT) != []
        for find_any, foreign in ((chats.find_any, chat.id), (chat_messages.find_any, message)):
            found = executed(db, find_any, foreign, 0)
            assert found == executed(db, find_any, ABSENT, 0) != []
        url = f"/files/{{}}/{'a' * 3}/{'a' * 3}/{'a' * 58}.png"
        foreign_url, absent_url = url.format(elsewhere.number), url.format(ABSENT)
        found = executed(db, stored_files.find, anna.id, foreign_url)
        assert found == executed(db, stored_files.find, anna.id, absent_url) != []
