"""What the three clients yield."""

from typing import Any, Generic, NamedTuple, TypeVar

Id = TypeVar("Id", bound=int | str)
Json = Any
"""The server's JSON: its shapes are the API's."""


class Event(NamedTuple, Generic[Id]):
    """``id`` is the place to go on from, to be given as ``since`` to a new client: in a room a
    message's seq, in team chat an offset, in the support desk an ``event_id``. None for what is
    not stored."""

    type: str
    data: dict[str, Json]
    id: Id | None = None


RESYNC = "resync"
"""The type of an event that says: some of what was missed will not come. Read the state anew."""
