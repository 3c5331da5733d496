"""Which access tokens count no longer though they are not over: kept from the log, in memory.

A request costs no query for it. At the start it is read from the database: login sessions that
ended within an access token's life, and suspended accounts.
"""

import time
from collections.abc import Iterable

from chatctl_server import errors
from chatctl_server.domain import account_events, events
from chatctl_server.domain.access_tokens import LEEWAY_SECONDS, SECONDS, AccessToken

_MANY = 10_000  # ended logins; as many later those whose tokens are over are forgotten


class Logins:
    def __init__(self) -> None:
        self._ended: dict[str, float] = {}  # until when, by the loop's clock
        self._suspended: set[int] = set()
        self._forgets_at = _MANY

    def begin(self, ended: Iterable[str], suspended: Iterable[int]) -> None:
        for each in ended:
            self._end(each)
        self._suspended.update(suspended)

    def publish(self, entry: events.Event) -> None:
        match entry.payload:
            case account_events.SignedOut(_, login_ids):
                for each in login_ids:
                    self._end(each)
            case account_events.AccountSuspended(account) | account_events.AccountErased(account):
                self._suspended.add(account)
            case account_events.AccountReactivated(account):
                self._suspended.discard(account)

    def check(self, token: AccessToken) -> None:
        """Raises TokenRevoked."""
        if token.login_id in self._ended or token.account in self._suspended:
            raise errors.TokenRevoked("The access token was revoked: sign in again")

    def _end(self, login_id: str) -> None:
        now = time.monotonic()
        if len(self._ended) >= self._forgets_at:
            self._ended = {each: until for each, until in self._ended.items() if until > now}
            self._forgets_at = len(self._ended) + _MANY
        self._ended[login_id] = now + SECONDS + LEEWAY_SECONDS
