"""Team chat as its operators see it, under ``/management``: every workspace, or that of a key."""

from typing import Any

from chatctl_server.api.authentication import OPERATOR
from chatctl_server.api.faces import Face, lazily

TEAM_OPERATORS: Face[Any] = Face(
    "team operators",
    credentials=OPERATOR,
    parts={
        "/management/users": lazily(__package__, "account_routes:Accounts"),
        "/management/workspaces": lazily(
            __package__,
            "workspace_routes:AllWorkspaces",
            "workspace_routes:MembersOfWorkspace",
            "workspace_routes:InvitesOfWorkspace",
        ),
        "/management/chats": lazily(
            __package__,
            "chat_routes:AllChats",
            "chat_routes:MembersOfChat",
            "message_routes:MessagesOfChat",
        ),
        "/management/messages": lazily(__package__, "message_routes:AllMessages"),
    },
    key_part="team",
)
