"""The audit follower: a log line for each act of administration, also for those made offline."""

import logging
from collections.abc import Sequence

from chatctl_server.domain import facts

logger = logging.getLogger("chatctl.audit")
NAME = "audit"
ACTS = (
    facts.ConversationCreated,
    facts.ConversationRenamed,
    facts.ConversationClosed,
    facts.AdminsSet,
    facts.MessageDeleted,
    facts.BanSet,
    facts.BanLifted,
    facts.MuteSet,
    facts.MuteLifted,
    facts.UserKicked,
)


async def handle(page: Sequence[facts.Recorded]) -> bool:
    acts = [entry for entry in page if isinstance(entry.fact, ACTS)]
    for entry in acts:
        logger.info("%s", facts.type_name(entry.fact), extra=_fields(entry))
    return bool(acts)


def _fields(entry: facts.Recorded) -> dict[str, str | int | None]:
    fields: dict[str, str | int | None] = {
        "offset": entry.offset,
        "conversation": entry.conversation,
        "actor": entry.actor.user_id,
        "credential": entry.actor.credential,
        "address": entry.actor.address,
        "user_id": getattr(entry.fact, "user_id", None),
    }
    return {name: value for name, value in fields.items() if value is not None}
