"""``chatctl say``."""

import sys
import uuid
from typing import Annotated

import typer

from chatctl import connection, failures, output, rooms, users
from chatctl.client import Json
from chatctl.options import Options, RoomOption, room_and_rest, verb
from chatctl.output import Column
from chatctl.visible import visible

_SAID = (
    Column("message_id", "message", "id"),
    Column("seq", "seq", "number"),
    Column("created_at", "created", "time"),
)


@verb(
    "say",
    examples=("chatctl say lobby Back in ten minutes", "chatctl say lobby - --as alice <text"),
    exits=(3, 4, 5),
    changes=True,
)
def say(
    options: Options,
    *,
    words: Annotated[
        list[str] | None, typer.Argument(metavar="ROOM TEXT", show_default=False)
    ] = None,
    room: RoomOption = None,
    user: Annotated[
        str | None, typer.Option("--as", metavar="USER", help="Post as this user.")
    ] = None,
) -> None:
    """Post a message to a room, as the system or as a user."""
    named, text = room_and_rest(words, room, "ROOM TEXT...")
    body: Json = {"content": _content(text), "client_msg_id": str(uuid.uuid4())}
    if user is not None:
        body["user_id"] = user
    with connection.open(options, writes=True) as server:
        posted = server.post(rooms.path(rooms.find_id(server, named), "messages"), body)
    row = {"changed": not posted["duplicate"], **posted}
    if options.json:
        output.document(output.with_times(_SAID, row))
    elif sys.stdout.isatty():
        output.line(visible(f"said in {named} as message {posted['seq']}"))
    else:
        output.rows(options, _SAID, [row])


def _content(text: list[str]) -> str:
    if not text:
        raise failures.usage("Missing argument 'TEXT'.", "- reads the text from stdin")
    content = users.text_of("-").removesuffix("\n") if text == ["-"] else " ".join(text)
    if not content:
        raise failures.usage("the text is empty")
    return content
