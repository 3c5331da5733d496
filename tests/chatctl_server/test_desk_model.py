"""The support desk against a model in plain Python: whatever order the actions come in, lists,
messages and Replay say to each what the model says, and what was told once is replayed byte for
byte, but for what was erased. ``CHATCTL_PROOF=1`` runs the long form."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from desk_scene import site
from expected import SECOND, Refusal
from expected_desk import ExpectedConversation, ExpectedDesk, Somebody, Told
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from offline import HOST, Offline
from team import DEFAULT, Town

from chatctl_server import errors
from chatctl_server.actions import customers, support, support_messages
from chatctl_server.actions.support_messages import Draft
from chatctl_server.api.support import message_routes, target
from chatctl_server.domain import events, times
from chatctl_server.domain.support import Person, Status
from chatctl_server.storage import engine, envelopes, log, maintenance, sites
from chatctl_server.storage import support_conversations as stored
from chatctl_server.storage.envelopes import EnvelopeFilter
from chatctl_server.storage.sites import Site
from chatctl_server.storage.support_conversations import ConversationFilter, ConversationPlace
from chatctl_server.views.support import conversations as views
from chatctl_server.views.support import envelopes as envelope_views

PROOF = os.environ.get("CHATCTL_PROOF") == "1"
T = 2_000_000_000 * SECOND  # behind what the town has done
AGENTS = (
    Somebody("u1", "Anna", "agent", 0),
    Somebody("u2", "Bert", "agent", 0),
    Somebody("u3", "Adam", "admin", 0),
    Somebody("u4", "Emil", "admin", 1),
)
VISITORS = ("Bo", "Zoe", "Ida")  # the last one of the other workspace
PEOPLE = st.integers(0, len(AGENTS) + len(VISITORS) - 1)
OF_AGENTS = st.integers(0, len(AGENTS) - 1)
OF_VISITORS = st.integers(0, len(VISITORS) - 1)
CHATS = st.integers(0, 5)
MESSAGES = st.integers(0, 4)
TEXTS = st.sampled_from(["hello", "你好", "where is it?"])
IDS = st.sampled_from([None, None, "1", "2"])
STATUSES: tuple[Status, ...] = ("open", "snoozed", "closed")
A_PAGE = 7
EVERY = 1000


@pytest.fixture(scope="module", autouse=True)
def _town(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Two workspaces, a site of each."""
    DeskMachine.empty = tmp_path_factory.mktemp("model") / "empty.db"
    town = Town(DeskMachine.empty)
    places = DEFAULT, town.workspace("elsewhere")
    for each in AGENTS:
        town.person(each.name, places[each.workspace], role=each.role)  # type: ignore[arg-type]
    for place in places:
        site(town, f"shop {place.number}", place)
    town.close()


class DeskMachine(RuleBasedStateMachine):
    """The actions on one side, the model on the other."""

    empty: Path

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        path = Path(self.directory.name) / "chat.db"
        shutil.copy(self.empty, path)
        self.scene = Offline(path, now=T)
        self.db = engine.reading(path)
        self.db.connect()
        self.sites = [self._site(workspace) for workspace in (0, 1)]
        self.desk = ExpectedDesk()
        self.desk.now = T
        self.ids: list[str] = []  # of the conversations
        self.message_ids: dict[int, list[str]] = {}  # of each conversation
        self.live: dict[str, bytes] = {}  # what was told, by the event's id
        self.published = log.newest_offset(self.db)
        self.visitors = [self._come(name) for name in VISITORS]
        self.a_visitor_opens(0)
        self.somebody_posts(0, len(AGENTS), "hello", None, False)

    def teardown(self) -> None:
        self.db.close()
        self.scene.close()
        assert maintenance.check(self.scene.path) == []
        assert maintenance.verify(self.scene.path) == []
        self.directory.cleanup()

    def _site(self, workspace: int) -> Site:
        (found,) = (each for each in sites.every(self.db, workspace) if each.id != sites.DEFAULT)
        return found

    def _come(self, name: str) -> Somebody:
        workspace = int(name == VISITORS[-1])
        identity = customers.VisitorIdentity(name, f"{name.lower()}@example.org")
        made = self.scene.run(customers.welcome, self.sites[workspace].ref, identity).customer
        return Somebody(made.id, name, "visitor", workspace)

    def somebody(self, number: int) -> Somebody:
        return (*AGENTS, *self.visitors)[number]

    def everybody(self) -> list[Somebody]:
        return [*AGENTS, *self.visitors]

    def person(self, who: Somebody) -> Person:
        if who.is_visitor:
            scope = self.sites[who.workspace].ref.scope
            return Person(who.id, who.name, "visitor", {who.workspace: "member"}, who.id, scope)
        return Person(who.id, who.name, "agent", {who.workspace: who.role})  # type: ignore[dict-item]

    def actor(self, who: Somebody) -> events.Actor:
        return HOST if who.is_visitor else events.Actor(who.id, "account")

    def chat(self, number: int) -> ExpectedConversation:
        return self.desk.conversations[number % len(self.ids)]

    def outcome(
        self, chat: ExpectedConversation, who: Somebody, action: Callable[..., Any], *more: Any
    ) -> Any:
        """As a route does it: found first."""
        person = self.person(who)
        try:
            ref = stored.find(self.db, person, self.ids[chat.number]).ref
            return self.scene.run(action, person, ref, *more, actor=self.actor(who))
        except errors.ChatctlError as refusal:
            return Refusal(refusal.code)

    def both(
        self,
        wanted: Refusal | bool,
        chat: ExpectedConversation,
        who: Somebody,
        action: Callable[..., Any],
        *more: Any,
    ) -> None:
        found = self.outcome(chat, who, action, *more)
        assert (found if isinstance(found, Refusal) else True) == wanted

    def id_of(self, chat: ExpectedConversation, number: int) -> str:
        known = self.message_ids.get(chat.number, ())
        return known[number] if number < len(known) else "msg_" + "0" * 26

    # Conversations

    @rule(seconds=st.sampled_from([0.000001, 1, 61, 15 * 60, 15 * 60 + 1]))
    def time_passes(self, seconds: float) -> None:
        """What was snoozed until then is open again."""
        self.scene.now += int(seconds * SECOND)
        self.desk.now = self.scene.now
        self.desk.wake()
        self.scene.run(lambda tx, _: support.wake_due(tx))

    @rule(number=OF_VISITORS)
    def a_visitor_opens(self, number: int) -> None:
        self._open(self.visitors[number], self.visitors[number])

    @rule(agent=OF_AGENTS, number=OF_VISITORS)
    def an_agent_opens(self, agent: int, number: int) -> None:
        if AGENTS[agent].workspace == self.visitors[number].workspace and len(self.ids) < 6:
            self._open(AGENTS[agent], self.visitors[number])

    def _open(self, who: Somebody, customer: Somebody) -> None:
        place = self.sites[customer.workspace].ref
        wanted = self.desk.open(who, customer)
        action = support.open_conversation, self.person(who), place, customer.id
        found = self.scene.run(*action, actor=self.actor(who))
        assert found.is_new == (wanted is None)
        if wanted is None:
            self.ids.append(found.found.public_id)
        else:
            assert found.found.public_id == self.ids[wanted]

    @rule(
        number=CHATS,
        who=PEOPLE,
        status=st.sampled_from(["open", "closed", "closed", "snoozed"]),
        seconds=st.sampled_from([-1, 1, 60, 3600]),
    )
    def a_status_is_set(self, number: int, who: int, status: Status, seconds: int) -> None:
        chat, person = self.chat(number), self.somebody(who)
        until = self.scene.now + seconds * SECOND if status == "snoozed" else None
        wanted = self.desk.set_status(chat, person, status, until)
        self.both(wanted, chat, person, support.set_status, status, until)

    @rule(number=CHATS, who=PEOPLE, whom=st.none() | PEOPLE)
    def it_is_assigned(self, number: int, who: int, whom: int | None) -> None:
        chat, person = self.chat(number), self.somebody(who)
        assignee = None if whom is None else self.somebody(whom)
        wanted = self.desk.assign(chat, person, assignee)
        self.both(wanted, chat, person, support.assign, assignee and assignee.id)

    @rule(number=CHATS, who=PEOPLE, labels=st.sampled_from([(), ("vip",), ("billing", "vip")]))
    def it_is_labelled(self, number: int, who: int, labels: tuple[str, ...]) -> None:
        chat, person = self.chat(number), self.somebody(who)
        self.both(self.desk.label(chat, person, labels), chat, person, support.label, labels)

    @rule(number=CHATS, who=PEOPLE)
    def it_is_rated(self, number: int, who: int) -> None:
        chat, person = self.chat(number), self.somebody(who)
        self.both(self.desk.rate(chat, person), chat, person, support.rate, 4, "a comment")

    # Messages

    @rule(number=CHATS, who=PEOPLE, content=TEXTS, client_id=IDS, is_private=st.booleans())
    def somebody_posts(
        self, number: int, who: int, content: str, client_id: str | None, is_private: bool
    ) -> None:
        chat, person = self.chat(number), self.somebody(who)
        known = self.message_ids.setdefault(chat.number, [])
        wanted = self.desk.post(chat, person, content, client_id, is_private=is_private)
        draft = Draft(content, client_msg_id=client_id, is_private=is_private)
        found = self.outcome(chat, person, support_messages.post, draft)
        if isinstance(wanted, Refusal):
            assert found == wanted
            return
        place = chat.messages.index(wanted)
        assert found.is_duplicate == (place < len(known))
        if not found.is_duplicate:
            known.append(found.message.public_id)
        assert found.message.public_id == known[place]

    @rule(number=CHATS, who=PEOPLE, message=MESSAGES, content=TEXTS)
    def somebody_edits(self, number: int, who: int, message: int, content: str) -> None:
        chat, person = self.chat(number), self.somebody(who)
        wanted = self.desk.edit(chat, person, message, content)
        self.both(wanted, chat, person, support_messages.edit, self.id_of(chat, message), content)

    @rule(number=CHATS, who=PEOPLE, message=MESSAGES)
    def somebody_deletes(self, number: int, who: int, message: int) -> None:
        chat, person = self.chat(number), self.somebody(who)
        wanted = self.desk.delete(chat, person, message)
        self.both(wanted, chat, person, support_messages.delete, self.id_of(chat, message))

    @rule(number=CHATS, who=PEOPLE, message=MESSAGES)
    def somebody_erases(self, number: int, who: int, message: int) -> None:
        chat, person = self.chat(number), self.somebody(who)
        wanted = self.desk.erase(chat, person, message)
        self.both(wanted, chat, person, support_messages.erase, self.id_of(chat, message))

    @rule(agent=OF_AGENTS, number=OF_VISITORS, sure=st.booleans())
    def a_customer_is_erased(self, agent: int, number: int, sure: bool) -> None:
        """Whoever comes then is somebody else."""
        who, customer = AGENTS[agent], self.visitors[number]
        if not sure or who.workspace != customer.workspace:
            return
        wanted = self.desk.erase_customer(who, customer)
        place = self.sites[customer.workspace].ref
        found: Refusal | bool = True
        try:
            self.scene.run(customers.erase, place, customer.id, actor=self.actor(who))
        except errors.ChatctlError as refusal:
            found = Refusal(refusal.code)
        assert found == wanted
        if found is True:
            self.visitors[number] = self._come(customer.name)

    # What must hold after every step

    @invariant()
    def lists_are_as_expected(self) -> None:
        for who in self.everybody():
            for status in (None, STATUSES[len(self.desk.told) % len(STATUSES)]):
                wanted = ConversationFilter(status=status)
                place = ConversationPlace()
                found = stored.page(self.db, self.person(who), wanted, place, EVERY).found
                assert [self._listed(who, each) for each in found] == [
                    self._expected(who, each) for each in self.desk.listed(who, status)
                ]

    def _listed(self, who: Somebody, found: stored.SupportConversation) -> tuple[Any, ...]:
        shown = target.shown(self.db, self.person(who), found)
        made = views.conversation(shown, for_visitor=who.is_visitor)
        return (
            made.id,
            made.status,
            made.customer_name,
            made.updated_at,
            made.last_message and made.last_message.content,
            None if who.is_visitor else (made.assignee_id, tuple(made.labels)),  # type: ignore[arg-type]
            found.waiting_since,
        )

    def _expected(self, who: Somebody, chat: ExpectedConversation) -> tuple[Any, ...]:
        shown = chat.shown_messages(who)
        return (
            self.ids[chat.number],
            chat.shown_status(who),
            chat.customer_name,
            times.rfc3339(chat.public_at if who.is_visitor else chat.updated_at),
            shown[-1].content if shown else None,
            None if who.is_visitor else (chat.assignee, chat.labels),
            chat.waiting_since,
        )

    @invariant()
    def messages_are_as_expected(self) -> None:
        for who in self.everybody():
            for chat in self.desk.listed(who):
                arguments = self.person(who), self.ids[chat.number], None, EVERY
                found = message_routes.page(self.db, *arguments)
                assert [(each.sender_id, each.content, each.is_private) for each in found] == [
                    (each.sender, each.content, each.is_private)
                    for each in reversed(chat.shown_messages(who))
                ]

    @invariant()
    def replay_is_as_expected(self) -> None:
        """In pages, with the bytes that were told."""
        self._publish()
        for who in self.everybody():
            replayed = self._replayed(self.person(who))
            wanted = self.desk.replayed(who)
            assert [_told(each) for each in replayed] == [self._envelope(each) for each in wanted]
            for shown, each in zip(replayed, wanted, strict=True):
                event_id = json.loads(shown)["event_id"]
                if each.content == "" or each.name == "":  # taken out of the log
                    self.live[event_id] = shown
                assert self.live[event_id] == shown

    def _publish(self) -> None:
        """As the broadcaster does it."""
        names = {each.ref.scope: each.id for each in self.sites}
        for entry in log.read_after(self.db, self.published, EVERY):
            self.published = entry.offset
            made = envelope_views.of_event(entry, names.get(entry.scope or 0, ""))
            if made is not None:
                self.live[envelope_views.id_of(entry)] = made

    def _replayed(self, who: Person) -> list[bytes]:
        found: list[bytes] = []
        after, has_more = 0, True
        while has_more:
            page = envelopes.page(self.db, who, EnvelopeFilter(), after, A_PAGE)
            for entry, site_id in page.found:
                made = envelope_views.of_event(entry, site_id)
                assert made is not None
                found.append(made)
                after = entry.offset
            has_more = page.has_more
        return found

    def _envelope(self, told: Told) -> tuple[Any, ...]:
        conversation = self.ids[told.conversation]
        return told.type, conversation, told.content, told.name, told.soft


def _told(shown: bytes) -> tuple[Any, ...]:
    envelope = json.loads(shown)
    data = envelope["data"]
    message = data.get("message", {})
    return (
        envelope["type"].removeprefix("domain.event."),
        data["conversation_id"],
        message.get("content"),
        message.get("sender_name"),
        data.get("soft"),
    )


DeskMachine.TestCase.settings = settings(
    max_examples=400 if PROOF else 15,
    stateful_step_count=60 if PROOF else 30,
    deadline=None,
    database=None,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)
TestDesk = DeskMachine.TestCase
