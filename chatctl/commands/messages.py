"""``chatctl say`` and ``chatctl messages``."""

import sys
import time
import uuid
from typing import Annotated

from chatctl.commands import room_users
from chatctl.commands.rooms import NO_WAS_ANSWERED, ask, check_terminal
from chatctl.input import rooms, targets, team, times
from chatctl.input.targets import MESSAGE
from chatctl.link import connection
from chatctl.link.client import Client, Json
from chatctl.shell import bulk, failures
from chatctl.shell.bulk import Said
from chatctl.shell.failures import Failure
from chatctl.shell.options import Options, RoomOption, arg, only_room, opt, room_and_rest, verb
from chatctl.show import output
from chatctl.show.visible import cell, visible

_LONG_SECONDS = 3600  # that a user's messages may take
_OF_CHATS = "/management/messages"
_SHOWN = output.columns(
    "id id number; chat_id chat number; seq seq number; sender_id sender number; "
    "sender_name name; content text; created_at created time; edited_at edited time"
)
_SAID = output.columns("message_id message id; seq seq number; created_at created time")


@verb(
    "say",
    "chatctl say lobby Back in ten minutes",
    "chatctl say chat:news - --as anna@example.org <text",
    exits=(3, 4, 5),
    changes=True,
)
def say(
    options: Options,
    words: Annotated[list[str] | None, arg("ROOM TEXT…")] = None,
    room: RoomOption = None,
    user: Annotated[
        str | None, opt("--as", "Post as this user; in a chat as this account.", "USER")
    ] = None,
) -> None:
    """Post a message to a room, or to a chat (chat:ID), as the system or as a user."""
    named, text = room_and_rest(words, room, "ROOM TEXT…")
    content = content_of(text)
    with connection.open(options, writes=True) as server:
        chat = team.find_chat(server, named)
        posted = (
            _said_in_room(server, named, content, user)
            if chat is None
            else _said_in_chat(server, chat, content, user)
        )
    row = {"changed": not posted["duplicate"], **posted}
    if options.json:
        output.document(output.with_times(_SAID, row))
    elif sys.stdout.isatty():
        output.line(visible(f"said in {named} as message {posted['message_id']}"))
    else:
        output.rows(options, _SAID, [row])


def _said_in_room(server: Client, named: str, content: str, user: str | None) -> Json:
    body: Json = {"content": content, "client_msg_id": str(uuid.uuid4())}
    if user is not None:
        body["user_id"] = user
    return server.post(rooms.path(rooms.find_id(server, named), "messages"), body)


def _said_in_chat(server: Client, chat: Json, content: str, user: str | None) -> Json:
    """As what a room answers."""
    body: Json = {"content": content}
    if user is not None:
        body["as_user"] = team.find(server, team.ACCOUNT, user)["id"]
    posted = server.post(team.path(team.CHAT, chat, "messages"), body)
    return {
        "duplicate": False,
        "message_id": posted["id"],
        "seq": posted["seq"],
        "created_at": posted["created_at"],
    }


@verb("show", "chatctl messages show 1207", "chatctl messages show 1207 --json", exits=(3, 4))
def show(options: Options, message: Annotated[str, arg("MESSAGE_ID")]) -> None:
    """Show a message of a chat, by its id."""
    (number,) = targets.given([message], None, MESSAGE)
    with connection.open(options) as server:
        found = server.get(f"{_OF_CHATS}/{number}")
    output.record(options, _SHOWN, found)


@verb(
    "rm",
    "chatctl messages rm lobby 1207",
    "chatctl messages rm --user mallory --since 2h --dry-run",
    exits=(3, 4, 5, 9, 130, 143),
    because={130: f"Ctrl-C, or {NO_WAS_ANSWERED}"},
    changes=True,
)
def rm(
    options: Options,
    words: Annotated[list[str] | None, arg("ROOM MESSAGE_ID…")] = None,
    room: RoomOption = None,
    source: Annotated[
        str | None,
        opt("--from", "More ids: one a line, or as a history lists them (help input).", "FILE"),
    ] = None,
    user: Annotated[
        str | None, opt("--user", "All of this user, in ROOM or in every room.", "USER")
    ] = None,
    since: Annotated[str | None, opt("--since", "With --user: only from then on.", "TIME")] = None,
    dry_run: Annotated[bool, opt("--dry-run", "With --user: only count them.")] = False,
    yes: Annotated[bool, opt("--yes", "With --user: do not ask.")] = False,
) -> None:
    """Take the text of messages out of the history, for good."""
    if user is not None:
        named = room if words is None else only_room(words, room)
        if source is not None:
            raise failures.usage("--user and --from both say which messages", "one of the two")
        _rm_of_user(options, user, named, since, is_dry=dry_run, is_asked=not (yes or dry_run))
        return
    if dry_run or yes or since is not None:
        raise failures.usage("--since, --dry-run and --yes go with --user", "--user USER")

    said = Said("deleted", "was deleted already")
    bulk.each(options, MESSAGE, words, room, source, act=_erase, said=said, find=_find)


def _find(server: Client, named: str) -> str:
    """The room's id, or ``chat:ID``."""
    chat = team.find_chat(server, named)
    return rooms.find_id(server, named) if chat is None else f"{team.CHAT_PREFIX}{chat['id']}"


def _erase(server: Client, place: str, message_id: str) -> Json:
    if not place.startswith(team.CHAT_PREFIX):
        return server.delete(rooms.path(place, "messages", message_id))
    found = server.get(f"{_OF_CHATS}/{message_id}")
    if f"{team.CHAT_PREFIX}{found['chat_id']}" != place:
        raise Failure(
            "message_not_found", f"there is no message {message_id} in {place}", None, 404
        )
    return server.delete(f"{_OF_CHATS}/{message_id}", erase="true")


def _rm_of_user(
    options: Options,
    user: str,
    named: str | None,
    since: str | None,
    *,
    is_dry: bool,
    is_asked: bool,
) -> None:
    span: dict[str, int] = times.window(time.time(), ("since", since), ("until", None))
    if is_asked:
        check_terminal("erasing what a user wrote", "the same with --yes")
        ask(f"Erase {'all' if since is None else 'what'} {user} wrote, for good?")
    with connection.open(options, writes=not is_dry) as server:
        query: dict[str, str | int] = {**span, "dry_run": "true" if is_dry else "false"}
        if named is not None:
            query["room"] = rooms.find_id(server, named)
        server.renew(_LONG_SECONDS)
        done = server.delete(room_users.path(user, "messages"), **query)
    if options.json:
        output.document({"user_id": user, **done})
    elif sys.stdout.isatty():
        is_one = done["messages"] == 1
        what = "1 message" if is_one else f"{done['messages']} messages"
        were = "would be" if is_dry else "was" if is_one else "were"
        output.line(visible(f"{what} of {user} {were} deleted"))
    else:
        output.fields([cell(user), str(done["messages"])])


def content_of(text: list[str]) -> str:
    """TEXT… on the command line, or of stdin for ``-``."""
    if not text:
        raise failures.usage("Missing argument 'TEXT'.", "- reads the text from stdin")
    content = targets.text_of("-").removesuffix("\n") if text == ["-"] else " ".join(text)
    if not content:
        raise failures.usage("the text is empty")
    return content
