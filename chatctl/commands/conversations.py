"""``chatctl conversations``: the support desk's, of every site."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Annotated, Literal

from chatctl.input import desk, team
from chatctl.link import connection
from chatctl.link.client import Client, Json, Params
from chatctl.shell import listing, places
from chatctl.shell.failures import Failure
from chatctl.shell.options import Options, arg, opt, verb
from chatctl.show import output

_LIST = output.columns(
    "id ID id; site_id SITE id; status STATUS id; assignee_id ASSIGNEE id; "
    "customer_id CUSTOMER id; customer_name NAME; labels LABELS; priority PRIORITY id; "
    "created_at CREATED time; updated_at CHANGED time; last LAST"
)
# What a person reads.
_READ = output.columns(
    "id ID id; status STATUS id; assignee_id ASSIGNEE id; updated_at CHANGED time; "
    "customer_name NAME; last LAST"
)
_SHOW = output.labels(_LIST[:-1])
_MESSAGES = output.columns(
    "id MESSAGE id; timestamp SENT time; sender_type BY id; sender_id SENDER id; "
    "sender_name NAME; is_private NOTE; content TEXT; file FILE id"
)
_SAID = output.columns("timestamp SENT time; by BY id; sender_name NAME; content TEXT")
_NO_AGENT = "is no agent of the workspace"  # how a server says it
_USUAL_MESSAGES = 50
_PAGE = 100  # messages
Status = Literal["open", "snoozed", "closed"]
ConversationWord = Annotated[str, arg("CONVERSATION")]
OnlySite = Annotated[str | None, opt("--site", "Only of this site.", "SITE")]
OnlyStatus = Annotated[
    Status | None, opt("--status", "Only those that are so.", "open|snoozed|closed")
]


@verb(
    "ls",
    "chatctl conversations ls --status open",
    "chatctl conversations --assignee anna@example.org --match refund --json",
    exits=(3, 4, 5),
    columns=_LIST,
)
def ls(
    options: Options,
    status: OnlyStatus = None,
    site: OnlySite = None,
    assignee: Annotated[
        str | None, opt("--assignee", "Only this agent's; none: nobody's.", "ACCOUNT")
    ] = None,
    match: Annotated[
        str | None,
        opt("--match", "Only with this in a message, or in the customer's name or e-mail.", "TEXT"),
    ] = None,
    limit: listing.Limit = None,
    everything: listing.Everything = False,
) -> None:
    """List the conversations of the support desk; those that changed last come first."""
    count = listing.most(limit, everything)
    with connection.open(options) as server:
        query = wanted(server, status, site, match)
        if assignee is not None:
            query["assignee"] = assignee if assignee == "none" else agent(server, assignee)
        pages = listed(server, query, count)
        cut = listing.show(options, pages, count, partial(_rows, options))
    if cut is not None:
        words = ["chatctl", "conversations", "ls", *_typed(status, site, assignee, match)]
        shown = "conversation is" if count == 1 else f"{count:,} conversations are"
        rest = places.rest(options, words)
        output.note(options, f"the newest {shown} shown; all of them: {rest}")


def _typed(
    status: str | None, site: str | None, assignee: str | None, match: str | None
) -> Iterator[str]:
    given = {"--status": status, "--site": site, "--assignee": assignee, "--match": match}
    for name, each in given.items():
        if each is not None:
            yield from (name, each)


def wanted(
    server: Client, status: str | None, site: str | None, match: str | None = None
) -> dict[str, str | int]:
    """What is asked of the list."""
    given = {"status": status, "q": match}
    query: dict[str, str | int] = {name: each for name, each in given.items() if each is not None}
    if site is not None:
        query["site_id"] = desk.find_site(server, site)["id"]
    return query


def listed(server: Client, query: Params, count: int | None) -> Iterator[list[Json]]:
    """Pages of 50 up to one more than ``count``."""
    seen = 0
    for page in server.pages(desk.CONVERSATIONS, query):
        yield page
        seen += len(page)
        if count is not None and seen > count:
            return
        server.renew()


def agent(server: Client, account: str) -> str:
    """As the desk calls an account."""
    return f"u{team.find(server, team.ACCOUNT, account)['id']}"


@contextmanager
def naming(account: str | None) -> Iterator[None]:
    """A server that refuses an agent knows its id alone: what was typed is said instead."""
    try:
        yield
    except Failure as failure:
        if account is not None and _NO_AGENT in failure.message:
            failure.message = f"{account} is no agent of that conversation's workspace"
        raise


def _rows(options: Options, found: list[Json]) -> None:
    rows = [{**each, "last": last_said(each)} for each in found]
    if options.json:
        output.rows(options, _LIST, found)
    else:
        output.rows(options, _READ if sys.stdout.isatty() else _LIST, rows)


def last_said(conversation: Json) -> str | None:
    last = conversation["last_message"]
    return None if last is None else str(said(last))


def said(message: Json) -> str:
    """Its text, or the name of its file."""
    file = message["file"]
    return str(message["content"] or ("" if file is None else file["name"]))


@verb(
    "show",
    "chatctl conversations show conv_3xk9v2m7",
    "chatctl conversations show conv_3xk9v2m7 --all --json",
    exits=(3, 4, 5),
    columns=_MESSAGES,
)
def show(
    options: Options,
    conversation: ConversationWord,
    before: Annotated[str | None, opt("--before", "Before this message.", "MESSAGE")] = None,
    limit: Annotated[
        int | None, opt("--limit", f"At most N; {_USUAL_MESSAGES} unless given.", "N", min=1)
    ] = None,
    everything: listing.Everything = False,
) -> None:
    """Show a conversation, and what was said in it with private notes, the newest first."""
    count = listing.most(limit, everything, _USUAL_MESSAGES)
    with connection.open(options) as server:
        found = desk.find(server, conversation)
        query: Params = {} if before is None else {"before": before}
        path = desk.conversation_path(found["id"], "messages")
        rows = [each for page in _messages(server, path, query, count) for each in page]
    shown = rows[:count]
    if options.json:
        output.document({**found, "messages": shown})
    else:
        _show(options, found, shown)
    if len(rows) > len(shown):
        words = ("chatctl", "conversations", "show", found["id"], "--before", shown[-1]["id"])
        which = "message is" if count == 1 else f"{count:,} messages are"
        rest = places.rest(options, words)
        output.note(options, f"the newest {which} shown; the older ones: {rest}")


def _show(options: Options, found: Json, shown: list[Json]) -> None:
    if not sys.stdout.isatty():
        rows = [{**each, "file": each["file"] and each["file"]["url"]} for each in shown]
        output.rows(options, _MESSAGES, rows)
        return
    output.record(options, _SHOW, found)
    if shown:
        output.line("")
        rows = [{**each, "by": by(each), "content": said(each)} for each in shown]
        output.rows(options, _SAID, rows)


def by(message: Json) -> str:
    """What its sender is, or that it is a note."""
    return "note" if message["is_private"] else str(message["sender_type"])


def _messages(server: Client, path: str, query: Params, count: int | None) -> Iterator[list[Json]]:
    size = _PAGE if count is None else min(count + 1, _PAGE)
    seen = 0
    for page in server.pages(path, {**query, "limit": size}):
        yield page
        seen += len(page)
        if count is not None and seen > count:
            return
        server.renew()


def all_said(server: Client, conversation: Json) -> list[Json]:
    """Oldest first."""
    path = desk.conversation_path(conversation["id"], "messages")
    found = [each for page in _messages(server, path, {}, None) for each in page]
    return found[::-1]
