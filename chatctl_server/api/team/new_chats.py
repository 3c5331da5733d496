"""The chat as a whole, for whoever is added to it while they listen."""

import asyncio
import logging
from collections.abc import Sequence

from chatctl_server import errors
from chatctl_server.api.context import Context
from chatctl_server.api.team import frames
from chatctl_server.domain import close_codes
from chatctl_server.domain.references import ChatRef
from chatctl_server.live.account_streams import AccountStream
from chatctl_server.live.hub import CHANNEL_BYTES
from chatctl_server.storage import missed_events
from chatctl_server.views.team import events as views

logger = logging.getLogger("chatctl.team")
Wanted = tuple[ChatRef, int]  # a chat, and the number of its workspace


class NewChats:
    """The event names the new member alone: the chat is read from the database. Until then the
    member's streams are held. One chat after the other, and once for all who wait for it: a
    thousand may be added at once."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._waiting: dict[Wanted, list[AccountStream]] = {}
        self._reading: asyncio.Task[None] | None = None

    def tell(self, chat: ChatRef, workspace: int, streams: Sequence[AccountStream]) -> None:
        """Those of somebody who has joined it."""
        if not streams:
            return
        for each in streams:
            each.hold()
        self._waiting.setdefault((chat, workspace), []).extend(streams)
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._run(), name="new chats")

    def stop(self) -> None:
        if self._reading is not None:
            self._reading.cancel()

    async def _run(self) -> None:
        while self._waiting:
            wanted = next(iter(self._waiting))
            streams = self._waiting.pop(wanted)
            try:
                await self._show(*wanted, streams)
            except Exception as error:  # they come back, and read it in a resume
                if not isinstance(error, errors.ChatctlError):
                    logger.exception("a new chat could not be shown")
                for each in streams:
                    each.subscriber.finish(close_codes.TRY_LATER)
            for each in streams:
                each.go_on()

    async def _show(self, chat: ChatRef, workspace: int, streams: Sequence[AccountStream]) -> None:
        hub = self._context.hub
        read = self._context.store.read_live
        found = await read(missed_events.chat_at, chat, hub.published)
        shown = frames.shown(views.new_chat(chat.id, workspace, found))
        for each in streams:
            subscriber = each.subscriber
            if chat not in (subscriber.keys or ()):  # they have left it meanwhile
                continue
            if subscriber.transport.unsent_bytes() > CHANNEL_BYTES:
                subscriber.finish(close_codes.TOO_SLOW, overtaking=True)
            subscriber.replay([hub.views.frame(shown, subscriber.view)])
