"""Support conversations as agents see them, and as their visitors do."""

from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from chatctl_server.domain import times
from chatctl_server.storage.support_conversations import SupportConversation
from chatctl_server.storage.support_messages import SupportMessageState
from chatctl_server.views.fields import means
from chatctl_server.views.support import fields, messages

_At = Annotated[str, means("RFC 3339", "2026-01-01T00:00:00.000000Z")]


class DeskConversation(msgspec.Struct, frozen=True):
    id: fields.ConversationId
    site_id: fields.SiteId
    shop_id: fields.ShopId
    workspace_id: Annotated[int, means("The site's workspace", 0)]
    customer_id: Annotated[str | None, means("Whose it is", fields.CUSTOMER)]
    customer_name: Annotated[str, means("The customer's name; empty when unknown", "Bo")]
    customer_verified: Annotated[
        bool, means("Whether the host product has said who the customer is", False)
    ]
    status: fields.Status
    created_at: _At
    updated_at: Annotated[
        str, means("When something happened in it last", "2026-01-01T00:00:00.000000Z")
    ]
    last_message: Annotated[messages.DeskMessage | None, means("The newest message; null: none")]
    assignee_id: Annotated[
        str | UnsetType | None, means("The agent whose it is; null: nobody's. Not to visitors")
    ] = UNSET
    labels: Annotated[list[str] | UnsetType, means("Not to visitors", ["billing"])] = UNSET
    priority: Annotated[
        str | UnsetType, means("low, normal, high or urgent. Not to visitors", "normal")
    ] = UNSET
    waiting_since: Annotated[
        str | UnsetType | None,
        means("When the customer wrote what nobody has answered; null: nothing. Not to visitors"),
    ] = UNSET


class ConversationSummary(msgspec.Struct, frozen=True):
    id: fields.ConversationId
    site_id: fields.SiteId
    customer_name: Annotated[str, means("The customer's name; empty when unknown", "Bo")]
    last_message: Annotated[str | None, means("The newest message's text; null: none", "hello")]
    message_count: Annotated[int, means("Messages that are not deleted", 1)]
    updated_at: _At
    status: fields.Status


class ShownConversation(msgspec.Struct, frozen=True):
    """What a conversation's object is made of; ``last`` is a message that the reader may see."""

    found: SupportConversation
    last: SupportMessageState | None


def conversation(shown: ShownConversation, *, for_visitor: bool) -> DeskConversation:
    found, last = shown.found, shown.last
    status = "open" if for_visitor and found.status == "snoozed" else found.status
    object_ = DeskConversation(
        id=found.public_id,
        site_id=found.site,
        shop_id=found.site,
        workspace_id=found.workspace,
        customer_id=found.customer,
        customer_name=found.customer_name,
        customer_verified=found.external_id is not None,
        status=status,
        created_at=times.rfc3339(found.created_at),
        updated_at=times.rfc3339(found.updated_at),
        last_message=None if last is None else messages.of_state(last, found.public_id, found.site),
    )
    if for_visitor:
        return object_
    return msgspec.structs.replace(
        object_,
        assignee_id=found.assignee,
        labels=msgspec.json.decode(found.labels, type=list[str]),
        priority=found.priority,
        waiting_since=None if found.waiting_since is None else times.rfc3339(found.waiting_since),
    )


def summary(shown: ShownConversation, count: int, *, for_visitor: bool) -> ConversationSummary:
    object_ = conversation(shown, for_visitor=for_visitor)
    last = object_.last_message
    return ConversationSummary(
        id=object_.id,
        site_id=object_.site_id,
        customer_name=object_.customer_name,
        last_message=None if last is None else last.content,
        message_count=count,
        updated_at=object_.updated_at,
        status=object_.status,
    )
