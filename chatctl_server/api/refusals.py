"""Which problems a route may answer. Each route says its own, with ``may_refuse``.

Not said, since the description adds them by itself: what the guard refuses, what any JSON body
can be, and ``internal``.
"""

from typing import Any

from chatctl_server import errors

Refusals = tuple[type[errors.ChatctlError], ...]

OPTION = "refusals"  # the key in a route's ``opt``
GUARD: Refusals = (errors.Unauthorized, errors.Throttled)
BODY: Refusals = (errors.InvalidInput, errors.TooLarge)
READ: Refusals = (errors.Busy, errors.QueryTimeout, errors.StorageUnavailable)
WRITE: Refusals = (*READ, errors.NotStored, errors.OutcomeUnknown, errors.StorageFull)
ROOM: Refusals = (errors.InvalidInput, errors.RoomNotFound)
OPEN_ROOM: Refusals = (*ROOM, errors.RoomIsClosed)


def may_refuse(*refusals: type[errors.ChatctlError]) -> dict[str, Any]:
    """A route's ``opt``."""
    return {OPTION: refusals}
