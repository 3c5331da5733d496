"""What a TCP connection, or that of the admin socket, tells of its other end."""

import asyncio
import fcntl
import socket
import struct
import sys
import termios

LAST_SECONDS = 2.0


def unsent_bytes(transport: asyncio.Transport) -> int:
    """With those in the system's buffer, which the client's system has not acknowledged: they
    tell a slow line, where that empties little by little, from one that stands still."""
    if transport.is_closing():
        return transport.get_write_buffer_size()
    descriptor = transport.get_extra_info("socket").fileno()
    queued = fcntl.ioctl(descriptor, termios.TIOCOUTQ, bytes(4))  # SIOCOUTQ, tcp(7)
    return transport.get_write_buffer_size() + int.from_bytes(queued, sys.byteorder)


def cut_off_if_stalled(loop: asyncio.AbstractEventLoop, transport: asyncio.Transport) -> None:
    """At a stop: aborted is who takes nothing for two seconds of what waits for them."""
    acknowledged = acknowledged_bytes(transport)

    def look() -> None:
        if not transport.get_write_buffer_size():
            return
        if acknowledged_bytes(transport) == acknowledged:
            transport.abort()
        else:
            cut_off_if_stalled(loop, transport)

    loop.call_later(LAST_SECONDS, look)


def acknowledged_bytes(transport: asyncio.BaseTransport) -> int:
    """How many bytes the other end of a TCP connection has acknowledged; 0 of another sort."""
    connection = transport.get_extra_info("socket")
    if connection.family == socket.AF_UNIX:
        return 0
    told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 128)
    acknowledged: int = struct.unpack_from("=Q", told, 120)[0]  # tcpi_bytes_acked of tcp_info
    return acknowledged


def peer_credentials(transport: asyncio.BaseTransport) -> dict[object, object] | None:
    """``{"uid": …}`` of the process at the other end of a Unix socket; None over TCP."""
    connection = transport.get_extra_info("socket")
    if connection is None or connection.family != socket.AF_UNIX:
        return None
    packed = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", packed)
    return {"uid": uid}
