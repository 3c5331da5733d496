"""``info`` tells what a file is, wherever it lies, and changes nothing."""

import os
from pathlib import Path

import apsw
import pytest
from limits import read_only
from lived_in import names, tamper
from offline import Offline

from chatctl_server.errors import StorageUnavailable
from chatctl_server.process import lock
from chatctl_server.storage import maintenance


def test_it_counts_what_the_database_holds(database: Path) -> None:
    before = database.read_bytes()
    found = maintenance.info(database)
    assert (found.rooms_open, found.rooms_closed, found.messages) == (1, 1, 13)
    assert (found.sessions, found.sessions_open, found.bans, found.mutes) == (4, 1, 2, 1)
    assert (found.schema, found.pending, found.unknown) == ("0003_support_desk", (), ())
    assert found.bytes == found.pages * found.page_bytes == len(before)
    assert (found.journal_mode, found.sqlite_version) == ("wal", apsw.sqlite_lib_version())
    assert found.first_event_at == "2023-11-14T22:13:20.000000Z"
    assert found.last_event_at == "2023-11-14T22:13:40.000000Z"
    assert found.cursors == {"audit": 5}
    assert found.in_use_by is None
    assert database.read_bytes() == before
    link = database.with_name("link.db")
    link.symlink_to(database)
    with lock.acquire(lock.lock_path(database), "command"):
        found = maintenance.info(link)
    assert found.database == str(database)
    assert found.in_use_by == maintenance.InUse("command", "working", os.getpid(), None)


def test_a_database_in_a_directory_that_is_not_writable_is_read(
    database: Path, tmp_path: Path
) -> None:
    with read_only(tmp_path):
        with pytest.raises(PermissionError):
            (tmp_path / "probe").touch()
        found = maintenance.info(database)
        assert maintenance.check(database) == []
        assert maintenance.verify(database) == []
    assert (found.messages, found.journal_mode) == (13, "wal")
    assert names(tmp_path) == ["chat.db"]


def test_what_is_in_the_write_ahead_log_alone_is_not_left_out_silently(tmp_path: Path) -> None:
    scene = Offline(tmp_path / "chat.db")
    scene.create_room("lobby")
    found = maintenance.info(scene.path)
    assert found.rooms_open == 1
    assert found.wal_bytes == (tmp_path / "chat.db-wal").stat().st_size > 0
    copied = tmp_path / "copied"
    copied.mkdir()
    for name in ("chat.db", "chat.db-wal"):
        (copied / name).write_bytes((tmp_path / name).read_bytes())
    scene.close()
    with (
        read_only(copied),
        pytest.raises(StorageUnavailable, match="-wal holds changes that cannot be read"),
    ):
        maintenance.info(copied / "chat.db")
    assert maintenance.info(copied / "chat.db").rooms_open == 1


def test_a_newer_schema_is_told_not_refused(database: Path) -> None:
    tamper(database, "INSERT INTO schema_migration (name, applied) VALUES ('0999_later', 'now')")
    found = maintenance.info(database)
    assert (found.schema, found.unknown, found.messages) == ("0999_later", ("0999_later",), 13)


def test_an_empty_file_has_no_schema(tmp_path: Path) -> None:
    (tmp_path / "chat.db").touch()
    found = maintenance.info(tmp_path / "chat.db")
    assert (found.schema, found.pending, found.messages) == (
        "",
        ("0001_baseline", "0002_team_chat", "0003_support_desk"),
        0,
    )
    assert (found.last_offset, found.last_event_at) == (0, None)


def test_names_that_mean_something_in_a_uri_are_names(tmp_path: Path, database: Path) -> None:
    odd = tmp_path / "what?mode=memory#100%" / "file:chat.db"
    odd.parent.mkdir()
    database.rename(odd)
    assert maintenance.info(odd).messages == 13
    for sidecar in names(odd.parent):
        if sidecar != odd.name:
            (odd.parent / sidecar).unlink()
    with read_only(odd.parent):
        assert maintenance.info(odd).messages == 13
