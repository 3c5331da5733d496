"""The workspace that a path names, and what is done with it. Who may, the actions decide."""

from collections.abc import Callable
from typing import Any, TypeVar

from chatctl_server.actions import invites as invite_actions
from chatctl_server.actions import workspaces as actions
from chatctl_server.api.context import Context
from chatctl_server.api.parameters import storable
from chatctl_server.api.team.workspace_bodies import ChangeWorkspace, CreateInvite
from chatctl_server.domain import events, times
from chatctl_server.domain.event_types import Role
from chatctl_server.storage import accounts, workspaces
from chatctl_server.storage.sql import Database
from chatctl_server.storage.workspaces import WorkspaceRef
from chatctl_server.views.team import accounts as account_views
from chatctl_server.views.team import workspaces as views

T = TypeVar("T")


class TargetWorkspace:
    """``find`` raises WorkspaceNotFound where the caller does not reach it."""

    def __init__(
        self, context: Context, actor: events.Actor, find: Callable[[Database], WorkspaceRef]
    ) -> None:
        self._context = context
        self._actor = actor
        self._find = find

    async def run(self, action: Callable[..., T], *arguments: Any) -> T:
        store = self._context.store
        return await store.write(action, self._actor, await store.read_live(self._find), *arguments)

    async def _read(self, query: Callable[[Database, WorkspaceRef], T]) -> T:
        return await self._context.store.read_live(lambda db: query(db, self._find(db)))

    async def show(self) -> views.WorkspaceObject:
        return views.workspace(await self._read(lambda db, ref: workspaces.get(db, ref.number)))

    async def change(self, data: ChangeWorkspace) -> views.WorkspaceObject:
        arguments = data.name, data.description, data.is_open
        return views.workspace(await self.run(actions.change, *arguments))

    async def delete(self, force: bool) -> None:
        while not await self.run(actions.delete, force):
            pass

    async def members(self) -> list[account_views.User]:
        return [self._user(each) for each in await self._read(accounts.profiles)]

    async def member(self, account: int) -> account_views.User:
        profile = accounts.profile
        return self._user(await self._read(lambda db, ref: profile(db, account, ref.number)))

    async def set_role(self, user_id: int, role: Role) -> account_views.User:
        account = storable(user_id)
        await self.run(actions.set_role, account, role, self._context.desk_agents.there())
        return await self.member(account)

    async def remove(self, user_id: int) -> None:
        agents = self._context.desk_agents.there()
        await self.run(actions.remove_member, storable(user_id), agents)

    async def invite(self, data: CreateInvite | None) -> views.MadeInvite:
        wanted = data or CreateInvite()
        arguments = wanted.role, wanted.email, wanted.expires_in, wanted.max_uses
        code, invite = await self.run(invite_actions.create, *arguments)
        base = self._context.settings.public_url or self._context.address
        return views.made_invite(code, invite, base)

    async def invites(self) -> list[views.InviteObject]:
        counting, actor, now = invite_actions.counting, self._actor, times.now()
        found = await self._read(lambda db, ref: counting(db, actor, ref, now))
        return [views.invite(each) for each in found]

    async def revoke(self, code: str) -> None:
        await self.run(invite_actions.revoke, code)

    def _user(self, profile: accounts.Profile) -> account_views.User:
        there = self._context.account_streams
        return account_views.user(profile, there.status(profile.account.id))
