"""Who the server is told one is, and where the next token comes from."""

import asyncio
from collections.abc import Awaitable, Callable

TokenSource = Callable[[], Awaitable[str]]
"""Makes or fetches a new token, whenever the server does not take the last one any more."""


class Token:
    """``given``: the token itself, or what gives one."""

    def __init__(self, given: str | TokenSource | None, source: TokenSource | None = None) -> None:
        self._current = given if isinstance(given, str) else None
        self._source = source if given is None or isinstance(given, str) else given
        self._unproven: str | None = None
        self._renewing = asyncio.Lock()

    async def current(self) -> str | None:
        """None: there is none to show."""
        if self._current is None and self._source is not None:
            await self.renew(None)
        return self._current

    def accepted(self) -> None:
        self._unproven = None

    async def renew(self, refused: str | None) -> bool:
        """False: there is no other one to show than the one that was ``refused``. One that was
        renewed and is refused at once is not renewed again: it would go on for ever."""
        async with self._renewing:
            if self._current != refused:
                return True
            if self._source is None or (refused is not None and refused == self._unproven):
                return False
            self._current = await self._source()
            self._unproven = self._current if refused is not None else None
            return True
