"""What the routes of workspaces, their members and invites take."""

from typing import Annotated

import msgspec

from chatctl_server.views import fields
from chatctl_server.views.fields import means
from chatctl_server.views.team import accounts, workspaces

CodeOrNumber = Annotated[str, means("The invite's code, or its number", "1")]
WEEK = 7 * fields.DAY
LONGEST = 366 * fields.DAY


class CreateWorkspace(msgspec.Struct, frozen=True):
    name: workspaces.Name
    description: workspaces.Description | None = None


class ChangeWorkspace(msgspec.Struct, frozen=True):
    name: workspaces.Name | None = None
    description: workspaces.Description | None = None
    is_open: workspaces.IsOpen | None = None


class SetRole(msgspec.Struct, frozen=True):
    role: accounts.RoleName


class CreateInvite(msgspec.Struct, frozen=True):
    role: accounts.RoleName = "member"
    email: Annotated[str | None, means("Whom alone it is for")] = None
    expires_in: Annotated[
        int, means("Seconds until it ends, up to 366 days", WEEK, ge=1, le=LONGEST)
    ] = WEEK
    max_uses: Annotated[int, means("How many may use it, up to 10,000", 1, ge=1, le=10_000)] = 1


class AcceptInvite(msgspec.Struct, frozen=True):
    code: workspaces.Code


class AskRoomToken(msgspec.Struct, frozen=True):
    room_id: fields.RoomId


class RoomToken(msgspec.Struct, frozen=True):
    token: Annotated[str, means("For the room's WebSocket: `?token=…`", accounts.TOKEN)]
    user_id: Annotated[str, means("Who one is in the room", "u1")]
    expires_at: Annotated[str, means("When the token ends", "2026-01-01T01:00:00.000000Z")]
