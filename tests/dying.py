"""A server that is killed within an upload: at a line of what works on the disk, or between two
such works and the database's. ``dying_uploads`` of ``changed`` runs with this."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chatctl_server.api import uploads
from chatctl_server.storage import file_store, store

SOURCES = (file_store.__file__, uploads.__file__)


class Steps:
    """They are counted from the first upload on, in one thread at a time. Where the ``last`` is 0,
    none is, and the file ``steps`` is told how many there were."""

    def __init__(self, last: int) -> None:
        self._last = last
        self._done = 0
        self._told = Path("steps").absolute()

    @property
    def have_begun(self) -> bool:
        return self._done > 0

    def step(self) -> None:
        self._done += 1
        if self._done == self._last:
            os.kill(os.getpid(), signal.SIGKILL)
        if not self._last:
            self._told.write_text(str(self._done))

    def trace(self, frame: Any, event: str, _: Any) -> Any:
        if frame.f_code.co_filename in SOURCES and event == "line":
            self.step()
        return self.trace

    def traced(self, work: Callable[..., Any]) -> Callable[..., Any]:
        def working(*given: Any) -> Any:
            sys.settrace(self.trace)
            try:
                return work(*given)
            finally:
                sys.settrace(None)

        return working


def watch(steps: Steps) -> None:
    run, write = file_store.FileStore.run, store.Store.write

    async def watched_run(self: Any, work: Any, *given: Any) -> Any:
        if not steps.have_begun and work.__name__ != "feed":
            return await run(self, work, *given)
        steps.step()
        return await run(self, steps.traced(work), *given)

    async def watched_write(self: Any, *given: Any, **named: Any) -> Any:
        done = await write(self, *given, **named)
        if steps.have_begun:
            steps.step()
        return done

    file_store.FileStore.run = watched_run  # type: ignore[method-assign, assignment]
    store.Store.write = watched_write  # type: ignore[method-assign]
