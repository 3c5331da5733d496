"""Refresh tokens: each is used once, and a stolen one ends the session of both who have it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import people
import pytest
from people import ask, bearer, page, sign_up
from team import SECRET, SETTINGS
from world import Server, running

DAY = 24 * 3600
OTHER = "another-secret-for-access-tokens-of-the-tests"
ATTRIBUTES = "Path=/api; HttpOnly; SameSite=Lax; Max-Age=1209600"
CLEARED = "refresh_token=; Path=/api; HttpOnly; SameSite=Lax; Max-Age=0"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("server"), program="shifted_clock", **SETTINGS)
    made.set_clock(0)
    yield made.start()
    made.close()


@pytest.fixture
def server(shared: Server) -> Server:
    """Its clock is moved by the test, which has people of its own."""
    shared.set_clock(0)
    return shared


def refresh(server: Server, token: str) -> httpx.Response:
    return ask(server, "POST", "/api/refresh", token)


def next_of(server: Server, token: str) -> str:
    answer = refresh(server, token)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["refresh_token"])


def is_refused(answer: httpx.Response) -> bool:
    assert answer.status_code == 401, answer.text
    assert answer.json()["error"] == "Invalid or expired refresh token"
    assert answer.headers["set-cookie"] == CLEARED
    return True


def test_each_refresh_gives_the_next_pair(server: Server) -> None:
    anna = sign_up(server, "Anna")
    answer = refresh(server, anna["refresh_token"])
    found = answer.json()
    assert found.keys() == anna.keys()
    assert found["user"] == anna["user"]
    assert found["refresh_token"] != anna["refresh_token"]
    cookie = f"refresh_token={found['refresh_token']}; {ATTRIBUTES}"
    assert answer.headers["set-cookie"] == cookie
    assert next_of(server, found["refresh_token"])


def test_for_five_seconds_the_one_before_gets_the_same_successor(server: Server) -> None:
    first = sign_up(server, "Berta")["refresh_token"]
    second = next_of(server, first)
    server.set_clock(4)
    assert next_of(server, first) == second
    third = next_of(server, second)
    assert next_of(server, second) == third
    assert next_of(server, third)


def test_an_old_token_that_is_used_again_ends_the_session(server: Server) -> None:
    anna = sign_up(server, "Carla")
    first = anna["refresh_token"]
    second = next_of(server, first)
    server.set_clock(6)
    assert is_refused(refresh(server, first))
    assert is_refused(refresh(server, second))
    dead = ask(server, "GET", "/api/users/me", anna["token"])
    assert (dead.status_code, dead.json()["code"]) == (401, "token_revoked")


def test_one_that_is_older_than_the_one_before_has_no_grace(server: Server) -> None:
    first = sign_up(server, "Dora")["refresh_token"]
    third = next_of(server, next_of(server, first))
    assert is_refused(refresh(server, first))
    assert is_refused(refresh(server, third))


async def test_fifty_at_once_are_one_family(server: Server) -> None:
    first = sign_up(server, "Emma")["refresh_token"]
    async with httpx.AsyncClient(base_url=server.url, trust_env=False, timeout=30) as client:
        asked = (client.post("/api/refresh", headers=bearer(first)) for _ in range(50))
        answers = await asyncio.gather(*asked)
    assert {each.status_code for each in answers} == {200}
    (second,) = {each.json()["refresh_token"] for each in answers}
    assert next_of(server, second)


def test_a_restart_and_a_new_secret_change_nothing(tmp_path: Path) -> None:
    (tmp_path / "clock").write_text("0")
    with running(tmp_path, program="shifted_clock", **SETTINGS) as server:
        anna = sign_up(server, "Anna")
        second = next_of(server, anna["refresh_token"])
        server.stop()
        server.environment["JWT_SECRET"] = f"{OTHER},{SECRET}"
        server.start()
        assert next_of(server, anna["refresh_token"]) == second
        assert ask(server, "GET", "/api/users/me", anna["token"]).status_code == 200
        assert next_of(server, second)


def test_fourteen_days_without_a_refresh_or_thirty_in_all_end_it(server: Server) -> None:
    frida, fritz = sign_up(server, "Frida"), sign_up(server, "Fritz")
    idle, busy = frida["refresh_token"], fritz["refresh_token"]
    for day in (13, 26):
        server.set_clock(day * DAY)
        busy = next_of(server, busy)
    assert is_refused(refresh(server, idle))
    assert server.http.get(f"/management/users/{frida['user']['id']}/sessions").json() == []
    server.set_clock(30 * DAY + 60)
    assert is_refused(refresh(server, busy))


def test_the_header_decides_before_the_body_and_the_body_before_the_cookie(
    server: Server,
) -> None:
    anna, spoiled = sign_up(server, "Gerda"), "A" * 43
    good = anna["refresh_token"]

    def asked(header: str | None, body: Any, cookie: str | None) -> httpx.Response:
        with page(server) as client:
            headers = {"Content-Type": "application/json", **(bearer(header) if header else {})}
            headers |= {"Cookie": f"refresh_token={cookie}"} if cookie else {}
            return client.post("/api/auth/refresh", headers=headers, content=body)

    none = asked(None, None, None)
    assert (none.status_code, none.json()["error"]) == (401, "No refresh token provided")
    assert is_refused(asked(spoiled, f'{{"refresh_token": "{good}"}}', good))
    assert is_refused(asked("no-token", None, good))
    assert is_refused(asked(None, f'{{"refresh_token": "{spoiled}"}}', good))
    assert is_refused(asked(None, None, spoiled))
    for header, body, cookie in (
        (None, None, good),
        (None, b"", good),
        (None, "{}", good),
        (anna["token"], None, good),  # an access token is passed over
        (None, f'{{"refresh_token": "{good}"}}', spoiled),
        (good, f'{{"refresh_token": "{spoiled}"}}', spoiled),
    ):
        assert asked(header, body, cookie).status_code == 200, (header, body, cookie)


def test_a_revoked_token_in_the_header_is_refused_whatever_the_cookie_says(
    server: Server,
) -> None:
    revoked = sign_up(server, "Helga")["refresh_token"]
    assert ask(server, "POST", "/api/logout", revoked).status_code == 200
    good = people.sign_in(server, "Helga").json()["refresh_token"]
    with page(server, **bearer(revoked), Cookie=f"refresh_token={good}") as client:
        assert is_refused(client.post("/api/refresh"))
    with page(server, Cookie=f"refresh_token={good}") as client:
        assert client.post("/api/refresh").status_code == 200


def test_a_page_of_another_site_has_no_use_of_the_cookie(server: Server) -> None:
    with page(server) as client:
        body = {"fullname": "Ida", "email": "ida@example.org", "password": people.PASSWORD}
        assert client.post("/api/signup", json=body).status_code == 201
        near = f"http://127.0.0.1:{server.port + 1}"
        for origin in ("https://elsewhere.example", "null", near, "http://[", "://"):
            for path in ("/api/refresh", "/api/logout", "/api/logout-all"):
                answer = client.post(path, headers={"Origin": origin})
                assert (answer.status_code, "set-cookie" in answer.headers) == (401, False)
            signed_in = people.sign_in(server, "Ida", Origin=origin)
            assert (signed_in.status_code, "set-cookie" in signed_in.headers) == (200, False)
        assert client.post("/api/refresh", headers={"Origin": server.url}).status_code == 200
        assert client.post("/api/refresh").status_code == 200


def test_the_cookie_is_secure_behind_a_proxy_that_speaks_https(tmp_path: Path) -> None:
    settings = {**SETTINGS, "TRUSTED_PROXIES": "127.0.0.1", "PUBLIC_URL": "https://chat.example"}
    with running(tmp_path, **settings) as server:
        sign_up(server, "Anna")
        for headers, is_secure in (
            ({}, False),
            ({"X-Forwarded-Proto": "https"}, True),
            ({"X-Forwarded-Proto": "http"}, False),
            ({"X-Forwarded-Proto": "https, http"}, False),
        ):
            cookie = people.sign_in(server, "Anna", **headers).headers["set-cookie"]
            assert cookie.endswith("; Secure") is is_secure, headers
        token = people.sign_in(server, "Anna").json()["refresh_token"]
        headers = {"Cookie": f"refresh_token={token}", "Origin": "https://chat.example"}
        assert ask(server, "POST", "/api/refresh", headers=headers).status_code == 200


def test_nobody_but_a_trusted_proxy_makes_it_secure(server: Server) -> None:
    sign_up(server, "Klara")
    answer = people.sign_in(server, "Klara", **{"X-Forwarded-Proto": "https"})
    assert "Secure" not in answer.headers["set-cookie"]
