"""Queries about participants: who has a role in a conversation, and since when."""

from typing import NamedTuple

from chatctl_server.domain.events import Role
from chatctl_server.domain.references import ConversationRef
from chatctl_server.storage.sql import Database, Query


class Stay(NamedTuple):
    """From one offset of the log to another, which is still in it; None: it goes on."""

    conversation: int
    joined_offset: int
    left_offset: int | None
    role: Role


_ADMINS = Query("""SELECT user_id FROM participant
    WHERE conversation = :conversation AND role = 'admin' AND left_offset IS NULL
    ORDER BY user_id""")
_ROLE = Query("""SELECT role FROM participant
    WHERE conversation = :conversation AND user_id = :user_id AND left_offset IS NULL""")
_JOINED_AT = Query("""SELECT e.at FROM participant p JOIN event e ON e.id = p.joined_offset
    WHERE p.conversation = :conversation AND p.user_id = :user_id AND p.left_offset IS NULL""")
_ADMIN_LOST_AT = Query("""SELECT e.at FROM participant p JOIN event e ON e.id = p.left_offset
    WHERE p.conversation = :conversation AND p.user_id = :user_id AND p.role = 'admin'
    AND p.left_offset IS NOT NULL ORDER BY p.left_offset DESC LIMIT 1""")
_STAYS = Query("""SELECT p.conversation, p.joined_offset, p.left_offset, p.role
    FROM participant p JOIN conversation c ON c.id = p.conversation
    WHERE p.user_id = :user_id AND c.scope = :scope ORDER BY p.conversation, p.joined_offset""")


def admins(db: Database, ref: ConversationRef) -> tuple[str, ...]:
    """Sorted."""
    return tuple(user_id for (user_id,) in _ADMINS.rows(db, conversation=ref.id))


def role(db: Database, ref: ConversationRef, user_id: str) -> Role | None:
    found: Role | None = _ROLE.value(db, conversation=ref.id, user_id=user_id)
    return found


def joined_at(db: Database, ref: ConversationRef, user_id: str) -> int | None:
    """When the stay began; None: the user is not there."""
    found: int | None = _JOINED_AT.value(db, conversation=ref.id, user_id=user_id)
    return found


def admin_lost_at(db: Database, ref: ConversationRef, user_id: str) -> int | None:
    """When an administrator last took the role of an admin away; None: never."""
    found: int | None = _ADMIN_LOST_AT.value(db, conversation=ref.id, user_id=user_id)
    return found


def stays(db: Database, scope: int, user_id: str) -> list[Stay]:
    """Of a user in the conversations of a scope, past ones too."""
    return [Stay(*row) for row in _STAYS.rows(db, scope=scope, user_id=user_id)]
