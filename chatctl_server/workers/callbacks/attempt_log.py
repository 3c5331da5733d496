"""What the log says of each try, with the documents' sentences and levels."""

import logging
from typing import NamedTuple

from chatctl_server.domain import callbacks
from chatctl_server.storage import endpoints
from chatctl_server.workers.callbacks.renderer import Rendered

logger = logging.getLogger("chatctl.callbacks")
sync_logger = logging.getLogger("chatctl.sync")


class AttemptProgress(NamedTuple):
    """A try that begins or, with its outcome, has ended."""

    endpoint: endpoints.Endpoint
    rendered: Rendered
    number: int
    outcome: callbacks.Outcome | None = None
    verdict: callbacks.Verdict | None = None


def log(told: AttemptProgress) -> None:
    """A refused request is a warning, a network error, bad data and the last try an error."""
    outcome = told.outcome
    if outcome is None:
        return
    if isinstance(told.verdict, callbacks.Delivered):
        _log_delivered(told)
        return
    is_final = isinstance(told.verdict, callbacks.GivenUp)
    is_error = is_final or outcome.status is None
    answered = outcome.status is not None
    answer = f"was answered {outcome.status}" if answered else f"was not answered: {outcome.error}"
    logger.log(
        logging.ERROR if is_error else logging.WARNING,
        "%s %s%s",
        told.rendered.delivery.event,
        answer,
        "; failed" if is_final else "",
        extra=_fields(told) | {"detail": outcome.detail},
    )


def _log_delivered(told: AttemptProgress) -> None:
    if told.rendered.is_after_creation:
        room_id = told.rendered.room_id
        text = "创建房间后同步成功，房间ID: %s (a new room was synced)"
        sync_logger.info(text, room_id)
    logger.debug("%s was delivered", told.rendered.delivery.event, extra=_fields(told))


def _fields(told: AttemptProgress) -> dict[str, str | int | None]:
    return {
        "room_id": told.rendered.room_id,
        "kind": told.endpoint.kind,
        "delivery": told.rendered.delivery.id,
        "try": told.number,
        "status": None if told.outcome is None else told.outcome.status,
    }
