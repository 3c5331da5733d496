"""What the routes work with, made by the composition root."""

from chatctl_server.api.metrics import Metrics
from chatctl_server.live.bell import Bell
from chatctl_server.live.hub import Hub
from chatctl_server.live.presence import Presence
from chatctl_server.settings import Settings
from chatctl_server.storage.store import Store


class Context:
    """A plain class: the framework checks the types of structs, field by field, at each request.

    ``is_stopping`` ends streams; ``started_at`` in microseconds.
    """

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
        self.metrics = Metrics()
        self.address = ""
        self.database = str(store.path)
        self.is_durable = True
        self.is_serving = True
        self.is_stopping = False
