"""A support desk in plain Python: what the actions must do, written without looking at how they do
it. Every act returns what its caller must see, or its refusal. Times in microseconds.
"""

import dataclasses
from typing import Any, NamedTuple

from expected import SECOND, Refusal

NOT_FOUND = Refusal("conversation_not_found")
NO_MESSAGE = Refusal("message_not_found")
NOT_ALLOWED = Refusal("not_allowed")
INVALID = Refusal("invalid_input")
A_QUARTER = 15 * 60 * SECOND


class Somebody(NamedTuple):
    """``role`` "visitor": a customer of a site of that workspace; else the one in it."""

    id: str
    name: str
    role: str
    workspace: int

    @property
    def is_visitor(self) -> bool:
        return self.role == "visitor"

    @property
    def is_admin(self) -> bool:
        return self.role == "admin"


@dataclasses.dataclass(eq=False)
class Said:
    sender: str
    name: str
    content: str
    is_private: bool
    client_id: str | None
    at: int
    is_deleted: bool = False
    is_erased: bool = False
    envelopes: "list[Told]" = dataclasses.field(default_factory=list)


@dataclasses.dataclass(eq=False)
class Told:
    """An envelope: ``content`` and ``name`` are those of its message; None: it has none."""

    type: str
    conversation: int
    is_private: bool = False
    content: str | None = None
    name: str | None = None
    soft: bool | None = None


@dataclasses.dataclass(eq=False)
class ExpectedConversation:
    """``public_at``: when something happened last that its visitor is told of."""

    number: int
    workspace: int
    customer: Somebody
    updated_at: int
    public_at: int
    customer_name: str
    status: str = "open"
    until: int | None = None
    assignee: str | None = None
    labels: tuple[str, ...] = ()
    waiting_since: int | None = None
    can_be_rated: bool = False
    messages: list[Said] = dataclasses.field(default_factory=list)

    def is_seen_by(self, who: Somebody) -> bool:
        return who.id == self.customer.id if who.is_visitor else who.workspace == self.workspace

    def shown_status(self, who: Somebody) -> str:
        """A visitor is not told that it was put off."""
        return "open" if who.is_visitor and self.status == "snoozed" else self.status

    def shown_messages(self, who: Somebody) -> list[Said]:
        return [
            each
            for each in self.messages
            if not each.is_deleted and not (each.is_private and who.is_visitor)
        ]


class ExpectedDesk:
    """``told``: all envelopes in their order."""

    def __init__(self) -> None:
        self.now = 0
        self.conversations: list[ExpectedConversation] = []
        self.told: list[Told] = []

    # What people are shown

    def listed(self, who: Somebody, status: str | None = None) -> list[ExpectedConversation]:
        found = [each for each in self.conversations if each.is_seen_by(who)]
        if status is not None:
            found = [each for each in found if each.shown_status(who) == status]
        return sorted(found, key=lambda each: (-each.updated_at, -each.number))

    def replayed(self, who: Somebody) -> list[Told]:
        return [
            each
            for each in self.told
            if self.conversations[each.conversation].is_seen_by(who)
            and not (each.is_private and who.is_visitor)
        ]

    def _tell(self, chat: ExpectedConversation, type_name: str, **more: Any) -> Told:
        """An erasure changes no time: it may come long after."""
        made = Told(type_name, chat.number, **more)
        if made.soft is not False:
            chat.updated_at = self.now
            chat.public_at = chat.public_at if made.is_private else self.now
        self.told.append(made)
        return made

    # Conversations

    def open(self, who: Somebody, customer: Somebody) -> int | None:
        """The number of the one that a visitor has already; None: it is a new one."""
        if who.is_visitor:
            for each in self.listed(who):
                if each.status != "closed":
                    return each.number
        number = len(self.conversations)
        chat = ExpectedConversation(
            number, customer.workspace, customer, self.now, self.now, customer.name
        )
        self.conversations.append(chat)
        self._tell(chat, "conversation_opened")
        return None

    def set_status(
        self, chat: ExpectedConversation, who: Somebody, status: str, until: int | None
    ) -> Refusal | bool:
        if not chat.is_seen_by(who):
            return NOT_FOUND
        if who.is_visitor and status != "closed":
            return NOT_ALLOWED
        if status == chat.status != "snoozed" or (chat.status == "closed" and status != "open"):
            return Refusal("invalid_transition")
        if status == "snoozed" and (until is None or until <= self.now):
            return INVALID
        if status == "open":
            self._reopen(chat)
            return True
        if status == "closed":
            self._close(chat)
        else:
            chat.status, chat.until, chat.can_be_rated = status, until, False
            self._tell(chat, "conversation_labelled", is_private=True)
        return True

    def _close(self, chat: ExpectedConversation) -> None:
        chat.status, chat.until, chat.can_be_rated = "closed", None, True
        chat.waiting_since = None
        self._tell(chat, "conversation_closed")

    def _reopen(self, chat: ExpectedConversation) -> None:
        chat.status, chat.until, chat.can_be_rated = "open", None, False
        self._tell(chat, "conversation_reopened")

    def wake(self) -> None:
        due = [each for each in self.conversations if each.until and each.until <= self.now]
        for each in sorted(due, key=lambda each: (each.until, each.number)):
            self._reopen(each)

    def assign(
        self, chat: ExpectedConversation, who: Somebody, assignee: Somebody | None
    ) -> Refusal | bool:
        refusal = self._for_agents(chat, who)
        if refusal is not None:
            return refusal
        if assignee and (assignee.is_visitor or assignee.workspace != chat.workspace):
            return INVALID
        before, chat.assignee = chat.assignee, assignee.id if assignee else None
        if before != chat.assignee:
            self._tell(chat, "conversation_assigned", is_private=True)
        return True

    def label(
        self, chat: ExpectedConversation, who: Somebody, labels: tuple[str, ...]
    ) -> Refusal | bool:
        refusal = self._for_agents(chat, who)
        if refusal is not None:
            return refusal
        if chat.labels != labels:
            chat.labels = labels
            self._tell(chat, "conversation_labelled", is_private=True)
        return True

    def rate(self, chat: ExpectedConversation, who: Somebody) -> Refusal | bool:
        if not chat.is_seen_by(who):
            return NOT_FOUND
        if not who.is_visitor:
            return NOT_ALLOWED
        if not chat.can_be_rated:
            return Refusal("conflict")
        chat.can_be_rated = False
        self._tell(chat, "conversation_rated")
        return True

    def _for_agents(self, chat: ExpectedConversation, who: Somebody) -> Refusal | None:
        if not chat.is_seen_by(who):
            return NOT_FOUND
        return NOT_ALLOWED if who.is_visitor else None

    # Messages

    def post(
        self,
        chat: ExpectedConversation,
        who: Somebody,
        content: str,
        client_id: str | None,
        *,
        is_private: bool,
    ) -> Refusal | Said:
        """What was said; or by the same id before."""
        if not chat.is_seen_by(who):
            return NOT_FOUND
        for each in chat.messages:
            if client_id is not None and (each.sender, each.client_id) == (who.id, client_id):
                return each
        if who.is_visitor and is_private:
            return NOT_ALLOWED
        if chat.status == "closed" and not who.is_visitor:
            return Refusal("conversation_closed")
        self._move(chat, who, is_private=is_private)
        said = Said(who.id, who.name, content, is_private, client_id, self.now)
        chat.messages.append(said)
        self._tell_message(chat, said, "message_appended")
        return said

    def _move(self, chat: ExpectedConversation, who: Somebody, *, is_private: bool) -> None:
        """What a message does to its conversation."""
        if who.is_visitor:
            if chat.status != "open":
                self._reopen(chat)
            chat.waiting_since = chat.waiting_since or self.now
        elif not is_private:
            chat.waiting_since = None

    def _tell_message(self, chat: ExpectedConversation, said: Said, type_name: str) -> None:
        more = {"content": said.content, "name": said.name, "is_private": said.is_private}
        said.envelopes.append(self._tell(chat, type_name, **more))

    def _changeable(self, chat: ExpectedConversation, who: Somebody, number: int) -> Refusal | Said:
        if not chat.is_seen_by(who):
            return NOT_FOUND
        if number >= len(chat.messages):
            return NO_MESSAGE
        said = chat.messages[number]
        if said.is_deleted or (said.is_private and who.is_visitor):
            return NO_MESSAGE
        is_late = who.is_visitor and self.now - said.at > A_QUARTER
        if not who.is_admin and (said.sender != who.id or is_late):
            return NOT_ALLOWED
        return said

    def edit(
        self, chat: ExpectedConversation, who: Somebody, number: int, content: str
    ) -> Refusal | bool:
        said = self._changeable(chat, who, number)
        if isinstance(said, Refusal):
            return said
        if said.content != content:
            said.content = content
            self._tell_message(chat, said, "message_updated")
        return True

    def delete(self, chat: ExpectedConversation, who: Somebody, number: int) -> Refusal | bool:
        said = self._changeable(chat, who, number)
        if isinstance(said, Refusal):
            return said
        said.is_deleted = True
        self._tell(chat, "message_deleted", is_private=said.is_private, soft=True)
        return True

    def erase(self, chat: ExpectedConversation, who: Somebody, number: int) -> Refusal | bool:
        if not chat.is_seen_by(who):
            return NOT_FOUND
        if not who.is_admin:
            return NOT_ALLOWED
        if number >= len(chat.messages) or chat.messages[number].is_erased:
            return NO_MESSAGE
        self._erase(chat, chat.messages[number])
        return True

    def _erase(self, chat: ExpectedConversation, said: Said) -> None:
        said.is_deleted = said.is_erased = True
        for each in said.envelopes:
            each.content = ""
        self._tell(chat, "message_deleted", is_private=said.is_private, soft=False)

    def erase_customer(self, who: Somebody, customer: Somebody) -> Refusal | bool:
        """What they had open is closed; their messages go from one conversation after the other."""
        if not who.is_admin or who.workspace != customer.workspace:
            return NOT_ALLOWED
        theirs = [each for each in self.conversations if each.customer.id == customer.id]
        for chat in sorted(theirs, key=lambda each: (each.updated_at, each.number)):
            chat.customer_name = ""
            if chat.status != "closed":
                self._close(chat)
        for chat in theirs:
            for each in chat.messages:
                if each.sender == customer.id:
                    self._forget(chat, each)
        return True

    def _forget(self, chat: ExpectedConversation, said: Said) -> None:
        """With the name of who said it."""
        for told in said.envelopes:
            told.name = ""
        if not said.is_erased:
            self._erase(chat, said)
