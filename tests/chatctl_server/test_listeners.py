"""What a connection over TCP has from the socket that it was accepted on."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatctl_server.process import sockets
from chatctl_server.settings.values import Address


@pytest.fixture(params=["127.0.0.1", "::1"])
def accepted(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[socket.socket]:
    with contextlib.ExitStack() as stack:
        address = Address(request.param, 0)
        tcp = sockets.bound_to((address,), stack)
        listeners = stack.enter_context(sockets.sockets(tcp, tmp_path / "admin.sock"))
        (listener,) = listeners.tcp
        listener.listen()
        stack.enter_context(socket.create_connection(listener.getsockname()[:2]))
        yield stack.enter_context(listener.accept()[0])


def test_its_send_buffer_is_small_and_the_system_gives_it_up_in_ten_seconds(
    accepted: socket.socket,
) -> None:
    """Without an acknowledgement. Linux doubles a buffer that is asked for, and leaves it alone."""
    granted = accepted.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
    assert granted == 2 * 64 * 1024
    assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 10_000
