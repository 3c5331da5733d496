"""What the events do to the tables of uploaded files: which there are, and what refers to them.

What had shown a file the log may know no longer, once it was erased: ``file_release`` is kept
beside it.
"""

from collections.abc import Sequence

from chatctl_server.domain import account_events, events, stored_files
from chatctl_server.domain.stored_files import FileName
from chatctl_server.storage.sql import Bulk, Database, Query

_ADD = Query("""INSERT INTO stored_file (workspace, hash, extension, media_type, size, stored_at)
    VALUES (:workspace, :hash, :extension, :media_type, :size, :at)
    ON CONFLICT DO UPDATE SET stored_at = :at""")
_REMOVE = Query("""DELETE FROM stored_file
    WHERE workspace = :workspace AND hash = :hash AND extension = :extension""")
# Before and after: a repeated upload adds nothing.
_COUNT = Query("""UPDATE workspace SET file_bytes = file_bytes + :sign * coalesce((
        SELECT size FROM stored_file
        WHERE workspace = :workspace AND hash = :hash AND extension = :extension), 0)
    WHERE id = :workspace""")
_USE = Bulk(
    "INSERT OR IGNORE INTO file_use ({columns}) VALUES {rows}",
    "workspace, hash, extension, message",
)
_RELEASE = Query("""INSERT OR REPLACE INTO file_release (workspace, hash, extension, at)
    SELECT workspace, hash, extension, :at FROM file_use WHERE message = :message""")
_FORGET_USES = Query("DELETE FROM file_use WHERE message = :message")
_AVATAR = Query("SELECT substr(avatar, instr(avatar, '/files/')) FROM account WHERE id = :account")
_RELEASE_ONE = Query("""INSERT OR REPLACE INTO file_release (workspace, hash, extension, at)
    SELECT workspace, :hash, :extension, :at FROM workspace_member
    WHERE workspace = :workspace AND account = :account""")
_FORGET_RELEASE = Query("""DELETE FROM file_release
    WHERE workspace = :workspace AND hash = :hash AND extension = :extension""")


def apply(db: Database, entry: events.Event) -> None:
    match entry.payload:
        case account_events.FileStored(workspace, hash_, extension, media_type, size):
            name = FileName(workspace, hash_, extension)._asdict()
            _COUNT.run(db, sign=-1, **name)
            _ADD.run(db, media_type=media_type, size=size, at=entry.at, **name)
            _COUNT.run(db, sign=1, **name)
        case account_events.FileRemoved(workspace, hash_, extension):
            name = FileName(workspace, hash_, extension)._asdict()
            _COUNT.run(db, sign=-1, **name)
            _REMOVE.run(db, **name)
            _FORGET_RELEASE.run(db, **name)


def apply_posts(db: Database, posts: Sequence[events.Event]) -> None:
    """Few of a batch show files."""
    uses = [
        (*name, payload.message_id)
        for entry in posts
        if isinstance(payload := entry.payload, events.MessagePosted)
        for url in payload.attachments
        if (name := stored_files.of_url(url)) is not None
    ]
    _USE.run(db, uses)


def release_message(db: Database, message_id: int, at: int) -> None:
    """It is erased: it shows its files no longer."""
    _RELEASE.run(db, message=message_id, at=at)
    _FORGET_USES.run(db, message=message_id)


def release_avatar(db: Database, account: int, at: int) -> None:
    """It may get another one, or none; or it leaves the file's workspace."""
    name = stored_files.of_url(_AVATAR.value(db, account=account) or "")
    if name is not None:
        _RELEASE_ONE.run(db, account=account, at=at, **name._asdict())
