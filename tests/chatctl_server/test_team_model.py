"""Workspaces, chats, roles, messages and reads against a model in plain Python: whatever order the
actions come in, the lists that people see, from memory too, say what the model says.
``CHATCTL_PROOF=1`` runs the long form."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from expected import SECOND, Refusal
from expected_team import ExpectedChat, ExpectedTeam
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from offline import Offline
from team import DEFAULT, Town

from chatctl_server import errors
from chatctl_server.actions import chats, messages, workspaces
from chatctl_server.domain import chat_events, events
from chatctl_server.domain.event_types import Role
from chatctl_server.domain.references import ChatRef, Kind
from chatctl_server.live.chat_lists import ChatLists
from chatctl_server.storage import chat_lists, engine, log, maintenance
from chatctl_server.storage import chats as stored
from chatctl_server.storage import messages as stored_messages
from chatctl_server.storage.transaction import Tx
from chatctl_server.storage.workspaces import WorkspaceRef

PROOF = os.environ.get("CHATCTL_PROOF") == "1"
T = 2_000_000_000 * SECOND  # behind what the town has done
PEOPLE = st.integers(1, 5)
GROUPS = st.lists(PEOPLE, max_size=3)
CHATS = st.integers(0, 7)
KINDS = st.sampled_from(["single", "group", "private", "public", "public"])
NAMES = st.sampled_from(["lunch", "计划", "plans", " "])
ROLES = st.sampled_from(["owner", "admin", "member"])
WORKSPACES = st.integers(0, 1)


@pytest.fixture(scope="module", autouse=True)
def _town(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Four people in workspace 0, of whom two, with a fifth, are in workspace 1."""
    TeamMachine.empty = tmp_path_factory.mktemp("model") / "empty.db"
    town = Town(TeamMachine.empty)
    acme = town.workspace("acme")
    for number in range(1, 6):
        places = [DEFAULT] * (number < 5) + [acme] * (number > 2 and number != 4)
        town.person(f"Person-{number}", *places)
    town.close()


class OnFile:
    """Reads on the file, at once."""

    def __init__(self, db: Any) -> None:
        self._db = db

    async def read(self, query: Callable[..., Any], *arguments: Any) -> Any:
        return query(self._db, *arguments)


def now_of(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Of what waits for nothing."""
    with pytest.raises(StopIteration) as ended:
        coroutine.send(None)
    return ended.value.value


class TeamMachine(RuleBasedStateMachine):
    """Two workspaces in one database; the actions on one side, the model on the other."""

    empty: Path

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        path = Path(self.directory.name) / "chat.db"
        shutil.copy(self.empty, path)
        self.desk = Offline(path, now=T)
        self.db = engine.reading(path)
        self.db.connect()
        self.places = [DEFAULT, WorkspaceRef(1, 4)]
        self.refs: list[ChatRef] = []
        self.team = ExpectedTeam({0: {1, 2, 3, 4}, 1: {3, 5}})
        self.lists = ChatLists(OnFile(self.db), 3600)  # type: ignore[arg-type]
        self.published = log.newest_offset(self.db)
        self.opened(0, "group", "all", 1, [2, 3])
        self.opened(0, "public", "open", 2, [])

    def teardown(self) -> None:
        self.db.close()
        self.desk.close()
        assert maintenance.check(self.desk.path) == []
        assert maintenance.verify(self.desk.path) == []
        self.directory.cleanup()

    def outcome(self, who: int, action: Callable[..., Any], *arguments: Any) -> Any:
        actor = events.Actor(f"u{who}", "account")
        try:
            return self.desk.run(action, *arguments, actor=actor)
        except errors.ChatctlError as refusal:
            return Refusal(refusal.code)

    def both(self, wanted: object, who: int, action: Callable[..., Any], *arguments: Any) -> None:
        """It must be refused, or change something, as the model."""
        found = self.outcome(who, action, *arguments)
        assert wanted == (found if isinstance(found, Refusal) else bool(found))

    def chat(self, number: int) -> tuple[ExpectedChat, ChatRef]:
        number %= len(self.refs)
        return self.team.chats[number], self.refs[number]

    # Workspaces and chats

    @rule(seconds=st.sampled_from([0.000001, 1, 61]))
    def time_passes(self, seconds: float) -> None:
        self.desk.now += int(seconds * SECOND)

    @rule(place=WORKSPACES, who=PEOPLE)
    def somebody_comes_to_a_workspace(self, place: int, who: int) -> None:
        is_new = who not in self.team.members[place]
        self.team.members[place].add(who)
        self.both(is_new, 1, workspaces.add_member, self.places[place], who, "member")

    @rule(place=WORKSPACES, who=PEOPLE, sure=st.sampled_from([False, False, True]))
    def somebody_leaves_a_workspace(self, place: int, who: int, sure: bool) -> None:
        if sure and who in self.team.members[place]:
            self.team.leave_workspace(place, who)
            self.desk.run(workspaces.leave_workspace, self.places[place], who)

    @rule(place=WORKSPACES, kind=KINDS, name=NAMES, who=PEOPLE, listed=GROUPS)
    def opened(self, place: int, kind: Kind, name: str, who: int, listed: list[int]) -> None:
        self.desk.now += 1
        wanted = self.team.open_chat(self.desk.now, place, kind, name, who, listed)
        found = self.outcome(who, chats.open_chat, self.places[place], kind, name, who, listed)
        if isinstance(wanted, Refusal):
            assert found == wanted
        elif wanted is True:
            assert found.is_new
            self.refs.append(found.ref)
        else:
            assert found == chats.OpenedChat(self.refs[wanted], is_new=False)

    @rule(number=CHATS, who=PEOPLE, name=NAMES)
    def a_chat_is_renamed(self, number: int, who: int, name: str) -> None:
        chat, ref = self.chat(number)
        self.both(self.team.change(chat, who, name), who, chats.change, ref, name)

    @rule(number=CHATS, who=PEOPLE, sure=st.sampled_from([*[False] * 4, True]))
    def a_chat_is_deleted(self, number: int, who: int, sure: bool) -> None:
        chat, ref = self.chat(number)
        if sure or not chat.is_open:
            self.both(self.team.delete(chat, who), who, chats.delete, ref)

    # Members

    @rule(number=CHATS, who=PEOPLE, people=GROUPS)
    def people_are_added(self, number: int, who: int, people: list[int]) -> None:
        chat, ref = self.chat(number)
        self.both(self.team.add(chat, who, people), who, chats.add, ref, people)

    @rule(number=CHATS, who=PEOPLE)
    def somebody_joins(self, number: int, who: int) -> None:
        chat, ref = self.chat(number)
        self.both(self.team.join(chat, who), who, chats.join, ref, who)

    @rule(number=CHATS, who=PEOPLE, people=GROUPS)
    def people_are_removed(self, number: int, who: int, people: list[int]) -> None:
        chat, ref = self.chat(number)
        self.both(self.team.remove(chat, who, people), who, chats.remove, ref, people)

    @rule(number=CHATS, who=PEOPLE)
    def somebody_leaves(self, number: int, who: int) -> None:
        self.people_are_removed(number, who, [who])

    @rule(number=CHATS, who=PEOPLE, whom=PEOPLE, role=ROLES)
    def a_role_is_given(self, number: int, who: int, whom: int, role: Role) -> None:
        chat, ref = self.chat(number)
        self.both(self.team.set_role(chat, who, whom, role), who, chats.set_role, ref, whom, role)

    # Messages

    @rule(number=CHATS, who=PEOPLE, content=st.sampled_from(["hello", "你好"]))
    def somebody_posts(self, number: int, who: int, content: str) -> None:
        chat, ref = self.chat(number)
        self.desk.now += 1
        user, actor = f"u{who}", events.Actor(f"u{who}", "account")
        sent = messages.Post(ref, actor, user, f"Person-{who}", content)
        (found,) = self.desk.together((messages.POST, sent))
        code = Refusal(found.code) if isinstance(found, errors.ChatctlError) else True
        assert code == self.team.post(self.desk.now, chat, who, content)

    @rule(number=CHATS, seq=st.integers(1, 6))
    def a_message_is_deleted(self, number: int, seq: int) -> None:
        chat, ref = self.chat(number)
        self.both(
            self.team.delete_message(chat, seq), 1, messages.delete, ref, self.id_of(ref, seq)
        )

    @rule(number=CHATS, who=PEOPLE, seq=st.integers(1, 6))
    def somebody_reads(self, number: int, who: int, seq: int) -> None:
        chat, ref = self.chat(number)
        if self.team.read(chat, who, seq):
            moved = chat_events.ReadMoved(f"u{who}", self.id_of(ref, seq), seq)
            self.desk.run(_record, moved, ref)

    def id_of(self, ref: ChatRef, seq: int) -> int:
        rows = stored_messages.between(self.db, ref, seq, seq)
        return rows[0].id if rows else 10**9

    # What must hold after every step

    @invariant()
    def members_are_as_expected(self) -> None:
        for chat, ref in zip(self.team.chats, self.refs, strict=True):
            found = {int(each.user_id[1:]): each.role for each in stored.members(self.db, ref)}
            assert found == chat.roles
            if chat.is_open:
                assert stored.owner(self.db, ref) == chat.owner

    @invariant()
    def lists_are_as_expected(self) -> None:
        for entry in log.read_after(self.db, self.published, 1000):
            self.lists.publish(entry)
            self.published = entry.offset
        for place in self.places:
            for who in range(1, 6):
                kept = json.loads(now_of(self.lists.of(place, who)))
                assert [_told(each) for each in kept] == [
                    self.told(number, who) for number in self.team.listed(place.number, who)
                ]
                public = {each.id for each in chat_lists.public(self.db, place, who)}
                joinable = self.team.joinable(place.number, who)
                assert public == {self.refs[number].id for number in joinable}

    @invariant()
    def unread_counts_are_as_expected(self) -> None:
        for place in self.places:
            for who in range(1, 6):
                found = {
                    each.chat_id: each.unread_count
                    for each in now_of(self.lists.unread(place, who))
                }
                assert found == {
                    self.refs[number].id: len(self.team.chats[number].unread(who))
                    for number in self.team.listed(place.number, who)
                }

    def told(self, number: int, who: int) -> tuple[object, ...]:
        chat = self.team.chats[number]
        return (
            self.refs[number].id,
            chat.name,
            sorted(chat.roles),
            len(chat.unread(who)),
            None if chat.last is None else chat.last.content,
            chat.creator == who,
        )


def _told(item: dict[str, Any]) -> tuple[object, ...]:
    last = item["last_message"]
    return (
        item["id"],
        item["name"],
        sorted(item["chat_members"]),
        item["unread_count"],
        last and last["content"],
        item["is_creator"],
    )


def _record(tx: Tx, actor: events.Actor, payload: events.Payload, ref: ChatRef) -> None:
    tx.record(payload, actor, ref)


TeamMachine.TestCase.settings = settings(
    max_examples=400 if PROOF else 25,
    stateful_step_count=60 if PROOF else 40,
    deadline=None,
    database=None,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)
TestTeam = TeamMachine.TestCase
