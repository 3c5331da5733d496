"""Who calls: by which header, from which address, over the admin socket, after how many guesses."""

import os
from collections.abc import Iterator
from ipaddress import ip_network

import httpx
import pytest
import wire
from world import Server

from chatctl_server import errors
from chatctl_server.api import authentication, caller
from chatctl_server.api.edge import PEER
from chatctl_server.app import create_app
from chatctl_server.settings.sources import Settings

PROXIES = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


def test_the_address_is_what_trusted_proxies_wrote() -> None:
    for peer, forwarded, address in (
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["8.8.8.8"], "8.8.8.8"),
        ("10.0.0.1", ["1.1.1.1, 8.8.8.8"], "8.8.8.8"),  # the first is the client's own word
        ("10.0.0.1", ["1.1.1.1", "8.8.8.8, 10.0.0.2"], "8.8.8.8"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", ["8.8.8.8, nobody"], "nobody"),
        ("fd00::1", ["8.8.8.8"], "8.8.8.8"),
        ("::ffff:10.0.0.1", ["8.8.8.8"], "8.8.8.8"),
        ("9.9.9.9", ["8.8.8.8"], "9.9.9.9"),  # no proxy of ours: not believed
    ):
        headers = [(b"x-forwarded-for", each.encode()) for each in forwarded]
        scope = {"client": (peer, 1), "headers": headers}
        assert caller.address(scope, PROXIES) == address
        assert caller.address(scope, ()) == peer


def test_of_two_keys_the_last_counts(shared_server: Server) -> None:
    """A proxy adds behind what the client sent."""
    path = "/management/rooms"
    assert wire.ask(shared_server, wire.request(shared_server, "GET", path)).status == 200
    wrong = wire.request(shared_server, "GET", path, "X-Api-Key: wrong")
    assert wire.ask(shared_server, wrong).status == 401


@pytest.fixture
def operator(shared_server: Server) -> Iterator[httpx.Client]:
    """On the admin socket, without a key."""
    transport = httpx.HTTPTransport(uds=f"{shared_server.database}.admin.sock")
    with httpx.Client(transport=transport, base_url="http://here") as client:
        yield client


def test_the_admin_socket_serves_the_management_without_a_key(operator: httpx.Client) -> None:
    assert operator.get("/management/rooms").status_code == 200
    for path in ("/metrics", "/health", "/schema", "/managements"):
        answer = operator.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_the_admin_socket_is_not_for_proxies(operator: httpx.Client) -> None:
    for name in ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host"):
        answer = operator.get("/management/rooms", headers={name: "x"})
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_the_admin_socket_is_for_the_servers_own_user_and_root() -> None:
    app, peer = create_app(Settings(database_url="sqlite:/nowhere/chat.db")), {"uid": 0}

    async def from_socket(scope: object, receive: object, send: object) -> None:
        assert isinstance(scope, dict)
        await app({**scope, "extensions": {PEER: peer}}, receive, send)

    transport = httpx.ASGITransport(app=from_socket)
    async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
        for uid, status in ((0, 200), (os.getuid(), 200), (os.getuid() + 1, 403)):
            peer["uid"] = uid
            assert (await client.get("/management/health")).status_code == status


class Guesses:
    """Wrong keys, three of which an address has a minute, at the time that the test sets."""

    def __init__(self, per_minute: int = 3) -> None:
        self.now = 1000.0
        self._failures = authentication.Failures(per_minute, lambda: self.now)

    def guess(self, address: str = "a") -> int | None:
        """How long to wait, or None when the guess was heard."""
        try:
            self._failures.check(address)
        except errors.Throttled as refusal:
            return refusal.retry_after
        self._failures.add(address)
        return None


def test_guesses_are_counted_by_the_minute() -> None:
    guesses = Guesses()
    assert [guesses.guess() for _ in range(4)] == [None, None, None, 60]
    guesses.now += 59.5
    assert (guesses.guess(), guesses.guess("another address")) == (1, None)
    for _ in range(2):
        guesses.now += 60
        assert [guesses.guess() for _ in range(4)] == [None, None, None, 60]


def test_guesses_need_not_be_limited() -> None:
    guesses = Guesses(per_minute=0)
    assert {guesses.guess() for _ in range(100)} == {None}


def test_the_oldest_address_is_forgotten_first() -> None:
    """Whoever has many addresses fills no memory."""
    guesses = Guesses(per_minute=1)
    for number in range(authentication.ADDRESSES + 1):
        assert guesses.guess(f"{number}") is None
    assert guesses.guess(f"{authentication.ADDRESSES}") == 60
    assert guesses.guess("1") == 60
    assert guesses.guess("0") is None
