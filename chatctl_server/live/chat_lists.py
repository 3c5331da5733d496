"""Each user's list of chats, encoded, in memory for as long as nothing changes.

An event that changes a chat makes every list read that chat anew, and no other, when it is asked
for; what an event costs does not depend on how many are in the chat. A list is as new as the moment
it was asked for: what it has was read from a snapshot at or behind every event published by then.
"""

import time
from collections.abc import Collection, Iterable
from typing import NamedTuple

import msgspec

from chatctl_server.domain import accounts, chat_events, events
from chatctl_server.domain.references import ROOMS
from chatctl_server.storage import chat_lists
from chatctl_server.storage.sql import Database
from chatctl_server.storage.store import Store
from chatctl_server.storage.unread import Unread
from chatctl_server.storage.workspaces import WorkspaceRef
from chatctl_server.views.team import chats as views

MOST_BYTES = 64 * 2**20  # of all lists; beyond it the one read longest ago goes
MANY = 100_000  # chats that changed; beyond it everything is read anew
_ITEM_BYTES = 300  # of an item, beside its text
_SHOWS_NOTHING = (
    chat_events.PreferencesSet,
    chat_events.ReactionAdded,
    chat_events.ReactionRemoved,
    chat_events.MessagePinned,
    chat_events.MessageUnpinned,
)


class Item(NamedTuple):
    """``order`` is larger for newer activity; ``offset``: up to where the log was published when
    it was read, at least."""

    order: tuple[int, int]
    data: bytes
    offset: int
    unread: Unread | None = None


_TO_READ = Item((0, 0), b"", -1)


class _List:
    """``moved``: by chat, the newest event that concerns what this user alone sees of it."""

    __slots__ = ("_in_order", "is_whole", "items", "moved", "read_at", "size")

    def __init__(self, read_at: float) -> None:
        self.items: dict[int, Item] = {}
        self.moved: dict[int, int] = {}
        self.is_whole = False
        self.read_at = read_at
        self.size = 0
        self._in_order: list[bytes] | None = None

    def put(self, asked: Collection[int], found: dict[int, Item], offset: int) -> None:
        """What was asked for and not found is none of the user's chats any more, unless it is one
        again. Of two reads at once the newer one counts."""
        self.is_whole = True
        self._in_order = None
        gone = Item((0, 0), b"", offset)
        for chat in {*asked, *found}:
            there = self.items.pop(chat, _TO_READ)
            kept = max(found.get(chat, gone), there, key=lambda each: each.offset)
            is_moved = self.moved.get(chat, 0) > kept.offset
            if kept.data or is_moved:
                self.items[chat] = kept
            if not is_moved:
                self.moved.pop(chat, None)
            self.size += _size(kept) - _size(there)

    def encoded(self) -> bytes:
        if self._in_order is None:
            read = [each for each in self.items.values() if each.data]
            read.sort(key=lambda each: each.order, reverse=True)
            self._in_order = [each.data for each in read]
        return b"[" + b",".join(self._in_order) + b"]"


Key = tuple[int, int]  # account, and scope of the workspace


def _size(item: Item) -> int:
    return len(item.data) + _ITEM_BYTES if item.data else 0


class ChatLists:
    """``seconds``: how long a list is kept at most; 0: it is read each time."""

    def __init__(self, store: Store, seconds: float) -> None:
        self._store = store
        self._seconds = seconds
        self._lists: dict[Key, _List] = {}  # the one read longest ago comes first
        self._changed: dict[int, int] = {}  # by chat, the newest event that everybody sees
        self._offset = 0  # of the newest event of a chat that was published
        self._size = 0

    def publish(self, entry: events.Event) -> None:
        chat = entry.conversation
        if chat is None or entry.scope in (None, ROOMS):
            return
        self._offset = entry.offset
        if not self._lists or isinstance(entry.payload, _SHOWS_NOTHING):
            return
        match entry.payload:
            case chat_events.ReadMoved(user_id):
                self._move(entry, [user_id])
            case events.ParticipantJoined(user_id):
                self._change(chat, entry.offset)
                self._move(entry, [user_id])
            case events.ConversationCreated() as made:
                self._move(entry, made.members)
            case _:
                self._change(chat, entry.offset)

    async def of(self, workspace: WorkspaceRef, account: int) -> bytes:
        """The whole list as JSON, newest activity first."""
        return (await self._fresh(workspace, account)).encoded()

    async def unread(self, workspace: WorkspaceRef, account: int) -> list[Unread]:
        """Of each chat, by its number."""
        kept = await self._fresh(workspace, account)
        found = [each.unread for each in kept.items.values() if each.unread is not None]
        return sorted(found, key=lambda each: each.chat_id)

    async def _fresh(self, workspace: WorkspaceRef, account: int) -> _List:
        now, key = time.monotonic(), (account, workspace.scope)
        self._forget_old(now)
        kept = self._list(key, now)
        asked = self._stale(kept) if kept.is_whole else None
        if asked is None or asked:
            offset = self._offset
            read = await self._store.read(_read, workspace, account, offset, asked)
            before = kept.size
            kept.put(asked or (), read, offset)
            if self._lists.get(key) is kept:
                self._size += kept.size - before
                self._make_room()
        return kept

    def _list(self, key: Key, now: float) -> _List:
        kept = self._lists.get(key)
        if kept is None:
            kept = _List(now)
            if self._seconds:
                self._lists[key] = kept
        return kept

    def _stale(self, kept: _List) -> list[int]:
        changed, moved = self._changed, kept.moved
        return [
            chat
            for chat, item in kept.items.items()
            if changed.get(chat, 0) > item.offset or moved.get(chat, 0) > item.offset
        ]

    def _change(self, chat: int, offset: int) -> None:
        if len(self._changed) >= MANY:
            self._forget_all()
        self._changed[chat] = offset

    def _move(self, entry: events.Event, user_ids: Iterable[str]) -> None:
        for each in user_ids:
            kept = self._lists.get((accounts.account_id(each), entry.scope or 0))
            if kept is not None and entry.conversation is not None:
                kept.moved[entry.conversation] = entry.offset
                kept.items.setdefault(entry.conversation, _TO_READ)

    def _forget_old(self, now: float) -> None:
        while self._lists:
            oldest = next(iter(self._lists))
            if now - self._lists[oldest].read_at < self._seconds:
                break
            self._forget(oldest)
        if not self._lists:
            self._changed.clear()

    def _make_room(self) -> None:
        while self._size > MOST_BYTES:
            self._forget(next(iter(self._lists)))

    def _forget(self, key: Key) -> None:
        self._size -= self._lists.pop(key).size

    def _forget_all(self) -> None:
        self._lists.clear()
        self._changed.clear()
        self._size = 0


def _read(
    db: Database,
    workspace: WorkspaceRef,
    account: int,
    offset: int,
    chats: Collection[int] | None = None,
) -> dict[int, Item]:
    """A query."""
    encode = msgspec.json.Encoder().encode
    return {
        each.chat.id: Item(
            (each.activity, each.chat.id),
            encode(views.item(each, workspace.number, account)),
            offset,
            each.unread,
        )
        for each in chat_lists.mine(db, workspace, account, chats)
    }
