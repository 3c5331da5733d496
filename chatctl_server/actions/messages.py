"""Posting and deleting messages. ``POST`` is the one hot action: neighbouring posts are one batch.

Who may post is decided here, in the transaction: no message has an offset above its sender's ban.
"""

from collections.abc import Sequence

import msgspec

from chatctl_server import errors
from chatctl_server.actions import support_files
from chatctl_server.actions.post_links import Links
from chatctl_server.domain import admission, events, text, throttle
from chatctl_server.domain.references import ConversationRef, SupportRef
from chatctl_server.domain.support_events import SupportMessage
from chatctl_server.domain.times import SECOND
from chatctl_server.storage import conversations, deliveries, log, messages, support_messages
from chatctl_server.storage.transaction import AcceptedPost, Tx
from chatctl_server.storage.writer import Batch

SYSTEM = text.RESERVED
MAX_CLIENT_ID_BYTES = 255


class Post(msgspec.Struct, frozen=True):
    """``is_guarded`` posts come from the user's own socket: mutes and throttle apply to them.

    A post in a user's name is stored with that user's role; ``kind`` system has neither.
    """

    ref: ConversationRef
    actor: events.Actor
    sender: str
    nickname: str
    content: str
    client_msg_id: str | None = None
    kind: events.MessageKind = "text"
    sender_kind: events.SenderKind = "user"
    reply_to: int | None = None
    attachments: tuple[str, ...] = ()
    mentions: tuple[int, ...] = ()
    support: SupportMessage | None = None
    is_guarded: bool = True
    interval_seconds: int = 0


class Posted(msgspec.Struct, frozen=True):
    """``payload``: what was recorded; None of a repeat of a message that was stored before."""

    message_id: int
    seq: int
    created_at: int
    duplicate: bool = False
    payload: events.MessagePosted | None = None


Key = tuple[int, str, str]


def check(post: Post, max_bytes: int) -> None:
    """What can be said of a post without the database."""
    if not post.content:
        raise errors.InvalidInput("content is empty", field="content")
    text.check(post.content, "content", max_bytes=max_bytes)
    if post.client_msg_id is not None:
        text.check(post.client_msg_id, "client_msg_id", max_bytes=MAX_CLIENT_ID_BYTES)


def post_many(tx: Tx, posts: Sequence[Post]) -> list[Posted | errors.ChatctlError]:
    """Raises nothing but errors of the database: a refusal stands in its post's place."""
    return _Batch(tx, posts).run()


def post_one(tx: Tx, post: Post) -> Posted:
    (outcome,) = post_many(tx, [post])
    if isinstance(outcome, errors.ChatctlError):
        raise outcome
    return outcome


POST = Batch(post_one, post_many)


class _PostedTo:
    """A conversation that a batch posts to, with what the batch has found out and accepted."""

    __slots__ = ("admitted", "is_open", "kind", "last_seq", "ref", "stored_seq")

    def __init__(self, found: conversations.Conversation) -> None:
        self.ref = found.ref
        self.kind = found.kind
        self.is_open = found.status == "open"
        self.stored_seq = self.last_seq = found.last_seq
        # Of senders who may post and whom no throttle holds: are they admins?
        self.admitted: dict[tuple[str, bool, int], bool] = {}


class _Batch:
    """Neighbouring posts: one look-up each of conversations, senders and duplicates, one insert
    each for messages and events. What
    was accepted earlier in the batch counts for what follows; nothing else changes while it lasts,
    so what a sender may do is found out once."""

    def __init__(self, tx: Tx, posts: Sequence[Post]) -> None:
        self.tx = tx
        self.posts = posts
        self.earlier: dict[Key, Posted] = {}
        self.senders = messages.sender_statuses(
            tx.db, {(post.ref.id, post.ref.scope, post.sender) for post in posts}
        )
        found = conversations.get_many(tx.db, {post.ref for post in posts})
        self.conversations = {ref: _PostedTo(each) for ref, each in found.items()}
        self.links = Links(tx.db, posts)
        self.accepted: list[AcceptedPost] = []
        self.first_id = 0

    def run(self) -> list[Posted | errors.ChatctlError]:
        self._find_originals()
        outcomes: list[Posted | errors.ChatctlError] = []
        for post in self.posts:
            try:
                outcomes.append(self._post(post))
            except errors.ChatctlError as refusal:
                outcomes.append(refusal)
        if self.accepted:
            self.tx.record_posts(self.accepted)
        return outcomes

    def _find_originals(self) -> None:
        keys = [
            (post.ref.id, post.sender, post.client_msg_id)
            for post in self.posts
            if post.client_msg_id is not None
        ]
        if not keys:
            return
        for key, found in self.tx.originals(keys).items():
            self.earlier[key] = Posted(found.message_id, found.seq, found.created_at)

    def _post(self, post: Post) -> Posted:
        ref, sender, client_msg_id = post.ref, post.sender, post.client_msg_id
        conversation = self.conversations.get(ref)
        if conversation is None:
            raise conversations.not_found(ref)
        if client_msg_id is not None:
            original = self.earlier.get((ref.id, sender, client_msg_id))
            if original is not None:
                return msgspec.structs.replace(original, duplicate=True)
        is_admin = False
        if post.kind == "text":
            is_admin = self._admit(post, conversation)
        if not conversation.is_open:
            raise errors.ConversationIsClosed(f"The {ref.noun} is closed")
        self.links.check(post)
        posted = self._accept(post, conversation, is_admin)
        if client_msg_id is not None:
            self.earlier[ref.id, sender, client_msg_id] = posted
        return posted

    def _admit(self, post: Post, conversation: _PostedTo) -> bool:
        """Whether the sender is an admin. Raises what ``admission.check`` raises."""
        key = (post.sender, post.is_guarded, post.interval_seconds)
        is_admin = conversation.admitted.get(key)
        if is_admin is not None:
            return is_admin
        status, now = self.senders[post.ref.id, post.sender], self.tx.now
        is_throttled = post.is_guarded and post.interval_seconds > 0 and not status.is_admin
        wait = 0
        if is_throttled:
            heard = self._last_accepted(post, conversation).get(post.sender)
            wait = throttle.seconds_left(heard, now, post.interval_seconds)
        sender = admission.Author(
            status.role, status.is_banned(now), status.is_muted(now), wait, post.is_guarded
        )
        admission.check(conversation.kind, sender)
        if not is_throttled:
            conversation.admitted[key] = sender.is_admin
        return sender.is_admin

    def _last_accepted(self, post: Post, conversation: _PostedTo) -> dict[str, int]:
        rooms_heard = self.tx.throttles.last_accepted
        since = self.tx.now - post.interval_seconds * SECOND
        if post.ref.id not in rooms_heard:
            rooms_heard[post.ref.id] = self._read_heard(conversation, since)
        self.tx.throttles.prune(post.ref.id, since)
        return rooms_heard[post.ref.id]

    def _read_heard(self, conversation: _PostedTo, since: int) -> dict[str, int]:
        """From the stored messages, and from what this batch has accepted before them."""
        ref = conversation.ref
        first = messages.first_seq_at(self.tx.db, ref, conversation.stored_seq, since)
        heard = messages.last_heard(self.tx.db, ref, first - 1)
        for payload, _, about in self.accepted:
            if about.id == ref.id and payload.kind == "text":
                heard[payload.sender] = payload.created_at
        return heard

    def _accept(self, post: Post, conversation: _PostedTo, is_admin: bool) -> Posted:
        conversation.last_seq = seq = conversation.last_seq + 1
        if not self.accepted:
            self.first_id = self.tx.next("message")  # ``record_posts`` takes them, all at once
        message_id, at = self.first_id + len(self.accepted), self.tx.at
        payload = events.MessagePosted(
            message_id,
            seq,
            post.kind,
            post.sender,
            post.nickname,
            post.content,
            at,
            is_admin,
            post.client_msg_id,
            post.sender_kind,
            post.reply_to,
            post.attachments,
            self.links.mentions(post) if post.mentions else (),
            post.support,
        )
        self.accepted.append((payload, post.actor, post.ref))
        if post.kind == "text":
            self.tx.heard_in.add(post.ref.id)
            heard = self.tx.throttles.last_accepted.get(post.ref.id)
            if heard is not None:
                heard[post.sender] = self.tx.now
        return Posted(message_id, seq, at, payload=payload)


def delete(
    tx: Tx, actor: events.Actor, ref: ConversationRef, message_id: int
) -> events.Event | None:
    """A soft delete: no view of messages shows it, the log keeps it; None when it is deleted
    already. Raises ConversationNotFound, ConversationIsClosed or MessageNotFound."""
    if not isinstance(ref, SupportRef):  # which may be reopened
        conversations.get_open(tx.db, ref)
    found = _find(tx, ref, message_id)
    if found.deleted_at is not None:
        return None
    edits = messages.edit_offsets(tx.db, ref, message_id)
    desk = support_messages.said(tx.db, ref, message_id)
    payload = events.MessageDeleted(message_id, found.seq, found.event_offset, edits, desk)
    return tx.record(payload, actor, ref)


def erase(
    tx: Tx, actor: events.Actor, ref: ConversationRef, message_id: int
) -> events.Event | None:
    """Takes the text out of the message and of the log, also in a closed conversation; None when
    it is gone already. Raises ConversationNotFound or MessageNotFound."""
    conversations.get(tx.db, ref)
    found = _find(tx, ref, message_id)
    if found.erased_at is not None:
        return None
    edits = messages.edit_offsets(tx.db, ref, message_id)
    for offset in (found.event_offset, *edits):
        log.redact_message(tx.db, offset)
    deliveries.forget_answers(tx.db, ref, found.seq, found.event_offset)
    if isinstance(ref, SupportRef):
        support_files.remove_shown(tx, actor, ref, message_id)
    desk = support_messages.said(tx.db, ref, message_id)
    payload = events.MessageErased(message_id, found.seq, found.event_offset, edits, desk)
    return tx.record(payload, actor, ref)


def erase_each(tx: Tx, actor: events.Actor, found: Sequence[tuple[ConversationRef, int]]) -> int:
    """How many still had a text. Conversations that were purged meanwhile are passed over."""
    there = conversations.get_many(tx.db, {ref for ref, _ in found})
    return sum(erase(tx, actor, ref, id_) is not None for ref, id_ in found if ref in there)


def _find(tx: Tx, ref: ConversationRef, message_id: int) -> messages.Message:
    found = messages.one(tx.db, ref, message_id)
    if found is None:
        raise errors.MessageNotFound(
            f"There is no message {message_id} in this {ref.noun}", field="message_id"
        )
    return found
