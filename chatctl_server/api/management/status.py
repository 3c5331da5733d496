"""What the server says of itself: status and health."""

import asyncio
import contextlib
import os
from typing import Annotated

import msgspec
from litestar import Response, get
from litestar.openapi.datastructures import ResponseSpec

from chatctl_server import errors
from chatctl_server.actions import callbacks, followers
from chatctl_server.api.context import Context, GivenContext
from chatctl_server.api.management import callback_figures
from chatctl_server.api.management.callback_figures import Receiving
from chatctl_server.domain import times
from chatctl_server.domain.support import Status as SupportStatus
from chatctl_server.storage import cursors, log, messages, rooms, support_conversations, syncs
from chatctl_server.storage.sql import Database, schema_name
from chatctl_server.views import fields
from chatctl_server.views.fields import means

PROBE_SECONDS = 2.0
State = Annotated[str, means("`healthy`, `degraded` or `unhealthy`", "healthy")]


class Backlog(msgspec.Struct, frozen=True):
    """Calls waiting for the writer, and how many events each follower is behind."""

    writer: Annotated[int, means("Calls that wait for the writer", 0)]
    followers: Annotated[
        dict[str, int],
        means("How many events each follower is behind", {"audit": 0, "callbacks": 0, "syncs": 0}),
    ]


class Status(msgspec.Struct, frozen=True):
    """Times are Unix seconds. Where no server runs and a command answers from the file, what only
    a server has is null, and ``health`` is ``not_running``."""

    version: fields.Version
    schema: Annotated[str, means("The database's newest migration", "0002_team_chat")]
    uptime_seconds: Annotated[int | None, means("Seconds since the start", 3600)]
    started_at: Annotated[int | None, means("When the server started, Unix seconds", fields.TIME)]
    pid: Annotated[int | None, means("The server's process id", 4711)]
    address: Annotated[str | None, means("Where the server listens", "http://127.0.0.1:3000")]
    database: Annotated[str, means("The database's file", "/var/lib/chatctl/chat.db")]
    database_bytes: Annotated[int, means("Bytes of the file and its write-ahead log", 1048576)]
    durable: Annotated[bool, means("False when the database is in memory: a stop loses it", True)]
    connections: Annotated[int, means("Open connections to rooms: WebSockets and streams", 2)]
    rooms_open: Annotated[int, means("Open rooms", 1)]
    rooms_closed: Annotated[int, means("Closed rooms", 0)]
    conversations_open: Annotated[int, means("Open conversations of the support desk", 0)]
    conversations_waiting: Annotated[
        int, means("Those of them whose customers wait for an answer", 0)
    ]
    messages: Annotated[int, means("Messages stored", 3)]
    last_offset: Annotated[int, means("The newest event's offset", 16)]
    backlog: Annotated[Backlog, means("What waits")]
    callbacks_pending: Annotated[int, means("Callbacks that wait", 0)]
    callbacks_failed: Annotated[
        int, means("Callbacks that failed, and were not recovered since", 0)
    ]
    oldest_failed_at: fields.OldestFailedAt
    database_error: Annotated[str | None, means("Why the last commit failed; null when it did not")]
    health: Annotated[
        str,
        means(
            "`healthy`, or `degraded` when the last commit failed, or callbacks do not arrive",
            "healthy",
        ),
    ]


class Service(msgspec.Struct, frozen=True):
    name: Annotated[str, means("The part's name", "database")]
    status: State
    latency_ms: fields.Latency
    error: Annotated[str | None, means("A problem code; null when there is none")]


class Health(msgspec.Struct, frozen=True):
    status: State
    services: Annotated[list[Service], means("The parts")]
    version: fields.Version
    timestamp: Annotated[str, means("Now, RFC 3339 in UTC", "2026-01-01T00:00:00.000000Z")]


DOWN = ResponseSpec(
    str, generate_examples=False, description="The text `DOWN`", media_type="text/plain"
)
UNHEALTHY = ResponseSpec(
    Health, generate_examples=False, description="`unhealthy`: the database cannot be read"
)


class StoredCounts(msgspec.Struct, frozen=True):
    rooms: dict[str, int]
    conversations: dict[SupportStatus, int]
    waiting: int
    messages: int
    last_offset: int
    followers: dict[str, int]
    receiving: list[Receiving]
    schema: str


@get(
    "/management/status",
    tags=("server",),
    summary="Version, uptime, counts and backlog",
    response_description="The figures of this moment",
)
async def status(context: GivenContext) -> Status:
    """What an operator asks first. Programs that watch the server read `/metrics`."""
    counted = await context.store.read(_counts)
    callbacks_waiting = callback_figures.in_all(counted.receiving)
    serves = context.is_serving
    return Status(
        version=context.version,
        schema=counted.schema,
        uptime_seconds=times.seconds(times.now() - context.started_at) if serves else None,
        started_at=times.seconds(context.started_at) if serves else None,
        pid=os.getpid() if serves else None,
        address=context.address if serves else None,
        database=context.database,
        database_bytes=context.store.size_bytes,
        durable=context.is_durable,
        connections=context.presence.connections,
        rooms_open=counted.rooms.get("open", 0),
        rooms_closed=counted.rooms.get("closed", 0),
        conversations_open=counted.conversations.get("open", 0),
        conversations_waiting=counted.waiting,
        messages=counted.messages,
        last_offset=counted.last_offset,
        backlog=Backlog(context.store.backlog, counted.followers),
        callbacks_pending=callbacks_waiting.pending,
        callbacks_failed=callbacks_waiting.failed,
        oldest_failed_at=times.seconds_or_none(callbacks_waiting.oldest_failed_at),
        database_error=None if (error := context.store.trouble) is None else error.detail,
        health=_health(context, counted.receiving),
    )


def _health(context: Context, receiving: list[Receiving]) -> str:
    if not context.is_serving:
        return "not_running"
    if context.store.is_displaced:
        return "unhealthy"
    is_well = not context.store.trouble and callback_figures.trouble(receiving) is None
    return "healthy" if is_well else "degraded"


@get(
    "/management/health",
    media_type="text/plain",
    tags=("server",),
    summary="Whether the server answers",
    response_description="The text `OK`",
    opt={"example": "OK"},
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
    opt={"example": "OK"},
)
async def simple_health(context: GivenContext) -> Response[str]:
    """The status says it all."""
    database = await _database(context)
    is_down = database.status == "unhealthy"
    return Response("DOWN" if is_down else "OK", status_code=503 if is_down else 200)


@get(
    "/health",
    tags=("server",),
    summary="The state of each part",
    response_description=(
        "`healthy`, or `degraded` when the last commit failed, or callbacks do not arrive"
    ),
    responses={503: UNHEALTHY},
)
async def health(context: GivenContext) -> Response[Health]:
    """`degraded` goes on trying; `unhealthy` cannot read its database."""
    database = await _database(context)
    services = [database]
    if database.status != "unhealthy":
        services += await _callbacks(context)
    states = [each.status for each in services]
    state = next((each for each in ("unhealthy", "degraded") if each in states), "healthy")
    return Response(
        Health(state, services, context.version, times.rfc3339(times.now())),
        status_code=503 if state == "unhealthy" else 200,
    )


async def _callbacks(context: Context) -> list[Service]:
    """None where nobody is called back. Degraded while the oldest waits for more than five minutes,
    or one failed in the last hour and was not recovered."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    with contextlib.suppress(TimeoutError, errors.ChatctlError):
        async with asyncio.timeout(PROBE_SECONDS):
            receiving = await context.store.read(callback_figures.read)
        if not receiving:
            return []
        trouble = callback_figures.trouble(receiving)
        latency = round((loop.time() - started) * 1000, 3)
        state = "healthy" if trouble is None else "degraded"
        return [Service("callbacks", state, latency, trouble)]
    return []  # the database's trouble is told of as such


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
        conversations=support_conversations.counts(db),
        waiting=support_conversations.waiting(db).customers,
        messages=messages.total(db),
        last_offset=newest,
        followers={name: newest - position for name, position in positions.items()},
        receiving=callback_figures.read(db),
        schema=schema_name(db),
    )
