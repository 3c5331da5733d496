"""Queries about bans and mutes. One that has expired is as good as none."""

import msgspec

from chatctl_server.domain.references import ConversationRef
from chatctl_server.storage.sql import Database, Query


class Sanction(msgspec.Struct, frozen=True):
    """A ban or a mute; ``set_by`` is None for the operator's own. Times in microseconds."""

    user_id: str
    reason: str | None
    set_by: str | None
    created_at: int
    expires_at: int | None


_HOLDS = "(expires_at IS NULL OR expires_at > :now)"
_OF = "scope = :scope AND conversation = :conversation"
_BANS = Query(
    f"""SELECT user_id, reason, banned_by, created_at, expires_at FROM ban
    WHERE {_OF} AND {_HOLDS} ORDER BY user_id"""
)
_BAN = Query(
    f"""SELECT user_id, reason, banned_by, created_at, expires_at FROM ban
    WHERE {_OF} AND user_id = :user_id AND {_HOLDS}"""
)
_MUTES = Query(
    f"""SELECT user_id, reason, muted_by, created_at, expires_at FROM mute
    WHERE {_OF} AND {_HOLDS} ORDER BY user_id"""
)
_MUTE = Query(
    f"""SELECT user_id, reason, muted_by, created_at, expires_at FROM mute
    WHERE {_OF} AND user_id = :user_id AND {_HOLDS}"""
)
_OF_USERS = f"scope = :scope AND conversation IN (0, :conversation) AND {_HOLDS} ORDER BY user_id"
_BANNED = Query(f"SELECT DISTINCT user_id FROM ban WHERE {_OF_USERS}")
_MUTED = Query(f"SELECT DISTINCT user_id FROM mute WHERE {_OF_USERS}")
WHOLE_SCOPE = 0
"""In place of a conversation's id: a ban or mute in every conversation of a scope."""
Where = ConversationRef | int
"""A conversation or, by its id, a whole scope."""


def place(where: Where) -> tuple[int, int]:
    """Scope, and the conversation's id or ``WHOLE_SCOPE``."""
    if isinstance(where, ConversationRef):
        return where.scope, where.id
    return where, WHOLE_SCOPE


def bans(db: Database, where: Where, now: int) -> list[Sanction]:
    """Those of that place itself, sorted by user id."""
    scope, conversation = place(where)
    rows = _BANS.rows(db, scope=scope, conversation=conversation, now=now)
    return [Sanction(*row) for row in rows]


def mutes(db: Database, where: Where, now: int) -> list[Sanction]:
    """Those of that place itself, sorted by user id."""
    scope, conversation = place(where)
    rows = _MUTES.rows(db, scope=scope, conversation=conversation, now=now)
    return [Sanction(*row) for row in rows]


def banned_users(db: Database, ref: ConversationRef, now: int) -> list[str]:
    """Sorted; also those who are banned from its whole scope."""
    rows = _BANNED.rows(db, scope=ref.scope, conversation=ref.id, now=now)
    return [user_id for (user_id,) in rows]


def muted_users(db: Database, ref: ConversationRef, now: int) -> list[str]:
    """Sorted; also those who are muted in its whole scope."""
    rows = _MUTED.rows(db, scope=ref.scope, conversation=ref.id, now=now)
    return [user_id for (user_id,) in rows]


def ban(db: Database, where: Where, user_id: str, now: int) -> Sanction | None:
    scope, conversation = place(where)
    row = _BAN.row(db, scope=scope, conversation=conversation, user_id=user_id, now=now)
    return None if row is None else Sanction(*row)


def mute(db: Database, where: Where, user_id: str, now: int) -> Sanction | None:
    scope, conversation = place(where)
    row = _MUTE.row(db, scope=scope, conversation=conversation, user_id=user_id, now=now)
    return None if row is None else Sanction(*row)
