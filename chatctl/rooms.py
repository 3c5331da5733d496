"""ROOM on the command line: an id or a name, open before closed."""

import re

from chatctl import client, ids
from chatctl.client import Client, Json
from chatctl.failures import Failure

_SHOWN_CANDIDATES = 5


def find(server: Client, room: str) -> Json:
    """The room's details. Raises Failure ``room_not_found`` or ``ambiguous``."""
    if ids.is_uuid(room):
        try:
            return server.get(path(room))
        except Failure as failure:
            if failure.code != "room_not_found":
                raise
    for status in ("open", "closed"):
        named = _named(server, room, status)
        if len(named) > 1:
            raise _ambiguous(room, named)
        if named:
            return named[0]
    raise Failure("room_not_found", f"there is no room {room}", "chatctl rooms ls", 404)


def find_id(server: Client, room: str) -> str:
    return str(find(server, room)["room_id"])


def path(room_id: str, *rest: str) -> str:
    segments = [client.segment(part, "ROOM or USER") for part in (room_id, *rest)]
    return "/".join(("/management/rooms", *segments))


def others_named(server: Client, made: Json) -> bool:
    """Whether another open room has its name. What fails here fails no command that is done."""
    match = _glob_of(made["room_name"])
    query: dict[str, str | int] = {"status": "open", "match": match, "limit": 2}
    try:
        found = server.get("/management/rooms", query)
    except Failure:
        return False
    return any(
        room["room_name"] == made["room_name"] and room["room_id"] != made["room_id"]
        for room in found
    )


def _named(server: Client, name: str, status: str) -> list[Json]:
    query = {"status": status, "match": _glob_of(name)}
    pages = server.pages("/management/rooms", query)
    return [room for page in pages for room in page if room["room_name"] == name]


def _glob_of(name: str) -> str:
    """A glob that matches only the name."""
    return re.sub(r"([*?\[])", r"[\1]", name)


def _ambiguous(name: str, found: list[Json]) -> Failure:
    ids = sorted(str(room["room_id"]) for room in found)
    more = f" and {len(ids) - _SHOWN_CANDIDATES} more" if len(ids) > _SHOWN_CANDIDATES else ""
    return Failure(
        "ambiguous",
        f"{len(ids)} rooms are called {name}: {', '.join(ids[:_SHOWN_CANDIDATES])}{more}",
        "the id of one of them instead of the name",
    )


class Names:
    """The names of rooms, each asked for once; a room that is gone is called by its id."""

    def __init__(self, server: Client) -> None:
        self._server = server
        self._known: dict[str, str] = {}

    def of(self, room_id: str | None) -> str | None:
        if room_id is None:
            return None
        if room_id not in self._known:
            self._known[room_id] = self._asked(room_id)
        return self._known[room_id]

    def _asked(self, room_id: str) -> str:
        try:
            return str(self._server.get(path(room_id))["room_name"])
        except Failure:
            return room_id
