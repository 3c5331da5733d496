"""Support conversations: opened, closed, snoozed, assigned, labelled, rated (contract support, 1).

Each asks in its transaction whether whoever does it may: an agent by the role in the site's
workspace, a visitor in their own conversations. What would change nothing records nothing.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from chatctl_server import errors
from chatctl_server.actions import stored_files
from chatctl_server.domain import accounts, events, support, support_events
from chatctl_server.domain.event_types import Role
from chatctl_server.domain.references import SupportRef
from chatctl_server.domain.support import Person, Status
from chatctl_server.domain.times import SECOND
from chatctl_server.storage import customers, desk_people, sites, support_messages
from chatctl_server.storage import support_conversations as stored
from chatctl_server.storage.sites import SiteRef
from chatctl_server.storage.sql import Database
from chatctl_server.storage.stored_files import StoredFile
from chatctl_server.storage.support_conversations import SupportConversation
from chatctl_server.storage.transaction import Tx

A_DAY = 24 * 3600 * SECOND
A_STEP = 20  # conversations that one call assigns, or wakes
Agents = Sequence[str]
"""Those who are there, for sites that assign conversations by themselves."""


class OpenedConversation(NamedTuple):
    found: SupportConversation
    is_new: bool


class UploadedFile(NamedTuple):
    """``name``: what its sender calls it."""

    file: StoredFile
    name: str


def open_conversation(
    tx: Tx, actor: events.Actor, who: Person, site: SiteRef, customer: str, agents: Agents = ()
) -> OpenedConversation:
    """By an agent always a new one; by a visitor who has one that is not closed, that one. Raises
    CustomerNotFound, or Banned."""
    customers.get(tx.db, site, customer)
    if who.is_visitor:
        check_unblocked(tx, site, customer)
        present = stored.open_of_customer(tx.db, customer, site.scope)
        if present is not None:
            return OpenedConversation(present, is_new=False)
    ref = SupportRef(tx.take("conversation"), site.scope)
    payload = events.ConversationCreated(
        kind="support",
        public_id=support.new_id("conv"),
        name="",
        admins=(),
        created_by=who.id,
        customer=customer,
    )
    tx.record(payload, actor, ref)
    tx.record(events.ParticipantJoined(customer, "member"), actor, ref)
    RoundRobin(tx, agents).assign(ref)
    return OpenedConversation(stored.get(tx.db, ref), is_new=True)


def check_unblocked(tx: Tx, site: SiteRef, customer: str) -> None:
    """Raises Banned."""
    if sites.is_blocked(tx.db, site, customer, tx.now):
        raise errors.Banned("You are blocked on this site", field="customer_id")


def acting(
    db: Database, actor: events.Actor, who: Person, ref: SupportRef
) -> tuple[SupportConversation, Role | None]:
    """The conversation, and in what role somebody acts in it: None for its visitor. Raises
    ConversationNotFound for who may not see it."""
    found = stored.get(db, ref)
    if who.is_visitor:
        role: Role | None = None
        is_seen = found.customer == who.customer and not customers.is_erased(db, who.customer)
    else:
        role = who.roles.get(found.workspace)
        if actor.is_account:
            role = desk_people.role(db, found.workspace, accounts.account_id(actor.user_id or ""))
        is_seen = role in support.AGENT_ROLES
    if not is_seen:
        raise errors.ConversationNotFound("There is no such conversation")
    return found, role


def _for_agents(
    tx: Tx, actor: events.Actor, who: Person, ref: SupportRef, what: str
) -> SupportConversation:
    found, role = acting(tx.db, actor, who, ref)
    if role is None:
        raise errors.NotAllowed(f"Only agents {what}")
    return found


def set_status(
    tx: Tx,
    actor: events.Actor,
    who: Person,
    ref: SupportRef,
    status: Status,
    until: int | None = None,
    agents: Agents = (),
) -> SupportConversation:
    """``until``, in microseconds, is for ``snoozed``. Raises NotAllowed, InvalidTransition, or
    InvalidInput."""
    found, role = acting(tx.db, actor, who, ref)
    if role is None and status != "closed":
        raise errors.NotAllowed("A visitor may close the conversation; a message reopens it")
    if until is not None and status != "snoozed":
        raise errors.InvalidInput("until is for snoozed alone", field="until")
    support.check_transition(found.status, status)
    match status:
        case "closed":
            tx.record(support_events.Closed(found.public_id), actor, ref)
        case "open":
            reopen(tx, actor, found, agents)
        case "snoozed":
            until = support.check_until(until, tx.now)
            tx.record(support_events.Snoozed(found.public_id, until), actor, ref)
    return stored.get(tx.db, ref)


def reopen(tx: Tx, actor: events.Actor, found: SupportConversation, agents: Agents = ()) -> None:
    """Of one that is closed or snoozed."""
    tx.record(support_events.Reopened(found.public_id), actor, found.ref)
    RoundRobin(tx, agents).assign(found.ref)


def wake_due(tx: Tx, agents: Agents = ()) -> int:
    """Those that were snoozed until now are open again; how many, 20 at most."""
    due = stored.due(tx.db, tx.now, A_STEP)
    turns = RoundRobin(tx, agents)
    for ref in due:
        found = stored.get(tx.db, ref)
        tx.record(support_events.Reopened(found.public_id), events.SERVER, ref)
        turns.assign(ref)
    return len(due)


# Whose it is


def assign(
    tx: Tx,
    actor: events.Actor,
    who: Person,
    ref: SupportRef,
    assignee: str | None,
    field: str = "assignee_id",
) -> SupportConversation:
    """To an agent of the site's workspace, or None: back to the queue. Raises NotAllowed, or
    InvalidInput, which names the field."""
    found = _for_agents(tx, actor, who, ref, "assign conversations")
    agent = accounts.account_id(assignee or "")
    if assignee is not None and desk_people.role(tx.db, found.workspace, agent) is None:
        raise errors.InvalidInput(
            f"{field} {assignee[:40]!r} is no agent of the workspace; as in u12", field=field
        )
    if assignee != found.assignee:
        tx.record(support_events.Assigned(found.public_id, assignee), actor, ref)
    return stored.get(tx.db, ref)


class RoundRobin:
    """On sites that assign by themselves: to one of those who are there, who has the least; of
    several, who got one longest ago. With nobody there it is in the queue. For one call: what it
    has read of a workspace it keeps up to date itself."""

    def __init__(self, tx: Tx, agents: Agents) -> None:
        self._tx = tx
        self._agents = agents
        self._loads: dict[int, dict[str, int]] = {}  # of who is there, by workspace
        self._last: dict[int, dict[str, int]] = {}  # the offset at which they got one

    def assign(self, ref: SupportRef) -> bool:
        """Whose it is already, and is there, it stays; on other sites it stays whose it is, unless
        they are no agent any more. Whether it changes hands."""
        found = stored.get(self._tx.db, ref)
        site = sites.of_scope(self._tx.db, ref.scope)
        if site is None or site.settings.assignment != "round_robin":
            agent = self._holder(found)
        elif found.assignee in self._loads_of(found.workspace):
            return False
        else:
            agent = self._next(found.workspace)
        if agent == found.assignee:
            return False
        payload = support_events.Assigned(found.public_id, agent)
        entry = self._tx.record(payload, events.SERVER, ref)
        if agent is not None:
            self._loads[found.workspace][agent] += 1
            if found.workspace in self._last:
                self._last[found.workspace][agent] = entry.offset
        return True

    def _holder(self, found: stored.SupportConversation) -> str | None:
        if found.assignee is None:
            return None
        return next(iter(desk_people.among(self._tx.db, found.workspace, (found.assignee,))), None)

    def _loads_of(self, workspace: int) -> dict[str, int]:
        if workspace not in self._loads:
            there = desk_people.among(self._tx.db, workspace, self._agents)
            self._loads[workspace] = stored.loads(self._tx.db, there)
        return self._loads[workspace]

    def _next(self, workspace: int) -> str | None:
        loads = self._loads[workspace]
        least = min(loads.values(), default=0)
        idle = [each for each, load in loads.items() if load == least]
        if len(idle) < 2:
            return idle[0] if idle else None
        if workspace not in self._last:
            self._last[workspace] = stored.last_assigned(self._tx.db, workspace)
        last = self._last[workspace]
        return min(idle, key=lambda each: last.get(each, 0))


def assign_queued(tx: Tx, workspace: int, agents: Agents) -> int:
    """What waits for somebody to come, the longest first; how many, 20 at most."""
    queued = stored.queued(tx.db, workspace, A_STEP) if agents else []
    turns = RoundRobin(tx, agents)
    return sum(turns.assign(ref) for ref in queued)


def release(tx: Tx, agent: str, agents: Agents) -> int:
    """Of an agent who went away, and is none of ``agents``: what is not closed goes to those who
    are there, or to the queue; how many, 20 at most."""
    turns = RoundRobin(tx, agents)
    return sum(turns.assign(ref) for ref in stored.assigned_to(tx.db, agent, A_STEP))


def take_away(tx: Tx, account: int, workspace: int | None, agents: Agents) -> None:
    """From who is no agent of the workspace any more, None: of none: what is not closed is in the
    queue, or goes to those who are there."""
    turns = RoundRobin(tx, agents)
    for ref in stored.held(tx.db, accounts.user_id(account), workspace):
        turns.assign(ref)


# What is said of it


def label(
    tx: Tx,
    actor: events.Actor,
    who: Person,
    ref: SupportRef,
    labels: Sequence[str] | None = None,
    priority: str | None = None,
) -> SupportConversation:
    """What is None stays. Raises NotAllowed, InvalidInput or BadText."""
    found = _for_agents(tx, actor, who, ref, "label conversations")
    before = msgspec.json.decode(found.labels, type=tuple[str, ...]), found.priority
    after = (
        before[0] if labels is None else support.check_labels(labels),
        before[1] if priority is None else support.check_priority(priority),
    )
    if after != before:
        tx.record(support_events.Labelled(found.public_id, *after), actor, ref)
    return stored.get(tx.db, ref)


def rate(
    tx: Tx, actor: events.Actor, who: Person, ref: SupportRef, score: int, comment: str = ""
) -> SupportConversation:
    """By the customer, once for each closing. Raises NotAllowed, InvalidInput, or Conflict."""
    support.check_rating(score, comment)
    found, role = acting(tx.db, actor, who, ref)
    if role is not None:
        raise errors.NotAllowed("Only the customer rates a conversation")
    if found.closed_offset is None:
        raise errors.Conflict(
            "The conversation is open: it is rated when it was closed"
            if found.status != "closed"
            else "The conversation was rated already"
        )
    payload = support_events.Rated(found.public_id, found.closed_offset, score, comment)
    tx.record(payload, actor, ref)
    return stored.get(tx.db, ref)


def add_files(
    tx: Tx,
    actor: events.Actor,
    who: Person,
    ref: SupportRef,
    uploaded: Sequence[UploadedFile],
    most_bytes: int = 0,
) -> None:
    """Of one conversation, with the limit of a visitor's day; ``most_bytes``: of all the
    workspace's files, 0 for any number. Raises ConversationNotFound, Banned or TooLarge."""
    found, role = acting(tx.db, actor, who, ref)
    if role is None:
        check_unblocked(tx, SiteRef(found.site, ref.scope, found.workspace), who.id)
        before = support_messages.sent_bytes(tx.db, who.id, tx.now - A_DAY)
        size = before + sum(each.file.size for each in uploaded)
        if size > support.VISITOR_BYTES_A_DAY:
            raise errors.TooLarge(
                f"A visitor may send {support.VISITOR_BYTES_A_DAY} bytes of files a day",
                field="body",
            )
    for file, name in uploaded:
        stored_files.store(tx, actor, [file], most_bytes)
        payload = support_events.FileAttached(
            found.public_id,
            file.name.hash,
            file.name.extension,
            name,
            file.media_type,
            file.size,
            who.id,
        )
        tx.record(payload, actor, ref)
