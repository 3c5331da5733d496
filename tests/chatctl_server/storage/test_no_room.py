"""A full disk is called by its name, whoever meets it first."""

from pathlib import Path

import limits
import pytest
from offline import Offline

from chatctl_server import errors
from chatctl_server.process import paths
from chatctl_server.settings import sources
from chatctl_server.storage import files, maintenance

INDEX_BYTES = 32 * 1024  # what SQLite needs beside a database to open it


@pytest.fixture
def crashed(tmp_path: Path) -> Path:
    """A database whose newest changes stand in its log alone, without an index."""
    desk = Offline(tmp_path / "living.db")
    desk.create_room("lobby", "boss")
    path = tmp_path / "chat.db"
    for suffix in ("", "-wal"):
        files.beside(path, suffix).write_bytes(files.beside(desk.path, suffix).read_bytes())
    desk.close()
    return path


def test_what_stands_in_the_log_alone_needs_room_to_be_read(crashed: Path) -> None:
    with limits.file_size(INDEX_BYTES - 1), pytest.raises(errors.StorageFull, match="-wal holds"):
        maintenance.info(crashed)
    assert maintenance.info(crashed).rooms_open == 1
    maintenance.backup(crashed, crashed.with_name("copy.db"))  # it has no log
    with limits.file_size(INDEX_BYTES - 1):
        assert maintenance.info(crashed.with_name("copy.db")).rooms_open == 1


def test_a_key_that_does_not_fit_in(tmp_path: Path) -> None:
    found = paths.find_paths(
        sources.load({"DATABASE_URL": f"sqlite:{tmp_path}/chat.db"}, environ={}).settings, tmp_path
    )
    with limits.file_size(10), pytest.raises(errors.StorageFull, match=f"write {found.key_file}"):
        found.admin_key()
    assert list(tmp_path.iterdir()) == []
    assert found.admin_key()[1]
