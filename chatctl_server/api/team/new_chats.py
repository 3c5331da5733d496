"""The chat as a whole, for whoever is added to it while they listen."""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from chatctl_server import errors
from chatctl_server.api.context import Context
from chatctl_server.api.team import frames
from chatctl_server.domain import close_codes, events
from chatctl_server.live.account_streams import AccountStream
from chatctl_server.live.hub import CHANNEL_BYTES
from chatctl_server.storage import missed_events
from chatctl_server.views.team import events as views

logger = logging.getLogger("chatctl.team")


class _Join(NamedTuple):
    """Of the account of these streams."""

    streams: Sequence[AccountStream]
    entry: events.Event
    workspace: int


class NewChats:
    """The event names the new member alone: the chat is read from the database. Until then the
    member's streams are held. One join after the other: a thousand may come at once."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._joins: deque[_Join] = deque()
        self._reading: asyncio.Task[None] | None = None

    def tell(self, streams: Sequence[AccountStream], entry: events.Event, workspace: int) -> None:
        """All of one account, whose joining the event is."""
        if not streams:
            return
        for each in streams:
            each.hold()
        self._joins.append(_Join(streams, entry, workspace))
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._run(), name="new chats")

    def stop(self) -> None:
        if self._reading is not None:
            self._reading.cancel()

    async def _run(self) -> None:
        while self._joins:
            join = self._joins.popleft()
            try:
                await self._show(join)
            except Exception as error:  # they come back, and read it in a resume
                if not isinstance(error, errors.ChatctlError):
                    logger.exception("a new chat could not be shown")
                for each in join.streams:
                    each.subscriber.finish(close_codes.TRY_LATER)
            for each in join.streams:
                each.go_on()

    async def _show(self, join: _Join) -> None:
        store, entry = self._context.store, join.entry
        account = join.streams[0].account
        joined = await store.read_live(missed_events.joined, account, entry.offset)
        if joined is None:
            return
        told = views.new_chat(entry.conversation or 0, join.workspace, joined)
        shown = frames.shown(told)
        for each in join.streams:
            subscriber = each.subscriber
            if subscriber.transport.unsent_bytes() > CHANNEL_BYTES:
                subscriber.finish(close_codes.TOO_SLOW, overtaking=True)
            subscriber.replay([self._context.hub.views.frame(shown, subscriber.view)])
