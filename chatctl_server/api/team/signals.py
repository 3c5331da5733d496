"""What is told and not stored: who types, who is there, who sent something twice."""

import contextlib
import logging
from collections.abc import Iterable
from functools import partial
from operator import itemgetter

from chatctl_server import errors
from chatctl_server.actions import streams
from chatctl_server.api.context import Context
from chatctl_server.api.team.frames import shown
from chatctl_server.domain import times
from chatctl_server.domain.references import ChatRef
from chatctl_server.live.account_streams import Status, of_account, of_workspace
from chatctl_server.storage.chats import FoundChat
from chatctl_server.views.team import events as views

ALIKE_FROM = 50  # changes at once: everybody is told the same bytes, who comes also of themselves
logger = logging.getLogger("chatctl.team")


def start_typing(context: Context, chat: FoundChat, account: int, name: str) -> None:
    """To the other members; again only when it had ended."""

    def ended() -> None:
        _tell_typing(context, chat, account, name, is_typing=False)

    if context.typing.start((chat.ref, account), ended):
        _tell_typing(context, chat, account, name, is_typing=True)


def stop_typing(context: Context, chat: FoundChat, account: int, name: str) -> None:
    if context.typing.stop((chat.ref, account)):
        _tell_typing(context, chat, account, name, is_typing=False)


def _tell_typing(
    context: Context, chat: FoundChat, account: int, name: str, *, is_typing: bool
) -> None:
    told = views.typing(chat.workspace, chat.ref.id, account, name, is_typing=is_typing)
    context.hub.signal(chat.ref, shown(told), but=account)


def choose_presence(context: Context, account: int, status: Status) -> None:
    """What one wants to be seen as, while one has a stream."""
    there = context.account_streams
    before = there.status(account)
    there.choose(account, status)
    change_presence(context, account, before, there.workspaces(account).values())


def change_presence(
    context: Context,
    account: int,
    before: Status,
    workspaces: Iterable[int],
    but: int | None = None,
) -> None:
    """Told in each of those workspaces at the end of the second, as it is then; that somebody has
    gone, once it is stored since when."""
    there, numbers, at = context.account_streams, list(workspaces), times.now()

    def stored(outcome: object = None) -> None:
        if isinstance(outcome, Exception):
            logger.error("when somebody was last seen could not be stored: %s", outcome)
        for number in numbers:
            changes = there.changes[number]
            changes[account] = max((at, but), changes.get(account, (0, None)), key=itemgetter(0))
            there.presence_due.changed(number, partial(_tell_presence, context))

    after = there.status(account)
    if after == before:
        return
    if after != "offline":
        stored()
        return
    with contextlib.suppress(errors.StorageUnavailable):  # the server stops
        context.store.submit(streams.saw, (account, at), stored, reserved=True)


def _tell_presence(context: Context, workspace: int) -> None:
    there = context.account_streams
    changes = there.changes.pop(workspace, {})
    for account, (at, but) in changes.items():
        told = views.presence(workspace, account, there.status(account), at)
        left_out = but if len(changes) < ALIKE_FROM else None
        context.hub.signal(of_workspace(workspace), shown(told), but=left_out)


def tell_repeated(context: Context, chat: ChatRef, account: int, key: str) -> None:
    """To the sender, of a message that is stored already."""
    workspace = context.account_streams.workspaces(account).get(chat.scope)
    if workspace is not None:
        told = views.repeated(workspace, chat.id, account, key)
        context.hub.signal(of_account(account), shown(told))
