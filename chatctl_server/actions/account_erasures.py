"""An account is erased: the texts of its messages, its files at the desk and its name leave tables
and log, page by page, then it leaves its workspaces and is gone. The log can still be verified: it
is changed with the tables, and says that it was."""

from collections.abc import Sequence

from chatctl_server.actions import account_status, messages, support_files, workspaces
from chatctl_server.domain import account_events, events
from chatctl_server.domain import accounts as rules
from chatctl_server.domain.references import ConversationRef
from chatctl_server.storage import account_erasures, accounts, log
from chatctl_server.storage import messages as stored
from chatctl_server.storage import workspaces as stored_workspaces
from chatctl_server.storage.transaction import Tx


def erase_messages(
    tx: Tx, actor: events.Actor, found: Sequence[tuple[ConversationRef, int]]
) -> int:
    """Their texts, and the name of who sent them; how many still had a text."""
    return sum(_erase_message(tx, actor, ref, message_id) for ref, message_id in found)


def _erase_message(tx: Tx, actor: events.Actor, ref: ConversationRef, message_id: int) -> bool:
    message = stored.one(tx.db, ref, message_id)
    if message is None:  # it went with its conversation
        return False
    offsets = (message.event_offset, *_edits(tx, ref, message))
    erased = messages.erase(tx, actor, ref, message_id)
    for offset in offsets:
        log.redact_name(tx.db, offset)
    account_erasures.forget_name(tx.db, message_id)
    return erased is not None


def _edits(tx: Tx, ref: ConversationRef, message: stored.Message) -> Sequence[int]:
    """Where its edits stand in the log; of an erased one the erasure alone still knows that."""
    if message.erased_at is None:
        return stored.edit_offsets(tx.db, ref, message.id)
    erasure = log.one(tx.db, message.changed_offset or 0)
    assert erasure is not None
    assert isinstance(erasure.payload, events.MessageErased)
    return erasure.payload.edited_offsets


def erase_files(tx: Tx, actor: events.Actor, account: int) -> bool:
    """What it has uploaded to support conversations, 200 a call; false when there is no more."""
    return support_files.remove_some(tx, actor, rules.user_id(account))


def erase(tx: Tx, actor: events.Actor, account: int) -> events.Event | None:
    """Behind its messages; None when it is erased already. Raises AccountNotFound."""
    found = accounts.get(tx.db, account)
    if found.status == "erased":
        return None
    account_status.suspend(tx, actor, account)
    for ref, is_owner in account_erasures.memberships(tx.db, account):
        if is_owner and not stored_workspaces.has_other_owner(tx.db, ref, account):
            _pass_on(tx, actor, ref, account)
        workspaces.leave_workspace(tx, actor, ref, account)
    while erase_files(tx, actor, account):
        pass
    account_erasures.forget(tx.db, account, found.email, tx.now)
    log.redact_account(tx.db, account)
    return tx.record(account_events.AccountErased(account), actor)


def _pass_on(
    tx: Tx, actor: events.Actor, ref: stored_workspaces.WorkspaceRef, account: int
) -> None:
    heir = account_erasures.heir(tx.db, ref, account)
    if heir is not None:
        inherits = account_events.WorkspaceRoleChanged(ref.number, heir, "owner")
        tx.record(inherits, actor, scope=ref.scope)
