"""What the streams of accounts are told of each committed event, and which chats they listen to."""

from collections.abc import Iterable, Sequence

from chatctl_server.api.context import Context
from chatctl_server.api.team import frames, signals
from chatctl_server.api.team.new_chats import NewChats
from chatctl_server.domain import account_events, accounts, chat_events, close_codes, events
from chatctl_server.domain.references import ChatRef
from chatctl_server.live.account_streams import AccountStream, of_account, of_workspace
from chatctl_server.views.team import events as views


class TeamBroadcaster:
    """``erasures`` counts deletions: a page that was read before one may hold what is gone."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._hub = context.hub
        self._streams = context.account_streams
        self._new_chats = NewChats(context)
        self._hub.views.add(frames.SOCKET_VIEW, frames.STREAM_VIEW, frames.of_stream_frame)
        # Numbers of workspaces by scope: of those that somebody with a stream is, or was, in.
        self.workspaces: dict[int, int] = {}
        self.erasures = 0

    def publish(self, entry: events.Event) -> None:
        if isinstance(entry.payload, account_events.WorkspaceEvent):
            self._of_workspace(entry, entry.payload)
        elif isinstance(entry.payload, account_events.AccountEvent):
            self._of_account(entry.payload)
        elif entry.conversation is not None and entry.scope in self.workspaces:
            self._in_chat(ChatRef(entry.conversation, entry.scope), entry)

    # Chats

    def _in_chat(self, chat: ChatRef, entry: events.Event) -> None:
        """A stay begins before the event that begins it is told, and ends behind the one that ends
        it."""
        workspace = self.workspaces[chat.scope]
        match entry.payload:
            case events.ConversationCreated(members=members):
                for each in members:
                    self._listen(self._streams_of(each), chat)
            case events.ParticipantJoined(user_id):
                streams = self._streams_of(user_id)
                self._listen(streams, chat)
                self._new_chats.tell(chat, workspace, streams, entry.offset)
            case events.MessageDeleted() | events.MessageErased() as deleted:
                self._take_back(chat, deleted)
            case chat_events.ReadMoved() as moved if self._hub.listens(chat):
                told = views.message_read(entry, moved, workspace)
                self._hub.signal(chat, frames.shown(told))
        self._tell(chat, entry, workspace)
        match entry.payload:
            case events.ParticipantLeft(user_id):
                self._leave(self._streams_of(user_id), chat)
            case events.ConversationClosed():
                self._hub.dissolve(chat)

    def _tell(self, chat: ChatRef, entry: events.Event, workspace: int) -> None:
        if self._hub.listens(chat):
            told = views.of_event(entry, workspace)
            if told is not None:
                self._hub.publish((chat,), entry.offset, frames.shown(told, entry.offset))

    def _take_back(
        self, chat: ChatRef, deleted: events.MessageDeleted | events.MessageErased
    ) -> None:
        """Its texts are told to nobody any more."""
        self.erasures += 1
        for offset in (deleted.posted_offset, *deleted.edited_offsets):
            self._hub.revise((chat,), offset, {})

    def _streams_of(self, user_id: str) -> Sequence[AccountStream]:
        return self._streams.of(accounts.account_id(user_id))

    def _listen(self, streams: Iterable[AccountStream], chat: ChatRef) -> None:
        for each in streams:
            self._hub.add(chat, each.subscriber, each.subscriber.view)

    def _leave(self, streams: Iterable[AccountStream], chat: ChatRef) -> None:
        for each in streams:
            self._hub.leave(chat, each.subscriber)

    # Accounts and workspaces

    def _of_account(self, payload: account_events.AccountEvent) -> None:
        match payload:
            case account_events.SignedOut(account, login_ids):
                for each in self._streams.of(account):
                    if each.login_id in login_ids:
                        each.subscriber.finish(close_codes.BAD_TOKEN, overtaking=True)
            case account_events.AccountSuspended(account) | account_events.AccountErased(account):
                for each in self._streams.of(account):
                    each.subscriber.finish(close_codes.BAD_TOKEN, overtaking=True)

    def _of_workspace(self, entry: events.Event, payload: account_events.WorkspaceEvent) -> None:
        scope, number = entry.scope or 0, payload.workspace_id
        match payload:
            case account_events.WorkspaceMemberJoined(_, account):
                for each in self._streams.of(account):
                    self._enter(each, scope, number)
            case account_events.WorkspaceMemberLeft(_, account):
                for each in self._streams.of(account):
                    self._exit(each, scope)
            case account_events.WorkspaceDeleted():
                for each in self._streams.everybody():
                    self._exit(each, scope)

    def _enter(self, stream: AccountStream, scope: int, number: int) -> None:
        self.workspaces[scope] = stream.workspaces[scope] = number
        self._hub.add(of_workspace(number), stream.subscriber, stream.subscriber.view)

    def _exit(self, stream: AccountStream, scope: int) -> None:
        number = stream.workspaces.pop(scope, None)
        if number is None:
            return
        subscriber = stream.subscriber
        self._streams.changes[number].pop(stream.account, None)
        self._hub.leave(of_workspace(number), subscriber)
        for key in list(subscriber.keys or ()):
            if isinstance(key, ChatRef) and key.scope == scope:
                self._hub.leave(key, subscriber)

    # Streams

    def come(self, stream: AccountStream, chats: Iterable[ChatRef]) -> None:
        """It listens from what is published now on."""
        there, subscriber = self._streams, stream.subscriber
        account, numbers = stream.account, stream.workspaces.values()
        before = there.status(account)
        self.workspaces.update(stream.workspaces)
        there.add(stream)
        signals.change_presence(self._context, account, before, numbers, but=account)
        keys = (*chats, of_account(account), *map(of_workspace, numbers))
        self._hub.join_many(dict.fromkeys(keys, subscriber.view), subscriber, self._hub.published)

    def go(self, stream: AccountStream) -> None:
        there, account = self._streams, stream.account
        before = there.status(account)
        self._hub.leave_all(stream.subscriber)
        there.remove(stream)
        signals.change_presence(self._context, account, before, stream.workspaces.values())

    def skip(self, entry: events.Event) -> None:
        """Whoever is in that workspace comes back and reads what it missed: it cannot be told
        which of them it concerned."""
        for each in self._streams.everybody():
            if entry.scope is None or entry.scope in each.workspaces:
                each.subscriber.finish(close_codes.TRY_LATER)

    def stop(self) -> None:
        self._context.typing.stop_all()
        self._new_chats.stop()
        self._streams.presence_due.stop()
        for each in self._streams.everybody():
            each.subscriber.finish(close_codes.RESTART)
