"""The database's file: what a server finds beside it when it starts, and when it is taken away."""

import json
import os
import shutil
from pathlib import Path

from world import Server, running

from chatctl_server.storage import maintenance


def warnings(server: Server) -> list[str]:
    lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    return [each["message"] for each in lines if each["level"] == "warning"]


def test_a_second_name_of_the_database_is_warned_of(tmp_path: Path) -> None:
    """The lock goes by the file's name: under another one a second server would not see it."""
    database = tmp_path / "chat.db"
    maintenance.prepare(database, durable=True)
    os.link(database, tmp_path / "second.db")
    with running(tmp_path) as server:
        (warning,) = warnings(server)
        assert str(database) in warning
        assert "hard link" in warning
        assert server.create_room().join("anna").say("it runs all the same")["seq"] == 1


def test_an_empty_key_file_opens_nothing(tmp_path: Path) -> None:
    """And of a symbolic link to the database, which leads to the same lock, nothing is said."""
    maintenance.prepare(tmp_path / "chat.db", durable=True)
    (tmp_path / "link.db").symlink_to(tmp_path / "chat.db")
    key_file = tmp_path / "chat.db.admin-key"
    key_file.touch(mode=0o600)
    with running(tmp_path, ADMIN_API_KEY="") as server:
        assert warnings(server) == []
        key = key_file.read_text().strip()
        assert len(key) >= 32
        answers = [
            server.http.get("/management/rooms", headers={"X-Api-Key": given}).status_code
            for given in ("", key)
        ]
        assert answers == [401, 200]
        assert str(key_file) in server.log.read_text()
        assert key not in server.log.read_text()


def test_nothing_is_acknowledged_that_would_be_lost(server: Server) -> None:
    """When the file was removed, and when another is in its place."""
    room = server.create_room()
    assert room.join("anna").say("kept")["seq"] == 1
    aside = server.directory / "aside.db"
    for seq, is_replaced in enumerate((False, True), 2):
        server.database.rename(aside)
        if is_replaced:
            shutil.copy(aside, server.database)
        answer = server.http.post(f"{room.path}/messages", json={"content": "lost?"})
        assert answer.status_code == 503
        assert answer.json()["code"] == "storage_unavailable"
        assert server.http.get("/health").status_code == 503
        server.database.unlink(missing_ok=True)
        aside.rename(server.database)
        assert server.http.get("/health").status_code == 200
        answer = server.http.post(f"{room.path}/messages", json={"content": "kept, too"})
        assert answer.json()["seq"] == seq
