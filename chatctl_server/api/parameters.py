"""The parameters that several rooms routes share."""

import uuid
from typing import Annotated, Any

from litestar import Request
from litestar.params import QueryParameter

from chatctl_server import errors
from chatctl_server.api.gate import ESCAPED_SLASH

AnyRequest = Request[Any, Any, Any]
From = Annotated[int | None, QueryParameter(name="from", description="Unix seconds, inclusive")]
To = Annotated[int | None, QueryParameter(name="to", description="Unix seconds, inclusive")]


def path_text(segment: str) -> str:
    """A path segment as the caller meant it: the gate marks an escaped slash."""
    return segment.replace(ESCAPED_SLASH, "/")


def room_uuid(room_id: str, field: str = "room_id") -> str:
    """The id as it is stored. Raises InvalidInput for what is no UUID."""
    try:
        return str(uuid.UUID(room_id))
    except ValueError:
        raise errors.InvalidInput(f"{field} {room_id!r} is no UUID", field=field) from None
