"""Where each follower stands in the log."""

from chatctl_server.storage.sql import Database, Query

_POSITION = Query("SELECT position FROM cursor WHERE name = :name")
_ALL = Query("SELECT name, position FROM cursor ORDER BY name")
_MOVE = Query("INSERT OR REPLACE INTO cursor (name, position) VALUES (:name, :position)")


def position(db: Database, name: str) -> int:
    """0 for a follower that has not read yet."""
    return _POSITION.value(db, name=name) or 0


def of_followers(db: Database) -> dict[str, int]:
    return dict(_ALL.rows(db))


def move(db: Database, name: str, position: int) -> None:
    _MOVE.run(db, name=name, position=position)
