"""What the desk's connections are told of each committed event."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from chatctl_server import errors
from chatctl_server.actions import support as actions
from chatctl_server.api.context import Context
from chatctl_server.domain import (
    account_events,
    accounts,
    close_codes,
    envelopes,
    events,
    support_events,
)
from chatctl_server.domain.references import SupportRef
from chatctl_server.domain.support import AGENT_ROLES, Person
from chatctl_server.live import wire
from chatctl_server.views.support import envelopes as views
from chatctl_server.views.support import frames

if TYPE_CHECKING:
    from chatctl_server.api.support.connection import DeskConnection

ASSIGNING_STEPS = 10  # of what waits, for whoever comes
AGENTS, VISITORS = "desk.agents", "desk.visitors"  # views


def of_workspace(number: int) -> Hashable:
    """The channel of the agents who see all sites of a workspace."""
    return "desk", number


def of_site(scope: int) -> Hashable:
    """The channel of agents who see one site alone."""
    return "site", scope


def of_customer(customer: str) -> Hashable:
    return "customer", customer


def of_joined(conversation_id: str) -> Hashable:
    """The channel of signals to those who have a conversation open."""
    return "joined", conversation_id


class SupportBroadcaster:
    """``erasures`` counts them: a page that was read before one may hold what is gone."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._hub = context.hub
        self._connections: dict[DeskConnection, None] = {}
        # By whose they are: the id of an account, a key or a customer.
        self._by_person: dict[str, dict[DeskConnection, None]] = {}
        # Of customers with a connection: whose which conversation is.
        self._customers: dict[int, str] = {}
        self._conversations: dict[str, set[int]] = {}
        self._viewing: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.erasures = 0

    def publish(self, entry: events.Event) -> None:
        match entry.payload:
            case account_events.AccountEvent():
                self._of_account(entry.payload)
            case account_events.WorkspaceEvent():
                self._of_workspace(entry.payload)
            case account_events.KeyRemoved(key_id) | account_events.KeyRotated(key_id):
                self._end(key_id, close_codes.BAD_TOKEN)
            case support_events.SiteDeleted():  # which nobody knows any more
                self._end_visitors(entry.scope or 0)
        site = self._context.desk_sites.of_scope(entry.scope)
        if site is not None:
            self._of_site(entry, site.id, site.workspace)

    # Sites

    def _of_site(self, entry: events.Event, site_id: str, workspace: int) -> None:
        match entry.payload:
            case events.ConversationCreated(customer=str(customer)) if customer in self._by_person:
                self._remember(customer, entry.conversation or 0)
            case support_events.CustomerErased(customer):
                self._end(customer, close_codes.BAD_TOKEN)
            case events.BanSet(customer) if entry.conversation is None:
                self._end(customer, close_codes.BANNED)
            case events.MessageErased() as erased:
                self._take_back(entry, erased, site_id, workspace)
        self._tell(entry, site_id, workspace)

    def _tell(self, entry: events.Event, site_id: str, workspace: int) -> None:
        kind = envelopes.kind_of(entry.payload)
        if kind is None:
            return
        keys = self._channels(entry, workspace, is_private=kind.is_private)
        if keys:
            self._hub.publish(keys, entry.offset, self._shown(entry, site_id))

    def _channels(self, entry: events.Event, workspace: int, *, is_private: bool) -> list[Hashable]:
        """Those that somebody listens to."""
        keys = [of_workspace(workspace), of_site(entry.scope or 0)]
        customer = self._customers.get(entry.conversation or 0)
        if customer is not None and not is_private:
            keys.append(of_customer(customer))
        return [each for each in keys if self._hub.listens(each)]

    def _shown(self, entry: events.Event, site_id: str) -> dict[str, bytes]:
        made = views.of_event(entry, site_id)
        assert made is not None
        frame = wire.text_frame(made)
        return {AGENTS: frame, VISITORS: frame}

    def _take_back(
        self, entry: events.Event, erased: events.MessageErased, site_id: str, workspace: int
    ) -> None:
        """What was said is told to nobody any more: who has not been told it reads the rest."""
        self.erasures += 1
        keys = self._channels(entry, workspace, is_private=False)
        for offset in (erased.posted_offset, *erased.edited_offsets):
            self._hub.revise(keys, offset, {})

    # Accounts

    def _of_account(self, payload: account_events.AccountEvent) -> None:
        match payload:
            case account_events.SignedOut(account, login_ids):
                for each in self._of(accounts.user_id(account)):
                    if each.login_id in login_ids:
                        each.subscriber.finish(close_codes.BAD_TOKEN, overtaking=True)
            case account_events.AccountSuspended(account) | account_events.AccountErased(account):
                self._end(accounts.user_id(account), close_codes.BAD_TOKEN)

    def _of_workspace(self, payload: account_events.WorkspaceEvent) -> None:
        match payload:
            case account_events.WorkspaceMemberJoined(
                workspace, account, role
            ) | account_events.WorkspaceRoleChanged(workspace, account, role):
                self._set_role(account, workspace, role)
            case account_events.WorkspaceMemberLeft(workspace, account):
                self._set_role(account, workspace, None)
            case account_events.WorkspaceDeleted(workspace):
                for each in list(self._connections):
                    self._end_workspace(each, workspace)

    def _end_workspace(self, connection: "DeskConnection", workspace: int) -> None:
        """An account may be an agent elsewhere, a key is of one workspace."""
        who = connection.person
        if connection.account:
            self._exit(connection, workspace)
        elif who is not None and workspace in who.roles:
            connection.subscriber.finish(close_codes.BAD_TOKEN, overtaking=True)

    def _of(self, person: str) -> "list[DeskConnection]":
        return list(self._by_person.get(person, ()))

    def _set_role(self, account: int, workspace: int, role: events.Role | None) -> None:
        for each in self._of(accounts.user_id(account)):
            if role in AGENT_ROLES:
                self._enter(each, workspace, role)
            else:
                self._exit(each, workspace)

    def _enter(self, connection: "DeskConnection", workspace: int, role: events.Role) -> None:
        connection.set_role(workspace, role)
        self._hub.add(of_workspace(workspace), connection.subscriber, AGENTS)

    def _exit(self, connection: "DeskConnection", workspace: int) -> None:
        """Also what it has open there: it joins again what it still sees."""
        if connection.set_role(workspace, None):
            self._hub.leave(of_workspace(workspace), connection.subscriber)
            for each in list(connection.joined):
                self.leave(connection, each)

    def _end_visitors(self, scope: int) -> None:
        """Behind the end of their conversations."""
        for each in list(self._connections):
            if each.person is not None and each.person.only_site == scope:
                each.subscriber.finish(close_codes.BAD_TOKEN)

    def _end(self, person: str, code: int) -> None:
        for each in self._of(person):
            each.subscriber.finish(code, overtaking=True)

    # Connections

    def come(
        self, connection: "DeskConnection", who: Person, conversations: Iterable[SupportRef]
    ) -> None:
        """It listens from what is published now on."""
        self._connections[connection] = None
        self._by_person.setdefault(who.id, {})[connection] = None
        if who.customer is not None:
            for each in conversations:
                self._remember(who.customer, each.id)
            keys = {of_customer(who.customer): VISITORS}
        elif who.only_site is not None:
            keys = {of_site(who.only_site): AGENTS}
        else:
            keys = {of_workspace(each): AGENTS for each in who.roles}
        self._hub.join_many(keys, connection.subscriber, self._hub.published)
        if connection.account:
            self._arrive(who)

    def go(self, connection: "DeskConnection") -> None:
        who = connection.person
        assert who is not None
        del self._connections[connection]
        for each in list(connection.joined):
            self.leave(connection, each)
        self._hub.leave_all(connection.subscriber)
        del self._by_person[who.id][connection]
        if not self._by_person[who.id]:
            del self._by_person[who.id]
            for conversation in self._conversations.pop(who.id, ()):
                del self._customers[conversation]
        if connection.account:
            agent = accounts.user_id(connection.account)
            self._context.desk_agents.go(agent, asyncio.get_running_loop().time())

    def _remember(self, customer: str, conversation: int) -> None:
        self._customers[conversation] = customer
        self._conversations.setdefault(customer, set()).add(conversation)

    def _arrive(self, who: Person) -> None:
        agents = self._context.desk_agents
        if agents.come(who.id) and not self._context.serving.is_stopping:
            for workspace in who.roles:
                self._assign_queued(workspace, ASSIGNING_STEPS)

    def _assign_queued(self, workspace: int, steps: int) -> None:
        """What is not assigned, also where the server has too much to do, waits for the next who
        comes."""

        def go_on(assigned: object) -> None:
            if assigned == actions.A_STEP and steps > 1:
                self._assign_queued(workspace, steps - 1)

        arguments = workspace, self._context.desk_agents.there()
        with suppress(errors.ChatctlError):
            self._context.store.submit(actions.assign_queued, arguments, go_on)

    # What somebody has open

    def join(self, connection: "DeskConnection", conversation_id: str) -> list[str]:
        """The agents who have it open, for an agent."""
        subscriber, who = connection.subscriber, connection.person
        assert who is not None
        self._hub.add(of_joined(conversation_id), subscriber, subscriber.view)
        if who.is_visitor:
            return []
        if conversation_id not in connection.joined:
            self._viewing[conversation_id][who.id] += 1
            self._tell_viewing(conversation_id)
        return list(self._viewing[conversation_id])

    def leave(self, connection: "DeskConnection", conversation_id: str) -> None:
        was_open = conversation_id in connection.joined
        connection.joined -= {conversation_id}
        self._hub.leave(of_joined(conversation_id), connection.subscriber)
        who = connection.person
        if who is None or who.is_visitor or not was_open:
            return
        viewing = self._viewing[conversation_id]
        viewing[who.id] -= 1
        if not viewing[who.id]:
            del viewing[who.id]
        if not viewing:
            del self._viewing[conversation_id]
        self._tell_viewing(conversation_id)

    def _tell_viewing(self, conversation_id: str) -> None:
        key = of_joined(conversation_id)
        if self._hub.listens(key):
            user_ids = list(self._viewing.get(conversation_id, ()))
            told = wire.text_frame(frames.viewing(conversation_id, user_ids))
            self._hub.signal(key, {AGENTS: told})

    def signal(self, connection: "DeskConnection", conversation_id: str, told: bytes) -> None:
        """To the others who have it open."""
        frame = wire.text_frame(told)
        self._hub.signal(
            of_joined(conversation_id),
            {AGENTS: frame, VISITORS: frame},
            but=connection.subscriber.owner,
        )

    def skip(self, entry: events.Event) -> None:
        """Those of the site's workspace come back and read what they missed."""
        site = self._context.desk_sites.of_scope(entry.scope)
        if site is None:
            return
        for each in list(self._connections):
            if each.person is not None and site.workspace in each.person.roles:
                each.subscriber.finish(close_codes.TRY_LATER)

    def stop(self) -> None:
        for each in list(self._connections):
            each.subscriber.finish(close_codes.RESTART)
