"""Queries about bans and mutes. One that has expired is as good as none."""

import msgspec
from peewee import Database

from chatctl_server.storage.models import BanTable, MuteTable
from chatctl_server.storage.sql import Statement


class Sanction(msgspec.Struct, frozen=True):
    """A ban or a mute; ``set_by`` is None for the operator's own. Times in microseconds."""

    user_id: str
    reason: str | None
    set_by: str | None
    created_at: int
    expires_at: int | None


_BAN_COLUMNS = (
    BanTable.user_id,
    BanTable.reason,
    BanTable.banned_by,
    BanTable.created_at,
    BanTable.expires_at,
)
_MUTE_COLUMNS = (
    MuteTable.user_id,
    MuteTable.reason,
    MuteTable.muted_by,
    MuteTable.created_at,
    MuteTable.expires_at,
)
_BANS = Statement(
    BanTable.select(*_BAN_COLUMNS)
    .where(
        (BanTable.conversation == 0) & (BanTable.expires_at.is_null() | (BanTable.expires_at > 0))
    )
    .order_by(BanTable.user_id)
)
_BAN = Statement(
    BanTable.select(*_BAN_COLUMNS).where(
        (BanTable.conversation == 0)
        & (BanTable.user_id == "")
        & (BanTable.expires_at.is_null() | (BanTable.expires_at > 0))
    )
)
_MUTES = Statement(
    MuteTable.select(*_MUTE_COLUMNS)
    .where(
        (MuteTable.conversation == 0)
        & (MuteTable.expires_at.is_null() | (MuteTable.expires_at > 0))
    )
    .order_by(MuteTable.user_id)
)
_MUTE = Statement(
    MuteTable.select(*_MUTE_COLUMNS).where(
        (MuteTable.conversation == 0)
        & (MuteTable.user_id == "")
        & (MuteTable.expires_at.is_null() | (MuteTable.expires_at > 0))
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
