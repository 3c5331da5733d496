"""The clocks that ask for the periodic syncs, as far as a URL hears of them."""

import logging
from collections.abc import Mapping

from chatctl_server.actions import syncs
from chatctl_server.domain import callbacks, events
from chatctl_server.domain.callbacks import EndpointKind
from chatctl_server.settings.sources import Settings
from chatctl_server.storage.store import Store
from chatctl_server.workers.clock import after_each, insist
from chatctl_server.workers.supervise import Workers

logger = logging.getLogger("chatctl.sync")
Urls = Mapping[EndpointKind, str | None]


def start(workers: Workers, store: Store, settings: Settings, urls: Urls) -> None:
    states = _heard(syncs.STATES, urls)
    _tell_interval(settings.sync_interval_seconds, is_heard=bool(states))
    for seconds, kinds in (
        (settings.sync_interval_seconds, states),
        (settings.chat_history_batch_interval_seconds, _heard(("chat_history",), urls)),
        (settings.session_history_batch_interval_seconds, _heard(("session_history",), urls)),
    ):
        if seconds and kinds:
            _start(workers, store, seconds, kinds)


def _heard(kinds: tuple[events.SyncKind, ...], urls: Urls) -> tuple[events.SyncKind, ...]:
    return tuple(kind for kind in kinds if urls[callbacks.RECEIVERS[kind]] is not None)


def _start(
    workers: Workers, store: Store, seconds: int, kinds: tuple[events.SyncKind, ...]
) -> None:
    name = f"clock: {', '.join(kinds)}"

    async def request() -> None:
        await store.write(syncs.request_regularly, events.SERVER, kinds)

    async def run() -> None:
        await after_each(seconds, lambda: insist(name, request))

    workers.start(name, run)


def _tell_interval(seconds: int, *, is_heard: bool) -> None:
    """In the documents' words, for who looks for them."""
    if not seconds:
        logger.info("定时同步已禁用 (the periodic sync is off)")
    elif is_heard:
        logger.info("启动定时同步服务，间隔: %d秒 (a periodic sync every %d s)", seconds, seconds)
