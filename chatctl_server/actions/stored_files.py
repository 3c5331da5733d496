"""Uploaded files: recorded when they are whole on the disk, and when nothing refers to them."""

from collections.abc import Sequence

from chatctl_server import errors
from chatctl_server.domain import account_events, accounts, events
from chatctl_server.storage import stored_files, workspaces
from chatctl_server.storage.stored_files import StoredFile
from chatctl_server.storage.transaction import Tx


def store(
    tx: Tx, actor: events.Actor, found: Sequence[StoredFile], most_bytes: int = 0
) -> list[events.Event]:
    """Files of one workspace. ``most_bytes``: of all its files together, 0 for any number. What is
    there already is kept for another day. Raises TooLarge, or WorkspaceNotFound for an account
    that has left it while they came."""
    workspace = found[0].name.workspace
    if actor.is_account:
        workspaces.find(tx.db, accounts.account_id(actor.user_id or ""), workspace)
    before = stored_files.bytes_of(tx.db, workspace)
    stored = [_record(tx, actor, each) for each in found]
    held = stored_files.bytes_of(tx.db, workspace)
    if most_bytes and held > max(before, most_bytes):
        raise errors.TooLarge(
            f"The workspace's files would have {held} bytes, and may have {most_bytes} "
            "(WORKSPACE_FILES_BYTES)"
        )
    return stored


def _record(tx: Tx, actor: events.Actor, file: StoredFile) -> events.Event:
    payload = account_events.FileStored(*file.name, file.media_type, file.size)
    return tx.record(payload, actor, scope=file.scope)


def remove_unused(
    tx: Tx, actor: events.Actor, file: StoredFile, before: int
) -> events.Event | None:
    """None when something refers to it, or has since ``before``, in microseconds."""
    if not stored_files.is_unused(tx.db, file.name, before):
        return None
    return tx.record(account_events.FileRemoved(*file.name), actor, scope=file.scope)
