"""What the events do to the tables of the support desk.

Keys, secrets and visitors' tokens are secret, which no event has: their actions write them.
"""

from collections.abc import Sequence

import msgspec

from chatctl_server.domain import chat_events, envelopes, events, support_events
from chatctl_server.domain.support_events import SupportMessage
from chatctl_server.storage.sql import Database, Query

_ADD_SITE = Query("""INSERT INTO site (id, scope, workspace, settings, created_at, updated_at)
    VALUES (:site, :scope, :workspace, :settings, :at, :at)""")
_CHANGE_SITE = Query("UPDATE site SET settings = :settings, updated_at = :at WHERE id = :site")
_DELETE_SITE = Query("UPDATE site SET deleted_at = :at, updated_at = :at WHERE id = :site")
_ADD_CUSTOMER = Query("""INSERT INTO customer (id, scope, name, email, external_id, created_at)
    VALUES (:customer, :scope, :name, :email, :external_id, :at)""")
_CHANGE_CUSTOMER = Query("UPDATE customer SET name = :name, email = :email WHERE id = :customer")
_ERASE_CUSTOMER = Query("""UPDATE customer SET name = '', email = NULL, external_id = NULL,
        erased_at = :at WHERE id = :customer""")
_ADD_CANNED = Query("""INSERT INTO canned_response
        (id, workspace, title, content, created_by, created_at)
    VALUES (:id, :workspace, :title, :content, :created_by, :at)""")
_REMOVE_CANNED = Query("DELETE FROM canned_response WHERE id = :id")
_ADD = Query("""INSERT INTO support
        (conversation, workspace, customer, status, labels, priority, updated_at)
    SELECT :conversation, workspace, :customer, 'open', '[]', 'normal', :at FROM site
    WHERE scope = :scope""")
_OPEN = Query("""UPDATE conversation SET status = 'open', closed_at = NULL
    WHERE id = :conversation""")
_CLOSE = Query("""UPDATE conversation SET status = 'closed', closed_at = :at
    WHERE id = :conversation""")
_SET_STATUS = Query("""UPDATE support SET status = :status, snoozed_until = :until,
        closed_offset = :closed_offset, updated_at = :at,
        waiting_since = CASE WHEN :status = 'closed' THEN NULL ELSE waiting_since END
    WHERE conversation = :conversation""")
_ASSIGN = Query("""UPDATE support SET assignee = :assignee, updated_at = :at
    WHERE conversation = :conversation""")
_LABEL = Query("""UPDATE support SET labels = :labels, priority = :priority, updated_at = :at
    WHERE conversation = :conversation""")
_RATE = Query("""INSERT INTO rating (conversation, closed_offset, score, comment, rated_at)
    VALUES (:conversation, :closed_offset, :score, :comment, :at)""")
_RATED = Query("""UPDATE support SET closed_offset = NULL, updated_at = :at
    WHERE conversation = :conversation""")
_ADD_FILE = Query("""INSERT OR IGNORE INTO support_file
        (conversation, hash, extension, name, media_type, size, sender, stored_at)
    VALUES (:conversation, :hash, :extension, :name, :media_type, :size, :sender, :at)""")
_REMOVE_FILE = Query("""DELETE FROM support_file
    WHERE conversation = :conversation AND hash = :hash AND extension = :extension""")
_ADD_MESSAGE = Query("""INSERT INTO support_message
        (message, public_id, message_type, file, is_private)
    VALUES (:message, :public_id, :message_type, :file, :is_private)""")
_POSTED = Query("""UPDATE support SET updated_at = :at, waiting_since = CASE :answers
        WHEN 1 THEN NULL WHEN 0 THEN coalesce(waiting_since, :at) ELSE waiting_since END
    WHERE conversation = :conversation""")
_CHANGED = Query("UPDATE support SET updated_at = :at WHERE conversation = :conversation")
_FORGET_FILE = Query("UPDATE support_message SET file = NULL WHERE message = :message")
_ADD_ENVELOPE = Query("""INSERT INTO envelope
        (workspace, event_offset, scope, conversation, type, is_private)
    SELECT workspace, :offset, :scope, :conversation, :type, :is_private FROM site
    WHERE scope = :scope""")

_CHANGES = (chat_events.MessageEdited, events.MessageDeleted, events.MessageErased)


def create(db: Database, entry: events.Event, payload: events.ConversationCreated) -> None:
    """Behind the conversation itself."""
    _ADD.run(
        db,
        conversation=entry.conversation,
        customer=payload.customer,
        scope=entry.scope,
        at=entry.at,
    )
    _add_envelope(db, entry)


def apply_posts(db: Database, posts: Sequence[events.Event]) -> None:
    """The desk's messages of a batch."""
    for entry in posts:
        payload = entry.payload
        if isinstance(payload, events.MessagePosted) and payload.support is not None:
            _add_message(db, entry, payload, payload.support)


def _add_message(
    db: Database, entry: events.Event, payload: events.MessagePosted, said: SupportMessage
) -> None:
    _ADD_MESSAGE.run(
        db,
        message=payload.message_id,
        public_id=said.public_id,
        message_type=said.message_type,
        file=None if said.file is None else msgspec.json.encode(said.file).decode(),
        is_private=int(said.is_private),
    )
    _POSTED.run(db, answers=_answers(payload, said), at=entry.at, conversation=entry.conversation)
    _add_envelope(db, entry)


def _answers(payload: events.MessagePosted, said: SupportMessage) -> int | None:
    """1: an agent's answer; 0: the customer asks; None: neither."""
    if payload.sender_kind == "visitor":
        return 0
    return 1 if payload.sender_kind == "agent" and not said.is_private else None


def changed(db: Database, entry: events.Event) -> None:
    """Of a message that was edited, deleted or erased: what the desk has of it."""
    payload = entry.payload
    if not isinstance(payload, _CHANGES) or payload.support is None:
        return
    if isinstance(payload, events.MessageErased):
        _FORGET_FILE.run(db, message=payload.message_id)
    else:
        _CHANGED.run(db, at=entry.at, conversation=entry.conversation)
    _add_envelope(db, entry)


def apply(db: Database, entry: events.Event) -> None:
    match entry.payload:
        case support_events.SiteEvent():
            _apply_to_site(db, entry, entry.payload)
        case support_events.CustomerEvent():
            _apply_to_customer(db, entry, entry.payload)
        case support_events.CannedResponseAdded(canned_id, workspace, title, content):
            _ADD_CANNED.run(
                db,
                id=canned_id,
                workspace=workspace,
                title=title,
                content=content,
                created_by=_author(entry.actor),
                at=entry.at,
            )
        case support_events.CannedResponseRemoved(canned_id):
            _REMOVE_CANNED.run(db, id=canned_id)
        case support_events.SupportEvent():
            _apply_in_conversation(db, entry, entry.payload)
            _add_envelope(db, entry)


def _author(actor: events.Actor) -> str | None:
    """A named key is called by its id here, as in messages."""
    return actor.credential if actor.credential.startswith("key_") else actor.user_id


def _apply_to_site(db: Database, entry: events.Event, payload: support_events.SiteEvent) -> None:
    match payload:
        case support_events.SiteCreated(site, workspace, settings):
            _ADD_SITE.run(
                db,
                site=site,
                scope=entry.scope,
                workspace=workspace,
                settings=_encoded(settings),
                at=entry.at,
            )
        case support_events.SiteChanged(site, settings):
            _CHANGE_SITE.run(db, settings=_encoded(settings), at=entry.at, site=site)
        case support_events.SiteDeleted(site):
            _DELETE_SITE.run(db, at=entry.at, site=site)


def _encoded(settings: support_events.SiteSettings) -> str:
    return msgspec.json.encode(settings).decode()


def _apply_to_customer(
    db: Database, entry: events.Event, payload: support_events.CustomerEvent
) -> None:
    match payload:
        case support_events.CustomerCreated(customer, name, email, external_id):
            _ADD_CUSTOMER.run(
                db,
                customer=customer,
                scope=entry.scope,
                name=name,
                email=email,
                external_id=external_id,
                at=entry.at,
            )
        case support_events.CustomerChanged(customer, name, email):
            _CHANGE_CUSTOMER.run(db, name=name, email=email, customer=customer)
        case support_events.CustomerErased(customer):
            _ERASE_CUSTOMER.run(db, at=entry.at, customer=customer)


def _apply_in_conversation(
    db: Database, entry: events.Event, payload: support_events.SupportEvent
) -> None:
    conversation, at = entry.conversation, entry.at
    match payload:
        case support_events.Assigned(_, assignee):
            _ASSIGN.run(db, assignee=assignee, at=at, conversation=conversation)
        case support_events.Labelled(_, labels, priority):
            encoded = msgspec.json.encode(labels).decode()
            _LABEL.run(db, labels=encoded, priority=priority, at=at, conversation=conversation)
        case support_events.Rated(_, closed_offset, score, comment):
            _RATE.run(
                db,
                conversation=conversation,
                closed_offset=closed_offset,
                score=score,
                comment=comment,
                at=at,
            )
            _RATED.run(db, at=at, conversation=conversation)
        case support_events.FileAttached():
            _add_file(db, entry, payload)
        case support_events.FileDetached(_, hash_, extension):
            _REMOVE_FILE.run(db, conversation=conversation, hash=hash_, extension=extension)
        case _:
            _set_status(db, entry, payload)


def _add_file(db: Database, entry: events.Event, payload: support_events.FileAttached) -> None:
    _ADD_FILE.run(
        db,
        conversation=entry.conversation,
        hash=payload.hash,
        extension=payload.extension,
        name=payload.name,
        media_type=payload.media_type,
        size=payload.size,
        sender=payload.sender,
        at=entry.at,
    )


def _set_status(db: Database, entry: events.Event, payload: support_events.SupportEvent) -> None:
    conversation, at = entry.conversation, entry.at
    row = {"conversation": conversation, "at": at, "until": None, "closed_offset": None}
    match payload:
        case support_events.Closed():
            _CLOSE.run(db, at=at, conversation=conversation)
            _SET_STATUS.run(db, **{**row, "status": "closed", "closed_offset": entry.offset})
        case support_events.Reopened():
            _OPEN.run(db, conversation=conversation)
            _SET_STATUS.run(db, **{**row, "status": "open"})
        case support_events.Snoozed(_, until):
            _SET_STATUS.run(db, **{**row, "status": "snoozed", "until": until})


def _add_envelope(db: Database, entry: events.Event) -> None:
    kind = envelopes.kind_of(entry.payload)
    if kind is not None:
        _ADD_ENVELOPE.run(
            db,
            offset=entry.offset,
            scope=entry.scope,
            conversation=entry.conversation,
            type=kind.name,
            is_private=int(kind.is_private),
        )
