"""What the hub serves: one connection, its position in the log, and what it alone is owed."""

import asyncio
import logging
from collections.abc import Callable, Hashable, Iterable
from typing import TYPE_CHECKING

from chatctl_server.domain import close_codes
from chatctl_server.live.traffic import EvictionReason, Traffic
from chatctl_server.live.transports import Transport

if TYPE_CHECKING:
    from chatctl_server.live.channels import Channel, Entry

logger = logging.getLogger("chatctl.rooms")

MAX_OWN_BYTES = 1024 * 1024
STALLED_SECONDS = 10.0
_EVICTIONS: dict[int, EvictionReason] = {
    close_codes.TOO_SLOW: "too_slow",
    close_codes.TOO_FAST: "too_fast",
}


class Subscriber:
    """``position``: the offset up to which it was written everything of its channels.

    It listens to one ``channel`` or, with ``pending``, to many, those of ``keys``. ``view``: which
    frame of an entry it is shown. ``owner``: whose it is, to leave them out of a signal.
    ``own``: frames for it alone (answers, signals), which go out with the next write.
    While the client does not read it is paused: its position stands, and nothing is queued.
    ``is_catching_up``: it is written only what is replayed, and what happens meanwhile waits.
    ``expires_at``: when it is closed, by the loop's time in seconds. ``written``: bytes, in all.
    """

    __slots__ = (
        "_drained",
        "_is_stalled_at",
        "_left_bytes",
        "_own_bytes",
        "_serve",
        "_traffic",
        "_wake",
        "channel",
        "expires_at",
        "is_catching_up",
        "is_finished",
        "is_owed",
        "is_paused",
        "keys",
        "own",
        "owner",
        "pending",
        "pending_bytes",
        "position",
        "transport",
        "view",
        "written",
    )

    def __init__(
        self,
        transport: Transport,
        view: str,
        wake: Callable[["Subscriber"], None],
        serve: Callable[..., None],
        traffic: Traffic,
    ) -> None:
        self.transport = transport
        self.view = view
        self.position = 0
        self.channel: Channel | None = None
        self.own: list[bytes] = []
        self.pending: list[tuple[Entry, str]] = []
        self.pending_bytes = 0
        self.keys: set[Hashable] | None = None  # most listen to one channel
        self.owner: Hashable = None
        self.is_owed = False
        self.is_paused = False
        self.is_catching_up = False
        self.is_finished = False
        self.expires_at: float | None = None
        self._wake = wake
        self._serve = serve
        self._traffic = traffic
        self._own_bytes = 0
        self.written = 0
        self._drained: asyncio.Event | None = None
        self._is_stalled_at: float | None = None
        self._left_bytes = 0  # how many bytes had left when it was last looked at
        transport.start(self)

    @property
    def may_be_written(self) -> bool:
        return not (self.is_paused or self.is_catching_up)

    def push(self, payload: bytes, offset: int | None = None) -> None:
        """For this connection alone; what is pushed after ``finish`` is dropped."""
        if not self.is_finished:
            self.push_frame(self.transport.frame(payload, offset))

    def push_frame(self, frame: bytes) -> None:
        """As ``push``, what is a frame of its transport already."""
        if self.is_finished:
            return
        self.own.append(frame)
        self._own_bytes += len(frame)
        if self._own_bytes > MAX_OWN_BYTES:
            self.finish(close_codes.TOO_SLOW, overtaking=True)
            return
        self._wake(self)

    def take_own(self) -> bytes:
        own = b"".join(self.own)
        self.own.clear()
        self._own_bytes = 0
        return own

    def write(self, frames: bytes) -> None:
        size = len(frames)
        self.written += size
        self._traffic.sent_bytes += size
        try:
            self.transport.write(frames)
        except Exception as error:
            self.fail(error)

    def fail(self, error: Exception) -> None:
        """Of a transport that cannot be written to: that costs nobody else anything."""
        logger.error("a connection failed", exc_info=error)
        self.is_finished = True
        self._let_go_on()
        self.transport.abort()

    def replay(self, frames: Iterable[bytes]) -> None:
        """Whole frames, at once and without a limit: the sender waits until it has ``drained``."""
        if self.is_finished:
            return
        self._serve(self, whole=True)
        joined = b"".join(frames)
        if joined:
            self.write(joined)

    async def drained(self) -> None:
        """Returns when the client may be sent more; others have had their turn meanwhile."""
        await asyncio.sleep(0)
        while self.is_paused and not self.is_finished:
            self._drained = self._drained or asyncio.Event()
            await self._drained.wait()

    def finish(self, code: int, last: bytes | None = None, *, overtaking: bool = False) -> None:
        """Closes after what it is owed or, overtaking, in place of it."""
        if self.is_finished:
            return
        if not overtaking:
            self.is_paused = False
            self._serve(self, whole=True)
            if self.is_finished:
                return
        self.is_finished = True
        if code in _EVICTIONS:
            self._traffic.evictions[_EVICTIONS[code]] += 1
        self.own.clear()
        self.pending.clear()
        frame = b"" if last is None else self.transport.frame(last)
        self.written += len(frame)
        self.transport.close(code, frame, overtaking=overtaking)
        self._let_go_on()

    def pause(self) -> None:
        """The transport has enough."""
        self.is_paused = True

    def resume(self) -> None:
        if self.is_paused:
            self.is_paused = False
            self._let_go_on()
            self._wake(self)

    def caught_up(self) -> None:
        """What has happened meanwhile follows."""
        self.is_catching_up = False
        self._wake(self)

    def _let_go_on(self) -> None:
        if self._drained is not None:
            self._drained.set()
            self._drained = None

    def check(self, now: float) -> None:
        """Called by the timer."""
        if self.expires_at is not None and now >= self.expires_at:
            self.finish(close_codes.TOKEN_EXPIRED)
        self.drop_if_stalled(now)

    def drop_if_stalled(self, now: float) -> None:
        """Aborts when no byte has left for 10 s though some were there."""
        if self._left_bytes == self.written and not self.is_finished:
            return
        unsent = self.transport.unsent_bytes()
        left = self.written - unsent
        if not unsent or left > self._left_bytes or self._is_stalled_at is None:
            self._left_bytes = left
            self._is_stalled_at = now if unsent else None
        elif now - self._is_stalled_at >= STALLED_SECONDS:
            logger.info("a client that does not read was dropped")
            if not self.is_finished:
                self._traffic.evictions["stalled"] += 1
            self.transport.abort()
