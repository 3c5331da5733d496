"""Whose requests are taken: from which addresses, how many within a minute, and at once."""

from collections.abc import Callable, Mapping

from chatctl_server import errors
from chatctl_server.api import caller
from chatctl_server.api.caller import Caller
from chatctl_server.api.concurrency_limit import ConcurrencyLimit
from chatctl_server.api.minute_limit import MinuteLimit
from chatctl_server.api.sign_in_limits import SignInLimits
from chatctl_server.settings.sources import Settings

FAILED_SIGN_INS = 100  # a minute and address
EXEMPT = "/health"  # and what is below it
MOST_UPLOADS, UPLOADS_OF_AN_ACCOUNT = 128, 16
MOST_FILE_CHECKS = 16  # that wait for their turn, or have it


class RequestLimits:
    """DENY_ADDRESSES, ALLOW_ADDRESSES, RATE_LIMIT_PER_MINUTE and API_KEY_FAILURES_PER_MINUTE.

    A request counts for its address, until a credential is found good: then it counts for that
    alone. So nobody is held up by who shares an address with them, unless that is used up: what
    comes from it then is refused before its credential is looked at.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        def limit(per_minute: int, what: str) -> MinuteLimit:
            return MinuteLimit(per_minute, f"Too many {what}", clock)

        rate = settings.rate_limit_per_minute
        self.wrong_keys = limit(
            settings.api_key_failures_per_minute, "wrong API keys from this address"
        )
        self.sign_ins = SignInLimits(
            limit(FAILED_SIGN_INS, "failed sign-ins from this address"), clock
        )
        self.uploads = ConcurrencyLimit(
            MOST_UPLOADS, UPLOADS_OF_AN_ACCOUNT, "Too many uploads at once"
        )
        self.file_checks = ConcurrencyLimit(
            MOST_FILE_CHECKS, 1, "The workspace's files are being checked, or too many others' are"
        )
        self.visitors = limit(
            settings.visitors_per_minute, "new visitors from this address (VISITORS_PER_MINUTE)"
        )
        self.visitor_messages = limit(
            settings.visitor_messages_per_minute,
            "messages of this visitor (VISITOR_MESSAGES_PER_MINUTE)",
        )
        self._of_address = limit(rate, "requests from this address (RATE_LIMIT_PER_MINUTE)")
        self._of_credential = limit(rate, "requests with this credential (RATE_LIMIT_PER_MINUTE)")
        self._denied_networks = settings.deny_addresses
        self._allowed_networks = settings.allow_addresses
        self._denied = 0

    def admit(self, address: str, method: str, path: str) -> None:
        """Before anything of the request is looked at. Raises Forbidden, Throttled.

        A browser's preflight carries no credential and does nothing: it does not count.
        """
        self._filter(address)
        is_exempt = path == EXEMPT or path.startswith(f"{EXEMPT}/") or method == "OPTIONS"
        if not is_exempt:
            self._of_address.check(address)
            self._of_address.add(address)

    def _filter(self, address: str) -> None:
        allowed = self._allowed_networks
        if caller.is_in(address, self._denied_networks):
            self._denied += 1
            raise errors.Forbidden("Requests from this address are refused (DENY_ADDRESSES)")
        if allowed and not caller.is_in(address, allowed):
            self._denied += 1
            raise errors.Forbidden("This address is not one of ALLOW_ADDRESSES")

    def count_credential(self, who: Caller) -> None:
        """Once it was found good. Raises Throttled."""
        if who.is_trusted:
            return
        self._of_address.give_back(who.address)
        key = f"{who.credential} {who.user_id or ''}"
        self._of_credential.check(key)
        self._of_credential.add(key)

    def refused(self) -> Mapping[str, int]:
        """How many requests each limit has refused since the start."""
        return {
            "denied_address": self._denied,
            "address": self._of_address.refused,
            "credential": self._of_credential.refused,
            "wrong_keys": self.wrong_keys.refused,
            "sign_ins": self.sign_ins.refused,
            "visitors": self.visitors.refused,
            "visitor_messages": self.visitor_messages.refused,
            "uploads": self.uploads.refused,
            "file_checks": self.file_checks.refused,
        }
