"""What each fact does to the tables. Verbs use it, and replaying the log uses it.

No clock, no randomness, no look-up: every stored value comes from the fact.
"""

import functools
import hashlib
from collections.abc import Sequence
from typing import assert_never

from peewee import Database

from chatctl_server.domain import facts
from chatctl_server.storage.models import Ban, Conversation, Member, Message, Mute, Session
from chatctl_server.storage.sql import Bulk, Statement

_MESSAGE_COLUMNS = (
    Message.id,
    Message.conversation,
    Message.seq,
    Message.event_offset,
    Message.kind,
    Message.sender,
    Message.nickname,
    Message.is_admin,
    Message.content,
    Message.client_msg_id,
    Message.client_hash,
    Message.created_at,
)
_BAN_COLUMNS = (
    Ban.conversation,
    Ban.user_id,
    Ban.reason,
    Ban.banned_by,
    Ban.created_at,
    Ban.expires_at,
)
_MUTE_COLUMNS = (
    Mute.conversation,
    Mute.user_id,
    Mute.reason,
    Mute.muted_by,
    Mute.created_at,
    Mute.expires_at,
)
_ADD_CONVERSATION = Statement(
    Conversation.insert_many(
        [(0,) * 10],
        fields=[
            Conversation.id,
            Conversation.public_id,
            Conversation.kind,
            Conversation.name,
            Conversation.status,
            Conversation.created_at,
            Conversation.last_seq,
            Conversation.current_users,
            Conversation.peak_users,
            Conversation.total_joins,
        ],
    )
)
_RENAME = Statement(Conversation.update({Conversation.name: ""}).where(Conversation.id == 0))
_CLOSE = Statement(
    Conversation.update({Conversation.status: "", Conversation.closed_at: 0}).where(
        Conversation.id == 0
    )
)
_MOVE_SEQ = Statement(
    Conversation.update({Conversation.last_seq: 0, Conversation.last_message_at: 0}).where(
        Conversation.id == 0
    )
)
_COUNT_JOIN = Statement(
    Conversation.update(
        {
            Conversation.current_users: 0,
            Conversation.peak_users: 0,
            Conversation.total_joins: 0,
        }
    ).where(Conversation.id == 0)
)
_COUNT_LEAVE = Statement(
    Conversation.update({Conversation.current_users: 0}).where(Conversation.id == 0)
)
_CLEAR_MEMBERS = Statement(Member.delete().where(Member.conversation == 0))
_ADD_MEMBERS = Bulk.insert(Member.conversation, Member.user_id, Member.role)
_ADD_MESSAGES = Bulk.insert(*_MESSAGE_COLUMNS)
_DELETE_MESSAGE = Statement(
    Message.update({Message.content: "", Message.deleted_at: 0, Message.deleted_offset: 0}).where(
        Message.id == 0
    )
)
_ADD_SESSION = Statement(
    Session.insert_many(
        [(0,) * 5],
        fields=[
            Session.id,
            Session.conversation,
            Session.user_id,
            Session.nickname,
            Session.join_time,
        ],
    )
)
_END_SESSION = Statement(
    Session.update({Session.leave_time: 0, Session.reason: "", Session.left_offset: 0}).where(
        Session.id == 0
    )
)
_SET_BAN = Statement(Ban.insert_many([(0,) * 6], fields=_BAN_COLUMNS).on_conflict_replace())
_LIFT_BAN = Statement(Ban.delete().where((Ban.conversation == 0) & (Ban.user_id == "")))
_SET_MUTE = Statement(Mute.insert_many([(0,) * 6], fields=_MUTE_COLUMNS).on_conflict_replace())
_LIFT_MUTE = Statement(Mute.delete().where((Mute.conversation == 0) & (Mute.user_id == "")))


@functools.lru_cache(maxsize=1024)  # asked for twice: when duplicates are sought, when stored
def client_hash(conversation: int, sender: str, client_msg_id: str) -> int:
    """64 bits, signed, as SQLite and PostgreSQL store integers."""
    text = f"{conversation}\0{sender}\0{client_msg_id}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big", signed=True)


def apply_posts(db: Database, posts: Sequence[facts.Recorded]) -> None:
    """The posted messages of one batch, in log order."""
    last: dict[int, facts.MessagePosted] = {}
    rows = []
    for entry in posts:
        fact, conversation = entry.fact, entry.conversation
        assert isinstance(fact, facts.MessagePosted)
        assert conversation is not None
        last[conversation] = fact
        rows.append(_message_row(conversation, entry.offset, fact))
    _ADD_MESSAGES.run(db, rows)
    for conversation, fact in last.items():
        _MOVE_SEQ.run(db, fact.seq, fact.created_at, conversation)


def _message_row(
    conversation: int, offset: int, fact: facts.MessagePosted
) -> tuple[int | str | None, ...]:
    client_id = fact.client_msg_id
    return (
        fact.message_id,
        conversation,
        fact.seq,
        offset,
        fact.kind,
        fact.sender,
        fact.nickname,
        int(fact.is_admin),
        fact.content,
        client_id,
        None if client_id is None else client_hash(conversation, fact.sender, client_id),
        fact.created_at,
    )


def apply(db: Database, entry: facts.Recorded) -> None:
    fact = entry.fact
    match fact:
        case facts.MessagePosted():
            apply_posts(db, [entry])
        case facts.SyncRequested() | facts.CustomSent() | facts.UserKicked():
            pass  # recorded for the followers and the readers of the log; no table holds them
        case facts.EndpointAdded() | facts.EndpointChanged() | facts.EndpointRemoved():
            pass  # their table has secrets, which no fact may hold
        case facts.DeliveryResent() | facts.CallbacksRecovered():
            pass  # deliveries are no part of what the log rebuilds
        case _:
            assert entry.conversation is not None
            _apply_in_conversation(db, entry.conversation, entry, fact)


def _apply_in_conversation(
    db: Database,
    conversation: int,
    entry: facts.Recorded,
    fact: facts.ConversationCreated
    | facts.ConversationRenamed
    | facts.ConversationClosed
    | facts.AdminsSet
    | facts.MessageDeleted
    | facts.SessionJoined
    | facts.SessionLeft
    | facts.BanSet
    | facts.BanLifted
    | facts.MuteSet
    | facts.MuteLifted,
) -> None:
    match fact:
        case facts.ConversationCreated():
            _ADD_CONVERSATION.run(
                db, conversation, fact.public_id, fact.kind, fact.name, "open", entry.at, 0, 0, 0, 0
            )
            _set_admins(db, conversation, fact.admins)
        case facts.ConversationRenamed():
            _RENAME.run(db, fact.name, conversation)
        case facts.ConversationClosed():
            _CLOSE.run(db, "closed", entry.at, conversation)
        case facts.AdminsSet():
            _set_admins(db, conversation, fact.admins)
        case facts.MessageDeleted():
            _delete_message(db, entry, fact)
        case facts.SessionJoined() | facts.SessionLeft():
            _apply_session(db, conversation, entry, fact)
        case facts.BanSet() | facts.BanLifted() | facts.MuteSet() | facts.MuteLifted():
            _apply_sanction(db, conversation, entry.at, fact)
        case _:
            assert_never(fact)


def _set_admins(db: Database, conversation: int, admins: Sequence[str]) -> None:
    _CLEAR_MEMBERS.run(db, conversation)
    _ADD_MEMBERS.run(db, [(conversation, user_id, "admin") for user_id in admins])


def _delete_message(db: Database, entry: facts.Recorded, fact: facts.MessageDeleted) -> None:
    _DELETE_MESSAGE.run(db, "", entry.at, entry.offset, fact.message_id)


def _apply_session(
    db: Database,
    conversation: int,
    entry: facts.Recorded,
    fact: facts.SessionJoined | facts.SessionLeft,
) -> None:
    if isinstance(fact, facts.SessionJoined):
        _ADD_SESSION.run(db, fact.session_id, conversation, fact.user_id, fact.nickname, entry.at)
        _COUNT_JOIN.run(db, fact.current_users, fact.peak_users, fact.total_joins, conversation)
    else:
        _END_SESSION.run(db, fact.leave_time, fact.reason, entry.offset, fact.session_id)
        _COUNT_LEAVE.run(db, fact.current_users, conversation)


def _apply_sanction(
    db: Database,
    conversation: int,
    at: int,
    fact: facts.BanSet | facts.BanLifted | facts.MuteSet | facts.MuteLifted,
) -> None:
    match fact:
        case facts.BanSet(user_id, reason, banned_by, expires_at):
            _SET_BAN.run(db, conversation, user_id, reason, banned_by, at, expires_at)
        case facts.BanLifted(user_id):
            _LIFT_BAN.run(db, conversation, user_id)
        case facts.MuteSet(user_id, reason, muted_by, expires_at):
            _SET_MUTE.run(db, conversation, user_id, reason, muted_by, at, expires_at)
        case facts.MuteLifted(user_id):
            _LIFT_MUTE.run(db, conversation, user_id)
