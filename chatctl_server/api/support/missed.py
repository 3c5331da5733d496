"""What a connection to the desk has missed: Replay, up to where it began to listen.

What happens meanwhile waits with its subscriber: so there is no gap and no repeat at the seam.
"""

from typing import TYPE_CHECKING

from chatctl_server.api.context import Context
from chatctl_server.api.support.broadcaster import SupportBroadcaster
from chatctl_server.domain.support import Person
from chatctl_server.live import wire
from chatctl_server.storage import envelopes
from chatctl_server.storage.envelopes import EnvelopeFilter, EnvelopePage
from chatctl_server.storage.sql import Database
from chatctl_server.views.support import envelopes as views

if TYPE_CHECKING:
    from chatctl_server.api.support.connection import DeskConnection

A_PAGE = 200


class DeskCatchUp:
    """``until``: where it began to listen."""

    def __init__(
        self,
        context: Context,
        broadcaster: SupportBroadcaster,
        connection: "DeskConnection",
        until: int,
    ) -> None:
        self._context = context
        self._broadcaster = broadcaster
        self._connection = connection
        self._subscriber = connection.subscriber
        self._until = until

    async def run(self, since: str) -> None:
        """From an unknown one on, from the oldest."""
        after = await self._context.store.read_live(envelopes.position, since) or 0
        while after < self._until and not self._subscriber.is_finished:
            page = await self._read(after)
            shown = (views.of_event(entry, site) for entry, site in page.found)
            self._subscriber.replay([wire.text_frame(each) for each in shown if each is not None])
            after = page.looked_to
            await self._subscriber.drained()

    async def _read(self, after: int) -> EnvelopePage:
        """Again when something was erased meanwhile, which may be on the page."""
        while True:
            erasures = self._broadcaster.erasures
            who = self._connection.person  # as it is by now: a role may have been taken away
            assert who is not None
            page = await self._context.store.read_live(_page, who, after, self._until)
            if erasures == self._broadcaster.erasures:
                return page


def _page(db: Database, who: Person, after: int, until: int) -> EnvelopePage:
    found = envelopes.page(db, who, EnvelopeFilter(), after, A_PAGE)
    told = [each for each in found.found if each.entry.offset <= until]
    return found._replace(found=told)
