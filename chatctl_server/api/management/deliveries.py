"""What was sent, what waits, what failed; and once more, one by one or after an outage."""

import re
from typing import Annotated, Any, Literal

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from chatctl_server import errors
from chatctl_server.actions import recovery
from chatctl_server.api import caller
from chatctl_server.api.context import Context, GivenContext, RequestOf
from chatctl_server.api.management import callback_bodies
from chatctl_server.api.parameters import UNIX_TIME, AnyRequest, Limit, OnlyRoom, paged, room_uuid
from chatctl_server.domain import event_id, events, times
from chatctl_server.storage import deliveries, delivery_lists, endpoints, history_pages, rooms
from chatctl_server.storage.sql import Database
from chatctl_server.views import deliveries as views
from chatctl_server.views import fields
from chatctl_server.views.fields import means

OnlyEndpoint = Annotated[str | None, means("Only for this endpoint", fields.ENDPOINT)]
OnlyStatus = Annotated[
    deliveries.Status | None,
    means("Only those: `pending`, `delivered`, `failed` or `skipped`", "failed"),
]
Glob = Annotated[
    str | None,
    QueryParameter(max_length=255),
    means("Only events that fit a pattern as in a shell: `room_*`", "room_*"),
]
Since = Annotated[int | None, UNIX_TIME, means("Not planned before, Unix seconds", fields.TIME)]
Until = Annotated[
    int | None, UNIX_TIME, means("Not planned after, Unix seconds", fields.TIME + fields.DAY)
]
Before = Annotated[str | None, means("Only deliveries before this one", fields.DELIVERY)]
RESENT = {
    "status": "pending",
    "tries_allowed": 2,
    "finished_at": None,
    "next_try_at": fields.TIME,
    "last_error": None,
}
Phase = Literal["deliveries", "events"]
_NUMBER = re.compile(r"[0-9]{1,18}")
_CURSOR = re.compile(r"(deliveries|events)(?:-([0-9]{1,18})-([0-9]{1,18}))?")


class DeliveryQuery:
    """Which deliveries, as the query says it."""

    def __init__(
        self,
        endpoint_id: FromQuery[OnlyEndpoint] = None,
        room: OnlyRoom = None,
        status: FromQuery[OnlyStatus] = None,
        event: Glob = None,
        since: Since = None,
        until: Until = None,
        before: FromQuery[Before] = None,
    ) -> None:
        self.query: dict[str, Any] = {
            "endpoint_id": endpoint_id,
            "room": room,
            "status": status,
            "event": event,
            "since": since,
            "until": until,
        }
        self.endpoint_id = None if endpoint_id is None else room_uuid(endpoint_id, "endpoint_id")
        self.room_id = None if room is None else room_uuid(room, "room")
        self.status = status
        self.event_glob = event
        self.window = history_pages.Window(since, until).microseconds()
        self.before = None if before is None else _checked(before, "before")


class Deliveries(Controller):
    path = "/management/callbacks/deliveries"
    tags = ("callbacks",)
    dependencies = {"asked": Provide(DeliveryQuery, sync_to_thread=False)}  # noqa: RUF012  never changed

    @get(
        "/",
        summary="List deliveries, the newest first",
        response_description="The deliveries; the header `Link` has the next page, if any",
        opt={"refuses": (errors.DeliveryNotFound, errors.Ambiguous)},
    )
    async def list_deliveries(
        self, context: GivenContext, asked: NamedDependency[DeliveryQuery], limit: Limit = 100
    ) -> Response[list[views.DeliveryObject]]:
        """A delivery is one event for one endpoint, however often it is tried. `failed` are those
        whose last try failed, `skipped` those that will not be sent.
        """
        found = await context.store.read(_page, asked, limit + 1)
        following = None
        if len(found) > limit:
            found = found[:limit]
            following = {**asked.query, "before": found[-1].delivery_id, "limit": limit}
        shown = [views.delivery(each) for each in found]
        return paged(shown, "/management/callbacks/deliveries", following)

    @get(
        "/{delivery_id:str}",
        summary="Show a delivery: the request, and every try",
        response_description="The delivery",
    )
    async def show_delivery(
        self, context: GivenContext, delivery_id: FromPath[fields.DeliveryId]
    ) -> views.DeliveryDetails:
        """`delivery_id` is its `webhook-id`; the first 8 characters of that, or more, will do when
        no other begins so, and its bare number will, too. The request is shown as
        it would be sent now, without its signature.
        """
        request_of = context.callbacks().request_of
        return await context.store.read(_details, request_of, _checked(delivery_id))

    @post(
        "/{delivery_id:str}/resend",
        status_code=200,
        summary="Send a delivery again",
        response_description="The delivery, and whether that changed anything",
        opt={"refuses": (errors.Conflict,), "example": RESENT},
    )
    async def resend_delivery(
        self, request: AnyRequest, context: GivenContext, delivery_id: FromPath[fields.DeliveryId]
    ) -> views.DeliveryObject:
        """One that is finished is pending again, with the same `webhook-id` and a fresh number of
        tries. One that waits for a retry is due now. One that was never tried is not changed.

        When its endpoint was removed: 409.
        """
        actor = caller.of(request.scope).actor()
        resent = await context.store.write_urgent(
            recovery.resend, actor, _checked(delivery_id), context.settings
        )
        context.due.notify()
        return views.delivery(resent.delivery, resent.changed)


@post(
    "/management/callbacks/recover",
    status_code=200,
    tags=("callbacks",),
    summary="Send again what an outage has cost",
    response_description="One page: how many, the first and the last of them",
)
async def recover_deliveries(
    request: AnyRequest, context: GivenContext, data: JSONBody[callback_bodies.Recover]
) -> callback_bodies.Recovered:
    """`failed`: what failed or was skipped is pending again, and what waits for its next try is
    tried now (`due_now`). `missing`: deliveries are made of events of which an enabled endpoint was
    not told, as far back as deliveries are kept. `all`: both, and what has arrived, again.

    A call does one page: repeat it with `next` as `after`, as fast as the receivers can take it,
    until `next` is null; a page may be empty before that. `dry_run` changes nothing.
    """
    outage = recovery.Outage(
        data.only,
        history_pages.Window(data.since, data.until).microseconds(),
        None if data.endpoint_id is None else room_uuid(data.endpoint_id, "endpoint_id"),
        data.limit,
        data.dry_run,
    )
    phase, place = _position(data.after, data.only)
    actor = caller.of(request.scope).actor()
    portion = await _recover(context, actor, outage, phase, place)
    context.due.notify()
    return callback_bodies.Recovered(
        portion.size,
        None if portion.first is None else views.delivery(portion.first),
        None if portion.last is None else views.delivery(portion.last),
        _cursor(portion.following, phase, data.only),
        portion.due_now,
    )


async def _recover(
    context: Context,
    actor: events.Actor,
    outage: recovery.Outage,
    phase: Phase,
    place: recovery.PortionStart,
) -> recovery.Portion:
    store, settings = context.store, context.settings
    if phase == "deliveries":
        return await store.write(recovery.revive, actor, outage, place, settings)
    missing = await store.read(recovery.find_missing, outage, place, settings, times.now())
    return await store.write(recovery.plan_missing, actor, outage, missing)


def _position(cursor: str | None, only: events.RecoveryKind) -> tuple[Phase, recovery.PortionStart]:
    if cursor is None:
        return ("events" if only == "missing" else "deliveries"), recovery.PortionStart()
    found = _CURSOR.fullmatch(cursor)
    if found is None:
        raise errors.InvalidInput(f"after: {cursor!r} is no `next` of a recovery", field="after")
    phase, *place = found.groups()
    start = recovery.PortionStart(*(int(each) for each in place if each is not None))
    return ("events" if phase == "events" else "deliveries"), start


def _cursor(
    following: recovery.PortionStart | None, phase: Phase, only: events.RecoveryKind
) -> str | None:
    if following is not None:
        return f"{phase}-{following.after}-{following.end}"
    return "events" if phase == "deliveries" and only == "all" else None


def _checked(delivery_id: str, field: str = "delivery_id") -> str:
    """A webhook-id, the beginning of one, or a number."""
    lower = delivery_id.lower()
    is_one = _NUMBER.fullmatch(lower) or event_id.span(lower)
    return lower if is_one else room_uuid(delivery_id, field)


def _place(db: Database, before: str | None) -> int:
    """A delivery that is gone keeps its place."""
    if before is None:
        return history_pages.LATEST
    span = event_id.span(before)
    return span.first if span is not None and span.is_whole else deliveries.find(db, before).id


def _page(db: Database, asked: DeliveryQuery, limit: int) -> list[delivery_lists.DeliveryListed]:
    room = None if asked.room_id is None else rooms.find_ref(db, asked.room_id, "room").id
    endpoint = None if asked.endpoint_id is None else endpoints.find_any(db, asked.endpoint_id).id
    wanted = delivery_lists.Filter(endpoint, room, asked.status, asked.event_glob, *asked.window)
    return delivery_lists.page(db, wanted, _place(db, asked.before), limit)


def _details(db: Database, request_of: RequestOf, delivery_id: str) -> views.DeliveryDetails:
    stored = deliveries.find(db, delivery_id)
    request = request_of(db, stored)
    tries = deliveries.tries(db, stored.id)
    return views.details(delivery_lists.one(db, stored.id), request, tries)
