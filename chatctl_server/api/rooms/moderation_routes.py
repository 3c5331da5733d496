"""Bans, mutes and kicks of a room's users."""

from collections.abc import Callable
from typing import Any, TypeVar

from litestar import Controller, delete, get, post, put
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, JSONBody

from chatctl_server import errors
from chatctl_server.actions import moderation
from chatctl_server.api import caller
from chatctl_server.api.context import GivenContext
from chatctl_server.api.parameters import AnyRequest, path_text, room_uuid
from chatctl_server.api.rooms import bodies
from chatctl_server.domain import times
from chatctl_server.storage import rooms, sanctions
from chatctl_server.storage.sql import Database
from chatctl_server.views import fields
from chatctl_server.views.rooms import objects as views

T = TypeVar("T")
Wanted = JSONBody[bodies.SetSanction | None]


class TargetUser:
    """The user whom the path names, in the room that it names, and who does something to them."""

    def __init__(
        self,
        request: AnyRequest,
        context: GivenContext,
        room_id: FromPath[fields.RoomId],
        user_id: FromPath[fields.UserId],
    ) -> None:
        self._store = context.store
        self._actor = caller.of(request.scope).actor()
        self._room_id, self._user_id = room_uuid(room_id), path_text(user_id)

    async def run(self, action: Callable[..., T], *arguments: Any) -> T:
        room = await self._store.read_live(rooms.find_ref, self._room_id)
        return await self._store.write_urgent(action, self._actor, room, self._user_id, *arguments)

    async def sanction(
        self, action: Callable[..., moderation.Set], wanted: bodies.SetSanction | None
    ) -> moderation.Set:
        if wanted is None:
            wanted = bodies.SetSanction()
        return await self.run(action, wanted.reason, wanted.expires_in)


Subject = NamedDependency[TargetUser]


class Moderation(Controller):
    path = "/management/rooms/{room_id:str}"
    tags = ("moderation",)
    dependencies = {"subject": Provide(TargetUser, sync_to_thread=False)}  # noqa: RUF012  never changed

    @get(
        "/bans",
        summary="List a room's bans",
        response_description="The bans that hold now",
        opt={"refuses": (errors.RoomIsClosed,)},
    )
    async def list_bans(
        self, context: GivenContext, room_id: FromPath[fields.RoomId]
    ) -> list[views.BanEntry]:
        """Without those that have ended or were lifted."""
        found = await context.store.read(_held, sanctions.bans, room_uuid(room_id), times.now())
        return [views.ban_entry(each) for each in found]

    @put(
        "/bans/{user_id:str}",
        summary="Ban a user and disconnect them",
        response_description="The ban that holds now",
    )
    async def ban_user(self, subject: Subject, data: Wanted = None) -> views.BanEntry:
        """Keeps the user out, now and at every later attempt; works on users who are not there.

        Without `expires_in` it has no end. The same again is `changed: false`; another reason, or
        any `expires_in`, replaces the ban.
        """
        return views.ban_entry(*await subject.sanction(moderation.ban, data))

    @delete(
        "/bans/{user_id:str}",
        status_code=200,
        summary="Lift a ban",
        response_description="Whether there was a ban to lift",
    )
    async def unban_user(self, subject: Subject) -> bodies.Changed:
        """The user may join again. Also answers 200 when the user was not banned."""
        return bodies.Changed(await subject.run(moderation.unban) is not None)

    @get(
        "/mutes",
        summary="List a room's mutes",
        response_description="The mutes that hold now",
        opt={"refuses": (errors.RoomIsClosed,)},
    )
    async def list_mutes(
        self, context: GivenContext, room_id: FromPath[fields.RoomId]
    ) -> list[views.MuteEntry]:
        """Without those that have ended or were lifted."""
        found = await context.store.read(_held, sanctions.mutes, room_uuid(room_id), times.now())
        return [views.mute_entry(each) for each in found]

    @put(
        "/mutes/{user_id:str}",
        summary="Mute a user",
        response_description="The mute that holds now",
    )
    async def mute_user(self, subject: Subject, data: Wanted = None) -> views.MuteEntry:
        """The user stays and reads; what they send is refused with `YouAreMuted`.

        It survives reconnects and restarts. Ends and repeats are as those of a ban.
        """
        return views.mute_entry(*await subject.sanction(moderation.mute, data))

    @delete(
        "/mutes/{user_id:str}",
        status_code=200,
        summary="Lift a mute",
        response_description="Whether there was a mute to lift",
    )
    async def unmute_user(self, subject: Subject) -> bodies.Changed:
        """The user may send again. Also answers 200 when the user was not muted."""
        return bodies.Changed(await subject.run(moderation.unmute) is not None)

    @post(
        "/kick/{user_id:str}",
        status_code=200,
        summary="Disconnect a user, who may return",
        response_description="`kicked` says whether there was anybody",
    )
    async def kick_user(self, subject: Subject) -> bodies.Kicked:
        """Closes the user's connection with 4506. Whoever should stay away is banned."""
        is_kicked = await subject.run(moderation.kick) is not None
        return bodies.Kicked(is_kicked, is_kicked)


def _held(
    db: Database,
    sanctions_of: Callable[[Database, sanctions.Where, int], list[sanctions.Sanction]],
    room_id: str,
    now: int,
) -> list[sanctions.Sanction]:
    return sanctions_of(db, rooms.find_open_ref(db, room_id), now)
