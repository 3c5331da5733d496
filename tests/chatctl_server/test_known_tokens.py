"""An access token that was verified once counts until its end, and no longer."""

import time

import pytest
from world import eventually

from chatctl_server import errors
from chatctl_server.domain import access_tokens
from chatctl_server.domain.access_tokens import LEEWAY_SECONDS, SECONDS, AccessTokens
from chatctl_server.live import logins
from chatctl_server.live.logins import Logins

ANNA = 7


@pytest.fixture
def tokens() -> AccessTokens:
    return AccessTokens(["a-secret-of-at-least-32-bytes-for-hs256"], "issuer", "audience")


def is_over(tokens: AccessTokens, token: str) -> bool:
    try:
        tokens.read(token)
    except errors.Unauthorized:
        return True
    return False


def test_a_token_that_was_read_before_is_over_at_its_end(tokens: AccessTokens) -> None:
    ends_soon = time.time() - SECONDS - LEEWAY_SECONDS + 2
    token = tokens.mint(ANNA, "login", {}, ends_soon)
    read = tokens.read(token)
    assert read.account == ANNA
    assert tokens.read(token) is read
    eventually(lambda: is_over(tokens, token))
    assert tokens.read(token, expired=True) == read


def test_one_that_was_over_when_it_was_read_is_never_good(tokens: AccessTokens) -> None:
    token = tokens.mint(ANNA, "login", {}, time.time() - SECONDS - LEEWAY_SECONDS - 1)
    assert tokens.read(token, expired=True).account == ANNA
    assert is_over(tokens, token)


def test_a_session_that_has_ended_is_remembered_however_many_end_after_it(
    tokens: AccessTokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logins, "_MANY", 2)
    ended = Logins()
    ended.begin((f"login {number}" for number in range(5)), ())
    token = tokens.read(tokens.mint(ANNA, "login 0", {}, time.time()))
    with pytest.raises(errors.TokenRevoked):
        ended.check(token)


def test_a_token_is_known_by_the_whole_of_its_text(tokens: AccessTokens) -> None:
    token = tokens.mint(ANNA, "login", {}, time.time())
    tokens.read(token)
    head, claims, signature = token.split(".")
    other = "A" if signature[0] != "A" else "B"
    for changed in (f"{head}.{claims}.{other}{signature[1:]}", f"{head}.{claims}.", f" {token}."):
        assert is_over(tokens, changed)


def test_tokens_that_are_known_have_a_limit(
    tokens: AccessTokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_tokens, "_MANY", 2)
    minted = [tokens.mint(ANNA, f"login {number}", {}, time.time()) for number in range(5)]
    read = [tokens.read(each) for each in minted]
    assert tokens.read(minted[0]) is not read[0]
    assert [tokens.read(each) for each in minted] == read


def test_tokens_need_a_secret() -> None:
    with pytest.raises(errors.InvalidSetting, match="need a secret"):
        AccessTokens([], "issuer", "audience")
