"""The clock of the support desk: snoozed conversations wake, those of agents who went away go to
others, and visitors' tokens that are over are forgotten."""

import asyncio

from chatctl_server.actions import customers
from chatctl_server.actions import support as actions
from chatctl_server.domain import times
from chatctl_server.live.desk_agents import DeskAgents
from chatctl_server.storage import support_conversations
from chatctl_server.storage.store import Store
from chatctl_server.workers.clock import every, insist

INTERVAL_SECONDS = 1.0
TOKENS_SECONDS = 3600.0


async def run(store: Store, agents: DeskAgents) -> None:
    loop = asyncio.get_running_loop()
    forgets_at = loop.time()
    away: list[str] = []
    agents.begin(await store.read(support_conversations.assignees), loop.time())

    async def look() -> None:
        nonlocal forgets_at
        away.extend(agents.gone(loop.time()))
        while away:
            await _release(store, agents, away[0])
            del away[0]  # now, in case that it was refused
        while await store.read(support_conversations.due, times.now(), 1):
            await store.write(actions.wake_due, agents.there())
        if loop.time() >= forgets_at:
            while await store.write(customers.forget_tokens):
                pass
            forgets_at = loop.time() + TOKENS_SECONDS

    await every(INTERVAL_SECONDS, lambda: insist("the desk's clock", look))


async def _release(store: Store, agents: DeskAgents, agent: str) -> None:
    """Until they come back, or have nothing any more."""
    while agent not in (there := agents.there()):
        if await store.write(actions.release, agent, there) < actions.A_STEP:
            break
