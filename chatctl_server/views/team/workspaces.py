"""Workspaces and invites as the team API shows them."""

from typing import Annotated

import msgspec

from chatctl_server.domain import accounts, times
from chatctl_server.storage.invites import Invite
from chatctl_server.storage.workspaces import Workspace
from chatctl_server.views import fields
from chatctl_server.views.fields import means
from chatctl_server.views.team.accounts import RoleName, WorkspaceId
from chatctl_server.views.team.fields import CODE

Name = Annotated[str, means("1 to 100 characters; unique, whatever its case", "Acme")]
Description = Annotated[str, means("For people, at most 4,096 bytes", "Anvils and more")]
IsOpen = Annotated[bool, means("Whether who signs up may join it by its name", False)]
Code = Annotated[str, means("The invite's code, which is shown once", CODE)]
MaxUses = Annotated[int, means("How many may use it", 1)]
InviteEmail = Annotated[str | None, means("Whom alone it is for; null: whoever has it")]
InviteEnd = Annotated[str, means("When it ends", "2026-01-08T00:00:00.000000Z")]


class WorkspaceObject(msgspec.Struct, frozen=True):
    id: WorkspaceId
    name: Name
    description: Description
    owner_id: Annotated[int | None, means("Who has owned it longest; null: nobody does")]
    is_open: IsOpen
    created_at: fields.At
    updated_at: fields.At


class InviteObject(msgspec.Struct, frozen=True):
    """Without its code: that is shown once. ``id`` revokes it, as the code does."""

    id: Annotated[int, means("The invite's number; it revokes it, as its code does", 1)]
    role: RoleName
    email: InviteEmail
    max_uses: MaxUses
    uses: Annotated[int, means("How many have used it", 0)]
    created_by: Annotated[int | None, means("Who made it; null: the operator")]
    created_at: fields.At
    expires_at: InviteEnd


class MadeInvite(msgspec.Struct, frozen=True):
    code: Code
    url: Annotated[
        str, means("A link for people; what is behind # no server sees", f"/#invite={CODE}")
    ]
    expires_at: InviteEnd


def workspace(row: Workspace) -> WorkspaceObject:
    return WorkspaceObject(
        id=row.id,
        name=row.name,
        description=row.description,
        owner_id=row.owner,
        is_open=bool(row.is_open),
        created_at=times.rfc3339(row.created_at),
        updated_at=times.rfc3339(row.updated_at),
    )


def invite(row: Invite) -> InviteObject:
    return InviteObject(
        id=row.id,
        role=row.role,
        email=row.email,
        max_uses=row.max_uses,
        uses=row.uses,
        created_by=accounts.account_id(row.created_by or "") or None,
        created_at=times.rfc3339(row.created_at),
        expires_at=times.rfc3339(row.expires_at),
    )


def made_invite(code: str, row: Invite, base: str) -> MadeInvite:
    """``base``: where people reach the server."""
    return MadeInvite(code, f"{base.rstrip('/')}/#invite={code}", times.rfc3339(row.expires_at))
