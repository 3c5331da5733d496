"""What the rooms routes take. Rules that need the database are the actions'."""

from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from chatctl_server.api.bodies import Changed as Changed  # noqa: PLC0414  of the rooms, too
from chatctl_server.api.bodies import UnixTime
from chatctl_server.domain import events
from chatctl_server.views import fields
from chatctl_server.views.fields import means

LONGEST = 100 * 366 * fields.DAY
ExpiresIn = Annotated[
    int, means("Seconds until it ends; without it there is no end", fields.DAY, ge=1, le=LONGEST)
]


class CreateRoom(msgspec.Struct, frozen=True):
    room_name: fields.RoomName
    admin_user_ids: fields.AdminUserIds = ()


class ResetAdmins(msgspec.Struct, frozen=True):
    admin_user_ids: fields.AdminUserIds


class ChangeAdmins(msgspec.Struct, frozen=True):
    add: Annotated[tuple[str, ...], means("User ids that become admins", ["boss"])] = ()
    remove: Annotated[tuple[str, ...], means("User ids that are no admins any more", ["zoe"])] = ()


class RenameRoom(msgspec.Struct, frozen=True):
    room_name: fields.RoomName


class SetSanction(msgspec.Struct, frozen=True):
    """``expires_in`` is in seconds; without it there is no end."""

    reason: fields.Reason = None
    expires_in: ExpiresIn | None = None


class PostMessage(msgspec.Struct, frozen=True):
    content: fields.Content
    user_id: Annotated[
        str | None, means("Whose message it is; without it, an announcement", "anna")
    ] = None
    nickname: fields.GivenNickname = None
    client_msg_id: Annotated[
        str | None,
        means("The sender's own id, unique per sender and room; makes a repeat safe", "greeting"),
    ] = None


class Announce(msgspec.Struct, frozen=True):
    content: fields.Content


class RequestSync(msgspec.Struct, frozen=True, rename={"from_time": "from", "to_time": "to"}):
    """Without ``kinds``: the states or, with ``full``, ``from`` or ``to``, the histories."""

    kinds: (
        Annotated[tuple[events.SyncKind, ...], means("Which callbacks", ["data"], min_length=1)]
        | None
    ) = None
    room_id: Annotated[str | None, means("Only this room", fields.ROOM)] = None
    from_time: Annotated[UnixTime, means("History from this time on, Unix seconds")] | None = None
    to_time: Annotated[UnixTime, means("History up to this time, Unix seconds")] | None = None
    full: Annotated[bool, means("Begin with the first record, whatever was sent before")] = False


class Created(msgspec.Struct, frozen=True):
    """``same_name``: how many other open rooms are called so, up to a hundred. ``changed`` is told
    to who asked for the room of a name."""

    room_id: fields.RoomId
    websocket_url: Annotated[
        str, means("Where users connect, relative to this server", f"/ws/rooms/{fields.ROOM}")
    ]
    same_name: fields.SameName
    changed: Annotated[bool, means("Whether the call changed anything")] | UnsetType = UNSET


class AdminsChanged(msgspec.Struct, frozen=True):
    changed: fields.IsChanged
    admin_user_ids: fields.AdminUserIds


class Kicked(msgspec.Struct, frozen=True):
    changed: fields.IsChanged
    kicked: Annotated[bool, means("Whether a connected user was disconnected", True)]


class Erased(msgspec.Struct, frozen=True):
    """``messages``: how many, or how many there would be."""

    changed: fields.IsChanged
    messages: Annotated[int, means("How many were erased; with `dry_run`, how many would be", 3)]


class PostedMessage(msgspec.Struct, frozen=True):
    message_id: fields.MessageId
    seq: fields.Seq
    created_at: fields.CreatedAt
    duplicate: Annotated[
        bool,
        means("Whether it was stored before, by an earlier call with this `client_msg_id`", False),
    ]


class OpenConnection(msgspec.Struct, frozen=True):
    """``join_time``: Unix seconds."""

    room_id: fields.RoomId
    room_name: fields.RoomName
    user_id: fields.UserId
    nickname: fields.Nickname
    address: fields.Address
    join_time: fields.JoinTime


class ConnectedUser(msgspec.Struct, frozen=True):
    user_id: fields.UserId
    nickname: fields.Nickname
    is_admin: fields.IsAdmin
    is_muted: Annotated[bool, means("Whether the user is muted", False)]
    join_time: fields.JoinTime
