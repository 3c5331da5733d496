"""All chats of an account as server-sent events (contract team, 7)."""

from typing import Annotated, Any

from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromQuery, HeaderParameter
from litestar.types import ASGIApp

from chatctl_server import errors
from chatctl_server.api import caller, edge
from chatctl_server.api.context import Context
from chatctl_server.api.faces import Handlers
from chatctl_server.api.parameters import AnyRequest
from chatctl_server.api.team import frames
from chatctl_server.api.team.broadcaster import TeamBroadcaster
from chatctl_server.api.team.stream import Frames, TeamStream
from chatctl_server.api.team.stream_access import Admitted, admit, query
from chatctl_server.live.event_streams import EventStream
from chatctl_server.live.extensions import LINE
from chatctl_server.views.fields import means

PATH = "/api/notifications/events"
SHORT_PATH = "/events"
HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx: every event leaves at once
]
EVENTS = ResponseSpec(
    str,
    generate_examples=False,
    description="Events: `data` is an object, `id` the offset of a stored one",
    media_type="text/event-stream",
)
REFUSED = (
    errors.Unauthorized,
    errors.TokenRevoked,
    errors.InvalidInput,
    errors.Throttled,
    errors.ConnectionLimit,
)
FRAMES = Frames(frames.first_stream_frame, frames.stream_frame)
Token = Annotated[str | None, means("The access token, where no header can be set", "eyJhbGciOi…")]
Since = Annotated[str | None, means("As `Last-Event-ID`, which goes before it: an offset", "9")]
LastEventId = Annotated[
    str | None,
    HeaderParameter(name="Last-Event-ID"),
    means("The last `id` the client was sent; what follows it", "9"),
]
SHOWN = """\
retry: 3000
event: connection_confirmed
data: {"event":"connection_confirmed","workspace_id":0,"user_id":1,"connected_chats":2,\
"last_event_id":8}

event: MessageDeleted
id: 9
data: {"event":"MessageDeleted","workspace_id":0,"chat_id":1,"message_id":2}"""


def team_streams(context: Context, broadcaster: TeamBroadcaster) -> Handlers:
    @get(
        PATH,
        tags=("live",),
        summary="Follow all my chats",
        security=[{"AccessToken": []}],
        responses={200: EVENTS},
        opt={"asks_store": False, "refuses": REFUSED, "example": SHOWN},
    )
    async def follow_chats(
        request: AnyRequest,
        access_token: FromQuery[Token] = None,
        token: FromQuery[Token] = None,
        since: FromQuery[Since] = None,
        last_event_id: LastEventId = None,
    ) -> ASGIApp:
        """Server-sent events, in the order of the log over all chats of all my workspaces. What
        a client has missed follows its `Last-Event-ID`."""
        return _stream(context, broadcaster, _admitted(context, request))

    @get(SHORT_PATH, include_in_schema=False)
    async def follow_chats_shortly(request: AnyRequest) -> ASGIApp:
        return _stream(context, broadcaster, _admitted(context, request))

    @HTTPRouteHandler([PATH, SHORT_PATH], http_method="HEAD", include_in_schema=False)
    async def look_at_chats(request: AnyRequest) -> ASGIApp:
        admitted = _admitted(context, request)
        context.account_streams.check_slot(admitted.token.account)
        return _head

    return [follow_chats, follow_chats_shortly, look_at_chats]


def _admitted(context: Context, request: AnyRequest) -> Admitted:
    asked = query(request.scope)
    given = caller.bearer(request.scope) or asked.get("access_token") or asked.get("token")
    position = request.headers.get("last-event-id") or asked.get("since")
    return admit(context, request.scope, given, position)


async def _head(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body"})


def _no_last_event(code: int) -> bytes:
    return b""


def _stream(context: Context, broadcaster: TeamBroadcaster, admitted: Admitted) -> ASGIApp:
    async def serve(scope: Any, receive: Any, send: Any) -> None:
        line = scope["extensions"][LINE]()
        if line is None:  # the client is gone
            return
        stream = TeamStream(context, broadcaster, admitted, FRAMES)
        try:
            stream.take_slots()
        except errors.ConnectionLimit as refusal:
            await edge.refuse(scope, receive, send, refusal)
            return
        try:
            await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        except BaseException:
            stream.ended()
            raise
        transport = EventStream(line, send, context.streams, _no_last_event)
        with context.hub.traffic.streaming("team"):
            await stream.serve(context.hub.subscriber(transport, frames.STREAM_VIEW))

    return serve
