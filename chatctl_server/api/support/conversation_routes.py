"""Support conversations: opened, listed, changed."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, NamedTuple

from litestar import Controller, Response, get, post, put
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromQuery, JSONBody, QueryParameter
from litestar.types.internal_types import PathParameterDefinition

from chatctl_server import errors
from chatctl_server.actions import customers
from chatctl_server.actions import support as actions
from chatctl_server.api import caller
from chatctl_server.api.context import Context, GivenContext
from chatctl_server.api.parameters import AnyRequest, OptionalBody, paged
from chatctl_server.api.support import people
from chatctl_server.api.support import target as targets
from chatctl_server.api.support.conversation_bodies import (
    OpenConversation,
    Rate,
    SetAssignee,
    SetLabels,
    SetPriority,
    SetStatus,
)
from chatctl_server.api.support.target import TARGET, Target
from chatctl_server.domain import support
from chatctl_server.domain.events import Actor
from chatctl_server.domain.support import Person
from chatctl_server.storage import sites, support_conversations
from chatctl_server.storage.sql import Database
from chatctl_server.storage.support_conversations import (
    PAGE,
    ConversationFilter,
    ConversationPlace,
)
from chatctl_server.storage.transaction import Tx
from chatctl_server.views.fields import means
from chatctl_server.views.support import conversations as views
from chatctl_server.views.support.conversations import DeskConversation
from chatctl_server.views.support.fields import CUSTOMER

Site = Annotated[str | None, means("Only of this site", "default")]
Shop = Annotated[str | None, means("The same as `site_id`", "default")]
Word = Annotated[str | None, means("Only with this status", "open")]
Assignee = Annotated[str | None, means("Only this agent's; `none`: nobody's", "u2")]
Customer = Annotated[str | None, means("Only of this customer", CUSTOMER)]
Text = Annotated[
    str | None,
    QueryParameter(name="q"),
    means("In a message, or in the customer's name or e-mail", "refund"),
]
Cursor = Annotated[
    str | None,
    means("Where the next page begins; comes from the header `Link`", "1767225600000000-7"),
]
KNOWN = ResponseSpec(
    DeskConversation, generate_examples=False, description="The one that the visitor has already"
)
STEPS = 30  # of one request
ONE: dict[str, Any] = {"refuses": (errors.ConversationNotFound,)}
AGENTS: dict[str, Any] = {"refuses": (errors.ConversationNotFound, errors.NotAllowed)}


class ShownPage(NamedTuple):
    """``goes_on``: behind which there may be others."""

    found: list[views.ShownConversation]
    goes_on: ConversationPlace | None


def _list_id(_: object, __: object, path: list[str | PathParameterDefinition]) -> str:
    """One path ends with the other."""
    return "search_conversations" if path[-1] == "search" else "list_conversations"


class Conversations(Controller):
    path = "/api/conversations"
    tags = ("desk",)

    @get(
        ["/", "/search"],
        operation_id=_list_id,
        summary="Conversations",
        response_description="Those that changed last first; the header `Link` has more",
        opt={"refuses": (errors.NotAllowed,)},
    )
    async def list_conversations(
        self,
        request: AnyRequest,
        context: GivenContext,
        site_id: FromQuery[Site] = None,
        shop_id: FromQuery[Shop] = None,
        status: FromQuery[Word] = None,
        assignee: FromQuery[Assignee] = None,
        customer_id: FromQuery[Customer] = None,
        text: FromQuery[Text] = None,
        cursor: FromQuery[Cursor] = None,
    ) -> Response[list[DeskConversation]]:
        """An agent sees those of all sites of the workspace, a visitor their own."""
        who = await people.person(context, request.scope)
        site, state = site_id or shop_id, None if status is None else support.status_of(status)
        if who.is_visitor and assignee is not None:
            raise errors.NotAllowed("Whose conversation it is, agents are told")
        wanted = ConversationFilter(site, state, assignee, customer_id, text)
        return await listed(context, who, wanted, cursor, "/api/conversations")

    @post(
        "/",
        status_code=201,
        summary="Open a conversation",
        response_description="The new conversation",
        responses={200: KNOWN},
        request_class=OptionalBody,
        opt={
            "refuses": (
                errors.NotAllowed,
                errors.SiteNotFound,
                errors.CustomerNotFound,
                errors.Banned,
                errors.BadText,
            )
        },
    )
    async def open_conversation(
        self,
        request: AnyRequest,
        context: GivenContext,
        data: JSONBody[OpenConversation | None] = None,
    ) -> Response[DeskConversation]:
        """By an agent always a new one. A visitor who has one on the site that is not closed gets
        that one."""
        who = await people.person(context, request.scope)
        wanted = data or OpenConversation()
        made = await context.store.write(
            _open, caller.of(request.scope).actor(), who, wanted, targets.agents(context)
        )
        shown = await context.store.read_live(targets.shown, who, made.found)
        return Response(
            views.conversation(shown, for_visitor=who.is_visitor),
            status_code=201 if made.is_new else 200,
        )


class OneConversation(Controller):
    path = "/api/conversations/{conversation_id:str}"
    tags = ("desk",)
    dependencies = TARGET

    @get("/", summary="A conversation", response_description="The conversation", opt=ONE)
    async def show_conversation(self, target: Target) -> DeskConversation:
        """As it is now."""
        return await target.show()

    @get("/summary", summary="A conversation in short", response_description="In short", opt=ONE)
    async def summarize_conversation(self, target: Target) -> views.ConversationSummary:
        """With the text of its newest message, and how many there are."""
        return await target.summary()

    @put(
        "/status",
        summary="Close, snooze or reopen a conversation",
        response_description="The conversation as it is now",
        opt={
            "refuses": (
                errors.ConversationNotFound,
                errors.NotAllowed,
                errors.InvalidTransition,
            )
        },
    )
    async def set_conversation_status(
        self, target: Target, data: JSONBody[SetStatus]
    ) -> DeskConversation:
        """Open to snoozed or closed, snoozed to all, closed to open. Snoozed until a time it
        reopens by itself, or at the customer's next message. A visitor may close their own."""
        status = support.status_of(data.status)
        there = targets.agents(target.context)
        return await target.changed(actions.set_status, status, data.until_microseconds(), there)

    @put(
        "/assignee",
        summary="Assign a conversation",
        response_description="The conversation as it is now",
        opt=AGENTS,
    )
    async def assign_conversation(
        self, target: Target, data: JSONBody[SetAssignee]
    ) -> DeskConversation:
        """To an agent of the site's workspace, or back to the queue."""
        return await target.changed(actions.assign, data.assignee_id)

    @put(
        "/labels",
        summary="Label a conversation",
        response_description="The conversation as it is now",
        opt={"refuses": (*AGENTS["refuses"], errors.BadText)},
    )
    async def label_conversation(
        self, target: Target, data: JSONBody[SetLabels]
    ) -> DeskConversation:
        """Instead of the labels that it has."""
        return await target.changed(actions.label, data.labels)

    @put(
        "/priority",
        summary="Set a conversation's priority",
        response_description="The conversation as it is now",
        opt=AGENTS,
    )
    async def set_conversation_priority(
        self, target: Target, data: JSONBody[SetPriority]
    ) -> DeskConversation:
        """`normal` unless set."""
        return await target.changed(actions.label, None, data.priority)

    @post(
        "/rating",
        status_code=200,
        summary="Rate a conversation",
        response_description="The conversation as it is now",
        opt={"refuses": (*AGENTS["refuses"], errors.Conflict, errors.BadText)},
    )
    async def rate_conversation(self, target: Target, data: JSONBody[Rate]) -> DeskConversation:
        """By its customer, once for each time that it was closed."""
        return await target.changed(actions.rate, data.score, data.comment)


def _open(
    tx: Tx, actor: Actor, who: Person, wanted: OpenConversation, there: tuple[str, ...]
) -> actions.OpenedConversation:
    """For whom, on which site. Raises SiteNotFound, CustomerNotFound, or Banned."""
    if who.is_visitor:
        site = sites.of_scope(tx.db, who.only_site or 0)
        if site is None or wanted.site not in (None, site.id, site.key):
            raise errors.SiteNotFound(f"There is no site {wanted.site}", field="site_id")
        return actions.open_conversation(tx, actor, who, site.ref, who.id, there)
    site = sites.find(tx.db, who.roles, wanted.site or sites.DEFAULT)
    if who.only_site not in (None, site.ref.scope):
        raise errors.SiteNotFound(f"There is no site {wanted.site}", field="site_id")
    customer = wanted.customer_id or customers.create(tx, actor, site.ref, wanted.customer_name)
    return actions.open_conversation(tx, actor, who, site.ref, customer, there)


async def listed(
    context: Context,
    who: Person,
    wanted: ConversationFilter,
    cursor: str | None,
    path: str,
    more: Mapping[str, Any] = MappingProxyType({}),
) -> Response[list[DeskConversation]]:
    """``more``: what else was asked for. Raises InvalidInput for what is no cursor."""
    place: ConversationPlace | None = _place(cursor)
    found: list[views.ShownConversation] = []
    # A page is as long as it may be, also of what is rare; a text is looked for in one step.
    for _ in range(STEPS if wanted.text is None else 1):
        if place is not None and len(found) < PAGE:
            page = await context.store.read(_page, who, wanted, place, PAGE - len(found))
            found += page.found
            place = page.goes_on
    following = None
    if place is not None:
        following = {
            "site_id": wanted.site,
            "status": wanted.status,
            "assignee": wanted.assignee,
            "customer_id": wanted.customer,
            "q": wanted.text,
            **more,
            "cursor": f"{place.updated_at}-{place.conversation}",
        }
    shown = [views.conversation(each, for_visitor=who.is_visitor) for each in found]
    return paged(shown, path, following)


def _page(
    db: Database, who: Person, wanted: ConversationFilter, after: ConversationPlace, limit: int
) -> ShownPage:
    page = support_conversations.page(db, who, wanted, after, limit)
    return ShownPage([targets.shown(db, who, each) for each in page.found], page.goes_on)


_CURSOR = re.compile("[0-9]{1,18}-[0-9]{1,18}")


def _place(cursor: str | None) -> ConversationPlace:
    """Raises InvalidInput."""
    if cursor is None:
        return ConversationPlace()
    updated_at, _, conversation = cursor.partition("-")
    if not _CURSOR.fullmatch(cursor):
        raise errors.InvalidInput("cursor comes from the header Link", field="cursor")
    return ConversationPlace(int(updated_at), int(conversation))
