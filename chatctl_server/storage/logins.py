"""Queries about login sessions, and what their actions write: hashes, which no event has."""

import msgspec

from chatctl_server.storage.sql import Database, Query

AGENT_CHARACTERS = 255  # of what a client says that it is


class Login(msgspec.Struct, frozen=True):
    """A row of ``login``; times in microseconds. ``refresh`` is the hash of the token that counts,
    ``previous`` of the one before it, which was rotated at ``rotated_at``."""

    id: str
    account: int
    refresh: bytes
    previous: bytes | None
    rotated_at: int | None
    user_agent: str | None
    address: str | None
    created_at: int
    last_used_at: int
    expires_at: int
    ended_at: int | None


COLUMNS = """id, account, refresh, previous, rotated_at, user_agent, address, created_at,
    last_used_at, expires_at, ended_at"""
_GET = Query(f"SELECT {COLUMNS} FROM login WHERE id = :login")
_BY_TOKEN = Query(f"SELECT {COLUMNS} FROM login WHERE refresh = :hashed")
_BY_SPENT_TOKEN = Query(f"""SELECT {COLUMNS} FROM login
    WHERE id = (SELECT login FROM spent_refresh WHERE hash = :hashed)""")
_OPEN = Query(f"""SELECT {COLUMNS} FROM login
    WHERE account = :account AND ended_at IS NULL AND expires_at > :now ORDER BY created_at, id""")
_ENDED_SINCE = Query("SELECT id FROM login WHERE ended_at >= :since")
_ADD = Query("""INSERT INTO login (id, account, refresh, user_agent, address, created_at,
        last_used_at, expires_at)
    VALUES (:login, :account, :refresh, :user_agent, :address, :now, :now, :expires_at)""")
_ROTATE = Query("""UPDATE login SET previous = refresh, refresh = :refresh, rotated_at = :now,
        last_used_at = :now, address = :address, expires_at = :expires_at
    WHERE id = :login""")
_SPEND = Query("""INSERT INTO spent_refresh (hash, login, expires_at)
    SELECT refresh, id, :expires_at FROM login WHERE id = :login""")
_END = Query("UPDATE login SET ended_at = :now WHERE id = :login")
_FORGET = Query("""DELETE FROM login WHERE id IN
    (SELECT id FROM login WHERE expires_at < :before LIMIT :limit) RETURNING id""")
_FORGET_SPENT = Query("""DELETE FROM spent_refresh WHERE hash IN
    (SELECT hash FROM spent_refresh WHERE expires_at < :before LIMIT :limit) RETURNING login""")


def get(db: Database, login_id: str) -> Login | None:
    row = _GET.row(db, login=login_id)
    return None if row is None else Login(*row)


def by_token(db: Database, hashed: bytes) -> Login | None:
    """Whose refresh token it is, or was before it was rotated."""
    row = _BY_TOKEN.row(db, hashed=hashed) or _BY_SPENT_TOKEN.row(db, hashed=hashed)
    return None if row is None else Login(*row)


def open_of(db: Database, account: int, now: int) -> list[Login]:
    """Those that are not over, the oldest first."""
    return [Login(*row) for row in _OPEN.rows(db, account=account, now=now)]


def ended_since(db: Database, since: int) -> list[str]:
    return [login_id for (login_id,) in _ENDED_SINCE.rows(db, since=since)]


def add(db: Database, login: Login) -> None:
    _ADD.run(
        db,
        login=login.id,
        account=login.account,
        refresh=login.refresh,
        user_agent=login.user_agent,
        address=login.address,
        now=login.created_at,
        expires_at=login.expires_at,
    )


def rotate(
    db: Database,
    login: Login,
    refresh: bytes,
    address: str | None,
    now: int,
    expires_at: int,
    spent_until: int,
) -> None:
    """The token that counted is remembered as spent."""
    _SPEND.run(db, login=login.id, expires_at=spent_until)
    _ROTATE.run(
        db, login=login.id, refresh=refresh, address=address, now=now, expires_at=expires_at
    )


def end(db: Database, login_id: str, now: int) -> None:
    _END.run(db, login=login_id, now=now)


def forget(db: Database, before: int, limit: int) -> int:
    """Removes up to so many of each sort that were over before that time; how many at most."""
    found = _FORGET.rows(db, before=before, limit=limit)
    return max(len(found), len(_FORGET_SPENT.rows(db, before=before, limit=limit)))
