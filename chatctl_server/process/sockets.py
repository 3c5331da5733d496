"""The sockets a server listens on, and its word to systemd."""

import contextlib
import os
import socket
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from chatctl_server.errors import AddressUnavailable, StorageUnavailable
from chatctl_server.settings.values import Address

SEND_BUFFER_BYTES = 64 * 1024
USER_TIMEOUT_MILLISECONDS = 10_000


class Listeners(NamedTuple):
    tcp: list[socket.socket]
    admin: socket.socket

    def all(self) -> list[socket.socket]:
        return [*self.tcp, self.admin]


def bound_to(addresses: Sequence[Address], stack: contextlib.ExitStack) -> list[socket.socket]:
    """Not yet listening; the stack closes them. Raises AddressUnavailable, then with none bound."""
    with contextlib.ExitStack() as made:
        bound = [made.enter_context(_bound(address)) for address in addresses]
        stack.push(made.pop_all())
    return bound


@contextlib.contextmanager
def sockets(tcp: list[socket.socket], admin_path: Path) -> Iterator[Listeners]:
    """Bound, not yet listening. The lock is held: a socket file that is there is stale."""
    with _admin(admin_path) as admin:
        try:
            yield Listeners(tcp, admin)
        finally:
            admin_path.unlink(missing_ok=True)


def _bound(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MILLISECONDS)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind((address.host, address.port))
    except OSError as error:
        bound.close()
        raise AddressUnavailable(
            f"{address} cannot be listened on: {error.strerror or error}",
            field="BIND_ADDRESS",
            hint="choose another address with --bind HOST:PORT",
        ) from error
    return bound


def _admin(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    earlier = os.umask(0o177)
    try:
        bound.bind(str(path))
    except OSError as error:
        bound.close()
        raise StorageUnavailable(f"{path} cannot be made: {error.strerror or error}") from error
    finally:
        os.umask(earlier)
    return bound


def url(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def joins_as_anybody(address: Address) -> str:
    """The warning of an address that is open to a network, with ROOM_IDENTITY=open."""
    return f"anybody who reaches {address} may join as any user: set ROOM_IDENTITY=token"


def notify_systemd(state: str) -> None:
    """sd_notify(3), for Type=notify; nothing without NOTIFY_SOCKET."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    target = "\0" + address[1:] if address.startswith("@") else address
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifying,
        contextlib.suppress(OSError),
    ):
        notifying.sendto(state.encode(), target)
