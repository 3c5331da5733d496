"""The WebSocket of the desk, up to its accept. What is refused gets a problem body."""

from typing import Any
from urllib.parse import parse_qs

from litestar.types import Receive, Scope, Send

from chatctl_server import errors
from chatctl_server.api import caller, edge
from chatctl_server.api.context import Context
from chatctl_server.api.faces import AsgiRoute
from chatctl_server.api.support.access import admit
from chatctl_server.api.support.broadcaster import AGENTS, SupportBroadcaster
from chatctl_server.api.support.connection import DeskConnection
from chatctl_server.live.extensions import WAITS, WEBSOCKET
from chatctl_server.live.transports import AsgiWebSocket

ACCEPT = {"type": "websocket.accept", WAITS: True}  # for the welcome


def desk_socket(context: Context, broadcaster: SupportBroadcaster) -> AsgiRoute:
    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        await _serve(context, broadcaster, scope, receive, send)

    return serve


async def _serve(
    context: Context, broadcaster: SupportBroadcaster, scope: Any, receive: Any, send: Any
) -> None:
    try:
        asked = _query(scope)
        access = await admit(context, scope, asked.get("token"))
        address = caller.of(scope).address
        since = asked.get("since_event_id")
        connection = DeskConnection(context, broadcaster, access, since, address)
        context.presence.take_slot(connection)
    except errors.ChatctlError as refusal:
        await edge.refuse(scope, receive, send, refusal)
        return
    try:
        await receive()  # websocket.connect
        await send(ACCEPT)
    except BaseException:
        context.presence.free_slot(connection)
        raise
    transport = scope["extensions"].get(WEBSOCKET) or AsgiWebSocket(receive, send)
    await connection.serve(context.hub.subscriber(transport, AGENTS))


def _query(scope: Any) -> dict[str, str]:
    """The first value of each name. Raises InvalidInput."""
    try:
        found = parse_qs(scope["query_string"].decode("ascii"), max_num_fields=100)
    except ValueError as error:
        raise errors.InvalidInput(f"The query cannot be read: {error}", field="query") from None
    return {name: values[0] for name, values in found.items()}
