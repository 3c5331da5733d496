"""Queries about bans and mutes, which are one thing of two kinds. One that has expired is as good
as none."""

from functools import partial
from typing import Literal, get_args

import msgspec

from chatctl_server.domain.references import ConversationRef
from chatctl_server.storage.sql import Database, Query

Kind = Literal["ban", "mute"]
KINDS: tuple[Kind, ...] = get_args(Kind)
SET_BY = {"ban": "banned_by", "mute": "muted_by"}
"""The column of who did it, in the table of the kind's name."""


class Sanction(msgspec.Struct, frozen=True):
    """A ban or a mute; ``set_by`` is None for the operator's own. Times in microseconds."""

    user_id: str
    reason: str | None
    set_by: str | None
    created_at: int
    expires_at: int | None


_HOLDS = "(expires_at IS NULL OR expires_at > :now)"
_ALL_IN = {
    kind: Query(f"""SELECT user_id, reason, {SET_BY[kind]}, created_at, expires_at FROM {kind}
        WHERE scope = :scope AND conversation = :conversation AND {_HOLDS} ORDER BY user_id""")
    for kind in KINDS
}
_ONE = {
    kind: Query(f"""SELECT user_id, reason, {SET_BY[kind]}, created_at, expires_at FROM {kind}
        WHERE scope = :scope AND conversation = :conversation AND user_id = :user_id
        AND {_HOLDS}""")
    for kind in KINDS
}
_USERS = {
    kind: Query(f"""SELECT DISTINCT user_id FROM {kind}
        WHERE scope = :scope AND conversation IN (0, :conversation) AND {_HOLDS}
        ORDER BY user_id""")
    for kind in KINDS
}
WHOLE_SCOPE = 0
"""In place of a conversation's id: a ban or mute in every conversation of a scope."""
Where = ConversationRef | int
"""A conversation or, by its id, a whole scope."""


def place(where: Where) -> dict[str, int]:
    """The scope, and the conversation's id or ``WHOLE_SCOPE``."""
    if isinstance(where, ConversationRef):
        return {"scope": where.scope, "conversation": where.id}
    return {"scope": where, "conversation": WHOLE_SCOPE}


def all_in(db: Database, where: Where, now: int, *, kind: Kind) -> list[Sanction]:
    """Those of that place itself, sorted by user id."""
    return [Sanction(*row) for row in _ALL_IN[kind].rows(db, **place(where), now=now)]


def one(db: Database, kind: Kind, where: Where, user_id: str, now: int) -> Sanction | None:
    row = _ONE[kind].row(db, **place(where), user_id=user_id, now=now)
    return None if row is None else Sanction(*row)


def users(db: Database, ref: ConversationRef, now: int, *, kind: Kind) -> list[str]:
    """Sorted; also those of its whole scope."""
    return [user_id for (user_id,) in _USERS[kind].rows(db, **place(ref), now=now)]


bans, mutes = partial(all_in, kind="ban"), partial(all_in, kind="mute")
banned_users, muted_users = partial(users, kind="ban"), partial(users, kind="mute")
