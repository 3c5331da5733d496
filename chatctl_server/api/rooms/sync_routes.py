"""What the host product pulls: rooms, histories, and the whole; and the request to push it."""

from collections.abc import AsyncIterator
from typing import Annotated

import msgspec
from litestar import Controller, Response, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.response import Stream

from chatctl_server.actions import syncs
from chatctl_server.api import caller
from chatctl_server.api.context import Context, GivenContext
from chatctl_server.api.parameters import AnyRequest, From, OptionalJson, To, room_uuid
from chatctl_server.api.rooms import bodies
from chatctl_server.domain import times
from chatctl_server.domain.references import RoomRef
from chatctl_server.storage import history_pages, room_states, rooms
from chatctl_server.storage.sql import Database
from chatctl_server.views import fields
from chatctl_server.views.fields import means
from chatctl_server.views.rooms import objects as views

PAGE = 10  # rooms read at once: each may hold SYNC_HISTORY_LIMIT long messages
EVERYTHING = bodies.RequestSync()
PageNumber = Annotated[int, QueryParameter(ge=1), means("Page, from 1", 1)]
PageSize = Annotated[
    int, QueryParameter(ge=1), means("Records of a page; above `HISTORY_PAGE_LIMIT` it is that", 10)
]
EVERY_ROOM = ResponseSpec(
    list[views.SyncPayload], generate_examples=False, description="The open rooms"
)


class SyncRoutes(Controller):
    path = "/management/sync"
    tags = ("sync",)

    @get(
        "/",
        summary="All open rooms with their newest history, streamed",
        responses={200: EVERY_ROOM},
    )
    async def pull_everything(self, context: GivenContext) -> Stream:
        """Each with the newest `SYNC_HISTORY_LIMIT` entries of both histories, oldest first.

        The array is sent a few rooms at a time: when it breaks off, something failed on the way.
        """
        first = await _payloads(context, 0)
        return Stream(_array(context, first), media_type="application/json")

    @post(
        "/",
        status_code=202,
        media_type="text/plain",
        summary="Request that the callbacks be sent",
        response_description="The request is recorded",
        request_class=OptionalJson,
    )
    async def request_sync(
        self,
        request: AnyRequest,
        context: GivenContext,
        data: JSONBody[bodies.RequestSync | None] = None,
    ) -> Response[bytes]:
        """Of one room or, without `room_id`, of all. Returns at once; the callbacks follow.

        Without `kinds` it is `data` and `periodic`, of open rooms, or with `full`, `from` or `to`
        both histories once more, also of closed rooms, `to` with its whole second. A history
        without these is what is new.
        """
        wanted, actor = data or EVERYTHING, caller.of(request.scope).actor()
        begin, end = history_pages.Window(wanted.from_time, wanted.to_time).microseconds()
        room: RoomRef | None = None
        if wanted.room_id is not None:
            room = await context.store.read_live(rooms.find_ref, room_uuid(wanted.room_id))
        await context.store.write(
            syncs.request,
            actor,
            wanted.kinds or (),
            room,
            None if wanted.from_time is None else begin,
            None if wanted.to_time is None else end,
            wanted.full,
        )
        return Response(b"", status_code=202, media_type="text/plain")

    @get(
        "/rooms",
        summary="The open rooms, without history",
        response_description="The open rooms, in order of creation",
    )
    async def list_open_rooms(self, context: GivenContext) -> list[views.RoomBasicInfo]:
        """For a host that keeps a list of its own."""
        found = await context.store.read(rooms.page, 0, "open", None)
        return [views.basic_info(each, context.presence.current_users(each.ref)) for each in found]

    @get(
        "/chat-history/{room_id:str}",
        summary="A room's messages, newest first",
        response_description="One page, and how many there are in all",
    )
    async def chat_history(
        self,
        context: GivenContext,
        room_id: FromPath[fields.RoomId],
        from_time: From = None,
        to_time: To = None,
        page: PageNumber = 1,
        limit: PageSize = 1000,
    ) -> views.ChatHistoryPage:
        """Also of a closed room. `from` and `to` are about the message's time.

        A page past the end, or `from` after `to`, has no records and the true totals.
        """
        size = min(limit, context.settings.history_page_limit)
        window = history_pages.Window(from_time, to_time)
        found = await context.store.read(_message_page, room_uuid(room_id), window, page, size)
        return views.ChatHistoryPage(
            found.room.public_id,
            [views.chat_entry(row) for row in found.records],
            views.pagination(page, size, found.total),
        )

    @get(
        "/session-history/{room_id:str}",
        summary="A room's finished sessions, newest first",
        response_description="One page, and how many there are in all",
    )
    async def session_history(
        self,
        context: GivenContext,
        room_id: FromPath[fields.RoomId],
        from_time: From = None,
        to_time: To = None,
        page: PageNumber = 1,
        limit: PageSize = 500,
    ) -> views.SessionHistoryPage:
        """Also of a closed room. `from` and `to` are about `join_time`.

        A page past the end, or `from` after `to`, has no records and the true totals.
        """
        size = min(limit, context.settings.history_page_limit)
        window = history_pages.Window(from_time, to_time)
        found = await context.store.read(_session_page, room_uuid(room_id), window, page, size)
        return views.SessionHistoryPage(
            found.room.public_id,
            [views.session_entry(row) for row in found.records],
            views.pagination(page, size, found.total),
        )


def _message_page(
    db: Database, room_id: str, window: history_pages.Window, page: int, size: int
) -> history_pages.MessagePage:
    return history_pages.message_page(db, rooms.find(db, room_id), window, page, size)


def _session_page(
    db: Database, room_id: str, window: history_pages.Window, page: int, size: int
) -> history_pages.SessionPage:
    return history_pages.session_page(db, rooms.find(db, room_id), window, page, size)


async def _payloads(context: Context, after_id: int) -> list[room_states.RoomState]:
    limit = context.settings.sync_history_limit
    return await context.store.read(room_states.open_rooms, after_id, PAGE, limit, times.now())


async def _array(context: Context, states: list[room_states.RoomState]) -> AsyncIterator[bytes]:
    """A JSON array, a few rooms at a time."""
    separator = b"["
    while states:
        encoded = [msgspec.json.encode(_payload(context, state)) for state in states]
        yield separator + b",".join(encoded)
        separator = b","
        states = await _payloads(context, states[-1].room.id)
    yield b"[]" if separator == b"[" else b"]"


def _payload(context: Context, state: room_states.RoomState) -> views.SyncPayload:
    return views.sync_payload(
        state.room,
        context.presence.current_users(state.room.ref),
        state.banned_user_ids,
        state.messages,
        state.sessions,
        state.session_total,
    )
