"""Management of rooms: create, list, rename, close, admins, messages, members."""

from fnmatch import fnmatchcase
from typing import Annotated, Literal
from urllib.parse import quote

from litestar import Controller, Response, delete, get, patch, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from chatctl_server import errors
from chatctl_server.api import caller
from chatctl_server.api.context import Context
from chatctl_server.api.parameters import AnyRequest, path_text, room_uuid
from chatctl_server.api.rooms import bodies
from chatctl_server.conversation import messages, moderation, rooms
from chatctl_server.domain import text, times
from chatctl_server.storage import conversations, histories, sanctions
from chatctl_server.storage.conversations import Listed
from chatctl_server.storage.sql import Database
from chatctl_server.storage.store import CALL_BYTES
from chatctl_server.views import rooms as views

STATUSES = {"open": ("open", "open"), "closed": ("closed", "closed"), "all": ("open", "closed")}
PAGE = 1000


class Rooms(Controller):
    path = "/management/rooms"
    tags = ("rooms",)

    @post("/", status_code=200, summary="Create a room")
    async def create(
        self,
        request: AnyRequest,
        context: NamedDependency[Context],
        data: JSONBody[bodies.CreateRoom],
    ) -> bodies.Created:
        created = await context.store.write_urgent(
            rooms.create,
            caller.of(request.scope).actor(),
            data.room_name,
            data.admin_user_ids,
            size=sum(map(len, data.admin_user_ids)) + CALL_BYTES,
        )
        room_id = created.public_id
        return bodies.Created(room_id, f"/ws/rooms/{room_id}")

    @get("/", summary="List rooms, in order of creation")
    async def list_rooms(
        self,
        context: NamedDependency[Context],
        status: FromQuery[Literal["open", "closed", "all"]] = "open",
        match: FromQuery[str | None] = None,
        limit: Annotated[int | None, QueryParameter(ge=1, le=100_000)] = None,
        cursor: Annotated[int, QueryParameter(ge=0, le=histories.LATEST)] = 0,
    ) -> Response[list[views.RoomDetails]]:
        found = await context.store.read(
            _matching, STATUSES[status], match, cursor, limit and limit + 1
        )
        cut = limit is not None and len(found) > limit
        shown = found[:limit] if cut else found
        headers = {}
        if cut:
            query = f"status={status}&limit={limit}&cursor={shown[-1].conversation.id}"
            headers["link"] = f'</management/rooms?{_with_match(query, match)}>; rel="next"'
        return Response([_details(context, listed) for listed in shown], headers=headers)

    @get("/{room_id:str}", summary="Show a room, open or closed")
    async def show(
        self, context: NamedDependency[Context], room_id: FromPath[str]
    ) -> views.RoomDetails:
        listed = await context.store.read(_listed, room_uuid(room_id))
        return _details(context, listed)

    @delete("/{room_id:str}", status_code=204, summary="Close a room")
    async def close(
        self, request: AnyRequest, context: NamedDependency[Context], room_id: FromPath[str]
    ) -> None:
        actor, stored_id = caller.of(request.scope).actor(), room_uuid(room_id)
        await context.store.write_urgent(rooms.close, actor, stored_id)
        while await context.store.write_urgent(rooms.end_sessions, actor, stored_id):
            pass

    @patch("/{room_id:str}", summary="Rename a room")
    async def rename(
        self,
        request: AnyRequest,
        context: NamedDependency[Context],
        room_id: FromPath[str],
        data: JSONBody[bodies.RenameRoom],
    ) -> views.RoomDetails:
        actor, stored_id = caller.of(request.scope).actor(), room_uuid(room_id)
        await context.store.write_urgent(rooms.rename, actor, stored_id, data.room_name)
        return _details(context, await context.store.read(_listed, stored_id))

    @put("/{room_id:str}/admins", summary="Replace a room's admins")
    async def reset_admins(
        self,
        request: AnyRequest,
        context: NamedDependency[Context],
        room_id: FromPath[str],
        data: JSONBody[bodies.ResetAdmins],
    ) -> bodies.Changed:
        actor = caller.of(request.scope).actor()
        recorded = await context.store.write_urgent(
            rooms.set_admins,
            actor,
            room_uuid(room_id),
            data.admin_user_ids,
            size=sum(map(len, data.admin_user_ids)) + CALL_BYTES,
        )
        return bodies.Changed(recorded is not None)

    @get("/{room_id:str}/members", summary="Who is connected")
    async def members(
        self, context: NamedDependency[Context], room_id: FromPath[str]
    ) -> list[bodies.Member]:
        room, admins, muted = await context.store.read(_roles, room_uuid(room_id), times.now())
        return [
            bodies.Member(
                connection.user_id,
                connection.nickname,
                connection.user_id in admins,
                connection.user_id in muted,
                times.seconds(connection.join_time),
            )
            for connection in context.presence.members(room)
        ]

    @post("/{room_id:str}/messages", status_code=201, summary="Post as the system or as a user")
    async def post_message(
        self,
        request: AnyRequest,
        context: NamedDependency[Context],
        room_id: FromPath[str],
        data: JSONBody[bodies.PostMessage],
    ) -> Response[bodies.MessagePosted]:
        conversation = await context.store.read(_open_id, room_uuid(room_id))
        sent = _post(caller.of(request.scope), conversation, data)
        messages.check(sent, context.settings.max_message_bytes)
        write = context.store.write_urgent if sent.kind == "system" else context.store.write
        posted = await write(messages.post_one, sent, size=len(sent.content) + CALL_BYTES)
        return Response(
            bodies.MessagePosted(
                posted.message_id, posted.seq, times.seconds(posted.created_at), posted.duplicate
            ),
            status_code=200 if posted.duplicate else 201,
        )

    @delete("/{room_id:str}/messages/{message_id:int}", status_code=200, summary="Delete a message")
    async def delete_message(
        self,
        request: AnyRequest,
        context: NamedDependency[Context],
        room_id: FromPath[str],
        message_id: FromPath[int],
    ) -> bodies.Changed:
        actor = caller.of(request.scope).actor()
        if not 0 < message_id < histories.LATEST:
            raise errors.MessageNotFound(f"The room has no message {message_id}")
        deleted = await context.store.write_urgent(
            messages.delete, actor, room_uuid(room_id), message_id
        )
        return bodies.Changed(deleted is not None)

    @post("/{room_id:str}/kick/{user_id:str}", status_code=200, summary="Disconnect; may return")
    async def kick(
        self,
        request: AnyRequest,
        context: NamedDependency[Context],
        room_id: FromPath[str],
        user_id: FromPath[str],
    ) -> bodies.Kicked:
        actor = caller.of(request.scope).actor()
        kicked = await context.store.write_urgent(
            moderation.kick, actor, room_uuid(room_id), path_text(user_id)
        )
        return bodies.Kicked(kicked is not None, kicked is not None)


def _post(who: caller.Caller, conversation: int, data: bodies.PostMessage) -> messages.Post:
    is_system = data.user_id is None
    sender = messages.SYSTEM if is_system else text.check_user_id(data.user_id or "")
    nickname = sender if data.nickname is None else text.check_name(data.nickname, "nickname")
    return messages.Post(
        conversation=conversation,
        actor=who.actor(),
        sender=sender,
        nickname=nickname,
        content=data.content,
        client_msg_id=data.client_msg_id,
        kind="system" if is_system else "text",
        is_guarded=False,
    )


def _details(context: Context, listed: Listed) -> views.RoomDetails:
    return views.details(listed, context.presence.current_users(listed.conversation.id))


def _with_match(query: str, match: str | None) -> str:
    return query if match is None else f"{query}&match={quote(match, safe='')}"


# Questions, run in a reader thread


def _listed(db: Database, room_id: str) -> Listed:
    room = conversations.find_room(db, room_id)
    return Listed(room, conversations.admins(db, room.id))


def _open_id(db: Database, room_id: str) -> int:
    return conversations.find_open_room(db, room_id).id


def _roles(db: Database, room_id: str, now: int) -> tuple[int, set[str], set[str]]:
    room = _open_id(db, room_id)
    muted = {mute.user_id for mute in sanctions.mutes(db, room, now)}
    return room, set(conversations.admins(db, room)), muted


def _matching(
    db: Database, statuses: tuple[str, str], match: str | None, after_id: int, limit: int | None
) -> list[Listed]:
    found: list[Listed] = []
    while limit is None or len(found) < limit:
        page = conversations.page(db, "room", after_id, statuses, PAGE)
        found += [each for each in page if _fits(each.conversation.name, match)]
        if len(page) < PAGE:
            break
        after_id = page[-1].conversation.id
    return found[:limit]


def _fits(name: str, match: str | None) -> bool:
    return match is None or fnmatchcase(name, match)
