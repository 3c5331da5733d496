"""What each event does to the tables. Actions use it, and replaying the log uses it.

No clock, no randomness, no look-up: every stored value comes from the event.
"""

import functools
import hashlib
from collections.abc import Sequence
from typing import assert_never

from peewee import Database

from chatctl_server.domain import events
from chatctl_server.storage.models import (
    BanTable,
    ConversationTable,
    MemberTable,
    MessageTable,
    MuteTable,
    SessionTable,
)
from chatctl_server.storage.sql import Bulk, Statement

_MESSAGE_COLUMNS = (
    MessageTable.id,
    MessageTable.conversation,
    MessageTable.seq,
    MessageTable.event_offset,
    MessageTable.kind,
    MessageTable.sender,
    MessageTable.nickname,
    MessageTable.is_admin,
    MessageTable.content,
    MessageTable.client_msg_id,
    MessageTable.client_hash,
    MessageTable.created_at,
)
_BAN_COLUMNS = (
    BanTable.conversation,
    BanTable.user_id,
    BanTable.reason,
    BanTable.banned_by,
    BanTable.created_at,
    BanTable.expires_at,
)
_MUTE_COLUMNS = (
    MuteTable.conversation,
    MuteTable.user_id,
    MuteTable.reason,
    MuteTable.muted_by,
    MuteTable.created_at,
    MuteTable.expires_at,
)
_ADD_CONVERSATION = Statement(
    ConversationTable.insert_many(
        [(0,) * 10],
        fields=[
            ConversationTable.id,
            ConversationTable.public_id,
            ConversationTable.kind,
            ConversationTable.name,
            ConversationTable.status,
            ConversationTable.created_at,
            ConversationTable.last_seq,
            ConversationTable.current_users,
            ConversationTable.peak_users,
            ConversationTable.total_joins,
        ],
    )
)
_RENAME = Statement(
    ConversationTable.update({ConversationTable.name: ""}).where(ConversationTable.id == 0)
)
_CLOSE = Statement(
    ConversationTable.update({ConversationTable.status: "", ConversationTable.closed_at: 0}).where(
        ConversationTable.id == 0
    )
)
_MOVE_SEQ = Statement(
    ConversationTable.update(
        {ConversationTable.last_seq: 0, ConversationTable.last_message_at: 0}
    ).where(ConversationTable.id == 0)
)
_COUNT_JOIN = Statement(
    ConversationTable.update(
        {
            ConversationTable.current_users: 0,
            ConversationTable.peak_users: 0,
            ConversationTable.total_joins: 0,
        }
    ).where(ConversationTable.id == 0)
)
_COUNT_LEAVE = Statement(
    ConversationTable.update({ConversationTable.current_users: 0}).where(ConversationTable.id == 0)
)
_CLEAR_MEMBERS = Statement(MemberTable.delete().where(MemberTable.conversation == 0))
_ADD_MEMBERS = Bulk.insert(MemberTable.conversation, MemberTable.user_id, MemberTable.role)
_ADD_MESSAGES = Bulk.insert(*_MESSAGE_COLUMNS)
_DELETE_MESSAGE = Statement(
    MessageTable.update(
        {MessageTable.content: "", MessageTable.deleted_at: 0, MessageTable.deleted_offset: 0}
    ).where(MessageTable.id == 0)
)
_ADD_SESSION = Statement(
    SessionTable.insert_many(
        [(0,) * 5],
        fields=[
            SessionTable.id,
            SessionTable.conversation,
            SessionTable.user_id,
            SessionTable.nickname,
            SessionTable.join_time,
        ],
    )
)
_END_SESSION = Statement(
    SessionTable.update(
        {SessionTable.leave_time: 0, SessionTable.reason: "", SessionTable.left_offset: 0}
    ).where(SessionTable.id == 0)
)
_SET_BAN = Statement(BanTable.insert_many([(0,) * 6], fields=_BAN_COLUMNS).on_conflict_replace())
_LIFT_BAN = Statement(
    BanTable.delete().where((BanTable.conversation == 0) & (BanTable.user_id == ""))
)
_SET_MUTE = Statement(MuteTable.insert_many([(0,) * 6], fields=_MUTE_COLUMNS).on_conflict_replace())
_LIFT_MUTE = Statement(
    MuteTable.delete().where((MuteTable.conversation == 0) & (MuteTable.user_id == ""))
)


@functools.lru_cache(maxsize=1024)  # asked for twice: when duplicates are sought, when stored
def client_hash(conversation: int, sender: str, client_msg_id: str) -> int:
    """64 bits, signed, as SQLite and PostgreSQL store integers."""
    text = f"{conversation}\0{sender}\0{client_msg_id}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big", signed=True)


def apply_posts(db: Database, posts: Sequence[events.Event]) -> None:
    """The posted messages of one batch, in log order."""
    last: dict[int, events.MessagePosted] = {}
    rows = []
    for entry in posts:
        payload, conversation = entry.payload, entry.conversation
        assert isinstance(payload, events.MessagePosted)
        assert conversation is not None
        last[conversation] = payload
        rows.append(_message_row(conversation, entry.offset, payload))
    _ADD_MESSAGES.run(db, rows)
    for conversation, payload in last.items():
        _MOVE_SEQ.run(db, payload.seq, payload.created_at, conversation)


def _message_row(
    conversation: int, offset: int, payload: events.MessagePosted
) -> tuple[int | str | None, ...]:
    client_id = payload.client_msg_id
    return (
        payload.message_id,
        conversation,
        payload.seq,
        offset,
        payload.kind,
        payload.sender,
        payload.nickname,
        int(payload.is_admin),
        payload.content,
        client_id,
        None if client_id is None else client_hash(conversation, payload.sender, client_id),
        payload.created_at,
    )


def apply(db: Database, entry: events.Event) -> None:
    payload = entry.payload
    match payload:
        case events.MessagePosted():
            apply_posts(db, [entry])
        case events.SyncRequested() | events.CustomSent() | events.UserKicked():
            pass  # recorded for the followers and the readers of the log; no table holds them
        case events.EndpointAdded() | events.EndpointChanged() | events.EndpointRemoved():
            pass  # their table has secrets, which no event may hold
        case events.DeliveryResent() | events.CallbacksRecovered():
            pass  # deliveries are no part of what the log rebuilds
        case _:
            assert entry.conversation is not None
            _apply_in_conversation(db, entry.conversation, entry, payload)


def _apply_in_conversation(
    db: Database,
    conversation: int,
    entry: events.Event,
    payload: events.ConversationCreated
    | events.ConversationRenamed
    | events.ConversationClosed
    | events.AdminsSet
    | events.MessageDeleted
    | events.SessionJoined
    | events.SessionLeft
    | events.BanSet
    | events.BanLifted
    | events.MuteSet
    | events.MuteLifted,
) -> None:
    match payload:
        case events.ConversationCreated():
            _ADD_CONVERSATION.run(
                db,
                conversation,
                payload.public_id,
                payload.kind,
                payload.name,
                "open",
                entry.at,
                0,
                0,
                0,
                0,
            )
            _set_admins(db, conversation, payload.admins)
        case events.ConversationRenamed():
            _RENAME.run(db, payload.name, conversation)
        case events.ConversationClosed():
            _CLOSE.run(db, "closed", entry.at, conversation)
        case events.AdminsSet():
            _set_admins(db, conversation, payload.admins)
        case events.MessageDeleted():
            _delete_message(db, entry, payload)
        case events.SessionJoined() | events.SessionLeft():
            _apply_session(db, conversation, entry, payload)
        case events.BanSet() | events.BanLifted() | events.MuteSet() | events.MuteLifted():
            _apply_sanction(db, conversation, entry.at, payload)
        case _:
            assert_never(payload)


def _set_admins(db: Database, conversation: int, admins: Sequence[str]) -> None:
    _CLEAR_MEMBERS.run(db, conversation)
    _ADD_MEMBERS.run(db, [(conversation, user_id, "admin") for user_id in admins])


def _delete_message(db: Database, entry: events.Event, payload: events.MessageDeleted) -> None:
    _DELETE_MESSAGE.run(db, "", entry.at, entry.offset, payload.message_id)


def _apply_session(
    db: Database,
    conversation: int,
    entry: events.Event,
    payload: events.SessionJoined | events.SessionLeft,
) -> None:
    if isinstance(payload, events.SessionJoined):
        _ADD_SESSION.run(
            db, payload.session_id, conversation, payload.user_id, payload.nickname, entry.at
        )
        _COUNT_JOIN.run(
            db, payload.current_users, payload.peak_users, payload.total_joins, conversation
        )
    else:
        _END_SESSION.run(db, payload.leave_time, payload.reason, entry.offset, payload.session_id)
        _COUNT_LEAVE.run(db, payload.current_users, conversation)


def _apply_sanction(
    db: Database,
    conversation: int,
    at: int,
    payload: events.BanSet | events.BanLifted | events.MuteSet | events.MuteLifted,
) -> None:
    match payload:
        case events.BanSet(user_id, reason, banned_by, expires_at):
            _SET_BAN.run(db, conversation, user_id, reason, banned_by, at, expires_at)
        case events.BanLifted(user_id):
            _LIFT_BAN.run(db, conversation, user_id)
        case events.MuteSet(user_id, reason, muted_by, expires_at):
            _SET_MUTE.run(db, conversation, user_id, reason, muted_by, at, expires_at)
        case events.MuteLifted(user_id):
            _LIFT_MUTE.run(db, conversation, user_id)
