"""The receivers that other tests rely on, seen by a client that is not ours."""

import gzip
import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime

import httpx
import pytest
import receivers
from receivers import answer, receiver


def post(url: str, body: bytes = b"{}", **options: object) -> httpx.Response:
    return httpx.post(url, content=body, trust_env=False, timeout=5, **options)  # type: ignore[arg-type]


def raw(hook: receivers.Receiver, body: bytes = b"") -> socket.socket:
    """A connection on which one request was sent."""
    made = socket.create_connection(("127.0.0.1", hook.port), timeout=5)
    head = b"POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    made.sendall(head + body)
    return made


def read_all(connection: socket.socket) -> bytes:
    with connection:
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_behaviours_take_turns_and_the_last_one_stays() -> None:
    with receiver(answer(500), answer(503), answer(204)) as hook:
        statuses = [post(hook.url).status_code for _ in range(4)]
    assert statuses == [500, 503, 204, 204]


def test_every_request_is_recorded() -> None:
    with receiver() as hook:
        for number in range(3):
            post(f"{hook.origin}/hook/{number}?a=b", b'{"n": %d}' % number, headers={"X-Y": "z"})
        found = hook.wait_for(3)
    assert [request.json for request in found] == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert [request.path for request in found] == [f"/hook/{n}?a=b" for n in range(3)]
    assert {(request.method, request.headers["x-y"]) for request in found} == {("POST", "z")}
    assert found[0].began_at <= found[0].ended_at <= found[1].began_at


def test_a_behaviour_for_certain_requests_stands_in_front() -> None:
    bad = receivers.when(lambda request: request.path == "/bad", answer(400))
    with receiver(bad, answer(201), answer(202)) as hook:
        statuses = [post(f"{hook.origin}{path}").status_code for path in ("/", "/bad", "/")]
    assert statuses == [201, 400, 202]


def test_it_can_be_told_otherwise_midway() -> None:
    with receiver(answer(500)) as hook:
        assert post(hook.url).status_code == 500
        hook.behave(answer(200, b"better"))
        assert post(hook.url).text == "better"


def test_paused_it_reads_and_says_nothing_until_it_is_released() -> None:
    with receiver() as hook:
        hook.pause()
        connection = raw(hook)
        hook.wait_for(1)
        connection.setblocking(False)
        with pytest.raises(BlockingIOError):
            connection.recv(1)
        connection.settimeout(5)
        hook.release()
        assert connection.recv(12) == b"HTTP/1.1 200"
        connection.close()
        hook.wait_for_connections(0)


def test_waiting_in_vain_says_what_there_is() -> None:
    with receiver() as hook:
        post(hook.url)
        with pytest.raises(AssertionError, match=r"waited 0\.01 s for 2 requests; there are 1 req"):
            hook.wait_for(2, timeout=0.01)


def test_connections_are_counted_even_those_that_say_nothing() -> None:
    with receiver() as hook:
        assert hook.count_connections() == 0
        with (
            socket.create_connection(("127.0.0.1", hook.port)),
            socket.create_connection(("127.0.0.1", hook.port)),
        ):
            assert hook.count_connections() == 2
        assert hook.count_connections() == 2


def test_shut_it_refuses_and_keeps_its_port() -> None:
    with receiver() as hook:
        url = hook.url
        hook.shut()
        with pytest.raises(httpx.ConnectError):
            post(url)
        hook.reopen()
        assert post(url).status_code == 200


def test_nobody_listens() -> None:
    with receivers.refusing() as url, pytest.raises(httpx.ConnectError):
        post(url)


@pytest.mark.parametrize(
    "behaviour",
    [receivers.reset, receivers.reset_in_request, receivers.reset_in_answer],
)
def test_a_reset_is_a_reset(behaviour: Callable[[], receivers.Behaviour]) -> None:
    with receiver(behaviour()) as hook:
        with pytest.raises(ConnectionResetError):
            read_all(raw(hook))
        assert len(hook.wait_for(1)) == 1


def test_a_reset_in_the_request_leaves_its_body_unread() -> None:
    with receiver(receivers.reset_in_request()) as hook, raw(hook, b"body"):
        assert [(one.body, one.is_whole) for one in hook.wait_for(1)] == [(b"", False)]


def test_an_answer_before_a_reset_is_whole() -> None:
    with receiver(receivers.answer_then_reset(200)) as hook, raw(hook) as connection:
        assert connection.recv(65536).endswith(b"Content-Length: 0\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            connection.recv(1)


def test_closed_without_a_word() -> None:
    with receiver(receivers.close()) as hook:
        assert read_all(raw(hook)) == b""


@pytest.mark.parametrize("behaviour", [receivers.hang(), receivers.answer_unread(200)])
def test_a_hanging_receiver_still_stops(behaviour: receivers.Behaviour) -> None:
    with receiver(behaviour) as hook:
        connection = raw(hook)
        hook.wait_for(1)
    connection.close()


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (120, "120"),
        (-5, "-5"),
        ("soon", "soon"),
        (datetime(2035, 1, 2, 3, 4, 5, tzinfo=UTC), "Tue, 02 Jan 2035 03:04:05 GMT"),
    ],
)
def test_retry_after(after: int | str | datetime, expected: str) -> None:
    with receiver(receivers.busy(after, 429)) as hook:
        found = post(hook.url)
    assert (found.status_code, found.headers["Retry-After"]) == (429, expected)


def test_a_redirect() -> None:
    with receiver(receivers.redirect("http://127.0.0.1:1/", 307)) as hook:
        found = post(hook.url)
    assert (found.status_code, found.headers["Location"]) == (307, "http://127.0.0.1:1/")


def test_two_gigabytes_come_as_far_as_they_are_read() -> None:
    with receiver(receivers.huge()) as hook, raw(hook) as connection:
        first = connection.recv(65536)
        assert b"Content-Length: 2147483648\r\n" in first
        seen = len(first)
        while seen < 8 * 1024**2:
            seen += len(connection.recv(1024**2))


@pytest.mark.parametrize("behaviour", [receivers.endless(), receivers.drip_body(200, 0.001)])
def test_a_body_without_an_end(behaviour: receivers.Behaviour) -> None:
    with receiver(behaviour) as hook:
        with httpx.stream("POST", hook.url, trust_env=False) as found:
            chunks = found.iter_raw()
            assert next(chunks)
            assert next(chunks)
        hook.wait_for_connections(0)


def test_a_bomb_is_small_until_it_is_unpacked() -> None:
    with (
        receiver(receivers.gzip_bomb()) as hook,
        httpx.stream("POST", hook.url, trust_env=False) as found,
    ):
        packed = b"".join(found.iter_raw())
        assert found.headers["Content-Encoding"] == "gzip"
    assert len(packed) < 64 * 1024
    assert len(gzip.decompress(packed)) == 32 * 1024**2


def test_dripping_begins_with_the_first_byte() -> None:
    with receiver(receivers.drip()) as hook, raw(hook) as connection:
        first = connection.recv(65536)  # more than one byte on a machine that is late
        assert b"HTTP/1.1 200".startswith(first)
        connection.close()
        hook.wait_for_connections(0)


def test_a_certificate_names_who_the_receiver_is() -> None:
    right, wrong = receivers.certificate("127.0.0.1"), receivers.certificate("other.example")
    with receiver(tls=right) as hook:
        assert post(hook.url, verify=right.trusted()).status_code == 200
    with receiver(tls=wrong) as hook, pytest.raises(httpx.ConnectError) as raised:
        post(hook.url, verify=wrong.trusted())
    assert "IP address mismatch" in str(raised.value)
    assert receivers.certificate("other.example") is wrong
    assert isinstance(wrong.trusted(), ssl.SSLContext)
