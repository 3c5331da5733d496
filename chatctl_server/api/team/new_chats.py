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
from chatctl_server.storage import missed_events
from chatctl_server.views.team import events as views

logger = logging.getLogger("chatctl.team")
ChatToShow = tuple[ChatRef, int]  # and the number of its workspace
Joined = tuple[AccountStream, int]  # at which offset


class NewChats:
    """The event names the new member alone: the chat is read from the database, and put in front of
    that event. Until then the member's streams are held, and miss signals. One chat after the
    other, and once for all who wait for it: a thousand may be added at once."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._waiting: dict[ChatToShow, list[Joined]] = {}
        self._reading: asyncio.Task[None] | None = None
        self._is_stopped = False

    def tell(
        self, chat: ChatRef, workspace: int, streams: Sequence[AccountStream], offset: int
    ) -> None:
        """Those of somebody who joins it with the event at that offset."""
        if not streams or self._is_stopped:
            return
        for each in streams:
            each.hold()
        joined = self._waiting.setdefault((chat, workspace), [])
        joined += ((each, offset) for each in streams)
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._run(), name="new chats")

    def stop(self) -> None:
        self._is_stopped = True
        if self._reading is not None:
            self._reading.cancel()

    async def _run(self) -> None:
        while self._waiting:
            wanted = next(iter(self._waiting))
            joined = self._waiting.pop(wanted)
            try:
                await self._show(*wanted, joined)
            except Exception as error:  # they come back, and read it in a resume
                if not isinstance(error, errors.ChatctlError):
                    logger.exception("a new chat could not be shown")
                for stream, _ in joined:
                    stream.subscriber.finish(close_codes.TRY_LATER)
            for stream, _ in joined:
                stream.go_on()

    async def _show(self, chat: ChatRef, workspace: int, joined: Sequence[Joined]) -> None:
        hub = self._context.hub
        read = self._context.store.read_live
        found = await read(missed_events.chat_at, chat, hub.published)
        shown = frames.shown(views.new_chat(chat.id, workspace, found))
        for stream, offset in joined:
            subscriber = stream.subscriber
            if chat in (subscriber.keys or ()):  # they have not left it meanwhile
                view = subscriber.view
                hub.put_before(subscriber, offset, {view: hub.views.frame(shown, view)})
