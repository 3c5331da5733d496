"""Waiting for the deliveries of a sync that was requested of a server."""

import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from chatctl.input.times import point
from chatctl.link import streams
from chatctl.link.client import Client, Json, Params
from chatctl.shell.failures import Failure

_DELIVERIES = "/management/callbacks/deliveries"
_PAGE = 1000
_PAUSE_SECONDS = 0.2
_LONGER = "chatctl sync status, or a longer --timeout"
EVENTS = {
    "data": "data_sync",
    "periodic": "periodic_sync",
    "chat_history": "chat_history_batch",
    "session_history": "session_history_batch",
}
HISTORIES = ("chat_history", "session_history")


class SyncOutcome(NamedTuple):
    """How many arrived, failed or were skipped, and are still to come."""

    delivered: int = 0
    failed: int = 0
    pending: int = 0


class SyncWatch:
    """Made before the sync is requested, so that what it adds is known by what was there."""

    def __init__(self, server: Client, kinds: Sequence[str], room_id: str | None) -> None:
        self._server = server
        self._room: dict[str, str | int] = {} if room_id is None else {"room": room_id}
        self._events = [EVENTS[kind] for kind in kinds]
        self._growing = {EVENTS[kind] for kind in kinds if kind in HISTORIES}
        self._after = streams.newest_offset(server)
        self._newest = {event: self._newest_of(event) for event in self._events}
        self._older: dict[str, set[str]] = {}
        self._fixed: dict[str, set[str]] = {}

    def wait(self, deadline: float) -> SyncOutcome:
        """Until none is pending, or the deadline of ``time.monotonic``."""
        requested_at = self._wait_for_plan(deadline)
        for event in self._events:
            self._older[event] = {each["delivery_id"] for each in self._list(event, "pending")}
        while True:
            found = {event: list(self._of(event)) for event in self._events}
            statuses = [each["status"] for group in found.values() for each in group]
            pending = statuses.count("pending")
            if not pending or time.monotonic() > deadline:
                delivered = statuses.count("delivered")
                failed = len(statuses) - delivered - pending
                failed += sum(self._failed_again(each, found, requested_at) for each in found)
                return SyncOutcome(delivered, failed, pending)
            self._pause()

    def _wait_for_plan(self, deadline: float) -> int:
        """Until the planner is past the request; its time, in Unix seconds. Raises Failure
        ``timed_out``: as long as nothing is planned nothing is pending either."""
        query: Params = {"after": self._after, "type": "sync.requested", "limit": _PAGE}
        requested = self._server.get("/management/events", query)
        target = requested[-1]["offset"]
        while not self._is_planned(target):
            if time.monotonic() > deadline:
                raise Failure("timed_out", "the server has not planned the sync yet", _LONGER)
            self._pause()
        return int(point(requested[0]["at"], 0, "at"))

    def _is_planned(self, target: int) -> bool:
        status = self._server.get("/management/status")
        lag = status["backlog"]["followers"].get("syncs")
        return lag is not None and status["last_offset"] - lag >= target

    def _of(self, event: str) -> Iterator[Json]:
        """Its deliveries: what is newer than what was there, and what of that was still pending,
        as a state that waits tells the newest. A history's next batch follows the one before it;
        states that others ask for meanwhile are theirs."""
        found = []
        older, is_new = set(self._older[event]), True
        for each in self._list(event):
            is_new = is_new and each["delivery_id"] != self._newest[event]
            if is_new or each["delivery_id"] in older:
                found.append(each)
            older.discard(each["delivery_id"])
            if not (is_new or older):
                break
        if event in self._growing:
            return iter(found)
        fixed = self._fixed.setdefault(event, {each["delivery_id"] for each in found})
        return (each for each in found if each["delivery_id"] in fixed)

    def _failed_again(self, event: str, found: dict[str, list[Json]], since: int) -> int:
        """A batch that had failed before is what a history goes on with, under its old id."""
        if event not in self._growing:
            return 0
        counted = {each["delivery_id"] for each in found[event]}
        return sum(
            each["delivery_id"] not in counted and each["finished_at"] >= since
            for each in self._list(event, "failed")
        )

    def _newest_of(self, event: str) -> str | None:
        return next((str(each["delivery_id"]) for each in self._list(event)), None)

    def _list(self, event: str, status: str | None = None) -> Iterator[Json]:
        """The newest first, without samples."""
        query = {**self._room, "event": event, "limit": _PAGE}
        if status is not None:
            query["status"] = status
        for page in self._server.pages(_DELIVERIES, query):
            yield from (each for each in page if each["mark"] != "test")

    def _pause(self) -> None:
        self._server.renew()
        time.sleep(_PAUSE_SECONDS)
