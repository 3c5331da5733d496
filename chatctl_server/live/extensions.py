"""What our protocol classes add to the scope of ASGI, in its ``extensions``, and to a message."""

WEBSOCKET = "chatctl.websocket"  # a ``Transport``
LINE = "chatctl.line"  # a weak reference to what the response goes over
PEER = "chatctl.peer"  # {"uid": …}, on the admin socket
WAITS = "chatctl.waits"  # of an accept: it leaves with the first frames, or within a second
