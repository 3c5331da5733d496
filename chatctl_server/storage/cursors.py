"""Where each follower stands in the log, and what the last server has left about itself."""

from peewee import Database

from chatctl_server.storage.models import CursorTable
from chatctl_server.storage.sql import Statement

HEARTBEAT = "server.alive"  # the time of its last heartbeat
SIGNED = "server.signed"  # 1: it had a secret for callbacks
ABOUT_SERVER = "server."  # so the names begin that are no follower's
_READ = Statement(CursorTable.select(CursorTable.position).where(CursorTable.name == ""))
_ALL = Statement(
    CursorTable.select(CursorTable.name, CursorTable.position).order_by(CursorTable.name)
)
_SET = Statement(
    CursorTable.insert_many(
        [("", 0)], fields=[CursorTable.name, CursorTable.position]
    ).on_conflict_replace()
)


def position(db: Database, name: str) -> int:
    """0 for a follower that has not read yet."""
    return _READ.value(db, name) or 0


def of_followers(db: Database) -> dict[str, int]:
    return {name: at for name, at in _ALL.rows(db) if not name.startswith(ABOUT_SERVER)}


def move(db: Database, name: str, position: int) -> None:
    _SET.run(db, name, position)
