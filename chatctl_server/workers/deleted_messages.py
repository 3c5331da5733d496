"""The clock that erases messages of chats and of the desk that were deleted long ago."""

import contextlib

from chatctl_server import errors
from chatctl_server.actions import messages as actions
from chatctl_server.domain import events, times
from chatctl_server.storage import messages
from chatctl_server.storage.store import Store
from chatctl_server.workers.clock import every, insist

INTERVAL_SECONDS = 3600.0
A_STEP = 100  # messages


async def run(store: Store, days: int) -> None:
    """``days``: how long a deleted text is kept; 0: for ever."""

    async def look() -> None:
        await erase(store, days, times.now())

    await every(INTERVAL_SECONDS, lambda: insist("erasing deleted messages", look))


async def erase(store: Store, days: int, now: int) -> None:
    before = now - days * 24 * 3600 * times.SECOND
    while days and (found := await store.read(messages.deleted_before, before, A_STEP)):
        for ref, message_id in found:
            with contextlib.suppress(errors.NotFound):  # it went with its conversation
                await store.write(actions.erase, events.SERVER, ref, message_id)
