"""Which addresses a callback connects to.

They are looked up once for each connection, all of them are checked, and the connection is made to
those very addresses: a name that leads elsewhere at a second look-up gains nothing. The rule
itself, and the check of a URL when an endpoint is added, is ``domain.callback_urls``.
"""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import ip_address
from threading import Thread

import msgspec

from chatctl_server.domain.callback_urls import CallbackUrl, IPAddress, Network, is_allowed

Resolve = Callable[[str], Awaitable[Sequence[str]]]
"""The addresses of a host, the best one first. Raises OSError."""
Found = list[str] | OSError


class AddressNotAllowed(Exception):
    """The sentence names the host and the address."""


class AddressGuard(msgspec.Struct, frozen=True):
    """For endpoints that are not the operator's own word. ``networks`` are the exceptions."""

    networks: tuple[Network, ...] = ()

    def check(self, host: str, addresses: Sequence[IPAddress]) -> None:
        for address in addresses:
            if not is_allowed(address, self.networks):
                raise AddressNotAllowed(
                    f"{host} leads to {address}, which is not a public address."
                )


async def addresses(
    url: CallbackUrl, resolve: Resolve, guard: AddressGuard | None
) -> list[IPAddress]:
    """What to connect to, at least one. Raises OSError, or AddressNotAllowed if any is refused."""
    if url.address is not None:
        found = [url.address]
    else:
        # A link-local address is not usable without the interface that stands after the %.
        found = [ip_address(text) for text in dict.fromkeys(await resolve(url.host))]
    if not found:
        raise socket.gaierror(socket.EAI_NONAME, "the name has no address")
    if guard:
        guard.check(url.host, found)
    return found


class Lookups:
    """The system's resolver, with a thread for each host that is being looked up.

    The loop's own threads are few, and shared with others: some names without an answer would hold
    up every other one. The threads are daemons, as a look-up can last longer than a stop may.
    """

    def __init__(self) -> None:
        self._running: dict[str, asyncio.Future[Found]] = {}

    async def resolve(self, host: str) -> Sequence[str]:
        answer = self._running.get(host)
        if answer is None:
            answer = self._running[host] = self._begin(host)
        # Others may wait for the same answer: one that is cancelled leaves it to them.
        found = await asyncio.shield(answer)
        if isinstance(found, OSError):
            raise found
        return found

    def _begin(self, host: str) -> asyncio.Future[Found]:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Found] = loop.create_future()
        answer.add_done_callback(lambda _: self._running.pop(host))

        def work() -> None:
            found = _look_up(host)
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
                loop.call_soon_threadsafe(_answer, answer, found)

        Thread(target=work, name="look-up", daemon=True).start()
        return answer


def _answer(answer: asyncio.Future[Found], found: Found) -> None:
    if not answer.done():
        answer.set_result(found)


def _look_up(host: str) -> Found:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        return error
    return [str(place[4][0]) for place in found]
