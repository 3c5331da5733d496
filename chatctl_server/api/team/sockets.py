"""The WebSocket of an account: the same objects as its server-sent events."""

from typing import Any

from litestar.types import Receive, Scope, Send

from chatctl_server import errors
from chatctl_server.api import cors, edge
from chatctl_server.api.context import Context
from chatctl_server.api.faces import AsgiRoute
from chatctl_server.api.team import frames
from chatctl_server.api.team.broadcaster import TeamBroadcaster
from chatctl_server.api.team.stream import Frames, TeamStream
from chatctl_server.api.team.stream_access import admit, query
from chatctl_server.live.extensions import WAITS, WEBSOCKET
from chatctl_server.live.transports import AsgiWebSocket

ACCEPT = {"type": "websocket.accept", WAITS: True}  # for connection_confirmed
FRAMES = Frames(frames.socket_frame, frames.socket_frame)


def team_socket(context: Context, broadcaster: TeamBroadcaster) -> AsgiRoute:
    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        await _serve(context, broadcaster, scope, receive, send)

    return serve


async def _serve(
    context: Context, broadcaster: TeamBroadcaster, scope: Any, receive: Any, send: Any
) -> None:
    try:
        stream = _admitted(context, broadcaster, scope)
        stream.take_slots()
    except errors.ChatctlError as refusal:
        await edge.refuse(scope, receive, send, refusal)
        return
    try:
        await receive()  # websocket.connect
        await send(ACCEPT)
    except BaseException:
        stream.ended()
        raise
    transport = scope["extensions"].get(WEBSOCKET) or AsgiWebSocket(receive, send)
    await stream.serve(context.hub.subscriber(transport, frames.SOCKET_VIEW))


def _admitted(context: Context, broadcaster: TeamBroadcaster, scope: Any) -> TeamStream:
    cors.check_origin(scope, context.settings.cors_origins)
    asked = query(scope)
    admitted = admit(context, scope, asked.get("access_token"), asked.get("since"))
    return TeamStream(context, broadcaster, admitted, FRAMES)
