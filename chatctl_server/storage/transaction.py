"""What an action works with: the connection, the time, and the events it has recorded so far."""

from collections.abc import Iterable, Sequence

from peewee import Database

from chatctl_server.domain import events
from chatctl_server.storage import log, projection

MANY = 10_000  # users of one room that were heard, and rooms


class Throttles:
    """When users were last heard in a room, for as long as throttling needs it.

    Read from the messages on a room's first use; dropped whole whenever a transaction fails,
    so that it never knows more than the database. Of an action that alone is undone, the rooms are
    dropped in which it had accepted a message.
    """

    def __init__(self) -> None:
        self.last_accepted: dict[int, dict[str, int]] = {}

    def drop(self) -> None:
        self.last_accepted = {}

    def forget(self, conversations: Iterable[int]) -> None:
        for conversation in conversations:
            self.last_accepted.pop(conversation, None)

    def prune(self, conversation: int, before: int) -> None:
        """Forgets who was last heard before that time, once there are many of them; and all
        other rooms, once there are many: they are read again when they are needed."""
        if len(self.last_accepted) > MANY:
            self.last_accepted = {conversation: self.last_accepted[conversation]}
        heard = self.last_accepted[conversation]
        if len(heard) > MANY:
            kept = {user_id: at for user_id, at in heard.items() if at >= before}
            self.last_accepted[conversation] = kept


class Tx:
    """One action's part of a transaction. ``now`` is in microseconds; ``heard_in`` are the rooms
    in which it has accepted a message, whatever becomes of it.

    ``is_serving``: the sessions that are open belong to connections of this process. On the
    file alone they are what a crash has left, and the next start ends them.
    """

    __slots__ = ("_next_offset", "db", "heard_in", "is_serving", "now", "recorded", "throttles")

    def __init__(
        self, db: Database, now: int, throttles: Throttles, *, is_serving: bool = True
    ) -> None:
        self.db = db
        self.is_serving = is_serving
        self.now = now
        self.throttles = throttles
        self.recorded: list[events.Event] = []
        self.heard_in: set[int] = set()
        self._next_offset: int | None = None

    def record(
        self, payload: events.Payload, actor: events.Actor, conversation: int | None
    ) -> events.Event:
        """Appends the event and applies it to the tables."""
        entry = self.place(payload, actor, conversation)
        log.append(self.db, [entry])
        projection.apply(self.db, entry)
        self.recorded.append(entry)
        return entry

    def record_posts(self, posts: Sequence[events.Event]) -> None:
        """As ``record``, for posts that ``place`` gave their offsets."""
        log.append(self.db, posts)
        projection.apply_posts(self.db, posts)
        self.recorded.extend(posts)

    def place(
        self, payload: events.Payload, actor: events.Actor, conversation: int | None
    ) -> events.Event:
        """The event at the next offset; every placed event is then recorded, in order."""
        if self._next_offset is None:
            self._next_offset = log.newest_offset(self.db) + 1
        offset = self._next_offset
        self._next_offset = offset + 1
        return events.Event(offset, self.now, conversation, actor, payload)
