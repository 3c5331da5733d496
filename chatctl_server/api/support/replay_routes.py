"""Replay: the log of the desk after an event (contract support, 3)."""

from typing import Annotated, Any, NamedTuple

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency, Provide
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromQuery, QueryParameter

from chatctl_server import errors
from chatctl_server.api.compression import Coding, coding_of, compressed
from chatctl_server.api.context import Context, GivenContext
from chatctl_server.api.parameters import AnyRequest
from chatctl_server.api.support import people
from chatctl_server.api.support.conversation_bodies import microseconds
from chatctl_server.domain import envelopes as rules
from chatctl_server.domain.support import Person
from chatctl_server.storage import envelopes, log
from chatctl_server.storage.envelopes import EnvelopeFilter, EnvelopePage
from chatctl_server.storage.sql import Database
from chatctl_server.views.fields import means
from chatctl_server.views.support import envelopes as views
from chatctl_server.views.support.fields import CONVERSATION

USUAL, MOST = 100, 500
Since = Annotated[
    str | None,
    means("The id of the last event that the client has; what follows it", views.EVENT_ID),
]
Limit = Annotated[
    str | None, means("At most so many: 100, cut to 500; below 1, or no number, is 100", "200")
]
Types = Annotated[
    str | None,
    QueryParameter(name="type"),
    means("Only of these types, with commas, also short", "message_appended,message_deleted"),
]
Conversation = Annotated[str | None, means("Only of this conversation", CONVERSATION)]
From = Annotated[
    str | None,
    QueryParameter(name="from"),
    means("Not emitted before, RFC 3339", "2026-01-01T00:00:00Z"),
]
To = Annotated[
    str | None,
    QueryParameter(name="to"),
    means("Not emitted after, RFC 3339", "2026-01-02T00:00:00Z"),
]
_encoder = msgspec.json.Encoder()


class ReplayPage(msgspec.Struct, frozen=True):
    events: Annotated[list[views.Envelope], means("Oldest first")]
    next_since: Annotated[str | None, means("What to ask for next; null: nothing has happened")]
    gap: Annotated[bool, means("Whether `since_event_id` is unknown: it begins anew", False)]
    has_more: Annotated[bool, means("Whether another one that was asked for is there", False)]


class Body(NamedTuple):
    content: bytes
    headers: dict[str, str]


class ReplayQuery:
    """Which envelopes, and how many."""

    def __init__(
        self,
        since_event_id: FromQuery[Since] = None,
        limit: FromQuery[Limit] = None,
        types: FromQuery[Types] = None,
        conversation_id: FromQuery[Conversation] = None,
        from_time: FromQuery[From] = None,
        to_time: FromQuery[To] = None,
    ) -> None:
        self.since = since_event_id or None
        self.limit = _limit(limit)
        self.wanted = EnvelopeFilter(
            _names(types),
            conversation_id,
            None if from_time is None else microseconds(from_time, "from"),
            None if to_time is None else microseconds(to_time, "to"),
        )


Asked = NamedDependency[ReplayQuery]
ASKED: dict[str, Any] = {"asked": Provide(ReplayQuery, sync_to_thread=False)}
ANSWER = "Those that the caller may see, in the order of the log"
PAGE = {200: ResponseSpec(ReplayPage, generate_examples=False, description=ANSWER)}


@get(
    "/api/events/replay",
    tags=("desk",),
    summary="Events after an event",
    response_description=ANSWER,
    responses=PAGE,
    dependencies=ASKED,
    opt={"refuses": (errors.NotAllowed,)},
)
async def replay_events(request: AnyRequest, context: GivenContext, asked: Asked) -> Response[Any]:
    """Envelopes as they were sent live, byte for byte. A loop with `since_event_id` = `next_since`
    until there are none yields each once."""
    return await replayed(request, context, await people.person(context, request.scope), asked)


async def replayed(
    request: AnyRequest, context: Context, who: Person, asked: ReplayQuery
) -> Response[Any]:
    coding = coding_of(request.headers.get("accept-encoding", ""))
    found: EnvelopePage | Body | None = None
    while not isinstance(found, Body):
        found = await context.store.read(_replayed, who, asked, coding, found)
    return Response(found.content, media_type="application/json", headers=found.headers)


def _limit(text: str | None) -> int:
    """Never refused: what is no number of 1 or more is 100."""
    if text is None or not (text.isascii() and text.isdecimal()) or not text.strip("0"):
        return USUAL
    return MOST if len(text.lstrip("0")) > 3 else min(int(text), MOST)


def _names(text: str | None) -> tuple[str, ...] | None:
    """Short ones. An unknown one names nothing."""
    if text is None or not text.strip():
        return None
    return tuple(each.strip().removeprefix(rules.PREFIX) for each in text.split(","))


def _replayed(
    db: Database,
    who: Person,
    asked: ReplayQuery,
    coding: Coding | None,
    before: EnvelopePage | None,
) -> EnvelopePage | Body:
    """The answer; or a page that is not full while there is more to look at, for the next step:
    between them others read. ``before``: of the last step."""
    anchor = 0 if asked.since is None else envelopes.position(db, asked.since)
    so_far = before or EnvelopePage([], False, anchor or 0)
    left = asked.limit - len(so_far.found)
    page = envelopes.page(db, who, asked.wanted, so_far.looked_to, left)
    page = page._replace(found=so_far.found + page.found)
    if not page.has_more and page.looked_to < log.END:
        return page
    return Body(*compressed(_body(db, who, asked, page, has_gap=anchor is None), coding))


def _body(
    db: Database, who: Person, asked: ReplayQuery, page: EnvelopePage, *, has_gap: bool
) -> bytes:
    shown = [
        made for entry, site in page.found if (made := views.of_event(entry, site)) is not None
    ]
    if page.found:
        last = page.found[-1].entry
        next_since: str | None = views.id_of(last)
    else:
        next_since = asked.since or envelopes.newest(db, who)
    return _encoder.encode(
        {
            "events": [msgspec.Raw(each) for each in shown],
            "next_since": next_since,
            "gap": has_gap,
            "has_more": page.has_more,
        }
    )
