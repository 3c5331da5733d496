"""A second face on the same core, made of public seams alone: desks of two kinds in two scopes.

Its callers show ``X-Desk-Token: USER@TYPE:NUMBER``; they see the conversations of that scope in
which they take part, and no others. ``/ws/desk/USER`` is one stream over all of them, in log
order: agents see who wrote, visitors do not. ``?after=OFFSET`` goes on from there, within the
user's stays.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, cast, get_args
from urllib.parse import parse_qs

import msgspec
from litestar import post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from chatctl_server import errors
from chatctl_server.actions import messages
from chatctl_server.api import caller
from chatctl_server.api.authentication import Credentials
from chatctl_server.api.caller import Caller
from chatctl_server.api.context import Context
from chatctl_server.api.edge import refuse
from chatctl_server.api.faces import AsgiRoute, Face, Handlers
from chatctl_server.api.parameters import AnyRequest
from chatctl_server.domain import events
from chatctl_server.domain.references import ChatRef, ConversationRef, ScopeType, SupportRef
from chatctl_server.live import wire
from chatctl_server.live.hub import Hub
from chatctl_server.live.subscriber import Subscriber
from chatctl_server.live.transports import AsgiWebSocket
from chatctl_server.storage import conversations, log, participants, scopes
from chatctl_server.storage.sql import Database

PAGE = 200
REFS: dict[str, type[ConversationRef]] = {"workspace": ChatRef, "site": SupportRef}


class Desk(msgspec.Struct, frozen=True):
    """Whose conversations a caller sees: a workspace's or a site's."""

    type: ScopeType
    number: int

    def scope(self, db: Database) -> int:
        found = scopes.find(db, self.type, self.number)
        if found is None:
            raise errors.NotFound(f"There is no {self.type} {self.number}")
        return found

    def find(self, db: Database, public_id: str) -> ConversationRef:
        return conversations.find(db, REFS[self.type], self.scope(db), public_id)


async def by_token(scope: Mapping[str, Any], who: Caller) -> Caller | None:
    given = caller.header(scope, b"x-desk-token")
    if given is None:
        return None
    user, _, place = given.decode().partition("@")
    kind, _, number = place.partition(":")
    if kind not in REFS or not number.isdigit():
        raise errors.Unauthorized("The token in X-Desk-Token is wrong")
    return msgspec.structs.replace(who, credential=f"desk:{place}", user_id=user)


def desk_of(who: Caller) -> Desk:
    _, kind, number = who.credential.split(":")
    return Desk(cast("ScopeType", kind), int(number))


class Said(msgspec.Struct, frozen=True):
    content: str
    client_msg_id: str | None = None


@post("/desk/{public_id:str}/messages", summary="Say something", tags=("desk",))
async def say(
    request: AnyRequest,
    context: NamedDependency[Context],
    public_id: FromPath[str],
    data: JSONBody[Said],
) -> dict[str, int]:
    who = caller.of(request.scope)
    ref = await context.store.read_live(desk_of(who).find, public_id)
    user = who.user_id or ""
    sent = messages.Post(ref, who.actor(), user, user, data.content, data.client_msg_id)
    messages.check(sent, context.settings.max_message_bytes)
    posted = await context.store.write(messages.POST, sent)
    return {"message_id": posted.message_id, "seq": posted.seq}


def routes() -> Handlers:
    return [say]


class Stay(msgspec.Struct, frozen=True):
    conversation: int
    first: int
    last: int
    role: events.Role


def _stays(db: Database, scope: int, user_id: str) -> list[Stay]:
    return [
        Stay(each.conversation, each.joined_offset, each.left_offset or log.END, each.role)
        for each in participants.stays(db, scope, user_id)
    ]


# Two views of one event


def view(entry: events.Event, role: events.Role) -> bytes | None:
    """Whoever is no agent does not learn who wrote."""
    payload = entry.payload
    shown: dict[str, Any] = {"offset": entry.offset, "conversation": entry.conversation}
    match payload:
        case events.MessagePosted():
            shown["content"] = payload.content
            if role == "agent":
                shown["from"] = payload.sender
        case events.MessageDeleted() | events.MessageErased():
            shown["deleted"] = payload.seq
        case events.ParticipantJoined() | events.ParticipantLeft():
            shown[payload.type] = payload.user_id
        case _:
            return None
    return msgspec.json.encode(shown)


AGENT, VISITOR = "desk.agent", "desk.visitor"
VIEWS: dict[events.Role, str] = dict.fromkeys(get_args(events.Role), VISITOR) | {"agent": AGENT}


class DeskBroadcaster:
    """A channel for each conversation. A stay begins before the event that begins it is told, and
    ends after it."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.listeners: dict[tuple[int | None, str], set[Subscriber]] = defaultdict(set)

    def publish(self, entry: events.Event) -> None:
        payload, key = entry.payload, ("desk", entry.conversation)
        if isinstance(payload, events.ParticipantJoined):
            for subscriber in self.listeners.get((entry.scope, payload.user_id), ()):
                self.hub.add(key, subscriber, VIEWS[payload.role])
        if self.hub.listens(key):
            shown = {
                name: view(entry, role) for name, role in ((AGENT, "agent"), (VISITOR, "member"))
            }
            frames = {name: wire.text_frame(data) for name, data in shown.items() if data}
            self.hub.publish((key,), entry.offset, frames)
        if isinstance(payload, events.ParticipantLeft):
            for subscriber in self.listeners.get((entry.scope, payload.user_id), ()):
                self.hub.leave(key, subscriber)

    def skip(self, entry: events.Event) -> None:
        self._finish(4009, entry.scope)

    def stop(self) -> None:
        self._finish(1012, None)

    def _finish(self, code: int, scope: int | None) -> None:
        for (where, _), listening in self.listeners.items():
            for subscriber in listening if scope in (None, where) else ():
                subscriber.finish(code)


class Caught(msgspec.Struct, frozen=True):
    """What a stream missed, up to an offset, and where its user takes part there."""

    frames: list[bytes]
    offset: int
    roles: dict[int, events.Role]


def catch_up(db: Database, scope: int, user_id: str, after: int) -> Caught:
    page = log.read_after(db, after, PAGE)
    offset = page[-1].offset if page else after
    stays = _stays(db, scope, user_id)
    frames = []
    for entry in page:
        for stay in stays:
            if stay.conversation == entry.conversation and stay.first <= entry.offset <= stay.last:
                data = view(entry, stay.role)
                frames += [] if data is None else [data]
    roles = {each.conversation: each.role for each in stays if each.first <= offset < each.last}
    return Caught(frames, offset, roles)


def live(context: Context, broadcaster: DeskBroadcaster) -> AsgiRoute:
    async def serve(scope: Any, receive: Any, send: Any) -> None:
        try:
            who = await by_token(scope, caller.of(scope))
            if who is None or who.user_id != scope["path_params"]["user"]:
                raise errors.Unauthorized("The stream is somebody else's")
            number = await context.store.read_live(desk_of(who).scope)
        except errors.ChatctlError as refusal:
            await refuse(scope, receive, send, refusal)
            return
        await receive()
        await send({"type": "websocket.accept"})
        query = parse_qs(scope["query_string"].decode())
        after = int(query["after"][0]) if "after" in query else None
        await _follow(context, broadcaster, number, who.user_id or "", after, receive, send)

    return serve


async def _follow(
    context: Context,
    broadcaster: DeskBroadcaster,
    scope: int,
    user_id: str,
    after: int | None,
    receive: Any,
    send: Any,
) -> None:
    hub, transport = context.hub, AsgiWebSocket(receive, send)
    subscriber = hub.subscriber(transport, VISITOR)
    listening = broadcaster.listeners[scope, user_id]
    try:
        offset = hub.published if after is None else after
        while True:
            caught = await context.store.read_live(catch_up, scope, user_id, offset)
            subscriber.replay(map(wire.text_frame, caught.frames))
            is_level = caught.offset == offset and offset >= hub.published
            offset = caught.offset
            if is_level:
                break
        views = {("desk", number): VIEWS[role] for number, role in caught.roles.items()}
        hub.join_many(views, subscriber, offset)
        listening.add(subscriber)
        await transport.serve(Listens())
    finally:
        listening.discard(subscriber)
        hub.leave_all(subscriber)
        await transport.end()


class Listens:
    """A handler that only listens: what it says is nothing to the desk."""

    def receive(self, message: bytes | None) -> None: ...
    def disconnected(self) -> None: ...
    def ended(self) -> None: ...


DESK = Face(
    "desk",
    credentials=Credentials(lambda _: (by_token,), "The header X-Desk-Token is missing"),
    parts={"/desk": routes},
    broadcaster=lambda context: DeskBroadcaster(context.hub),
    sockets={"/ws/desk/{user:str}": live},
)
