"""The support desk as its operators see it, under ``/management``: every workspace, or that of a
key."""

from typing import Any

from chatctl_server.api.authentication import OPERATOR
from chatctl_server.api.faces import Face, lazily

SUPPORT_OPERATORS: Face[Any] = Face(
    "support operators",
    credentials=OPERATOR,
    parts={
        "/management/conversations": lazily(
            __package__,
            "conversation_routes:AllConversations",
            "conversation_routes:AnyConversations",
            "message_routes:MessagesOfConversation",
        ),
        "/management/customers": lazily(__package__, "customer_routes:erase_any_customer"),
        "/management/events/replay": lazily(__package__, "replay_routes:replay_all_events"),
        "/management/sites": lazily(__package__, "site_routes:AllSites"),
    },
    key_part="support",
)
