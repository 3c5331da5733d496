"""One client in one room: what it sends becomes actions, what it is sent goes through its
outbox."""

import asyncio
import functools
import logging
import time
from collections.abc import Callable
from typing import Any

import msgspec

from chatctl_server import errors
from chatctl_server.actions import conversations, custom_events, messages, moderation
from chatctl_server.api.context import Context
from chatctl_server.api.rooms import commands
from chatctl_server.domain import events
from chatctl_server.live.presence import Connection
from chatctl_server.storage import history_pages
from chatctl_server.storage.messages import newest_below
from chatctl_server.storage.store import CALL_BYTES
from chatctl_server.views.rooms import frames
from chatctl_server.views.rooms.refusals import in_room_words, of_a_message

logger = logging.getLogger("chatctl.rooms")

MAX_IN_FLIGHT = 256
LOAD_LIMIT = 100
ADMIN_COMMANDS = ("KickUser", "MuteUser", "UnmuteUser", "CustomEvent")


class RoomConnection:
    """The joined user's commands. Admin commands of others are silently ignored."""

    def __init__(
        self,
        context: Context,
        connection: Connection,
        actor: events.Actor,
    ) -> None:
        self._context = context
        self._connection = connection
        self._outbox = connection.outbox
        self._room = connection.conversation
        self._actor = actor
        self._in_flight = 0
        self._below_limit = asyncio.Event()
        self._below_limit.set()

    async def handle(self, frame: str) -> None:
        """Returns when the next command may be read."""
        try:
            command = commands.decode(frame)
        except commands.UnreadableText as bad:
            self._refuse_text(bad)
            return
        match command:
            case commands.SendMessage(payload):
                self._send(payload, len(frame))
                await self._below_limit.wait()
            case commands.Ping(payload):
                self._outbox.push(frames.pong(payload.timestamp))
            case commands.LoadHistory(payload):
                await self._load_history(payload)
            case None:
                pass
            case _ if self._connection.is_admin:
                await self._administer(command)

    def _send(self, payload: commands.SendPayload, size: int) -> None:
        post = messages.Post(
            ref=self._room,
            actor=self._actor,
            sender=self._actor.user_id or "",
            nickname=self._connection.nickname,
            content=payload.content,
            client_msg_id=payload.client_msg_id,
            interval_seconds=self._context.settings.user_message_interval_secs,
        )
        done = functools.partial(self._sent, payload.client_msg_id, time.perf_counter())
        try:
            messages.check(post, self._context.settings.max_message_bytes)
            self._context.store.submit(messages.POST, (post,), done, size=size + CALL_BYTES)
        except errors.ChatctlError as refusal:
            self._refuse(refusal, payload.client_msg_id)
            return
        self._in_flight += 1
        if self._in_flight >= MAX_IN_FLIGHT:
            self._below_limit.clear()

    def _sent(self, client_msg_id: str | None, started: float, outcome: object) -> None:
        self._in_flight -= 1
        self._below_limit.set()
        if isinstance(outcome, messages.Posted):
            self._context.metrics.processing_seconds.observe(time.perf_counter() - started)
            if client_msg_id is not None:
                self._outbox.push(
                    frames.ack(client_msg_id, outcome.message_id, outcome.seq, outcome.duplicate)
                )
        elif isinstance(outcome, errors.Muted):
            self._outbox.push(frames.YOU_ARE_MUTED)
        elif isinstance(outcome, errors.ChatctlError):
            self._refuse(of_a_message(outcome), client_msg_id)
        else:
            logger.error("a message could not be stored", exc_info=_exception(outcome))
            self._refuse(errors.NotStored("Something unexpected happened"), client_msg_id)

    def _refuse(self, refusal: errors.ChatctlError, client_msg_id: str | None = None) -> None:
        self._outbox.push(frames.error(refusal, client_msg_id))

    def _refuse_text(self, bad: commands.UnreadableText) -> None:
        """By rule, what a non-admin commands is ignored, whatever is wrong with it."""
        if bad.command in ADMIN_COMMANDS and not self._connection.is_admin:
            return
        self._refuse(errors.BadText("The text is no valid Unicode"), bad.client_msg_id)

    async def _load_history(self, payload: commands.HistoryPayload) -> None:
        limit = max(1, min(payload.limit, LOAD_LIMIT))
        before = history_pages.LATEST if payload.before is None else payload.before
        before = max(0, min(before, history_pages.LATEST))
        store = self._context.store
        try:
            rows = await store.read_live(newest_below, self._room, before, limit)
        except errors.ChatctlError as refusal:
            self._refuse(refusal)
            return
        self._outbox.replay([frames.history(rows, has_more=bool(rows) and rows[0].seq > 1)])
        await self._outbox.drained()

    async def _administer(self, command: commands.Command) -> None:
        try:
            match command:
                case commands.KickUser(payload):
                    await self._as_admin(moderation.ban, payload.user_id, None, None)
                case commands.MuteUser(payload):
                    await self._as_admin(moderation.mute, payload.user_id, None, None)
                case commands.UnmuteUser(payload):
                    await self._as_admin(moderation.unmute, payload.user_id)
                case commands.CustomEvent(payload):
                    await self._as_admin(
                        custom_events.send,
                        self._actor.user_id,
                        payload.event_type,
                        msgspec.Raw(bytes(payload.payload)),
                        size=len(bytes(payload.payload)) + CALL_BYTES,
                    )
        except errors.Forbidden:
            pass  # the role was taken away meanwhile
        except errors.ChatctlError as refusal:
            self._refuse(in_room_words(refusal))

    async def _as_admin(
        self, action: Callable[..., Any], *arguments: Any, size: int = CALL_BYTES
    ) -> None:
        await self._context.store.write_urgent(
            conversations.as_admin, self._actor, self._room, action, *arguments, size=size
        )


def _exception(outcome: object) -> BaseException | None:
    return outcome if isinstance(outcome, BaseException) else None
