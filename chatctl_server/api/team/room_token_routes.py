"""How somebody who is signed in comes into a room of the host product (contract access)."""

from litestar import post
from litestar.params import JSONBody

from chatctl_server import errors
from chatctl_server.api import caller, refusals
from chatctl_server.api.context import GivenContext
from chatctl_server.api.parameters import AnyRequest, room_uuid
from chatctl_server.api.team.workspace_bodies import AskRoomToken, RoomToken
from chatctl_server.domain import accounts as rules
from chatctl_server.domain import times, tokens
from chatctl_server.storage import accounts

SECONDS = 3600


@post(
    "/api/room-tokens",
    tags=("accounts",),
    summary="Get a token for a room",
    response_description="The token",
    opt={"refuses": (errors.Conflict,), "never": refusals.WRITING},
)
async def create_room_token(
    request: AnyRequest, context: GivenContext, data: JSONBody[AskRoomToken]
) -> RoomToken:
    """For `ROOM_IDENTITY=token`: one is `u<id>` there, for an hour. An account that operates the
    server is an admin of the room. Without `ROOM_TOKEN_SECRET` there are none: 409."""
    secrets = context.settings.room_token_secret
    if not secrets:
        raise errors.Conflict("Rooms take no tokens here (ROOM_TOKEN_SECRET)")
    room_id = room_uuid(data.room_id)
    me = await context.store.read_live(accounts.get, caller.of(request.scope).account)
    now = times.now() // times.SECOND
    made = tokens.TokenClaims(
        user_id=rules.user_id(me.id),
        expires_at=now + SECONDS,
        room_id=room_id,
        name=me.fullname,
        is_admin=bool(me.is_operator),
    )
    end = times.rfc3339((now + SECONDS) * times.SECOND)
    return RoomToken(tokens.mint(made, secrets[0], now), made.user_id, end)
