"""What the routes work with, made by the composition root."""

from collections.abc import Awaitable, Callable

from chatctl_server.api.metrics import Metrics
from chatctl_server.live.bell import Bell
from chatctl_server.live.hub import Hub
from chatctl_server.live.presence import Presence
from chatctl_server.live.tries import Tries
from chatctl_server.settings import Settings
from chatctl_server.storage import deliveries
from chatctl_server.storage.sql import Database
from chatctl_server.storage.store import Store
from chatctl_server.views.deliveries import Request


class Context:
    """A plain class: the framework checks the types of structs, field by field, at each request.

    ``is_stopping`` ends streams; ``started_at`` in microseconds. ``due`` rings when there may be
    callbacks to send; ``request_of`` is a question: what would be sent now.
    ``deliver_due`` sends for so many seconds at most, and tells how many arrived, failed and are
    left; only a command on the file has it.
    """

    request_of: Callable[[Database, deliveries.Stored], Request]

    def __init__(
        self, settings: Settings, version: str, store: Store, presence: Presence, started_at: int
    ) -> None:
        self.settings = settings
        self.version = version
        self.store = store
        self.presence = presence
        self.started_at = started_at
        self.hub = Hub()
        self.bell = Bell()
        self.due = Bell()
        self.tries = Tries()
        self.metrics = Metrics()
        self.address = ""
        self.database = str(store.path)
        self.is_durable = True
        self.is_serving = True
        self.is_stopping = False
        self.deliver_due: Callable[[float], Awaitable[tuple[int, int, int]]] | None = None
