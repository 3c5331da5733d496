"""Verbs on a database file without a server, at the time that the test sets."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from chatctl_server.actions import messages, rooms, sessions
from chatctl_server.domain import events
from chatctl_server.storage import maintenance, sql
from chatctl_server.storage.writer import Batch, Call, Writer

SECOND = 1_000_000
HOST = events.Actor(None, "test")


class Offline:
    """Each call is a transaction of its own. ``now`` in microseconds."""

    def __init__(self, path: Path, now: int = 1_700_000_000 * SECOND) -> None:
        self.path = path
        self.now = now
        if not path.exists():
            maintenance.prepare(path, durable=False)
        self.writing = Writer(lambda: sql.writing(path, durable=False), lambda: self.now)

    def run(self, verb: Callable[..., Any], *arguments: Any, actor: events.Actor = HOST) -> Any:
        """What the verb returns; raises what it raises."""
        return self.call(verb, actor, *arguments)

    def call(self, verb: Callable[..., Any] | Batch[Any, Any], *arguments: Any) -> Any:
        (outcome,) = self.together((verb, *arguments))
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    def together(self, *calls: tuple[Any, ...]) -> list[Any]:
        """Several calls in one transaction; what each returned or raised."""
        queued = [Call(call[0], call[1:], lambda _: None, 256) for call in calls]
        return [settled.outcome for settled in self.writing.run(queued)]

    def post(self, conversation: int, sender: str, content: str, **more: Any) -> messages.Posted:
        sent = messages.Post(conversation, HOST, sender, sender, content, **more)
        posted: messages.Posted = self.call(messages.POST, sent)
        return posted

    def restart(self) -> None:
        """A new connection that remembers nothing."""
        self.writing.close()
        self.writing = Writer(lambda: sql.writing(self.path, durable=False), lambda: self.now)

    def create_room(self, name: str, *admins: str) -> str:
        return str(self.run(rooms.create, name, admins).public_id)

    def stay(self, conversation: int, user_id: str, seconds: int) -> None:
        """A session that begins now and lasts that long; afterwards it is as late as before."""
        begun = self.now
        session = self.run(sessions.join, conversation, user_id, user_id)
        self.now += seconds * SECOND
        self.run(sessions.leave, session.session_id, "left")
        self.now = begun

    def close(self) -> None:
        self.writing.close()
