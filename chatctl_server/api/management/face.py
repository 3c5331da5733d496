"""The operator's own: the log, callbacks, and what the server says of itself."""

from typing import Any

from chatctl_server.api.authentication import OPERATOR
from chatctl_server.api.context import Context
from chatctl_server.api.faces import Face, lazily
from chatctl_server.live.log_tail import LogTail
from chatctl_server.views.rooms.refusals import in_room_codes


def _broadcaster(context: Context) -> LogTail:
    return context.log_tail


MANAGEMENT: Face[Any] = Face(
    "management",
    credentials=OPERATOR,
    parts={
        "/management/callbacks": lazily(
            __package__,
            "endpoints:Endpoints",
            "deliveries:Deliveries",
            "deliveries:recover_deliveries",
            "attempts:follow_tries",
        ),
        "/management/keys": lazily(__package__, "key_routes:Keys"),
        "/management/events": lazily(__package__, "events:Events"),
        "/management/status": lazily(__package__, "status:status"),
        "/debug": lazily(__package__, "pprof:profile"),
    },
    unguarded=lazily(
        __package__,
        "status:management_health",
        "status:health",
        "status:simple_health",
        "figures:metrics",
    ),
    broadcaster=_broadcaster,
    in_words=in_room_codes,  # what its routes look up by name are rooms
)
