"""Queries about sites, the tenants of the support desk. The finders here make their references.

Keys and secrets are in ``site_key``, which the log does not rebuild.
"""

import secrets
from collections.abc import Collection, Sequence
from typing import NamedTuple

import msgspec

from chatctl_server import errors
from chatctl_server.domain.support_events import SiteSettings
from chatctl_server.storage.sql import Database, Query, Row

DEFAULT = "default"


class SiteRef(NamedTuple):
    """A site that its caller may look into: made by finders only. ``workspace``: a number."""

    id: str
    scope: int
    workspace: int


class Site(msgspec.Struct, frozen=True):
    """A row of ``site``, with its key, that was not deleted; times in microseconds."""

    ref: SiteRef
    settings: SiteSettings
    created_at: int
    updated_at: int
    key: str

    @property
    def id(self) -> str:
        return self.ref.id


_COLUMNS = """s.id, s.scope, s.workspace, s.settings, s.created_at, s.updated_at, k.key
    FROM site s JOIN site_key k ON k.site = s.id"""
_OF_WORKSPACES = Query(f"""SELECT {_COLUMNS}
    WHERE s.deleted_at IS NULL AND s.workspace IN (SELECT value FROM json_each(:workspaces))
    AND (:scope IS NULL OR s.scope = :scope) ORDER BY s.created_at, s.id""")
_ALL = Query(f"""SELECT {_COLUMNS} WHERE s.deleted_at IS NULL
    AND (:workspace IS NULL OR s.workspace = :workspace) ORDER BY s.created_at, s.id""")
_WORKSPACES = Query("SELECT DISTINCT workspace FROM site WHERE deleted_at IS NULL")
_BY_ID = Query(f"SELECT {_COLUMNS} WHERE s.deleted_at IS NULL AND s.id = :site")
_BY_KEY = Query(f"SELECT {_COLUMNS} WHERE s.deleted_at IS NULL AND k.key = :key")
_BY_SCOPE = Query(f"SELECT {_COLUMNS} WHERE s.deleted_at IS NULL AND s.scope = :scope")
_SECRET = Query("SELECT secret FROM site_key WHERE site = :site")
_ADD_KEY = Query("INSERT INTO site_key (site, key, secret) VALUES (:site, :key, :secret)")
_SET_KEY = Query("UPDATE site_key SET key = :key WHERE site = :site")
_SET_SECRET = Query("UPDATE site_key SET secret = :secret WHERE site = :site")
_BLOCKED = Query("""SELECT user_id FROM ban
    WHERE scope = :scope AND conversation = 0 AND (expires_at IS NULL OR expires_at > :now)
    ORDER BY created_at, user_id""")
_IS_BLOCKED = Query("""SELECT 1 FROM ban WHERE scope = :scope AND conversation = 0
    AND user_id = :user_id AND (expires_at IS NULL OR expires_at > :now)""")

_settings = msgspec.json.Decoder(SiteSettings).decode


def of_workspaces(
    db: Database, workspaces: Collection[int], only_scope: int | None = None
) -> list[Site]:
    """In the order in which they were made."""
    encoded = msgspec.json.encode(list(workspaces)).decode()
    return _sites(_OF_WORKSPACES.rows(db, workspaces=encoded, scope=only_scope))


def every(db: Database, workspace: int | None = None) -> list[Site]:
    """For operators, and at the start."""
    return _sites(_ALL.rows(db, workspace=workspace))


def workspaces_of_all(db: Database) -> list[int]:
    """The numbers of those that have a site, for operators."""
    return [number for (number,) in _WORKSPACES.rows(db)]


def find(db: Database, workspaces: Collection[int], site_id: str) -> Site:
    """Raises SiteNotFound, also for one of another workspace."""
    found = get(db, site_id)
    if found.ref.workspace not in workspaces:
        raise _not_found(site_id)
    return found


def get(db: Database, site_id: str, field: str = "site_id") -> Site:
    """For operators. Raises SiteNotFound, which names the field."""
    row = _BY_ID.row(db, site=site_id) if site_id.isascii() else None
    if row is None:
        raise _not_found(site_id, field)
    return _site(row)


def named(db: Database, key_or_id: str) -> Site:
    """As a page names it, for all to see. Raises SiteNotFound."""
    row = _BY_KEY.row(db, key=key_or_id) if key_or_id.isascii() else None
    return get(db, key_or_id, "site") if row is None else _site(row)


def of_scope(db: Database, scope: int) -> Site | None:
    """None for one that was deleted."""
    row = _BY_SCOPE.row(db, scope=scope)
    return None if row is None else _site(row)


def secret(db: Database, ref: SiteRef) -> str:
    found: str = _SECRET.value(db, site=ref.id)
    return found


def add_key(db: Database, site_id: str) -> None:
    _ADD_KEY.run(db, site=site_id, key=_new_key(), secret=secrets.token_hex(32))


def set_key(db: Database, ref: SiteRef) -> None:
    """The one before does not open any more."""
    _SET_KEY.run(db, site=ref.id, key=_new_key())


def set_secret(db: Database, ref: SiteRef) -> None:
    _SET_SECRET.run(db, site=ref.id, secret=secrets.token_hex(32))


def blocked(db: Database, ref: SiteRef, now: int) -> list[str]:
    """Customers who may not write, in the order in which they were blocked."""
    return [user_id for (user_id,) in _BLOCKED.rows(db, scope=ref.scope, now=now)]


def is_blocked(db: Database, ref: SiteRef, customer: str, now: int) -> bool:
    return _IS_BLOCKED.value(db, scope=ref.scope, user_id=customer, now=now) is not None


def _new_key() -> str:
    return f"pk_{secrets.token_hex(16)}"


def _not_found(site_id: str, field: str = "site_id") -> errors.SiteNotFound:
    return errors.SiteNotFound(f"There is no site {site_id[:60]}", field=field)


def _sites(rows: Sequence[Row]) -> list[Site]:
    return [_site(row) for row in rows]


def _site(row: Row) -> Site:
    id_, scope, workspace, settings, created_at, updated_at, key = row
    ref = SiteRef(id_, scope, workspace)
    return Site(ref, _settings(settings), created_at, updated_at, key)
