"""Where callbacks may go whose URLs are not the operator's own word."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_address, ip_network

import pytest
from receivers import answer, receiver, redirect

from chatctl_server import errors
from chatctl_server.domain.callback_urls import check_url, is_allowed, parse
from chatctl_server.workers.callbacks import address_guard
from chatctl_server.workers.callbacks.address_guard import (
    AddressGuard,
    AddressNotAllowed,
    Lookups,
    Resolve,
)
from chatctl_server.workers.callbacks.http_client import HttpClient, SendFailed

SECONDS = 10.0
PUBLIC = "93.184.215.14"
LOOPBACK = (ip_network("127.0.0.0/8"),)

# A name server leads these to 127.0.0.1: they are refused when they are looked up.
LOOKED_UP = """
    http://public.example:{port}/ http://127.0.0.1.nip.example:{port}/
    http://127-0-0-1.example:{port}/ http://聊天.example:{port}/ http://٠:{port}/
    http://_hooks.example.:{port}/
"""

# Each one with a port is meant for 127.0.0.1: in another spelling, through another kind of address,
# or behind something that one program reads otherwise than the next.
WRITTEN_OUT = """
    http://127.0.0.1:{port}/ HTTP://127.0.0.1:{port}/ http://127.1:{port}/ http://127.0.1:{port}/
    http://127.0.0.1.:{port}/ http://127.000.000.001:{port}/ http://0177.0.0.1:{port}/
    http://0177.0.0.01:{port}/ http://0x7f000001:{port}/ http://0X7F000001:{port}/
    http://0x7f.0x0.0x0.0x1:{port}/ http://0x7f.1:{port}/ http://2130706433:{port}/
    http://017700000001:{port}/ http://127.0.0.1.0x0:{port}/ http://0:{port}/
    http://0.0.0.0:{port}/ http://127.255.255.254:{port}/ http://localhost:{port}/
    http://LocalHost:{port}/ http://localhost.:{port}/ http://any.localhost:{port}/
    http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ:{port}/ http://１２７.０.０.１:{port}/ http://127。0。0。1:{port}/
    http://①②⑦.⓪.⓪.①:{port}/ http://%31%32%37.0.0.1:{port}/
    http://127.0.0.1%00.public.example:{port}/ http://127.0.0.1%2f@public.example:{port}/
    http://127..0.0.1:{port}/ http://.127.0.0.1:{port}/ http://[::1]:{port}/
    http://[0:0:0:0:0:0:0:1]:{port}/ http://[::]:{port}/ http://[::1%25lo]:{port}/
    http://[fe80::1%25lo]:{port}/ http://[::ffff:127.0.0.1]:{port}/ http://[::ffff:7f00:1]:{port}/
    http://[::127.0.0.1]:{port}/ http://[::ffff:0:127.0.0.1]:{port}/
    http://[2002:7f00:1::]:{port}/ http://[64:ff9b::127.0.0.1]:{port}/
    http://[64:ff9b:1::127.0.0.1]:{port}/ http://[2001:0:4136:e378:8000:63bf:80ff:fffe]:{port}/
    http://[127.0.0.1]:{port}/ http://[::1:{port}/ http://::1:{port}/ http://[::1]x:{port}/
    http://[v1.127]:{port}/ http://user@127.0.0.1:{port}/ http://public.example@127.0.0.1:{port}/
    http://public.example:80@127.0.0.1:{port}/ http://public.example%40@127.0.0.1:{port}/
    http://@127.0.0.1:{port}/ http://public.example#@127.0.0.1:{port}/
    http://127.0.0.1:{port}#@public.example/ http://127.0.0.1:{port}:80/
    http://public.example:80:{port}/ http:127.0.0.1:{port}/ http:/127.0.0.1:{port}/
    http:///127.0.0.1:{port}/ //127.0.0.1:{port}/ 127.0.0.1:{port} http://127.0.0.1:０{port}/
    http://127.0.0.1:+{port}/ http://127.0.0.1:-{port}/ http://127.0.0.1:{port}0000/
    ftp://127.0.0.1:{port}/ gopher://127.0.0.1:{port}/_POST dict://127.0.0.1:{port}/
    ws://127.0.0.1:{port}/ unix://127.0.0.1:{port}/ http+unix://127.0.0.1:{port}/
    jar:http://127.0.0.1:{port}/!/ file:///etc/passwd file://127.0.0.1:{port}/etc/passwd
    javascript:alert(1) data:text/plain,x http://:{port}/ http:// http://127.0.0.1:0/
"""
HOSTILE = [
    *WRITTEN_OUT.split(),
    "http://127.0.0.1:{port}\\@public.example/",
    "http://public.example\\@127.0.0.1:{port}/",
    "http:\\\\127.0.0.1:{port}/",
    " http://127.0.0.1:{port}/",
    "http://127.0.0.1:{port}/\r\nX: y",
    "http://127.0.0.1\r\n:{port}/",
    "http://127.0.0.1\t:{port}/",
    "ht\ntp://127.0.0.1:{port}/",
    "http://127.0.0.1\u00a0:{port}/",
    "http://127.0.0.1\u200b:{port}/",
    "http://127.0.0.1\0:{port}/",
    "",
    *LOOKED_UP.split(),
]

NOT_PUBLIC = """
    0.1.2.3 10.0.0.1 100.64.0.1 127.8.8.8 169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.8
    192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1
    239.255.255.250 240.0.0.1 255.255.255.255 :: ::1 ::5.6.7.8 ::ffff:10.0.0.1 ::ffff:0:8.8.8.8
    64:ff9b::169.254.169.254 64:ff9b:1::8.8.8.8 100::1 2001::1
    2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:2::1 2001:db8::1 2002:a00:1:: 2002:a9fe:a9fe::1
    3fff::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1 fe80::1%2 fec0::1 ff02::1 ff0e::1
"""
ARE_PUBLIC = """
    1.1.1.1 9.255.255.255 172.32.0.1 93.184.215.14 ::ffff:8.8.8.8 64:ff9b::8.8.8.8 2002:808:808::1
    2606:4700::1111 2a00:1450:4001::1
"""


def leading_to(*answers: Sequence[str]) -> Resolve:
    """A name server that says something else each time; the last answer stays."""
    left = list(answers)

    async def resolve(host: str) -> Sequence[str]:
        return left.pop(0) if len(left) > 1 else left[0]

    return resolve


@asynccontextmanager
async def client(resolve: Resolve) -> AsyncIterator[HttpClient]:
    made = HttpClient(resolve=resolve)
    try:
        yield made
    finally:
        await made.close()


async def outcome(made: HttpClient, url: str, guard: AddressGuard | None) -> str:
    """The status of the answer, or the reason why there is none."""
    try:
        found = await made.post(url, [], b"{}", timeout_seconds=SECONDS, guard=guard)
    except SendFailed as error:
        return error.reason
    return str(found.status)


async def test_no_hostile_url_reaches_a_private_address() -> None:
    """Without the guard many of them do, else this would show nothing."""
    with receiver() as canary:
        urls = [url.format(port=canary.port) for url in HOSTILE]
        async with client(leading_to(["127.0.0.1"])) as made:
            found = [await outcome(made, url, AddressGuard()) for url in urls]
            assert canary.count_connections() == 0
            unguarded = [await outcome(made, url, None) for url in urls if leads_to_loopback(url)]
        assert canary.count_connections() > 0
    assert set(found) == {"not_allowed"}
    assert unguarded.count("200") >= 30


def leads_to_loopback(url: str) -> bool:
    try:
        address = parse(url).address
    except errors.InvalidInput:
        return False
    return address is None or (address.version == 4 and address.is_loopback)


def test_a_hostile_url_is_refused_when_it_is_added() -> None:
    for url in HOSTILE:
        if url not in LOOKED_UP.split():
            with pytest.raises(errors.InvalidInput) as raised:
                check_url(url.format(port=8080))
            assert raised.value.field == "url"
            assert raised.value.detail.startswith("url ")


NO_NAME = "has a host that is no valid name"
OWN_HOST = "name the receiver's own host"
REFUSALS: list[tuple[str, str, str | None]] = [
    ("file:///etc/passwd", "must begin with http:// or https://", "write it whole"),
    ("http://ann:pass@a.example/", "names a user before the @", "a signing secret shows"),
    ("http://a.example/#x", "has a #fragment", "leave out the #"),
    ("http://a.example/a b", "holds a space or a control character", "%20"),
    ("http://a.example/\udc80", "holds a space or a control character", "%20"),
    ("http:///path", "names no host", "write it whole"),
    ("http://a.example:0/", "has the port 0; 1 to 65535", None),
    ("http://a.example:65536/", "has the port 65536; 1 to 65535", None),
    ("http://a.example:http/", "has no valid host and port", "in brackets"),
    ("http://[fe80::1%25eth0]/", "has no valid host and port", "in brackets"),
    ("http://[1::2::3]/", "has no IPv6 address between the brackets", None),
    ("http://a..example/", NO_NAME, None),
    ("http://-a.example/", NO_NAME, None),
    ("http://xn--/", NO_NAME, None),
    ("http://a.xn--.example/", NO_NAME, None),
    ("http://a%2eexample/", NO_NAME, None),
    (f"http://{'a.' * 127}example/", NO_NAME, None),
    (f"http://{'a' * 64}.example/", NO_NAME, None),
    (f"http://a.example/{'x' * 2048}", "is longer than 2048 characters", None),
    ("http://127.1/", "has the host 127.1, an unusual way", "four decimal numbers"),
    ("http://10.0.0.7/", "leads to 10.0.0.7,", "CALLBACK_ALLOW_NETWORKS=10.0.0.7/32 in"),
    ("http://[fd00::1]/", "leads to fd00::1,", "CALLBACK_ALLOW_NETWORKS=fd00::1/128 in"),
    ("http://localhost/", "leads to localhost,", "CALLBACK_ALLOW_NETWORKS=127.0.0.1/32 in"),
    ("http://169.254.169.254/", "leads to 169.254.169.254,", OWN_HOST),
    ("http://[fe80::1]/", "leads to fe80::1,", OWN_HOST),
    ("http://[::ffff:169.254.169.254]/", "leads to ", OWN_HOST),
    ("http://[fd00:ec2::254]/", "leads to fd00:ec2::254,", OWN_HOST),
    ("http://100.100.100.200/", "leads to ", OWN_HOST),
]


def test_a_refusal_says_why() -> None:
    for url, problem, hint in REFUSALS:
        with pytest.raises(errors.InvalidInput) as raised:
            check_url(url)
        assert problem in raised.value.detail
        assert "pass@" not in raised.value.detail
        assert (hint or "None") in str(raised.value.hint), url


def test_good_urls() -> None:
    for url, authority, target in (
        ("https://a.example", "a.example", "/"),
        ("https://xn--fa-hia.example/", "xn--fa-hia.example", "/"),
        ("https://A.Example:443/Hook?q=1&r", "a.example", "/Hook?q=1&r"),
        ("http://a.example:/", "a.example", "/"),
        ("http://a.example:443/", "a.example:443", "/"),
        ("https://a.example:80/x@y", "a.example:80", "/x@y"),
        ("http://a.example?q=a/b", "a.example", "/?q=a/b"),
        ("http://a-b_c.example./", "a-b_c.example.", "/"),
        ("http://bücher.example/ä", "xn--bcher-kva.example", "/%C3%A4"),
        ("http://8.8.8.8:8080/", "8.8.8.8:8080", "/"),
        ("http://[2606:4700:0:0::1111]:80/", "[2606:4700::1111]", "/"),
        ("http://7.example/", "7.example", "/"),
        ("http://x7/", "x7", "/"),
    ):
        found = check_url(url)
        assert (found.authority, found.target) == (authority, target)
        assert found == parse(url)


def test_which_addresses_are_public() -> None:
    assert [text for text in NOT_PUBLIC.split() if is_allowed(ip_address(text))] == []
    assert [text for text in ARE_PUBLIC.split() if not is_allowed(ip_address(text))] == []


def test_networks_that_the_operator_allows() -> None:
    for networks, text, expected in (
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", True),
        ("10.0.0.0/8", "192.168.0.1", False),
        ("10.0.0.0/8", "::ffff:10.1.2.3", True),
        ("10.0.0.0/8", "64:ff9b::10.1.2.3", True),
        ("10.0.0.0/8", "::a01:203", False),
        ("fd00::/8", "fd12::1", True),
        ("fd00::/8", "fc12::1", False),
        ("::ffff:0:0/96", "::ffff:10.1.2.3", True),
        ("0.0.0.0/0", "::1", False),
    ):
        assert is_allowed(ip_address(text), [ip_network(networks)]) is expected, (networks, text)
    for url in ("http://127.0.0.1:8080/", "http://localhost/", "http://[::ffff:127.0.0.1]/"):
        assert check_url(url, LOOPBACK).target == "/"


def test_what_getaddrinfo_makes_of_odd_numbers_is_refused_too() -> None:
    """Should such a spelling ever get as far as to be looked up."""
    for host in ("127.1", "0x7f.1", "2130706433", "0177.0.0.1", "0"):
        places = socket.getaddrinfo(host, 80, type=socket.SOCK_STREAM)
        with pytest.raises(AddressNotAllowed):
            AddressGuard().check(host, [ip_address(str(place[4][0])) for place in places])


async def test_one_private_address_among_public_ones_is_enough() -> None:
    with receiver() as canary:
        for found in ([PUBLIC, "127.0.0.1"], ["127.0.0.1", PUBLIC], ["::ffff:127.0.0.1"]):
            async with client(leading_to(found)) as made:
                url = f"http://hooks.example:{canary.port}/"
                assert await outcome(made, url, AddressGuard()) == "not_allowed"
        assert canary.count_connections() == 0
        async with client(leading_to([PUBLIC, "10.0.0.7"])) as made:
            with pytest.raises(SendFailed) as raised:
                await made.post(url, [], b"", timeout_seconds=1, guard=AddressGuard())
    told = "hooks.example leads to 10.0.0.7, which is not a public address."
    assert raised.value.detail == told


async def test_the_checked_address_is_the_one_connected_to() -> None:
    """The name leads elsewhere whenever it is looked up again."""
    with receiver(answer(headers=[("Connection", "close")]), host="127.0.0.2") as hook:
        with socket.create_server(("127.0.0.1", hook.port)) as canary:
            guard = AddressGuard((ip_network("127.0.0.2"),))
            async with client(leading_to(["127.0.0.2"], ["127.0.0.1"])) as made:
                url = f"http://rebinding.example:{hook.port}/"
                found = [await outcome(made, url, guard) for _ in range(3)]
            canary.setblocking(False)
            with pytest.raises(BlockingIOError):
                canary.accept()
        assert found == ["200", "not_allowed", "not_allowed"]
        assert len(hook.requests) == 1


async def test_the_second_try_of_a_call_is_checked_again() -> None:
    """A connection that was kept has died; the name leads elsewhere by now."""
    with receiver(host="127.0.0.2") as hook, receiver() as canary:
        guard = AddressGuard((ip_network("127.0.0.2"),))
        async with client(leading_to(["127.0.0.2"], ["127.0.0.1"])) as made:
            url = f"http://rebinding.example:{hook.port}/"
            assert await outcome(made, url, guard) == "200"
            hook.shut()
            assert await outcome(made, url, guard) == "not_allowed"
        assert canary.count_connections() == 0


async def test_a_redirect_to_a_private_address_is_not_followed() -> None:
    with receiver() as canary, receiver(redirect(canary.url), host="127.0.0.2") as hook:
        async with client(leading_to(["127.0.0.2"])) as made:
            guard = AddressGuard((ip_network("127.0.0.2"),))
            assert await outcome(made, f"http://hooks.example:{hook.port}/", guard) == "302"
        assert canary.count_connections() == 0


async def test_a_hanging_look_up_holds_up_no_other_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's resolver is replaced: no name server hangs at our word."""
    release, asked = threading.Event(), []

    def getaddrinfo(host: str, *_: object, **__: object) -> list[tuple[object, ...]]:
        asked.append(host)
        if host.startswith("hanging"):
            release.wait(SECONDS)
        return [(None, None, None, None, ("192.0.2.1", 0))]

    monkeypatch.setattr(address_guard.socket, "getaddrinfo", getaddrinfo)
    lookups = Lookups()
    hosts = [f"hanging-{n}.example" for n in range(100)] * 2
    waiting = [asyncio.create_task(lookups.resolve(host)) for host in hosts]
    async with asyncio.timeout(SECONDS):
        assert await lookups.resolve("a.example") == ["192.0.2.1"]
    waiting[0].cancel()  # the one who asks beside it gets the answer all the same
    release.set()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(found[0], asyncio.CancelledError)
    assert found[1:] == [["192.0.2.1"]] * 199
    assert len(asked) == 101
    assert await lookups.resolve("hanging-0.example") == ["192.0.2.1"]
    assert len(asked) == 102
