"""The parameters that several routes share."""

import re
import uuid
from typing import Annotated, Any

from litestar import Request
from litestar.params import QueryParameter

from chatctl_server import errors
from chatctl_server.api.edge import ESCAPED_SLASH

_UUID = re.compile(r"[0-9a-f]{8}(-?)[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{12}")
_AS_STORED = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
AnyRequest = Request[Any, Any, Any]


class OptionalJson(Request[Any, Any, Any]):
    """Of a route whose body may be left out: what does not say that it is JSON is none."""

    async def body(self) -> bytes:
        found = await super().body()
        is_json = "json" in self.headers.get("content-type", "").lower()
        return found if is_json and found.strip() else b""


From = Annotated[int | None, QueryParameter(name="from", description="Unix seconds, inclusive")]
To = Annotated[int | None, QueryParameter(name="to", description="Unix seconds, inclusive")]


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
