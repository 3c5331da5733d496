"""The operator's own: the log, callbacks, and what the server says of itself."""

from typing import Any

from chatctl_server.api.authentication import OPERATOR
from chatctl_server.api.context import Context
from chatctl_server.api.faces import Face, Handlers
from chatctl_server.live.log_tail import LogTail
from chatctl_server.views.rooms.refusals import in_room_codes


def _callbacks() -> Handlers:
    from chatctl_server.api.management.attempts import follow_tries
    from chatctl_server.api.management.deliveries import Deliveries, recover_deliveries
    from chatctl_server.api.management.endpoints import Endpoints

    return [Endpoints, Deliveries, recover_deliveries, follow_tries]


def _events() -> Handlers:
    from chatctl_server.api.management.events import Events

    return [Events]


def _status() -> Handlers:
    from chatctl_server.api.management.status import status

    return [status]


def _unguarded() -> Handlers:
    from chatctl_server.api.management import status

    return [status.management_health, status.health, status.simple_health, status.metrics]


def _broadcaster(context: Context) -> LogTail:
    return context.log_tail


MANAGEMENT: Face[Any] = Face(
    "management",
    credentials=OPERATOR,
    parts={
        "/management/callbacks": _callbacks,
        "/management/events": _events,
        "/management/status": _status,
    },
    unguarded=_unguarded,
    broadcaster=_broadcaster,
    in_words=in_room_codes,  # what its routes look up by name are rooms
)
