"""The support desk: conversations, messages, Replay, sites, the widget."""

from typing import TYPE_CHECKING

import msgspec

from chatctl_server import errors
from chatctl_server.api import caller, refusals
from chatctl_server.api.access_tokens import ByAccessToken
from chatctl_server.api.authentication import Authenticator, Credentials, NamedKey
from chatctl_server.api.caller import Caller, Scope
from chatctl_server.api.context import Context
from chatctl_server.api.faces import AsgiRoute, Face, lazily
from chatctl_server.api.support import open_access, people

if TYPE_CHECKING:
    from chatctl_server.api.support.broadcaster import SupportBroadcaster

MISSING = (
    "Credentials are missing: Authorization: Bearer … of an agent, or X-Site-Key and "
    "X-Visitor-Token of a visitor"
)


class ByVisitorToken:
    """In ``X-Visitor-Token``, beside the site's key."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(self, scope: Scope, who: Caller) -> Caller | None:
        token = caller.header(scope, b"x-visitor-token")
        if token is None:
            return None
        key = caller.header(scope, b"x-site-key") or b""
        shown = await people.shown_visitor(
            self._context, key.decode("latin-1"), token.decode("latin-1")
        )
        if shown is None:
            raise errors.Unauthorized("X-Visitor-Token is none of the site that X-Site-Key names")
        return msgspec.structs.replace(shown, address=who.address)


class ByOpenAccess:
    """Under SUPPORT_ACCESS=open whoever shows nothing, from this machine."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(self, scope: Scope, who: Caller) -> Caller | None:
        if not open_access.applies(self._context, scope):
            return None
        return msgspec.structs.replace(who, credential=people.OPEN, user_id=people.OPERATOR)


def authenticators(context: Context) -> tuple[Authenticator, ...]:
    if not context.settings.jwt_secret:  # a command's own process
        return ()
    return (
        ByVisitorToken(context),
        NamedKey(context.store, context.limits.wrong_keys),
        ByAccessToken(context.access_tokens(), context.logins),
        ByOpenAccess(context),
    )


DESK = Credentials(
    authenticators,
    MISSING,
    ("AccessToken", "ApiKey", "VisitorToken"),
    (*refusals.GUARD, errors.TokenRevoked, errors.NotAllowed, errors.Banned),
)


def _broadcaster(context: Context) -> "SupportBroadcaster":
    from chatctl_server.api.support.broadcaster import SupportBroadcaster

    return SupportBroadcaster(context)


def _socket(context: Context, broadcaster: "SupportBroadcaster") -> AsgiRoute:
    from chatctl_server.api.support.sockets import desk_socket

    return desk_socket(context, broadcaster)


SUPPORT = Face(
    "support",
    credentials=DESK,
    parts={
        "/api/conversations": lazily(
            __package__,
            "conversation_routes:Conversations",
            "conversation_routes:OneConversation",
            "message_routes:DeskMessages",
            "file_routes:upload_desk_files",
        ),
        "/api/events/replay": lazily(__package__, "replay_routes:replay_events"),
        "/files/c": lazily(__package__, "file_routes:fetch_desk_file"),
        "/api/sites": lazily(__package__, "site_routes:Sites"),
        "/api/canned-responses": lazily(__package__, "canned_routes:CannedResponses"),
        "/api/customers": lazily(__package__, "customer_routes:erase_customer"),
    },
    unguarded=lazily(
        __package__,
        "visitor_routes:welcome_visitor",
        "embed_routes:show_widget_config",
        "embed_routes:desk_health",
    ),
    broadcaster=_broadcaster,
    sockets={"/ws": _socket},
    key_part="support",
)
