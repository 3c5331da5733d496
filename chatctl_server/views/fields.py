"""What the names in paths, queries, bodies and answers mean, each with an example: here those that
several objects share, all others beside their fields. ``/schema`` and ``/docs`` are made of them.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta

from chatctl_server.domain.callbacks import EndpointKind

TIME = 1767225600  # 2026-01-01T00:00:00Z
DAY = 86_400
ROOM = "7f0c2a52-9b1e-4c53-8a37-2f6f1f0d9a11"
ENDPOINT = "019b76da-a800-7000-8000-000000000002"
DELIVERY = "019b76da-a800-7000-8000-000000000003"


def means(text: str, *example: Any, **limits: Any) -> Meta:
    """``example``: one; without it, a field that may be left out is, and one that may be null is
    null."""
    return Meta(description=text, examples=list(example) or None, **limits)


# Rooms and their users
RoomId = Annotated[str, means("The room: a UUID", ROOM)]
RoomIdOrNone = Annotated[str | None, means("The room that it is about; null for none")]
RoomName = Annotated[
    str, means("Shown to people, 1 to 255 characters; need not be unique", "lobby")
]
AdminUserIds = Annotated[
    tuple[str, ...], means("User ids of the room's admins, sorted", ["anna", "boss"])
]
UserId = Annotated[str, means("The host product's id of the user, 1 to 255 characters", "anna")]
Nickname = Annotated[str, means("Shown to others, 1 to 255 characters", "Anna")]
GivenNickname = Annotated[str | None, means("Shown to others; the `user_id` unless given", "Anna")]
IsAdmin = Annotated[bool, means("Whether the user is an admin of the room", True)]
CurrentUsers = Annotated[int, means("Users connected now", 2)]
CurrentConnections = Annotated[int, means("Connections open now", 2)]
PeakUsers = Annotated[int, means("The most users that were ever connected at once", 5)]
TotalJoins = Annotated[int, means("Joins in all, repeated ones counted", 12)]
StartTime = Annotated[int, means("When the room was created, Unix seconds", TIME)]
CreatedAt = Annotated[int, means("When it was made, Unix seconds", TIME)]
LastActivity = Annotated[
    int, means("The newest message's time, else the room's creation, Unix seconds", TIME + 60)
]
JoinTime = Annotated[int, means("When the user joined, Unix seconds", TIME)]
Sessions = Annotated[int, means("How often they came: sessions that are open or have ended", 1)]
SameName = Annotated[int, means("How many other open rooms have this name, up to 100", 0)]
IsChanged = Annotated[bool, means("Whether the call changed anything", True)]

# Messages
MessageId = Annotated[int, means("The message's number in this server", 1)]
Seq = Annotated[int, means("The message's number in its room: 1, 2, 3 and so on without a hole", 1)]
Content = Annotated[str, means("The text, at most `MAX_MESSAGE_BYTES` of UTF-8", "hello")]
IsDeleted = Annotated[bool, means("Whether it was deleted; the `content` is then empty", False)]

# Bans and mutes
Reason = Annotated[str | None, means("For people, at most 4,096 bytes", "spam")]
SetBy = Annotated[
    str | None,
    means("Who set it: a user id, `uid:…` of the command line, a named key; null: the admin key"),
]
ExpiresAt = Annotated[
    int | None, means("When it ends, Unix seconds; null: it has no end", TIME + DAY)
]

# Callbacks
EndpointId = Annotated[str, means("The endpoint: a UUID", ENDPOINT)]
EndpointStatus = Annotated[
    Literal["enabled", "disabled"], means("`enabled` or `disabled`", "enabled")
]
KindOfEndpoint = Annotated[EndpointKind, means("The endpoint's kind", "events")]
Url = Annotated[
    str, means("Where it goes, without what may be secret in it", "https://hooks.example/chat")
]
DeliveryId = Annotated[str, means("The delivery: its `webhook-id`", DELIVERY)]
EventName = Annotated[str, means("What it tells, as in the header `x-chatctl-event`", "test")]
Mark = Annotated[
    str | None,
    means("`again`, `replay` or `test`, as in the header `x-chatctl-mark`; else null", "test"),
]
HttpStatus = Annotated[int | None, means("The HTTP status; null: there was no answer")]
NoAnswer = Annotated[
    str | None, means("Why there was no answer: `timeout`, `dns`, `connect`, `tls`, …", "dns")
]
Pending = Annotated[int, means("Deliveries that wait", 0)]
Failed = Annotated[int, means("Deliveries that failed, and were not recovered since", 0)]
OldestFailedAt = Annotated[
    int | None, means("When the oldest that failed was planned, Unix seconds")
]

DryRun = Annotated[bool, means("Say what would be done, and do nothing", True)]

# The log, and the server
At = Annotated[str, means("When, RFC 3339 in UTC with microseconds", "2026-01-01T00:00:00.000000Z")]
Address = Annotated[str, means("From which address", "127.0.0.1")]
Version = Annotated[str, means("The server's version", "0.1.0")]
Latency = Annotated[float, means("How long it took to ask, in milliseconds", 4.2)]
