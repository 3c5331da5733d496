"""The parameters that several rooms routes share."""

import uuid
from typing import Annotated

from litestar.params import PathParameter, QueryParameter

from chatctl_server import errors

RoomId = Annotated[str, PathParameter(description="The room's UUID")]
UserId = Annotated[str, PathParameter(description="The host product's id of the user")]
PageNumber = Annotated[int, QueryParameter(ge=1, description="Page, from 1")]
From = Annotated[
    int | None, QueryParameter(name="from", description="Unix seconds, inclusive", default=None)
]
To = Annotated[
    int | None, QueryParameter(name="to", description="Unix seconds, inclusive", default=None)
]


def room_uuid(room_id: str) -> str:
    """The id as it is stored. Raises InvalidInput for what is no UUID."""
    try:
        return str(uuid.UUID(room_id))
    except ValueError:
        raise errors.InvalidInput(f"room_id {room_id!r} is no UUID", field="room_id") from None
