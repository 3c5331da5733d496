"""Login sessions: begun by a sign-in, kept by refreshes, ended (contract team, 1)."""

import uuid
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from chatctl_server import errors
from chatctl_server.domain import account_events, codes, events, refresh_tokens
from chatctl_server.domain.account_events import SignOutReason
from chatctl_server.domain.accounts import user_id
from chatctl_server.domain.refresh_tokens import RefreshTokens
from chatctl_server.domain.times import SECOND
from chatctl_server.storage import accounts, logins, passwords
from chatctl_server.storage.accounts import Profile
from chatctl_server.storage.logins import Login
from chatctl_server.storage.transaction import Tx

INVALID = "Invalid or expired refresh token"  # older clients match it
FORGOTTEN_AFTER = 24 * 3600 * SECOND
A_STEP = 500


class IssuedTokens(NamedTuple):
    """``refresh_token``: the one that counts from now on."""

    profile: Profile
    login_id: str
    refresh_token: str


def start(
    tx: Tx, actor: events.Actor, account: int, password_hash: str, user_agent: str | None
) -> IssuedTokens:
    """``password_hash``: of the password that was shown. Raises AccountNotFound,
    AccountIsSuspended, or InvalidCredentials when it was changed while that was checked."""
    found = _active(tx, account)
    check_password(tx, account, password_hash)
    token = codes.new()
    login = Login(
        id=str(uuid.uuid4()),
        account=account,
        refresh=codes.hashed(token),
        previous=None,
        rotated_at=None,
        user_agent=user_agent and user_agent[: logins.AGENT_CHARACTERS],
        address=actor.address,
        created_at=tx.now,
        last_used_at=tx.now,
        expires_at=refresh_tokens.expires_at(tx.now, tx.now),
        ended_at=None,
    )
    logins.add(tx.db, login)
    tx.record(account_events.SignedIn(account, login.id), actor)
    return IssuedTokens(found, login.id, token)


def check_password(tx: Tx, account: int, password_hash: str) -> None:
    """To compare a password takes long, and another may have been set meanwhile. Raises
    InvalidCredentials."""
    if passwords.of(tx.db, account) != password_hash:
        raise errors.InvalidCredentials("Invalid credentials")


def refresh(tx: Tx, actor: events.Actor, token: str, tokens: RefreshTokens) -> IssuedTokens | None:
    """A new token for this one. The token before it is answered with the same new one for 5 s;
    later, as any that was rotated, it ends the session: somebody has stolen one of the two. None
    then: an error would undo that. Raises Unauthorized, or AccountIsSuspended: whoever is suspended
    is told so, though their sessions are over."""
    hashed = codes.hashed(token)
    login = logins.by_token(tx.db, hashed)
    if login is None:
        raise errors.Unauthorized(INVALID)
    profile = _active(tx, login.account)
    if login.ended_at is not None or login.expires_at <= tx.now:
        raise errors.Unauthorized(INVALID)
    if hashed == login.refresh:
        return IssuedTokens(profile, login.id, _rotate(tx, actor, login, token, tokens))
    if hashed == login.previous and _is_in_grace(login, tx.now):
        successor = tokens.find_successor(token, login.refresh)
        if successor is not None:
            return IssuedTokens(profile, login.id, successor)
    _end(tx, actor, login.account, [login], "reused")
    return None


def _is_in_grace(login: Login, now: int) -> bool:
    return login.rotated_at is not None and abs(now - login.rotated_at) <= refresh_tokens.GRACE


def _rotate(tx: Tx, actor: events.Actor, login: Login, token: str, tokens: RefreshTokens) -> str:
    successor = tokens.successor(token)
    logins.rotate(
        tx.db,
        login,
        codes.hashed(successor),
        actor.address,
        now=tx.now,
        expires_at=refresh_tokens.expires_at(login.created_at, tx.now),
        spent_until=login.created_at + refresh_tokens.LONGEST,
    )
    return successor


def _active(tx: Tx, account: int) -> Profile:
    found = accounts.get(tx.db, account)
    if found.status != "active":
        raise errors.AccountIsSuspended("The account is suspended")
    return accounts.profile(tx.db, account, found.home)


def sign_out(
    tx: Tx, actor: events.Actor, login_id: str | None, token: str | None, *, everywhere: bool
) -> None:
    """By the session of an access token, or by a refresh token. Nothing happens where the session
    has ended, or the token was rotated. Raises Unauthorized for what was never given out."""
    hashed = codes.hashed(token or "")
    login = logins.by_token(tx.db, hashed) if login_id is None else logins.get(tx.db, login_id)
    if login is None:
        raise errors.Unauthorized("This token was not given out here, or is long over")
    if login.ended_at is not None or (login_id is None and hashed != login.refresh):
        return
    found = logins.open_of(tx.db, login.account, tx.now) if everywhere else [login]
    _end(tx, actor, login.account, found, "signed_out")


def end(tx: Tx, actor: events.Actor, account: int, login_id: str) -> None:
    """One of the account's own. Raises SessionNotFound."""
    found = [each for each in logins.open_of(tx.db, account, tx.now) if each.id == login_id]
    if not found:
        raise errors.SessionNotFound("There is no such session", field="sid")
    _end(tx, actor, account, found, "revoked")


def end_all(
    tx: Tx, actor: events.Actor, account: int, reason: SignOutReason, but: str | None = None
) -> list[str]:
    """All sessions of the account, but for that one. Which they were."""
    found = [each for each in logins.open_of(tx.db, account, tx.now) if each.id != but]
    _end(tx, actor, account, found, reason)
    return [each.id for each in found]


def _end(
    tx: Tx, actor: events.Actor, account: int, found: Iterable[Login], reason: SignOutReason
) -> None:
    ids = tuple(each.id for each in found)
    if not ids:
        return
    for each in ids:
        logins.end(tx.db, each, tx.now)
    if actor.user_id is None:  # whoever shows the token
        actor = msgspec.structs.replace(actor, user_id=user_id(account))
    tx.record(account_events.SignedOut(account, ids, reason), actor)


def forget(tx: Tx) -> bool:
    """Removes what has been over for a day, up to 500 sessions and tokens a call; False when that
    was all."""
    return logins.forget(tx.db, tx.now - FORGOTTEN_AFTER, A_STEP) == A_STEP
