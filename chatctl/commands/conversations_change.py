"""``chatctl conversations``: what changes one, and answers in it."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Literal

from chatctl.commands.conversations import ConversationWord, agent, naming
from chatctl.commands.messages import content_of
from chatctl.input import desk, times
from chatctl.link import connection
from chatctl.link.client import Client, Json
from chatctl.shell.failures import Failure, usage
from chatctl.shell.options import Options, Verb, arg, opt, verb
from chatctl.show import output, results

_POSTED = output.columns("id message id; sender_id sender id; timestamp sent time")


@contextmanager
def _reopened_first(conversation: str) -> Iterator[None]:
    """What a closed one refuses is told with what opens it."""
    try:
        yield
    except Failure as failure:
        if failure.code in ("conversation_closed", "invalid_transition"):
            failure.hint = f"chatctl conversations reopen {conversation}"
        raise


def _change(
    options: Options,
    conversation: str,
    make: Callable[[Client], Json],
    *,
    said: tuple[str, str],
    keys: str,
) -> None:
    """``make`` makes what is asked for. ``said``: of it as it is then, and where it was so before.
    ``keys``: what may change."""
    with connection.open(options, writes=True) as server:
        before = desk.find(server, conversation)
        done = server.patch(desk.conversation_path(before["id"]), make(server))
    changed = any(before[each] != done[each] for each in keys.split())
    whose = done["customer_name"] or done["id"]
    sentence = f"the conversation of {whose} {said[0] if changed else said[1]}"
    results.tell(options, {"changed": changed, **done}, sentence)


@verb(
    "assign",
    "chatctl conversations assign conv_3xk9v2m7 anna@example.org",
    "chatctl conversations assign conv_3xk9v2m7 --nobody --json",
    exits=(3, 4, 5),
    changes=True,
)
def assign(
    options: Options,
    conversation: ConversationWord,
    account: Annotated[str | None, arg("ACCOUNT")] = None,
    nobody: Annotated[bool, opt("--nobody", "Back to the queue.")] = False,
) -> None:
    """Give a conversation to an agent of its site's workspace, or back to the queue."""
    if (account is None) is not nobody:
        raise usage("either ACCOUNT or --nobody says whose it is")
    what = "is in the queue" if account is None else f"is {account}'s"

    def make(server: Client) -> Json:
        return {"assignee": None if account is None else agent(server, account)}

    with naming(account):
        _change(options, conversation, make, said=(what, f"{what} already"), keys="assignee_id")


def _switch(name: str, status: str, sentence: str) -> Verb:
    def switch(options: Options, conversation: ConversationWord) -> None:
        _change(
            options,
            conversation,
            lambda _: {"status": status},
            said=(f"is {status}", f"is {status} already"),
            keys="status",
        )

    switch.__doc__ = sentence
    made = verb(
        name,
        f"chatctl conversations {name} conv_3xk9v2m7",
        f"chatctl conversations {name} conv_3xk9v2m7 --json",
        exits=(3, 4, 5),
        changes=True,
    )
    return made(switch)


close = _switch("close", "closed", "Close a conversation; its customer's next message reopens it.")
reopen = _switch("reopen", "open", "Open a conversation that is closed or snoozed.")


@verb(
    "snooze",
    "chatctl conversations snooze conv_3xk9v2m7 --for 2h",
    "chatctl conversations snooze conv_3xk9v2m7 --for 1d --json",
    exits=(3, 4, 5),
    because={5: "it is closed, or its id is ambiguous"},
    changes=True,
)
def snooze(
    options: Options,
    conversation: ConversationWord,
    length: Annotated[
        str, opt("--for", "It reopens after that time; 1d unless given.", "TIME")
    ] = "1d",
) -> None:
    """Put a conversation away for a time; its customer's next message reopens it, too."""
    seconds = times.duration(length, "--for", needs_unit=True)
    ends = time.time() + seconds
    times.check_range(ends, length, "--for")
    until = times.rfc3339(int(ends))
    body = {"status": "snoozed", "until": until}
    what = f"is snoozed until {until}"
    with _reopened_first(conversation):
        _change(options, conversation, lambda _: body, said=(what, what), keys="status updated_at")


@verb(
    "say",
    "chatctl conversations say conv_3xk9v2m7 It is on its way",
    "chatctl conversations say conv_3xk9v2m7 - --as anna@example.org --note <note.txt",
    exits=(3, 4, 5),
    because={5: "it is closed, or its id is ambiguous"},
    changes=True,
)
def say(
    options: Options,
    words: Annotated[list[str] | None, arg("CONVERSATION TEXT…")] = None,
    user: Annotated[str | None, opt("--as", "As this agent.", "ACCOUNT")] = None,
    note: Annotated[bool, opt("--note", "A private note, for agents alone.")] = False,
) -> None:
    """Answer in a conversation, as an operator or as one of its agents."""
    if not words:
        raise usage("Missing argument 'CONVERSATION'.")
    body: Json = {"content": content_of(words[1:]), "is_private": note}
    with connection.open(options, writes=True) as server:
        found = desk.find(server, words[0])
        if user is not None:
            body["as_user"] = agent(server, user)
        with naming(user), _reopened_first(found["id"]):
            posted = server.post(desk.conversation_path(found["id"], "messages"), body)
    row = {"changed": True, **posted}
    if options.json:
        output.document(row)
    elif sys.stdout.isatty():
        results.tell(options, row, f"said to {found['customer_name'] or found['id']}")
    else:
        output.rows(options, _POSTED, [row])


@verb(
    "label",
    "chatctl conversations label conv_3xk9v2m7 --add billing --priority high",
    "chatctl conversations label conv_3xk9v2m7 --set billing,refund --json",
    exits=(3, 4, 5),
    changes=True,
)
def label(
    options: Options,
    conversation: ConversationWord,
    only: Annotated[
        str | None, opt("--set", "These and no others; '' for none.", "LABEL,…")
    ] = None,
    add: Annotated[
        list[str] | None, opt("--add", "This one, too; may be repeated.", "LABEL")
    ] = None,
    remove: Annotated[
        list[str] | None, opt("--remove", "Not this one; may be repeated.", "LABEL")
    ] = None,
    priority: Annotated[
        Literal["low", "normal", "high", "urgent"] | None,
        opt("--priority", "How urgent it is.", "low|normal|high|urgent"),
    ] = None,
) -> None:
    """Label a conversation, and say how urgent it is."""
    if only is not None and (add or remove):
        raise usage("--set names all labels", "either --set, or --add and --remove")
    body: Json = {} if priority is None else {"priority": priority}
    with connection.open(options, writes=True) as server:
        before = desk.find(server, conversation)
        if only is not None or add or remove:
            kept = before["labels"] if only is None else [each for each in only.split(",") if each]
            body["labels"] = [
                each for each in dict.fromkeys([*kept, *(add or ())]) if each not in (remove or ())
            ]
        if not body:
            raise usage("nothing is said of it: --add, --remove, --set or --priority does")
        done = server.patch(desk.conversation_path(before["id"]), body)
    changed = any(before[each] != done[each] for each in ("labels", "priority"))
    labels = ", ".join(done["labels"]) or "no labels"
    sentence = f"{done['customer_name'] or done['id']}: {labels}; priority {done['priority']}"
    results.tell(options, {"changed": changed, **done}, sentence)
