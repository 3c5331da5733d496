"""Passwords are hashed in a thread of their own, one at a time: Argon2id (RFC 9106), 19 MiB.

Addresses take turns, so that whoever sends many passwords waits behind nobody but themselves.
What is more than 16 of an address, or 256 in all, is refused with Busy.
"""

import asyncio
import contextlib
import os
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from chatctl_server import errors

if TYPE_CHECKING:
    from argon2 import PasswordHasher

MEMORY_KIB = 19 * 1024
PASSES = 2
MOST_OF_AN_ADDRESS = 16
MOST = 256
NICENESS = 10
# Of no password that anybody has. It takes as long as a real one, so that nobody learns who has
# an account.
_NOBODYS = (
    "$argon2id$v=19$m=19456,t=2,p=1$Ds6TdLScXwUBVTRw57yprw$"
    "yngpi4/LyuqXQej0/d5QaBmjSI+coA8ZzSzsZbtjEJM"
)
_Job = tuple[Callable[[], Any], "asyncio.Future[Any]"]


class Passwords:
    """Called in the loop. The thread begins with the first password."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, "passwords", initializer=_give_way)
        self._waiting: OrderedDict[str, deque[_Job]] = OrderedDict()  # by address
        self._count = 0
        self._is_busy = False
        self._is_begun = False
        self._hasher: PasswordHasher | None = None

    async def hash(self, password: str, address: str) -> str:
        """Raises Busy."""
        return str(await self._run(lambda: self._made().hash(password), address))

    async def is_right(self, password: str, stored: str | None, address: str) -> bool:
        """``stored``: None where there is no account, or none with a password: no password is right
        then, and it takes as long. Raises Busy."""
        found = await self._run(lambda: self._verify(password, stored or _NOBODYS), address)
        return bool(found) and stored is not None

    async def close(self) -> None:
        """Whoever still waits is told Stopping."""
        for jobs in self._waiting.values():
            for _, done in jobs:
                if not done.done():
                    done.set_exception(errors.Stopping("The server stops", retry_after=5))
        self._waiting.clear()
        if self._is_begun:
            await asyncio.to_thread(self._pool.shutdown)

    async def _run(self, work: Callable[[], Any], address: str) -> Any:
        mine = self._waiting.get(address, ())
        if self._count >= MOST or len(mine) >= MOST_OF_AN_ADDRESS:
            raise errors.Busy("Too many passwords are waiting to be checked", retry_after=1)
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(address, deque()).append((work, done))
        self._count += 1
        self._next()
        return await done

    def _next(self) -> None:
        """The oldest one of the address whose turn it is; it goes to the end of the row then."""
        if self._is_busy or not self._waiting:
            return
        address, jobs = self._waiting.popitem(last=False)
        work, done = jobs.popleft()
        if jobs:
            self._waiting[address] = jobs
        self._count -= 1
        if done.done():  # who asked has gone away
            self._next()
            return
        self._is_busy = self._is_begun = True
        asked = asyncio.get_running_loop().run_in_executor(self._pool, work)
        asked.add_done_callback(lambda asked: self._finish(asked, done))

    def _finish(self, asked: "asyncio.Future[Any]", done: "asyncio.Future[Any]") -> None:
        self._is_busy = False
        error = asked.exception()
        if not done.done():
            if error is None:
                done.set_result(asked.result())
            else:
                done.set_exception(error)
        self._next()

    def _made(self) -> "PasswordHasher":
        """In the thread: most commands hash nothing, and would pay for the import."""
        if self._hasher is None:
            from argon2 import PasswordHasher

            self._hasher = PasswordHasher(PASSES, MEMORY_KIB, 1)
        return self._hasher

    def _verify(self, password: str, stored: str) -> bool:
        from argon2.exceptions import VerifyMismatchError

        try:
            return self._made().verify(stored, password.encode("utf-8", "replace"))
        except VerifyMismatchError:
            return False


def _give_way() -> None:
    """A hash takes a core for tens of milliseconds, and chatting goes before it."""
    with contextlib.suppress(OSError, AttributeError):  # of threads: Linux alone
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
