"""The end of a site, in steps; who may, those ask who want it: a site's admins, or the owners of
the workspace that it goes with."""

from chatctl_server.actions import conversations
from chatctl_server.domain import events, support_events
from chatctl_server.storage import support_conversations
from chatctl_server.storage.sites import SiteRef
from chatctl_server.storage.transaction import Tx

CONVERSATIONS_A_CALL = 500


def end(tx: Tx, actor: events.Actor, ref: SiteRef) -> bool:
    """Its conversations, which are closed, up to 500 a call, are found no more: false when there
    are more."""
    found = support_conversations.open_of_site(tx.db, ref.scope, CONVERSATIONS_A_CALL)
    for each in found:
        conversations.close(tx, actor, each)
    if len(found) == CONVERSATIONS_A_CALL:
        return False
    tx.record(support_events.SiteDeleted(ref.id), actor, scope=ref.scope)
    return True
