"""Workspaces: made, changed, deleted; who is in them, and as what (contract team, 5).

An account may do what its role in the workspace lets it; an operator, who has none, may do
anything.
"""

from chatctl_server import errors
from chatctl_server.actions import (
    account_status,
    chats,
    conversations,
    participants,
    scopes,
    site_ends,
    support,
)
from chatctl_server.domain import account_events, accounts, events
from chatctl_server.domain.event_types import Role
from chatctl_server.domain.support import AGENT_ROLES
from chatctl_server.storage import chat_stays, sites, workspaces
from chatctl_server.storage.sql import Database
from chatctl_server.storage.transaction import Tx
from chatctl_server.storage.workspaces import Workspace, WorkspaceRef

DEFAULT = 0  # of those who name none; its first account owns it
CHATS_A_CALL = 500


def create(
    tx: Tx, actor: events.Actor, name: str, description: str = "", *, is_open: bool = False
) -> Workspace:
    """Without members. Raises InvalidInput, BadText, TooLarge, or NameTaken."""
    name = accounts.check_workspace_name(name)
    accounts.check_description(description)
    _check_free(tx, name, None)
    number = tx.take("workspace")
    scope = scopes.create(tx, actor, "workspace", number)
    payload = account_events.WorkspaceCreated(number, name, description, is_open)
    tx.record(payload, actor, scope=scope)
    return workspaces.get(tx.db, number)


def found(tx: Tx, actor: events.Actor, account: int, name: str, description: str = "") -> Workspace:
    """As ``create``; the account owns it."""
    made = create(tx, actor, name, description)
    add_member(tx, actor, made.ref, account, "owner")
    return workspaces.get(tx.db, made.id)


def change(
    tx: Tx,
    actor: events.Actor,
    ref: WorkspaceRef,
    name: str | None = None,
    description: str | None = None,
    is_open: bool | None = None,
) -> Workspace:
    """What is None stays. Raises NotAllowed, InvalidInput, BadText, TooLarge, or NameTaken."""
    check_role(tx.db, actor, ref, "owner", "admin")
    stored = workspaces.get(tx.db, ref.number)
    payload = account_events.WorkspaceChanged(
        ref.number,
        stored.name if name is None else accounts.check_workspace_name(name),
        stored.description if description is None else accounts.check_description(description),
        bool(stored.is_open) if is_open is None else is_open,
    )
    _check_free(tx, payload.name, ref.number)
    before = stored.name, stored.description, bool(stored.is_open)
    if (payload.name, payload.description, payload.is_open) == before:
        return stored
    tx.record(payload, actor, scope=ref.scope)
    return workspaces.get(tx.db, ref.number)


def _check_free(tx: Tx, name: str, number: int | None) -> None:
    """For that workspace, or for a new one."""
    known = workspaces.by_name(tx.db, name)
    if known is not None and known.id != number:
        raise errors.NameTaken(f"There is a workspace {name} already", field="name")


def delete(tx: Tx, actor: events.Actor, ref: WorkspaceRef, force: bool = False) -> bool:
    """With all chats in it, which are closed, and its sites, up to 500 conversations or a site a
    call: false when there are more. Raises NotAllowed, InvalidInput for workspace 0, or Conflict
    while others are in it."""
    check_role(tx.db, actor, ref, "owner")
    if ref.number == DEFAULT:
        raise errors.InvalidInput("Workspace 0 cannot be deleted", field="workspace_id")
    # A named key may be called like an account.
    oneself = accounts.account_id(actor.user_id or "") if actor.is_account else 0
    others = workspaces.count_others(tx.db, ref, oneself)
    if others and not force:
        raise errors.Conflict(
            f"Others are in the workspace: {others}", field="force", hint="force=true"
        )
    open_chats = chat_stays.open_of(tx.db, ref, CHATS_A_CALL)
    for each in open_chats:
        conversations.close(tx, actor, each)
    if len(open_chats) == CHATS_A_CALL:
        return False
    left = sites.every(tx.db, ref.number)
    if left:
        site_ends.end(tx, actor, left[0].ref)
        return False
    tx.record(account_events.WorkspaceDeleted(ref.number), actor, scope=ref.scope)
    return True


def add_member(
    tx: Tx,
    actor: events.Actor,
    ref: WorkspaceRef,
    account: int,
    role: Role,
    invite_id: int | None = None,
) -> events.Event | None:
    """None for somebody who is in it, in whatever role. The first one of an account is its home.
    Raises AccountNotFound, also of one that was erased, and WorkspaceNotFound."""
    account_status.check_there(tx, account)
    workspaces.get(tx.db, ref.number)
    if workspaces.role(tx.db, ref, account) is not None:
        return None
    payload = account_events.WorkspaceMemberJoined(ref.number, account, role, invite_id)
    return tx.record(payload, actor, scope=ref.scope)


def set_role(
    tx: Tx,
    actor: events.Actor,
    ref: WorkspaceRef,
    account: int,
    role: Role,
    agents: support.Agents = (),
) -> events.Event | None:
    """None when it is that already. An admin gives and takes what is below an admin. Who is no
    agent any more has no support conversations. Raises NotAllowed, AccountNotFound, or
    LastOwner."""
    acting = check_role(tx.db, actor, ref, "owner", "admin")
    present = _role_of(tx, ref, account)
    accounts.check_may_give(acting, present)
    accounts.check_may_give(acting, role)
    if present == role:
        return None
    if present == "owner":
        _check_other_owner(tx, ref, account)
    payload = account_events.WorkspaceRoleChanged(ref.number, account, role)
    changed = tx.record(payload, actor, scope=ref.scope)
    if role not in AGENT_ROLES:
        support.take_away(tx, account, ref.number, agents)
    return changed


def remove_member(
    tx: Tx, actor: events.Actor, ref: WorkspaceRef, account: int, agents: support.Agents = ()
) -> None:
    """Oneself, or somebody whose role one may give. Raises NotAllowed, AccountNotFound, or
    LastOwner."""
    present = _role_of(tx, ref, account)
    if accounts.user_id(account) != actor.user_id:
        acting = check_role(tx.db, actor, ref, "owner", "admin")
        accounts.check_may_give(acting, present)
    if present == "owner":
        _check_other_owner(tx, ref, account)
    leave_workspace(tx, actor, ref, account)
    support.take_away(tx, account, ref.number, agents)


def leave_workspace(tx: Tx, actor: events.Actor, ref: WorkspaceRef, account: int) -> None:
    """Also its chats: one that it owns passes to the oldest admin, else member, and is closed where
    nobody is left. Its home is then the workspace that it has been in longest."""
    user_id = accounts.user_id(account)
    for stay in chat_stays.of_user(tx.db, ref, user_id):
        participants.leave(tx, actor, stay.chat, user_id)
        if stay.heir is not None:
            chats.pass_on(tx, actor, stay.chat, stay.heir)
        elif stay.role == "owner":
            conversations.close(tx, actor, stay.chat)
    left = account_events.WorkspaceMemberLeft(ref.number, account)
    tx.record(left, actor, scope=ref.scope)


def check_role(db: Database, actor: events.Actor, ref: WorkspaceRef, *allowed: Role) -> Role:
    """The role in which somebody acts. Raises NotAllowed, or WorkspaceNotFound, also for who is not
    in it."""
    if not actor.is_account:
        workspaces.get(db, ref.number)
        return "owner"
    acting = workspaces.find(db, accounts.account_id(actor.user_id or ""), ref.number).role
    if acting not in allowed:
        needed = " or ".join(allowed)
        raise errors.NotAllowed(f"Only an {needed} of the workspace may do that")
    return acting


def _role_of(tx: Tx, ref: WorkspaceRef, account: int) -> Role:
    found_role = workspaces.role(tx.db, ref, account)
    if found_role is None:
        raise errors.AccountNotFound(f"There is no user {account}", field="user_id")
    return found_role


def _check_other_owner(tx: Tx, ref: WorkspaceRef, account: int) -> None:
    if not workspaces.has_other_owner(tx.db, ref, account):
        raise errors.LastOwner(
            f"User {account} is the last owner of the workspace: make another one first",
            field="user_id",
        )
