"""Queries about uploaded files: which there are, and which nothing refers to."""

from collections.abc import Sequence
from typing import NamedTuple

from chatctl_server import errors
from chatctl_server.domain import stored_files
from chatctl_server.domain.stored_files import FileName
from chatctl_server.storage.sql import Database, Query, Row

PAGE = 100


class StoredFile(NamedTuple):
    """``scope``: that of its workspace; ``size`` in bytes."""

    name: FileName
    scope: int
    media_type: str
    size: int


START = FileName(-1, "", "")  # before all of them
_COLUMNS = "f.workspace, f.hash, f.extension, w.scope, f.media_type, f.size"
_FROM = "FROM stored_file f JOIN workspace w ON w.id = f.workspace"
_NAMED = "f.workspace = :workspace AND f.hash = :hash AND f.extension = :extension"
_AFTER_LAST = "(f.workspace, f.hash, f.extension) > (:workspace, :hash, :extension)"
_PAGE = f"ORDER BY f.workspace, f.hash, f.extension LIMIT {PAGE}"
# An avatar is an address of a file, with whatever stands before it. It counts in the workspaces of
# whoever has it: nobody holds a file that they may not fetch.
_IS_UNUSED_SINCE = """f.stored_at < :before
    AND NOT EXISTS (SELECT 1 FROM file_release r WHERE r.workspace = f.workspace
        AND r.hash = f.hash AND r.extension = f.extension AND r.at >= :before)
    AND NOT EXISTS (SELECT 1 FROM file_use u WHERE u.workspace = f.workspace
        AND u.hash = f.hash AND u.extension = f.extension)
    AND NOT EXISTS (SELECT 1 FROM account a
        JOIN workspace_member m ON m.account = a.id AND m.workspace = f.workspace
        WHERE a.avatar IS NOT NULL AND substr(a.avatar, instr(a.avatar, '/files/')) = '/files/'
            || f.workspace || '/' || substr(f.hash, 1, 3) || '/' || substr(f.hash, 4, 3) || '/'
            || substr(f.hash, 7) || '.' || f.extension)"""
_OF_MEMBER = Query(f"""SELECT {_COLUMNS} {_FROM}
    JOIN workspace_member m ON m.workspace = w.id AND m.account = :account
    WHERE {_NAMED} AND w.deleted_at IS NULL""")
_IS_STORED = Query(f"SELECT 1 FROM stored_file f WHERE {_NAMED}")
_BYTES = Query("SELECT file_bytes FROM workspace WHERE id = :workspace")
_AFTER = Query(f"SELECT {_COLUMNS} {_FROM} WHERE {_AFTER_LAST} {_PAGE}")
_UNUSED_AFTER = Query(f"""SELECT {_COLUMNS} {_FROM}
    WHERE {_IS_UNUSED_SINCE} AND {_AFTER_LAST} {_PAGE}""")
_IS_UNUSED = Query(f"SELECT 1 FROM stored_file f WHERE {_IS_UNUSED_SINCE} AND {_NAMED}")


def find(db: Database, account: int, url: str) -> StoredFile:
    """Raises StoredFileNotFound also for a file of a workspace that the account is not in: nobody
    learns that it is there."""
    name = stored_files.of_url(url)
    row = None if name is None else _OF_MEMBER.row(db, account=account, **name._asdict())
    if row is None:
        raise errors.StoredFileNotFound(f"There is no file {url}")
    return _stored(row)


def is_stored(db: Database, name: FileName) -> bool:
    return _IS_STORED.row(db, **name._asdict()) is not None


def bytes_of(db: Database, workspace: int) -> int:
    """Of all files of the workspace together."""
    found: int = _BYTES.value(db, workspace=workspace)
    return found


def after(db: Database, last: FileName) -> Sequence[StoredFile]:
    """A page, in the order of the names."""
    return [_stored(row) for row in _AFTER.rows(db, **last._asdict())]


def unused_after(db: Database, last: FileName, before: int) -> Sequence[StoredFile]:
    """As ``after``, of those that nothing refers to, nor has since ``before``, in microseconds."""
    return [_stored(row) for row in _UNUSED_AFTER.rows(db, before=before, **last._asdict())]


def is_unused(db: Database, name: FileName, before: int) -> bool:
    """As ``unused_after``."""
    return _IS_UNUSED.row(db, before=before, **name._asdict()) is not None


def _stored(row: Row) -> StoredFile:
    return StoredFile(FileName(*row[:3]), *row[3:])
