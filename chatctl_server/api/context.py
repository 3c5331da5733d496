"""What the routes work with, made by the composition root."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from litestar.di import NamedDependency

from chatctl_server.api.cors import Origins
from chatctl_server.api.metrics import Metrics
from chatctl_server.api.request_limits import RequestLimits
from chatctl_server.domain import events
from chatctl_server.domain.access_tokens import AccessTokens
from chatctl_server.domain.refresh_tokens import RefreshTokens
from chatctl_server.domain.stored_files import Checked
from chatctl_server.live.account_streams import AccountStreams
from chatctl_server.live.attempts import Attempts
from chatctl_server.live.chat_lists import ChatLists
from chatctl_server.live.desk_agents import DeskAgents
from chatctl_server.live.desk_sites import DeskSites
from chatctl_server.live.directory import Directory
from chatctl_server.live.event_streams import OpenStreams
from chatctl_server.live.hub import Hub
from chatctl_server.live.log_tail import LogTail
from chatctl_server.live.logins import Logins
from chatctl_server.live.notifier import Notifier
from chatctl_server.live.passwords import Passwords
from chatctl_server.live.presence import Presence
from chatctl_server.live.timer import Timer
from chatctl_server.live.typing import Typing
from chatctl_server.settings.sources import Settings
from chatctl_server.storage import deliveries
from chatctl_server.storage.file_store import FileStore
from chatctl_server.storage.sql import Database
from chatctl_server.storage.store import Store
from chatctl_server.views.deliveries import RequestObject

RequestOf = Callable[[Database, deliveries.Delivery], RequestObject]


class CallbackCalls(NamedTuple):
    """``request_of`` is a query: what would be sent now. ``deliver_due`` sends for so many
    seconds at most, and tells how many arrived, failed and are left; only a command on the file
    has it."""

    request_of: RequestOf
    deliver_due: Callable[[float], Awaitable[tuple[int, int, int, bool]]] | None


class Serving:
    """``stop`` comes once; streams end then."""

    def __init__(self) -> None:
        self.is_stopping = False

    def stop(self) -> None:
        self.is_stopping = True


class Context:
    """Made at the start; no attribute is set afterwards. A plain class: the framework checks the
    types of structs, field by field, at each request.

    ``started_at`` in microseconds. ``due`` is notified when there may be callbacks to send.
    ``callbacks`` is to be called in the loop's thread: they are made at the first call.
    ``check_files`` does so with those of a workspace, by its number.
    ``address`` and ``database`` are as a person is shown them. ``is_support_open``: the desk asks
    no credentials of who comes from this machine.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        version: str,
        store: Store,
        files: FileStore,
        check_files: Callable[[events.Actor, int], Awaitable[Checked]],
        presence: Presence,
        started_at: int,
        notifier: Notifier,
        due: Notifier,
        tries: Attempts,
        metrics: Metrics,
        callbacks: Callable[[], CallbackCalls],
        address: str,
        database: str,
        is_durable: bool,
        is_serving: bool,
        is_support_open: bool = False,
    ) -> None:
        self.settings = settings
        self.version = version
        self.store = store
        self.files = files
        self.check_files = check_files
        self.presence = presence
        self.started_at = started_at
        self.hub = Hub()
        self.timer = Timer()
        self.streams = OpenStreams()
        self.log_tail = LogTail()
        self.logins = Logins()
        self.chat_lists = ChatLists(store, settings.chat_list_cache_seconds)
        self.directory = Directory(store)
        self.account_streams = AccountStreams()
        self.desk_sites = DeskSites()
        self.desk_agents = DeskAgents()
        self.origins = Origins(settings.cors_origins, self.desk_sites.allows)
        self.typing = Typing()
        self.notifier = notifier
        self.due = due
        self.tries = tries
        self.metrics = metrics
        self.callbacks = callbacks
        self.address = address
        self.database = database
        self.is_durable = is_durable
        self.is_serving = is_serving
        self.is_support_open = is_support_open
        self.serving = Serving()
        self.profiling = asyncio.Lock()
        self.limits = RequestLimits(settings, time.monotonic)
        self.passwords = Passwords()

    def access_tokens(self) -> AccessTokens:
        """Raises InvalidSetting without a secret."""
        settings = self.settings
        return AccessTokens(settings.jwt_secret, settings.jwt_issuer, settings.jwt_audience)

    def refresh_tokens(self) -> RefreshTokens:
        return RefreshTokens(self.settings.jwt_secret)


GivenContext = NamedDependency[Context]  # of a route's parameter ``context``
