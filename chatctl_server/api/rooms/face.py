"""The rooms: what the host product manages over HTTP, and where its users chat."""

from typing import TYPE_CHECKING

from chatctl_server.api.authentication import OPERATOR
from chatctl_server.api.context import Context
from chatctl_server.api.faces import AsgiRoute, Face, Handlers, lazily
from chatctl_server.views.rooms.refusals import RoomWords, in_room_codes

if TYPE_CHECKING:
    from chatctl_server.api.rooms.broadcaster import RoomBroadcaster


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
        "/management/rooms": lazily(
            __package__,
            "routes:Rooms",
            "message_routes:Messages",
            "message_routes:announce",
            "moderation_routes:Moderation",
        ),
        "/management/room-users": lazily(__package__, "user_routes:RoomUsers"),
        "/management/bans": lazily(__package__, "user_routes:list_bans_everywhere"),
        "/management/mutes": lazily(__package__, "user_routes:list_mutes_everywhere"),
        "/management/connections": lazily(__package__, "connection_routes:list_connections"),
        "/management/sync": lazily(
            __package__, "sync_routes:SyncRoutes", "sync_status:sync_status", "sync_due:deliver_due"
        ),
    },
    broadcaster=_broadcaster,
    sockets={"/ws/rooms/{room_id:str}": _socket},
    streams=_streams,
    in_words=in_room_codes,
    key_part="rooms",
)
