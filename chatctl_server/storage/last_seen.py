"""When accounts were last seen: kept beside the log, which does not tell of it."""

from typing import NamedTuple

import msgspec

from chatctl_server.storage.sql import Database, Query

_SET = Query("INSERT OR REPLACE INTO last_seen (account, at) VALUES (:account, :at)")
_OF = Query("""SELECT a.id, l.at FROM account a LEFT JOIN last_seen l ON l.account = a.id
    WHERE a.id IN (SELECT value FROM json_each(:accounts)) AND a.status <> 'erased'
    AND EXISTS (SELECT 1 FROM workspace_member mine JOIN workspace_member theirs
        ON theirs.workspace = mine.workspace AND theirs.account = a.id
        WHERE mine.account = :asking)
    ORDER BY a.id""")


class LastSeen(NamedTuple):
    """``at`` in microseconds; None: never."""

    account: int
    at: int | None


def keep(db: Database, account: int, at: int) -> None:
    _SET.run(db, account=account, at=at)


def among(db: Database, asking: int, accounts: list[int]) -> list[LastSeen]:
    """Of those who share a workspace with whoever asks; nobody else is there for them."""
    wanted = msgspec.json.encode(accounts).decode()
    return [LastSeen(*row) for row in _OF.rows(db, asking=asking, accounts=wanted)]
