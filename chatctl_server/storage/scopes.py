"""Queries about scopes: whose conversations are.

``rooms``, ``workspace:1`` and ``site:default`` are their names, and ``all`` that of every scope.
"""

import re

from chatctl_server.domain.references import EVERY_SCOPE, ROOMS, ScopeType
from chatctl_server.storage.sql import Database, Query

_ONE = Query("SELECT id FROM scope WHERE type = :type AND number = :number")
_TYPE = Query("SELECT type FROM scope WHERE id = :scope")
_OF_SITE = Query("SELECT scope FROM site WHERE id = :site AND deleted_at IS NULL")
_OF_ENDPOINTS = Query("""SELECT s.id, s.type, coalesce(i.id, s.number) FROM scope s
    LEFT JOIN site i ON i.scope = s.id WHERE s.id IN (SELECT scope FROM endpoint)""")
_NUMBERED = re.compile(r"(workspace|site):(0|[1-9][0-9]{0,17})")


def find(db: Database, type: ScopeType, number: int) -> int | None:  # noqa: A002  its own name
    """The scope's id, or None."""
    found: int | None = _ONE.value(db, type=type, number=number)
    return found


def type_of(db: Database, scope: int) -> ScopeType | None:
    found: ScopeType | None = _TYPE.value(db, scope=scope)
    return found


def named(db: Database, name: str) -> int | None:
    """The id of the scope of that name, or None."""
    if name in ("all", "rooms"):
        return EVERY_SCOPE if name == "all" else ROOMS
    parts = _NUMBERED.fullmatch(name)
    if parts is not None:
        return find(db, "workspace" if parts[1] == "workspace" else "site", int(parts[2]))
    kind, _, site = name.partition(":")
    found: int | None = _OF_SITE.value(db, site=site) if kind == "site" else None
    return found


def names_of_endpoints(db: Database) -> dict[int, str]:
    """The names of the scopes that endpoints have, by id."""
    found = {
        scope: type_ if type_ == "rooms" else f"{type_}:{whose}"
        for scope, type_, whose in _OF_ENDPOINTS.rows(db)
    }
    return {EVERY_SCOPE: "all", **found}
