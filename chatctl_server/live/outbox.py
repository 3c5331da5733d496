"""What one connection is still to be sent: bounded, and never waited for by the hub."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import NamedTuple

from chatctl_server.domain import close_codes

logger = logging.getLogger("chatctl.rooms")

MAX_UNSENT_BYTES = 1024 * 1024
STALLED_SECONDS = 10.0
GONE = 1006  # never sent: the connection is lost


class Frame(NamedTuple):
    """Of UTF-8 text, of ``size`` bytes: decoded once, however many it is sent to."""

    text: str
    size: int
    offset: int = 0  # of the event that it tells of


def frame(data: bytes, offset: int = 0) -> Frame:
    return Frame(data.decode(), len(data), offset)


class Outbox:
    """A queue of text frames and the loop that sends them.

    Above 1 MiB of unsent frames the queue is given up and the connection closed with 4008; a
    connection whose bytes stop leaving for 10 s is aborted.
    """

    def __init__(
        self,
        send: Callable[[str], Awaitable[None]],
        close: Callable[[int], Awaitable[None]],
        abort: Callable[[], None],
        unsent_bytes: Callable[[], int],
    ) -> None:
        self._send = send
        self._close = close
        self._abort = abort
        self._unsent_bytes = unsent_bytes
        self._frames: deque[Frame] = deque()
        self._replayed = 0  # of the size, what came by replay since the queue was last empty
        self._size = 0  # of the frames queued and of the one being sent
        self._close_code: int | None = None
        self._sending_since: float | None = None
        self._stalled_bytes = 0  # unsent when the send began, or when last looked at
        self._wake = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def is_finished(self) -> bool:
        return self._close_code is not None

    def push(self, data: bytes) -> None:
        """For this connection alone; what is pushed after ``finish`` is dropped."""
        pushed = frame(data)
        self.extend((pushed,), pushed.size)

    def extend(self, frames: Iterable[Frame], size: int) -> None:
        """``size`` is the frames' bytes together."""
        if self._close_code is not None:
            return
        if self._size - self._replayed > MAX_UNSENT_BYTES:
            self.finish(close_codes.TOO_SLOW, overtaking=True)
            return
        self._frames.extend(frames)
        self._size += size
        self._empty.clear()
        self._wake.set()

    def replay(self, found: Sequence[bytes]) -> None:
        """As ``extend``, for what the sender waits to be drained of: it has no limit."""
        frames = [frame(data) for data in found]
        size = sum(each.size for each in frames)
        self._replayed += size
        self.extend(frames, size)

    def finish(self, code: int, last: bytes | None = None, *, overtaking: bool = False) -> None:
        """Closes after what is queued or, overtaking, in place of it."""
        if self._close_code is not None:
            return
        if overtaking:
            self._frames.clear()
        if last is not None:
            self._frames.append(frame(last))
        self._close_code = code
        self._wake.set()

    async def drained(self) -> None:
        """Returns when everything so far is with the transport."""
        await self._empty.wait()

    async def run(self) -> None:
        """Sends until ``finish`` or until the connection is gone."""
        try:
            while True:
                await self._send_queued()
                if self._close_code is not None:
                    await self._timed(self._close(self._close_code))
                    return
                self._replayed = 0
                self._empty.set()
                await self._wake.wait()
                self._wake.clear()
        except (OSError, RuntimeError) as error:
            # uvicorn's words for "the peer is gone" and "the server has closed it meanwhile"
            logger.debug("sending ended: %s", error)
        finally:
            self._close_code = self._close_code or GONE
            self._frames.clear()
            self._empty.set()

    async def _send_queued(self) -> None:
        while self._frames:
            sent = self._frames.popleft()
            await self._timed(self._send(sent.text))
            self._size = max(0, self._size - sent.size)

    async def _timed(self, sending: Awaitable[None]) -> None:
        self._sending_since = asyncio.get_running_loop().time()
        self._stalled_bytes = self._unsent_bytes()
        await sending
        self._sending_since = None

    def drop_if_stalled(self, now: float) -> None:
        """Called now and then: aborts when a send has waited for 10 s without a byte leaving."""
        if self._sending_since is None or now - self._sending_since < STALLED_SECONDS:
            return
        unsent = self._unsent_bytes()
        if unsent >= self._stalled_bytes:
            logger.info("a client that does not read was dropped")
            self._abort()
        self._stalled_bytes = unsent
        self._sending_since = now
