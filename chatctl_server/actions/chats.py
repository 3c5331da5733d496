"""Chats: made, changed, deleted; who is in them."""

import uuid
from collections.abc import Sequence

from chatctl_server.domain import accounts, events
from chatctl_server.domain.references import ChatRef, Kind
from chatctl_server.storage.transaction import Tx
from chatctl_server.storage.workspaces import WorkspaceRef


def create(
    tx: Tx,
    actor: events.Actor,
    workspace: WorkspaceRef,
    kind: Kind,
    name: str,
    creator: int,
    members: Sequence[int] = (),
    description: str = "",
) -> ChatRef:
    """With its creator, who owns it, and the members in their order."""
    ref = ChatRef(tx.take("conversation"), workspace.scope)
    everybody = dict.fromkeys((creator, *members))
    payload = events.ConversationCreated(
        kind=kind,
        public_id=str(uuid.uuid4()),
        name=name,
        admins=(),
        created_by=accounts.user_id(creator),
        description=description,
        members=tuple(map(accounts.user_id, everybody)),
    )
    tx.record(payload, actor, ref)
    return ref
