"""What the rooms routes take. Rules that need the database are the actions'."""

from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from chatctl_server.api.bodies import Changed as Changed  # noqa: PLC0414  of the rooms, too
from chatctl_server.api.bodies import UnixTime
from chatctl_server.domain import events

Seconds = Annotated[int, msgspec.Meta(ge=1, le=100 * 366 * 86_400)]


class CreateRoom(msgspec.Struct, frozen=True):
    room_name: str
    admin_user_ids: tuple[str, ...] = ()


class ResetAdmins(msgspec.Struct, frozen=True):
    admin_user_ids: tuple[str, ...]


class ChangeAdmins(msgspec.Struct, frozen=True):
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


class RenameRoom(msgspec.Struct, frozen=True):
    room_name: str


class SetSanction(msgspec.Struct, frozen=True):
    """``expires_in`` is in seconds; without it there is no end."""

    reason: str | None = None
    expires_in: Seconds | None = None


class PostMessage(msgspec.Struct, frozen=True):
    content: str
    user_id: str | None = None
    nickname: str | None = None
    client_msg_id: str | None = None


class Announce(msgspec.Struct, frozen=True):
    content: str


class RequestSync(msgspec.Struct, frozen=True, rename={"from_time": "from", "to_time": "to"}):
    """Without ``kinds``: the states or, with ``full``, ``from`` or ``to``, the histories."""

    kinds: Annotated[tuple[events.SyncKind, ...], msgspec.Meta(min_length=1)] | None = None
    room_id: str | None = None
    from_time: UnixTime | None = None
    to_time: UnixTime | None = None
    full: bool = False


class Created(msgspec.Struct, frozen=True):
    """``same_name``: how many other open rooms are called so, up to a hundred. ``changed`` is told
    to who asked for the room of a name."""

    room_id: str
    websocket_url: str
    same_name: int
    changed: bool | UnsetType = UNSET


class AdminsChanged(msgspec.Struct, frozen=True):
    changed: bool
    admin_user_ids: tuple[str, ...]


class Kicked(msgspec.Struct, frozen=True):
    changed: bool
    kicked: bool


class Erased(msgspec.Struct, frozen=True):
    """``messages``: how many, or how many there would be."""

    changed: bool
    messages: int


class PostedMessage(msgspec.Struct, frozen=True):
    message_id: int
    seq: int
    created_at: int
    duplicate: bool


class OpenConnection(msgspec.Struct, frozen=True):
    """``join_time``: Unix seconds."""

    room_id: str
    room_name: str
    user_id: str
    nickname: str
    address: str
    join_time: int


class ConnectedUser(msgspec.Struct, frozen=True):
    user_id: str
    nickname: str
    is_admin: bool
    is_muted: bool
    join_time: int
