"""What the streams of accounts change: when their accounts were last seen. That is no event."""

from chatctl_server import errors
from chatctl_server.storage import last_seen, missed_events
from chatctl_server.storage.missed_events import Subscriptions
from chatctl_server.storage.transaction import Tx


def begin(tx: Tx, account: int, is_seen: bool) -> Subscriptions:
    """What the stream hears of at this point of the log, neither earlier nor later: in the writer,
    nothing comes between. Raises TokenRevoked for an account that may not sign in."""
    found = missed_events.listening(tx.db, account)
    if found is None:
        raise errors.TokenRevoked("The account cannot be signed in to")
    if is_seen:  # a crash leaves no other time
        saw(tx, account, tx.now)
    return found


def saw(tx: Tx, account: int, at: int) -> None:
    last_seen.keep(tx.db, account, at)
