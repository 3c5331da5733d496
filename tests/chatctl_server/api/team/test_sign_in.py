"""Sign-in: what it answers, and how often somebody may be wrong."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import people
import pytest
from people import PASSWORD, sign_in, sign_up
from team import SETTINGS, Town
from world import Server, running

from chatctl_server.actions import accounts

BEHIND = {**SETTINGS, "TRUSTED_PROXIES": "127.0.0.1"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("server"), **BEHIND) as started:
        yield started


def sign_ins(server: Server, outcome: str) -> float:
    """Until now."""
    name = f'chatctl_sign_ins_total{{outcome="{outcome}"}} '
    lines = [each for each in server.http.get("/metrics").text.splitlines() if name in each]
    return float(lines[0].removeprefix(name)) if lines else 0


def from_(number: int) -> dict[str, str]:
    return {"X-Forwarded-For": f"198.51.100.{number}"}


def test_who_has_signed_up_signs_in_by_either_path_and_any_case(server: Server) -> None:
    before = sign_ins(server, "success")
    sign_up(server, "Anna")
    for path in ("/api/signin", "/api/auth/signin"):
        body = {"email": " ANNA@example.org", "password": PASSWORD}
        answer = people.ask(server, "POST", path, json=body)
        assert answer.status_code == 200
        assert answer.json()["user"]["fullname"] == "Anna"
    assert sign_ins(server, "success") == before + 2


def test_a_wrong_password_and_an_unknown_user_are_answered_alike(server: Server) -> None:
    before = sign_ins(server, "invalid_credentials")
    sign_up(server, "Berta")
    wrong, unknown, short = (
        sign_in(server, "Berta", "no"),
        sign_in(server, "Nobody"),
        sign_in(server, "Berta", ""),
    )
    for answer in (wrong, unknown, short):
        assert answer.status_code == 403
        assert answer.json()["error"] == "Invalid credentials"
        assert "set-cookie" not in answer.headers
    shown = [answer.json() | {"request_id": ""} for answer in (wrong, unknown)]
    assert shown[0] == shown[1]
    assert sign_ins(server, "invalid_credentials") == before + 3


def test_a_password_is_compared_at_the_same_cost_whoever_it_is_for(tmp_path: Path) -> None:
    """So that the time of an answer does not tell who has an account."""
    with running(tmp_path, program="watched_passwords", **BEHIND) as server:
        sign_up(server, "Anna")
        for name in ("Anna", "Nobody"):
            assert sign_in(server, name, "wrong").status_code == 403
        of_anna, of_nobody = (tmp_path / "hashes").read_text().splitlines()
    assert of_anna == of_nobody == "$argon2id$v=19$m=19456,t=2,p=1"


def test_ten_may_fail_then_one_in_six_seconds_and_a_right_one_costs_nothing(
    server: Server,
) -> None:
    sign_up(server, "Carla")
    sign_up(server, "Bob")
    for _ in range(11):
        assert sign_in(server, "Carla", **from_(1)).status_code == 200
    with ThreadPoolExecutor(11) as pool:
        failed = list(pool.map(lambda _: sign_in(server, "Carla", "wrong", **from_(1)), range(11)))
    assert sorted(each.status_code for each in failed) == [403] * 10 + [429]
    (throttled,) = (each for each in failed if each.status_code == 429)
    assert throttled.json()["code"] == "throttled"
    assert 0 < int(throttled.headers["retry-after"]) <= 6
    assert sign_in(server, "Bob", **from_(1)).status_code == 200
    assert sign_in(server, "Carla", **from_(2)).status_code == 200  # nobody is locked out
    assert sign_in(server, "nobody", "wrong", **from_(1)).status_code == 403
    assert sign_ins(server, "throttled") == 1
    assert server.figure('chatctl_rate_limited_total{limit="sign_ins"}') == 1


def test_nobody_is_in_by_the_old_password_once_another_is_set(server: Server) -> None:
    """Also of those who wait for it to be checked."""
    number = sign_up(server, "Emma")["user"]["id"]
    with ThreadPoolExecutor(9) as pool:
        asked = [pool.submit(sign_in, server, "Emma", **from_(5)) for _ in range(9)]
        next(as_completed(asked))
        given = {"password": "another horse battery"}
        answer = server.http.post(f"/management/users/{number}/password", json=given)
        assert answer.status_code == 200
        late = sum(not each.done() for each in asked)
    answers = [each.result() for each in asked]
    assert late > 0
    assert {each.status_code for each in answers} == {200, 403}
    tokens = [each.json()["token"] for each in answers if each.status_code == 200]
    shown = [people.ask(server, "GET", "/api/users/me", token) for token in tokens]
    assert {each.json().get("code") for each in shown} == {"token_revoked"}


def test_a_suspended_user_is_told_so_once_the_password_is_right(server: Server) -> None:
    anna = sign_up(server, "Frida")
    path = f"/management/users/{anna['user']['id']}"
    assert server.http.patch(path, json={"status": "suspended"}).status_code == 200
    right, wrong = sign_in(server, "Frida"), sign_in(server, "Frida", "wrong")
    assert (right.status_code, right.json()["code"]) == (403, "account_suspended")
    assert (wrong.status_code, wrong.json()["code"]) == (403, "invalid_credentials")
    again = people.ask(server, "POST", "/api/refresh", anna["refresh_token"])
    assert (again.status_code, again.json()["code"]) == (403, "account_suspended")


def test_a_session_says_from_where_it_was_used_last(server: Server) -> None:
    sign_up(server, "Gerda")
    token = sign_in(server, "Gerda", **from_(6)).json()["refresh_token"]
    headers = {**people.bearer(token), **from_(7)}
    refreshed = people.ask(server, "POST", "/api/refresh", headers=headers)
    assert refreshed.headers["cache-control"] == "no-store"
    sessions = people.ask(server, "GET", "/api/users/me/sessions", refreshed.json()["token"])
    (used,) = [each for each in sessions.json() if each["is_current"]]
    assert used["address"] == "198.51.100.7"
    assert used["last_used_at"] > used["created_at"]


def test_nobody_signs_in_to_an_account_without_a_password(tmp_path: Path) -> None:
    town = Town(tmp_path / "chat.db")
    town.scene.run(accounts.create, "Anna", "anna@example.org", None)
    town.close()
    with running(tmp_path, **SETTINGS) as server:
        for password in ("", PASSWORD):
            assert sign_in(server, "Anna", password).json()["code"] == "invalid_credentials"
