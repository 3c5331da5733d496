"""How client ids expire."""

from chatctl_server.storage import client_ids
from chatctl_server.storage.transaction import Tx


def age(tx: Tx, passed: int, limit: int) -> None:
    """A server has run for so many microseconds more; ids count for ``limit``, at least."""
    client_ids.age(tx.db, passed, limit)
