"""A user of the host product, over all rooms: what there is of them, bans and mutes."""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar
from urllib.parse import quote

from litestar import Controller, Response, delete, get, put
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from chatctl_server.actions import messages, moderation
from chatctl_server.api import caller
from chatctl_server.api.context import GivenContext
from chatctl_server.api.parameters import (
    UNIX_TIME,
    AnyRequest,
    From,
    OnlyRoom,
    PageLimit,
    To,
    paged,
    path_text,
    room_uuid,
)
from chatctl_server.api.rooms import bodies
from chatctl_server.domain import text, times
from chatctl_server.domain.references import ROOMS, ConversationRef, RoomRef
from chatctl_server.storage import history_pages, room_users, rooms, sanctions
from chatctl_server.storage.room_users import RoomUser
from chatctl_server.storage.rooms import Room
from chatctl_server.storage.sql import Database
from chatctl_server.views import fields
from chatctl_server.views.fields import means
from chatctl_server.views.rooms import objects as views

T = TypeVar("T")
Wanted = JSONBody[bodies.SetSanction | None]
Since = Annotated[
    int | None, UNIX_TIME, means("Only messages from this time on, Unix seconds", fields.TIME)
]
Before = Annotated[
    int,
    QueryParameter(ge=1, le=history_pages.LATEST),
    means("Only messages whose `message_id` is below it", 100),
]
PAGE = 100  # messages of one transaction: others' come between them


class TargetAnywhere:
    """The user whom the path names, in every room, and who does something to them."""

    def __init__(
        self, request: AnyRequest, context: GivenContext, user_id: FromPath[fields.UserId]
    ) -> None:
        self.user_id = path_text(user_id)
        text.check_name(self.user_id, "user_id")
        self._store = context.store
        self._actor = caller.of(request.scope).actor()

    async def run(self, action: Callable[..., T], *arguments: Any) -> T:
        return await self._store.write_urgent(action, self._actor, ROOMS, self.user_id, *arguments)

    async def erase(self, found: list[tuple[ConversationRef, int]]) -> int:
        return await self._store.write(messages.erase_each, self._actor, found)

    async def sanction(
        self, action: Callable[..., moderation.Set], wanted: bodies.SetSanction | None
    ) -> moderation.Set:
        wanted = wanted or bodies.SetSanction()
        return await self.run(action, wanted.reason, wanted.expires_in)


Subject = NamedDependency[TargetAnywhere]


class RoomUsers(Controller):
    path = "/management/room-users/{user_id:str}"
    tags = ("moderation",)
    dependencies = {"subject": Provide(TargetAnywhere, sync_to_thread=False)}  # noqa: RUF012  never changed

    @get(
        "/",
        summary="What there is of a user, in all rooms",
        response_description="The user; without rooms when nothing is known of them",
    )
    async def show_room_user(
        self, context: GivenContext, subject: Subject
    ) -> views.RoomUserDetails:
        """Rooms where they were, wrote, are admins, are banned or muted, in the order of creation.
        `ban` and `mute` are those of all rooms at once."""
        found, known = await context.store.read(_find, subject.user_id, times.now())
        return views.room_user(subject.user_id, found, known)

    @get(
        "/messages",
        summary="A user's messages in all rooms, newest first",
        response_description="The messages; the header `Link` has older ones when there are any",
    )
    async def list_messages_of_user(
        self,
        context: GivenContext,
        subject: Subject,
        before: Before = history_pages.LATEST,
        limit: PageLimit = 100,
        from_time: From = None,
        to_time: To = None,
    ) -> Response[list[views.UserMessage]]:
        """Also of closed rooms. A page may have fewer than `limit`: it ends at 256 KiB of text."""
        size = min(limit, context.settings.history_page_limit)
        window = history_pages.Window(from_time, to_time)
        found = await context.store.read(_below, subject.user_id, before, window, size)
        rows, has_more, known = found
        following = None
        if has_more:
            span = {"from": from_time, "to": to_time}
            following = {"before": rows[-1].id, "limit": size, **span}
        shown = [views.user_message(row, known[row.ref]) for row in rows]
        path = f"/management/room-users/{quote(subject.user_id, safe='')}/messages"
        return paged(shown, path, following)

    @put(
        "/ban", summary="Ban a user from every room", response_description="The ban that holds now"
    )
    async def ban_everywhere(self, subject: Subject, data: Wanted = None) -> views.BanEntry:
        """Also from those that are made later; disconnects them now. Ends and repeats are as those
        of a ban from one room."""
        return views.ban_entry(*await subject.sanction(moderation.ban, data))

    @delete(
        "/ban",
        status_code=200,
        summary="Lift a ban from every room",
        response_description="Whether there was one to lift",
    )
    async def unban_everywhere(self, subject: Subject) -> bodies.Changed:
        """Bans from single rooms stay."""
        return bodies.Changed(await subject.run(moderation.unban) is not None)

    @put(
        "/mute", summary="Mute a user in every room", response_description="The mute that holds now"
    )
    async def mute_everywhere(self, subject: Subject, data: Wanted = None) -> views.MuteEntry:
        """Also in those that are made later."""
        return views.mute_entry(*await subject.sanction(moderation.mute, data))

    @delete(
        "/mute",
        status_code=200,
        summary="Lift a mute in every room",
        response_description="Whether there was one to lift",
    )
    async def unmute_everywhere(self, subject: Subject) -> bodies.Changed:
        """Mutes in single rooms stay."""
        return bodies.Changed(await subject.run(moderation.unmute) is not None)

    @delete(
        "/messages",
        status_code=200,
        summary="Erase a user's messages",
        response_description="How many were erased; with `dry_run`, how many would be",
    )
    async def erase_messages(
        self,
        context: GivenContext,
        subject: Subject,
        room: OnlyRoom = None,
        since: Since = None,
        dry_run: FromQuery[fields.DryRun] = False,
    ) -> bodies.Erased:
        """As one message is erased: of all rooms or of one, also closed ones, from a time on.
        What comes meanwhile is erased, too. Where it ends early, a repeat erases the rest."""
        read = context.store.read
        ref = None if room is None else await read(rooms.find_ref, room_uuid(room, "room"), "room")
        begin, _ = history_pages.Window(since, None).microseconds()
        wanted = room_users.MessageFilter(subject.user_id, ref, begin)
        count = after = 0
        while page := await read(room_users.unerased, wanted, after, PAGE):
            count += len(page) if dry_run else await subject.erase(page)
            after = page[-1][1]
        return bodies.Erased(count > 0 and not dry_run, count)


@get(
    "/management/bans",
    tags=("moderation",),
    summary="Who is banned from every room",
    response_description="The bans, sorted by user id",
)
async def list_bans_everywhere(context: GivenContext) -> list[views.BanEntry]:
    """Those of all rooms at once. Bans from single rooms are listed with each room."""
    found = await context.store.read(sanctions.bans, ROOMS, times.now())
    return [views.ban_entry(each) for each in found]


@get(
    "/management/mutes",
    tags=("moderation",),
    summary="Who is muted in every room",
    response_description="The mutes, sorted by user id",
)
async def list_mutes_everywhere(context: GivenContext) -> list[views.MuteEntry]:
    """Those of all rooms at once. Mutes in single rooms are listed with each room."""
    found = await context.store.read(sanctions.mutes, ROOMS, times.now())
    return [views.mute_entry(each) for each in found]


def _below(
    db: Database, user_id: str, before: int, window: history_pages.Window, size: int
) -> tuple[list[room_users.SentMessage], bool, dict[RoomRef, Room]]:
    rows, has_more = room_users.newest_below(db, user_id, before, window.microseconds(), size)
    return rows, has_more, rooms.get_many(db, {row.ref for row in rows})


def _find(db: Database, user_id: str, now: int) -> tuple[RoomUser, dict[RoomRef, Room]]:
    found = room_users.find(db, user_id, now)
    return found, rooms.get_many(db, list(found.rooms))
