"""What an action works with: the connection, the time, and the events it has recorded so far."""

from collections.abc import Sequence

from chatctl_server.domain import events
from chatctl_server.domain.references import ConversationRef
from chatctl_server.storage import counters, log, projection
from chatctl_server.storage.client_ids import ClientIds, Key, Original
from chatctl_server.storage.sql import Database

AcceptedPost = tuple[events.MessagePosted, events.Actor, ConversationRef]
Change = tuple[events.Payload, events.Actor, ConversationRef]
MANY = 10_000  # users of one conversation that were heard, and conversations


class Throttles:
    """When users were last heard in a conversation, for as long as throttling needs it.

    Read from the messages on a conversation's first use; what an action accepted that is undone
    is forgotten, and all of it when a transaction is lost, so that it never knows more than the
    database.
    """

    def __init__(self) -> None:
        self.last_accepted: dict[int, dict[str, int]] = {}

    def drop(self) -> None:
        self.last_accepted = {}

    def forget(self, conversations: set[int]) -> None:
        for conversation in conversations:
            self.last_accepted.pop(conversation, None)

    def prune(self, conversation: int, before: int) -> None:
        """Forgets who was last heard before that time, once there are many of them; and all other
        conversations, once there are many: they are read again when they are needed."""
        if len(self.last_accepted) > MANY:
            self.last_accepted = {conversation: self.last_accepted[conversation]}
        heard = self.last_accepted[conversation]
        if len(heard) > MANY:
            kept = {user_id: at for user_id, at in heard.items() if at >= before}
            self.last_accepted[conversation] = kept


class Tx:
    """One action's part of a transaction.

    ``now`` is the clock's time in microseconds, for what ends at a time: bans, tokens, throttles.
    ``at`` is that of the events: it never falls, whatever becomes of the clock. ``heard_in`` are
    the conversations in which the action has accepted a message, whatever becomes of it.

    ``is_serving``: the sessions that are open belong to connections of this process. On the
    file alone they are what a crash has left, and the next start ends them.
    """

    __slots__ = (
        "_numbers",
        "_taken",
        "at",
        "client_ids",
        "db",
        "heard_in",
        "is_serving",
        "now",
        "recorded",
        "throttles",
    )

    def __init__(
        self,
        db: Database,
        now: int,
        at: int,
        throttles: Throttles,
        client_ids: ClientIds,
        *,
        is_serving: bool = True,
    ) -> None:
        self.db = db
        self.is_serving = is_serving
        self.now = now
        self.at = at
        self.throttles = throttles
        self.client_ids = client_ids
        self.recorded: list[events.Event] = []
        self.heard_in: set[int] = set()
        self._numbers: dict[str, int] | None = None  # as stored, and with those taken
        self._taken: dict[str, int] = {}

    def record(
        self,
        payload: events.Payload,
        actor: events.Actor,
        about: ConversationRef | None = None,
        *,
        scope: int | None = None,
    ) -> events.Event:
        """Appends the event and applies it to the tables. Without a conversation that it is
        ``about`` it is of a whole scope, or of the server."""
        if about is None:
            conversation = None
        else:
            conversation, scope = about.id, about.scope
        offset = self.take("event")
        entry = events.Event(offset, self.at, scope, conversation, actor, payload)
        log.append(self.db, [entry])
        projection.apply(self.db, entry)
        self.recorded.append(entry)
        return entry

    def record_posts(self, posts: Sequence[AcceptedPost]) -> None:
        """As ``record``, for the posts of a batch, which have the next numbers of messages."""
        newest = self.take("message", len(posts)) - 1
        projection.apply_posts(self.db, self._append(posts))
        ids = [(about.id, p.sender, p.client_msg_id, p.message_id) for p, _, about in posts]
        self.client_ids.add(self.db, newest, ids)

    def record_sessions(self, changes: Sequence[Change]) -> None:
        """As ``record``, for joins and leaves, and the admins that joins have made."""
        projection.apply_sessions(self.db, self._append(changes))

    def _append(self, changes: Sequence[Change]) -> list[events.Event]:
        first = self.take("event", len(changes))
        at = self.at
        entries = [
            events.Event(offset, at, about.scope, about.id, actor, payload)
            for offset, (payload, actor, about) in enumerate(changes, first)
        ]
        log.append(self.db, entries)
        self.recorded.extend(entries)
        return entries

    def originals(self, keys: Sequence[Key]) -> dict[Key, Original]:
        """Of those that were posted and still count."""
        return self.client_ids.originals(self.db, self.next("message") - 1, keys)

    def next(self, counter: str) -> int:
        """What ``take`` will give."""
        return self._stored_numbers().get(counter, 0) + 1

    def take(self, counter: str, count: int = 1) -> int:
        """The first of so many fresh numbers; they are given back when the action is undone."""
        first = self.next(counter)
        self._stored_numbers()[counter] = self._taken[counter] = first + count - 1
        return first

    def _stored_numbers(self) -> dict[str, int]:
        if self._numbers is None:
            self._numbers = counters.values(self.db)
        return self._numbers

    def keep_numbers(self) -> None:
        """Stores what was taken: the end of an action, whose savepoint would undo it."""
        if self._taken:
            counters.save(self.db, self._taken)
