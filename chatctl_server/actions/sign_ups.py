"""Sign-up: a new account, and the workspace that it comes into (contract team, 1)."""

import msgspec

from chatctl_server import errors
from chatctl_server.actions import accounts as account_actions
from chatctl_server.actions import invites as invite_actions
from chatctl_server.actions import logins, workspaces
from chatctl_server.domain import accounts as rules
from chatctl_server.domain import events
from chatctl_server.domain.event_types import Role
from chatctl_server.storage import accounts, invites
from chatctl_server.storage import workspaces as stored
from chatctl_server.storage.sql import Database
from chatctl_server.storage.transaction import Tx


class Registration(msgspec.Struct, frozen=True):
    """``is_open``: whether anybody may sign up (OPEN_SIGNUP). A name or an invite is not there
    where it is None; an invite decides before a name."""

    fullname: str
    email: str
    workspace: str | None
    invite_code: str | None
    is_open: bool


class Place(msgspec.Struct, frozen=True):
    """``ref``: None for a workspace that is to be made."""

    ref: stored.WorkspaceRef | None
    role: Role
    invite: invites.Invite | None = None


def check(db: Database, wanted: Registration, now: int) -> Place:
    """Where it leads to: asked before the password is hashed, and again by the action. Raises what
    the action raises."""
    rules.check_fullname(wanted.fullname)
    email = rules.check_email(wanted.email)
    place = _by_invite(db, wanted, now) if wanted.invite_code else _by_name(db, wanted)
    if accounts.by_email(db, email) is not None:
        raise errors.EmailTaken(f"User with email {email} already exists", field="email")
    return place


def _by_invite(db: Database, wanted: Registration, now: int) -> Place:
    invite = invite_actions.find(db, wanted.invite_code or "", now, "invite_code")
    invite_actions.check_email(invite, wanted.email.strip())
    return Place(invite.ref, invite.role, invite)


def _by_name(db: Database, wanted: Registration) -> Place:
    if not wanted.is_open:
        raise errors.InviteRequired("Sign-up is by invite (OPEN_SIGNUP)", field="invite_code")
    if wanted.workspace is None:
        found: stored.Workspace | None = stored.get(db, workspaces.DEFAULT)
    else:
        name = rules.check_workspace_name(wanted.workspace, "workspace")
        found = stored.by_name(db, name)
    if found is None:
        return Place(None, "owner")
    if not found.is_open:
        raise errors.InviteRequired(
            f"The workspace {found.name} takes members by invite", field="invite_code"
        )
    is_first = found.id == workspaces.DEFAULT and stored.is_empty(db, found.ref)
    return Place(found.ref, "owner" if is_first else "member")


def sign_up(
    tx: Tx, actor: events.Actor, wanted: Registration, password_hash: str, user_agent: str | None
) -> logins.IssuedTokens:
    """And the first sign-in. Raises InvalidInput, BadText, EmailTaken, InviteRequired, NotAllowed
    for an invite of somebody else, or CodeNotFound."""
    place = check(tx.db, wanted, tx.now)
    made = account_actions.create(tx, actor, wanted.fullname, wanted.email, password_hash)
    actor = msgspec.structs.replace(actor, user_id=rules.user_id(made.id))
    ref = place.ref
    if ref is None:
        ref = workspaces.create(tx, actor, wanted.workspace or "", is_open=True).ref
    if place.invite is not None:
        invite_actions.join(tx, actor, place.invite, made.id)
    else:
        workspaces.add_member(tx, actor, ref, made.id, place.role)
    return logins.start(tx, actor, made.id, password_hash, user_agent)
