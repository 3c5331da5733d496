"""Named keys: made, rotated, removed. An action is given the hash of a key, never the key."""

from collections.abc import Sequence

import msgspec

from chatctl_server import errors
from chatctl_server.domain import account_events, events
from chatctl_server.domain import keys as rules
from chatctl_server.domain.times import SECOND
from chatctl_server.storage import keys, workspaces
from chatctl_server.storage.keys import Key
from chatctl_server.storage.transaction import Tx


def create(
    tx: Tx,
    actor: events.Actor,
    name: str,
    scopes: Sequence[str],
    workspace: int | None,
    expires_in: int | None,
    key_hash: bytes,
) -> Key:
    """``expires_in`` in seconds. Raises InvalidInput, BadText, NameTaken or WorkspaceNotFound."""
    name, wanted = rules.check_name(name), rules.check_scopes(scopes, workspace)
    if workspace is not None:
        workspaces.get(tx.db, workspace)
    if keys.is_taken(tx.db, name):
        raise errors.NameTaken(f"There is a key {name} already", field="name")
    made = Key(
        id=rules.new_id(),
        name=name,
        scopes=wanted,
        workspace=workspace,
        created_by=actor.user_id,
        created_at=tx.now,
        expires_at=None if expires_in is None else tx.now + expires_in * SECOND,
        previous_until=None,
    )
    keys.add(tx.db, made, key_hash)
    payload = account_events.KeyCreated(made.id, name, wanted, workspace, made.expires_at)
    tx.record(payload, actor)
    return made


def rotate(tx: Tx, actor: events.Actor, key_id: str, old_until: int | None, key_hash: bytes) -> Key:
    """``old_until``: until when the key before it opens, in microseconds; a time that has passed
    is as None. Raises KeyNotFound."""
    found = keys.get(tx.db, key_id)
    until = old_until if old_until is not None and old_until > tx.now else None
    keys.rotate(tx.db, found, key_hash, until)
    tx.record(account_events.KeyRotated(key_id, until), actor)
    return msgspec.structs.replace(found, previous_until=until)


def remove(tx: Tx, actor: events.Actor, key_id: str) -> events.Event:
    """It opens nothing any more. Raises KeyNotFound."""
    found = keys.get(tx.db, key_id)
    keys.remove(tx.db, found, tx.now)
    return tx.record(account_events.KeyRemoved(key_id), actor)
