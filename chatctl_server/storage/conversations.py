"""Queries about conversations and their members."""

import re

import msgspec
from peewee import Database, fn

from chatctl_server import errors
from chatctl_server.storage.models import ConversationTable, MemberTable
from chatctl_server.storage.sql import Row, Statement, Value

SHORTEST_ID = 8  # characters of one that is shortened

# A set as in a shell, whose first member may be a closing bracket; or a bracket that opens none.
_SET_OR_BRACKET = re.compile(r"\[(!?+)(\][^\]]*|[^\]]+)\]|\[")


class Conversation(msgspec.Struct, frozen=True):
    """A row of ``conversation``; times in microseconds."""

    id: int
    public_id: str
    kind: str
    name: str
    status: str
    created_at: int
    closed_at: int | None
    last_seq: int
    last_message_at: int | None
    current_users: int
    peak_users: int
    total_joins: int


class WithAdmins(msgspec.Struct, frozen=True):
    conversation: Conversation
    admins: tuple[str, ...]


_COLUMNS = (
    ConversationTable.id,
    ConversationTable.public_id,
    ConversationTable.kind,
    ConversationTable.name,
    ConversationTable.status,
    ConversationTable.created_at,
    ConversationTable.closed_at,
    ConversationTable.last_seq,
    ConversationTable.last_message_at,
    ConversationTable.current_users,
    ConversationTable.peak_users,
    ConversationTable.total_joins,
)
_BY_PUBLIC_ID = Statement(
    ConversationTable.select(*_COLUMNS).where(ConversationTable.public_id == "")
)
_BY_ID = Statement(ConversationTable.select(*_COLUMNS).where(ConversationTable.id == 0))
_NEWEST_ID = Statement(ConversationTable.select(fn.MAX(ConversationTable.id)))
_LISTED = f"""SELECT {", ".join(field.column_name for field in _COLUMNS)},
    (SELECT json_group_array(user_id ORDER BY user_id) FROM member WHERE conversation = c.id)"""
_AMONG = "kind = :kind AND status IN (:status, :or_status)"
_PAGE = f"""{_LISTED} FROM conversation c
WHERE {_AMONG} AND id > :after_id AND (:name_glob IS NULL OR name GLOB :name_glob)
ORDER BY id LIMIT :limit"""
# The beginning of an id and a name are equals: whoever names a room after another one's id must not
# have commands go there. No id has a letter after f.
_BEGINS = f"""length(:word) >= {SHORTEST_ID}
    AND public_id BETWEEN lower(:word) AND lower(:word) || 'g'"""
_MEANT = f"""WITH ranked AS MATERIALIZED (
    SELECT *, CASE WHEN public_id = lower(:word) THEN 0
        WHEN {_BEGINS} OR status = 'open' THEN 1 ELSE 2 END AS rank
    FROM conversation WHERE {_AMONG} AND (name = :word OR {_BEGINS})
)
{_LISTED} FROM ranked c WHERE rank = (SELECT min(rank) FROM ranked) ORDER BY id
LIMIT :limit"""
_COUNT = Statement(
    ConversationTable.select(ConversationTable.status, fn.COUNT(ConversationTable.id))
    .where(ConversationTable.kind == "")
    .group_by(ConversationTable.status)
)
_ADMINS = Statement(
    MemberTable.select(MemberTable.user_id)
    .where(MemberTable.conversation == 0)
    .order_by(MemberTable.user_id)
)


def by_public_id(db: Database, public_id: str) -> Conversation | None:
    return _found(_BY_PUBLIC_ID.row(db, public_id))


def find_room(db: Database, room_id: str) -> Conversation:
    """Raises RoomNotFound."""
    room = by_public_id(db, room_id)
    if room is None:
        raise errors.RoomNotFound(f"There is no room {room_id}", field="room_id")
    return room


def find_open_room(db: Database, room_id: str) -> Conversation:
    """Raises RoomNotFound or RoomClosed."""
    room = find_room(db, room_id)
    if room.status != "open":
        raise errors.RoomClosed(f"The room {room_id} is closed", field="room_id")
    return room


def by_id(db: Database, conversation: int) -> Conversation | None:
    return _found(_BY_ID.row(db, conversation))


def newest_id(db: Database) -> int:
    return _NEWEST_ID.value(db) or 0


def admins(db: Database, conversation: int) -> tuple[str, ...]:
    """Sorted."""
    return tuple(user_id for (user_id,) in _ADMINS.rows(db, conversation))


def page(
    db: Database,
    kind: str,
    after_id: int,
    statuses: tuple[str, str],
    limit: int | None,
    match: str | None = None,
) -> list[WithAdmins]:
    """In order of creation; ``statuses`` names one status twice for one only. ``match``
    is a pattern for names as in a shell."""
    glob = None if match is None else _sqlite_glob(match)
    parameters = {**_among(kind, statuses, limit), "after_id": after_id, "name_glob": glob}
    return [_listed(row) for row in db.execute_sql(_PAGE, parameters)]


def meant_by(
    db: Database, kind: str, word: str, statuses: tuple[str, str], limit: int | None
) -> list[WithAdmins]:
    """The one with that id; else those whose id begins so and the open ones of that name; else the
    closed ones of that name. In order of creation."""
    rows = db.execute_sql(_MEANT, {**_among(kind, statuses, limit), "word": word})
    return [_listed(row) for row in rows]


def counts(db: Database, kind: str) -> dict[str, int]:
    """How many there are of each status."""
    return dict(_COUNT.rows(db, kind))


def _sqlite_glob(match: str) -> str:
    """SQLite's pattern for one as in a shell: SQLite negates a set with ``^``, where a shell has
    ``!``, and has no match for a bracket that is not closed."""
    return _SET_OR_BRACKET.sub(_set, match)


def _set(found: re.Match[str]) -> str:
    negation, members = found.groups()
    if members is None:
        return "[[]"
    if negation:
        return f"[^{members}]"
    if not members.strip("^"):
        return "^"
    # A member that is there already keeps the caret from the first place.
    return f"[{members.strip('^')[-1] if members[0] == '^' else ''}{members}]"


def _among(kind: str, statuses: tuple[str, str], limit: int | None) -> dict[str, Value]:
    return {
        "kind": kind,
        "status": statuses[0],
        "or_status": statuses[1],
        "limit": -1 if limit is None else limit,
    }


def _listed(row: Row) -> WithAdmins:
    *columns, admins = row
    return WithAdmins(Conversation(*columns), msgspec.json.decode(admins, type=tuple[str, ...]))


def _found(row: Row | None) -> Conversation | None:
    return None if row is None else Conversation(*row)
