"""Accounts, as an operator manages them: every one, in whatever workspaces it is."""

from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from chatctl_server import errors
from chatctl_server.actions import account_erasures, account_status, managed_accounts
from chatctl_server.actions import accounts as account_actions
from chatctl_server.api import caller
from chatctl_server.api.bodies import Changed
from chatctl_server.api.context import Context, GivenContext
from chatctl_server.api.parameters import AnyRequest, Limit, page, storable
from chatctl_server.api.reach import (
    ADMIN_KEY,
    REACH,
    After,
    OnlyWorkspace,
    Reach,
    narrowed,
)
from chatctl_server.api.team.account_bodies import NewPassword
from chatctl_server.domain import accounts as rules
from chatctl_server.domain import times
from chatctl_server.domain.event_types import Role
from chatctl_server.storage import account_erasures as erasures
from chatctl_server.storage import accounts
from chatctl_server.storage import logins as stored_logins
from chatctl_server.storage.sql import Database
from chatctl_server.views import fields
from chatctl_server.views.fields import means
from chatctl_server.views.team import accounts as views
from chatctl_server.views.team import operator
from chatctl_server.views.team.fields import AccountId

T = TypeVar("T")
PAGE = 100  # messages of one transaction: others' come between them
RESET_SECONDS = 3600
Status = Annotated[
    Literal["active", "suspended", "erased", "Active", "Suspended"] | None,
    means("Only those that are so; erased ones are listed by this alone", "active"),
]
Text = Annotated[
    str | None,
    QueryParameter(name="q", max_length=255),
    means("Only those with this text in the name or the e-mail", "anna"),
]


class CreateAccount(msgspec.Struct, frozen=True):
    """Without a password nobody can sign in as it until a reset link is used."""

    fullname: views.Fullname
    email: views.Email
    password: NewPassword | None = None
    workspace: Annotated[int, means("The number of the workspace that it is put into", 0)] = 0
    role: Annotated[
        Role | None,
        means("Its role there; unless given `member`, or `owner` of an empty workspace"),
    ] = None


class ChangeAccount(msgspec.Struct, frozen=True):
    """What is left out stays."""

    fullname: views.Fullname | None = None
    email: views.Email | None = None
    status: (
        Annotated[
            Literal["active", "suspended", "Active", "Suspended"],
            means("`suspended` ends its sessions and its streams", "active"),
        ]
        | None
    ) = None
    operator: Annotated[bool, means("Whether it may manage the server", False)] | None = None


class GivePassword(msgspec.Struct, frozen=True):
    password: NewPassword


class EndedSessions(msgspec.Struct, frozen=True):
    changed: fields.IsChanged
    sessions: Annotated[int, means("How many have ended", 1)]


class TargetAccount:
    """The account that the path names, and who does something to it."""

    def __init__(
        self,
        request: AnyRequest,
        context: GivenContext,
        user_id: FromPath[AccountId],
    ) -> None:
        self.id = storable(user_id)
        self.actor = caller.of(request.scope).actor()
        self._context = context

    async def run(self, action: Callable[..., T], *arguments: Any) -> T:
        return await self._context.store.write(action, self.actor, self.id, *arguments)

    async def show(self, workspace: int | None = None) -> operator.ManagedAccount:
        """``workspace``: where alone it is looked for."""
        found = await self._context.store.read(_profile, self.id, workspace)
        return _shown(self._context, found)


Subject = NamedDependency[TargetAccount]
OF_AN_ACCOUNT = (errors.NotFound, errors.AccountNotFound)
ADMINS = {**ADMIN_KEY, "refuses": OF_AN_ACCOUNT}


class Accounts(Controller):
    path = "/management/users"
    tags = ("team-operator",)
    dependencies = {  # noqa: RUF012  never changed
        **REACH,
        "subject": Provide(TargetAccount, sync_to_thread=False),
    }

    @get(
        "/",
        summary="List accounts",
        response_description="The accounts, by their ids; the header `Link` has the next page",
        opt={"refuses": (errors.WorkspaceNotFound,)},
    )
    async def list_accounts(
        self,
        context: GivenContext,
        reach: Reach,
        workspace: OnlyWorkspace = None,
        text: Text = None,
        status: FromQuery[Status] = None,
        after: After = 0,
        limit: Limit = 100,
    ) -> Response[list[operator.ManagedAccount]]:
        """Of every workspace, or of one. `workspace_id` and `role` are those of the workspace that
        is asked, else of the home."""
        is_so = status and status.lower()
        wanted = accounts.AccountFilter(narrowed(reach, workspace), text, is_so)
        found = await context.store.read(accounts.find, wanted, after, limit + 1)
        shown = [_shown(context, each) for each in found]
        asked = {"workspace": workspace, "q": text, "status": status}
        return page(shown, limit, "/management/users", asked)

    @post(
        "/",
        summary="Create an account",
        response_description="The new account",
        opt={
            **ADMIN_KEY,
            "refuses": (errors.BadText, errors.EmailTaken, errors.WorkspaceNotFound),
        },
    )
    async def create_account(
        self, request: AnyRequest, context: GivenContext, data: JSONBody[CreateAccount]
    ) -> operator.ManagedAccount:
        """Also where `OPEN_SIGNUP` is false."""
        who = caller.of(request.scope)
        hashed = None
        if data.password is not None:
            rules.check_password(data.password, context.settings.password_min_bytes)
            hashed = await context.passwords.hash(data.password, who.address)
        wanted = managed_accounts.NewAccount(
            data.fullname, data.email, hashed, storable(data.workspace), data.role
        )
        made = await context.store.write(managed_accounts.create, who.actor(), wanted)
        return _shown(context, await context.store.read(_profile, made, None))

    @get(
        "/{user_id:int}",
        summary="Show an account",
        response_description="The account",
        opt={"refuses": OF_AN_ACCOUNT},
    )
    async def show_account(self, subject: Subject, reach: Reach) -> operator.ManagedAccount:
        """Also one that was erased, of which little is left."""
        return await subject.show(reach)

    @patch(
        "/{user_id:int}",
        summary="Change, suspend or reactivate an account",
        response_description="The account as it is now",
        opt={**ADMIN_KEY, "refuses": (*OF_AN_ACCOUNT, errors.BadText, errors.EmailTaken)},
    )
    async def change_account(
        self, context: GivenContext, subject: Subject, data: JSONBody[ChangeAccount]
    ) -> operator.ManagedAccount:
        """Who is suspended cannot sign in, and is shown out of all streams at once."""
        given = {"fullname": data.fullname, "email": data.email, "is_operator": data.operator}
        known: dict[str, Any] = {name: each for name, each in given.items() if each is not None}
        status = data.status and data.status.lower()
        changes, agents = account_actions.AccountChanges(**known), context.desk_agents.there()
        await subject.run(managed_accounts.change, changes, status, agents)
        return await subject.show()

    @delete(
        "/{user_id:int}",
        status_code=200,
        summary="Erase an account",
        response_description="What was erased; with `dry_run`, what would be",
        opt=ADMINS,
    )
    async def erase_account(
        self,
        context: GivenContext,
        subject: Subject,
        dry_run: FromQuery[fields.DryRun] = False,
    ) -> operator.Erasure:
        """For good: its name and e-mail leave tables and log, as do the texts of its messages in
        chats. It leaves its workspaces; what it owns passes to the oldest admin, else to whoever
        has been there longest. Backups keep it, and so does what others wrote of it. Where it ends
        early, a repeat erases the rest."""
        before, sessions = await context.store.read(_begin, subject.id, times.now())
        if not dry_run and before.changed:
            await subject.run(account_status.suspend, context.desk_agents.there())
        count, after = 0, before.first
        while after is not None:
            part = await context.store.read(erasures.messages, subject.id, after, PAGE)
            count += len(part.found)
            if part.found and not dry_run:
                erase = account_erasures.erase_messages
                await context.store.write(erase, subject.actor, part.found)
            after = part.reached
        if not dry_run:
            while await subject.run(account_erasures.erase_files):
                pass
            await subject.run(account_erasures.erase)
        is_changed = before.changed and not dry_run
        return operator.Erasure(is_changed, count, before.chats, before.workspaces, sessions)

    @post(
        "/{user_id:int}/password",
        status_code=200,
        summary="Give an account a password",
        response_description="It is set; its sessions are over",
        opt={**ADMIN_KEY, "refuses": (*OF_AN_ACCOUNT, errors.BadText)},
    )
    async def give_password(
        self, context: GivenContext, subject: Subject, data: JSONBody[GivePassword]
    ) -> Changed:
        """A reset link leaves the choice to whoever it is."""
        rules.check_password(data.password, context.settings.password_min_bytes)
        hashed = await context.passwords.hash(data.password, subject.actor.address or "")
        await subject.run(managed_accounts.set_password, hashed)
        return Changed(True)

    @post(
        "/{user_id:int}/reset-link",
        summary="Make a link with which somebody sets a password",
        response_description="The link, which is shown this once",
        opt=ADMINS,
    )
    async def make_reset_link(self, context: GivenContext, subject: Subject) -> operator.ResetLink:
        """Good once, for an hour; one that was made before is not good any more."""
        code = await subject.run(managed_accounts.make_reset_link, RESET_SECONDS)
        expires_at = times.now() + RESET_SECONDS * times.SECOND
        base = context.settings.public_url or context.address
        return operator.reset_link(code, expires_at, base)

    @get(
        "/{user_id:int}/sessions",
        summary="List the sessions of an account",
        response_description="Those that are not over, the oldest first",
        opt=ADMINS,
    )
    async def list_account_sessions(
        self, context: GivenContext, subject: Subject
    ) -> list[views.LoginSession]:
        """Where it is signed in, and since when."""
        found = await context.store.read(_sessions, subject.id, times.now())
        return [views.session(each, "") for each in found]

    @delete(
        "/{user_id:int}/sessions",
        status_code=200,
        summary="End all sessions of an account",
        response_description="How many have ended",
        opt=ADMINS,
    )
    async def end_account_sessions(self, subject: Subject) -> EndedSessions:
        """Their tokens count no more, and their live streams close."""
        ended = await subject.run(managed_accounts.end_sessions)
        return EndedSessions(bool(ended), len(ended))


class _Before(msgspec.Struct, frozen=True):
    """``first``: the message behind which an erasure begins; None: it is erased already."""

    changed: bool
    chats: int = 0
    workspaces: int = 0
    first: int | None = None


def _begin(db: Database, account: int, now: int) -> tuple[_Before, int]:
    if accounts.get(db, account).status == "erased":
        return _Before(False), 0
    chats = erasures.count_chats(db, account)
    found = _Before(True, chats, len(erasures.memberships(db, account)), 0)
    return found, len(stored_logins.open_of(db, account, now))


def _shown(context: Context, profile: accounts.Profile) -> operator.ManagedAccount:
    return operator.account(profile, context.account_streams.status(profile.account.id))


def _profile(db: Database, account: int, workspace: int | None) -> accounts.Profile:
    """To a key of a workspace nobody is there who is not in it."""
    home = accounts.get(db, account).home
    found = accounts.profile(db, account, home if workspace is None else workspace)
    if workspace is not None and found.role is None:
        raise errors.AccountNotFound(f"There is no user {account}", field="user_id")
    return found


def _sessions(db: Database, account: int, now: int) -> list[stored_logins.Login]:
    return stored_logins.open_of(db, accounts.get(db, account).id, now)
