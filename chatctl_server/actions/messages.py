"""Posting and deleting messages. ``POST`` is the one hot action: neighbouring posts are one batch.

Who may post is decided here, in the transaction: no message has an offset above its sender's ban.
"""

from collections.abc import Sequence

import msgspec

from chatctl_server import errors
from chatctl_server.domain import events, text, throttle
from chatctl_server.domain.times import SECOND
from chatctl_server.storage import conversations, log, messages, projection
from chatctl_server.storage.transaction import Tx
from chatctl_server.storage.writer import Batch

SYSTEM = text.RESERVED
MAX_CLIENT_ID_BYTES = 255


class Post(msgspec.Struct, frozen=True):
    """``is_guarded`` posts come from the user's own socket: mutes and throttle apply to them.

    A post in a user's name is stored with that user's role; ``kind`` system has neither.
    """

    conversation: int
    actor: events.Actor
    sender: str
    nickname: str
    content: str
    client_msg_id: str | None = None
    kind: events.MessageKind = "text"
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
        self.sender_statuses = messages.sender_statuses(
            tx.db, {(post.conversation, post.sender) for post in posts}
        )
        self.open: dict[int, conversations.Conversation | None] = {}
        self.last: dict[int, tuple[int, int]] = {}  # conversation → last seq, its time
        self.accepted: list[events.Event] = []
        self.next_id = 0

    def run(self) -> list[Posted | errors.ChatctlError]:
        self._find_earlier()
        self.next_id = messages.newest_id(self.tx.db) + 1
        outcomes: list[Posted | errors.ChatctlError] = []
        for post in self.posts:
            try:
                outcomes.append(self._post(post))
            except errors.ChatctlError as refusal:
                outcomes.append(refusal)
        if self.accepted:
            self.tx.record_posts(self.accepted)
        return outcomes

    def _find_earlier(self) -> None:
        hashes = [
            projection.client_hash(post.conversation, post.sender, post.client_msg_id)
            for post in self.posts
            if post.client_msg_id is not None
        ]
        for key, found in messages.earlier(self.tx.db, hashes).items():
            self.earlier[key] = Posted(found.message_id, found.seq, found.created_at, True)

    def _post(self, post: Post) -> Posted:
        if post.client_msg_id is not None:
            repeated = self.earlier.get((post.conversation, post.sender, post.client_msg_id))
            if repeated is not None:
                return repeated
        is_admin = post.kind == "text" and self._admit(post)
        return self._accept(post, is_admin)

    def _admit(self, post: Post) -> bool:
        """Whether the sender is an admin. Raises Banned, Muted or Throttled."""
        sender_status = self.sender_statuses[post.conversation, post.sender]
        if sender_status.is_banned(self.tx.now):
            raise errors.Banned("你已被踢出该房间，无法再次加入", field="user_id")
        if post.is_guarded:
            if sender_status.is_muted(self.tx.now):
                raise errors.Muted("You are muted in this room")
            if post.interval_seconds and not sender_status.is_admin:
                self._throttle(post)
        return sender_status.is_admin

    def _throttle(self, post: Post) -> None:
        heard = self._last_accepted(post).get(post.sender)
        wait = throttle.seconds_left(heard, self.tx.now, post.interval_seconds)
        if wait:
            raise errors.Throttled(f"发送过于频繁，请{wait}秒后再试", retry_after=wait)

    def _last_accepted(self, post: Post) -> dict[str, int]:
        rooms_heard = self.tx.throttles.last_accepted
        since = self.tx.now - post.interval_seconds * SECOND
        if post.conversation not in rooms_heard:
            rooms_heard[post.conversation] = self._read_heard(post.conversation, since)
        self.tx.throttles.prune(post.conversation, since)
        return rooms_heard[post.conversation]

    def _read_heard(self, conversation: int, since: int) -> dict[str, int]:
        """From the stored messages, and from what this batch has accepted before them."""
        found = self.open.get(conversation) or conversations.by_id(self.tx.db, conversation)
        last_seq = found.last_seq if found else 0
        first = messages.first_seq_at(self.tx.db, conversation, last_seq, since)
        heard = messages.last_heard(self.tx.db, conversation, first - 1)
        for entry in self.accepted:
            payload = entry.payload
            if isinstance(payload, events.MessagePosted) and entry.conversation == conversation:
                heard[payload.sender] = payload.created_at
        return heard

    def _conversation(self, conversation: int) -> tuple[str, int, int]:
        """Status, last seq and its time, with what this batch has accepted so far."""
        if conversation not in self.open:
            self.open[conversation] = conversations.by_id(self.tx.db, conversation)
        found = self.open[conversation]
        if found is None:
            raise errors.RoomNotFound("There is no such room", field="room_id")
        last_seq, last_at = self.last.get(
            conversation, (found.last_seq, found.last_message_at or 0)
        )
        return found.status, last_seq, last_at

    def _accept(self, post: Post, is_admin: bool) -> Posted:
        status, last_seq, last_at = self._conversation(post.conversation)
        if status != "open":
            raise errors.RoomClosed("The room is closed", field="room_id")
        posted = Posted(self.next_id, last_seq + 1, max(self.tx.now, last_at))
        self.next_id += 1
        self.last[post.conversation] = (posted.seq, posted.created_at)
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
        )
        self.accepted.append(self.tx.place(payload, post.actor, post.conversation))
        self._remember(post, posted)
        return posted

    def _remember(self, post: Post, posted: Posted) -> None:
        if post.client_msg_id is not None:
            key = (post.conversation, post.sender, post.client_msg_id)
            self.earlier[key] = Posted(posted.message_id, posted.seq, posted.created_at, True)
        if post.kind == "text":
            self.tx.heard_in.add(post.conversation)
            heard = self.tx.throttles.last_accepted.get(post.conversation)
            if heard is not None:
                heard[post.sender] = self.tx.now


def delete(tx: Tx, actor: events.Actor, room_id: str, message_id: int) -> events.Event | None:
    """Takes the text out of the message and of the log; None when it is gone already."""
    room = conversations.find_open_room(tx.db, room_id)
    found = messages.one(tx.db, room.id, message_id)
    if found is None:
        raise errors.MessageNotFound(f"The room has no message {message_id}", field="message_id")
    if found.deleted_at is not None:
        return None
    log.redact_message(tx.db, found.event_offset)
    payload = events.MessageDeleted(message_id, found.seq, found.event_offset)
    return tx.record(payload, actor, room.id)
