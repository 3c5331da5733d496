"""Rooms: created, listed, shown, renamed, closed; their admins, and who is connected."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from litestar import Controller, Response, delete, get, patch, post, put
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import UNSET, UnsetType

from chatctl_server import errors
from chatctl_server.actions import conversations
from chatctl_server.api import caller
from chatctl_server.api.context import Context, GivenContext
from chatctl_server.api.parameters import AnyRequest, Cursor, paged, room_uuid
from chatctl_server.api.rooms import bodies
from chatctl_server.domain import text, times
from chatctl_server.domain.references import RoomRef
from chatctl_server.storage import purges, rooms, sanctions
from chatctl_server.storage.rooms import Room
from chatctl_server.storage.sql import Database
from chatctl_server.storage.store import CALL_BYTES
from chatctl_server.views import fields
from chatctl_server.views.fields import means
from chatctl_server.views.rooms import objects as views

T = TypeVar("T")
IfMissing = Annotated[bool, means("Take the open room of that name, if there is one", True)]
Purge = Annotated[bool, means("Remove a closed room, with all its data", False)]
Status = Annotated[
    Literal["open", "closed", "all"], means("`open`, `closed` or `all` rooms", "open")
]
Match = Annotated[
    str | None,
    QueryParameter(max_length=1000),
    means("Names that fit a pattern as in a shell: `*`, `?`, `[…]`; case counts", "lob*"),
]
Meant = Annotated[
    str | None,
    means("What may be meant by an id, its first 8 characters or more, or a name", "lobby"),
]
MostRooms = Annotated[int | None, QueryParameter(ge=1, le=100_000), means("At most so many", 10)]


class TargetRoom:
    """The room that the path names, and who does something to it."""

    def __init__(
        self, request: AnyRequest, context: GivenContext, room_id: FromPath[fields.RoomId]
    ) -> None:
        self.id = room_uuid(room_id)
        self._actor = caller.of(request.scope).actor()
        self._store = context.store

    async def run(self, action: Callable[..., T], *arguments: Any, users: Iterable[str] = ()) -> T:
        """``users``: of whom there may be many."""
        room = await self._store.read_live(rooms.find_ref, self.id)
        size = _size(users)
        return await self._store.write_urgent(action, self._actor, room, *arguments, size=size)


Subject = NamedDependency[TargetRoom]


class Rooms(Controller):
    path = "/management/rooms"
    tags = ("rooms",)
    dependencies = {"subject": Provide(TargetRoom, sync_to_thread=False)}  # noqa: RUF012  never changed

    @post(
        "/",
        status_code=200,
        summary="Create a room",
        response_description="The new room's id, and where its users connect",
    )
    async def create_room(
        self,
        request: AnyRequest,
        context: GivenContext,
        data: JSONBody[bodies.CreateRoom],
        if_missing: FromQuery[IfMissing] = False,
    ) -> bodies.Created:
        """Names need not be unique: `same_name` says how many others have it. With
        `if_missing=true` the open room of that name is taken, if there is one. Whoever is in
        `admin_user_ids` is an admin of the new room."""
        made = await context.store.write_urgent(
            partial(conversations.create_room, if_missing=if_missing),
            caller.of(request.scope).actor(),
            text.check_room_name(data.room_name, "room_name"),
            data.admin_user_ids,
            size=_size(data.admin_user_ids),
        )
        room_id = made.public_id
        changed = made.is_new if if_missing else UNSET
        return bodies.Created(room_id, f"/ws/rooms/{room_id}", made.same_name, changed)

    @get(
        "/",
        summary="List rooms, in order of creation",
        response_description="The rooms; the header `Link` has the next page when there is one",
    )
    async def list_rooms(
        self,
        context: GivenContext,
        status: FromQuery[Status] = "open",
        match: Match = None,
        room: FromQuery[Meant] = None,
        limit: MostRooms = None,
        cursor: Cursor = 0,
    ) -> Response[list[views.RoomDetails]]:
        """The open rooms, unless `status` says otherwise. Without `limit` it is all of them.

        `room` asks for those that it may mean, whatever `match` and `cursor` say: the one with
        that id; else those whose id begins so and the open ones of that name; else the closed
        ones of that name.
        """
        if room is not None:
            meant = await context.store.read(rooms.meant_by, room, status, limit)
            return Response([_details(context, each) for each in meant])
        found = await context.store.read(rooms.page, cursor, status, limit and limit + 1, match)
        following = None
        if limit is not None and len(found) > limit:
            found = found[:limit]
            following = {"status": status, "limit": limit, "cursor": found[-1].id, "match": match}
        shown = [_details(context, each) for each in found]
        return paged(shown, "/management/rooms", following)

    @get(
        "/{room_id:str}",
        summary="Show a room, open or closed",
        response_description="The room; `closed_at` is there when it was closed",
    )
    async def show_room(self, context: GivenContext, subject: Subject) -> views.RoomDetails:
        """Its name, its admins, and how many users it has and had."""
        return _details(context, await context.store.read(rooms.find, subject.id))

    @delete(
        "/{room_id:str}",
        status_code=204,
        summary="Close a room, or remove a closed one",
        response_description="The room is closed; with `purge=true` it and its data are gone",
        opt={"refuses": (errors.Conflict,)},
    )
    async def close_room(
        self, context: GivenContext, subject: Subject, purge: FromQuery[Purge] = False
    ) -> None:
        """For good: tells its members, closes their connections and ends their sessions.

        The id is never used again; the history stays readable. With `purge=true` a closed room is
        removed with its messages, sessions, bans, mutes and callbacks, also those that are still
        pending, and with its events in the log; an open one is 409.
        """
        if purge:
            await subject.run(conversations.purge)
            await purges.finish(context.store)
            return
        while await subject.run(conversations.end_sessions):
            pass
        await subject.run(conversations.close)

    @patch(
        "/{room_id:str}", summary="Rename a room", response_description="The room with its new name"
    )
    async def rename_room(
        self, context: GivenContext, subject: Subject, data: JSONBody[bodies.RenameRoom]
    ) -> views.RoomDetails:
        """The id stays. The same name again changes nothing. `same_name` says how many other open
        rooms have it."""
        name = text.check_room_name(data.room_name, "room_name")
        renamed = await subject.run(conversations.rename, name)
        room, others = await context.store.read(_with_namesakes, subject.id)
        details = _details(context, room, changed=renamed is not None)
        return msgspec.structs.replace(details, same_name=others)

    @put(
        "/{room_id:str}/admins",
        summary="Replace a room's admins",
        response_description="Whether the set is another one now",
    )
    async def replace_admins(
        self, subject: Subject, data: JSONBody[bodies.ResetAdmins]
    ) -> bodies.Changed:
        """The whole set, at once, also for connections that are open."""
        admins = data.admin_user_ids
        recorded = await subject.run(conversations.set_admins, admins, users=admins)
        return bodies.Changed(recorded is not None)

    @patch(
        "/{room_id:str}/admins",
        summary="Add admins to a room, and take them away",
        response_description="The admins now, and whether that is another set",
    )
    async def change_admins(
        self, subject: Subject, data: JSONBody[bodies.ChangeAdmins]
    ) -> bodies.AdminsChanged:
        """Of two callers at the same time neither undoes what the other did."""
        users = (*data.add, *data.remove)
        admins = await subject.run(conversations.change_admins, data.add, data.remove, users=users)
        return bodies.AdminsChanged(admins.changed, admins.user_ids)

    @get(
        "/{room_id:str}/members",
        summary="Who is connected",
        response_description="The connected users",
        opt={"refuses": (errors.RoomIsClosed,)},
    )
    async def list_members(
        self, context: GivenContext, subject: Subject
    ) -> list[bodies.ConnectedUser]:
        """One entry for each user: a user has at most one connection to a room."""
        room, admins, muted = await context.store.read(_roles, subject.id, times.now())
        return [
            bodies.ConnectedUser(
                connection.user_id,
                connection.nickname,
                connection.user_id in admins,
                connection.user_id in muted,
                times.seconds(connection.join_time),
            )
            for connection in context.presence.members(room)
        ]


def _with_namesakes(db: Database, room_id: str) -> tuple[Room, int]:
    room = rooms.find(db, room_id)
    return room, len(rooms.open_named(db, room.name, room.id))


def _size(users: Iterable[str]) -> int:
    """Of a call that names them: how much of the writer's queue it takes."""
    return sum(map(len, users)) + CALL_BYTES


def _details(context: Context, room: Room, changed: bool | UnsetType = UNSET) -> views.RoomDetails:
    return views.details(room, context.presence.current_users(room.ref), changed)


def _roles(db: Database, room_id: str, now: int) -> tuple[RoomRef, set[str], set[str]]:
    """The admins, and who is muted."""
    room = rooms.find_open(db, room_id)
    muted = set(sanctions.muted_users(db, room.ref, now))
    return room.ref, set(room.admins), muted
