"""Whose requests are taken: from which networks, and how many in a minute."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import wire
from application import SECRET, token
from world import KEY, NO_TLS, Server, eventually, running

BEHIND = {"TRUSTED_PROXIES": "127.0.0.1", "LOG_LEVEL": "info,access=info"}
RATE = 5


def ask(server: Server, path: str, address: str, **headers: str) -> httpx.Response:
    """As the proxy passes it on."""
    lines = {"X-Forwarded-For": address, **headers}
    return httpx.get(
        f"{server.url}{path}", headers=lines, timeout=30, trust_env=False, verify=NO_TLS
    )


def statuses(server: Server, path: str, address: str, times: int, **headers: str) -> list[int]:
    return [ask(server, path, address, **headers).status_code for _ in range(times)]


def upgraded(server: Server, path: str, address: str) -> int:
    return wire.ask(server, wire.upgrade(path, f"X-Forwarded-For: {address}")).status


def refused(server: Server, limit: str) -> float:
    """From the proxy's own address, which no limit of these tests concerns."""
    lines = ask(server, "/metrics", "198.18.0.1").text.splitlines()
    name = f'chatctl_rate_limited_total{{limit="{limit}"}} '
    (found,) = [line for line in lines if line.startswith(name)]
    return float(found.removeprefix(name))


def access_lines(server: Server, status: int) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    return [each for each in lines if each["area"] == "access" and each["status"] == status]


@pytest.fixture(scope="module")
def filtered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = {
        **BEHIND,
        "DENY_ADDRESSES": "203.0.113.0/24,2001:db8:bad::/48",
        "ALLOW_ADDRESSES": "127.0.0.1,198.18.0.0/15,203.0.113.0/24,2001:db8::/32",
    }
    with running(tmp_path_factory.mktemp("filtered"), **settings) as server:
        yield server


def test_who_is_denied_or_not_among_the_allowed_is_refused(filtered: Server) -> None:
    for address, status in (
        ("198.19.255.255", 200),
        ("2001:db8::1", 200),
        ("203.0.113.9", 403),  # both denied and allowed
        ("::ffff:203.0.113.9", 403),
        ("2001:db8:bad::1", 403),
        ("192.0.2.1", 403),  # neither
        ("no-address", 403),
    ):
        for path in ("/management/health", "/health/simple", "/nowhere"):
            answer = ask(filtered, path, address)
            assert answer.status_code == (404 if (status, path) == (200, "/nowhere") else status)
        assert upgraded(filtered, "/ws/nowhere", address) == (404 if status == 200 else 403)
    told = ask(filtered, "/management/rooms", "203.0.113.9", **{"X-Api-Key": KEY})
    assert told.json()["code"] == "forbidden"
    assert "DENY_ADDRESSES" in told.json()["detail"]
    assert refused(filtered, "denied_address") >= 5 * 4 + 1


def test_a_body_is_not_waited_for(filtered: Server) -> None:
    head = wire.request(filtered, "POST", "/management/rooms", "X-Forwarded-For: 203.0.113.9")
    announced = head.replace(b"Content-Length: 0", b"Content-Length: 1000")
    assert wire.ask(filtered, announced).status == 403


def test_the_admin_socket_takes_all(filtered: Server) -> None:
    path = f"{filtered.database}.admin.sock"
    with httpx.Client(transport=httpx.HTTPTransport(uds=path)) as client:
        assert client.get("http://here/management/rooms").status_code == 200


def test_the_log_of_requests_has_the_reason(filtered: Server) -> None:
    ask(filtered, "/logged", "203.0.113.77")
    (line,) = eventually(
        lambda: [each for each in access_lines(filtered, 403) if each["path"] == "/logged"]
    )
    assert line["address"] == "203.0.113.77"
    assert line["reason"] == "Requests from this address are refused (DENY_ADDRESSES)"
    assert line["message"].endswith(line["reason"])


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = {
        **BEHIND,
        "RATE_LIMIT_PER_MINUTE": str(RATE),
        "CORS_ORIGINS": "https://chat.example",
        "ROOM_IDENTITY": "token",
        "ROOM_TOKEN_SECRET": SECRET,
    }
    with running(tmp_path_factory.mktemp("limited"), **settings) as server:
        yield server


def test_an_address_without_a_credential_has_so_many_a_minute(limited: Server) -> None:
    first = "192.0.2.1"
    preflight = {
        "Origin": "https://chat.example",
        "Access-Control-Request-Method": "POST",
        "X-Forwarded-For": first,
    }
    for _ in range(RATE):
        allowed = httpx.options(f"{limited.url}/api/chat", headers=preflight, trust_env=False)
        assert allowed.status_code == 204
        assert "x-workspace-id" in allowed.headers["access-control-allow-headers"].lower()
        assert "last-event-id" in allowed.headers["access-control-allow-headers"].lower()
    assert statuses(limited, "/docs", first, RATE + 1) == [200] * RATE + [429]
    answer = ask(limited, "/management/rooms", first, Origin="https://chat.example")
    assert (answer.status_code, answer.json()["code"]) == (429, "throttled")
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert answer.headers["access-control-allow-origin"] == "https://chat.example"
    exposed = {each.strip() for each in answer.headers["access-control-expose-headers"].split(",")}
    assert exposed == {"ETag", "Link", "Retry-After", "X-Request-Id"}
    assert upgraded(limited, "/ws/rooms/x", first) == 429
    assert statuses(limited, "/health", first, RATE + 1) == [200] * (RATE + 1)
    assert statuses(limited, "/health/simple", first, 1) == [200]
    assert ask(limited, "/docs", "192.0.2.2").status_code == 200
    assert refused(limited, "address") == 3
    assert statuses(limited, "/healthy", "192.0.2.4", RATE + 1) == [404] * RATE + [429]


def test_wrong_credentials_count_for_the_address(limited: Server) -> None:
    wrong = {"X-Api-Key": "wrong"}
    given = statuses(limited, "/management/rooms", "192.0.2.3", RATE + 1, **wrong)
    assert given == [401] * RATE + [429]


def test_a_good_credential_has_as_many_from_wherever_it_comes(tmp_path: Path) -> None:
    key = {"X-Api-Key": KEY}
    with running(tmp_path, **BEHIND, RATE_LIMIT_PER_MINUTE="8") as server:
        # The start was waited for at /management/health, from the proxy's own address.
        for number in range(8):
            answer = ask(server, "/management/rooms", f"192.0.2.{number % 2}", **key)
            assert answer.status_code == 200
        answer = ask(server, "/management/rooms", "192.0.2.9", **key)
        assert answer.status_code == 429
        assert "credential" in answer.json()["detail"]
        # Of those addresses nothing is used up.
        assert statuses(server, "/docs", "192.0.2.1", 9) == [200] * 8 + [429]
        assert refused(server, "credential") == 1


def test_so_has_a_rooms_token(limited: Server) -> None:
    # Its room is not there: by then the token was found good.
    path = "/ws/rooms/018f0000-0000-7000-8000-000000000000?token="
    anna = [upgraded(limited, path + token("anna"), f"192.0.2.{100 + n}") for n in range(RATE + 1)]
    assert anna == [404] * RATE + [429]
    assert upgraded(limited, path + token("ben"), "192.0.2.100") == 404


def test_the_admin_socket_has_no_limit(limited: Server) -> None:
    path = f"{limited.database}.admin.sock"
    with httpx.Client(transport=httpx.HTTPTransport(uds=path)) as client:
        asked = {client.get("http://here/management/rooms").status_code for _ in range(3 * RATE)}
    assert asked == {200}


def test_by_default_nobody_is_limited(shared_server: Server) -> None:
    asked = {shared_server.http.get("/docs").status_code for _ in range(50)}
    assert asked == {200}
