"""What the events of accounts and workspaces do to their tables.

Logins, passwords, invites and keys are secrets, which no event has: their actions write them.
"""

from chatctl_server.domain import account_events, accounts, events
from chatctl_server.storage import file_projection
from chatctl_server.storage.sql import Database, Query

_ADD = Query("""INSERT INTO account (id, email, email_key, fullname, status, is_bot, is_operator,
        created_at, updated_at)
    VALUES (:account, :email, :email_key, :fullname, 'active', :is_bot, 0, :at, :at)""")
_CHANGE = Query("""UPDATE account SET email = :email, email_key = :email_key, fullname = :fullname,
        avatar = :avatar, home = :home, is_operator = :is_operator, updated_at = :at
    WHERE id = :account""")
_SET_STATUS = Query("UPDATE account SET status = :status, updated_at = :at WHERE id = :account")
_ERASE = Query("""UPDATE account SET email = NULL, email_key = NULL, fullname = '', avatar = NULL,
        home = NULL, is_operator = 0, status = 'erased', updated_at = :at
    WHERE id = :account""")
_ADD_WORKSPACE = Query("""INSERT INTO workspace
        (id, scope, name, name_key, description, is_open, created_at, updated_at, file_bytes)
    VALUES (:workspace, :scope, :name, :name_key, :description, :is_open, :at, :at, 0)""")
_CHANGE_WORKSPACE = Query("""UPDATE workspace SET name = :name, name_key = :name_key,
        description = :description, is_open = :is_open, updated_at = :at
    WHERE id = :workspace""")
_DELETE_WORKSPACE = Query("""UPDATE workspace SET name_key = NULL, deleted_at = :at,
        updated_at = :at
    WHERE id = :workspace""")
_EMPTY_WORKSPACE = Query("DELETE FROM workspace_member WHERE workspace = :workspace")
_ADD_MEMBER = Query("""INSERT INTO workspace_member (workspace, account, role, joined_at)
    VALUES (:workspace, :account, :role, :at)""")
_SET_HOME = Query("UPDATE account SET home = :workspace WHERE id = :account AND home IS NULL")
_SET_ROLE = Query("""UPDATE workspace_member SET role = :role
    WHERE workspace = :workspace AND account = :account""")
_REMOVE_MEMBER = Query(
    "DELETE FROM workspace_member WHERE workspace = :workspace AND account = :account"
)
_LEAVE_HOME = Query("""UPDATE account SET home = (SELECT workspace FROM workspace_member
        WHERE account = :account ORDER BY joined_at, workspace LIMIT 1)
    WHERE id = :account AND home = :workspace""")
_LEAVE_HOMES = Query("""UPDATE account SET home = (SELECT workspace FROM workspace_member
        WHERE account = account.id ORDER BY joined_at, workspace LIMIT 1)
    WHERE home = :workspace""")


def apply(db: Database, entry: events.Event) -> None:
    match entry.payload:
        case account_events.AccountEvent():
            _apply_to_account(db, entry, entry.payload)
        case account_events.FileStored() | account_events.FileRemoved():
            file_projection.apply(db, entry)
        case account_events.WorkspaceEvent():
            _apply_to_workspace(db, entry, entry.payload)


def _apply_to_account(
    db: Database, entry: events.Event, payload: account_events.AccountEvent
) -> None:
    account, at = payload.account_id, entry.at
    match payload:
        case account_events.AccountCreated(_, email, fullname, is_bot):
            _ADD.run(
                db,
                account=account,
                email=email,
                email_key=accounts.email_key(email),
                fullname=fullname,
                is_bot=int(is_bot),
                at=at,
            )
        case account_events.AccountChanged(_, email, fullname, avatar, home, is_operator):
            file_projection.release_avatar(db, account, at)
            _CHANGE.run(
                db,
                account=account,
                email=email,
                email_key=accounts.email_key(email),
                fullname=fullname,
                avatar=avatar,
                home=home,
                is_operator=int(is_operator),
                at=at,
            )
        case account_events.AccountSuspended():
            _SET_STATUS.run(db, status="suspended", account=account, at=at)
        case account_events.AccountReactivated():
            _SET_STATUS.run(db, status="active", account=account, at=at)
        case account_events.AccountErased():
            _ERASE.run(db, account=account, at=at)


def _apply_to_workspace(
    db: Database, entry: events.Event, payload: account_events.WorkspaceEvent
) -> None:
    workspace, at = payload.workspace_id, entry.at
    match payload:
        case account_events.WorkspaceCreated(_, name, description, is_open):
            _ADD_WORKSPACE.run(
                db,
                workspace=workspace,
                scope=entry.scope,
                name=name,
                name_key=name.casefold(),
                description=description,
                is_open=int(is_open),
                at=at,
            )
        case account_events.WorkspaceChanged(_, name, description, is_open):
            _CHANGE_WORKSPACE.run(
                db,
                workspace=workspace,
                name=name,
                name_key=name.casefold(),
                description=description,
                is_open=int(is_open),
                at=at,
            )
        case account_events.WorkspaceDeleted():
            _DELETE_WORKSPACE.run(db, workspace=workspace, at=at)
            _EMPTY_WORKSPACE.run(db, workspace=workspace)
            _LEAVE_HOMES.run(db, workspace=workspace)
        case _:
            _apply_to_member(db, entry, payload)


def _apply_to_member(
    db: Database, entry: events.Event, payload: account_events.WorkspaceEvent
) -> None:
    workspace = payload.workspace_id
    match payload:
        case account_events.WorkspaceMemberJoined(_, account, role):
            _ADD_MEMBER.run(db, workspace=workspace, account=account, role=role, at=entry.at)
            _SET_HOME.run(db, workspace=workspace, account=account)
        case account_events.WorkspaceMemberLeft(_, account):
            file_projection.release_avatar(db, account, entry.at)
            _REMOVE_MEMBER.run(db, workspace=workspace, account=account)
            _LEAVE_HOME.run(db, workspace=workspace, account=account)
        case account_events.WorkspaceRoleChanged(_, account, role):
            _SET_ROLE.run(db, workspace=workspace, account=account, role=role)
