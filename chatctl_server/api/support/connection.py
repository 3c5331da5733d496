"""A connection to the desk: what it sends becomes actions, what it is told goes through its
subscriber."""

import asyncio
import logging
import secrets
import time
from collections import deque
from collections.abc import Coroutine, Sequence, Set
from typing import Any

import msgspec

from chatctl_server import errors
from chatctl_server.actions import desk_streams
from chatctl_server.actions.desk_streams import DeskSubscription
from chatctl_server.actions.support_messages import Draft
from chatctl_server.api.context import Context
from chatctl_server.api.support import commands, desk_posts, message_routes, people
from chatctl_server.api.support.access import Access, admit_frame
from chatctl_server.api.support.broadcaster import AGENTS, VISITORS, SupportBroadcaster
from chatctl_server.api.support.missed import DeskCatchUp
from chatctl_server.domain import close_codes, event_id, times, token_bucket
from chatctl_server.domain.event_types import Role
from chatctl_server.domain.support import Person
from chatctl_server.live.presence import Slot
from chatctl_server.live.subscriber import Subscriber
from chatctl_server.storage import log, support_conversations, support_messages
from chatctl_server.storage.sql import Database
from chatctl_server.views.support import envelopes, frames

logger = logging.getLogger("chatctl.support")
MOST_WAITING = 64  # frames that were read, and wait for those before them
LOAD_LIMIT = 100
MOST_JOINED = 100
NONE: Set[str] = frozenset()


class DeskConnection(Slot):
    """The ``Handler`` of its connection. Without ``access`` it waits for ``Auth``."""

    __slots__ = (
        "_broadcaster",
        "_busy",
        "_context",
        "_deadline",
        "_entered",
        "_full_at",
        "_is_gone",
        "_is_there",
        "_is_welcomed",
        "_since",
        "_waiting",
        "account",
        "joined",
        "login_id",
        "person",
        "subscriber",
    )
    subscriber: Subscriber

    def __init__(
        self,
        context: Context,
        broadcaster: SupportBroadcaster,
        access: Access | None,
        since: str | None,
        address: str,
    ) -> None:
        whose = f"{id(self)}" if access is None else access.caller.user_id
        super().__init__(f"\0desk {whose}", address)  # no user of a room is called so
        self._context = context
        self._broadcaster = broadcaster
        self._entered = access
        self._since = since
        self._deadline: float | None = None
        self._busy: asyncio.Task[None] | None = None
        self._waiting: deque[bytes] | None = None  # most connections never send anything
        self._full_at = 0
        self._is_gone = self._is_there = self._is_welcomed = False
        self.person: Person | None = None
        self.account = 0
        self.login_id = ""
        self.joined: Set[str] = NONE

    async def serve(self, subscriber: Subscriber) -> None:
        """Of the connection that was answered."""
        self.subscriber = subscriber
        self._context.timer.add(self)
        if self._entered is None:
            loop, seconds = asyncio.get_running_loop(), self._context.settings
            self._deadline = loop.time() + seconds.handshake_timeout_seconds
        self._run(self._begin())
        await subscriber.transport.serve(self)

    # Its begin

    async def _begin(self) -> None:
        if self._entered is None:
            self._welcome(await self._context.store.read_live(log.newest_at))
        else:
            await self._enter(self._entered)

    def _welcome(self, newest_at: int) -> None:
        now, offset = max(times.now(), newest_at + 1), self._context.hub.published
        connection_id = event_id.make(now, secrets.randbits(62))
        told = envelopes.welcome(now, offset, connection_id)
        self.subscriber.replay([self.subscriber.transport.frame(told)])
        self._is_welcomed = True

    async def _enter(self, access: Access) -> None:
        """In log order: what follows in the log is not in what was found."""
        begun: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def listen(outcome: object) -> None:
            if begun.cancelled() or self._is_gone:
                return
            if not isinstance(outcome, DeskSubscription):
                assert isinstance(outcome, BaseException)
                begun.set_exception(outcome)
                return
            try:
                self._listen(access, outcome)
            except Exception as error:
                begun.set_exception(error)
            else:
                begun.set_result(self._context.hub.published)

        self._context.store.submit(desk_streams.begin, (access.find,), listen)
        until = await begun
        if self._since is not None:
            await self._catch_up(self._since, until)

    def _listen(self, access: Access, found: DeskSubscription) -> None:
        who, subscriber = found.who, self.subscriber
        self._entered = access
        self.person, self._deadline = who, None
        self.account, self.login_id = access.account, access.login_id
        subscriber.owner = who.id
        subscriber.view = VISITORS if who.is_visitor else AGENTS
        if self._is_welcomed:
            role = "visitor" if who.is_visitor else _highest(who)
            subscriber.push(frames.authenticated(who.id, role))
        else:
            self._welcome(found.newest_at)
        if self._since is not None:
            subscriber.is_catching_up = True
        self._is_there = True
        self._broadcaster.come(self, who, found.conversations)

    async def _catch_up(self, since: str, until: int) -> None:
        """``until``: where it began to listen."""
        await DeskCatchUp(self._context, self._broadcaster, self, until).run(since)
        self.subscriber.caught_up()

    def set_role(self, workspace: int, role: Role | None) -> bool:
        """Whether it had one there."""
        if self.person is None or self.person.is_visitor:
            return False
        roles = dict(self.person.roles)
        had = roles.pop(workspace, None)
        if role is not None:
            roles[workspace] = role
        self.person = self.person._replace(roles=roles)
        return had is not None

    # Inside

    def receive(self, message: bytes | None) -> None:
        """Answers reach the client in the order of its frames: while one waits, others do. What is
        no text, such as a ping, says nothing."""
        if self.subscriber.is_finished or not self._is_in_time() or message is None:
            return
        if self._waiting is None:
            self._waiting = deque()
        self._waiting.append(message)
        if len(self._waiting) >= MOST_WAITING:
            self.subscriber.transport.hold_reading()
        if self._busy is None:
            self._run(self._obey_all())

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        self._busy = asyncio.create_task(work, name="desk")
        self._busy.add_done_callback(self._ended)

    def _ended(self, work: asyncio.Task[None]) -> None:
        self._busy = None
        error = None if work.cancelled() else work.exception()
        if work.cancelled() or self._is_gone:
            return
        if error is not None:
            self._fail(error)
        elif self._waiting and not self.subscriber.is_finished:
            self._run(self._obey_all())

    def _fail(self, error: BaseException) -> None:
        match error:
            case errors.Unauthorized() | errors.CustomerNotFound():
                code = close_codes.BAD_TOKEN
            case errors.Banned():
                code = close_codes.BANNED
            case errors.NotAllowed():
                code = close_codes.NOT_ALLOWED
            case errors.ChatctlError():
                code = close_codes.TRY_LATER
            case _:
                logger.error("a connection to the desk failed", exc_info=error)
                code = close_codes.INTERNAL_ERROR
        last = frames.error(error) if isinstance(error, errors.ChatctlError) else None
        self.subscriber.finish(code, last)

    async def _obey_all(self) -> None:
        while self._waiting and not self.subscriber.is_finished:
            text = self._waiting.popleft()
            if not self._waiting:
                self.subscriber.transport.read_on()
            try:
                command = commands.decode(text)
            except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
                self._answer(frames.bad_frame(f"This is no frame of the desk's: {error}"))
                continue
            await self._obey(command)

    async def _obey(self, command: commands.Command) -> None:
        match command:
            case commands.PongFrame() | commands.ErrorAckFrame():
                pass
            case commands.PingFrame():
                self._answer(frames.pong(times.now()))
            case commands.AuthFrame(payload):
                await self._authenticate(payload)
            case _ if self.person is None:
                refusal = errors.Unauthorized("Send Auth first: {token} or {site, visitor}")
                self._answer(frames.error(refusal))
            case _:
                await self._act(command)

    async def _authenticate(self, payload: commands.AuthPayload) -> None:
        if self._entered is not None and self._entered.credential != people.OPEN:
            self._answer(frames.bad_frame("Auth comes once"))
            return
        access = await admit_frame(self._context, payload, self.address)
        if self._is_there:  # who was let in without showing anything shows something now
            self._leave()
        await self._enter(access)

    def _leave(self) -> None:
        self._is_there = False
        self._broadcaster.go(self)

    async def _act(self, command: commands.Command) -> None:
        client_msg_id = None
        try:
            match command:
                case commands.SendFrame(payload):
                    client_msg_id = payload.client_msg_id
                    await self._send(payload)
                case commands.JoinFrame(payload):
                    await self._join(payload.conversation_id)
                case commands.LeaveFrame(payload):
                    self._broadcaster.leave(self, payload.conversation_id)
                    self._answer(frames.left(payload.conversation_id))
                case commands.LoadHistoryFrame(payload):
                    await self._load_history(payload)
                case commands.TypingFrame(payload):
                    await self._signal(
                        payload.conversation_id,
                        frames.typing(payload.conversation_id, self._id),
                    )
                case commands.ReadFrame(payload):
                    await self._read(payload)
        except errors.ChatctlError as refusal:
            self._answer(frames.error(refusal, client_msg_id))

    @property
    def _id(self) -> str:
        return self._who.id

    @property
    def _who(self) -> Person:
        assert self.person is not None
        return self.person

    def _answer(self, payload: bytes) -> None:
        self.subscriber.push(payload)

    async def _send(self, payload: commands.DeskSendPayload) -> None:
        who, access = self._who, self._entered
        assert access is not None
        access.check_may_write()
        if access.credential == people.OPEN:
            sender_type = desk_posts.sender_type(payload.sender_type)
            who = people.posing_as(who, payload.sender_id, sender_type)
        draft = Draft(
            payload.content,
            payload.message_type,
            payload.client_msg_id,
            payload.file,
            payload.is_private,
        )
        actor = access.actor(self.address)
        posted = await desk_posts.post(self._context, actor, who, payload.conversation_id, draft)
        self._answer(frames.sent(posted.shown, duplicate=posted.is_duplicate))

    async def _join(self, conversation_id: str) -> None:
        await self._check_visible(conversation_id)
        if len(self.joined) >= MOST_JOINED and conversation_id not in self.joined:
            raise errors.Conflict(f"At most {MOST_JOINED} conversations are open at once")
        viewers = self._broadcaster.join(self, conversation_id)
        self.joined = {*self.joined, conversation_id}
        self._answer(frames.joined(conversation_id, viewers))

    async def _check_visible(self, conversation_id: str) -> None:
        """Raises ConversationNotFound."""
        if conversation_id not in self.joined:
            find = support_conversations.find
            await self._context.store.read_live(find, self._who, conversation_id)

    async def _signal(self, conversation_id: str, told: bytes) -> None:
        await self._check_visible(conversation_id)
        self._broadcaster.signal(self, conversation_id, told)

    async def _read(self, payload: commands.ReadPayload) -> None:
        """Of what a visitor sees, too: notes have been read by nobody."""
        asked = self._who, payload.conversation_id, payload.message_ids
        ids = await self._context.store.read_live(_public, *asked)
        told = frames.read(payload.conversation_id, self._id, ids)
        self._broadcaster.signal(self, payload.conversation_id, told)

    async def _load_history(self, payload: commands.DeskHistoryPayload) -> None:
        limit = max(1, min(payload.limit, LOAD_LIMIT))
        asked = self._who, payload.conversation_id, payload.before, limit + 1
        found = await self._context.store.read_live(message_routes.page, *asked)
        has_more = len(found) > limit
        told = frames.history(payload.conversation_id, found[:limit], has_more=has_more)
        await self.subscriber.drained()
        self._answer(told)

    def _is_in_time(self) -> bool:
        """False for a frame above INBOUND_FRAMES_PER_SECOND: the connection is closed."""
        limit = self._context.settings.inbound_frames_per_second
        if not limit:
            return True
        full_at = token_bucket.full_again(self._full_at, time.monotonic_ns() // 1000, limit)
        if full_at is None:
            self.subscriber.finish(close_codes.TOO_FAST)
            return False
        self._full_at = full_at
        return True

    def check(self, now: float) -> None:
        """Called by the timer."""
        self.subscriber.check(now)
        if self._deadline is not None and now >= self._deadline:
            self._deadline = None
            self.subscriber.finish(close_codes.NO_AUTHENTICATION)

    # Its end

    def disconnected(self) -> None:
        self._is_gone = True
        if self._busy is not None:
            self._busy.cancel()
        if self._is_there:
            self._leave()

    def ended(self) -> None:
        self._context.timer.discard(self)
        self._context.presence.free_slot(self)


def _public(db: Database, who: Person, conversation_id: str, ids: Sequence[str]) -> list[str]:
    ref = support_conversations.find(db, who, conversation_id).ref
    return support_messages.public(db, ref, ids)


def _highest(who: Person) -> Role:
    """Of an agent in several workspaces."""
    roles = set(who.roles.values())
    ranked: tuple[Role, ...] = ("owner", "admin", "agent")
    return next((each for each in ranked if each in roles), "agent")
