"""Queries about the messages of support conversations."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from chatctl_server import errors
from chatctl_server.domain.events import SenderKind
from chatctl_server.domain.references import ConversationRef, SupportRef
from chatctl_server.domain.stored_files import FileName
from chatctl_server.domain.support_events import AttachedFile, MessageType, SupportMessage
from chatctl_server.storage.sql import Database, Query, Row
from chatctl_server.storage.stored_files import StoredFile

LATEST = 2**62


class SupportMessageState(msgspec.Struct, frozen=True):
    """A message, as it is stored; times in microseconds."""

    id: int
    public_id: str
    conversation: int
    seq: int
    event_offset: int
    sender: str
    sender_kind: SenderKind
    nickname: str
    content: str
    client_msg_id: str | None
    created_at: int
    edited_at: int | None
    deleted_at: int | None
    erased_at: int | None
    message_type: MessageType
    file: AttachedFile | None
    is_private: bool
    attachments: str | None


class ConversationFile(NamedTuple):
    """One that was uploaded to a conversation; ``name``: what its sender calls it."""

    file: StoredFile
    name: str


_STATE = """m.id, n.public_id, m.conversation, m.seq, m.event_offset, m.sender, m.sender_kind,
    m.nickname, m.content, m.client_msg_id, m.created_at, m.edited_at, m.deleted_at, m.erased_at,
    n.message_type, n.file, n.is_private, m.attachments
    FROM message m JOIN support_message n ON n.message = m.id"""
_ONE = Query(f"SELECT {_STATE} WHERE n.public_id = :public_id AND m.conversation = :conversation")
_BY_ID = Query(f"SELECT {_STATE} WHERE m.id = :message AND m.conversation = :conversation")
_BELOW = Query(f"""SELECT {_STATE} WHERE m.conversation = :conversation AND m.seq < :before
    AND m.deleted_at IS NULL AND (n.is_private = 0 OR :with_private)
    ORDER BY m.seq DESC LIMIT :limit""")
_COUNT = Query("""SELECT count(*) FROM message m JOIN support_message n ON n.message = m.id
    WHERE m.conversation = :conversation AND m.deleted_at IS NULL
    AND (n.is_private = 0 OR :with_private)""")
_PUBLIC = Query("""SELECT n.public_id FROM json_each(:ids) i
    JOIN support_message n ON n.public_id = i.value AND n.is_private = 0
    JOIN message m ON m.id = n.message AND m.conversation = :conversation
    WHERE m.deleted_at IS NULL ORDER BY i.key""")
_SAID = Query("""SELECT c.public_id, n.public_id, n.is_private FROM support_message n
    JOIN conversation c ON c.id = :conversation WHERE n.message = :message""")
_FILE = Query("""SELECT f.workspace, f.hash, f.extension, w.scope, f.media_type, f.size, u.name
    FROM support_file u JOIN support s ON s.conversation = u.conversation
    JOIN stored_file f ON f.workspace = s.workspace AND f.hash = u.hash
        AND f.extension = u.extension
    JOIN workspace w ON w.id = f.workspace
    WHERE u.conversation = :conversation AND u.hash = :hash AND u.extension = :extension""")
_SENT_BYTES = Query("""SELECT coalesce(sum(size), 0) FROM support_file
    WHERE sender = :sender AND stored_at > :since""")

_file = msgspec.json.Decoder(AttachedFile).decode


def find(db: Database, ref: SupportRef, message_id: str) -> SupportMessageState:
    """Also a deleted one. Raises MessageNotFound."""
    is_one = message_id.isascii()
    row = _ONE.row(db, public_id=message_id, conversation=ref.id) if is_one else None
    if row is None:
        raise not_found(message_id)
    return _state(row)


def get(db: Database, ref: SupportRef, message_id: int) -> SupportMessageState:
    """By its number. Raises MessageNotFound."""
    row = _BY_ID.row(db, message=message_id, conversation=ref.id)
    if row is None:
        raise not_found(str(message_id))
    return _state(row)


def said(db: Database, ref: ConversationRef, message_id: int) -> SupportMessage | None:
    """What an event says of a message that was deleted; None for that of a room or a chat."""
    if not isinstance(ref, SupportRef):
        return None
    row = _SAID.row(db, message=message_id, conversation=ref.id)
    return None if row is None else SupportMessage(row[0], row[1], is_private=bool(row[2]))


def not_found(message_id: str) -> errors.MessageNotFound:
    return errors.MessageNotFound(
        f"There is no message {message_id[:60]} in this conversation", field="message_id"
    )


def below(
    db: Database, ref: SupportRef, before: int, limit: int, *, with_private: bool
) -> list[SupportMessageState]:
    """Newest first: those with a lower seq, without deleted ones."""
    rows = _BELOW.rows(
        db, conversation=ref.id, before=before, limit=limit, with_private=int(with_private)
    )
    return _states(rows)


def last(db: Database, ref: SupportRef, *, with_private: bool) -> SupportMessageState | None:
    found = below(db, ref, LATEST, 1, with_private=with_private)
    return found[0] if found else None


def public(db: Database, ref: SupportRef, message_ids: Sequence[str]) -> list[str]:
    """Those of the conversation that are there and no notes, in their order."""
    encoded = msgspec.json.encode(message_ids).decode()
    return [id_ for (id_,) in _PUBLIC.rows(db, conversation=ref.id, ids=encoded)]


def count(db: Database, ref: SupportRef, *, with_private: bool) -> int:
    """Without deleted ones."""
    return int(_COUNT.value(db, conversation=ref.id, with_private=int(with_private)))


def file(db: Database, ref: SupportRef, hash: str, extension: str) -> ConversationFile:  # noqa: A002
    """Raises StoredFileNotFound, also for one that was removed as no message showed it."""
    row = _FILE.row(db, conversation=ref.id, hash=hash, extension=extension)
    if row is None:
        raise errors.StoredFileNotFound("There is no such file in this conversation", field="file")
    *name, scope, media_type, size, called = row
    return ConversationFile(StoredFile(FileName(*name), scope, media_type, size), called)


def sent_bytes(db: Database, sender: str, since: int) -> int:
    """Of the files that they have uploaded since then."""
    return int(_SENT_BYTES.value(db, sender=sender, since=since))


def _states(rows: Sequence[Row]) -> list[SupportMessageState]:
    return [_state(row) for row in rows]


def _state(row: Row) -> SupportMessageState:
    *columns, shown_file, is_private, attachments = row
    found = None if shown_file is None else _file(shown_file)
    return SupportMessageState(*(*columns, found, bool(is_private), attachments))
