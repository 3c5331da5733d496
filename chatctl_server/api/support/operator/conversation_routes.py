"""Support conversations, as an operator sees and changes them."""

from typing import Annotated, Any

import msgspec
from litestar import Controller, Response, get, patch
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import UNSET, UnsetType

from chatctl_server import errors
from chatctl_server.actions import support as actions
from chatctl_server.api import caller
from chatctl_server.api.context import GivenContext
from chatctl_server.api.parameters import AnyRequest
from chatctl_server.api.reach import REACH, OnlyWorkspace, Reach, narrowed
from chatctl_server.api.support import target as targets
from chatctl_server.api.support.conversation_bodies import microseconds
from chatctl_server.api.support.conversation_routes import (
    Assignee,
    Cursor,
    Customer,
    Shop,
    Site,
    Text,
    Word,
    listed,
)
from chatctl_server.api.support.operator import people
from chatctl_server.api.support.target import TargetConversation
from chatctl_server.domain import support
from chatctl_server.domain.events import Actor
from chatctl_server.domain.references import SupportRef
from chatctl_server.domain.support import Person
from chatctl_server.storage import support_conversations
from chatctl_server.storage.support_conversations import ConversationFilter
from chatctl_server.storage.transaction import Tx
from chatctl_server.views.fields import means
from chatctl_server.views.support.conversations import DeskConversation
from chatctl_server.views.support.fields import CONVERSATION

PATH = "/management/conversations"
Beginning = Annotated[
    str, means("The conversation: its id, or the first 13 characters of it, or more", CONVERSATION)
]
OF_ONE = (errors.ConversationNotFound, errors.Ambiguous)


class ChangeConversation(msgspec.Struct, frozen=True):
    """What is left out stays."""

    status: Annotated[str, means("`open`, `snoozed` or `closed`", "closed")] | None = None
    until: (
        Annotated[str, means("Until when it is snoozed, RFC 3339", "2026-01-02T00:00:00Z")] | None
    ) = None
    assignee: Annotated[
        str | UnsetType | None, means("An agent of the workspace; null: back to the queue", "u2")
    ] = UNSET
    labels: Annotated[list[str], means("All of them, at most 20", ["billing"])] | None = None
    priority: Annotated[str, means("`low`, `normal`, `high` or `urgent`", "high")] | None = None


class AnyConversation(TargetConversation):
    """Where the caller reaches its site's workspace; also by the beginning of its id."""

    find = staticmethod(support_conversations.beginning)

    def __init__(
        self,
        request: AnyRequest,
        context: GivenContext,
        reach: Reach,
        conversation_id: FromPath[Beginning],
    ) -> None:
        super().__init__(request, context, conversation_id)
        self._reach = reach

    async def who(self) -> Person:
        return await people.person(self.context, self.caller, self._reach)


Subject = NamedDependency[AnyConversation]
SUBJECT: dict[str, Any] = {**REACH, "subject": Provide(AnyConversation, sync_to_thread=False)}


class AllConversations(Controller):
    path = PATH
    tags = ("desk-operator",)
    dependencies = REACH

    @get(
        "/",
        summary="Conversations of all sites",
        response_description="Those that changed last first; the header `Link` has more",
        opt={"refuses": (errors.WorkspaceNotFound,)},
    )
    async def list_all_conversations(
        self,
        request: AnyRequest,
        context: GivenContext,
        reach: Reach,
        workspace: OnlyWorkspace = None,
        site_id: FromQuery[Site] = None,
        shop_id: FromQuery[Shop] = None,
        status: FromQuery[Word] = None,
        assignee: FromQuery[Assignee] = None,
        customer_id: FromQuery[Customer] = None,
        text: FromQuery[Text] = None,
        cursor: FromQuery[Cursor] = None,
    ) -> Response[list[DeskConversation]]:
        """Of every workspace, or of one."""
        only = narrowed(reach, workspace)
        who = await people.person(context, caller.of(request.scope), only)
        state = None if status is None else support.status_of(status)
        wanted = ConversationFilter(site_id or shop_id, state, assignee, customer_id, text)
        return await listed(context, who, wanted, cursor, PATH, {"workspace": workspace})


class AnyConversations(Controller):
    path = f"{PATH}/{{conversation_id:str}}"
    tags = ("desk-operator",)
    dependencies = SUBJECT

    @get(
        "/",
        summary="Show any conversation",
        response_description="The conversation",
        opt={"refuses": OF_ONE, "never": (errors.InvalidInput,)},
    )
    async def show_any_conversation(self, subject: Subject) -> DeskConversation:
        """By its id, or the beginning of it; where several begin so, 409."""
        return await subject.show()

    @patch(
        "/",
        summary="Change any conversation",
        response_description="The conversation as it is now",
        opt={"refuses": (*OF_ONE, errors.InvalidTransition, errors.BadText)},
    )
    async def change_any_conversation(
        self, subject: Subject, data: JSONBody[ChangeConversation]
    ) -> DeskConversation:
        """All of it or nothing. The status that it has already is no change."""
        return await subject.changed(_change, data, targets.agents(subject.context))


def _change(
    tx: Tx,
    actor: Actor,
    who: Person,
    ref: SupportRef,
    wanted: ChangeConversation,
    there: actions.Agents,
) -> None:
    """Raises InvalidTransition, InvalidInput or BadText."""
    if wanted.status is not None:
        status = support.status_of(wanted.status)
        until = None if wanted.until is None else microseconds(wanted.until, "until")
        if status == "snoozed" or status != support_conversations.get(tx.db, ref).status:
            actions.set_status(tx, actor, who, ref, status, until, there)
    elif wanted.until is not None:
        raise errors.InvalidInput("until is for snoozed alone", field="until")
    if wanted.assignee is not UNSET:
        actions.assign(tx, actor, who, ref, wanted.assignee, "assignee")
    actions.label(tx, actor, who, ref, wanted.labels, wanted.priority)
