"""Team chat: accounts, workspaces, chats, messages, files, under ``/api``."""

from typing import TYPE_CHECKING

from chatctl_server import errors
from chatctl_server.api import caller, refusals
from chatctl_server.api.access_tokens import ByAccessToken
from chatctl_server.api.authentication import Authenticator, Credentials
from chatctl_server.api.caller import Scope
from chatctl_server.api.context import Context
from chatctl_server.api.faces import AsgiRoute, Face, Handlers, lazily

if TYPE_CHECKING:
    from chatctl_server.api.team.broadcaster import TeamBroadcaster


def _authenticators(context: Context) -> tuple[Authenticator, ...]:
    if not context.settings.jwt_secret:  # a command's own process
        return ()
    return (ByAccessToken(context.access_tokens(), context.logins),)


ACCOUNT = Credentials(
    _authenticators,
    "An access token is missing: Authorization: Bearer …",
    ("AccessToken",),
    (*refusals.GUARD, errors.TokenRevoked),
)


def _broadcaster(context: Context) -> "TeamBroadcaster":
    from chatctl_server.api.team.broadcaster import TeamBroadcaster

    return TeamBroadcaster(context)


def _socket(context: Context, broadcaster: "TeamBroadcaster") -> AsgiRoute:
    from chatctl_server.api.team.sockets import team_socket

    return team_socket(context, broadcaster)


def _streams(context: Context, broadcaster: "TeamBroadcaster") -> Handlers:
    from chatctl_server.api.team.event_streams import team_streams

    return team_streams(context, broadcaster)


_CHATS = lazily(
    __package__,
    "chat_routes:Chats",
    "member_routes:ChatMembers",
    "message_routes:ChatMessages",
    "read_routes:mark_read",
    "typing_routes:start_typing",
    "typing_routes:stop_typing",
)
TEAM = Face(
    "team",
    credentials=ACCOUNT,
    parts={
        "/api/users": lazily(__package__, "user_routes:WorkspaceUsers"),
        "/api/workspaces": lazily(
            __package__,
            "workspace_routes:Workspaces",
            "workspace_routes:WorkspaceMembers",
            "workspace_routes:Invites",
            "file_routes:fix_files",
        ),
        "/api/invites": lazily(__package__, "workspace_routes:accept_invite"),
        "/api/room-tokens": lazily(__package__, "room_token_routes:create_room_token"),
        "/api/chat": _CHATS,
        "/api/chats": _CHATS,
        "/api/messages": lazily(
            __package__,
            "message_routes:OneMessage",
            "reaction_routes:ReactionsAndPins",
            "read_routes:list_receipts",
        ),
        "/api/unread-counts": lazily(__package__, "read_routes:count_unread"),
        "/api/realtime": lazily(__package__, "presence_routes:set_presence"),
        "/api/presence": lazily(__package__, "presence_routes:list_presence"),
        "/api/upload": lazily(__package__, "file_routes:upload"),
        "/files": lazily(__package__, "file_routes:fetch_file"),
        "/api/files": lazily(__package__, "file_routes:fetch_file"),
        "/api/fix-files": lazily(__package__, "file_routes:fix_files"),
    },
    unguarded=lazily(
        __package__,
        "session_routes:sign_up",
        "session_routes:sign_in",
        "session_routes:refresh",
        "session_routes:logout",
        "session_routes:logout_all",
        "session_routes:reset_password",
    ),
    broadcaster=_broadcaster,
    sockets={"/ws?access_token": _socket},
    streams=_streams,
)


def account_of(scope: Scope) -> int:
    """Whose request it is."""
    who = caller.of(scope)
    if not who.account:
        raise errors.Unauthorized(ACCOUNT.missing)
    return who.account
