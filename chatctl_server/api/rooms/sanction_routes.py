"""Bans and mutes of a room's users."""

from litestar import Controller, delete, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from chatctl_server.api import caller
from chatctl_server.api.context import Context
from chatctl_server.api.parameters import AnyRequest, path_text, room_uuid
from chatctl_server.api.rooms import bodies
from chatctl_server.conversation import moderation
from chatctl_server.domain import times
from chatctl_server.storage import conversations, sanctions
from chatctl_server.storage.sql import Database
from chatctl_server.views import rooms as views

NOTHING = bodies.SetSanction()


class Sanctions(Controller):
    path = "/management/rooms/{room_id:str}"
    tags = ("rooms",)

    @get("/bans", summary="List a room's bans")
    async def bans(
        self, context: NamedDependency[Context], room_id: FromPath[str]
    ) -> list[views.BanEntry]:
        found = await context.store.read(_bans, room_uuid(room_id), times.now())
        return [views.ban_entry(each) for each in found]

    @put("/bans/{user_id:str}", summary="Ban a user and disconnect them")
    async def ban(
        self,
        request: AnyRequest,
        context: NamedDependency[Context],
        room_id: FromPath[str],
        user_id: FromPath[str],
        data: JSONBody[bodies.SetSanction | None] = None,
    ) -> views.BanEntry:
        wanted, actor = data or NOTHING, caller.of(request.scope).actor()
        stored, changed = await context.store.write_urgent(
            moderation.ban,
            actor,
            room_uuid(room_id),
            path_text(user_id),
            wanted.reason,
            wanted.expires_in,
        )
        return views.ban_entry(stored, changed)

    @delete("/bans/{user_id:str}", status_code=200, summary="Lift a ban")
    async def unban(
        self,
        request: AnyRequest,
        context: NamedDependency[Context],
        room_id: FromPath[str],
        user_id: FromPath[str],
    ) -> bodies.Changed:
        actor = caller.of(request.scope).actor()
        lifted = await context.store.write_urgent(
            moderation.unban, actor, room_uuid(room_id), path_text(user_id)
        )
        return bodies.Changed(lifted is not None)

    @get("/mutes", summary="List a room's mutes")
    async def mutes(
        self, context: NamedDependency[Context], room_id: FromPath[str]
    ) -> list[views.MuteEntry]:
        found = await context.store.read(_mutes, room_uuid(room_id), times.now())
        return [views.mute_entry(each) for each in found]

    @put("/mutes/{user_id:str}", summary="Mute a user")
    async def mute(
        self,
        request: AnyRequest,
        context: NamedDependency[Context],
        room_id: FromPath[str],
        user_id: FromPath[str],
        data: JSONBody[bodies.SetSanction | None] = None,
    ) -> views.MuteEntry:
        wanted, actor = data or NOTHING, caller.of(request.scope).actor()
        stored, changed = await context.store.write_urgent(
            moderation.mute,
            actor,
            room_uuid(room_id),
            path_text(user_id),
            wanted.reason,
            wanted.expires_in,
        )
        return views.mute_entry(stored, changed)

    @delete("/mutes/{user_id:str}", status_code=200, summary="Lift a mute")
    async def unmute(
        self,
        request: AnyRequest,
        context: NamedDependency[Context],
        room_id: FromPath[str],
        user_id: FromPath[str],
    ) -> bodies.Changed:
        actor = caller.of(request.scope).actor()
        lifted = await context.store.write_urgent(
            moderation.unmute, actor, room_uuid(room_id), path_text(user_id)
        )
        return bodies.Changed(lifted is not None)


def _bans(db: Database, room_id: str, now: int) -> list[sanctions.Sanction]:
    return sanctions.bans(db, conversations.find_open_room(db, room_id).id, now)


def _mutes(db: Database, room_id: str, now: int) -> list[sanctions.Sanction]:
    return sanctions.mutes(db, conversations.find_open_room(db, room_id).id, now)
