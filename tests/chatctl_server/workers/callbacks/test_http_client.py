"""The client that sends callbacks, against receivers that behave well and badly."""

import asyncio
import base64
import contextlib
import errno
import random
import socket
import ssl
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import ip_network

import pytest
import receivers
from receivers import Behaviour, Receiver, answer, receiver, say

from chatctl_server.workers.callbacks import http_connection, redirects
from chatctl_server.workers.callbacks.address_guard import AddressGuard
from chatctl_server.workers.callbacks.http_client import Answer, HttpClient, SendFailed

JSON = [("Content-Type", "application/json")]
SECONDS = 10.0  # far more than any of the tests needs


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    async with opened(HttpClient(user_agent="chatctl/1")) as made:
        yield made


@asynccontextmanager
async def opened(client: HttpClient) -> AsyncIterator[HttpClient]:
    try:
        yield client
    finally:
        await client.close()


def leading_to(*addresses: str) -> Callable[[str], Awaitable[Sequence[str]]]:
    async def resolve(host: str) -> Sequence[str]:
        return addresses

    return resolve


async def post(
    client: HttpClient, url: str, body: bytes = b"{}", seconds: float = SECONDS
) -> Answer:
    return await client.post(url, JSON, body, timeout_seconds=seconds)


async def failure(
    client: HttpClient, url: str, body: bytes = b"{}", seconds: float = SECONDS
) -> SendFailed:
    with pytest.raises(SendFailed) as raised:
        await post(client, url, body, seconds)
    return raised.value


async def all_closed(hook: Receiver) -> None:
    await asyncio.to_thread(hook.wait_for_connections, 0)  # the client has its turn meanwhile


async def has_come(hook: Receiver, requests: int) -> None:
    await asyncio.to_thread(hook.wait_for, requests)


async def test_a_request_as_it_arrives(client: HttpClient) -> None:
    with receiver(answer(201, b"thanks")) as hook:
        found = await post(client, f"{hook.origin}/a/b?c=d%20e&f", b'{"n": 1}')
        (request,) = hook.requests
    assert found == Answer(201, None, b"thanks", is_cut=False)
    assert (request.method, request.path, request.json) == ("POST", "/a/b?c=d%20e&f", {"n": 1})
    assert request.headers == {
        "host": f"127.0.0.1:{hook.port}",
        "accept": "*/*",
        "accept-encoding": "identity",
        "user-agent": "chatctl/1",
        "content-type": "application/json",
        "content-length": "8",
    }


async def test_what_is_asked_for(client: HttpClient) -> None:
    paths = {"": "/", "?q=1": "/?q=1", "/聊天?房=间": "/%E8%81%8A%E5%A4%A9?%E6%88%BF=%E9%97%B4"}
    with receiver() as hook:
        for path in paths:
            await post(client, f"{hook.origin}{path}")
        assert [request.path for request in hook.requests] == list(paths.values())


async def test_retry_after_is_handed_on_as_it_came(client: HttpClient) -> None:
    every = (120, -1, 315_360_000, "Tue, 02 Jan 2035 03:04:05 GMT", "soon")
    with receiver(*(receivers.busy(after) for after in every)) as hook:
        for after in every:
            assert (await post(client, hook.url)).retry_after == str(after)


async def test_cookies_and_proxies_are_of_no_interest(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        receiver() as canary,
        receiver(answer(200, headers=[("Set-Cookie", "a=b; Path=/")])) as hook,
    ):
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, canary.origin)
        async with opened(HttpClient()) as client:
            await post(client, hook.url)
            await post(client, hook.url)
        assert "cookie" not in hook.requests[1].headers
        assert canary.count_connections() == 0


async def test_user_and_password_of_the_url(client: HttpClient) -> None:
    with receiver() as hook:
        await post(client, hook.url.replace("//", "//ann%40b:p%C3%A4ss:w@"))
        given = hook.requests[0].headers["authorization"]
    assert given.startswith("Basic ")
    assert base64.b64decode(given.removeprefix("Basic ")).decode() == "ann@b:päss:w"


async def test_headers_that_cannot_be_sent(client: HttpClient) -> None:
    texts = ("b\r\nX-Injected: yes", "b\nX-Injected: yes", "b\rc", "b\0c", "聊")
    names = ("X-A\r\nX-Injected", "X A", "", "Content-Length", "transfer-encoding", "Host")
    with receiver() as hook:
        for header in [*(("X-A", text) for text in texts), *((name, "b") for name in names)]:
            with pytest.raises(ValueError, match=r"header|latin-1"):
                await client.post(hook.url, [header], b"{}", timeout_seconds=SECONDS)
        assert hook.count_connections() == 0


@pytest.mark.usefixtures("on_both_loops")
async def test_no_answer(client: HttpClient) -> None:
    for behaviour, reason, detail in (
        (receivers.reset(), "reset", "reset the connection."),
        (receivers.close(), "reset", "closed the connection without an answer."),
        (receivers.reset_in_request(), "reset", "reset the connection."),
        (say(b"HTTP/1.1 200 OK\r\nConte", "close"), "reset", "closed the connection without an"),
        (say(b"SSH-2.0-OpenSSH_9.2\r\n", "hang"), "bad_answer", "sent no HTTP answer"),
        (say(b"HTTP/1.1 101 Go\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"), "bad_answer", "101"),
        (say(b"HTTP/1.1 101 Go\r\n\r\n"), "bad_answer", "answered with status 101"),
        (say(b"HTTP/1.1 007 Go\r\n\r\n"), "bad_answer", "answered with status 007"),
        (say(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"), "bad_answer", "sent no HTTP"),
    ):
        with receiver(behaviour) as hook:
            url = hook.url.replace("//", "//user:secret@") + "?token=secret"
            error = await failure(client, url)
            assert hook.wait_for(1)
            await all_closed(hook)
        assert error.reason == reason
        assert error.detail.startswith(f"{hook.origin} ")
        assert detail in error.detail
        assert "secret" not in error.detail
    with receivers.refusing() as url:
        error = await failure(client, url)
    told = f"{url.removesuffix('/hook')} refused the connection."
    assert (error.reason, error.detail) == ("refused", told)


async def test_what_is_no_url(client: HttpClient) -> None:
    for url in ("ftp://127.0.0.1/", "http://", "http://a b/", "http://h:0/"):
        assert (await failure(client, url)).reason == "not_allowed", url


async def test_a_name_that_leads_nowhere(client: HttpClient) -> None:
    async def unreachable(host: str) -> Sequence[str]:
        raise OSError(errno.ENETUNREACH, "Network is unreachable")

    error = await failure(client, receivers.NO_SUCH_NAME)
    assert error.reason == "dns"
    assert error.detail.startswith("The name of http://no-such-host.invalid was not found: ")
    async with opened(HttpClient(resolve=leading_to())) as without_addresses:
        assert (await failure(without_addresses, "http://hooks.example/")).reason == "dns"
    async with opened(HttpClient(resolve=unreachable)) as without_a_way:
        error = await failure(without_a_way, "http://hooks.example/")
    assert error.reason == "network"
    assert error.detail == "http://hooks.example could not be reached: Network is unreachable."


@pytest.mark.usefixtures("on_both_loops")
async def test_the_time_is_for_all_together(client: HttpClient) -> None:
    waits = say(b"HTTP/1.1 102 Wait\r\n\r\n", "hang")
    for behaviour in (receivers.hang(), receivers.drip(), waits):
        with receiver(behaviour) as hook:
            error = await failure(client, hook.url, seconds=0.2)
            await all_closed(hook)
        assert (error.reason, error.detail) == ("timeout", f"{hook.origin} did not answer in time.")


async def test_time_runs_out_before_anything_is_sent(client: HttpClient) -> None:
    """At the name, at the connection, and in the handshake of one that never says a word of TLS."""

    async def resolve(host: str) -> Sequence[str]:
        return await asyncio.get_running_loop().create_future()

    async with opened(HttpClient(resolve=resolve)) as nameless:
        assert (await failure(nameless, "http://hooks.example/", seconds=0.05)).reason == "timeout"
    with deaf() as url:
        assert (await failure(client, url, seconds=0.1)).reason == "timeout"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/"
        assert (await failure(client, url, seconds=0.1)).reason == "timeout"


async def test_the_next_address_is_tried_when_one_refuses_or_does_not_react() -> None:
    with receiver(host="127.0.0.2") as hook:
        async with opened(HttpClient(resolve=leading_to("127.0.0.3", "127.0.0.2"))) as client:
            assert (await post(client, f"http://hooks.example:{hook.port}/")).status == 200
    with receiver(host="127.0.0.2") as hook, deaf(hook.port):
        async with opened(HttpClient(resolve=leading_to("127.0.0.1", "127.0.0.2"))) as client:
            found = await post(client, f"http://hooks.example:{hook.port}/", seconds=2)
    assert found.status == 200


@contextlib.contextmanager
def deaf(port: int = 0) -> Iterator[str]:
    """It listens, but its backlog is full: packets to it are dropped."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(0)
        for _ in range(3):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"


KIB_64 = 64 * 1024


KEPT: list[tuple[Behaviour, int, bytes, bool]] = [
    (answer(200, b"x" * KIB_64), 200, b"x" * KIB_64, False),
    (answer(200, b"x" * KIB_64 + b"y"), 200, b"x" * KIB_64, True),
    (receivers.huge(), 200, bytes(KIB_64), True),
    (receivers.endless(500), 500, bytes(KIB_64), True),
    (receivers.answer_and_close(200, b"to the end"), 200, b"to the end", False),
    (receivers.answer_then_reset(200), 200, b"", False),
    (receivers.reset_in_answer(200), 200, b"the beginning", True),
    (receivers.reset_in_answer(500), 500, b"the beginning", True),
    (say(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", "close"), 200, b"short", True),
    (
        say(b"HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\nzz\r\n", "hang"),
        200, b"ab", True,
    ),
    (
        say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"2\r\nab\r\n1\r\nc\r\n0\r\nRetry-After: 5\r\n\r\n"),
        200, b"abc", False,
    ),
    (
        say(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nRetry-After: 5\r\n\r\n"
            b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nok"),
        202, b"ok", False,
    ),
    (
        say(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 60_000 + b"\r\nContent-Length: 0\r\n\r\n"),
        200, b"", False,
    ),
]  # fmt: skip


@pytest.mark.usefixtures("on_both_loops")
async def test_what_is_kept_of_a_body(client: HttpClient) -> None:
    for behaviour, status, body, is_cut in KEPT:
        with receiver(behaviour) as hook:
            assert await post(client, hook.url) == Answer(status, None, body, is_cut)
            if is_cut:
                await all_closed(hook)


async def test_a_bomb_stays_packed(client: HttpClient) -> None:
    bomb = receivers.gzip_bomb()
    with receiver(bomb) as hook:
        found = await post(client, hook.url)
    assert found.body == bomb.said.partition(b"\r\n\r\n")[2]


async def test_chunks_with_more_framing_than_body_end_somewhere(client: HttpClient) -> None:
    chunk = b"1;" + b"x" * 1000 + b"\r\ny\r\n"
    with receiver(replace(receivers.endless(), endless=chunk)) as hook:
        found = await post(client, hook.url)
        await all_closed(hook)
    assert (found.status, found.is_cut) == (200, True)
    assert len(found.body) < 4096


async def test_a_head_has_an_end(client: HttpClient) -> None:
    for said in (
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 12_000,
        b"HTTP/1.1 200 " + b"x" * 70_000,
        b"HTTP/1.1 102 Wait\r\nX: y\r\n\r\n" * 6_000,
    ):
        with receiver(say(said, "hang")) as hook:
            error = await failure(client, hook.url)
            await all_closed(hook)
        expected = ("bad_answer", f"{hook.origin} sent a head of more than 64 KiB.")
        assert (error.reason, error.detail) == expected


@pytest.mark.usefixtures("on_both_loops")
@pytest.mark.parametrize(("body_seconds", "seconds"), [(0.1, SECONDS), (SECONDS, 0.2)])
async def test_the_head_decides_and_the_body_is_not_waited_for(
    client: HttpClient, body_seconds: float, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert http_connection.BODY_SECONDS == 1.0
    monkeypatch.setattr(http_connection, "BODY_SECONDS", body_seconds)
    hangs = (receivers.hang_in_body(200), receivers.hang_in_body(500))
    for behaviour in (*hangs, receivers.drip_body(200)):
        with receiver(behaviour) as hook:
            started = time.monotonic()
            found = await post(client, hook.url, seconds=seconds)
            assert time.monotonic() - started < SECONDS
            await all_closed(hook)
        assert (found.status, found.is_cut) == (int(behaviour.said[9:12]), True)


async def test_connections_that_are_used_once(client: HttpClient) -> None:
    for first in (
        answer(200, headers=[("Connection", "close")]),
        answer(200, b"x" * 100_000),
        receivers.answer_and_close(200),
        receivers.reset_in_answer(200),
        say(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"),
        say(receivers.head(200, 0) * 2),
        say(receivers.head(200, 0) + b"HTTP/1.1 2"),
    ):
        with receiver(first, answer(200)) as hook:
            found = [(await post(client, hook.url)).status for _ in range(2)]
            assert [request.connection for request in hook.requests] == [1, 2], first
        assert found == [200, 200]


@pytest.mark.usefixtures("on_both_loops")
async def test_what_comes_unasked_ends_an_idle_connection() -> None:
    """Else it could be taken for the answer to the next request."""
    forged = b"HTTP/1.1 299 Forged\r\nContent-Length: 0\r\n\r\n"
    with receiver(replace(answer(200), dripped=forged), answer(201)) as hook:
        async with opened(HttpClient(idle_seconds=60)) as client:
            assert (await post(client, hook.url)).status == 200
            await all_closed(hook)
            assert (await post(client, hook.url)).status == 201


async def test_an_idle_connection_waits_only_so_long() -> None:
    for idle_seconds in (0.05, 0):
        with receiver() as hook:
            async with opened(HttpClient(idle_seconds=idle_seconds)) as client:
                await post(client, hook.url)
                if idle_seconds:
                    await all_closed(hook)  # else it is open, and too old to be taken
                await post(client, hook.url)
            assert [request.connection for request in hook.requests] == [1, 2]


async def test_a_connection_that_the_receiver_closed_is_not_taken(client: HttpClient) -> None:
    with receiver() as hook:
        await post(client, hook.url)
        hook.shut()
        hook.reopen()
        assert (await post(client, hook.url)).status == 200
        assert len(hook.requests) == 2


async def test_connections_of_others_are_not_taken() -> None:
    """Host and port are another's, or the guard is: the address may not have been checked."""
    guard = AddressGuard((ip_network("127.0.0.0/8"),))
    with receiver() as hook:
        async with opened(HttpClient(resolve=leading_to("127.0.0.1"))) as client:
            for host, by in (
                ("127.0.0.1", None),
                ("a.example", None),
                ("a.example", guard),
                ("a.example", AddressGuard((*guard.networks, ip_network("10.0.0.0/8")))),
            ):
                url = f"http://{host}:{hook.port}/"
                await client.post(url, JSON, b"", timeout_seconds=SECONDS, guard=by)
        assert [request.connection for request in hook.requests] == [1, 2, 3, 4]


async def test_a_used_connection_that_dies_is_no_failure(client: HttpClient) -> None:
    with receiver(answer(200), receivers.reset(), answer(202)) as hook:
        found = [(await post(client, hook.url, b"%d" % n)).status for n in range(2)]
        came = [(request.connection, request.body) for request in hook.requests]
    assert found == [200, 202]
    assert came == [(1, b"0"), (1, b"1"), (2, b"1")]


@pytest.mark.usefixtures("on_both_loops")
async def test_a_used_connection_gets_one_more_try_only_if_it_died_unheard(
    client: HttpClient,
) -> None:
    for then, detail, requests in (
        ([receivers.reset(), receivers.reset()], "reset the connection.", 3),  # not for ever
        ([say(b"H", "close")], "closed the connection without an answer.", 2),  # but it had begun
        ([say(b"HTTP/2 200\r\n\r\n")], "sent no HTTP answer (Expected dot).", 2),
    ):
        with receiver(answer(200), *then) as hook:
            await post(client, hook.url)
            error = await failure(client, hook.url)
            assert error.detail == f"{hook.origin} {detail}"
            assert len(hook.requests) == requests


async def test_the_time_is_that_of_both_tries(client: HttpClient) -> None:
    with receiver(answer(200), receivers.reset(), receivers.hang()) as hook:
        await post(client, hook.url)
        error = await failure(client, hook.url, seconds=1)  # time enough to come to the last
        assert error.detail == f"{hook.origin} did not answer in time."
        assert len(hook.requests) == 3


@pytest.mark.usefixtures("on_both_loops")
async def test_a_head_that_comes_before_its_body_is_acknowledged_at_once(
    client: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a receiver that writes them apart holds the body back for 40 ms."""
    found: list[int] = []
    acknowledge = http_connection._acknowledge

    def recorded(transport: asyncio.Transport) -> None:
        acknowledge(transport)
        used = transport.get_extra_info("socket")
        found.append(used.getsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK))

    monkeypatch.setattr(http_connection, "_acknowledge", recorded)
    apart = Behaviour(receivers.head(200, 4), dripped=b"body", drip_seconds=0.001)
    with receiver(*[answer(200, b"whole")] * 5, apart) as hook:
        for _ in range(5):
            await post(client, hook.url)
        assert found == []
        assert (await post(client, hook.url)).body == b"body"
    assert found == [1]


@pytest.mark.usefixtures("on_both_loops")
async def test_large_bodies_arrive_whole(client: HttpClient) -> None:
    bodies = [random.Random(1).randbytes(256 * 1024), random.Random(2).randbytes(8 * 1024**2)]
    with receiver() as hook:
        for body in (*bodies, b"small"):
            assert (await post(client, hook.url, body)).status == 200
        assert [request.body for request in hook.requests] == [*bodies, b"small"]
        assert {request.connection for request in hook.requests} == {1}


@pytest.mark.usefixtures("on_both_loops")
async def test_a_receiver_that_does_not_read_costs_no_memory(client: HttpClient) -> None:
    body = bytes(64 * 1024**2)
    unread = Behaviour(then="hang", reads_body=False)
    with receiver(unread) as hook:
        tracemalloc.start()
        error = await failure(client, hook.url, body, seconds=0.2)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert error.reason == "timeout"
    assert peak < 4 * 1024**2


@pytest.mark.usefixtures("on_both_loops")
async def test_an_answer_before_the_body_is_sent_counts(client: HttpClient) -> None:
    with receiver(receivers.answer_unread(413), answer(200)) as hook:
        assert (await post(client, hook.url, bytes(8 * 1024**2))).status == 413
        assert (await post(client, hook.url)).status == 200
        assert [request.connection for request in hook.requests] == [1, 2]
        hook.behave(receivers.reset_in_request())
        assert (await failure(client, hook.url, bytes(8 * 1024**2))).reason == "reset"


@pytest.mark.usefixtures("on_both_loops")
async def test_cancelled_it_closes_at_once(client: HttpClient) -> None:
    for behaviour in (receivers.hang(), receivers.drip_body()):
        with receiver(behaviour) as hook:
            task = asyncio.create_task(post(client, hook.url))
            await has_come(hook, 1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await all_closed(hook)


@pytest.mark.usefixtures("on_both_loops")
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_cancelled_before_all_is_sent(client: HttpClient, scheme: str) -> None:
    """In the body, and in the handshake of TLS."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"{scheme}://127.0.0.1:{silent.getsockname()[1]}/"
        task = asyncio.create_task(post(client, url, bytes(16 * 1024**2)))
        accepted, _ = await asyncio.to_thread(silent.accept)
        with accepted:
            accepted.settimeout(SECONDS)
            await asyncio.to_thread(accepted.recv, 1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.to_thread(read_to_the_end, accepted)


def read_to_the_end(connection: socket.socket) -> None:
    with contextlib.suppress(ConnectionResetError):
        while connection.recv(65536):
            pass


@pytest.mark.usefixtures("on_both_loops")
async def test_closed_it_ends_what_is_open() -> None:
    client = HttpClient()
    with receiver(answer(200), receivers.hang()) as hook:
        await asyncio.gather(post(client, hook.url))
        task = asyncio.create_task(post(client, hook.url))
        await has_come(hook, 2)
        await client.close()
        with pytest.raises(SendFailed):
            await task
        assert (await failure(client, hook.url)).detail == "The client was closed."
        await all_closed(hook)
        assert len(hook.requests) == 2


@pytest.mark.usefixtures("on_both_loops")
async def test_https() -> None:
    own = receivers.certificate("127.0.0.1")
    body = random.Random(2).randbytes(3 * 1024**2)
    with receiver(tls=own) as hook:
        async with opened(HttpClient(tls=own.trusted())) as client:
            assert (await post(client, hook.url)).status == 200
            assert (await post(client, hook.url, body)).status == 200
        assert [request.body for request in hook.requests] == [b"{}", body]
        assert {request.connection for request in hook.requests} == {1}


@pytest.mark.usefixtures("on_both_loops")
@pytest.mark.parametrize("guard", [None, AddressGuard((ip_network("127.0.0.1"),))])
async def test_the_certificate_is_that_of_the_name_whatever_the_address(
    guard: AddressGuard | None,
) -> None:
    right, wrong = receivers.certificate("hooks.example"), receivers.certificate("127.0.0.1")
    with receiver(tls=right) as hook, receiver(tls=wrong) as other:
        trusted = ssl.create_default_context(cafile=right.path)
        trusted.load_verify_locations(wrong.path)
        async with opened(HttpClient(tls=trusted, resolve=leading_to("127.0.0.1"))) as client:
            for host in ("hooks.example", "hooks.example."):
                url = f"https://{host}:{hook.port}/"
                found = await client.post(url, JSON, b"", timeout_seconds=SECONDS, guard=guard)
                assert found.status == 200
            url = f"https://hooks.example:{other.port}/"
            with pytest.raises(SendFailed) as raised:
                await client.post(url, JSON, b"", timeout_seconds=SECONDS, guard=guard)
        assert hook.server_names == ["hooks.example", "hooks.example"]
        assert hook.requests[0].headers["host"] == f"hooks.example:{hook.port}"
    assert raised.value.reason == "tls"
    assert "Hostname mismatch" in raised.value.detail


async def test_tls_that_is_not_trusted_or_not_there_and_the_other_way_round(
    client: HttpClient,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as plain:
        task = asyncio.create_task(failure(client, f"https://127.0.0.1:{plain.getsockname()[1]}/"))
        accepted, _ = await asyncio.to_thread(plain.accept)
        with accepted:
            accepted.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            assert (await task).reason == "tls"
    with receiver(tls=receivers.certificate()) as hook:
        plain_words = await failure(client, hook.url.replace("https", "http"))
        untrusted = await failure(client, hook.url)
    assert plain_words.reason in ("reset", "bad_answer")
    assert untrusted.reason == "tls"
    assert "self-signed certificate" in untrusted.detail


async def test_ipv6() -> None:
    with receiver(host="::1") as hook:
        async with opened(HttpClient(resolve=leading_to("::1"))) as client:
            await post(client, f"http://[0:0:0:0:0:0:0:1]:{hook.port}/")
            await post(client, f"http://Hooks.Example:{hook.port}/")
        hosts = [request.headers["host"] for request in hook.requests]
    assert hosts == [f"[::1]:{hook.port}", f"hooks.example:{hook.port}"]


async def follow(client: HttpClient, url: str) -> Answer:
    return await client.post(url, JSON, b'{"a": 1}', timeout_seconds=SECONDS, follows=True)


async def test_a_receiver_may_send_it_on(client: HttpClient) -> None:
    """To another path of its own, with method and body."""
    for status, to in ((307, "/sync/"), (308, "sync/"), (308, "{origin}/sync/")):
        with receiver(answer(202)) as hook:
            moved = receivers.redirect(to.format(origin=hook.origin), status)
            hook.behave(moved, answer(202))
            assert (await follow(client, f"{hook.origin}/sync")).status == 202
            first, second = hook.requests
        assert (first.path, second.path) == ("/sync", "/sync/")
        assert (second.method, second.body) == ("POST", b'{"a": 1}')


async def test_redirects_that_may_lose_the_body_are_a_failed_try(client: HttpClient) -> None:
    every = (301, 302, 303)
    with receiver(*(receivers.redirect("/elsewhere", status) for status in every)) as hook:
        assert [(await follow(client, hook.url)).status for _ in every] == list(every)
        assert [request.path for request in hook.requests] == ["/hook"] * 3


async def test_it_goes_to_no_other_port_and_nowhere_unless_it_may(client: HttpClient) -> None:
    with receiver() as canary, receiver(receivers.redirect(canary.url, 307)) as hook:
        assert (await follow(client, hook.url)).status == 307
        assert canary.count_connections() == 0
    with receiver(receivers.redirect("/elsewhere", 307), answer(200)) as hook:
        assert (await post(client, hook.url)).status == 307
        assert len(hook.requests) == 1


async def test_a_circle_ends(client: HttpClient) -> None:
    with receiver(receivers.redirect("/round", 308)) as hook:
        assert (await follow(client, hook.url)).status == 308
        assert len(hook.requests) == 1 + redirects.MOST


def test_where_it_may_be_sent_on() -> None:
    for url, location, expected in (
        ("http://host/a", "https://host/a", "https://host/a"),
        ("http://host:8080/a", "https://host/b?c=d", "https://host/b?c=d"),
        ("http://me:secret@host/a", "/b", "http://me:secret@host/b"),
        ("http://host/a", "//HOST/b", "http://host/b"),
    ):
        assert redirects.onward(url, Answer(307, None, b"", False, location)) == expected
    for url, location in (
        ("https://host/a", "http://host/a"),
        ("http://host/a", "http://other/a"),
        ("http://host/a", "https://other/a"),
        ("http://host/a", "http://host.other/a"),
        ("http://host/a", "ftp://host/a"),
        ("http://host/a", "http://[::1/"),
        ("http://host/a", "/b\x00"),
        ("http://host/a", None),
    ):
        assert redirects.onward(url, Answer(307, None, b"", False, location)) is None, location
