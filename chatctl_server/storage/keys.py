"""Queries about named keys, and what their actions write: hashes, which no event has."""

import msgspec

from chatctl_server import errors
from chatctl_server.domain.keys import Grant
from chatctl_server.storage.sql import Database, Query, Row


class Key(msgspec.Struct, frozen=True):
    """A row of ``api_key`` that was not removed; times in microseconds. The key before it opens
    until ``previous_until``."""

    id: str
    name: str
    scopes: tuple[str, ...]
    workspace: int | None
    created_by: str | None
    created_at: int
    expires_at: int | None
    previous_until: int | None

    @property
    def grant(self) -> Grant:
        return Grant(self.name, self.scopes, self.workspace)


_COLUMNS = "id, name, scopes, workspace, created_by, created_at, expires_at, previous_until"
_OPENING = Query(f"""SELECT {_COLUMNS} FROM api_key WHERE removed_at IS NULL
    AND (hash = :hash OR (previous = :hash AND previous_until > :now))
    AND (workspace IS NULL
        OR workspace IN (SELECT id FROM workspace WHERE deleted_at IS NULL))""")
_ALL = Query(f"SELECT {_COLUMNS} FROM api_key WHERE removed_at IS NULL ORDER BY created_at, id")
_ONE = Query(f"SELECT {_COLUMNS} FROM api_key WHERE id = :key AND removed_at IS NULL")
_NAMED = Query("SELECT 1 FROM api_key WHERE name = :name AND removed_at IS NULL")
_ADD = Query("""INSERT INTO api_key (id, name, hash, scopes, workspace, created_by, created_at,
        expires_at)
    VALUES (:key, :name, :hash, :scopes, :workspace, :created_by, :created_at, :expires_at)""")
_ROTATE = Query("""UPDATE api_key SET hash = :hash,
        previous = CASE WHEN :until IS NULL THEN NULL ELSE hash END, previous_until = :until
    WHERE id = :key""")
_REMOVE = Query("UPDATE api_key SET removed_at = :now, previous = NULL WHERE id = :key")


def opening(db: Database, hash: bytes, now: int) -> Key | None:  # noqa: A002  its column
    """The key with that hash, also one that has expired, or that was rotated a while ago; none of
    a workspace that was deleted."""
    row = _OPENING.row(db, hash=hash, now=now)
    return None if row is None else _key(row)


def present(db: Database) -> list[Key]:
    """In the order in which they were made."""
    return [_key(row) for row in _ALL.rows(db)]


def get(db: Database, key_id: str) -> Key:
    """Raises KeyNotFound."""
    row = _ONE.row(db, key=key_id)
    if row is None:
        raise errors.KeyNotFound(f"There is no key {key_id}", field="key_id")
    return _key(row)


def is_taken(db: Database, name: str) -> bool:
    return _NAMED.value(db, name=name) is not None


def add(db: Database, key: Key, hash: bytes) -> None:  # noqa: A002  its column
    _ADD.run(
        db,
        key=key.id,
        name=key.name,
        hash=hash,
        scopes=" ".join(key.scopes),
        workspace=key.workspace,
        created_by=key.created_by,
        created_at=key.created_at,
        expires_at=key.expires_at,
    )


def rotate(db: Database, key: Key, hash: bytes, until: int | None) -> None:  # noqa: A002
    """The hash before it opens until then; None: not any more."""
    _ROTATE.run(db, key=key.id, hash=hash, until=until)


def remove(db: Database, key: Key, now: int) -> None:
    _REMOVE.run(db, key=key.id, now=now)


def _key(row: Row) -> Key:
    key_id, name, scopes, *others = row
    return Key(key_id, name, tuple(scopes.split()), *others)
