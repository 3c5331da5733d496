"""Queries about conversations of every kind. The finders here and in ``rooms`` make references."""

from collections.abc import Iterable, Sequence
from typing import Literal, TypeVar

import msgspec

from chatctl_server import errors
from chatctl_server.domain.references import CLASS_OF, CLASSES, ConversationRef, Kind
from chatctl_server.storage.sql import Database, Query, Row

R = TypeVar("R", bound=ConversationRef)
Status = Literal["open", "closed"]


class Conversation(msgspec.Struct, frozen=True):
    """A row of ``conversation``, with the reference to it; times in microseconds."""

    ref: ConversationRef
    kind: Kind
    public_id: str
    name: str
    status: Status
    created_at: int
    closed_at: int | None
    last_seq: int
    last_message_at: int | None

    @property
    def id(self) -> int:
        return self.ref.id


C = TypeVar("C", bound=Conversation)
_REST = "public_id, name, status, created_at, closed_at, last_seq, last_message_at"
COLUMNS = f"kind, id, scope, {_REST}"


def _of_kinds(ref_class: type[ConversationRef]) -> str:
    kinds = ", ".join(f"'{kind}'" for kind in ref_class.kinds)
    return f"kind IN ({kinds})"


_BY_PUBLIC_ID = {
    each: Query(f"""SELECT {COLUMNS} FROM conversation
        WHERE public_id = :public_id AND scope = :scope AND {_of_kinds(each)}""")
    for each in CLASSES
}
_GET = {
    each: Query(f"""SELECT kind, {_REST} FROM conversation
        WHERE id = :id AND scope = :scope AND {_of_kinds(each)}""")
    for each in CLASSES
}
_GET_MANY = Query(f"""SELECT {COLUMNS} FROM conversation
    WHERE id IN (SELECT value FROM json_each(:ids)) AND kind <> 'purged'""")
_BY_ID = Query(f"SELECT {COLUMNS} FROM conversation WHERE id = :id AND kind <> 'purged'")
_NOT_PURGED = Query("""SELECT id FROM conversation
    WHERE id IN (SELECT value FROM json_each(:ids)) AND kind <> 'purged'""")


def find(db: Database, ref_class: type[R], scope: int, public_id: str) -> R:
    """A finder: by the id that the world knows. Raises ConversationNotFound, also for one of
    another kind or of another scope: nobody learns that it is there."""
    row = _BY_PUBLIC_ID[ref_class].row(db, public_id=public_id, scope=scope)
    if row is None:
        raise errors.ConversationNotFound(f"There is no {ref_class.noun} {public_id}")
    return ref_class(row[1], row[2])


def get(db: Database, ref: ConversationRef) -> Conversation:
    """As it is now. Raises ConversationNotFound when there is none of that kind and scope."""
    row = _GET[type(ref)].row(db, id=ref.id, scope=ref.scope)
    if row is None:
        raise not_found(ref)
    return Conversation(ref, *row)


def not_found(ref: ConversationRef) -> errors.ConversationNotFound:
    return errors.ConversationNotFound(f"There is no such {ref.noun}")


def get_many(db: Database, refs: Iterable[ConversationRef]) -> dict[ConversationRef, Conversation]:
    """As ``get``, all at once; without those that it would not find."""
    ids = msgspec.json.encode([ref.id for ref in refs]).decode()
    found = [conversation(row) for row in _GET_MANY.rows(db, ids=ids)]
    return {each.ref: each for each in found}


def get_open(db: Database, ref: ConversationRef) -> Conversation:
    """Raises ConversationNotFound or ConversationIsClosed."""
    return checked_open(get(db, ref))


def checked_open(found: C) -> C:
    if found.status != "open":
        raise errors.ConversationIsClosed(f"The {found.ref.noun} {found.public_id} is closed")
    return found


def by_id(db: Database, id: int) -> Conversation | None:  # noqa: A002  its own name
    """For followers, which read the whole log: of whatever kind and scope."""
    row = _BY_ID.row(db, id=id)
    return None if row is None else conversation(row)


def not_purged(db: Database, ids: Iterable[int]) -> set[int]:
    """For followers: those that are still there."""
    encoded = msgspec.json.encode(sorted(ids)).decode()
    return {number for (number,) in _NOT_PURGED.rows(db, ids=encoded)}


def conversation(row: Sequence[object] | Row) -> Conversation:
    """From the columns ``COLUMNS``."""
    kind, id_, scope, *rest = row
    return Conversation(CLASS_OF[kind](id_, scope), kind, *rest)  # type: ignore[index,arg-type]
