"""What is told over server-sent events and over WebSockets: the first is made once, the second of
it when somebody listens that way."""

from collections.abc import Callable

from chatctl_server.live import event_streams, wire
from chatctl_server.views.team.events import Told

STREAM_VIEW = "team.events"
SOCKET_VIEW = "team"
RETRY_MILLISECONDS = 3000
FrameOf = Callable[[Told, int | None], bytes]
# They have an ``id`` of their own, which says more than the event's.
_WITH_ID = ("NewMessage", "MessageUpdated", "NewChat", "ChatUpdated")


def shown(told: Told, offset: int | None = None) -> dict[str, bytes]:
    """As the hub is given it. ``offset``: that of a stored event."""
    return {STREAM_VIEW: stream_frame(told, offset)}


def stream_frame(told: Told, offset: int | None = None) -> bytes:
    return event_streams.named_frame(told.name, told.data, offset)


def first_stream_frame(told: Told, offset: int | None = None) -> bytes:
    return event_streams.retry(RETRY_MILLISECONDS, stream_frame(told, offset))


def socket_frame(told: Told, offset: int | None = None) -> bytes:
    """The same object, with the ``offset`` to go on from; that is its ``id``, too, unless it has
    one."""
    if offset is None:
        return wire.text_frame(told.data)
    head, _, rest = told.data.partition(b",")
    id_ = b"" if told.name in _WITH_ID else b'"id":%d,' % offset
    return wire.text_frame(b'%b,%b"offset":%d,%b' % (head, id_, offset, rest))


def of_stream_frame(frame: bytes, offset: int | None) -> bytes:
    data = event_streams.payload(frame)
    name = data.split(b'"', 4)[3].decode()
    return socket_frame(Told(name, data), offset)
