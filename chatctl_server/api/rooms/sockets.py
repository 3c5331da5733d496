"""The WebSocket of a room, up to its accept. What is refused gets a problem body."""

from typing import Any

from litestar.types import Receive, Scope, Send

from chatctl_server import errors
from chatctl_server.api import caller, cors, edge
from chatctl_server.api.caller import Caller
from chatctl_server.api.context import Context
from chatctl_server.api.faces import AsgiRoute
from chatctl_server.api.parameters import room_uuid
from chatctl_server.api.rooms.broadcaster import VIEW, RoomBroadcaster
from chatctl_server.api.rooms.identity import SIGNED, Joiner, identify
from chatctl_server.api.rooms.member import Member
from chatctl_server.domain.references import RoomRef
from chatctl_server.live.extensions import WAITS, WEBSOCKET
from chatctl_server.live.transports import AsgiWebSocket

ACCEPT = {"type": "websocket.accept", WAITS: True}  # for WelcomeInfo


def room_socket(context: Context, broadcaster: RoomBroadcaster) -> AsgiRoute:
    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        await _serve(context, broadcaster, scope, receive, send)

    return serve


async def _serve(
    context: Context, broadcaster: RoomBroadcaster, scope: Any, receive: Any, send: Any
) -> None:
    try:
        room, joiner = await admit(context, broadcaster, scope)
        member = Member(context, broadcaster, room, joiner, caller.of(scope).address)
        context.presence.take_slot(member)
    except errors.ChatctlError as refusal:
        await edge.refuse(scope, receive, send, broadcaster.words.of(refusal))
        return
    try:
        await receive()  # websocket.connect
        await send(ACCEPT)
    except BaseException:
        context.presence.free_slot(member)
        raise
    transport = scope["extensions"].get(WEBSOCKET) or AsgiWebSocket(receive, send)
    await member.serve(context.hub.subscriber(transport, VIEW))


async def admit(
    context: Context, broadcaster: RoomBroadcaster, scope: Any
) -> tuple[RoomRef, Joiner]:
    """Raises what the caller is refused with, before anything has begun."""
    cors.check_origin(scope, context.settings.cors_origins)
    room_id = room_uuid(scope["path_params"]["room_id"])
    joiner = identify(scope["query_string"], room_id, context.settings)
    if joiner.credential == SIGNED:
        address = caller.of(scope).address
        context.limits.count_credential(Caller(address, SIGNED, user_id=joiner.user_id))
    return await broadcaster.open_rooms.find(context.store, room_id), joiner
