"""``chatctl conversations export``: what was said at the desk, into a file or another program."""

import sys
from collections.abc import Iterator
from typing import Annotated, Literal

from chatctl.commands import conversations
from chatctl.commands.conversations import OnlySite, OnlyStatus
from chatctl.commands.export import csv_cell, lines, write
from chatctl.input import desk
from chatctl.link.client import Client, Json
from chatctl.shell import failures
from chatctl.shell.options import Options, arg, opt, verb
from chatctl.show import output, progress
from chatctl.show.visible import json_text

_CSV = (
    "conversation_id", "site_id", "customer_id", "customer_name", "message_id", "timestamp",
    "sender_type", "sender_id", "sender_name", "is_private", "content", "file",
)  # fmt: skip
_WRITTEN = output.columns(
    "file file id; conversations conversations number; messages messages number"
)


@verb(
    "export",
    "chatctl conversations export conv_3xk9v2m7 -o refund.ndjson",
    "chatctl conversations export --all --status closed --format csv >messages.csv",
    exits=(3, 4, 5),
    because={5: "FILE is there already, or an id is ambiguous"},
)
def export(
    options: Options,
    conversation: Annotated[str | None, arg("CONVERSATION")] = None,
    everything: Annotated[bool, opt("--all", "All of them.")] = False,
    site: OnlySite = None,
    status: OnlyStatus = None,
    form: Annotated[
        Literal["ndjson", "csv"],
        opt("--format", "Conversations and messages; or messages alone.", "ndjson|csv"),
    ] = "ndjson",
    target: Annotated[str, opt("-o --output", "Into a new file.", "FILE")] = "-",
) -> None:
    """Write out a conversation, or all, with what was said, oldest first, notes too."""
    if (conversation is None) is not everything:
        raise failures.usage("either CONVERSATION or --all says which")
    if conversation is not None and (site or status):
        raise failures.usage("--site and --status go with --all")
    made = _Export(options, conversation, site, status)
    write(options, target, made.ndjson if form == "ndjson" else made.csv)
    if target != "-":
        counts = {"conversations": made.conversations, "messages": made.messages}
        output.record(options, _WRITTEN, {"file": target, **counts})


class _Export:
    def __init__(
        self, options: Options, named: str | None, site: str | None, status: str | None
    ) -> None:
        self._options = options
        self._named = named
        self._only = status, site
        self.conversations = self.messages = 0

    def ndjson(self, server: Client) -> Iterator[str]:
        for conversation, said in self._each(server):
            shown = {name: each for name, each in conversation.items() if name != "last_message"}
            yield _line({"kind": "conversation", **shown})
            for message in said:
                yield _line({"kind": "message", **message})

    def csv(self, server: Client) -> Iterator[str]:
        """Texts as they were said; on a terminal what would act there is escaped."""
        is_shown = sys.stdout.isatty()
        yield lines([_CSV])
        for conversation, said in self._each(server):
            rows = [_row(conversation, each) for each in said]
            yield lines([[csv_cell(each, is_shown=is_shown) for each in row] for row in rows])

    def _each(self, server: Client) -> Iterator[tuple[Json, list[Json]]]:
        found = self._wanted(server)
        with progress.shown(self._options, "exporting conversations", len(found)) as shown:
            for each in found:
                said = conversations.all_said(server, each)
                self.conversations += 1
                self.messages += len(said)
                shown.done = self.conversations
                yield each, said
                server.renew()

    def _wanted(self, server: Client) -> list[Json]:
        """Oldest first; what changes meanwhile is there nevertheless."""
        if self._named is not None:
            return [desk.find(server, self._named)]
        query = conversations.wanted(server, *self._only)
        pages = conversations.listed(server, query, None)
        return [each for page in pages for each in page][::-1]


def _line(shown: Json) -> str:
    return f"{json_text(shown)}\n"


def _row(conversation: Json, message: Json) -> list[object]:
    file = message["file"]
    found = {
        **message,
        "message_id": message["id"],
        "customer_id": conversation["customer_id"] or "",
        "customer_name": conversation["customer_name"],
        "file": "" if file is None else file["url"],
    }
    return [found[name] for name in _CSV]
