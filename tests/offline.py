"""Actions on a database file without a server, at the time that the test sets."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chatctl_server.actions import conversations, messages, sessions
from chatctl_server.domain import events
from chatctl_server.domain.references import ROOMS, ConversationRef, RoomRef
from chatctl_server.storage import engine, maintenance, rooms
from chatctl_server.storage.sql import Database
from chatctl_server.storage.writer import Batch, Call, Writer

SECOND = 1_000_000
HOST = events.Actor(None, "test")


def room(number: int) -> RoomRef:
    """The reference to the room with that internal number: the first one is 1."""
    return RoomRef(number, ROOMS)


@contextmanager
def reading(path: Path) -> Iterator[Database]:
    db = engine.reading(path)
    db.connect()
    try:
        yield db
    finally:
        db.close()


class Offline:
    """Each call is a transaction of its own. ``now`` in microseconds."""

    def __init__(self, path: Path, now: int = 1_700_000_000 * SECOND) -> None:
        self.path = path
        self.now = now
        if not path.exists():
            maintenance.prepare(path, durable=False)
        self.writing = Writer(lambda: engine.writing(path, durable=False), lambda: self.now)

    def run(self, action: Callable[..., Any], *arguments: Any, actor: events.Actor = HOST) -> Any:
        """What the action returns; raises what it raises."""
        return self.call(action, actor, *arguments)

    def call(self, action: Callable[..., Any] | Batch[Any, Any], *arguments: Any) -> Any:
        (outcome,) = self.together((action, *arguments))
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    def together(self, *calls: tuple[Any, ...]) -> list[Any]:
        """Several calls in one transaction; what each returned or raised."""
        queued = [Call(call[0], call[1:], lambda _: None, 256) for call in calls]
        return [completed.outcome for completed in self.writing.run(queued)]

    def ask(self, query: Callable[..., Any], *arguments: Any) -> Any:
        """On a connection of its own."""
        with reading(self.path) as db:
            return query(db, *arguments)

    def post(
        self, room: ConversationRef, sender: str, content: str, **more: Any
    ) -> messages.Posted:
        sent = messages.Post(room, HOST, sender, sender, content, **more)
        posted: messages.Posted = self.call(messages.POST, sent)
        return posted

    def restart(self) -> None:
        """A new connection that remembers nothing."""
        self.writing.close()
        self.writing = Writer(lambda: engine.writing(self.path, durable=False), lambda: self.now)

    def create_room(self, name: str, *admins: str) -> RoomRef:
        ref: RoomRef = self.run(conversations.create_room, name, admins).ref
        return ref

    def rooms(self) -> list[rooms.Room]:
        """All that there are, also closed ones; nothing stays open."""
        found: list[rooms.Room] = self.call(lambda tx: rooms.page(tx.db, 0, "all", None))
        self.close()
        return found

    def stay(self, room: RoomRef, user_id: str, seconds: int) -> None:
        """A session that begins now and lasts that long; afterwards it is as late as before."""
        begun = self.now
        session = self.run(sessions.join, room, user_id, user_id)
        self.now += seconds * SECOND
        self.run(sessions.leave, room, session.session_id, "left")
        self.now = begun

    def close(self) -> None:
        self.writing.close()
