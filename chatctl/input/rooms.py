"""ROOM on the command line: an id, the beginning of one, or a name, open before closed."""

from chatctl.input import ids
from chatctl.link import client
from chatctl.link.client import Client, Json
from chatctl.shell.failures import Failure

_PATH = "/management/rooms"
_SHOWN_CANDIDATES = 5


def find(server: Client, room: str) -> Json:
    """The room's details. Raises Failure ``room_not_found`` or ``ambiguous``."""
    if ids.is_uuid(room):
        try:
            return server.get(path(room))
        except Failure as failure:
            if failure.code != "room_not_found":
                raise
    meant = server.get(_PATH, {"status": "all", "room": room})
    if not meant:
        raise Failure("room_not_found", f"there is no room {room}", "chatctl rooms ls", 404)
    if len(meant) > 1:
        raise _ambiguous(room, meant)
    return meant[0]


def find_id(server: Client, room: str) -> str:
    return str(find(server, room)["room_id"])


def path(room_id: str, *rest: str) -> str:
    segments = [client.segment(part, "ROOM or USER") for part in (room_id, *rest)]
    return "/".join((_PATH, *segments))


def _ambiguous(room: str, meant: list[Json]) -> Failure:
    ids = sorted(str(each["room_id"]) for each in meant)
    more = f" and {len(ids) - _SHOWN_CANDIDATES} more" if len(ids) > _SHOWN_CANDIDATES else ""
    return Failure(
        "ambiguous",
        f"{room} may be any of {len(ids)} rooms: {', '.join(ids[:_SHOWN_CANDIDATES])}{more}",
        "the whole id of one of them",
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
