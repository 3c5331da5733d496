"""``chatctl db seed --demo``: the rooms, the team and the support desk of ``demo.json``, as they
look after two days."""

from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from chatctl_server import errors
from chatctl_server.actions import (
    accounts,
    chats,
    conversations,
    customers,
    messages,
    moderation,
    sessions,
    sites,
    support,
    support_messages,
    workspaces,
)
from chatctl_server.domain import events
from chatctl_server.domain.accounts import account_id, user_id
from chatctl_server.domain.event_types import Role
from chatctl_server.domain.references import RoomRef
from chatctl_server.domain.support import Person, Status
from chatctl_server.domain.support_events import Priority, SiteSettings
from chatctl_server.domain.times import SECOND
from chatctl_server.storage import engine, log
from chatctl_server.storage import workspaces as stored_workspaces
from chatctl_server.storage.sites import SiteRef
from chatctl_server.storage.transaction import Tx
from chatctl_server.storage.writer import Call, Writer

HOST = events.Actor(None, "demo")
MINUTE = 60 * SECOND
# The newest line is minutes old and the oldest one days, whenever one tries this.
AGE = 2 * 24 * 60 * MINUTE
DESK_AGE = 3 * 60 * MINUTE  # customers wait for hours at most


class Seeded(msgspec.Struct, frozen=True):
    database: str
    rooms: int
    messages: int
    users: int
    bans: int
    accounts: int
    chats: int
    conversations: int
    changed: bool = True


class Talk(msgspec.Struct, frozen=True):
    """``lines``: who says what, each a while after the one before it. ``advertising``: the one that
    a moderator takes away, and its author with it, counted from 1."""

    name: str
    admins: tuple[str, ...]
    lines: tuple[tuple[str, str], ...]
    advertising: int | None = None
    muted: str | None = None
    is_closed: bool = False


class Team(msgspec.Struct, frozen=True):
    """A workspace and a channel in it. ``people``: their full names and roles."""

    name: str
    people: dict[str, tuple[str, Role]]
    chat: str
    lines: tuple[tuple[str, str], ...]


class Thread(msgspec.Struct, frozen=True):
    """A conversation of the desk. ``lines``: what the ``customer`` or the ``agent`` says, or that
    one's private ``note``."""

    customer: str
    lines: tuple[tuple[Literal["customer", "agent", "note"], str], ...]
    agent: str | None = None
    status: Status = "open"
    labels: tuple[str, ...] = ()
    priority: Priority | None = None
    score: int | None = None


class DemoDesk(msgspec.Struct, frozen=True):
    site: str
    greeting: str
    threads: tuple[Thread, ...]


class Demo(msgspec.Struct, frozen=True):
    nicknames: dict[str, str]
    talks: tuple[Talk, ...]
    team: Team
    desk: DemoDesk

    @property
    def messages(self) -> int:
        desk = sum(len(thread.lines) for thread in self.desk.threads)
        return sum(len(talk.lines) for talk in self.talks) + len(self.team.lines) + desk


def read() -> Demo:
    return msgspec.json.decode(Path(__file__).with_suffix(".json").read_bytes(), type=Demo)


def seed(path: Path, demo: Demo, now: int) -> Seeded:
    """All of it or nothing; the caller holds the lock. ``now`` in microseconds.

    Raises Conflict when the database is not empty.
    """
    writing = Writer(lambda: engine.writing(path, durable=True), lambda: now)
    try:
        (finished,) = writing.run([Call(_fill, (demo,), lambda _: None, 0)])
    finally:
        writing.close()
    if isinstance(finished.outcome, BaseException):
        raise finished.outcome
    return Seeded(
        str(path), len(demo.talks), demo.messages, len(demo.nicknames),
        sum(talk.advertising is not None for talk in demo.talks), len(demo.team.people), 1,
        len(demo.desk.threads),
    )  # fmt: skip


def _fill(tx: Tx, demo: Demo) -> None:
    if log.newest_offset(tx.db):
        raise errors.Conflict(
            "the database is not empty: something has happened in it",
            hint="chatctl db migrate --db sqlite:./NEW.db, and then the same with it",
        )
    end = tx.now
    _wait(tx, -AGE)
    agents = _team(tx, demo.team)
    rooms = _rooms(tx, demo)
    _wait(tx, end - DESK_AGE - tx.now)
    _open_desk(tx, demo.desk, agents)
    _wait(tx, end - 5 * MINUTE - tx.now)
    for talk, room in zip(demo.talks, rooms, strict=True):
        if talk.muted is not None:
            moderation.mute(tx, _actor(talk.admins[0]), room, talk.muted, "not his topic", 86_400)
        if talk.is_closed:
            conversations.close(tx, HOST, room)


def _rooms(tx: Tx, demo: Demo) -> list[RoomRef]:
    made = [conversations.create_room(tx, HOST, each.name, each.admins).ref for each in demo.talks]
    rooms = [RoomRef(ref.id, ref.scope) for ref in made]
    pause = (AGE - DESK_AGE) // (sum(len(talk.lines) for talk in demo.talks) + 1)
    for talk, room in zip(demo.talks, rooms, strict=True):
        _hold(tx, talk, room, demo.nicknames, pause)
    return rooms


def _hold(tx: Tx, talk: Talk, room: RoomRef, nicknames: dict[str, str], pause: int) -> None:
    """Everybody comes before their first word and goes after the last one of all."""
    inside: dict[str, int] = {}
    for number, (user, content) in enumerate(talk.lines, 1):
        # Uneven pauses, as people make them.
        _wait(tx, pause * (number % 3 + 1) // 2)
        if user == messages.SYSTEM:
            post = messages.Post(
                room, HOST, user, user, content, kind="system", sender_kind="system",
                is_guarded=False,
            )  # fmt: skip
        else:
            post = messages.Post(room, _actor(user), user, nicknames[user], content)
            if user not in inside:
                joined = sessions.join(tx, _actor(user), room, user, nicknames[user])
                inside[user] = joined.session_id
                _wait(tx, 20 * SECOND)
        posted = messages.post_one(tx, post)
        if number == talk.advertising:
            _wait(tx, MINUTE)
            moderation.ban(tx, _actor(talk.admins[0]), room, user, "advertising", None)
            messages.erase(tx, _actor(talk.admins[0]), room, posted.message_id)
    for user, session_id in inside.items():
        _wait(tx, 5 * SECOND)
        sessions.leave(tx, _actor(user), room, session_id, "left")


# A team and its desk


class Agent(NamedTuple):
    person: Person
    actor: events.Actor


def _team(tx: Tx, team: Team) -> dict[str, Agent]:
    """Those of its workspace, by their short names. They have no passwords: nobody signs in as them
    until an operator gives them one."""
    place = workspaces.create(tx, HOST, team.name).ref
    found = {}
    for name, (fullname, role) in team.people.items():
        account = accounts.create(tx, HOST, fullname, f"{name}@example.org", None).id
        workspaces.add_member(tx, HOST, place, account, role)
        user = user_id(account)
        person = Person(user, fullname, "agent", {place.number: role})
        found[name] = Agent(person, events.Actor(user, "account", _address(user)))
    ids = [account_id(each.person.id) for each in found.values()]
    chat = chats.create(tx, HOST, place, "public", team.chat, ids[0], ids)
    for name, content in team.lines:
        _wait(tx, MINUTE)
        who, actor = found[name]
        messages.post_one(tx, messages.Post(chat, actor, who.id, who.name, content))
    return found


def _open_desk(tx: Tx, desk: DemoDesk, agents: dict[str, Agent]) -> None:
    """The site is of the workspace of the agents."""
    (number,) = {each for agent in agents.values() for each in agent.person.roles}
    settings = SiteSettings(desk.site, greeting=desk.greeting)
    site = sites.create(tx, HOST, stored_workspaces.get(tx.db, number).ref, settings).ref
    pause = DESK_AGE // (sum(len(each.lines) for each in desk.threads) + 2)
    for thread in desk.threads:
        _talk(tx, thread, site, None if thread.agent is None else agents[thread.agent], pause)


def _talk(tx: Tx, thread: Thread, site: SiteRef, agent: Agent | None, pause: int) -> None:
    id_ = customers.create(tx, HOST, site, thread.customer)
    person = Person(id_, thread.customer, "visitor", {site.workspace: "member"}, id_, site.scope)
    customer = Agent(person, events.Actor(id_, "visitor", _address(id_)))
    ref = support.open_conversation(tx, customer.actor, person, site, id_).found.ref
    for kind, content in thread.lines:
        who = customer if kind == "customer" or agent is None else agent
        draft = support_messages.Draft(content, is_private=kind == "note")
        support_messages.post(tx, who.actor, who.person, ref, draft)
        _wait(tx, pause)
    if agent is None:
        return
    by = agent.actor, agent.person, ref
    support.assign(tx, *by, agent.person.id)
    support.label(tx, *by, thread.labels, thread.priority)
    if thread.status != "open":
        until = tx.now + AGE if thread.status == "snoozed" else None
        support.set_status(tx, *by, thread.status, until)
    if thread.score is not None:
        support.rate(tx, customer.actor, person, ref, thread.score)


def _wait(tx: Tx, microseconds: int) -> None:
    tx.now += microseconds
    tx.at += microseconds


def _actor(user: str) -> events.Actor:
    return events.Actor(user, "room:open", _address(user))


def _address(user: str) -> str:
    return f"192.0.2.{sum(user.encode()) % 254 + 1}"
