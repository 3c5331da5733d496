"""The WebSocket endpoint of a room: refusals before the upgrade, the join, the two loops.

Plain ASGI: what is refused gets a problem body with its status; after the accept a banned user
gets ``Error`` and 4503, everybody else WelcomeInfo first.
"""

import asyncio
import contextlib
import logging
import time
from typing import Any

from litestar.types import Receive, Scope, Send

from chatctl_server import errors
from chatctl_server.actions import sessions
from chatctl_server.api import caller, edge
from chatctl_server.api.context import Context
from chatctl_server.api.faces import AsgiRoute
from chatctl_server.api.parameters import room_uuid
from chatctl_server.api.rooms.broadcaster import VIEW, RoomBroadcaster
from chatctl_server.api.rooms.connection import RoomConnection
from chatctl_server.api.rooms.identity import Joiner, identify
from chatctl_server.domain import close_codes, token_bucket
from chatctl_server.domain.references import RoomRef
from chatctl_server.live.presence import Connection, Slot
from chatctl_server.live.resume import Missed, resume
from chatctl_server.live.shared_reads import SharedReads
from chatctl_server.live.subscriber import Subscriber
from chatctl_server.live.transports import AsgiWebSocket
from chatctl_server.storage import replay
from chatctl_server.storage.store import Store
from chatctl_server.views.rooms import frames
from chatctl_server.views.rooms.refusals import in_room_words

logger = logging.getLogger("chatctl.rooms")
PREPARED = "chatctl.websocket"  # scope extension: the fast path, a ``Transport``


def room_socket(context: Context, broadcaster: RoomBroadcaster) -> AsgiRoute:
    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        await _serve(context, broadcaster, scope, receive, send)

    return serve


async def _serve(
    context: Context, broadcaster: RoomBroadcaster, scope: Any, receive: Any, send: Any
) -> None:
    try:
        room, joiner = await admit(context, broadcaster, scope)
        place = take_slot(context, room, joiner, caller.of(scope).address)
    except errors.ChatctlError as refusal:
        await edge.refuse(scope, receive, send, in_room_words(refusal))
        return
    try:
        await receive()  # websocket.connect
        await send({"type": "websocket.accept"})
        transport = scope["extensions"].get(PREPARED) or AsgiWebSocket(receive, send)
        subscriber = context.hub.subscriber(transport, VIEW)
        await Member(context, broadcaster, subscriber, room, joiner, place).run()
    finally:
        context.presence.free_slot(place)


async def admit(
    context: Context, broadcaster: RoomBroadcaster, scope: Any
) -> tuple[RoomRef, Joiner]:
    """Raises what the caller is refused with, before anything has begun."""
    _check_origin(context, scope)
    room_id = room_uuid(scope["path_params"]["room_id"])
    joiner = identify(scope["query_string"], room_id, context.settings)
    return await broadcaster.open_rooms.find(context.store, room_id), joiner


def take_slot(context: Context, room: RoomRef, joiner: Joiner, address: str) -> Slot:
    replaces = context.presence.find(room, joiner.user_id) is not None
    return context.presence.take_slot(joiner.user_id, address, replaces=replaces)


def _check_origin(context: Context, scope: Any) -> None:
    allowed = context.settings.cors_origins
    origin = caller.header(scope, b"origin")
    if origin is None or "*" in allowed or origin.decode("latin-1") in allowed:
        return
    raise errors.Forbidden("This Origin is not one of CORS_ORIGINS")


class Member:
    """One accepted connection, from its join to the end of its session."""

    def __init__(
        self,
        context: Context,
        broadcaster: RoomBroadcaster,
        subscriber: Subscriber,
        room: RoomRef,
        joiner: Joiner,
        place: Slot,
    ) -> None:
        self._context = context
        self._broadcaster = broadcaster
        self._room = room
        self._joiner = joiner
        self._place = place
        self._actor = joiner.actor(place.address)
        self._connection: Connection | None = None
        self._joined: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._subscriber = subscriber
        self._full_at = 0

    async def run(self) -> None:
        self._context.timer.add(self._subscriber)
        resuming: asyncio.Task[None] | None = None
        try:
            connection = await self._join()
            if connection is not None:
                if self._joiner.is_resuming:
                    resuming = asyncio.create_task(self._resume(), name="resume")
                await self._listen(connection)
        except Exception:
            logger.exception("a connection failed")
            self._subscriber.finish(close_codes.INTERNAL_ERROR)
        finally:
            self._leave()
            try:
                await self._end(resuming)
            finally:
                self._context.timer.discard(self._subscriber)

    async def _end(self, resuming: asyncio.Task[None] | None) -> None:
        if resuming is not None:
            resuming.cancel()
            # Unlike an ``await`` of a task, this tells its end from a cancellation of our own.
            for outcome in await asyncio.gather(resuming, return_exceptions=True):
                if isinstance(outcome, Exception):
                    raise outcome
        await self._subscriber.transport.end()

    async def _join(self) -> Connection | None:
        """None when the join was refused; the connection then closes with the reason."""
        store = self._context.store
        joiner = self._joiner
        join = sessions.Join(
            self._actor, self._room, joiner.user_id, joiner.nickname, joiner.granted_admin_at
        )
        try:
            store.submit(sessions.UPDATE, (join,), self._on_joined)
            await self._joined
        except errors.Banned as refusal:
            self._subscriber.finish(close_codes.BANNED, frames.error(in_room_words(refusal)))
        except errors.ConversationIsClosed as refusal:
            self._subscriber.finish(close_codes.ROOM_CLOSED, frames.error(in_room_words(refusal)))
        except errors.ChatctlError as refusal:
            self._subscriber.finish(close_codes.TRY_LATER, frames.error(refusal))
        return self._connection

    def _on_joined(self, outcome: object) -> None:
        """In log order: a ban that follows the join finds the connection already here."""
        if isinstance(outcome, sessions.Joined):
            self._enter(outcome)
            outcome_error = None
        else:
            outcome_error = outcome if isinstance(outcome, Exception) else None
        if self._joined.done():  # nobody waits for it: the task was cancelled
            self._leave()
        elif outcome_error is not None:
            self._joined.set_exception(outcome_error)
        else:
            self._joined.set_result(None)

    def _enter(self, joined: sessions.Joined) -> None:
        joiner = self._joiner
        connection = self._connection = Connection(
            joined.room,
            joiner.user_id,
            joiner.nickname,
            joined.session_id,
            joined.joined_at,
            self._subscriber,
            self._place,
            joined.is_admin,
        )
        self._last_seq = joined.last_seq
        begins_at = None if joiner.is_resuming else self._context.hub.published
        self._subscriber.push(
            frames.welcome(
                joiner.user_id, joiner.nickname, joined.is_muted, joined.is_admin, joined.last_seq
            ),
            begins_at,
        )
        self._broadcaster.welcome(connection, joined.peak_users)
        if joiner.expires_at is not None:
            left = joiner.expires_at - time.time()
            self._subscriber.expires_at = asyncio.get_running_loop().time() + left
        if begins_at is not None:
            self._context.hub.join(joined.room, self._subscriber, begins_at)

    def _leave(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        self._broadcaster.dismiss(connection, "left")
        if self._context.serving.is_stopping:
            return  # the stop ends all sessions, with its own reason
        with contextlib.suppress(errors.StorageUnavailable):  # the server stops: it ends them all
            self._context.store.submit(
                sessions.UPDATE,
                (sessions.Leave(self._actor, self._room, connection.session_id, "left"),),
                _log_failure,
                reserved=True,
            )

    async def _listen(self, connection: Connection) -> None:
        handler = RoomConnection(self._context, connection, self._actor)

        def hear(message: bytes | None) -> None:
            if self._subscriber.is_finished or not self._is_in_time() or message is None:
                return
            try:
                handler.receive(message)
            except Exception:
                logger.exception("a connection failed")
                self._subscriber.finish(close_codes.INTERNAL_ERROR)

        try:
            await self._subscriber.transport.serve(hear)
        finally:
            await handler.end()

    def _is_in_time(self) -> bool:
        """False for a frame above INBOUND_FRAMES_PER_SECOND: the connection is closed."""
        limit = self._context.settings.inbound_frames_per_second
        if not limit:
            return True
        full_at = token_bucket.full_again(self._full_at, time.monotonic_ns() // 1000, limit)
        if full_at is None:
            refusal = errors.Throttled(f"More than {limit} frames a second", retry_after=1)
            self._subscriber.finish(close_codes.TOO_FAST, frames.error(refusal))
            return False
        self._full_at = full_at
        return True

    async def _resume(self) -> None:
        """To live; what cannot be resumed starts with what comes."""
        context, room, subscriber = self._context, self._room, self._subscriber
        try:
            start = await self._start()
            pages = _Pages(context.store, self._broadcaster.reads, room, start.seq, subscriber)
            await resume(context.hub, room, subscriber, start.offset, pages.read)
        except errors.ChatctlError as refusal:
            if not isinstance(refusal, errors.ResyncRequired):
                refusal = errors.ResyncRequired(refusal.detail)
            subscriber.push(frames.error(refusal))
            if self._connection is not None:
                context.hub.join(room, subscriber, context.hub.published)
        except Exception:
            logger.exception("a resume failed")
            subscriber.finish(close_codes.INTERNAL_ERROR)

    async def _start(self) -> replay.Start:
        """Up to where the client has everything. Raises ResyncRequired beyond RESUME_LIMIT."""
        store, limit = self._context.store, self._context.settings.resume_limit
        reads, room = self._broadcaster.reads, self._room
        since, after = self._joiner.since or 0, self._joiner.after
        if after is None:
            behind = self._behind(since)
            start = await reads.read(
                (room, "since", since),
                lambda: store.read_live(replay.start, room, since, limit + 1),
            )
        else:
            if after > self._context.hub.published:
                raise errors.ResyncRequired(f"The log has no event {after} yet")
            start = await store.read_live(
                replay.start_after, room, after, self._last_seq, limit + 1
            )
            behind = self._behind(start.seq)
        if behind + start.others > limit:
            raise errors.ResyncRequired(f"More than {limit} events are too many to replay")
        return start

    def _behind(self, seq: int) -> int:
        behind = self._last_seq - seq
        if behind < 0:
            raise errors.ResyncRequired(f"The room has no message {seq} yet")
        if behind > self._context.settings.resume_limit:
            raise errors.ResyncRequired(f"{behind} messages are too many to replay")
        return behind


class _Pages:
    """Reads the replay page by page; the messages' place is kept by seq. Equal pages that are
    asked for at once are read, and made frames of, once."""

    def __init__(
        self, store: Store, reads: SharedReads, room: RoomRef, seq: int, subscriber: Subscriber
    ) -> None:
        self._store = store
        self._reads = reads
        self._room = room
        self._seq = seq
        self._view = subscriber.view
        self._frame = subscriber.transport.frame

    async def read(self, offset: int) -> Missed:
        seq = self._seq
        missed, self._seq = await self._reads.read(
            (self._room, offset, seq, self._view), lambda: self._read(offset, seq)
        )
        return missed

    async def _read(self, offset: int, seq: int) -> tuple[Missed, int]:
        page = await self._store.read_live(replay.page, self._room, offset, seq)
        told = [
            self._frame(data, replay.offset_of(each))
            for each in page.entries
            if (data := frames.of_replayed(each)) is not None
        ]
        return Missed(told, page.offset), page.seq


def _log_failure(outcome: object) -> None:
    if isinstance(outcome, Exception):
        logger.error("a session could not be ended; the next start ends it: %s", outcome)
