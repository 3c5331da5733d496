"""What each event does to the tables. Actions use it, and replaying the log uses it.

No clock, no randomness, no look-up: every stored value comes from the event.
"""

from collections.abc import Sequence

import msgspec

from chatctl_server.domain import account_events, accounts, events, support_events
from chatctl_server.domain.references import ROOMS, ChatRef
from chatctl_server.storage import (
    account_projection,
    chat_projection,
    file_projection,
    support_projection,
)
from chatctl_server.storage.sanctions import SET_BY, WHOLE_SCOPE
from chatctl_server.storage.sql import Bulk, Database, Query, Value

_ADD_SCOPE = Query("INSERT INTO scope (id, type, number) VALUES (:scope, :type, :number)")
_ADD_CONVERSATION = Query(
    """INSERT INTO conversation (id, kind, scope, public_id, name, status, created_at, last_seq)
    VALUES (:conversation, :kind, :scope, :public_id, :name, 'open', :at, 0)"""
)
_ADD_ROOM_STATS = Query(
    """INSERT INTO room_stats (conversation, current_users, peak_users, total_joins)
    VALUES (:conversation, 0, 0, 0)"""
)
_RENAME = Query("UPDATE conversation SET name = :name WHERE id = :conversation")
_CLOSE = Query(
    "UPDATE conversation SET status = 'closed', closed_at = :at WHERE id = :conversation"
)
# Nothing finds it any more; what is many of it is removed in steps: see ``purges``.
_PURGE = Query(
    """UPDATE conversation SET kind = 'purged', name = '', status = 'closed', closed_at = NULL,
        last_seq = 0, last_message_at = NULL
    WHERE id = :conversation"""
)
_OF_PURGED = tuple(
    Query(f"DELETE FROM {table} WHERE conversation = :conversation{more}")
    for table, more in (
        ("room_stats", ""),
        ("participant", ""),
        ("ban", " AND scope = :scope"),
        ("mute", " AND scope = :scope"),
        ("room_session", " AND leave_time IS NULL"),  # a start ends those that a crash has left
    )
)
_MOVE_SEQ = Bulk(
    """WITH moved ({columns}) AS (VALUES {rows})
    UPDATE conversation SET last_seq = moved.seq, last_message_at = moved.at
    FROM moved WHERE conversation.id = moved.conversation""",
    "conversation, seq, at",
)
_END_ADMINS = Query("""UPDATE participant SET left_offset = :offset
    WHERE conversation = :conversation AND role = 'admin' AND left_offset IS NULL
    AND user_id NOT IN (SELECT value FROM json_each(:admins))""")
_ADD_ADMINS = Query("""INSERT INTO participant (conversation, user_id, joined_offset, role)
    SELECT :conversation, value, :offset, 'admin' FROM json_each(:admins)
    WHERE NOT EXISTS (SELECT 1 FROM participant p
        WHERE p.conversation = :conversation AND p.user_id = value AND p.left_offset IS NULL)""")
_ADD_PARTICIPANT = Query("""INSERT INTO participant (conversation, user_id, joined_offset, role)
    VALUES (:conversation, :user_id, :offset, :role)""")
_END_STAY = Query("""UPDATE participant SET left_offset = :offset
    WHERE conversation = :conversation AND user_id = :user_id AND left_offset IS NULL""")
_ADD_MESSAGES = Bulk(
    "INSERT INTO message ({columns}) VALUES {rows}",
    "id, conversation, seq, event_offset, kind, sender, sender_kind, nickname, is_admin, content, "
    "reply_to, attachments, client_msg_id, created_at, mentions, account",
)
_DELETE = Query(
    """UPDATE message SET deleted_at = :at, changed_offset = :offset WHERE id = :message"""
)
_ERASE = Query("""UPDATE message SET content = '', attachments = NULL, mentions = NULL,
        erased_at = :at, deleted_at = coalesce(deleted_at, :at), changed_offset = :offset
    WHERE id = :message""")
_ADD_SESSIONS = Bulk(
    "INSERT INTO room_session ({columns}) VALUES {rows}",
    "id, conversation, user_id, nickname, join_time, leave_time, reason, left_offset",
)
_END_SESSIONS = Bulk(
    """UPDATE room_session SET leave_time = column2, reason = column3, left_offset = column4
    FROM (VALUES {rows}) WHERE id = column1""",
    "id, leave_time, reason, left_offset",
)
_COUNT = Bulk(
    """UPDATE room_stats SET current_users = column2,
        peak_users = coalesce(column3, peak_users), total_joins = coalesce(column4, total_joins)
    FROM (VALUES {rows}) WHERE conversation = column1""",
    "conversation, current_users, peak_users, total_joins",
)
_SET = {
    kind: Query(f"""INSERT OR REPLACE INTO {kind}
            (scope, conversation, user_id, reason, {set_by}, created_at, expires_at)
        VALUES (:scope, :conversation, :user_id, :reason, :set_by, :at, :expires_at)""")
    for kind, set_by in SET_BY.items()
}
_LIFT = {
    kind: Query(f"""DELETE FROM {kind}
        WHERE scope = :scope AND conversation = :conversation AND user_id = :user_id""")
    for kind in SET_BY
}


def apply_posts(db: Database, posts: Sequence[events.Event]) -> None:
    """The posted messages of one batch, in log order."""
    last: dict[int, events.MessagePosted] = {}
    rows = []
    for entry in posts:
        payload, conversation = entry.payload, entry.conversation
        assert isinstance(payload, events.MessagePosted)
        assert conversation is not None
        last[conversation] = payload
        rows.append(_message_row(conversation, entry, payload))
    _ADD_MESSAGES.run(db, rows)
    _MOVE_SEQ.run(db, [(id_, each.seq, each.created_at) for id_, each in last.items()])
    chat_projection.apply_posts(db, posts)
    file_projection.apply_posts(db, posts)
    support_projection.apply_posts(db, posts)


def apply_sessions(db: Database, entries: Sequence[events.Event]) -> None:
    """The joins and leaves of one batch, and what else it has recorded, in log order."""
    begun: dict[int, tuple[Value, ...]] = {}
    ended: list[tuple[Value, ...]] = []
    figures: dict[int, tuple[int, int | None, int | None]] = {}
    for entry in entries:
        conversation = entry.conversation
        match entry.payload:
            case events.SessionJoined(session, user_id, nickname, current, peak, total):
                assert conversation is not None
                begun[session] = (session, conversation, user_id, nickname, entry.at)
                figures[conversation] = (current, peak, total)
            case events.SessionLeft(session_id=session) as left:
                assert conversation is not None
                end = (left.leave_time, left.reason, entry.offset)
                if session in begun:
                    begun[session] += end
                else:
                    ended.append((session, *end))
                before = figures.get(conversation, (0, None, None))
                figures[conversation] = (left.current_users, before[1], before[2])
            case _:
                apply(db, entry)
    _END_SESSIONS.run(db, ended)  # first: of a user in a room one is open at most
    _ADD_SESSIONS.run(db, [(*row, None, None, None)[:8] for row in begun.values()])
    _COUNT.run(db, [(conversation, *found) for conversation, found in figures.items()])


def _message_row(
    conversation: int, entry: events.Event, payload: events.MessagePosted
) -> tuple[int | str | None, ...]:
    return (
        payload.message_id,
        conversation,
        payload.seq,
        entry.offset,
        payload.kind,
        payload.sender,
        payload.sender_kind,
        payload.nickname,
        int(payload.is_admin),
        payload.content,
        payload.reply_to,
        msgspec.json.encode(payload.attachments).decode() if payload.attachments else None,
        payload.client_msg_id,
        payload.created_at,
        msgspec.json.encode(payload.mentions).decode() if payload.mentions else None,
        None if entry.scope == ROOMS else accounts.account_id(payload.sender) or None,
    )


def apply(db: Database, entry: events.Event) -> None:
    """Events of the class system change no table that the log rebuilds, but for scopes: what an
    endpoint's table holds is secret, deliveries are a follower's affair. Nor do those that are
    recorded for their readers alone, or are of a newer version."""
    match entry.payload:
        case events.MessagePosted():
            apply_posts(db, [entry])
        case events.ScopeCreated(scope_type=scope_type, number=number):
            _ADD_SCOPE.run(db, scope=entry.scope, type=scope_type, number=number)
        case events.BanSet() | events.BanLifted() | events.MuteSet() | events.MuteLifted():
            _apply_sanction(db, entry, entry.payload)
        case events.SessionJoined() | events.SessionLeft():
            apply_sessions(db, [entry])
        case events.Lifecycle():
            _apply_lifecycle(db, entry, entry.payload)
        case account_events.AccountEvent() | account_events.WorkspaceEvent():
            account_projection.apply(db, entry)
        case (
            support_events.SiteEvent()
            | support_events.CustomerEvent()
            | support_events.SupportEvent()
            | support_events.CannedResponseAdded()
            | support_events.CannedResponseRemoved()
        ):
            support_projection.apply(db, entry)
        case _:
            _apply_in_conversation(db, entry)


def _apply_in_conversation(db: Database, entry: events.Event) -> None:
    conversation, offset = entry.conversation, entry.offset
    match entry.payload:
        case events.ParticipantJoined(user_id, role):
            _ADD_PARTICIPANT.run(
                db, conversation=conversation, user_id=user_id, offset=offset, role=role
            )
        case events.ParticipantLeft(user_id):
            _END_STAY.run(db, conversation=conversation, user_id=user_id, offset=offset)
        case events.MessageDeleted(message_id):
            _DELETE.run(db, at=entry.at, offset=offset, message=message_id)
            support_projection.changed(db, entry)
        case events.MessageErased(message_id):
            _ERASE.run(db, at=entry.at, offset=offset, message=message_id)
            chat_projection.forget_texts(db, message_id)
            file_projection.release_message(db, message_id, entry.at)
            support_projection.changed(db, entry)
        case _:
            chat_projection.apply(db, entry)
            support_projection.changed(db, entry)


def _apply_lifecycle(db: Database, entry: events.Event, payload: events.Lifecycle) -> None:
    conversation = entry.conversation
    assert conversation is not None
    match payload:
        case events.ConversationCreated():
            _create(db, entry, conversation, payload)
        case events.ConversationRenamed():
            _RENAME.run(db, name=payload.name, conversation=conversation)
        case events.ConversationClosed():
            _CLOSE.run(db, at=entry.at, conversation=conversation)
        case events.AdminsSet():
            _set_admins(db, conversation, entry.offset, payload.admins)
        case events.ConversationPurged():
            _PURGE.run(db, conversation=conversation)
            for query in _OF_PURGED:
                query.run(db, conversation=conversation, scope=entry.scope)


def _create(
    db: Database, entry: events.Event, conversation: int, payload: events.ConversationCreated
) -> None:
    _ADD_CONVERSATION.run(
        db,
        conversation=conversation,
        kind=payload.kind,
        scope=entry.scope,
        public_id=payload.public_id,
        name=payload.name,
        at=entry.at,
    )
    if payload.kind == "room":
        _ADD_ROOM_STATS.run(db, conversation=conversation)
    elif payload.kind in ChatRef.kinds:
        chat_projection.create(db, entry, payload)
    else:
        support_projection.create(db, entry, payload)
    _set_admins(db, conversation, entry.offset, payload.admins)


def _set_admins(db: Database, conversation: int, offset: int, admins: Sequence[str]) -> None:
    """Whoever is an admin before and after goes on with the same stay."""
    encoded = msgspec.json.encode(admins).decode()
    _END_ADMINS.run(db, conversation=conversation, offset=offset, admins=encoded)
    _ADD_ADMINS.run(db, conversation=conversation, offset=offset, admins=encoded)


def _apply_sanction(
    db: Database,
    entry: events.Event,
    payload: events.BanSet | events.BanLifted | events.MuteSet | events.MuteLifted,
) -> None:
    conversation = WHOLE_SCOPE if entry.conversation is None else entry.conversation
    whose = {"scope": entry.scope, "conversation": conversation, "user_id": payload.user_id}
    kind = "ban" if isinstance(payload, events.BanSet | events.BanLifted) else "mute"
    match payload:
        case events.BanSet(_, reason, set_by, end) | events.MuteSet(_, reason, set_by, end):
            _SET[kind].run(db, **whose, reason=reason, set_by=set_by, at=entry.at, expires_at=end)
        case _:
            _LIFT[kind].run(db, **whose)
