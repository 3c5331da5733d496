"""Messages of support conversations: posted, edited, deleted, erased (contract support, 1)."""

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

import msgspec

from chatctl_server import errors
from chatctl_server.actions import messages, support
from chatctl_server.domain import business_hours, chat_events, events, text, times
from chatctl_server.domain import stored_files as files
from chatctl_server.domain import support as rules
from chatctl_server.domain.event_types import Role
from chatctl_server.domain.references import SupportRef
from chatctl_server.domain.support import Person
from chatctl_server.domain.support_events import AttachedFile, MessageType, SupportMessage
from chatctl_server.storage import participants, sites, support_messages
from chatctl_server.storage.sites import SiteRef
from chatctl_server.storage.support_conversations import SupportConversation
from chatctl_server.storage.support_messages import SupportMessageState
from chatctl_server.storage.transaction import Tx


class Draft(msgspec.Struct, frozen=True):
    """A message that is to be posted. ``file``: the URL of one that was uploaded to the
    conversation."""

    content: str
    message_type: MessageType = "text"
    client_msg_id: str | None = None
    file: str | None = None
    is_private: bool = False


class PostedAtDesk(NamedTuple):
    message: SupportMessageState
    is_duplicate: bool


def check(draft: Draft, max_bytes: int) -> None:
    """What can be said of it without the database. Raises InvalidInput, BadText or TooLarge."""
    if not draft.content.strip() and draft.file is None:
        raise errors.InvalidInput("content is empty, and there is no file", field="content")
    text.check(draft.content, "content", max_bytes=max_bytes)
    if draft.client_msg_id is not None:
        text.check_name(draft.client_msg_id, "client_msg_id")


def check_edit(content: str, max_bytes: int) -> None:
    """Raises InvalidInput, BadText or TooLarge."""
    if not content.strip():
        raise errors.InvalidInput("content is empty; DELETE removes a message", field="content")
    text.check(content, "content", max_bytes=max_bytes)


def post(
    tx: Tx,
    actor: events.Actor,
    who: Person,
    ref: SupportRef,
    draft: Draft,
    agents: Sequence[str] = (),
) -> PostedAtDesk:
    """A repeat of a ``client_msg_id`` is the first message. A customer's message reopens a
    conversation that is closed or snoozed. Raises ConversationNotFound, ConversationIsClosed,
    NotAllowed, Banned, Muted, or InvalidInput for a file that is not there."""
    found, role = support.acting(tx.db, actor, who, ref)
    original = _original(tx, ref, who, draft.client_msg_id)
    if original is not None:
        return PostedAtDesk(original, is_duplicate=True)
    if role is None:
        support.check_unblocked(tx, SiteRef(found.site, ref.scope, found.workspace), who.id)
        if draft.is_private:
            raise errors.NotAllowed("Private notes are agents'")
    is_customers = who.sender_type == "visitor"
    if is_customers and found.status != "open":
        support.reopen(tx, actor, found, agents)
    elif found.status == "closed":
        raise errors.ConversationIsClosed("The conversation is closed: reopen it first")
    if participants.role(tx.db, ref, who.id) is None:
        joined = events.ParticipantJoined(who.id, "member" if role is None else "agent")
        tx.record(joined, actor, ref)
    begins_to_wait = is_customers and found.waiting_since is None
    posted = messages.post_one(tx, _post(tx, actor, who, found, draft))
    if begins_to_wait:
        _tell_away(tx, found)
    return PostedAtDesk(support_messages.get(tx.db, ref, posted.message_id), is_duplicate=False)


def _original(
    tx: Tx, ref: SupportRef, who: Person, client_msg_id: str | None
) -> SupportMessageState | None:
    if client_msg_id is None:
        return None
    key = ref.id, who.id, client_msg_id
    found = tx.originals([key]).get(key)
    return None if found is None else support_messages.get(tx.db, ref, found.message_id)


def _post(
    tx: Tx, actor: events.Actor, who: Person, found: SupportConversation, draft: Draft
) -> messages.Post:
    attached, attachments = _attached(tx, found, draft.file)
    return messages.Post(
        found.ref,
        actor,
        who.id,
        who.name,
        draft.content,
        draft.client_msg_id,
        sender_kind=who.sender_type,
        attachments=attachments,
        support=SupportMessage(
            found.public_id, rules.new_id("msg"), draft.message_type, attached, draft.is_private
        ),
    )


def _attached(
    tx: Tx, found: SupportConversation, url: str | None
) -> tuple[AttachedFile | None, tuple[str, ...]]:
    """As its message shows it, and as the workspace knows it. Raises InvalidInput."""
    if url is None:
        return None, ()
    name = files.of_conversation_url(url, found.public_id)
    if name is not None:
        try:
            stored, called = support_messages.file(tx.db, found.ref, *name)
        except errors.StoredFileNotFound:
            name = None
    if name is None:
        raise errors.InvalidInput(
            f"There is no file {url[:200]} in this conversation; upload it first", field="file"
        )
    return AttachedFile(url, called, stored.size, stored.media_type), (stored.name.url,)


def _tell_away(tx: Tx, found: SupportConversation) -> None:
    """Outside of business hours, to a customer who begins to wait."""
    site = sites.of_scope(tx.db, found.ref.scope)
    if site is None or not site.settings.away_message:
        return
    now = times.EPOCH + timedelta(microseconds=tx.now)
    if business_hours.is_open(site.settings.business_hours, now):
        return
    away = messages.Post(
        found.ref,
        events.SERVER,
        messages.SYSTEM,
        site.settings.name,
        site.settings.away_message,
        kind="system",
        sender_kind="system",
        support=SupportMessage(found.public_id, rules.new_id("msg")),
    )
    messages.post_one(tx, away)


def edit(
    tx: Tx, actor: events.Actor, who: Person, ref: SupportRef, message_id: str, content: str
) -> SupportMessageState:
    """Raises ConversationNotFound, MessageNotFound, or NotAllowed."""
    conversation, message = _changeable(tx, actor, who, ref, message_id)
    if content == message.content:
        return message
    payload = chat_events.MessageEdited(
        message_id=message.id,
        seq=message.seq,
        posted_offset=message.event_offset,
        content=content,
        mentions=(),
        sender=message.sender,
        nickname=message.nickname,
        created_at=message.created_at,
        client_msg_id=message.client_msg_id,
        attachments=tuple(msgspec.json.decode(message.attachments or "[]", type=list[str])),
        support=SupportMessage(
            conversation.public_id,
            message.public_id,
            message.message_type,
            message.file,
            message.is_private,
        ),
        sender_kind=message.sender_kind,
    )
    tx.record(payload, actor, ref)
    return support_messages.get(tx.db, ref, message.id)


def delete(tx: Tx, actor: events.Actor, who: Person, ref: SupportRef, message_id: str) -> None:
    """A soft delete. Raises ConversationNotFound, MessageNotFound, or NotAllowed."""
    _, message = _changeable(tx, actor, who, ref, message_id)
    messages.delete(tx, actor, ref, message.id)


def erase(tx: Tx, actor: events.Actor, who: Person, ref: SupportRef, message_id: str) -> None:
    """Takes the text out of everything, also of a message that was deleted. Raises
    ConversationNotFound, MessageNotFound, or NotAllowed."""
    _, role = support.acting(tx.db, actor, who, ref)
    if role not in ("admin", "owner"):
        raise errors.NotAllowed("Only an admin or owner of the workspace may erase a message")
    found = support_messages.find(tx.db, ref, message_id)
    if messages.erase(tx, actor, ref, found.id) is None:
        raise support_messages.not_found(message_id)


def _changeable(
    tx: Tx, actor: events.Actor, who: Person, ref: SupportRef, message_id: str
) -> tuple[SupportConversation, SupportMessageState]:
    found, role = support.acting(tx.db, actor, who, ref)
    message = support_messages.find(tx.db, ref, message_id)
    is_hidden = role is None and message.is_private
    if message.deleted_at is not None or is_hidden:
        raise support_messages.not_found(message_id)
    if actor.credential != rules.OPEN_ACCESS:
        _check_may_change(tx, who, role, message)
    return found, message


def _check_may_change(tx: Tx, who: Person, role: Role | None, message: SupportMessageState) -> None:
    if role in ("admin", "owner"):
        return
    if message.sender != who.id:
        raise errors.NotAllowed("Only its author may change a message")
    if role is None and tx.now - message.created_at > rules.EDIT_MICROSECONDS:
        raise errors.NotAllowed("A visitor may change a message for 15 minutes")
