"""The description's own words: the whole, and its parts in their order."""

from typing import Final

INFO: Final = """\
Rooms for another product to embed: the host product manages them over HTTP, its users talk over
WebSocket. The protocol in full is in `docs/rooms.md`.

Routes under `/management/`, except `/management/health`, ask for the header `X-Api-Key`. Bodies
are JSON. Times are Unix seconds; those of the log and of `/health` are RFC 3339. A refusal is a
problem body (RFC 9457) with a stable `code`. A request may send `X-Request-Id`; every answer has
one, and so have the log lines about it."""

TAGS: Final = {
    "rooms": "Rooms are created, shown, renamed, given admins, and closed for good.",
    "messages": "What was said in a room; announcements; taking a text back.",
    "chats": "Chats of people in a workspace: made, listed, changed; who is in them.",
    "chat-messages": """\
What members say in a chat: posted, edited, deleted; threads, reactions, pins, and how far each has
read.""",
    "moderation": "Bans keep users out, mutes keep them quiet, a kick disconnects.",
    "sync": "What the host product pulls: rooms, histories, and the whole.",
    "team-operator": "Team chat for its operators: accounts, workspaces, chats, of everybody.",
    "keys": "Named keys for programs: each opens a part of the server, and may end.",
    "desk": """\
The support desk: visitors of a site write, agents of its workspace answer. Agents show an access
token or a named key, visitors `X-Site-Key` and `X-Visitor-Token`. Live over `GET /ws` with an
upgrade: envelopes, as `GET /api/events/replay` has them, byte for byte.""",
    "desk-operator": "The support desk for its operators: all its conversations, all its sites.",
    "sites": """\
Tenants of the desk: each a site whose pages show the widget, with its key, its secret, its
customers.""",
    "callbacks": """\
Where the server tells the host product what happens: the URLs of the settings, and endpoints that
are added here, which hear of any events. Each delivery is tried until it arrives or is given
up.""",
    "events": "The log: every change is an event in it, with who did it.",
    "accounts": """\
Team chat: people sign up and sign in, and have an access token for half an hour and a refresh token
for the next one. `Authorization: Bearer` shows the access token to every route of `/api`.""",
    "workspaces": """\
Whose members see each other and chat. `X-Workspace-Id` says which one a request means; without it
it is the caller's home.""",
    "live": """\
What happens in all chats of an account, in one stream: as server-sent events at
`GET /api/notifications/events` and, as the same objects, over `GET /ws?access_token=T` with an
upgrade. An object names itself in `event`. `NewChat`, `ChatUpdated`, `ChatDeleted`,
`UserJoinedChat`, `UserLeftChat`, `NewMessage`, `MessageUpdated`, `MessageDeleted`,
`ReactionChanged` and `PinChanged` are stored: a client that comes back shows the offset of the
last one, and misses none. `MessageRead`, `TypingStatus`, `UserPresence` and
`DuplicateMessageAttempted` are told to who is there. All of it is in `docs/team.md`.""",
    "files": """\
What is uploaded to a workspace, for its members alone. Whoever shows a file asks for it with the
header `Authorization` and shows what comes: no address of a file holds a token.""",
    "server": "What the server says of itself.",
    "websocket": """\
Users join at `GET /ws/rooms/{room_id}?user_id=U` with an upgrade; `nickname` is what others see,
`since` the `seq` to resume after, and `token` shows who it is with `ROOM_IDENTITY=token`. What is
refused before the upgrade gets its status and a problem body: 400, 401, 403, 404 or 503.

Frames are JSON texts `{"type": Name, "payload": {…}}`. The first one is `WelcomeInfo`. All users
send `SendMessage`, `Ping` and `LoadHistory`; admins also `KickUser`, `MuteUser`, `UnmuteUser` and
`CustomEvent`. The room gets `Message`, `System`, `MessageDeleted`, `UserMuted`, `CustomEvent`,
`UserJoined`, `UserLeft` and `RoomStats`. To one connection go `Ack`, `Pong`, `History`, `Error`,
`YouAreMuted` and `YouAreKicked`.

A `client_msg_id` asks for an `Ack` and makes a repeat safe: nothing is acknowledged before it is
committed. All frames, the resume and the close codes are in `docs/rooms.md`, section WebSocket.

Who only listens can have the same frames as server-sent events.""",
}
