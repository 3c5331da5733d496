"""Logout: what ends, and what it answers to tokens that are over."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import people
import pytest
from people import ask, page, sign_in, sign_up
from team import SETTINGS, TOKENS, Person
from world import Server, running

OUT = {"message": "Logged out successfully"}
OUT_EVERYWHERE = {"message": "Logged out from all sessions successfully"}
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


def is_in(server: Server, session: dict[str, str]) -> bool:
    """By its access token."""
    answer = ask(server, "GET", "/api/users/me", session["token"])
    assert answer.status_code in {200, 401}
    return answer.status_code == 200


def refreshes(server: Server, session: dict[str, str]) -> bool:
    return ask(server, "POST", "/api/refresh", session["refresh_token"]).status_code == 200


def out(server: Server, token: str | None, path: str = "/api/logout") -> httpx.Response:
    return ask(server, "POST", path, token)


def test_a_session_ends_by_either_of_its_tokens_and_no_other_does(server: Server) -> None:
    sign_up(server, "Anna")
    one, other, third = (sign_in(server, "Anna").json() for _ in range(3))
    answer = out(server, one["token"])
    assert (answer.status_code, answer.json()) == (200, OUT)
    assert answer.headers["set-cookie"] == CLEARED
    assert not is_in(server, one)
    assert not refreshes(server, one)
    assert out(server, other["refresh_token"]).json() == OUT
    assert not is_in(server, other)
    assert is_in(server, third)
    assert refreshes(server, third)


def test_without_a_bearer_it_is_the_session_of_the_cookie(server: Server) -> None:
    with page(server) as client:
        body = {"fullname": "Berta", "email": "berta@example.org", "password": people.PASSWORD}
        mine = client.post("/api/signup", json=body).json()
        other = sign_in(server, "Berta").json()
        assert client.post("/api/logout").json() == OUT
        assert "refresh_token" not in client.cookies
        assert client.post("/api/logout").status_code == 401
    assert not is_in(server, mine)
    assert is_in(server, other)


def test_the_bearer_goes_before_the_cookie(server: Server) -> None:
    sign_up(server, "Carla")
    with page(server) as client:
        body = {"email": "carla@example.org", "password": people.PASSWORD}
        mine = client.post("/api/signin", json=body).json()
        other = sign_in(server, "Carla").json()
        client.post("/api/logout", headers=people.bearer(other["token"]))
    assert is_in(server, mine)
    assert not is_in(server, other)


def test_all_sessions_of_that_user_end_at_once(server: Server) -> None:
    anna, bob = sign_up(server, "Dora"), sign_up(server, "Bob")
    for path in ("/api/logout-all", "/api/logout_all"):
        sessions = [sign_in(server, "Dora").json() for _ in range(3)]
        answer = out(server, sessions[0]["token"], path)
        assert (answer.status_code, answer.json()) == (200, OUT_EVERYWHERE)
        assert not any(is_in(server, each) for each in (anna, *sessions))
        assert not any(refreshes(server, each) for each in (anna, *sessions))
    assert is_in(server, bob)


def test_what_is_over_is_answered_alike_and_does_nothing_more(server: Server) -> None:
    anna, other = sign_up(server, "Emma"), sign_in(server, "Emma").json()
    out(server, anna["token"])
    rotated = sign_in(server, "Emma").json()
    current = ask(server, "POST", "/api/refresh", rotated["refresh_token"]).json()
    server.set_clock(60)
    for token in (anna["token"], anna["refresh_token"], rotated["refresh_token"]):
        assert out(server, token).json() == OUT
        assert out(server, token, "/api/logout-all").json() == OUT_EVERYWHERE
    assert is_in(server, other)
    assert is_in(server, current)
    assert refreshes(server, current)


def test_an_access_token_that_is_over_ends_its_session(server: Server) -> None:
    anna = sign_up(server, "Frida")
    own = TOKENS.read(anna["token"])
    over = Person(own.account, "").token_of(own.login_id, expires_in=-3600)
    assert not is_in(server, {"token": over})
    assert out(server, over).json() == OUT
    assert not is_in(server, anna)
    assert not refreshes(server, anna)


def test_a_token_that_was_never_given_out_ends_nothing(server: Server) -> None:
    nowhere = Person(sign_up(server, "Gerda")["user"]["id"], "").token_of("no-such-login")
    for token in (None, "nonsense", "A" * 43, "a.b.c", nowhere):
        for path in ("/api/logout", "/api/logout-all"):
            answer = out(server, token, path)
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


def test_a_restart_lets_no_revoked_token_in(tmp_path: Path) -> None:
    """Nor one of somebody who is suspended."""
    with running(tmp_path, **SETTINGS) as server:
        anna, bob, carl = (sign_up(server, name) for name in ("Anna", "Bob", "Carl"))
        out(server, anna["token"])
        path = f"/management/users/{carl['user']['id']}"
        assert server.http.patch(path, json={"status": "suspended"}).status_code == 200
        server.stop()
        server.start()
        assert not is_in(server, anna)
        assert is_in(server, bob)
        assert not is_in(server, carl)
        assert not is_in(server, {"token": Person(carl["user"]["id"], "").token_of("a-new-one")})
