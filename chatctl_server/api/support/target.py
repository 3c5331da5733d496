"""The conversation that a path names, for whoever asks. Who may do what, the actions decide."""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath

from chatctl_server.api import caller
from chatctl_server.api.context import Context, GivenContext
from chatctl_server.api.parameters import AnyRequest
from chatctl_server.api.support import people
from chatctl_server.domain.support import Person
from chatctl_server.storage import envelopes, support_conversations, support_messages
from chatctl_server.storage.sql import Database
from chatctl_server.storage.support_conversations import SupportConversation
from chatctl_server.views.support import conversations as views
from chatctl_server.views.support.fields import ConversationId

T = TypeVar("T")


class TargetConversation:
    find = staticmethod(support_conversations.find)

    def __init__(
        self, request: AnyRequest, context: GivenContext, conversation_id: FromPath[ConversationId]
    ) -> None:
        self.id = conversation_id
        self.context = context
        self.caller = caller.of(request.scope)

    async def who(self) -> Person:
        return await people.person_of(self.context, self.caller)

    async def run(
        self, action: Callable[..., T], *arguments: Any, who: Person | None = None, **named: Any
    ) -> T:
        """Raises ConversationNotFound."""
        store = self.context.store
        who = who or await self.who()
        ref = (await store.read_live(self.find, who, self.id)).ref
        return await store.write(action, self.caller.actor(), who, ref, *arguments, **named)

    async def show(self) -> views.DeskConversation:
        who = await self.who()
        shown = await self.context.store.read_live(self._shown, who)
        return views.conversation(shown, for_visitor=who.is_visitor)

    async def summary(self) -> views.ConversationSummary:
        who = await self.who()
        shown, count = await self.context.store.read_live(self._summary, who)
        return views.summary(shown, count, for_visitor=who.is_visitor)

    async def changed(self, action: Callable[..., Any], *arguments: Any) -> views.DeskConversation:
        await self.run(action, *arguments)
        return await self.show()

    def _shown(self, db: Database, who: Person) -> views.ShownConversation:
        return shown(db, who, self.find(db, who, self.id))

    def _summary(self, db: Database, who: Person) -> tuple[views.ShownConversation, int]:
        found = self._shown(db, who)
        count = support_messages.count(db, found.found.ref, with_private=not who.is_visitor)
        return found, count


Target = NamedDependency[TargetConversation]
TARGET = {"target": Provide(TargetConversation, sync_to_thread=False)}


def shown(db: Database, who: Person, found: SupportConversation) -> views.ShownConversation:
    last = support_messages.last(db, found.ref, with_private=not who.is_visitor)
    if who.is_visitor:  # what agents do among themselves is nothing that happened
        at = envelopes.last_public_at(db, found.ref) or found.created_at
        found = msgspec.structs.replace(found, updated_at=at)
    return views.ShownConversation(found, last)


def agents(context: Context) -> tuple[str, ...]:
    """Who is there, for sites that assign by themselves."""
    return context.desk_agents.there()
