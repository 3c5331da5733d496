"""Queries about rooms: conversations of the kind room, with what only rooms have."""

import re
from collections.abc import Collection
from typing import Literal, NamedTuple

import msgspec

from chatctl_server import errors
from chatctl_server.domain.references import ROOMS, RoomRef
from chatctl_server.storage import conversations
from chatctl_server.storage.conversations import Conversation
from chatctl_server.storage.sql import Database, Query, Row

Wanted = Literal["open", "closed", "all"]
SHORTEST_ID = 8  # characters of one that is shortened

# A set as in a shell, whose first member may be a closing bracket; or a bracket that opens none.
_SET_OR_BRACKET = re.compile(r"\[(!?+)(\][^\]]*|[^\]]+)\]|\[")


class Room(Conversation, frozen=True):
    """With its figures; ``admins`` are sorted."""

    ref: RoomRef
    current_users: int
    peak_users: int
    total_joins: int
    admins: tuple[str, ...]


MOST_NAMED = 100  # so many of one name are counted: each creation looks at them


class RoomName(msgspec.Struct, frozen=True):
    """What a callback says of any room: a sixth of what ``Room`` costs."""

    ref: RoomRef
    public_id: str
    name: str


class Figures(NamedTuple):
    """How many users are in a room, how many were at most, and how often one came."""

    current_users: int
    peak_users: int
    total_joins: int


_COLUMNS = f"""{conversations.COLUMNS}, s.current_users, s.peak_users, s.total_joins, (
        SELECT json_group_array(user_id ORDER BY user_id) FROM participant
        WHERE conversation = c.id AND role = 'admin' AND left_offset IS NULL)"""
_FROM = "FROM conversation c JOIN room_stats s ON s.conversation = c.id"
_OF_ROOMS = f"c.kind = 'room' AND c.scope = {ROOMS}"
_BY_PUBLIC_ID = Query(f"SELECT {_COLUMNS} {_FROM} WHERE c.public_id = :room_id AND {_OF_ROOMS}")
_BY_ID = Query(f"SELECT {_COLUMNS} {_FROM} WHERE c.id = :id AND {_OF_ROOMS}")
_BY_IDS = Query(f"""SELECT {_COLUMNS} {_FROM}
    WHERE c.id IN (SELECT value FROM json_each(:ids)) AND {_OF_ROOMS}""")
_NAME = Query(
    f"SELECT c.id, c.public_id, c.name FROM conversation c WHERE c.id = :id AND {_OF_ROOMS}"
)
_STATUS = "(:status = 'all' OR c.status = :status)"
_PAGE = Query(f"""SELECT {_COLUMNS} {_FROM}
    WHERE {_OF_ROOMS} AND {_STATUS} AND c.id > :after_id
    AND (:name_glob IS NULL OR c.name GLOB :name_glob) ORDER BY c.id LIMIT :limit""")
# The beginning of an id and a name are equals: whoever names a room after another one's id must not
# have commands go there. No id has a letter after f.
_BEGINS = f"""length(:word) >= {SHORTEST_ID}
    AND c.public_id BETWEEN lower(:word) AND lower(:word) || 'g'"""
_MEANT = Query(
    # CROSS: by name and by id first, whatever statistics the file has.
    f"""WITH named AS MATERIALIZED (
        SELECT c.id FROM conversation c WHERE c.scope = {ROOMS} AND c.name = :word
        UNION SELECT c.id FROM conversation c WHERE {_BEGINS}
    ), ranked AS MATERIALIZED (
        SELECT c.id AS room, CASE WHEN c.public_id = lower(:word) THEN 0
            WHEN {_BEGINS} OR c.status = 'open' THEN 1 ELSE 2 END AS rank
        FROM named CROSS JOIN conversation c ON c.id = named.id WHERE {_OF_ROOMS} AND {_STATUS}
    )
    SELECT {_COLUMNS} FROM ranked JOIN conversation c ON c.id = ranked.room
    JOIN room_stats s ON s.conversation = c.id
    WHERE rank = (SELECT min(rank) FROM ranked) ORDER BY c.id LIMIT :limit"""
)
_OPEN_NAMED = Query(
    f"""SELECT c.id, c.public_id FROM conversation c WHERE c.scope = {ROOMS} AND c.name = :name
    AND c.kind = 'room' AND c.status = 'open' AND c.id <> :but ORDER BY c.id LIMIT {MOST_NAMED}"""
)
_CLOSED_BEFORE = Query(f"""SELECT c.id FROM conversation c
    WHERE {_OF_ROOMS} AND c.closed_at < :before AND NOT EXISTS (
        SELECT 1 FROM delivery WHERE status = 'pending'
        AND endpoint IN (SELECT id FROM endpoint) AND conversation = c.id)
    ORDER BY c.id LIMIT :limit""")
_COUNT = Query(f"SELECT c.status, count(*) FROM conversation c WHERE {_OF_ROOMS} GROUP BY c.status")


def find(db: Database, room_id: str) -> Room:
    """A finder: an open or a closed one. Raises ConversationNotFound."""
    row = _BY_PUBLIC_ID.row(db, room_id=room_id)
    if row is None:
        raise errors.ConversationNotFound(f"There is no room {room_id}")
    return _room(row)


def find_open(db: Database, room_id: str) -> Room:
    """Raises ConversationNotFound or ConversationIsClosed."""
    return conversations.checked_open(find(db, room_id))


def open_named(db: Database, name: str, but: int = 0) -> list[tuple[RoomRef, str]]:
    """The oldest that are called so, with the ids that the world knows. ``but``: not that one."""
    return [
        (RoomRef(id_, ROOMS), public) for id_, public in _OPEN_NAMED.rows(db, name=name, but=but)
    ]


def closed_before(db: Database, before: int, limit: int) -> list[RoomRef]:
    """Rooms that were closed before that time and have no callback that waits, in order of
    creation."""
    rows = _CLOSED_BEFORE.rows(db, before=before, limit=limit)
    return [RoomRef(number, ROOMS) for (number,) in rows]


def find_ref(db: Database, room_id: str, field: str = "room_id") -> RoomRef:
    """Raises ConversationNotFound, which names the ``field`` that the id stood in."""
    try:
        return conversations.find(db, RoomRef, ROOMS, room_id)
    except errors.ConversationNotFound as error:
        raise errors.ConversationNotFound(error.detail, field=field) from None


def find_open_ref(db: Database, room_id: str) -> RoomRef:
    """Raises ConversationNotFound or ConversationIsClosed."""
    ref = find_ref(db, room_id)
    conversations.get_open(db, ref)
    return ref


def get(db: Database, ref: RoomRef) -> Room:
    """As it is now. Raises ConversationNotFound."""
    room = by_id(db, ref.id)
    if room is None or room.ref != ref:
        raise errors.ConversationNotFound("There is no such room")
    return room


def get_many(db: Database, refs: Collection[RoomRef]) -> dict[RoomRef, Room]:
    """As they are now; without those that are not there."""
    rows = _BY_IDS.rows(db, ids=msgspec.json.encode([ref.id for ref in refs]).decode())
    found = {room.ref: room for room in map(_room, rows)}
    return {ref: found[ref] for ref in refs if ref in found}


def by_id(db: Database, id: int) -> Room | None:  # noqa: A002  its own name
    """For followers, which read the whole log: None for a conversation of another kind."""
    row = _BY_ID.row(db, id=id)
    return None if row is None else _room(row)


def name_of(db: Database, id: int) -> RoomName | None:  # noqa: A002  its own name
    """For followers, as ``by_id``."""
    row = _NAME.row(db, id=id)
    return None if row is None else RoomName(RoomRef(row[0], ROOMS), *row[1:])


def page(
    db: Database, after_id: int, status: Wanted, limit: int | None, match: str | None = None
) -> list[Room]:
    """In order of creation. ``match`` is a pattern for names as in a shell."""
    glob = None if match is None else _sqlite_glob(match)
    most = -1 if limit is None else limit
    rows = _PAGE.rows(db, after_id=after_id, status=status, name_glob=glob, limit=most)
    return [_room(row) for row in rows]


def meant_by(db: Database, word: str, status: Wanted, limit: int | None) -> list[Room]:
    """The one with that id; else those whose id begins so and the open ones of that name; else the
    closed ones of that name. In order of creation."""
    rows = _MEANT.rows(db, word=word, status=status, limit=-1 if limit is None else limit)
    return [_room(row) for row in rows]


def counts(db: Database) -> dict[str, int]:
    """How many there are of each status."""
    return dict(_COUNT.rows(db))


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


def _room(row: Row) -> Room:
    kind, id_, scope, *columns, admins = row
    decoded = msgspec.json.decode(admins, type=tuple[str, ...])
    return Room(RoomRef(id_, scope), kind, *columns, decoded)  # type: ignore[call-arg]
