"""The parameters that several routes share."""

import re
import uuid
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Protocol, TypeVar
from urllib.parse import urlencode

from litestar import Request, Response
from litestar.params import FromQuery, QueryParameter

from chatctl_server import errors
from chatctl_server.api.edge import ESCAPED_SLASH
from chatctl_server.storage import history_pages
from chatctl_server.views import fields
from chatctl_server.views.fields import means

_UUID = re.compile(r"[0-9a-f]{8}(-?)[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{12}")
_AS_STORED = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
T = TypeVar("T")
SUFFIX = "suffix"  # of the ``opt`` of routes that are another face's, too: ends their names


class _Numbered(Protocol):
    @property
    def id(self) -> int: ...


N = TypeVar("N", bound=_Numbered)
AnyRequest = Request[Any, Any, Any]


class OptionalBody(Request[Any, Any, Any]):
    """Of a route whose body may be left out: a blank one is none."""

    async def body(self) -> bytes:
        found = await super().body()
        return found if found.strip() else b""


class OptionalJson(OptionalBody):
    """What does not say that it is JSON is none, either."""

    async def body(self) -> bytes:
        is_json = "json" in self.headers.get("content-type", "").lower()
        return await super().body() if is_json else b""


UNIX_TIME = QueryParameter(ge=0, le=253_402_300_799)
From = Annotated[
    int | None,
    QueryParameter(name="from"),
    means("Not before, Unix seconds, inclusive", fields.TIME),
]
To = Annotated[
    int | None,
    QueryParameter(name="to"),
    means("Not after, Unix seconds, inclusive", fields.TIME + fields.DAY),
]
OnlyRoom = FromQuery[Annotated[str | None, means("Only of this room: its UUID", fields.ROOM)]]
Limit = Annotated[int, QueryParameter(ge=1, le=1000), means("At most so many", 10)]
PageLimit = Annotated[
    int, QueryParameter(ge=1), means("At most so many; cut to `HISTORY_PAGE_LIMIT`", 10)
]
Cursor = Annotated[
    int,
    QueryParameter(ge=0, le=history_pages.LATEST),
    means("Where the next page begins; comes from the header `Link`", 0),
]


def storable(number: int) -> int:
    """A number of a path, as the database can look for it: beyond its integers is nothing."""
    return max(-history_pages.LATEST, min(number, history_pages.LATEST))


def paged(found: list[T], path: str, following: Mapping[str, Any] | None) -> Response[list[T]]:
    """``following`` is the query of the next page, None when there is none; its None are no part
    of it."""
    if following is None:
        return Response(found)
    given = {name: value for name, value in following.items() if value is not None}
    return Response(found, headers={"link": f'<{path}?{urlencode(given)}>; rel="next"'})


def page(
    shown: list[N],
    limit: int,
    path: str,
    asked: Mapping[str, Any] = MappingProxyType({}),
    *,
    cursor: str = "after",
) -> Response[list[N]]:
    """``shown`` has one more than the page if there are more: the next one's ``cursor`` is then the
    last id, beside what was ``asked``."""
    if len(shown) <= limit:
        return Response(shown)
    last = shown[limit - 1].id
    return paged(shown[:limit], path, {**asked, cursor: last, "limit": limit})


def path_text(segment: str) -> str:
    """A path segment as the caller meant it: the edge marks an escaped slash."""
    return segment.replace(ESCAPED_SLASH, "/")


def room_uuid(room_id: str, field: str = "room_id") -> str:
    """The id as it is stored. Raises InvalidInput for what is no UUID."""
    if _AS_STORED.fullmatch(room_id):
        return room_id
    lower = room_id.lower()
    if not _UUID.fullmatch(lower):
        raise errors.InvalidInput(f"{field} {path_text(room_id)!r} is no UUID", field=field)
    return str(uuid.UUID(lower))
