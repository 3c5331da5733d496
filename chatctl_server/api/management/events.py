"""The log over HTTP: pages, and a stream that follows it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Annotated, Any, NamedTuple

from litestar import Controller, Response, get
from litestar.di import NamedDependency, Provide
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromQuery, QueryParameter
from litestar.response import Stream

from chatctl_server import errors
from chatctl_server.api import caller
from chatctl_server.api.authentication import KEY_PART
from chatctl_server.api.context import Context, GivenContext
from chatctl_server.api.parameters import (
    UNIX_TIME,
    AnyRequest,
    Limit,
    OnlyRoom,
    paged,
    room_uuid,
)
from chatctl_server.domain import events, times
from chatctl_server.domain.references import ROOMS, ConversationRef
from chatctl_server.live.log_tail import NewestEvents, Part
from chatctl_server.storage import (
    chats,
    conversations,
    history_pages,
    log,
    messages,
    rooms,
    whereabouts,
)
from chatctl_server.storage.log import EventFilter
from chatctl_server.storage.sql import Database
from chatctl_server.views import fields
from chatctl_server.views.events import EventObject, event_object, line_of
from chatctl_server.views.fields import means

STREAM_PAGE = 500
KEEP_ALIVE_SECONDS = 15.0
After = Annotated[
    str | None, means("What follows this event: its offset, its id or the beginning of it", "8")
]
AfterSeq = Annotated[
    int | None,
    QueryParameter(ge=0, le=history_pages.LATEST),
    means("What follows this message of `room` or `chat`, by its `seq`", 1),
]
Until = Annotated[
    str | None, means("Up to this event: its offset, its id or the beginning of it", "9")
]
SinceTime = Annotated[
    int | None, UNIX_TIME, means("What happened from this time on, Unix seconds", fields.TIME)
]
UntilTime = Annotated[
    int | None,
    UNIX_TIME,
    means("What happened until this time, Unix seconds, its whole second", fields.TIME + 60),
]
TypeGlob = Annotated[
    str | None,
    QueryParameter(name="type", max_length=255),
    means("Only types that fit a pattern as in a shell: `message.*`", "room.*"),
]
OnlyChat = FromQuery[Annotated[int | None, means("Only of this chat, by its id", 1)]]
Actor = Annotated[str | None, means("Only what this user did", "anna")]
Tail = Annotated[bool, means("The newest `limit`, still ascending", False)]
Last = Annotated[int, QueryParameter(ge=0, le=1000), means("Begin with the newest so many", 10)]

_End = tuple[str | None, int | None]  # what until and until_time say

LINES = ResponseSpec(
    EventObject,
    generate_examples=False,
    description="Lines that are each a `EventObject`, or empty",
    media_type="application/x-ndjson",
)


def _only_scope(request: AnyRequest) -> int | None:
    """A named key reads the events of rooms."""
    return None if caller.of(request.scope).grant is None else ROOMS


class EventQuery:
    """Which events: what the page and the stream ask alike."""

    def __init__(
        self,
        after: FromQuery[After] = None,
        after_seq: AfterSeq = None,
        since_time: SinceTime = None,
        type_glob: TypeGlob = None,
        room: OnlyRoom = None,
        chat: OnlyChat = None,
        actor: FromQuery[Actor] = None,
        only_scope: NamedDependency[int | None] = None,
    ) -> None:
        self.after = after
        self.after_seq = after_seq
        self.since_time = since_time
        self.type_glob = type_glob
        self.actor = actor
        self.room = None if room is None else room_uuid(room, "room")
        self.chat = chat
        self.scope = only_scope
        if after_seq is not None and room is None and chat is None:
            raise errors.InvalidInput(
                "after_seq counts the messages of a room: room is missing", field="room"
            )

    @property
    def has_start(self) -> bool:
        return (self.after, self.after_seq, self.since_time) != (None, None, None)


class Events(Controller):
    path = "/management/events"
    tags = ("events",)
    opt = {KEY_PART: "rooms"}  # noqa: RUF012  never changed
    dependencies = {  # noqa: RUF012  never changed
        "asked": Provide(EventQuery, sync_to_thread=False),
        "only_scope": Provide(_only_scope, sync_to_thread=False),
    }

    @get(
        "/",
        summary="Events, in log order",
        response_description="Events, ascending; the header `Link` has the next page, if any",
        opt={"refuses": (errors.Ambiguous, errors.ResyncRequired)},
    )
    async def list_events(
        self,
        context: GivenContext,
        asked: NamedDependency[EventQuery],
        until: FromQuery[Until] = None,
        until_time: UntilTime = None,
        limit: Limit = 100,
        tail: FromQuery[Tail] = False,
    ) -> Response[list[EventObject]]:
        """All that changed, with who did it. The times of events are RFC 3339.

        Also the events of a closed room. `tail=true` asks for the newest `limit`, still ascending:
        the next page has the older ones.
        """
        found, span = await context.store.read(_page, asked, (until, until_time), limit + 1, tail)
        is_cut = len(found) > limit
        shown = (found[-limit:] if tail else found[:limit]) if is_cut else found
        following: dict[str, Any] | None = None
        if is_cut:
            after, end = (span[0], shown[0].offset - 1) if tail else (shown[-1].offset, span[1])
            following = {
                "after": after,
                "until": None if end == log.END else end,
                "type": asked.type_glob,
                "room": asked.room,
                "chat": asked.chat,
                "actor": asked.actor,
                "tail": "true" if tail else None,
                "limit": limit,
            }
        return paged(shown, "/management/events", following)

    @get(
        "/stream",
        summary="Events as NDJSON, followed until the client goes",
        responses={200: LINES},
        opt={"refuses": (errors.Ambiguous, errors.ResyncRequired)},
    )
    async def follow_events(
        self, context: GivenContext, asked: NamedDependency[EventQuery], tail: Last = 0
    ) -> Stream:
        """A line for each event, as it is committed; an empty line when there was none for 15 s.

        Without `after`, `after_seq`, `since_time` and `tail` it begins with what comes. It ends
        when the server stops: connect again with `after` and the last `offset`.
        """
        seen = context.notifier.count
        wanted, start, first, types = await context.store.read(_start, asked, tail)
        newest = None
        if context.is_serving:
            newest = NewestEvents(context.log_tail, context.store, wanted, types)
        lines = _follow(context, wanted, start, first, seen, newest)
        return Stream(lines, media_type="application/x-ndjson", headers={"x-accel-buffering": "no"})


async def _follow(
    context: Context,
    wanted: EventFilter,
    position: int,
    first: list[EventObject],
    seen: int,
    newest: NewestEvents | None = None,
) -> AsyncIterator[bytes]:
    """A line per event; a blank line when there was none for 15 s, whatever others there were.

    Without ``newest``, or where that does not reach back to, it reads the database.
    """
    loop = asyncio.get_running_loop()
    with contextlib.ExitStack() as stack:
        stack.enter_context(context.hub.traffic.streaming("log"))
        if newest is not None:
            stack.enter_context(newest.tail.followed(context.hub.published))
        yield _lines(first) or b"\n"
        silent_at = loop.time() + KEEP_ALIVE_SECONDS
        while not context.serving.is_stopping:
            part = await newest.above(position) if newest is not None else None
            if part is None:
                part = await context.store.read(_following, wanted, position)
            lines, position, has_more = part
            if lines or loop.time() >= silent_at:
                yield lines or b"\n"
                silent_at = loop.time() + KEEP_ALIVE_SECONDS
                continue
            if has_more:
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(silent_at):
                    await context.notifier.wait(seen)
            seen = context.notifier.count


def _lines(found: list[EventObject]) -> bytes:
    return b"".join(map(line_of, found))


def _page(
    db: Database, asked: EventQuery, end: _End, limit: int, tail: bool
) -> tuple[list[EventObject], tuple[int, int]]:
    """And the offsets between which it looked: above the first, up to the second."""
    wanted, start, until = _wanted(db, asked), _position(db, asked), _until(db, *end)
    find = log.find_last if tail else log.find_after
    return _objects(db, find(db, wanted, start, limit, until)), (start, until)


def _until(db: Database, until: str | None, until_time: int | None) -> int:
    found = log.END if until is None else _offset(db, "until", until)
    if until_time is None:
        return found
    return min(found, log.offset_at(db, (until_time + 1) * times.SECOND))


class _Start(NamedTuple):
    """``types``: those that are wanted; None for all."""

    wanted: EventFilter
    position: int
    first: list[EventObject]
    types: frozenset[str] | None


def _start(db: Database, asked: EventQuery, tail: int) -> _Start:
    """Where a stream begins: at a given place, or now, with the newest ``tail`` before it."""
    wanted = _wanted(db, asked)
    types = None if asked.type_glob is None else log.types_like(db, asked.type_glob)
    if asked.has_start:
        return _Start(wanted, _position(db, asked), [], types)
    newest = log.newest_offset(db)
    found = log.find_last(db, wanted, 0, tail) if tail else []
    return _Start(wanted, newest, _objects(db, found), types)


def _following(db: Database, wanted: EventFilter, position: int) -> Part:
    newest = log.newest_offset(db)
    end = max(position, min(newest, position + log.SCAN))
    found = log.find_after(db, wanted, position, STREAM_PAGE, end)
    reached = found[-1].offset if len(found) == STREAM_PAGE else end
    return Part(_lines(_objects(db, found)), reached, reached < newest)


def _wanted(db: Database, asked: EventQuery) -> EventFilter:
    conversation = None if asked.room is None else rooms.find_ref(db, asked.room, "room").id
    if asked.chat is not None:
        conversation = chats.find_any(db, asked.chat, None).ref.id
    return EventFilter(asked.type_glob, conversation, asked.actor, asked.scope)


def _position(db: Database, asked: EventQuery) -> int:
    if asked.after is not None:
        return _offset(db, "after", asked.after)
    if asked.after_seq is not None:
        if asked.chat is not None:
            chat = conversations.get(db, chats.find_any(db, asked.chat, None).ref)
            return _after_message(db, chat.ref, chat.last_seq, "chat", asked.after_seq)
        room = rooms.find(db, asked.room or "")
        return _after_message(db, room.ref, room.last_seq, "room", asked.after_seq)
    if asked.since_time is not None:
        return log.offset_at(db, asked.since_time * times.SECOND)
    return 0


def _offset(db: Database, name: str, text: str) -> int:
    if text.isascii() and text.isdigit():
        return min(int(text[:19]), history_pages.LATEST)
    offset = log.find(db, text)
    if offset is None:
        raise errors.InvalidInput(f"{name}: {text!r} is no offset or known event id", field=name)
    return offset


def _after_message(db: Database, ref: ConversationRef, last_seq: int, noun: str, seq: int) -> int:
    """Raises ResyncRequired for a message that is still to come: it is a mistyped number."""
    if seq > last_seq:
        raise errors.ResyncRequired(
            f"The {noun}'s newest message is {last_seq}, not yet {seq}"
            if last_seq
            else f"The {noun} has 0 messages, not yet {seq}",
            field="after_seq",
            hint=f"after_seq={last_seq}",
        )
    return messages.event_offset(db, ref, seq)


def _objects(db: Database, found: list[events.Event]) -> list[EventObject]:
    where = whereabouts.of(db, found)
    return [event_object(entry, where[entry.offset]) for entry in found]
