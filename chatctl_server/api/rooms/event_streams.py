"""A room's frames as server-sent events: by the rules of its WebSocket, for who only listens.

Where a client that comes back goes on is in its ``Last-Event-ID``, and so is it that it was shown
out and is not to come back.
"""

from typing import Annotated, Any

import msgspec
from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, HeaderParameter, QueryParameter
from litestar.types import ASGIApp

from chatctl_server import errors
from chatctl_server.api import caller, edge, problems
from chatctl_server.api.context import Context
from chatctl_server.api.faces import Handlers
from chatctl_server.api.parameters import AnyRequest
from chatctl_server.api.rooms.broadcaster import STREAM_VIEW, RoomBroadcaster
from chatctl_server.api.rooms.identity import Joiner, position
from chatctl_server.api.rooms.member import Member
from chatctl_server.api.rooms.sockets import admit
from chatctl_server.domain.references import RoomRef
from chatctl_server.live.event_streams import EventStream, is_of_the_end
from chatctl_server.live.extensions import LINE
from chatctl_server.storage import history_pages
from chatctl_server.views import fields
from chatctl_server.views.fields import means

PATH = "/events/rooms/{room_id:str}"
HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx: every event leaves at once
]
EVENTS = ResponseSpec(
    str,
    generate_examples=False,
    description="Events: `data` is a frame, `id` the offset of a stored one",
    media_type="text/event-stream",
)
REFUSED = (errors.Forbidden, errors.Unauthorized, errors.RoomIsClosed, errors.ConnectionLimit)
Who = Annotated[str | None, means("Who joins; needed with `ROOM_IDENTITY=open`", "carl")]
Token = Annotated[
    str | None, means("Who it is, a JWT; needed with `ROOM_IDENTITY=token`", "eyJhbGciOi…")
]
Since = Annotated[
    int | None,
    QueryParameter(ge=0, le=history_pages.LATEST),
    means("The `seq` of the last message the client has; what follows it", 1),
]
LastEventId = Annotated[
    str | None,
    HeaderParameter(name="Last-Event-ID"),
    means("The last `id` the client was sent, which goes before `since`", "9"),
]
SHOWN = """\
data: {"type":"WelcomeInfo","payload":{"user_id":"carl","nickname":"carl","is_muted":false,\
"is_admin":false,"last_seq":1}}

id: 9
data: {"type":"Message","payload":{"from":"anna","nickname":"Anna","content":"hello",\
"is_admin":true,"message_id":2,"seq":2,"created_at":1767225600}}"""


def room_streams(context: Context, broadcaster: RoomBroadcaster) -> Handlers:
    words = problems.handlers_in_words(broadcaster.words.of)

    @get(
        PATH,
        tags=("websocket",),
        summary="Follow a room",
        responses={200: EVENTS},
        opt={"asks_store": True, "refuses": REFUSED, "example": SHOWN},
        exception_handlers=words,
    )
    async def follow_room(
        request: AnyRequest,
        room_id: FromPath[fields.RoomId],
        user_id: FromQuery[Who] = None,
        nickname: FromQuery[fields.GivenNickname] = None,
        token: FromQuery[Token] = None,
        since: Since = None,
        last_event_id: LastEventId = None,
    ) -> ASGIApp:
        """Server-sent events, for a client that only listens: the frames of the WebSocket, by its
        rules. It is the user's one connection to the room.

        The last event is `close`, with the `code` that a WebSocket would be closed with. After a
        code from 4500 the client, when it comes back, is answered 204 by its `Last-Event-ID`.
        """
        found = await _admitted(context, broadcaster, request)
        if found is None:
            return _head(204, [])
        return _stream(context, broadcaster, *found)

    @HTTPRouteHandler(PATH, http_method="HEAD", include_in_schema=False, exception_handlers=words)
    async def look_at_room(request: AnyRequest, room_id: FromPath[fields.RoomId]) -> ASGIApp:
        found = await _admitted(context, broadcaster, request)
        if found is None:
            return _head(204, [])
        room, joiner = found
        context.presence.check_slot(room, joiner.user_id, caller.of(request.scope).address)
        return _head(200, HEADERS)

    return [follow_room, look_at_room]


async def _admitted(
    context: Context, broadcaster: RoomBroadcaster, request: AnyRequest
) -> tuple[RoomRef, Joiner] | None:
    """None for a client that was shown out before. Raises what it is refused with."""
    last_event_id = request.headers.get("last-event-id", "")
    if is_of_the_end(last_event_id):
        return None
    after = position(last_event_id, "Last-Event-ID")
    _check_site(context, request)
    room, joiner = await admit(context, broadcaster, request.scope)
    if after is not None:  # newer than what the address says
        joiner = msgspec.structs.replace(joiner, since=None, after=after)
    if context.serving.is_stopping:
        raise errors.Stopping("The server stops")
    return room, joiner


def _check_site(context: Context, request: AnyRequest) -> None:
    """What a page embeds, such as an image, is asked for without the Origin that every WebSocket
    and EventSource of another site shows."""
    if "*" in context.settings.cors_origins or "origin" in request.headers:
        return
    if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        raise errors.Forbidden("A page of another site asks, and shows no Origin")


def _head(status: int, headers: list[tuple[bytes, bytes]]) -> ASGIApp:
    async def answer(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body"})

    return answer


def _stream(
    context: Context, broadcaster: RoomBroadcaster, room: RoomRef, joiner: Joiner
) -> ASGIApp:
    async def serve(scope: Any, receive: Any, send: Any) -> None:
        line = scope["extensions"][LINE]()
        if line is None:  # the client is gone
            return
        member = Member(context, broadcaster, room, joiner, caller.of(scope).address)
        try:
            context.presence.take_slot(member)
        except errors.ConnectionLimit as refusal:
            await edge.refuse(scope, receive, send, refusal)
            return
        try:
            await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        except BaseException:
            context.presence.free_slot(member)
            raise
        transport = EventStream(line, send, context.streams)
        with context.hub.traffic.streaming("rooms"):
            await member.serve(context.hub.subscriber(transport, STREAM_VIEW))

    return serve
