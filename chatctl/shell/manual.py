"""What ``--help``, ``chatctl help`` and docs/cli.md say: one description, shown in two forms."""

import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from chatctl.shell import exits
from chatctl.shell.options import COMMON, Verb

WIDEST = 96
_INDENT = "  "
_USUAL = ("ls", "push")

TOPICS = {
    "exit-codes": "what each exit code means",
    "environment": "the variables that are read",
    "options": "the options that every command has",
    "input": "what ROOM, ACCOUNT, SITE, TIME may be, and a file for --from",
    "output": "tables, pipes, JSON, colours, errors",
}

_ENVIRONMENT = (
    ("CHATCTL_SERVER", "The server to talk to, as --server."),
    ("DATABASE_URL", "The database, as --db. Every other setting of the server is read, too."),
    ("ADMIN_API_KEY", "The key shown to a server; --api-key-file stands above it."),
    ("ADMIN_API_KEY_FILE", "A file with that key; every secret setting has such a NAME_FILE."),
    ("CREDENTIALS_DIRECTORY", "Where systemd puts secrets; a file there is called admin-api-key."),
    ("CHAT_CONFIG", "The configuration file, as --config."),
    ("NO_COLOR, CLICOLOR_FORCE, TERM", "No colour, colour also into a pipe, dumb is no colour."),
    ("CHATCTL_PAGER, PAGER", "What shows long output on a terminal; empty or cat is nothing."),
    ("XDG_RUNTIME_DIR, HOME", "Where running servers of this user are found."),
    ("CHATCTL_DEBUG", "1 prints the traceback of what is reported as unexpected."),
)

_INPUT = """
A ROOM is an id, the beginning of one (8 characters or more), or a name. Of rooms with one name
the open one is meant; where several may be meant, nothing is done and their ids are named. The
ids of events and deliveries may be shortened likewise. Where a ROOM is posted to or watched,
chat:CHAT is a chat.

An ACCOUNT is a number, an e-mail or a name; a WORKSPACE and a CHAT are a number or a name; a
KEY is a name, an id or the beginning of one. A CONVERSATION of the support desk is an id, or
the beginning of one: conv_ and 8 characters, or more; a SITE is likewise an id, or a name.
Upper and lower case count in the names of rooms and keys alone, and digits are the number of
something where there is one.

A TIME of --since and --until is one of

  2026-01-31T09:00:00Z  a time with its zone, Z or as +02:00 (RFC 3339)
  2026-01-31            a date: the midnight UTC at which it begins
  1769850000            Unix seconds
  15m, 2h, 7d, 1w       an age: so long ago; also 1h30m

For events --since fewer than ten digits are an offset, and an event's id will do as well.
A TIME of --for, --ttl, --expires, --old-for, --timeout and --lock-timeout is a length: 30s,
15m, 2h, 7d, 1w, 1h30m.

A FILE of --from, - for stdin, is UTF-8, also with a byte-order mark, and names a USER, a
MESSAGE_ID or the ID of a delivery on each line:

- Empty lines are skipped. Spaces count. There are no comments: an id may begin with #.
- Of a line with tabs only the first column counts, and its escapes (\\n, \\t) are undone: what a
  list prints into a pipe, as chatctl bans does, goes in as it is.
- A line that begins with { is a JSON object, and a file that begins with [ is a JSON array: its
  user_id, message_id or delivery_id counts. This is what lists print with --json.
- What is named twice is done once; what stands on the command line comes first.
"""

_OUTPUT = """
stdout is the result, stderr is everything else: notes, questions, progress, errors.

With --quiet notes and progress are left out; errors, questions and the results are not.

On a terminal a list is a table: names are shortened with … where it is narrow, ids never; times
are relative. Long output goes through the pager. In a pipe a list is a line for each row, with
tabs between the values and without titles or colour; control characters in a value are
escaped as \\n, \\t, \\x1b, a backslash as \\\\. With --json the result is one JSON document, a list
is an array; a stream, and the results of --from, are a line of JSON each. Times are RFC 3339 in
UTC in pipes and JSON: of rooms, whose interface counts in seconds, to the second, of team chat
and of events with microseconds; the numbers of messages (seq) and events (offset) say what came
first. What changes something prints "changed": true or false; to do again what is done is no
error.

An error is one line on stderr, and where there is something to try a second one:

  chatctl: there is no room loby
    try: chatctl rooms ls

With --json it is one object on stderr, {"error": {"code", "message", "hint", "exit"}}, and
stdout stays empty. A list that is cut says so on stderr, and how to get the rest.
"""


def overview(
    nouns: dict[str, str], groups: Sequence[tuple[str, Sequence[str]]], state: str, columns: int
) -> str:
    """``chatctl`` alone. ``nouns``: each command's sentence; ``state``: the server it would use."""
    wide = max(map(len, nouns)) + 2 * len(_INDENT)
    text = "chatctl: run and administer a chat server\n\n"
    for title, names in groups:
        listed = "".join(_pair(name, nouns[name], wide, columns) for name in names)
        text += f"{title}:\n{listed}\n"
    topics = [(f"chatctl help {topic}", sentence) for topic, sentence in TOPICS.items()]
    more = [("chatctl COMMAND --help", "examples and exit codes"), *topics]
    return f"{text}{state}\n\n{_pairs(more, columns)}"


def noun(path: str, sentence: str, verbs: Sequence[Verb], columns: int) -> str:
    """``chatctl rooms --help``."""
    usage = f"Usage: {path} COMMAND [options]\n\n{sentence}\n\nCommands:\n"
    listed = _pairs([(verb.name, verb.sentence) for verb in verbs], columns)
    examples = "\n".join(f"{_INDENT}{verb.examples[0]}" for verb in verbs[:2])
    by_itself = usual(verbs)
    alone = f"\n{path} alone is {path} {by_itself}.\n" if by_itself else ""
    return f"{usage}{listed}{alone}\nExamples:\n{examples}\n\n{path} COMMAND --help says more.\n"


def usual(verbs: Sequence[Verb]) -> str | None:
    """What a noun alone is; None when it asks for help."""
    names = [verb.name for verb in verbs]
    return next((name for name in _USUAL if name in names), None)


def command(path: str, verb: Verb, params: Sequence[Any], columns: int) -> str:
    """``chatctl ban --help``. ``params`` are Typer's."""
    usage = textwrap.fill(f"Usage: {usage_line(path, params)}", columns, subsequent_indent=" " * 7)
    parts = [f"{usage}\n", f"{_wrapped(verb.sentence, columns)}\n"]
    own = [(_spelled(each), each.help or "") for each in params if _is_own_option(each)]
    if own:
        parts.append(f"Options:\n{_pairs(own, columns)}")
    common = _wrapped("  ".join(_spelled(each) for each in params if _is_common(each)), columns - 2)
    parts.append(f"Common options (chatctl help options):\n{textwrap.indent(common, _INDENT)}\n")
    if verb.columns:
        parts.append(_wrapped(f"In a pipe the columns are {_columns(verb)}.", columns) + "\n")
    parts.append("Examples:\n" + "".join(f"{_INDENT}{each}\n" for each in verb.examples))
    codes = "".join(f"    {code:<3} {meaning}\n" for code, meaning in _exits(verb))
    parts.append(f"Exit codes (chatctl help exit-codes):\n{codes}")
    return "\n".join(parts)


def _exits(verb: Verb) -> Iterator[tuple[int, str]]:
    for code, reason in sorted(verb.exits.items()):
        yield code, f"{exits.MEANINGS[code]}{f': {reason}' if reason else ''}"


def _columns(verb: Verb) -> str:
    return ", ".join(column.title.lower() for column in verb.columns)


def usage_line(path: str, params: Sequence[Any]) -> str:
    words = [each.metavar for each in params if each.param_type_name == "argument"]
    own = [each for each in params if _is_own_option(each)]
    needed = [_spelled_out(each) for each in own if each.required]
    others = [f"[{_spelled_out(each)}]" for each in own if not each.required]
    return " ".join([path, *words, *needed, *others])


def topic(name: str, params: Sequence[Any], columns: int) -> str:
    """One of TOPICS. ``params`` are those of any command."""
    match name:
        case "exit-codes":
            codes = [(str(code), meaning) for code, meaning in exits.MEANINGS.items()]
            return f"Exit codes:\n{_pairs(codes, columns)}"
        case "environment":
            return f"Environment:\n{_pairs(_ENVIRONMENT, columns)}"
        case "options":
            common = [(_spelled(each), each.help) for each in params if _is_common(each)]
            return f"Options of every command, behind its name:\n{_pairs(common, columns)}"
        case "input":
            return _INPUT.lstrip()
        case _:
            return _OUTPUT.lstrip()


def _is_common(param: Any) -> bool:
    return param.param_type_name == "option" and param.name in COMMON


def _is_own_option(param: Any) -> bool:
    return param.param_type_name == "option" and param.name not in (*COMMON, "help")


def _spelled(option: Any) -> str:
    names = ", ".join(sorted(option.opts, key=len))
    return names if option.is_flag else f"{names} {option.metavar}"


def _spelled_out(option: Any) -> str:
    name = max(option.opts, key=len)
    return name if option.is_flag else f"{name} {option.metavar}"


def _pairs(pairs: Sequence[tuple[str, str]], columns: int) -> str:
    """Two columns; where the second would be too narrow, it stands below the first."""
    wide = max(len(first) for first, _ in pairs) + 2 * len(_INDENT)
    if columns - wide < 24:
        return "".join(
            f"{_INDENT}{first}\n{textwrap.indent(_wrapped(second, columns - 6), ' ' * 6)}\n"
            for first, second in pairs
        )
    return "".join(_pair(first, second, wide, columns) for first, second in pairs)


def _pair(first: str, second: str, wide: int, columns: int) -> str:
    rest = textwrap.indent(_wrapped(second, columns - wide), " " * wide)
    return f"{_INDENT}{first}".ljust(wide) + rest[wide:] + "\n"


def _wrapped(text: str, columns: int) -> str:
    return textwrap.fill(text, max(columns, 20), break_long_words=False, break_on_hyphens=False)


def markdown(commands: Sequence[tuple[str, Verb, Sequence[Any]]]) -> str:
    """The whole of docs/cli.md. ``commands``: path, verb and Typer's parameters."""
    return "\n".join(_markdown(commands)).rstrip() + "\n"


def _markdown(commands: Sequence[tuple[str, Verb, Sequence[Any]]]) -> Iterator[str]:
    params = commands[0][2]
    yield "# The command line\n"
    yield "Written by `chatctl help markdown`; a test compares. Which server a command talks to,"
    yield "and what it does without one, is in the [README](../README.md).\n"
    for name, sentence in TOPICS.items():
        yield f"## {sentence[0].upper()}{sentence[1:]}\n"
        yield f"```text\n{topic(name, params, WIDEST)}```\n"
    for path, verb, own in commands:
        yield f"## {path}\n"
        yield f"{verb.sentence}\n"
        yield f"```text\n{_wrapped(usage_line(path, own), WIDEST)}\n```\n"
        listed = [each for each in own if _is_own_option(each)]
        if listed:
            yield "| option | |\n|---|---|"
            yield from (
                f"| `{_cell(_spelled(each))}` | {_cell(each.help or '')} |" for each in listed
            )
            yield ""
        if verb.columns:
            yield f"In a pipe the columns are {_columns(verb)}.\n"
        yield "```sh\n" + "\n".join(verb.examples) + "\n```\n"
        codes = ", ".join(f"{code} {meaning}" for code, meaning in _exits(verb))
        yield _wrapped(f"Exit codes: {codes}.", WIDEST) + "\n"


def _cell(text: str) -> str:
    return re.sub(r"\|", r"\\|", text)
