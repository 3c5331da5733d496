"""Events of accounts, login sessions, workspaces and named keys.

None holds a secret. What names a person is in events of accounts alone, so that it can be taken
out of them (``log.redact_account``).
"""

from typing import ClassVar, Literal

from chatctl_server.domain.event_types import EventType, Payload, Role, audited, unaudited

SignOutReason = Literal["signed_out", "revoked", "reused", "password_changed", "suspended"]


class AccountEvent(Payload, frozen=True):
    account_id: int


class AccountCreated(AccountEvent, frozen=True):
    """``email`` is None where it was erased, and of a bot."""

    type: ClassVar[str] = "account.created"
    email: str | None
    fullname: str
    is_bot: bool = False


class AccountChanged(AccountEvent, frozen=True):
    """All that may change, as it is now. ``home``: a workspace, None for none."""

    type: ClassVar[str] = "account.changed"
    email: str | None
    fullname: str
    avatar: str | None
    home: int | None
    is_operator: bool


class AccountSuspended(AccountEvent, frozen=True):
    type: ClassVar[str] = "account.suspended"


class AccountReactivated(AccountEvent, frozen=True):
    type: ClassVar[str] = "account.reactivated"


class AccountErased(AccountEvent, frozen=True):
    """Nobody can sign in as it, and nothing names it any more."""

    type: ClassVar[str] = "account.erased"


class SignedIn(AccountEvent, frozen=True):
    type: ClassVar[str] = "account.signed_in"
    login_id: str


class SignedOut(AccountEvent, frozen=True):
    """These login sessions are over, and what was opened with their tokens."""

    type: ClassVar[str] = "account.signed_out"
    login_ids: tuple[str, ...]
    reason: SignOutReason


class PasswordChanged(AccountEvent, frozen=True):
    type: ClassVar[str] = "account.password_changed"


class ResetLinkMade(AccountEvent, frozen=True):
    type: ClassVar[str] = "account.reset_link_made"
    expires_at: int


class WorkspaceEvent(Payload, frozen=True):
    """Its scope is that of the workspace."""

    workspace_id: int


class WorkspaceCreated(WorkspaceEvent, frozen=True):
    type: ClassVar[str] = "workspace.created"
    name: str
    description: str
    is_open: bool


class WorkspaceChanged(WorkspaceEvent, frozen=True):
    type: ClassVar[str] = "workspace.changed"
    name: str
    description: str
    is_open: bool


class WorkspaceDeleted(WorkspaceEvent, frozen=True):
    """With all chats in it, which are closed, and all memberships."""

    type: ClassVar[str] = "workspace.deleted"


class WorkspaceMemberJoined(WorkspaceEvent, frozen=True):
    """``invite_id``: by which invite, if by one."""

    type: ClassVar[str] = "workspace.member_joined"
    account_id: int
    role: Role
    invite_id: int | None = None


class WorkspaceMemberLeft(WorkspaceEvent, frozen=True):
    type: ClassVar[str] = "workspace.member_left"
    account_id: int


class WorkspaceRoleChanged(WorkspaceEvent, frozen=True):
    type: ClassVar[str] = "workspace.role_changed"
    account_id: int
    role: Role


class InviteCreated(WorkspaceEvent, frozen=True):
    type: ClassVar[str] = "invite.created"
    invite_id: int
    role: Role
    max_uses: int
    expires_at: int


class InviteRevoked(WorkspaceEvent, frozen=True):
    type: ClassVar[str] = "invite.revoked"
    invite_id: int


class KeyCreated(Payload, frozen=True):
    type: ClassVar[str] = "key.created"
    key_id: str
    name: str
    scopes: tuple[str, ...]
    workspace_id: int | None
    expires_at: int | None


class KeyRotated(Payload, frozen=True):
    """The key before it opens until then; None: it does not open any more."""

    type: ClassVar[str] = "key.rotated"
    key_id: str
    old_until: int | None


class KeyRemoved(Payload, frozen=True):
    type: ClassVar[str] = "key.removed"
    key_id: str


class FileStored(WorkspaceEvent, frozen=True):
    """``hash``: the SHA-256 of its content, in hexadecimal. ``size`` in bytes."""

    type: ClassVar[str] = "file.stored"
    hash: str
    extension: str
    media_type: str
    size: int


class FileRemoved(WorkspaceEvent, frozen=True):
    """Nothing referred to it any more."""

    type: ClassVar[str] = "file.removed"
    hash: str
    extension: str


TYPES: tuple[EventType, ...] = (
    audited("state", AccountCreated, "* the account {account_id} was created: {fullname}"),
    audited("state", AccountChanged, "* the account {account_id} was changed: {fullname}"),
    audited("state", AccountSuspended, "* the account {account_id} was suspended"),
    audited("state", AccountReactivated, "* the account {account_id} may sign in again"),
    audited("state", AccountErased, "* the account {account_id} was erased"),
    unaudited("system", SignedIn, "* the account {account_id} signed in"),
    unaudited("system", SignedOut, "* the account {account_id} was signed out{because}"),
    audited("system", PasswordChanged, "* the account {account_id} has a new password"),
    audited("system", ResetLinkMade, "* the account {account_id} got a reset link{until}"),
    audited("state", WorkspaceCreated, "* the workspace {name} was created"),
    audited("state", WorkspaceChanged, "* the workspace is now called {name}"),
    audited("state", WorkspaceDeleted, "* the workspace {workspace_id} was deleted"),
    unaudited("state", WorkspaceMemberJoined, "* the account {account_id} is now a {role}"),
    unaudited("state", WorkspaceMemberLeft, "* the account {account_id} left the workspace"),
    audited("state", WorkspaceRoleChanged, "* the account {account_id} is now a {role}"),
    audited("system", InviteCreated, "* invite {invite_id} for a {role} was made{until}"),
    audited("system", InviteRevoked, "* invite {invite_id} was revoked"),
    audited("system", KeyCreated, "* the key {name} was made{until}: {scopes}"),
    audited("system", KeyRotated, "* the key {key_id} was rotated"),
    audited("system", KeyRemoved, "* the key {key_id} was removed"),
    unaudited("state", FileStored, "* a file of {size} bytes was stored ({media_type})"),
    unaudited("state", FileRemoved, "* a file that nothing referred to was removed"),
)
