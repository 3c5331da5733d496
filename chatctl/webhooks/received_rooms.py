"""What a receiver knows of the rooms, for the script of the documents, which asks its receiver."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING

from chatctl.link.client import Json

if TYPE_CHECKING:
    from chatctl.webhooks.receipts import Opened

DATA = "data_sync"
MOST_ROOMS = 1000
JSON = "application/json"


class ReceivedRooms:
    """The newest data of each room, of the last thousand that were told of."""

    def __init__(self) -> None:
        self._data: dict[str, Json] = {}

    def take(self, opened: "Opened") -> None:
        if opened.event != DATA or not opened.room_id:
            return
        self._data.pop(opened.room_id, None)
        self._data[opened.room_id] = opened.body
        if len(self._data) > MOST_ROOMS:
            del self._data[next(iter(self._data))]

    def answer(self, path: str, received: Mapping[str, int]) -> tuple[int, str] | None:
        """Status and JSON of ``/health``, ``/rooms``, ``/rooms/ID`` and ``/stats``; None for any
        other path. ``received``: how many callbacks came, by event."""
        match path.strip("/").split("/"):
            case ["health"]:
                return _said({"status": "ok"})
            case ["rooms"]:
                return _said(list(self._data.values()))
            case ["rooms", room_id] if room_id in self._data:
                return _said(self._data[room_id])
            case ["rooms", _]:
                missing = json.dumps({"error": "no data of such a room has come"})
                return HTTPStatus.NOT_FOUND, missing
            case ["stats"]:
                total = sum(received.values())
                return _said({"callbacks": total, "events": received, "rooms": len(self._data)})
        return None


def _said(found: Json) -> tuple[int, str]:
    return HTTPStatus.OK, json.dumps(found, ensure_ascii=False)
