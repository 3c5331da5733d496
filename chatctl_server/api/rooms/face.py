"""The rooms: what the host product manages over HTTP, and where its users chat."""

from typing import TYPE_CHECKING

from chatctl_server.api.authentication import OPERATOR
from chatctl_server.api.context import Context
from chatctl_server.api.faces import AsgiRoute, Face, Handlers
from chatctl_server.views.rooms.refusals import RoomWords, in_room_codes

if TYPE_CHECKING:
    from chatctl_server.api.rooms.broadcaster import RoomBroadcaster


def _rooms() -> Handlers:
    from chatctl_server.api.rooms.message_routes import Messages, announce
    from chatctl_server.api.rooms.moderation_routes import Moderation
    from chatctl_server.api.rooms.routes import Rooms

    return [Rooms, Messages, announce, Moderation]


def _users() -> Handlers:
    from chatctl_server.api.rooms.user_routes import RoomUsers

    return [RoomUsers]


def _bans() -> Handlers:
    from chatctl_server.api.rooms.user_routes import list_bans_everywhere

    return [list_bans_everywhere]


def _mutes() -> Handlers:
    from chatctl_server.api.rooms.user_routes import list_mutes_everywhere

    return [list_mutes_everywhere]


def _connections() -> Handlers:
    from chatctl_server.api.rooms.connection_routes import list_connections

    return [list_connections]


def _sync() -> Handlers:
    from chatctl_server.api.rooms.sync_due import deliver_due
    from chatctl_server.api.rooms.sync_routes import SyncRoutes
    from chatctl_server.api.rooms.sync_status import sync_status

    return [SyncRoutes, sync_status, deliver_due]


def _broadcaster(context: Context) -> "RoomBroadcaster":
    from chatctl_server.api.rooms.broadcaster import RoomBroadcaster

    words = RoomWords(context.settings.language)
    return RoomBroadcaster(context.hub, context.presence, words)


def _socket(context: Context, broadcaster: "RoomBroadcaster") -> AsgiRoute:
    from chatctl_server.api.rooms.sockets import room_socket

    return room_socket(context, broadcaster)


def _streams(context: Context, broadcaster: "RoomBroadcaster") -> Handlers:
    from chatctl_server.api.rooms.event_streams import room_streams

    return room_streams(context, broadcaster)


ROOMS = Face(
    "rooms",
    credentials=OPERATOR,
    parts={
        "/management/rooms": _rooms,
        "/management/room-users": _users,
        "/management/bans": _bans,
        "/management/mutes": _mutes,
        "/management/connections": _connections,
        "/management/sync": _sync,
    },
    broadcaster=_broadcaster,
    sockets={"/ws/rooms/{room_id:str}": _socket},
    streams=_streams,
    in_words=in_room_codes,
)
