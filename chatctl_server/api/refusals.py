"""Which problems a route may answer, by what it does and what it is given.

A route says in its ``opt`` with what else it ``refuses``, with what it ``never`` does and, as
``asks_store``, whether it reads or writes, where that is not the same as having a guard. Tests
compare all of it with what is met.
"""

from collections.abc import Set

from chatctl_server import errors

Refusals = tuple[type[errors.ChatctlError], ...]

GUARD: Refusals = (errors.Unauthorized, errors.Throttled)
READ: Refusals = (errors.Busy, errors.QueryTimeout, errors.StorageUnavailable)
WRITING: Refusals = (errors.NotStored, errors.OutcomeUnknown, errors.StorageFull)
WRITE: Refusals = (*READ, *WRITING)
# In a path: what is none is no such path, or nothing's.
NUMBERS = frozenset(("canned_id", "chat_id", "member_id", "message_id", "workspace_id"))
NAMES = frozenset(("conversation_id", "customer_id", "site"))
_OF_NAMES: dict[str, Refusals] = {
    "room_id": (errors.RoomNotFound,),
    "room": (errors.RoomNotFound,),
    "message_id": (errors.NotFound, errors.MessageNotFound),
    "chat_id": (errors.NotFound, errors.ConversationNotFound),
    "member_id": (errors.NotFound,),
    "X-Workspace-Id": (errors.WorkspaceNotFound, errors.NoWorkspace),
    "endpoint_id": (errors.EndpointNotFound,),
    "key_id": (errors.KeyNotFound,),
    "delivery_id": (errors.DeliveryNotFound, errors.Ambiguous),
    **dict.fromkeys(
        ("user_id", "room_name", "admin_user_ids", "add", "reason", "content", "name"),
        (errors.BadText,),
    ),
}


def of(method: str, parameters: Set[str], body: Set[str] | None) -> set[type[errors.ChatctlError]]:
    """``body``: the names of its fields; None without one. What changes something wants an open
    room, but for a single message, which can be erased for ever."""
    names = parameters | (body or set())
    found = {each for name in names for each in _OF_NAMES.get(name, ())}
    found.update(READ if method == "get" else WRITE)
    if parameters - NUMBERS - NAMES or body is not None:
        found.add(errors.InvalidInput)
    if body is not None:
        found.add(errors.TooLarge)
    if method != "get" and "room_id" in names and "message_id" not in names:
        found.add(errors.RoomIsClosed)
    return found
