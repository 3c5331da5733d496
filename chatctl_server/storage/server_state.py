"""What the last server has left about itself."""

from chatctl_server.storage.sql import Database, Query

HEARTBEAT = "heartbeat"  # the time of its last one
SIGNED = "signed"  # 1: it had a secret for callbacks
_VALUE = Query("SELECT value FROM server_state WHERE name = :name")
_SET = Query("INSERT OR REPLACE INTO server_state (name, value) VALUES (:name, :value)")


def value(db: Database, name: str) -> int:
    """0 when it was never set."""
    return _VALUE.value(db, name=name) or 0


def set_value(db: Database, name: str, value: int) -> None:
    _SET.run(db, name=name, value=value)
