"""Invites into a workspace: made, used, revoked (contract team, 5). Only the hash of a code is
kept: who made the invite is shown the code once."""

from typing import NamedTuple

from chatctl_server import errors
from chatctl_server.actions import workspaces
from chatctl_server.domain import account_events, accounts, codes, events
from chatctl_server.domain.event_types import Role
from chatctl_server.domain.times import SECOND
from chatctl_server.storage import accounts as stored
from chatctl_server.storage import invites
from chatctl_server.storage.invites import Invite
from chatctl_server.storage.sql import Database
from chatctl_server.storage.transaction import Tx
from chatctl_server.storage.workspaces import WorkspaceRef


class Made(NamedTuple):
    code: str
    invite: Invite


def create(
    tx: Tx,
    actor: events.Actor,
    ref: WorkspaceRef,
    role: Role,
    email: str | None,
    expires_in: int,
    max_uses: int,
) -> Made:
    """``expires_in`` in seconds. Raises NotAllowed, also for a role that the actor may not give,
    and InvalidInput or BadText for an e-mail that is none."""
    acting = workspaces.check_role(tx.db, actor, ref, "owner", "admin")
    accounts.check_may_give(acting, role)
    code = codes.new()
    invite = Invite(
        id=tx.take("invite"),
        workspace=ref.number,
        scope=ref.scope,
        role=role,
        email=None if email is None else accounts.check_email(email),
        max_uses=max_uses,
        uses=0,
        created_by=actor.user_id,
        created_at=tx.now,
        expires_at=tx.now + expires_in * SECOND,
    )
    invites.add(tx.db, invite, codes.hashed(code))
    payload = account_events.InviteCreated(ref.number, invite.id, role, max_uses, invite.expires_at)
    tx.record(payload, actor, scope=ref.scope)
    return Made(code, invite)


def find(db: Database, code: str, now: int, field: str = "code") -> Invite:
    """Raises CodeNotFound for one that is unknown, used up, revoked or over."""
    found = invites.by_code(db, codes.hashed(code), now)
    if found is None:
        raise errors.CodeNotFound(
            "The invite is unknown, or does not count any more: ask for another", field=field
        )
    return found


def check_email(invite: Invite, email: str | None) -> None:
    """Raises NotAllowed for somebody whom it is not for."""
    if invite.email is not None and accounts.email_key(email) != accounts.email_key(invite.email):
        raise errors.NotAllowed("The invite is for another e-mail", field="email")


def accept(tx: Tx, actor: events.Actor, account: int, code: str) -> WorkspaceRef:
    """Who is a member already uses nothing up. Raises CodeNotFound or NotAllowed."""
    invite = find(tx.db, code, tx.now)
    check_email(invite, stored.get(tx.db, account).email)
    join(tx, actor, invite, account)
    return invite.ref


def join(tx: Tx, actor: events.Actor, invite: Invite, account: int) -> None:
    joined = workspaces.add_member(tx, actor, invite.ref, account, invite.role, invite.id)
    if joined is not None:
        invites.count_use(tx.db, invite)


def counting(db: Database, actor: events.Actor, ref: WorkspaceRef, now: int) -> list[Invite]:
    """Those that still count. Raises NotAllowed."""
    workspaces.check_role(db, actor, ref, "owner", "admin")
    return invites.open_of(db, ref, now)


def revoke(tx: Tx, actor: events.Actor, ref: WorkspaceRef, code: str) -> None:
    """By the code, or by the invite's number. Raises NotAllowed or CodeNotFound."""
    workspaces.check_role(tx.db, actor, ref, "owner", "admin")
    hashed = codes.hashed(code)
    by_code = invites.by_code(tx.db, hashed, tx.now)
    for each in invites.open_of(tx.db, ref, tx.now):
        if str(each.id) == code or (by_code is not None and each.id == by_code.id):
            invites.revoke(tx.db, each, tx.now)
            payload = account_events.InviteRevoked(ref.number, each.id)
            tx.record(payload, actor, scope=ref.scope)
            return
    raise errors.CodeNotFound("The workspace has no such invite, or not any more", field="code")
