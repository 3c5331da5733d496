"""Files are taken out of support conversations: there nobody fetches them any more, and nothing
says what they were called."""

from collections.abc import Sequence

from chatctl_server.domain import events
from chatctl_server.domain.references import SupportRef
from chatctl_server.domain.support_events import FileDetached
from chatctl_server.storage import log, support_files
from chatctl_server.storage.support_files import ConversationUpload
from chatctl_server.storage.transaction import Tx

A_STEP = 200


def remove_shown(tx: Tx, actor: events.Actor, ref: SupportRef, message_id: int) -> None:
    """What a message that is about to be erased shows, and no other of the conversation."""
    _remove(tx, actor, support_files.shown_only_by(tx.db, ref, message_id))


def remove_some(tx: Tx, actor: events.Actor, sender: str) -> bool:
    """Of somebody who is erased, 200 a call, whoever shows them; false when there are no more."""
    found = support_files.of_sender(tx.db, sender, A_STEP)
    _remove(tx, actor, found)
    return bool(found)


def _remove(tx: Tx, actor: events.Actor, found: Sequence[ConversationUpload]) -> None:
    for each in found:
        log.redact_file(tx.db, each.ref, each.hash, each.extension)
        payload = FileDetached(each.public_id, each.hash, each.extension)
        tx.record(payload, actor, each.ref)
