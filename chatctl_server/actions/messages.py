"""Posting and deleting messages. ``POST`` is the one hot action: neighbouring posts are one batch.

Who may post is decided here, in the transaction: no message has an offset above its sender's ban.
"""

from collections.abc import Sequence

import msgspec

from chatctl_server import errors
from chatctl_server.domain import admission, events, text, throttle
from chatctl_server.domain.references import ConversationRef, Kind
from chatctl_server.domain.times import SECOND
from chatctl_server.storage import conversations, deliveries, log, messages, projection
from chatctl_server.storage.transaction import Tx
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
    is_guarded: bool = True
    interval_seconds: int = 0


class Posted(msgspec.Struct, frozen=True):
    message_id: int
    seq: int
    created_at: int
    duplicate: bool = False


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


class _Batch:
    """One run of neighbouring posts: one look-up of duplicates, one insert each for messages
    and events. What was accepted earlier in the run counts for what follows."""

    def __init__(self, tx: Tx, posts: Sequence[Post]) -> None:
        self.tx = tx
        self.posts = posts
        self.earlier: dict[Key, Posted] = {}
        self.senders = messages.sender_statuses(
            tx.db, {(post.ref.id, post.ref.scope, post.sender) for post in posts}
        )
        self.found: dict[int, conversations.Conversation] = {}
        self.last_seq: dict[int, int] = {}  # by conversation, with what this run has accepted
        self.accepted: list[events.Event] = []

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
        hashes = [
            projection.client_hash(post.ref.id, post.sender, post.client_msg_id)
            for post in self.posts
            if post.client_msg_id is not None
        ]
        for key, found in messages.originals(self.tx.db, hashes).items():
            self.earlier[key] = Posted(found.message_id, found.seq, found.created_at, True)

    def _post(self, post: Post) -> Posted:
        found = self._conversation(post.ref)
        if post.client_msg_id is not None:
            repeated = self.earlier.get((post.ref.id, post.sender, post.client_msg_id))
            if repeated is not None:
                return repeated
        is_admin = post.kind == "text" and self._admit(post, found.kind)
        if found.status != "open":
            raise errors.ConversationIsClosed(f"The {post.ref.noun} is closed")
        return self._accept(post, found.last_seq, is_admin)

    def _admit(self, post: Post, kind: Kind) -> bool:
        """Whether the sender is an admin. Raises what ``admission.check`` raises."""
        status, now = self.senders[post.ref.id, post.sender], self.tx.now
        wait = 0
        if post.interval_seconds and post.is_guarded and not status.is_admin:
            heard = self._last_accepted(post).get(post.sender)
            wait = throttle.seconds_left(heard, now, post.interval_seconds)
        sender = admission.Author(
            status.role, status.is_banned(now), status.is_muted(now), wait, post.is_guarded
        )
        admission.check(kind, sender)
        return sender.is_admin

    def _last_accepted(self, post: Post) -> dict[str, int]:
        rooms_heard = self.tx.throttles.last_accepted
        since = self.tx.now - post.interval_seconds * SECOND
        if post.ref.id not in rooms_heard:
            rooms_heard[post.ref.id] = self._read_heard(post.ref, since)
        self.tx.throttles.prune(post.ref.id, since)
        return rooms_heard[post.ref.id]

    def _read_heard(self, ref: ConversationRef, since: int) -> dict[str, int]:
        """From the stored messages, and from what this batch has accepted before them."""
        stored = self._conversation(ref).last_seq
        first = messages.first_seq_at(self.tx.db, ref, stored, since)
        heard = messages.last_heard(self.tx.db, ref, first - 1)
        for entry in self.accepted:
            payload = entry.payload
            if isinstance(payload, events.MessagePosted) and entry.conversation == ref.id:
                heard[payload.sender] = payload.created_at
        return heard

    def _conversation(self, ref: ConversationRef) -> conversations.Conversation:
        """As it was at the begin of the run. Raises ConversationNotFound."""
        found = self.found.get(ref.id)
        if found is None or found.ref != ref:
            found = self.found[ref.id] = conversations.get(self.tx.db, ref)
        return found

    def _accept(self, post: Post, stored_seq: int, is_admin: bool) -> Posted:
        seq = self.last_seq.get(post.ref.id, stored_seq) + 1
        posted = Posted(self.tx.take("message"), seq, self.tx.at)
        self.last_seq[post.ref.id] = seq
        payload = events.MessagePosted(
            posted.message_id,
            posted.seq,
            post.kind,
            post.sender,
            post.nickname,
            post.content,
            posted.created_at,
            is_admin,
            post.client_msg_id,
            post.sender_kind,
            post.reply_to,
            post.attachments,
        )
        self.accepted.append(self.tx.place(payload, post.actor, post.ref))
        self._remember(post, posted)
        return posted

    def _remember(self, post: Post, posted: Posted) -> None:
        if post.client_msg_id is not None:
            key = (post.ref.id, post.sender, post.client_msg_id)
            self.earlier[key] = Posted(posted.message_id, posted.seq, posted.created_at, True)
        if post.kind == "text":
            self.tx.heard_in.add(post.ref.id)
            heard = self.tx.throttles.last_accepted.get(post.ref.id)
            if heard is not None:
                heard[post.sender] = self.tx.now


def delete(
    tx: Tx, actor: events.Actor, ref: ConversationRef, message_id: int
) -> events.Event | None:
    """A soft delete: no view of messages shows it, the log keeps it; None when it is deleted
    already. Raises ConversationNotFound, ConversationIsClosed or MessageNotFound."""
    conversations.get_open(tx.db, ref)
    found = _find(tx, ref, message_id)
    if found.deleted_at is not None:
        return None
    payload = events.MessageDeleted(message_id, found.seq, found.event_offset)
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
    log.redact_message(tx.db, found.event_offset)
    deliveries.forget_answers(tx.db, found.event_offset)
    payload = events.MessageErased(message_id, found.seq, found.event_offset)
    return tx.record(payload, actor, ref)


def _find(tx: Tx, ref: ConversationRef, message_id: int) -> messages.Message:
    found = messages.one(tx.db, ref, message_id)
    if found is None:
        raise errors.MessageNotFound(f"There is no message {message_id}", field="message_id")
    return found
