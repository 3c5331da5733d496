"""How often somebody may be wrong about a password, before it is even hashed (contract team, 1).

An attempt spends, and one that was right is given back what it has spent. Nobody is locked out: the
limit is that of an account and an address together, and fills again.
"""

from collections import OrderedDict
from collections.abc import Callable

from chatctl_server import errors
from chatctl_server.api.minute_limit import KEYS, MinuteLimit
from chatctl_server.domain import accounts, token_bucket
from chatctl_server.domain.times import SECOND

INTERVAL = 6 * SECOND
BURST = 10


class SignInLimits:
    """Remembers the newest 10,000 of each. ``clock`` in seconds."""

    def __init__(self, of_address: MinuteLimit, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._of_address = of_address
        self._full_at: OrderedDict[tuple[str, str | None], int] = OrderedDict()
        self._refused = 0

    @property
    def refused(self) -> int:
        return self._refused + self._of_address.refused

    def spend(self, email: str, address: str) -> None:
        """Raises Throttled."""
        self._of_address.check(address)
        key = _key(email, address)
        now = int(self._clock() * SECOND)
        full_at = self._full_at.pop(key, 0)
        after = token_bucket.taken(full_at, now, INTERVAL, BURST * INTERVAL)
        self._full_at[key] = full_at if after is None else after
        if len(self._full_at) > KEYS:
            self._full_at.popitem(last=False)
        if after is None:
            self._refused += 1
            wait = full_at - (BURST - 1) * INTERVAL - now
            raise errors.Throttled(
                "Too many failed sign-ins with this e-mail from this address",
                retry_after=max(1, -(-wait // SECOND)),
            )
        self._of_address.add(address)

    def give_back(self, email: str, address: str) -> None:
        self._of_address.give_back(address)
        key = _key(email, address)
        if key in self._full_at:
            self._full_at[key] -= INTERVAL


def _key(email: str, address: str) -> tuple[str, str | None]:
    """What is longer than an e-mail can be is none, and takes no more room than one."""
    return address, accounts.email_key(email.strip()[: accounts.MAX_EMAIL_CHARACTERS + 1])
