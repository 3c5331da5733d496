"""What is told and not stored: who types, who is there, who sent something twice."""

import contextlib
import logging
from collections.abc import Iterable

from chatctl_server import errors
from chatctl_server.actions import streams
from chatctl_server.api.context import Context
from chatctl_server.api.team.frames import shown
from chatctl_server.domain import times
from chatctl_server.domain.references import ChatRef
from chatctl_server.live.account_streams import Status, of_account, of_workspace
from chatctl_server.storage.chats import FoundChat
from chatctl_server.views.team import events as views

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
    after = there.status(account)
    if after == before:
        return
    if after == "offline":
        tell_absence(context, account, there.workspaces(account).values())
    else:
        tell_presence(context, account, after)


def tell_presence(
    context: Context, account: int, status: Status, *, but: int | None = None
) -> None:
    """In each workspace that the account is in."""
    numbers = context.account_streams.workspaces(account).values()
    _tell_status(context, account, status, times.now(), numbers, but)


def tell_absence(context: Context, account: int, workspaces: Iterable[int]) -> None:
    """Once it is stored since when."""
    numbers, at = list(workspaces), times.now()

    def stored(outcome: object) -> None:
        if isinstance(outcome, Exception):
            logger.error("when somebody was last seen could not be stored: %s", outcome)
        if context.account_streams.status(account) == "offline":  # nobody has come back meanwhile
            _tell_status(context, account, "offline", at, numbers)

    with contextlib.suppress(errors.StorageUnavailable):  # the server stops
        context.store.submit(streams.saw, (account, at), stored, reserved=True)


def _tell_status(
    context: Context,
    account: int,
    status: Status,
    at: int,
    workspaces: Iterable[int],
    but: int | None = None,
) -> None:
    for number in workspaces:
        told = views.presence(number, account, status, at)
        context.hub.signal(of_workspace(number), shown(told), but=but)


def tell_repeated(context: Context, chat: ChatRef, account: int, key: str) -> None:
    """To the sender, of a message that is stored already."""
    workspace = context.account_streams.workspaces(account).get(chat.scope)
    if workspace is not None:
        told = views.repeated(workspace, chat.id, account, key)
        context.hub.signal(of_account(account), shown(told))
