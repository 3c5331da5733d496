"""Chats, as an operator changes them: whose they are, too."""

from chatctl_server.actions import chats
from chatctl_server.domain import events
from chatctl_server.domain.references import ChatRef
from chatctl_server.storage.transaction import Tx


def change(
    tx: Tx,
    actor: events.Actor,
    ref: ChatRef,
    name: str | None,
    description: str | None,
    owner: int | None,
) -> None:
    """What is None stays. Raises what ``chats.change`` and ``chats.set_role`` raise."""
    chats.change(tx, actor, ref, name, description)
    if owner is not None:
        chats.set_role(tx, actor, ref, owner, "owner")
