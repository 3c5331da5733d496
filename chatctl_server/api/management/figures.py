"""Figures for Prometheus."""

import asyncio
import contextlib
import hmac
from typing import NamedTuple

from litestar import Response, get

from chatctl_server import errors
from chatctl_server.api import caller
from chatctl_server.api.authentication import OPERATOR, check_operator
from chatctl_server.api.context import Context, GivenContext
from chatctl_server.api.management import callback_figures
from chatctl_server.api.management.callback_figures import Receiving
from chatctl_server.api.metrics import CONTENT_TYPE
from chatctl_server.api.parameters import AnyRequest
from chatctl_server.domain import support, times
from chatctl_server.storage import rooms, support_conversations
from chatctl_server.storage.sql import Database
from chatctl_server.storage.support_conversations import Waiting

QUERY_SECONDS = 2.0


class Stored(NamedTuple):
    rooms: dict[str, int]
    receiving: list[Receiving]
    conversations: dict[support.Status, int]
    waiting: Waiting


@get(
    "/metrics",
    media_type=CONTENT_TYPE,
    tags=("server",),
    summary="Figures for Prometheus",
    response_description="Prometheus text",
    security=[{}, {"MetricsKey": []}],
    opt={
        "refuses": OPERATOR.refuses,
        "example": "# TYPE chatctl_messages_total counter\nchatctl_messages_total 2.0",
    },
)
async def metrics(request: AnyRequest, context: GivenContext) -> Response[bytes]:
    """Open to all, unless the setting `METRICS_KEY` closes it: then to that, to the admin
    key, and to a named key with the scope `metrics`."""
    key = context.settings.metrics_key
    if key is not None:
        given = caller.header(request.scope, b"authorization") or b""
        if not hmac.compare_digest(given, b"Bearer " + key.encode()):
            missing = "The metrics ask for Authorization: Bearer METRICS_KEY"
            await check_operator(request.scope, context, "metrics", missing)
    await _measure_stored(context)
    return Response(context.metrics.text(), headers={"content-type": CONTENT_TYPE})


async def _measure_stored(context: Context) -> None:
    """When the database does not answer, its figures stay as they were: the others are told."""
    with contextlib.suppress(TimeoutError, errors.ChatctlError):
        async with asyncio.timeout(QUERY_SECONDS):
            stored = await context.store.read(_stored)
        context.metrics.rooms.set(stored.rooms.get("open", 0))
        for status in support.TRANSITIONS:
            count = stored.conversations.get(status, 0)
            context.metrics.conversations.labels(status).set(count)
        since = stored.waiting.since
        waits = 0 if since is None else max(0, times.now() - since) / times.SECOND
        context.metrics.conversation_wait_seconds.set(waits)
        callback_figures.measure(context.metrics, stored.receiving)


def _stored(db: Database) -> Stored:
    return Stored(
        rooms.counts(db),
        callback_figures.read(db),
        support_conversations.counts(db),
        support_conversations.waiting(db),
    )
