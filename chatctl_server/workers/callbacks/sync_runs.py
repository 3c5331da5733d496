"""How many deliveries of each sync are outstanding, so that its end can be told in the log."""

import logging

logger = logging.getLogger("chatctl.sync")
MOST = 1000  # syncs under way; older ones are forgotten, and end without a word


class SyncRuns:
    """By the offset of the request. Only of this process: after a restart no end is told."""

    def __init__(self) -> None:
        self._outstanding: dict[int, int] = {}
        self._is_planned: set[int] = set()

    def planned(self, offset: int, count: int, *, is_all: bool) -> None:
        self._outstanding[offset] = self._outstanding.get(offset, 0) + count
        if is_all:
            self._is_planned.add(offset)
        while len(self._outstanding) > MOST:
            oldest = next(iter(self._outstanding))
            self._forget(oldest)
        self._tell(offset)

    def finished(self, offset: int) -> None:
        """One of its deliveries has arrived, or failed."""
        if offset in self._outstanding:
            self._outstanding[offset] -= 1
            self._tell(offset)

    def _tell(self, offset: int) -> None:
        if offset in self._is_planned and self._outstanding[offset] <= 0:
            self._forget(offset)
            logger.info("完成所有房间的定时同步 (all rooms were synced)", extra={"offset": offset})

    def _forget(self, offset: int) -> None:
        self._outstanding.pop(offset, None)
        self._is_planned.discard(offset)
