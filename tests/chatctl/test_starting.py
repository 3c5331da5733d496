"""What ``serve`` refuses before it has made anything, and what it says at its start."""

import shutil
import socket
from pathlib import Path

import pytest
from prepared_server import Chatctl, lines
from world import running

from chatctl_server.storage import maintenance
from chatctl_server.storage.maintenance import schemas

CONFLICT, NOT_FOUND, REFUSED = 5, 3, 7


def test_a_port_in_use_leaves_nothing_behind(chatctl: Chatctl, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        for listening in (False, True):
            if listening:
                taken.listen()
            done = chatctl(
                "serve", "--bind", f"127.0.0.1:{port}", "--db", f"sqlite:{tmp_path}/a.db"
            )
            assert done == (
                "",
                lines(
                    f"chatctl: 127.0.0.1:{port} cannot be listened on: Address already in use",
                    "  try: choose another address with --bind HOST:PORT",
                ),
                CONFLICT,
            )
            assert list(tmp_path.iterdir()) == []


def test_where_its_server_has_the_port_the_lock_says_so(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        words = ("serve", "--bind", f"127.0.0.1:{server.port}")
        done = server.chatctl(*words)
        assert done.returncode == REFUSED
        assert "is in use by server pid" in done.stderr


def test_a_directory_that_is_not_there(chatctl: Chatctl, tmp_path: Path) -> None:
    home = tmp_path / "no" / "home"
    expected = lines(f"chatctl: There is no directory {home}", f"  try: mkdir -p {home}")
    for words in (("serve", "--bind", "127.0.0.1:0"), ("db", "migrate")):
        assert chatctl(*words, "--db", f"sqlite:{home}/a.db") == ("", expected, NOT_FOUND)
    assert list(tmp_path.iterdir()) == []


def test_a_slip_in_the_environment_is_in_the_log(tmp_path: Path) -> None:
    with running(tmp_path, ROOM_IDENTTY="token", LANGUAGE="de_DE:de") as server:
        assert "ROOM_IDENTTY (environment): did you mean ROOM_IDENTITY?" in server.log.read_text()


def test_an_upgrade_is_in_the_log_with_the_way_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = tmp_path / "migrations"
    older.mkdir()
    shutil.copy(schemas.MIGRATIONS / "0001_baseline.py", older)
    with monkeypatch.context() as patch:
        patch.setattr(schemas, "MIGRATIONS", older)
        maintenance.migrate(tmp_path / "chat.db")
    with running(tmp_path) as server:
        schema = server.http.get("/management/status").json()["schema"]
        (backup,) = tmp_path.glob("chat.db.before-*[!n]")
        said = f"the schema is {schema} now; as it was before: {backup}"
        assert said in server.log.read_text()
