"""Where a connection to the desk begins to listen. That is no event."""

from collections.abc import Callable
from typing import NamedTuple

from chatctl_server.domain.references import SupportRef
from chatctl_server.domain.support import Person
from chatctl_server.storage import log, support_conversations
from chatctl_server.storage.sql import Database
from chatctl_server.storage.transaction import Tx


class DeskSubscription(NamedTuple):
    """``conversations``: a visitor's. ``newest_at``: of the newest event, in microseconds."""

    who: Person
    conversations: list[SupportRef]
    newest_at: int


def begin(tx: Tx, find: Callable[[Database], Person]) -> DeskSubscription:
    """What it hears of at this point of the log, neither earlier nor later: in the writer, nothing
    comes between. Raises what ``find`` raises."""
    who = find(tx.db)
    mine = support_conversations.of_customer(tx.db, who.customer) if who.customer else []
    return DeskSubscription(who, [ref for ref, _ in mine], log.newest_at(tx.db))
