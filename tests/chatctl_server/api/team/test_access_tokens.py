"""Whose token it is: only what this server signed, as it signs, lets somebody in."""

import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import jwt
import people
import pytest
from people import ask, sign_up
from team import SECRET, SETTINGS
from world import KEY, Server, running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("server"), **SETTINGS) as started:
        yield started


@pytest.fixture(scope="module")
def anna(server: Server) -> dict[str, Any]:
    return sign_up(server, "Anna")


def me(server: Server, token: str | None) -> tuple[int, str]:
    found = ask(server, "GET", "/api/users/me", token)
    return found.status_code, found.json().get("code", "")


def claims(token: str, **others: Any) -> dict[str, Any]:
    found = jwt.decode(token, options={"verify_signature": False})
    return {name: each for name, each in {**found, **others}.items() if each is not None}


def encoded(part: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def test_an_access_token_lets_its_user_in(server: Server, anna: dict[str, Any]) -> None:
    assert me(server, anna["token"])[0] == 200
    assert me(server, None) == (401, "unauthorized")


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")  # for HS512
def test_what_was_not_signed_here_lets_nobody_in(server: Server, anna: dict[str, Any]) -> None:
    head, body, signature = anna["token"].split(".")
    kid = jwt.get_unverified_header(anna["token"])["kid"]
    said = claims(anna["token"])
    for token in (
        f"{head}.{body}.",
        f"{head}.{body}",
        f"{encoded({'alg': 'none', 'typ': 'JWT'})}.{body}.",
        f"{encoded({'alg': 'None', 'kid': kid})}.{body}.{signature}",
        f"{encoded({'alg': 'RS256', 'kid': kid})}.{body}.{signature}",
        f"{head}.{encoded({**said, 'sub': '2'})}.{signature}",
        jwt.encode(said, SECRET, "HS512", headers={"kid": kid}),
        jwt.encode(said, "another-secret-of-at-least-32-bytes", headers={"kid": kid}),
        jwt.encode(said, "another-secret-of-at-least-32-bytes"),
        anna["token"][:-8],
        "",
        "a.b.c",
    ):
        assert me(server, token) == (401, "unauthorized"), token


def test_what_it_must_say_is_checked(server: Server, anna: dict[str, Any]) -> None:
    now = int(time.time())
    wrong: tuple[dict[str, Any], ...] = (
        {"iss": "somebody"},
        {"aud": "elsewhere"},
        {"iss": None},
        {"aud": None},
        {"exp": None},
        {"exp": now - 90},
        {"iat": now + 90},
        {"sub": "x"},
        {"sub": "0"},
        {"sub": "-1"},
        {"sid": None},
        {"sid": 5},
    )
    for others in wrong:
        token = jwt.encode(claims(anna["token"], **others), SECRET)
        assert me(server, token) == (401, "unauthorized"), others
    leeway = jwt.encode(claims(anna["token"], exp=now - 30), SECRET)
    assert me(server, leeway)[0] == 200


def test_a_refresh_token_and_the_operators_key_open_nothing_here(
    server: Server, anna: dict[str, Any]
) -> None:
    assert me(server, anna["refresh_token"]) == (401, "unauthorized")
    for headers in ({"X-Api-Key": KEY}, people.bearer(KEY)):
        with people.page(server, **headers) as client:
            assert client.get("/api/users").status_code == 401
    for path in ("/management/rooms", "/management/status"):
        assert ask(server, "GET", path, anna["token"]).status_code == 401


def test_what_no_key_is_for_ignores_all(server: Server) -> None:
    body = {"email": "anna@example.org", "password": people.PASSWORD}
    for headers in ({"X-Api-Key": "wrong"}, people.bearer("wrong")):
        with people.page(server, **headers) as client:
            assert client.post("/api/signin", json=body).status_code == 200
