"""Events that only the support desk has. An agent is ``u<id>``, a customer ``cus_…`` here.

``conversation_id`` is the id that clients know: an envelope is made of the event alone. What names
a customer is in events of customers alone, so that it can be taken out of them.
"""

from typing import ClassVar, Literal

import msgspec

from chatctl_server.domain.business_hours import BusinessHours
from chatctl_server.domain.event_types import EventType, Payload, audited, unaudited

MessageType = Literal["text", "image", "file"]
Assignment = Literal["manual", "round_robin"]
Priority = Literal["low", "normal", "high", "urgent"]
Asked = Literal["name", "email"]


class SiteSettings(msgspec.Struct, frozen=True, omit_defaults=True):
    """All of a site that may change. ``asks``: for what the widget asks before a first message.
    ``locale``: None goes by the browser."""

    name: str
    allowed_origins: tuple[str, ...] = ()
    color: str = "#2563eb"
    greeting: str = ""
    away_message: str = ""
    asks: tuple[Asked, ...] = ()
    locale: Literal["zh", "en"] | None = None
    assignment: Assignment = "manual"
    business_hours: BusinessHours | None = None


class SiteEvent(Payload, frozen=True):
    """Its scope is that of the site."""

    site_id: str


class SiteCreated(SiteEvent, frozen=True):
    type: ClassVar[str] = "site.created"
    workspace_id: int
    settings: SiteSettings


class SiteChanged(SiteEvent, frozen=True):
    type: ClassVar[str] = "site.changed"
    settings: SiteSettings


class SiteDeleted(SiteEvent, frozen=True):
    """With its key: its conversations are found no more."""

    type: ClassVar[str] = "site.deleted"


class SiteKeyRotated(SiteEvent, frozen=True):
    """``secret``: that is new, too."""

    type: ClassVar[str] = "site.key_rotated"
    secret: bool


class CustomerEvent(Payload, frozen=True):
    customer_id: str


class CustomerCreated(CustomerEvent, frozen=True):
    """``external_id``: who they are in the host product, which has said so; None: unverified."""

    type: ClassVar[str] = "customer.created"
    name: str
    email: str | None
    external_id: str | None


class CustomerChanged(CustomerEvent, frozen=True):
    type: ClassVar[str] = "customer.changed"
    name: str
    email: str | None


class CustomerErased(CustomerEvent, frozen=True):
    """With what they wrote; nothing names them any more."""

    type: ClassVar[str] = "customer.erased"


class CannedResponseAdded(Payload, frozen=True):
    """Of the workspace whose scope it is."""

    type: ClassVar[str] = "canned.added"
    canned_id: int
    workspace_id: int
    title: str
    content: str


class CannedResponseRemoved(Payload, frozen=True):
    type: ClassVar[str] = "canned.removed"
    canned_id: int


class AttachedFile(msgspec.Struct, frozen=True):
    """``size`` in bytes; ``type`` a media type."""

    url: str
    name: str
    size: int
    type: str


class SupportMessage(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a message of the desk has beside what all have; the ids are those that clients know."""

    conversation_id: str
    public_id: str
    message_type: MessageType = "text"
    file: AttachedFile | None = None
    is_private: bool = False


class SupportEvent(Payload, frozen=True):
    conversation_id: str


class Closed(SupportEvent, frozen=True):
    type: ClassVar[str] = "support.closed"


class Reopened(SupportEvent, frozen=True):
    """From closed, or from snoozed."""

    type: ClassVar[str] = "support.reopened"


class Snoozed(SupportEvent, frozen=True):
    type: ClassVar[str] = "support.snoozed"
    until: int


class Assigned(SupportEvent, frozen=True):
    """None: it is in the queue."""

    type: ClassVar[str] = "support.assigned"
    assignee_id: str | None


class Labelled(SupportEvent, frozen=True):
    """Both as they are now."""

    type: ClassVar[str] = "support.labelled"
    labels: tuple[str, ...]
    priority: Priority


class Rated(SupportEvent, frozen=True):
    """``closed_offset``: of the closing that is rated."""

    type: ClassVar[str] = "support.rated"
    closed_offset: int
    score: int
    comment: str


class FileAttached(SupportEvent, frozen=True):
    """One of the workspace's files may be read by whoever may read the conversation."""

    type: ClassVar[str] = "support.file_added"
    hash: str
    extension: str
    name: str
    media_type: str
    size: int
    sender: str


class FileDetached(SupportEvent, frozen=True):
    """There it may be read no more."""

    type: ClassVar[str] = "support.file_removed"
    hash: str
    extension: str


TYPES: tuple[EventType, ...] = (
    audited("state", SiteCreated, "* the site {site_id} was created"),
    audited("state", SiteChanged, "* the site {site_id} was changed"),
    audited("state", SiteDeleted, "* the site {site_id} was deleted"),
    audited("system", SiteKeyRotated, "* the key of the site {site_id} was rotated"),
    unaudited("state", CustomerCreated, "* the customer {customer_id} came"),
    unaudited("state", CustomerChanged, "* the customer {customer_id} is now called {name}"),
    audited("state", CustomerErased, "* the customer {customer_id} was erased"),
    unaudited("state", CannedResponseAdded, "* a canned response was added: {title}"),
    unaudited("state", CannedResponseRemoved, "* the canned response {canned_id} was removed"),
    audited("state", Closed, "* the conversation was closed"),
    audited("state", Reopened, "* the conversation was reopened"),
    unaudited("state", Snoozed, "* the conversation was snoozed"),
    unaudited("state", Assigned, "* the conversation is now {assignee_id}'s"),
    unaudited(
        "state", Labelled, "* the conversation's labels are {labels}, its priority {priority}"
    ),
    unaudited("state", Rated, "* the customer gave {score} of 5"),
    unaudited("state", FileAttached, "* a file of {size} bytes was sent ({media_type})"),
    unaudited("state", FileDetached, "* a file was removed"),
)
