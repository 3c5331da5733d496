"""Where each follower stands in the log, and what the last server has left about itself."""

from peewee import Database

from chatctl_server.storage.models import Cursor
from chatctl_server.storage.sql import Statement

ALIVE = "server.alive"  # the time of its last sign of life
SIGNED = "server.signed"  # 1: it had a secret for callbacks
ABOUT_SERVER = "server."  # so the names begin that are no follower's
_READ = Statement(Cursor.select(Cursor.position).where(Cursor.name == ""))
_ALL = Statement(Cursor.select(Cursor.name, Cursor.position).order_by(Cursor.name))
_SET = Statement(
    Cursor.insert_many([("", 0)], fields=[Cursor.name, Cursor.position]).on_conflict_replace()
)


def position(db: Database, name: str) -> int:
    """0 for a follower that has not read yet."""
    return _READ.value(db, name) or 0


def of_followers(db: Database) -> dict[str, int]:
    return {name: at for name, at in _ALL.rows(db) if not name.startswith(ABOUT_SERVER)}


def move(db: Database, name: str, position: int) -> None:
    _SET.run(db, name, position)
