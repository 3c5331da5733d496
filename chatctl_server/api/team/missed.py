"""What the stream of an account has missed: from its place in the log to where it began to listen.

What happens meanwhile waits with its subscriber: so there is no gap and no repeat at the seam,
however its chats change.
"""

import asyncio
import logging

from chatctl_server import errors
from chatctl_server.api.context import Context
from chatctl_server.api.team.broadcaster import TeamBroadcaster
from chatctl_server.api.team.frames import FrameOf
from chatctl_server.live.account_streams import AccountStream
from chatctl_server.live.resume import LIMIT_SECONDS
from chatctl_server.storage import missed_events
from chatctl_server.storage.missed_events import MissedEvent, MissedPage
from chatctl_server.views.team import events as views

logger = logging.getLogger("chatctl.team")


class CatchUp:
    """``until``: where it began to listen. Raises nothing: of what cannot be told, ``run`` says
    only that."""

    def __init__(
        self,
        context: Context,
        broadcaster: TeamBroadcaster,
        stream: AccountStream,
        frame: FrameOf,
        until: int,
    ) -> None:
        self._context = context
        self._broadcaster = broadcaster
        self._stream = stream
        self._frame = frame
        self._until = until

    async def run(self, after: int) -> bool:
        """False when it cannot be told."""
        try:
            async with asyncio.timeout(LIMIT_SECONDS):
                await self._check(after)
                await self._replay(after)
        except (errors.ChatctlError, TimeoutError) as refusal:
            logger.info("a stream reads anew: %s", refusal)
            return False
        except Exception:
            logger.exception("a resume failed")
            return False
        return True

    async def _check(self, after: int) -> None:
        """Raises ResyncRequired."""
        limit = self._context.settings.resume_limit
        if after > self._until:
            raise errors.ResyncRequired(f"The log has no event {after} yet")
        missed = await self._context.store.read_live(
            missed_events.count, self._stream.account, after, self._until, limit + 1
        )
        if missed > limit:
            raise errors.ResyncRequired(f"More than {limit} events are too many to replay")

    async def _replay(self, after: int) -> None:
        subscriber = self._stream.subscriber
        while after < self._until and not subscriber.is_finished:
            page = await self._read(after)
            subscriber.replay([frame for each in page.entries for frame in self._frames(each)])
            after = page.offset
            await subscriber.drained()

    async def _read(self, after: int) -> MissedPage:
        """Again when something was deleted meanwhile, which may be on the page."""
        while True:
            erasures = self._broadcaster.erasures
            page = await self._context.store.read_live(
                missed_events.page, self._stream.account, after, self._until
            )
            if erasures == self._broadcaster.erasures:
                return page

    def _frames(self, missed: MissedEvent) -> list[bytes]:
        """The same as live."""
        entry, workspace, joined = missed
        shown = []
        if joined is not None:
            told = views.new_chat(entry.conversation or 0, workspace, joined)
            shown.append(self._frame(told, None))
        event = views.of_event(entry, workspace)
        if event is not None:
            shown.append(self._frame(event, entry.offset))
        return shown
