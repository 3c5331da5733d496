"""The rooms face's API objects, from rows. Times are Unix seconds; sets are sorted arrays."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from chatctl_server.domain import events, times
from chatctl_server.domain.references import RoomRef
from chatctl_server.storage import messages, room_sessions, sanctions
from chatctl_server.storage.room_users import InRoom, RoomUser, SentMessage
from chatctl_server.storage.rooms import Room


class RoomDetails(msgspec.Struct, frozen=True):
    room_id: str
    room_name: str
    admin_user_ids: tuple[str, ...]
    start_time: int
    current_users: int
    peak_users: int
    total_joins: int
    current_connections: int
    created_at: int
    last_activity: int
    closed_at: int | UnsetType = UNSET
    same_name: int | UnsetType = UNSET
    changed: bool | UnsetType = UNSET


class RoomBasicInfo(msgspec.Struct, frozen=True):
    room_id: str
    room_name: str
    admin_user_ids: tuple[str, ...]
    current_connections: int
    created_at: int
    last_activity: int


class ChatEntry(msgspec.Struct, frozen=True):
    user_id: str
    nickname: str
    content: str
    created_at: int


class MessageEntry(msgspec.Struct, frozen=True):
    """For moderation: with the ids that deleting needs. ``content`` of a deleted one is empty."""

    message_id: int
    seq: int
    kind: events.MessageKind
    user_id: str
    nickname: str
    is_admin: bool
    content: str
    created_at: int
    deleted: bool


class SessionEntry(msgspec.Struct, frozen=True):
    user_id: str
    nickname: str
    join_time: int
    leave_time: int
    duration_seconds: int


class Pagination(msgspec.Struct, frozen=True):
    current_page: int
    page_size: int
    total_pages: int
    total_records: int
    has_next: bool
    has_prev: bool


class ChatHistoryPage(msgspec.Struct, frozen=True):
    room_id: str
    records: list[ChatEntry]
    pagination: Pagination


class SessionHistoryPage(msgspec.Struct, frozen=True):
    room_id: str
    records: list[SessionEntry]
    pagination: Pagination


class Stats(msgspec.Struct, frozen=True):
    current_users: int
    peak_users: int
    total_joins: int


class SyncPayload(msgspec.Struct, frozen=True):
    """The union of what the documents and the original's readers use."""

    room_id: str
    room_name: str
    admin_user_ids: tuple[str, ...]
    banned_user_ids: tuple[str, ...]
    current_connections: int
    created_at: int
    last_activity: int
    start_time: int
    current_users: int
    peak_users: int
    total_joins: int
    chat_history: list[ChatEntry]
    session_history: list[SessionEntry]
    stats: Stats
    chat_history_total: int
    session_history_total: int


class BanEntry(msgspec.Struct, frozen=True):
    user_id: str
    reason: str | None
    banned_by: str | None
    created_at: int
    expires_at: int | None
    changed: bool | UnsetType = UNSET


class MuteEntry(msgspec.Struct, frozen=True):
    user_id: str
    reason: str | None
    muted_by: str | None
    created_at: int
    expires_at: int | None
    changed: bool | UnsetType = UNSET


class UserInRoom(msgspec.Struct, frozen=True):
    """``last_join_time``: Unix seconds; None for who never was there."""

    room_id: str
    room_name: str
    status: str
    messages: int
    sessions: int
    last_join_time: int | None
    is_connected: bool
    is_admin: bool
    is_banned: bool
    is_muted: bool


class UserMessage(msgspec.Struct, frozen=True):
    """``content`` of a deleted one is empty."""

    message_id: int
    room_id: str
    room_name: str
    seq: int
    content: str
    created_at: int
    deleted: bool


class RoomUserDetails(msgspec.Struct, frozen=True):
    """``ban`` and ``mute``: of all rooms at once."""

    user_id: str
    messages: int
    sessions: int
    ban: BanEntry | None
    mute: MuteEntry | None
    rooms: list[UserInRoom]


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
