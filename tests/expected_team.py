"""Workspaces and chats in plain Python: what the actions must do, written without looking at how
they do it. Every act returns whether it changed anything, or its refusal."""

import dataclasses
from collections.abc import Sequence

from expected import Refusal

from chatctl_server.domain.event_types import Role
from chatctl_server.domain.references import Kind

Outcome = bool | Refusal
INVALID = Refusal("invalid_input")
NOT_ALLOWED = Refusal("not_allowed")
MUST_TRANSFER = Refusal("owner_must_transfer")


@dataclasses.dataclass
class Said:
    sender: int
    content: str
    is_deleted: bool = False


@dataclasses.dataclass
class ExpectedChat:
    """``roles`` in the order in which the members came."""

    workspace: int
    kind: Kind
    name: str
    creator: int
    roles: dict[int, Role]
    activity: int
    is_open: bool = True
    messages: list[Said] = dataclasses.field(default_factory=list)
    read: dict[int, int] = dataclasses.field(default_factory=dict)

    @property
    def owner(self) -> int:
        (found,) = [each for each, role in self.roles.items() if role == "owner"]
        return found

    def unread(self, account: int) -> list[Said]:
        behind = self.messages[self.read.get(account, 0) :]
        return [each for each in behind if each.sender != account and not each.is_deleted]

    @property
    def last(self) -> Said | None:
        return next((each for each in reversed(self.messages) if not each.is_deleted), None)


class ExpectedTeam:
    """``members``: of each workspace."""

    def __init__(self, members: dict[int, set[int]]) -> None:
        self.members = members
        self.chats: list[ExpectedChat] = []

    def leave_workspace(self, place: int, who: int) -> None:
        """What one owned passes to whoever came first, an admin before a member."""
        self.members[place].remove(who)
        for chat in self.chats:
            if not chat.is_open or chat.workspace != place or who not in chat.roles:
                continue
            role = chat.roles.pop(who)
            heirs = sorted(chat.roles, key=lambda each: chat.roles[each] != "admin")
            if not heirs:
                chat.is_open = False
            elif role == "owner":
                chat.roles[heirs[0]] = "owner"

    # Chats

    def open_chat(
        self, now: int, workspace: int, kind: Kind, name: str, creator: int, listed: Sequence[int]
    ) -> Outcome | int:
        """Also the number of a chat that is there already."""
        people = {creator} if kind == "public" else {creator, *listed}
        if not name.strip() or (kind == "single" and len(people) != 2):
            return INVALID
        if kind == "group" and len(people) < 3:
            return INVALID
        if not people <= self.members[workspace]:
            return Refusal("user_not_found")
        for number, chat in enumerate(self.chats):
            if not chat.is_open or chat.workspace != workspace:
                continue
            if kind == chat.kind == "single" and chat.roles.keys() == people:
                return number
            if "single" not in (kind, chat.kind) and chat.name == name:
                return Refusal("name_taken")
        roles: dict[int, Role] = dict.fromkeys(sorted(people), "member")
        roles[creator] = "owner"
        self.chats.append(ExpectedChat(workspace, kind, name, creator, roles, now))
        return True

    def change(self, chat: ExpectedChat, who: int, name: str) -> Outcome:
        refusal = self._refusal(chat, who, "owner", "admin")
        if refusal is not None:
            return refusal
        if not name.strip():
            return INVALID
        others = [each for each in self.chats if each.is_open and each is not chat]
        is_taken = any(
            each.name == name and each.workspace == chat.workspace and each.kind != "single"
            for each in others
        )
        if chat.kind != "single" and chat.name != name and is_taken:
            return Refusal("name_taken")
        is_new, chat.name = chat.name != name, name
        return is_new

    def delete(self, chat: ExpectedChat, who: int) -> Outcome:
        refusal = self._refusal(chat, who, "owner")
        if refusal is None:
            chat.is_open = False
        return refusal or True

    # Members

    def add(self, chat: ExpectedChat, who: int, people: Sequence[int]) -> Outcome:
        refusal = self._refusal(chat, who, "owner", "admin")
        if refusal is not None:
            return refusal
        if chat.kind == "single":
            return INVALID
        if not {*people} <= self.members[chat.workspace]:
            return Refusal("user_not_found")
        new = [each for each in people if each not in chat.roles]
        chat.roles.update(dict.fromkeys(new, "member"))
        return bool(new)

    def join(self, chat: ExpectedChat, who: int) -> Outcome:
        if not chat.is_open or who not in self.members[chat.workspace]:
            return Refusal("conversation_not_found")
        if chat.kind != "public":
            return NOT_ALLOWED
        if who in chat.roles:
            return False
        chat.roles[who] = "member"
        return True

    def remove(self, chat: ExpectedChat, who: int, people: Sequence[int]) -> Outcome:
        any_role = ("owner", "admin", "member")
        allowed = any_role if {*people} == {who} else ("owner", "admin")
        refusal = self._refusal(chat, who, *allowed)
        if refusal is not None:
            return refusal
        if chat.kind == "single":
            return INVALID
        if chat.owner in people:
            return MUST_TRANSFER
        gone = [each for each in people if chat.roles.pop(each, None)]
        return bool(gone)

    def set_role(self, chat: ExpectedChat, who: int, whom: int, role: Role) -> Outcome:
        refusal = self._refusal(chat, who, "owner")
        if refusal is not None:
            return refusal
        if whom not in chat.roles:
            return INVALID
        if chat.roles[whom] == role:
            return False
        if whom == chat.owner:
            return MUST_TRANSFER
        if role == "owner":
            chat.roles[chat.owner] = "member"
        chat.roles[whom] = role
        return True

    # Messages

    def post(self, now: int, chat: ExpectedChat, who: int, content: str) -> Outcome:
        if who not in chat.roles:
            return Refusal("not_a_participant")
        if not chat.is_open:
            return Refusal("conversation_closed")
        chat.messages.append(Said(who, content))
        chat.activity = now
        return True

    def delete_message(self, chat: ExpectedChat, seq: int) -> Outcome:
        if not chat.is_open:
            return Refusal("conversation_closed")
        if seq > len(chat.messages):
            return Refusal("message_not_found")
        said = chat.messages[seq - 1]
        was_there, said.is_deleted = not said.is_deleted, True
        return was_there

    def read(self, chat: ExpectedChat, who: int, seq: int) -> bool:
        if who not in chat.roles or not chat.read.get(who, 0) < seq <= len(chat.messages):
            return False
        chat.read[who] = seq
        return True

    # What is seen

    def listed(self, workspace: int, who: int) -> list[int]:
        """Numbers of the chats, newest activity first."""
        mine = [
            number
            for number, chat in enumerate(self.chats)
            if chat.is_open and chat.workspace == workspace and who in chat.roles
        ]
        return sorted(mine, key=lambda each: (self.chats[each].activity, each), reverse=True)

    def joinable(self, workspace: int, who: int) -> set[int]:
        return {
            number
            for number, chat in enumerate(self.chats)
            if chat.is_open
            and (chat.workspace, chat.kind) == (workspace, "public")
            and who not in chat.roles
        }

    def _refusal(self, chat: ExpectedChat, who: int, *allowed: Role) -> Refusal | None:
        if not chat.is_open or who not in self.members[chat.workspace]:
            return Refusal("conversation_not_found")
        if who not in chat.roles:
            return Refusal("not_a_participant")
        return None if chat.roles[who] in allowed else NOT_ALLOWED
