"""Who is connected: one connection per user and conversation, counted per user and address."""

from collections import Counter
from collections.abc import Collection
from typing import TypeVar

import msgspec

from chatctl_server import errors
from chatctl_server.domain.references import ConversationRef
from chatctl_server.live.subscriber import Subscriber

Ref = TypeVar("Ref", bound=ConversationRef)


class Slot:
    """What a connection takes of the limits, from before the upgrade to its very end. ``is_users``:
    it counts as one of the user's; no more once it was shown out, however long it closes."""

    __slots__ = ("address", "is_users", "user_id")

    def __init__(self, user_id: str, address: str) -> None:
        self.user_id = user_id
        self.address = address
        self.is_users = True


class Connection(Slot):
    """A user's connection to a conversation, from before the upgrade to its very end.

    ``session_id`` and ``join_time``, in microseconds, are 0 until it has joined; its ``subscriber``
    is made with the upgrade. ``is_admin`` follows what was committed: who has no such role
    is refused by it, before the writer is asked. What it lets pass is decided by the action.
    """

    __slots__ = (
        "conversation",
        "is_admin",
        "join_time",
        "nickname",
        "session_id",
        "subscriber",
    )
    subscriber: Subscriber

    def __init__(
        self, conversation: ConversationRef, user_id: str, nickname: str, address: str
    ) -> None:
        super().__init__(user_id, address)
        self.conversation = conversation
        self.nickname = nickname
        self.session_id = 0
        self.join_time = 0
        self.is_admin = False


class Limits(msgspec.Struct, frozen=True):
    """0 switches a limit off."""

    connections: int
    per_user: int = 0
    per_address: int = 0


class Presence:
    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._by_conversation: dict[ConversationRef, dict[str, Connection]] = {}
        self._per_user: Counter[str] = Counter()
        self._per_address: Counter[str] = Counter()
        self.connections = 0
        self.most_connections = 0  # since a crowd has gone
        self.opened = 0  # since the start
        self.refused = 0

    # Slots: taken before the upgrade, given back at the end

    def take_slot(self, slot: Slot) -> None:
        """Raises ConnectionLimit at one of the limits. One that replaces the user's own connection
        to the conversation is let in beyond the limit per user."""
        conversation = slot.conversation if isinstance(slot, Connection) else None
        self.check_slot(conversation, slot.user_id, slot.address)
        self.connections += 1
        self.most_connections = max(self.most_connections, self.connections)
        self.opened += 1
        self._per_user[slot.user_id] += 1
        self._per_address[slot.address] += 1

    def check_slot(self, conversation: ConversationRef | None, user_id: str, address: str) -> None:
        """Raises what ``take_slot`` would."""
        replaces = conversation is not None and self.find(conversation, user_id) is not None
        try:
            self._check_limits(user_id, address, replaces=replaces)
        except errors.ConnectionLimit:
            self.refused += 1
            raise

    def _check_limits(self, user_id: str, address: str, *, replaces: bool) -> None:
        limits = self._limits
        if self.connections >= limits.connections:
            raise errors.ConnectionLimit(
                f"The server has its {limits.connections} connections (MAX_CONNECTIONS)",
                retry_after=5,
            )
        if limits.per_user and self._per_user[user_id] - replaces >= limits.per_user:
            raise errors.ConnectionLimit(
                f"This user has {limits.per_user} connections (MAX_CONNECTIONS_PER_USER)"
            )
        if limits.per_address and self._per_address[address] >= limits.per_address:
            raise errors.ConnectionLimit(
                f"This address has {limits.per_address} connections (MAX_CONNECTIONS_PER_ADDRESS)"
            )

    def free_slot(self, slot: Slot) -> None:
        self.connections -= 1
        self._free_users(slot)
        _less(self._per_address, slot.address)

    def _free_users(self, slot: Slot) -> None:
        if slot.is_users:
            slot.is_users = False
            _less(self._per_user, slot.user_id)

    # Who is where

    def add(self, connection: Connection) -> None:
        members = self._by_conversation.setdefault(connection.conversation, {})
        members[connection.user_id] = connection

    def remove(self, connection: Connection) -> bool:
        """A newer connection of the same user stays. False when it was not there any more."""
        self._free_users(connection)
        members = self._by_conversation.get(connection.conversation, {})
        if members.get(connection.user_id) is not connection:
            return False
        del members[connection.user_id]
        if not members:
            del self._by_conversation[connection.conversation]
        return True

    def set_admins(self, conversation: ConversationRef, user_ids: Collection[str]) -> None:
        for connection in self._by_conversation.get(conversation, {}).values():
            connection.is_admin = connection.user_id in user_ids

    def find(self, conversation: ConversationRef, user_id: str) -> Connection | None:
        return self._by_conversation.get(conversation, {}).get(user_id)

    def members(self, conversation: ConversationRef) -> list[Connection]:
        """Sorted by user id."""
        found = self._by_conversation.get(conversation, {})
        return [found[user_id] for user_id in sorted(found)]

    def of_kind(self, kind: type[Ref]) -> list[tuple[Ref, Connection]]:
        """All of them, in the order of their joins."""
        found = [
            (ref, each)
            for ref, members in self._by_conversation.items()
            if isinstance(ref, kind)
            for each in members.values()
        ]
        return sorted(found, key=lambda one: (one[1].join_time, one[1].session_id))

    def current_users(self, conversation: ConversationRef) -> int:
        return len(self._by_conversation.get(conversation, ()))

    @property
    def active_users(self) -> int:
        return len(self._per_user)


def _less(counter: Counter[str], key: str) -> None:
    counter[key] -= 1
    if not counter[key]:
        del counter[key]
