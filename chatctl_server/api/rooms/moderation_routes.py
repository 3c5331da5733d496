"""Bans, mutes and kicks of a room's users."""

from litestar import Controller, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from chatctl_server import errors
from chatctl_server.api import caller
from chatctl_server.api.context import Context
from chatctl_server.api.parameters import AnyRequest, path_text, room_uuid
from chatctl_server.api.refusals import OPEN_ROOM, READ, WRITE, may_refuse
from chatctl_server.api.rooms import bodies
from chatctl_server.conversation import moderation
from chatctl_server.domain import times
from chatctl_server.storage import conversations, sanctions
from chatctl_server.storage.sql import Database
from chatctl_server.views import rooms as views

NOTHING = bodies.SetSanction()


class Moderation(Controller):
    path = "/management/rooms/{room_id:str}"
    tags = ("moderation",)

    @get(
        "/bans",
        summary="List a room's bans",
        response_description="The bans that hold now",
        opt=may_refuse(*OPEN_ROOM, *READ),
    )
    async def list_bans(
        self, context: NamedDependency[Context], room_id: FromPath[str]
    ) -> list[views.BanEntry]:
        """Without those that have ended or were lifted."""
        found = await context.store.read(_bans, room_uuid(room_id), times.now())
        return [views.ban_entry(each) for each in found]

    @put(
        "/bans/{user_id:str}",
        summary="Ban a user and disconnect them",
        response_description="The ban that holds now",
        opt=may_refuse(errors.BadText, *OPEN_ROOM, *WRITE),
    )
    async def ban_user(
        self,
        request: AnyRequest,
        context: NamedDependency[Context],
        room_id: FromPath[str],
        user_id: FromPath[str],
        data: JSONBody[bodies.SetSanction | None] = None,
    ) -> views.BanEntry:
        """Keeps the user out, now and at every later attempt; works on users who are not there.

        Without `expires_in` it has no end. The same again is `changed: false`; another reason, or
        any `expires_in`, replaces the ban.
        """
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

    @delete(
        "/bans/{user_id:str}",
        status_code=200,
        summary="Lift a ban",
        response_description="Whether there was a ban to lift",
        opt=may_refuse(errors.BadText, *OPEN_ROOM, *WRITE),
    )
    async def unban_user(
        self,
        request: AnyRequest,
        context: NamedDependency[Context],
        room_id: FromPath[str],
        user_id: FromPath[str],
    ) -> bodies.Changed:
        """The user may join again. Also answers 200 when the user was not banned."""
        actor = caller.of(request.scope).actor()
        lifted = await context.store.write_urgent(
            moderation.unban, actor, room_uuid(room_id), path_text(user_id)
        )
        return bodies.Changed(lifted is not None)

    @get(
        "/mutes",
        summary="List a room's mutes",
        response_description="The mutes that hold now",
        opt=may_refuse(*OPEN_ROOM, *READ),
    )
    async def list_mutes(
        self, context: NamedDependency[Context], room_id: FromPath[str]
    ) -> list[views.MuteEntry]:
        """Without those that have ended or were lifted."""
        found = await context.store.read(_mutes, room_uuid(room_id), times.now())
        return [views.mute_entry(each) for each in found]

    @put(
        "/mutes/{user_id:str}",
        summary="Mute a user",
        response_description="The mute that holds now",
        opt=may_refuse(errors.BadText, *OPEN_ROOM, *WRITE),
    )
    async def mute_user(
        self,
        request: AnyRequest,
        context: NamedDependency[Context],
        room_id: FromPath[str],
        user_id: FromPath[str],
        data: JSONBody[bodies.SetSanction | None] = None,
    ) -> views.MuteEntry:
        """The user stays and reads; what they send is refused with `YouAreMuted`.

        It survives reconnects and restarts. Ends and repeats are as those of a ban.
        """
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

    @delete(
        "/mutes/{user_id:str}",
        status_code=200,
        summary="Lift a mute",
        response_description="Whether there was a mute to lift",
        opt=may_refuse(errors.BadText, *OPEN_ROOM, *WRITE),
    )
    async def unmute_user(
        self,
        request: AnyRequest,
        context: NamedDependency[Context],
        room_id: FromPath[str],
        user_id: FromPath[str],
    ) -> bodies.Changed:
        """The user may send again. Also answers 200 when the user was not muted."""
        actor = caller.of(request.scope).actor()
        lifted = await context.store.write_urgent(
            moderation.unmute, actor, room_uuid(room_id), path_text(user_id)
        )
        return bodies.Changed(lifted is not None)

    @post(
        "/kick/{user_id:str}",
        status_code=200,
        summary="Disconnect a user, who may return",
        response_description="`kicked` says whether there was anybody",
        opt=may_refuse(errors.BadText, *OPEN_ROOM, *WRITE),
    )
    async def kick_user(
        self,
        request: AnyRequest,
        context: NamedDependency[Context],
        room_id: FromPath[str],
        user_id: FromPath[str],
    ) -> bodies.Kicked:
        """Closes the user's connection with 4506. Whoever should stay away is banned."""
        actor = caller.of(request.scope).actor()
        kicked = await context.store.write_urgent(
            moderation.kick, actor, room_uuid(room_id), path_text(user_id)
        )
        return bodies.Kicked(kicked is not None, kicked is not None)


def _bans(db: Database, room_id: str, now: int) -> list[sanctions.Sanction]:
    return sanctions.bans(db, conversations.find_open_room(db, room_id).id, now)


def _mutes(db: Database, room_id: str, now: int) -> list[sanctions.Sanction]:
    return sanctions.mutes(db, conversations.find_open_room(db, room_id).id, now)
