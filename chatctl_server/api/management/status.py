"""What the server says of itself: status, health, metrics."""

import asyncio
import contextlib
import hmac
import os
from typing import get_args

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec

from chatctl_server import errors
from chatctl_server.actions import callbacks, followers
from chatctl_server.api import caller
from chatctl_server.api.context import Context
from chatctl_server.api.metrics import CONTENT_TYPE
from chatctl_server.api.parameters import AnyRequest
from chatctl_server.api.refusals import READ, may_refuse
from chatctl_server.domain import times
from chatctl_server.domain.callbacks import EndpointKind
from chatctl_server.storage import (
    counters,
    cursors,
    deliveries,
    endpoints,
    log,
    rooms,
    syncs,
)
from chatctl_server.storage.sql import Database, schema_name

PROBE_SECONDS = 2.0


class Backlog(msgspec.Struct, frozen=True):
    """Calls waiting for the writer, and how many events each follower is behind."""

    writer: int
    followers: dict[str, int]


class Status(msgspec.Struct, frozen=True):
    """Times are Unix seconds. Where no server runs and a command answers from the file, what only
    a server has is null, and ``health`` is ``not_running``."""

    version: str
    schema: str
    uptime_seconds: int | None
    started_at: int | None
    pid: int | None
    address: str | None
    database: str
    database_bytes: int
    durable: bool
    connections: int
    rooms_open: int
    rooms_closed: int
    messages: int
    last_offset: int
    backlog: Backlog
    health: str


class Service(msgspec.Struct, frozen=True):
    name: str
    status: str
    latency_ms: float
    error: str | None


class Health(msgspec.Struct, frozen=True):
    status: str
    services: list[Service]
    version: str
    timestamp: str


DOWN = ResponseSpec(
    str, generate_examples=False, description="The text `DOWN`", media_type="text/plain"
)
UNHEALTHY = ResponseSpec(
    Health, generate_examples=False, description="`unhealthy`: the database cannot be read"
)


class StoredCounts(msgspec.Struct, frozen=True):
    rooms: dict[str, int]
    messages: int
    last_offset: int
    followers: dict[str, int]
    schema: str


@get(
    "/management/status",
    tags=("server",),
    summary="Version, uptime, counts and backlog",
    response_description="The figures of this moment",
    opt=may_refuse(*READ),
)
async def status(context: NamedDependency[Context]) -> Status:
    """What an operator asks first. Programs that watch the server read `/metrics`."""
    counted = await context.store.read(_counts)
    serves = context.is_serving
    return Status(
        version=context.version,
        schema=counted.schema,
        uptime_seconds=times.seconds(times.now() - context.started_at) if serves else None,
        started_at=times.seconds(context.started_at) if serves else None,
        pid=os.getpid() if serves else None,
        address=context.address if serves else None,
        database=context.database,
        database_bytes=_size(context),
        durable=context.is_durable,
        connections=context.presence.connections,
        rooms_open=counted.rooms.get("open", 0),
        rooms_closed=counted.rooms.get("closed", 0),
        messages=counted.messages,
        last_offset=counted.last_offset,
        backlog=Backlog(context.store.backlog, counted.followers),
        health=_health(context),
    )


def _health(context: Context) -> str:
    if not context.is_serving:
        return "not_running"
    return "degraded" if context.store.trouble else "healthy"


@get(
    "/management/health",
    media_type="text/plain",
    tags=("server",),
    summary="Whether the server answers",
    response_description="The text `OK`",
)
async def management_health() -> str:
    """Asks nobody, not even the database."""
    return "OK"


@get(
    "/health/simple",
    media_type="text/plain",
    tags=("server",),
    summary="Whether the database can be read, for load balancers",
    response_description="The text `OK`",
    responses={503: DOWN},
)
async def simple_health(context: NamedDependency[Context]) -> Response[str]:
    """The status says it all."""
    database = await _database(context)
    is_down = database.status == "unhealthy"
    return Response("DOWN" if is_down else "OK", status_code=503 if is_down else 200)


@get(
    "/health",
    tags=("server",),
    summary="The state of each part",
    response_description="`healthy`, or `degraded` when the last commit failed",
    responses={503: UNHEALTHY},
)
async def health(context: NamedDependency[Context]) -> Response[Health]:
    """`degraded` goes on trying; `unhealthy` cannot read its database."""
    database = await _database(context)
    return Response(
        Health(database.status, [database], context.version, times.rfc3339(times.now())),
        status_code=503 if database.status == "unhealthy" else 200,
    )


@get(
    "/metrics",
    media_type=CONTENT_TYPE,
    tags=("server",),
    summary="Figures for Prometheus",
    response_description="Prometheus text",
    security=[{}, {"MetricsKey": []}],
    opt=may_refuse(errors.Unauthorized),
)
async def metrics(request: AnyRequest, context: NamedDependency[Context]) -> Response[bytes]:
    """Open to all, unless the setting `METRICS_KEY` closes it."""
    key = context.settings.metrics_key
    if key is not None:
        given = caller.header(request.scope, b"authorization") or b""
        if not hmac.compare_digest(given, b"Bearer " + key.encode()):
            raise errors.Unauthorized("The metrics ask for Authorization: Bearer METRICS_KEY")
    context.metrics.connections.set(context.presence.connections)
    context.metrics.active_users.set(context.presence.active_users)
    context.metrics.writer_backlog.set(context.store.backlog)
    context.metrics.loop_lag_seconds.set(context.timer.lag_seconds)
    await _measure_callbacks(context)
    return Response(context.metrics.text(), headers={"content-type": CONTENT_TYPE})


async def _measure_callbacks(context: Context) -> None:
    """When the database does not answer, the figures stay as they were: the others are told."""
    with contextlib.suppress(TimeoutError, errors.ChatctlError):
        async with asyncio.timeout(PROBE_SECONDS):
            waiting = await context.store.read(_callbacks_waiting)
        for kind, (pending, oldest) in waiting.items():
            seconds = 0 if oldest is None else max(0, times.now() - oldest) / times.SECOND
            context.metrics.callback_backlog.labels(kind).set(pending)
            context.metrics.callback_oldest_pending_seconds.labels(kind).set(seconds)


def _callbacks_waiting(db: Database) -> dict[str, tuple[int, int | None]]:
    """By kind: how many are pending, and when the oldest was planned."""
    backlog = deliveries.backlog(db)
    found: dict[str, tuple[int, int | None]] = dict.fromkeys(get_args(EndpointKind), (0, None))
    for endpoint in endpoints.everyone(db):
        if endpoint.id in backlog:
            count, planned_at = backlog[endpoint.id]
            pending, oldest = found[endpoint.kind]
            known = [each for each in (oldest, planned_at) if each is not None]
            found[endpoint.kind] = pending + count, min(known)
    return found


async def _database(context: Context) -> Service:
    """Unhealthy when it cannot be read, degraded when the last commit failed and still does."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    state, error = "healthy", None
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            await context.store.read(log.newest_offset)
            if context.store.is_displaced:
                return Service("database", "unhealthy", 0.0, "database_file_displaced")
            if context.store.trouble:
                await context.store.write(followers.heartbeat)
    except TimeoutError:
        state, error = "degraded", "timeout"
    except errors.StorageUnavailable as trouble:
        state, error = "unhealthy", trouble.code
    except errors.ChatctlError as trouble:
        state, error = "degraded", trouble.code
    return Service("database", state, round((loop.time() - started) * 1000, 3), error)


def _counts(db: Database) -> StoredCounts:
    newest = log.newest_offset(db)
    positions = cursors.of_followers(db)
    positions["syncs"] = syncs.planned_up_to(db, positions.get(callbacks.NAME, 0))
    return StoredCounts(
        rooms=rooms.counts(db),
        messages=counters.values(db).get("message", 0),
        last_offset=newest,
        followers={name: newest - position for name, position in positions.items()},
        schema=schema_name(db),
    )


def _size(context: Context) -> int:
    """Of the file and its write-ahead log, in bytes."""
    path = context.store.path
    parts = (path, path.with_name(path.name + "-wal"))
    return sum(part.stat().st_size for part in parts if part.exists())
