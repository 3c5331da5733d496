"""Questions about bans and mutes. One that has expired is as good as none."""

import msgspec
from peewee import Database

from chatctl_server.storage.models import Ban, Mute
from chatctl_server.storage.sql import Statement


class Sanction(msgspec.Struct, frozen=True):
    """A ban or a mute; ``set_by`` is None for the operator's own. Times in microseconds."""

    user_id: str
    reason: str | None
    set_by: str | None
    created_at: int
    expires_at: int | None


_BAN_COLUMNS = (Ban.user_id, Ban.reason, Ban.banned_by, Ban.created_at, Ban.expires_at)
_MUTE_COLUMNS = (Mute.user_id, Mute.reason, Mute.muted_by, Mute.created_at, Mute.expires_at)
_BANS = Statement(
    Ban.select(*_BAN_COLUMNS)
    .where((Ban.conversation == 0) & (Ban.expires_at.is_null() | (Ban.expires_at > 0)))
    .order_by(Ban.user_id)
)
_BAN = Statement(
    Ban.select(*_BAN_COLUMNS).where(
        (Ban.conversation == 0)
        & (Ban.user_id == "")
        & (Ban.expires_at.is_null() | (Ban.expires_at > 0))
    )
)
_MUTES = Statement(
    Mute.select(*_MUTE_COLUMNS)
    .where((Mute.conversation == 0) & (Mute.expires_at.is_null() | (Mute.expires_at > 0)))
    .order_by(Mute.user_id)
)
_MUTE = Statement(
    Mute.select(*_MUTE_COLUMNS).where(
        (Mute.conversation == 0)
        & (Mute.user_id == "")
        & (Mute.expires_at.is_null() | (Mute.expires_at > 0))
    )
)


def bans(db: Database, conversation: int, now: int) -> list[Sanction]:
    """Sorted by user id."""
    return [Sanction(*row) for row in _BANS.rows(db, conversation, now)]


def mutes(db: Database, conversation: int, now: int) -> list[Sanction]:
    """Sorted by user id."""
    return [Sanction(*row) for row in _MUTES.rows(db, conversation, now)]


def ban(db: Database, conversation: int, user_id: str, now: int) -> Sanction | None:
    row = _BAN.row(db, conversation, user_id, now)
    return None if row is None else Sanction(*row)


def mute(db: Database, conversation: int, user_id: str, now: int) -> Sanction | None:
    row = _MUTE.row(db, conversation, user_id, now)
    return None if row is None else Sanction(*row)
