"""One client in one room: what it sends becomes actions, what it is told goes through its
subscriber."""

import asyncio
import functools
import logging
import time
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from chatctl_server import errors
from chatctl_server.actions import custom_events, messages, moderation
from chatctl_server.api.context import Context
from chatctl_server.api.rooms import commands
from chatctl_server.api.rooms.identity import Joiner
from chatctl_server.domain import close_codes
from chatctl_server.domain.references import RoomRef
from chatctl_server.live.presence import Connection
from chatctl_server.storage import history_pages
from chatctl_server.storage.messages import newest_below
from chatctl_server.storage.store import CALL_BYTES
from chatctl_server.views.rooms import frames
from chatctl_server.views.rooms.refusals import RoomWords

logger = logging.getLogger("chatctl.rooms")

MAX_IN_FLIGHT = 256
LOAD_LIMIT = 100
ADMIN_COMMANDS = ("KickUser", "MuteUser", "UnmuteUser", "CustomEvent")


class RoomConnection(Connection):
    """A user's commands to the room. Admin commands of others are silently ignored."""

    __slots__ = (
        "_actor",
        "_context",
        "_in_flight",
        "_is_open",
        "_next",
        "_room",
        "_slow",
        "_waiting",
        "_words",
    )

    def __init__(
        self, context: Context, words: RoomWords, room: RoomRef, joiner: Joiner, address: str
    ) -> None:
        super().__init__(room, joiner.user_id, joiner.nickname, address)
        self._context = context
        self._words = words
        self._room = room
        self._actor = joiner.actor(address)
        self._is_open = False  # to commands: the user has joined
        self._in_flight = 0
        self._next: Callable[[], None] | None = None  # what waits for the posts in flight
        self._slow: asyncio.Task[None] | None = None  # a command that waits for its answer
        self._waiting: deque[bytes] | None = None  # what had been read when it began

    def begin(self) -> None:
        """The user has joined: what was sent before has its turn."""
        self._is_open = True
        self._go_on()

    def command(self, frame: bytes) -> None:
        """Answers reach the client in the order of its frames: while one waits, others do."""
        if self._is_open and not self._is_held:
            self._handle(frame)
            return
        if self._waiting is None:
            self._waiting = deque()
        self._waiting.append(frame)
        self.subscriber.transport.hold_reading()

    @property
    def _is_held(self) -> bool:
        is_busy = self._slow is not None or self._next is not None
        return is_busy or self._in_flight >= MAX_IN_FLIGHT

    def end(self) -> None:
        self._next = None
        if self._slow is not None:
            self._slow.cancel()
        self._waiting = None

    def _handle(self, frame: bytes) -> None:
        try:
            self._obey(commands.decode(frame), len(frame))
        except commands.UnreadableText as bad:
            self._refuse_text(bad)
        except Exception:
            logger.exception("a command failed")
            self.subscriber.finish(close_codes.INTERNAL_ERROR)

    def _obey(self, command: commands.Command | None, size: int) -> None:
        match command:
            case commands.SendMessage(payload):
                self._send(payload, size)
            case commands.Ping(payload):
                self._answer(frames.pong(payload.timestamp))
            case commands.LoadHistory(payload):
                self._after_posts(lambda: self._begin(self._load_history(payload)))
            case None:
                pass
            case _ if self.is_admin:  # it overtakes what is queued
                self._begin(self._administer(command))

    def _answer(self, payload: bytes) -> None:
        self._after_posts(lambda: self.subscriber.push(payload))

    def _after_posts(self, act: Callable[[], None]) -> None:
        """At once or, so that answers are in the order of frames, when the posts in flight have
        theirs."""
        if self._in_flight:
            self._next = act
            self.subscriber.transport.hold_reading()
        else:
            act()

    def _begin(self, command: Coroutine[Any, Any, None]) -> None:
        self._slow = asyncio.create_task(command, name="command")
        self._slow.add_done_callback(self._ended)
        self.subscriber.transport.hold_reading()

    def _ended(self, command: asyncio.Task[None]) -> None:
        self._slow = None
        if command.cancelled():
            return
        error = command.exception()
        if error is not None:
            logger.error("a command failed", exc_info=error)
            self.subscriber.finish(close_codes.INTERNAL_ERROR)
            return
        self._go_on()

    def _go_on(self) -> None:
        """With what waits, as far as nothing new has to be waited for."""
        waiting = self._waiting
        while self._is_open and not (self._is_held or self.subscriber.is_finished):
            if not waiting:
                self._waiting = None
                self.subscriber.transport.read_on()
                return
            self._handle(waiting.popleft())

    def _send(self, payload: commands.SendPayload, size: int) -> None:
        post = messages.Post(
            ref=self._room,
            actor=self._actor,
            sender=self.user_id,
            nickname=self.nickname,
            content=payload.content,
            client_msg_id=payload.client_msg_id,
            interval_seconds=self._context.settings.user_message_interval_secs,
        )
        done = functools.partial(self._sent, payload.client_msg_id, time.perf_counter())
        try:
            messages.check(post, self._context.settings.max_message_bytes)
            self._context.store.submit(messages.POST, (post,), done, size=size + CALL_BYTES)
        except errors.ChatctlError as refusal:
            self._answer(frames.error(refusal, payload.client_msg_id))
            return
        self._in_flight += 1
        if self._in_flight >= MAX_IN_FLIGHT:
            self.subscriber.transport.hold_reading()

    def _sent(self, client_msg_id: str | None, started: float, outcome: object) -> None:
        if isinstance(outcome, messages.Posted):
            self._context.metrics.processing_seconds.observe(time.perf_counter() - started)
            if client_msg_id is not None:
                self.subscriber.push(
                    frames.ack(client_msg_id, outcome.message_id, outcome.seq, outcome.duplicate)
                )
        elif isinstance(outcome, errors.Muted):
            self.subscriber.push(frames.YOU_ARE_MUTED)
        else:
            if not isinstance(outcome, errors.ChatctlError):
                logger.error("a message could not be stored", exc_info=exception(outcome))
                outcome = errors.NotStored("Something unexpected happened")
            self.subscriber.push(frames.error(self._words.of_a_message(outcome), client_msg_id))
        self._in_flight -= 1
        act = self._next
        if act is not None and not self._in_flight:
            self._next = None
            act()
            self._go_on()
        elif self._in_flight == MAX_IN_FLIGHT - 1:
            self._go_on()

    def _refuse_text(self, bad: commands.UnreadableText) -> None:
        """By rule, what a non-admin commands is ignored, whatever is wrong with it."""
        if bad.command in ADMIN_COMMANDS and not self.is_admin:
            return
        refusal = errors.BadText("The text is no valid Unicode")
        self._answer(frames.error(refusal, bad.client_msg_id))

    async def _load_history(self, payload: commands.HistoryPayload) -> None:
        limit = max(1, min(payload.limit, LOAD_LIMIT))
        before = history_pages.LATEST if payload.before is None else payload.before
        before = max(0, min(before, history_pages.LATEST))
        store = self._context.store
        try:
            rows = await store.read_live(newest_below, self._room, before, limit)
        except errors.ChatctlError as refusal:
            self._answer(frames.error(refusal))
            return
        history = frames.history(rows, has_more=bool(rows) and rows[0].seq > 1)
        await self.subscriber.drained()  # answers that wait go before it
        self.subscriber.replay([self.subscriber.transport.frame(history)])
        await self.subscriber.drained()

    async def _administer(self, command: commands.Command) -> None:
        try:
            match command:
                case commands.KickUser(payload):
                    await self._write(moderation.ban, payload.user_id, None, None)
                case commands.MuteUser(payload):
                    await self._write(moderation.mute, payload.user_id, None, None)
                case commands.UnmuteUser(payload):
                    await self._write(moderation.unmute, payload.user_id)
                case commands.CustomEvent(payload):
                    await self._write(
                        custom_events.send,
                        self.user_id,
                        payload.event_type,
                        msgspec.Raw(bytes(payload.payload)),
                        size=len(bytes(payload.payload)) + CALL_BYTES,
                    )
        except errors.Forbidden:
            pass  # the role was taken away meanwhile
        except errors.ChatctlError as refusal:
            self._answer(frames.error(self._words.of(refusal)))

    async def _write(
        self, action: Callable[..., Any], *arguments: Any, size: int = CALL_BYTES
    ) -> None:
        store = self._context.store
        await store.write_urgent(action, self._actor, self._room, *arguments, size=size)


def exception(outcome: object) -> BaseException | None:
    return outcome if isinstance(outcome, BaseException) else None
