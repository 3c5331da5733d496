"""One live stream of an account, over whatever carries it, from its begin to its end."""

import asyncio
import contextlib
import logging
import time
from typing import NamedTuple

import msgspec

from chatctl_server import errors
from chatctl_server.actions import streams
from chatctl_server.api.context import Context
from chatctl_server.api.team.broadcaster import TeamBroadcaster
from chatctl_server.api.team.frames import FrameOf
from chatctl_server.api.team.missed import CatchUp
from chatctl_server.api.team.stream_access import Admitted
from chatctl_server.domain import close_codes, times, token_bucket
from chatctl_server.live.account_streams import AccountStream
from chatctl_server.live.subscriber import Subscriber
from chatctl_server.storage.missed_events import Subscriptions
from chatctl_server.views.team import events as views
from chatctl_server.views.team.events import Told

logger = logging.getLogger("chatctl.team")
WARNING_SECONDS = 60.0


class Frames(NamedTuple):
    """How a transport shows what is told; ``first`` is for the first."""

    first: FrameOf
    of: FrameOf


class _Ping(msgspec.Struct, frozen=True, tag_field="type", tag="Ping"):
    pass


class TeamStream(AccountStream):
    """The ``Handler`` of its connection. What it has missed is a task."""

    __slots__ = (
        "_admitted",
        "_broadcaster",
        "_catching_up",
        "_context",
        "_frames",
        "_full_at",
        "_home",
        "_is_gone",
        "_is_there",
        "_warn_at",
    )

    def __init__(
        self, context: Context, broadcaster: TeamBroadcaster, admitted: Admitted, frames: Frames
    ) -> None:
        token = admitted.token
        super().__init__(token.account, token.login_id, admitted.who.address)
        self._context = context
        self._broadcaster = broadcaster
        self._admitted = admitted
        self._frames = frames
        self._catching_up: asyncio.Task[None] | None = None
        self._warn_at: float | None = None
        self._home: int | None = None
        self._is_there = False
        self._is_gone = False
        self._full_at = 0

    def take_slots(self) -> None:
        """Before it is answered; ``ended`` gives them back. Raises ConnectionLimit."""
        self._context.account_streams.take_slot(self.account)
        try:
            self._context.presence.take_slot(self)
        except errors.ConnectionLimit:
            self._context.account_streams.free_slot(self.account)
            raise

    async def serve(self, subscriber: Subscriber) -> None:
        """Of the connection that was answered."""
        self.subscriber = subscriber
        subscriber.owner = self.account
        self._context.timer.add(self)
        self._begin()
        await subscriber.transport.serve(self)

    # Its begin

    def _begin(self) -> None:
        there = self._context.account_streams
        is_seen = there.status(self.account) != "offline" or not there.of(self.account)
        try:
            self._context.store.submit(streams.begin, (self.account, is_seen), self._begun)
        except errors.ChatctlError as refusal:
            self._refuse(refusal)

    def _begun(self, outcome: object) -> None:
        """In log order: what follows in the log is not in what was found."""
        if self._is_gone or self.subscriber.is_finished:
            return
        try:
            if not isinstance(outcome, Subscriptions):
                assert isinstance(outcome, BaseException)
                raise outcome
            self._context.logins.check(self._admitted.token)
            self._enter(outcome)
        except Exception as error:
            self._refuse(error)

    def _refuse(self, error: Exception) -> None:
        match error:
            case errors.TokenRevoked():
                code = close_codes.BAD_TOKEN
            case errors.ChatctlError():
                code = close_codes.TRY_LATER
            case _:
                logger.error("a stream could not begin", exc_info=error)
                code = close_codes.INTERNAL_ERROR
        self.subscriber.finish(code)

    def _enter(self, found: Subscriptions) -> None:
        subscriber, now = self.subscriber, self._context.hub.published
        self.workspaces, self._home = found.workspaces, found.home
        told = views.connection_confirmed(found.home, self.account, len(found.chats), now)
        subscriber.replay([self._frames.first(told, None)])
        self._broadcaster.come(self, found.chats)
        self._is_there = True
        left = self._admitted.token.expires_at - time.time()
        self._warn_at = asyncio.get_running_loop().time() + left - WARNING_SECONDS
        if self._admitted.after is not None:
            self.hold()
            missed = self._catch_up(self._admitted.after, now)
            self._catching_up = asyncio.create_task(missed, name="resume")

    async def _catch_up(self, after: int, until: int) -> None:
        missed = CatchUp(self._context, self._broadcaster, self, self._frames.of, until)
        if not await missed.run(after):
            told = views.resync(self._home, until)
            self.subscriber.replay([self._frames.of(told, None)])
        self.go_on()

    # Inside

    def receive(self, message: bytes | None) -> None:
        """A Ping alone means anything."""
        if self.subscriber.is_finished or message is None or not self._is_in_time():
            return
        with contextlib.suppress(msgspec.DecodeError, RecursionError):
            msgspec.json.decode(message, type=_Ping)
            self.subscriber.push(views.pong(times.now()))

    def _is_in_time(self) -> bool:
        """False for a frame above INBOUND_FRAMES_PER_SECOND: the connection is closed."""
        limit = self._context.settings.inbound_frames_per_second
        if not limit:
            return True
        full_at = token_bucket.full_again(self._full_at, time.monotonic_ns() // 1000, limit)
        if full_at is None:
            self.subscriber.finish(close_codes.TOO_FAST)
            return False
        self._full_at = full_at
        return True

    def check(self, now: float) -> None:
        """Called by the timer. The end of the token ends nothing: who has none any more cannot
        come back."""
        self.subscriber.check(now)
        if self._warn_at is not None and now >= self._warn_at:
            self._warn_at = None
            expires_at = self._admitted.token.expires_at * times.SECOND
            self._tell(views.token_expiring(self._home, expires_at))

    def _tell(self, told: Told) -> None:
        self.subscriber.push_frame(self._frames.of(told, None))

    # Its end

    def disconnected(self) -> None:
        self._is_gone = True
        if self._catching_up is not None:
            self._catching_up.cancel()
        if self._is_there:
            self._is_there = False
            self._broadcaster.go(self)

    def ended(self) -> None:
        self._context.timer.discard(self)
        self._context.presence.free_slot(self)
        self._context.account_streams.free_slot(self.account)
