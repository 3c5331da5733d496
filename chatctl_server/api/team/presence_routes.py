"""Presence: what one wants to be seen as, and who is there."""

from typing import Annotated, Literal

import msgspec
from litestar import get, post
from litestar.params import FromQuery, JSONBody, QueryParameter

from chatctl_server import errors
from chatctl_server.api.context import GivenContext
from chatctl_server.api.parameters import AnyRequest
from chatctl_server.api.team import signals
from chatctl_server.api.team.face import account_of
from chatctl_server.domain import times
from chatctl_server.storage import last_seen
from chatctl_server.views.fields import means
from chatctl_server.views.team.presence import UserStatus, user_status

MOST_IDS = 1000
ID_DIGITS = 16  # no id has more; Python refuses to read a number of thousands
UserIds = Annotated[
    str,
    QueryParameter(name="user_ids", max_length=20_000),
    means("Ids of users, with commas between them; at most 1,000", "1,2"),
]


class SetPresence(msgspec.Struct, frozen=True):
    status: Annotated[
        Literal["online", "away", "busy", "offline"],
        means("What I want to be seen as, as long as I have a stream", "busy"),
    ]


@post(
    "/api/realtime/presence",
    status_code=204,
    tags=("live",),
    summary="Say how I am",
    response_description="Whoever shares a workspace with me is told, if they see it change",
    opt={
        "asks_store": False,
        "refuses": (errors.InvalidInput, errors.TooLarge),
    },
)
async def set_presence(
    request: AnyRequest, context: GivenContext, data: JSONBody[SetPresence]
) -> None:
    """It holds until the server stops; without a stream one is offline whatever it is."""
    signals.choose_presence(context, account_of(request.scope), data.status)


@get(
    "/api/presence",
    tags=("live",),
    summary="Who is there",
    response_description="By id, without those with whom I share no workspace",
)
async def list_presence(
    request: AnyRequest, context: GivenContext, user_ids: FromQuery[UserIds]
) -> list[UserStatus]:
    """Whoever has a stream is there, unless they chose to be seen otherwise."""
    found = await context.store.read(
        last_seen.among, account_of(request.scope), _accounts(user_ids)
    )
    there, now = context.account_streams, times.now()
    return [
        user_status(each.account, status, each.at if status == "offline" else now)
        for each in found
        for status in (there.status(each.account),)
    ]


def _accounts(given: str) -> list[int]:
    """Raises InvalidInput."""
    parts = [each.strip() for each in given.split(",") if each.strip()]
    is_good = all(each.isascii() and each.isdigit() and len(each) <= ID_DIGITS for each in parts)
    if not is_good or len(parts) > MOST_IDS:
        raise errors.InvalidInput(
            f"user_ids are up to {MOST_IDS} ids of users, with commas between them",
            field="user_ids",
        )
    return [int(each) for each in parts]
