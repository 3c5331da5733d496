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

    async def look() -> None:
        nonlocal forgets_at
        for each in agents.gone(loop.time()):
            await store.write(actions.release, each, agents.there())
        while await store.read(support_conversations.due, times.now(), 1):
            await store.write(actions.wake_due, agents.there())
        if loop.time() >= forgets_at:
            while await store.write(customers.forget_tokens):
                pass
            forgets_at = loop.time() + TOKENS_SECONDS

    await every(INTERVAL_SECONDS, lambda: insist("the desk's clock", look))
