"""The rooms face's API objects, from rows. Times are Unix seconds; sets are sorted arrays."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, UnsetType

from chatctl_server.domain import events, times
from chatctl_server.domain.references import RoomRef
from chatctl_server.storage import messages, room_sessions, sanctions
from chatctl_server.storage.room_users import InRoom, RoomUser, SentMessage
from chatctl_server.storage.rooms import Room
from chatctl_server.views import fields
from chatctl_server.views.fields import means


class RoomDetails(msgspec.Struct, frozen=True):
    room_id: fields.RoomId
    room_name: fields.RoomName
    admin_user_ids: fields.AdminUserIds
    start_time: fields.StartTime
    current_users: fields.CurrentUsers
    peak_users: fields.PeakUsers
    total_joins: fields.TotalJoins
    current_connections: fields.CurrentConnections
    created_at: fields.CreatedAt
    last_activity: fields.LastActivity
    closed_at: (
        Annotated[int, means("When the room was closed, Unix seconds; only of a closed room")]
        | UnsetType
    ) = UNSET
    same_name: fields.SameName | UnsetType = UNSET
    changed: fields.IsChanged | UnsetType = UNSET


class RoomBasicInfo(msgspec.Struct, frozen=True):
    room_id: fields.RoomId
    room_name: fields.RoomName
    admin_user_ids: fields.AdminUserIds
    current_connections: fields.CurrentConnections
    created_at: fields.CreatedAt
    last_activity: fields.LastActivity


class ChatEntry(msgspec.Struct, frozen=True):
    user_id: fields.UserId
    nickname: fields.Nickname
    content: fields.Content
    created_at: fields.CreatedAt


class MessageEntry(msgspec.Struct, frozen=True):
    """For moderation: with the ids that deleting needs. ``content`` of a deleted one is empty."""

    message_id: fields.MessageId
    seq: fields.Seq
    kind: Annotated[events.MessageKind, means("`text` is a user's, `system` an announcement")]
    user_id: fields.UserId
    nickname: fields.Nickname
    is_admin: fields.IsAdmin
    content: fields.Content
    created_at: fields.CreatedAt
    deleted: fields.IsDeleted


class SessionEntry(msgspec.Struct, frozen=True):
    user_id: fields.UserId
    nickname: fields.Nickname
    join_time: fields.JoinTime
    leave_time: Annotated[int, means("When the session ended, Unix seconds", fields.TIME + 60)]
    duration_seconds: Annotated[int, means("How long the session lasted, in seconds", 60)]


class Pagination(msgspec.Struct, frozen=True):
    current_page: Annotated[int, means("This page, from 1", 1)]
    page_size: Annotated[int, means("Records of a full page", 1000)]
    total_pages: Annotated[int, means("Pages in all; 0 when there are no records", 1)]
    total_records: Annotated[int, means("Records in all", 1)]
    has_next: Annotated[bool, means("Whether a later page has records", False)]
    has_prev: Annotated[bool, means("Whether there is an earlier page", False)]


class ChatHistoryPage(msgspec.Struct, frozen=True):
    room_id: fields.RoomId
    records: Annotated[list[ChatEntry], means("Newest first")]
    pagination: Annotated[Pagination, means("Where this page stands")]


class SessionHistoryPage(msgspec.Struct, frozen=True):
    room_id: fields.RoomId
    records: Annotated[list[SessionEntry], means("Newest first")]
    pagination: Annotated[Pagination, means("Where this page stands")]


class Stats(msgspec.Struct, frozen=True):
    current_users: fields.CurrentUsers
    peak_users: fields.PeakUsers
    total_joins: fields.TotalJoins


class SyncPayload(msgspec.Struct, frozen=True):
    """The union of what the documents and the original's readers use."""

    room_id: fields.RoomId
    room_name: fields.RoomName
    admin_user_ids: fields.AdminUserIds
    banned_user_ids: Annotated[
        tuple[str, ...], means("User ids that are banned now, sorted", ["trudy"])
    ]
    current_connections: fields.CurrentConnections
    created_at: fields.CreatedAt
    last_activity: fields.LastActivity
    start_time: fields.StartTime
    current_users: fields.CurrentUsers
    peak_users: fields.PeakUsers
    total_joins: fields.TotalJoins
    chat_history: Annotated[list[ChatEntry], means("The newest messages, oldest first")]
    session_history: Annotated[
        list[SessionEntry], means("The newest finished sessions, oldest first")
    ]
    stats: Annotated[Stats, means("The three counts again, together")]
    chat_history_total: Annotated[int, means("Messages in all", 1)]
    session_history_total: Annotated[int, means("Finished sessions in all", 1)]


class BanEntry(msgspec.Struct, frozen=True):
    user_id: fields.UserId
    reason: fields.Reason
    banned_by: fields.SetBy
    created_at: fields.CreatedAt
    expires_at: fields.ExpiresAt
    changed: fields.IsChanged | UnsetType = UNSET


class MuteEntry(msgspec.Struct, frozen=True):
    user_id: fields.UserId
    reason: fields.Reason
    muted_by: fields.SetBy
    created_at: fields.CreatedAt
    expires_at: fields.ExpiresAt
    changed: fields.IsChanged | UnsetType = UNSET


class UserInRoom(msgspec.Struct, frozen=True):
    """``last_join_time``: Unix seconds; None for who never was there."""

    room_id: fields.RoomId
    room_name: fields.RoomName
    status: Annotated[str, means("`open` or `closed`", "open")]
    messages: Annotated[int, means("Messages they sent there, deleted ones counted", 3)]
    sessions: fields.Sessions
    last_join_time: Annotated[
        int | None, means("When the user joined last, Unix seconds; null: never", fields.TIME)
    ]
    is_connected: Annotated[bool, means("Whether they are connected there now", True)]
    is_admin: fields.IsAdmin
    is_banned: Annotated[
        bool, means("Whether the user is banned from the room by a ban of its own", False)
    ]
    is_muted: Annotated[
        bool, means("Whether the user is muted in the room by a mute of its own", False)
    ]


class UserMessage(msgspec.Struct, frozen=True):
    """``content`` of a deleted one is empty."""

    message_id: fields.MessageId
    room_id: fields.RoomId
    room_name: fields.RoomName
    seq: fields.Seq
    content: fields.Content
    created_at: fields.CreatedAt
    deleted: fields.IsDeleted


class RoomUserDetails(msgspec.Struct, frozen=True):
    """``ban`` and ``mute``: of all rooms at once."""

    user_id: fields.UserId
    messages: Annotated[int, means("Messages they sent, deleted ones counted", 3)]
    sessions: fields.Sessions
    ban: Annotated[BanEntry | None, means("The ban from every room; null: there is none")]
    mute: Annotated[MuteEntry | None, means("The mute in every room; null: there is none")]
    rooms: Annotated[
        list[UserInRoom], means("Where there is anything of them, in the order of creation")
    ]


def details(room: Room, current_users: int, changed: bool | UnsetType = UNSET) -> RoomDetails:
    closed_at = UNSET if room.closed_at is None else times.seconds(room.closed_at)
    return RoomDetails(**_figures(room, current_users), closed_at=closed_at, changed=changed)


def basic_info(room: Room, current_users: int) -> RoomBasicInfo:
    return RoomBasicInfo(**_basic(room, current_users))


def sync_payload(
    room: Room,
    current_users: int,
    banned_user_ids: Sequence[str],
    newest_messages: Sequence[messages.Message],
    newest_sessions: Sequence[room_sessions.Session],
    session_total: int,
) -> SyncPayload:
    """Both histories oldest first."""
    return SyncPayload(
        **_figures(room, current_users),
        banned_user_ids=tuple(banned_user_ids),
        chat_history=[chat_entry(row) for row in newest_messages],
        session_history=[session_entry(row) for row in newest_sessions],
        stats=Stats(current_users, room.peak_users, room.total_joins),
        chat_history_total=room.last_seq,
        session_history_total=session_total,
    )


def _figures(room: Room, current_users: int) -> dict[str, Any]:
    return _basic(room, current_users) | {
        "start_time": times.seconds(room.created_at),
        "current_users": current_users,
        "peak_users": room.peak_users,
        "total_joins": room.total_joins,
    }


def _basic(room: Room, current_users: int) -> dict[str, Any]:
    last = room.created_at if room.last_message_at is None else room.last_message_at
    return {
        "room_id": room.public_id,
        "room_name": room.name,
        "admin_user_ids": room.admins,
        "current_connections": current_users,
        "created_at": times.seconds(room.created_at),
        "last_activity": times.seconds(last),
    }


def chat_entry(row: messages.Message) -> ChatEntry:
    return ChatEntry(row.sender, row.nickname, content(row), times.seconds(row.created_at))


def content(row: messages.Message) -> str:
    """Empty for a message that was deleted or erased."""
    return "" if row.deleted_at is not None else row.content


def message_entry(row: messages.Message) -> MessageEntry:
    return MessageEntry(
        message_id=row.id,
        seq=row.seq,
        kind=row.kind,
        user_id=row.sender,
        nickname=row.nickname,
        is_admin=bool(row.is_admin),
        content=content(row),
        created_at=times.seconds(row.created_at),
        deleted=row.deleted_at is not None,
    )


def session_entry(row: room_sessions.Session) -> SessionEntry:
    """Of a finished session."""
    assert row.leave_time is not None
    join_time, leave_time = times.seconds(row.join_time), times.seconds(row.leave_time)
    return SessionEntry(row.user_id, row.nickname, join_time, leave_time, leave_time - join_time)


def pagination(page: int, size: int, total: int) -> Pagination:
    pages = -(-total // size)
    return Pagination(
        current_page=page,
        page_size=size,
        total_pages=pages,
        total_records=total,
        has_next=page < pages,
        has_prev=page > 1,
    )


def ban_entry(row: sanctions.Sanction, changed: bool | UnsetType = UNSET) -> BanEntry:
    return BanEntry(row.user_id, row.reason, row.set_by, *_since_and_until(row), changed)


def mute_entry(row: sanctions.Sanction, changed: bool | UnsetType = UNSET) -> MuteEntry:
    return MuteEntry(row.user_id, row.reason, row.set_by, *_since_and_until(row), changed)


def _since_and_until(row: sanctions.Sanction) -> tuple[int, int | None]:
    return times.seconds(row.created_at), times.seconds_or_none(row.expires_at)


def room_user(user_id: str, found: RoomUser, known: Mapping[RoomRef, Room]) -> RoomUserDetails:
    return RoomUserDetails(
        user_id,
        sum(each.messages for each in found.rooms.values()),
        sum(each.sessions for each in found.rooms.values()),
        None if found.ban is None else ban_entry(found.ban),
        None if found.mute is None else mute_entry(found.mute),
        [_user_in(known[ref], each) for ref, each in found.rooms.items() if ref in known],
    )


def user_message(row: SentMessage, room: Room) -> UserMessage:
    return UserMessage(
        message_id=row.id,
        room_id=room.public_id,
        room_name=room.name,
        seq=row.seq,
        content=row.content,
        created_at=times.seconds(row.created_at),
        deleted=bool(row.is_deleted),
    )


def _user_in(room: Room, found: InRoom) -> UserInRoom:
    return UserInRoom(
        room_id=room.public_id,
        room_name=room.name,
        status=room.status,
        messages=found.messages,
        sessions=found.sessions,
        last_join_time=times.seconds_or_none(found.last_join),
        is_connected=found.is_there,
        is_admin=found.is_admin,
        is_banned=found.is_banned,
        is_muted=found.is_muted,
    )
