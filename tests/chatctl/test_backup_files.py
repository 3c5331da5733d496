"""Uploaded files go with a backup, and come back with it."""

import errno
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from filing import Filing, filing

from chatctl_server.errors import StorageFull
from chatctl_server.storage import maintenance
from chatctl_server.storage.maintenance import file_copies


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Filing]:
    with filing(tmp_path) as found:
        yield found


def run(office: Filing, *arguments: str, code: int = 0) -> Any:
    done = office.server.chatctl("db", *arguments, "--json")
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout or done.stderr)


def below(directory: Path) -> set[str]:
    return {str(each.relative_to(directory)) for each in directory.rglob("*") if each.is_file()}


def test_a_backup_has_the_files_that_its_database_knows(office: Filing) -> None:
    urls = office.stored(office.anna, ("a.txt", b"one"), ("b.txt", b"twenty"))
    (office.directory / "0" / ".half.part").write_bytes(b"being received")
    made = run(office, "backup", "nightly.db")
    assert (made["files"], made["file_bytes"], made["files_missing"]) == (2, 9, 0)
    copies = office.server.directory / "nightly.db.files"
    assert below(copies) == {each.removeprefix("/files/") for each in urls}
    info = run(office, "info")
    assert (info["files"], info["file_bytes"]) == (2, 9)
    assert (copies.stat().st_mode & 0o777) == 0o700


def test_a_backup_for_whose_files_there_is_no_room_leaves_nothing(
    office: Filing, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.stored(office.anna, ("a.txt", b"one"), ("b.txt", b"other"))
    put, copied = file_copies._put, []

    def fill(source: Path, target: Path) -> None:
        if copied:
            raise OSError(errno.ENOSPC, "No space left on device", str(target))
        copied.append(put(source, target))

    monkeypatch.setattr(file_copies, "_put", fill)
    target = office.server.directory / "nightly.db"
    with pytest.raises(StorageFull):
        maintenance.backup(office.server.database, target, [office.directory])
    assert copied
    assert not list(office.server.directory.glob("*nightly*"))


def test_a_second_backup_takes_no_room_for_what_the_first_has(office: Filing) -> None:
    """Also where links to the server's own files are not possible."""
    backups = office.server.directory / "backups"
    backups.mkdir()
    (url,) = office.stored(office.anna, ("a.txt", b"one"))
    first = Path(run(office, "backup", "backups")["backup"])
    inode = (first.with_name(first.name + ".files") / url.removeprefix("/files/")).stat().st_ino
    (office.directory / url.removeprefix("/files/")).unlink()  # its first place is the backup
    made = run(office, "backup", "backups", "--keep", "1")
    second = Path(made["backup"])
    assert made["files"] == 1
    kept = second.with_name(second.name + ".files") / url.removeprefix("/files/")
    assert kept.stat().st_ino == inode
    assert sorted(each.name for each in backups.iterdir()) == sorted(
        [second.name, f"{second.name}.files", f"{second.name}.json"]
    )


def test_a_restore_brings_the_files_back(office: Filing) -> None:
    (url,) = office.stored(office.anna, ("a.txt", b"in the backup"))
    run(office, "backup", "nightly.db")
    (later,) = office.stored(office.anna, ("b.txt", b"came later"))
    office.server.stop()
    shutil.rmtree(office.directory / "0" / url.split("/")[3])
    done = run(office, "restore", "nightly.db", "--yes")
    assert (done["files"], done["files_missing"]) == (1, 0)
    assert run(office, "check")["ok"]
    office.server.start()
    assert office.get(office.anna, url).content == b"in the backup"
    assert office.get(office.anna, later).status_code == 404
    office.server.stop()
    run(office, "restore", Path(done["replaced"]).name, "--yes")  # the way back
    office.server.start()
    assert office.get(office.anna, later).content == b"came later"


def test_a_damaged_copy_is_not_brought_back(office: Filing) -> None:
    (url,) = office.stored(office.anna, ("a.txt", b"whole"))
    run(office, "backup", "nightly.db")
    office.server.stop()
    shutil.rmtree(office.directory)
    copy = office.server.directory / "nightly.db.files" / url.removeprefix("/files/")
    copy.write_bytes(b"other")
    done = office.server.chatctl("db", "restore", "nightly.db", "--yes")
    assert "uploaded files that are nowhere: 1" in done.stderr
    assert below(office.directory) == set() if office.directory.exists() else True
    told = office.server.chatctl("db", "check")
    assert told.returncode == 10
    assert "is missing" in told.stderr


def test_a_check_misses_a_file(office: Filing) -> None:
    one, other = office.stored(office.anna, ("a.txt", b"one"), ("b.txt", b"other"))
    assert run(office, "check")["ok"]
    (office.directory / one.removeprefix("/files/")).unlink()
    (office.directory / other.removeprefix("/files/")).write_bytes(b"shorter"[:2])
    told = office.server.chatctl("db", "check")
    assert told.returncode == 10
    assert one.removeprefix("/files/") in told.stderr
    assert other.removeprefix("/files/") in told.stderr
