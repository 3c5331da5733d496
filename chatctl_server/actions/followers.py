"""How followers move through the log, and the server's heartbeat."""

from chatctl_server.storage import cursors, server_state
from chatctl_server.storage.transaction import Tx


def plan(tx: Tx, follower: str, expected: int, position: int) -> bool:
    """Moves a follower's cursor by compare-and-set; False means: another moved it, read again."""
    if cursors.position(tx.db, follower) != expected:
        return False
    cursors.move(tx.db, follower, position)
    return True


def heartbeat(tx: Tx) -> None:
    """Writes the time, so that a crash's sessions can be ended at about the right moment."""
    server_state.set_value(tx.db, server_state.HEARTBEAT, tx.now)
