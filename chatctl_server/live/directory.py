"""What each post needs and hardly ever changes, in memory: which chat an account means by an id,
and what the account is called. Posting asks the database for neither."""

from chatctl_server.domain import account_events, events
from chatctl_server.domain.references import ChatRef
from chatctl_server.storage import accounts, chats
from chatctl_server.storage.store import Store

MANY = 50_000  # of each; then all are forgotten, and looked up again


class Directory:
    """What it knows is no permission: each action decides anew who may do something."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._chats: dict[tuple[int, int], ChatRef] = {}
        self._fullnames: dict[int, str] = {}
        self._changes = 0  # of accounts

    async def chat(self, account: int, chat_id: int) -> ChatRef:
        """A chat that the account could see at some time: its scope never changes. Raises
        ConversationNotFound."""
        key = account, chat_id
        found = self._chats.get(key)
        if found is None:
            found = (await self._store.read_live(chats.find, account, chat_id)).ref
            if len(self._chats) >= MANY:
                self._chats.clear()
            self._chats[key] = found
        return found

    async def fullname(self, account: int) -> str:
        found = self._fullnames.get(account)
        if found is None:
            seen = self._changes
            found = (await self._store.read_live(accounts.get, account)).fullname
            if seen == self._changes:  # or it may be the one from before
                if len(self._fullnames) >= MANY:
                    self._fullnames.clear()
                self._fullnames[account] = found
        return found

    def publish(self, entry: events.Event) -> None:
        match entry.payload:
            case (
                account_events.AccountChanged(account_id=account)
                | account_events.AccountErased(account_id=account)
            ):
                self._changes += 1
                self._fullnames.pop(account, None)
