"""The highest number of each kind that was ever given out.

They are stored, not read from what there is: a room that was removed with all that was in it
gives none of its numbers to another.
"""

from collections.abc import Mapping

from chatctl_server.storage.sql import Bulk, Database, Query

_VALUES = Query("SELECT name, value FROM counter")
_SAVE = Bulk(
    """INSERT INTO counter ({columns}) VALUES {rows}
    ON CONFLICT (name) DO UPDATE SET value = excluded.value""",
    "name, value",
)


def values(db: Database) -> dict[str, int]:
    """By name; none for those of which no number was given out."""
    return dict(_VALUES.rows(db))


def save(db: Database, values: Mapping[str, int]) -> None:
    _SAVE.run(db, list(values.items()))
