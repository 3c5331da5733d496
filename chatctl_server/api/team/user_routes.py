"""Users of a workspace, and what concerns only oneself."""

from litestar import Controller, delete, get, patch, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, JSONBody

from chatctl_server import errors
from chatctl_server.actions import accounts as actions
from chatctl_server.actions import logins as login_actions
from chatctl_server.api import caller
from chatctl_server.api.context import GivenContext
from chatctl_server.api.parameters import AnyRequest
from chatctl_server.api.team import credentials
from chatctl_server.api.team.account_bodies import ChangePassword, UpdateMe
from chatctl_server.api.team.face import account_of
from chatctl_server.api.team.workspace_of import Asked, AskedWorkspace
from chatctl_server.domain import accounts as rules
from chatctl_server.domain import times
from chatctl_server.storage import accounts, logins, workspaces
from chatctl_server.storage.accounts import Profile
from chatctl_server.storage.sql import Database
from chatctl_server.views.team import accounts as views


class WorkspaceUsers(Controller):
    path = "/api/users"
    tags = ("accounts",)

    @get(
        "/",
        dependencies={"asked": Provide(AskedWorkspace, sync_to_thread=False)},
        summary="List the users of a workspace",
        response_description="The users, by their ids",
    )
    async def list_users(
        self, context: GivenContext, asked: NamedDependency[AskedWorkspace]
    ) -> list[views.User]:
        """Also those who are suspended."""
        membership = await asked.find()
        found = await context.store.read(accounts.profiles, membership.ref)
        there = context.account_streams
        return [views.user(each, there.status(each.account.id)) for each in found]

    @get(
        "/me",
        summary="Show oneself",
        response_description="The user whose token it is",
        opt={"never": (errors.NoWorkspace,)},
    )
    async def show_me(
        self, request: AnyRequest, context: GivenContext, workspace_id: Asked = None
    ) -> views.User:
        """`role` is that in the workspace that is asked, else in the home."""
        account = account_of(request.scope)
        found = await context.store.read_live(_profile, account, workspace_id)
        return views.user(found, context.account_streams.status(account))

    @patch(
        "/me",
        summary="Change one's name or picture",
        response_description="The user as it is now",
        opt={"refuses": (errors.BadText,)},
    )
    async def change_me(
        self, request: AnyRequest, context: GivenContext, data: JSONBody[UpdateMe]
    ) -> views.User:
        """What is left out stays; an `avatar` that is null is taken away."""
        account = account_of(request.scope)
        changes = actions.AccountChanges(fullname=data.fullname, avatar=data.avatar)
        actor = caller.of(request.scope).actor()
        await context.store.write(actions.change, actor, account, changes)
        found = await context.store.read_live(_profile, account, None)
        return views.user(found, context.account_streams.status(account))

    @post(
        "/me/password",
        status_code=204,
        summary="Change one's password",
        response_description="It is changed; the other sessions are over",
        opt={"refuses": (errors.BadText, errors.InvalidCredentials)},
    )
    async def change_password(
        self, request: AnyRequest, context: GivenContext, data: JSONBody[ChangePassword]
    ) -> None:
        """A `current_password` that is wrong counts as a sign-in that failed."""
        field = "new_password"
        rules.check_password(data.new_password, context.settings.password_min_bytes, field)
        who = caller.of(request.scope)
        me = await context.store.read_live(accounts.get, who.account)
        shown = await credentials.check_password(
            context, me.email or "", data.current_password, who.address
        )
        hashed = await context.passwords.hash(data.new_password, who.address)
        await context.store.write(
            actions.change_password, who.actor(), *shown, hashed, who.login_id
        )

    @get(
        "/me/sessions",
        summary="List one's sessions",
        response_description="Those that are not over, the oldest first",
    )
    async def list_sessions(
        self, request: AnyRequest, context: GivenContext
    ) -> list[views.LoginSession]:
        """Where one is signed in, and since when."""
        who = caller.of(request.scope)
        found = await context.store.read(logins.open_of, who.account, times.now())
        return [views.session(each, who.login_id) for each in found]

    @delete(
        "/me/sessions/{sid:str}",
        summary="End one of one's sessions",
        response_description="It is over, with its tokens and live streams",
        opt={"refuses": (errors.SessionNotFound,)},
    )
    async def end_session(
        self, request: AnyRequest, context: GivenContext, sid: FromPath[views.SessionId]
    ) -> None:
        """Also the one that asks."""
        who = caller.of(request.scope)
        await context.store.write(login_actions.end, who.actor(), who.account, sid)


def _profile(db: Database, account: int, number: int | None) -> Profile:
    if number is None:
        return accounts.profile(db, account, accounts.get(db, account).home)
    return accounts.profile(db, account, workspaces.find(db, account, number).ref.number)
