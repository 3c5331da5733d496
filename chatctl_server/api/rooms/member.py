"""One accepted connection to a room, from its join to the end of its session.

A banned user gets ``Error`` and 4503, everybody else WelcomeInfo first.
"""

import asyncio
import contextlib
import logging
import time

from chatctl_server import errors
from chatctl_server.actions import sessions
from chatctl_server.api.context import Context
from chatctl_server.api.rooms.broadcaster import RoomBroadcaster
from chatctl_server.api.rooms.connection import RoomConnection, exception
from chatctl_server.api.rooms.identity import Joiner
from chatctl_server.api.rooms.missed import MissedFrom, send_missed
from chatctl_server.domain import close_codes, token_bucket
from chatctl_server.domain.references import RoomRef
from chatctl_server.live.subscriber import Subscriber
from chatctl_server.views.rooms import frames

logger = logging.getLogger("chatctl.rooms")
_REFUSED = {errors.Banned: close_codes.BANNED, errors.ConversationIsClosed: close_codes.ROOM_CLOSED}


class Member(RoomConnection):
    """The ``Handler`` of its connection. A resume is a task, and a command that waits."""

    __slots__ = ("_broadcaster", "_full_at", "_has_joined", "_is_gone", "_joiner", "_resuming")

    def __init__(
        self,
        context: Context,
        broadcaster: RoomBroadcaster,
        room: RoomRef,
        joiner: Joiner,
        address: str,
    ) -> None:
        super().__init__(context, broadcaster.words, room, joiner, address)
        self._broadcaster = broadcaster
        self._joiner = joiner
        self._resuming: asyncio.Task[None] | None = None
        self._has_joined = False
        self._is_gone = False
        self._full_at = 0

    async def serve(self, subscriber: Subscriber) -> None:
        """``subscriber``: of the upgraded connection, whose slot is taken."""
        self.subscriber = subscriber
        self._context.timer.add(subscriber)
        self._join()
        await subscriber.transport.serve(self)

    # In

    def _join(self) -> None:
        joiner = self._joiner
        join = sessions.Join(
            self._actor, self._room, joiner.user_id, joiner.nickname, joiner.granted_admin_at
        )
        try:
            self._context.store.submit(sessions.UPDATE, (join,), self._joined)
        except Exception as error:
            self._refuse(error)

    def _joined(self, outcome: object) -> None:
        """In log order: a ban that follows the join finds the connection already here."""
        try:
            if isinstance(outcome, sessions.Joined):
                self._enter(outcome)
            else:
                self._refuse(exception(outcome))
        except Exception as error:
            self._refuse(error)

    def _refuse(self, error: BaseException | None) -> None:
        """The connection closes with the reason."""
        if isinstance(error, errors.ChatctlError):
            code = _REFUSED.get(type(error), close_codes.TRY_LATER)
            self.subscriber.finish(code, frames.error(self._broadcaster.words.of(error)))
        else:
            logger.error("a join failed", exc_info=error)
            self.subscriber.finish(close_codes.INTERNAL_ERROR)

    def _enter(self, joined: sessions.Joined) -> None:
        joiner = self._joiner
        self.session_id, self.join_time = joined.session_id, joined.joined_at
        self.is_admin = joined.is_admin
        begins_at = None if joiner.is_resuming else self._context.hub.published
        self.subscriber.push(
            frames.welcome(
                joiner.user_id, joiner.nickname, joined.is_muted, joined.is_admin, joined.last_seq
            ),
            begins_at,
        )
        self._has_joined = True
        self._broadcaster.welcome(self, joined.peak_users)
        if joiner.expires_at is not None:
            left = joiner.expires_at - time.time()
            self.subscriber.expires_at = asyncio.get_running_loop().time() + left
        if begins_at is not None:
            self._context.hub.join(joined.room, self.subscriber, begins_at)
        if self._is_gone:
            self._leave()
            return
        if begins_at is None:
            self._resume(joined.last_seq)
        self.begin()

    def _resume(self, last_seq: int) -> None:
        start = MissedFrom(self._room, last_seq, self._joiner.since, self._joiner.after)
        missed = send_missed(self._context, self._broadcaster.reads, self.subscriber, start)
        self._resuming = asyncio.create_task(missed, name="resume")

    # Inside

    def receive(self, message: bytes | None) -> None:
        if self.subscriber.is_finished or not self._is_in_time() or message is None:
            return
        self.command(message)

    def _is_in_time(self) -> bool:
        """False for a frame above INBOUND_FRAMES_PER_SECOND: the connection is closed."""
        limit = self._context.settings.inbound_frames_per_second
        if not limit:
            return True
        full_at = token_bucket.full_again(self._full_at, time.monotonic_ns() // 1000, limit)
        if full_at is None:
            refusal = errors.Throttled(f"More than {limit} frames a second", retry_after=1)
            self.subscriber.finish(close_codes.TOO_FAST, frames.error(refusal))
            return False
        self._full_at = full_at
        return True

    # Out

    def disconnected(self) -> None:
        self._is_gone = True
        if self._resuming is not None:
            self._resuming.cancel()
        self.end()
        self._leave()

    def ended(self) -> None:
        self._context.timer.discard(self.subscriber)
        self._context.presence.free_slot(self)

    def _leave(self) -> None:
        if not self._has_joined:
            return
        self._has_joined = False
        was_there = self._broadcaster.dismiss(self, "left")
        if not was_there or self._context.serving.is_stopping:
            return  # the session has ended, or does so in the stop, with its own reason
        with contextlib.suppress(errors.StorageUnavailable):  # the server stops: it ends them all
            self._context.store.submit(
                sessions.UPDATE,
                (sessions.Leave(self._actor, self._room, self.session_id, "left"),),
                _log_failure,
                reserved=True,
            )


def _log_failure(outcome: object) -> None:
    if isinstance(outcome, Exception):
        logger.error("a session could not be ended; the next start ends it: %s", outcome)
