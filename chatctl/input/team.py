"""ACCOUNT, WORKSPACE, CHAT on the command line: a number, a name or, of an account, an e-mail."""

from typing import NamedTuple

from chatctl.link.client import Client, Json, Params
from chatctl.shell import failures
from chatctl.shell.failures import Failure

_MOST_DIGITS = 18
_MOST_SEARCHED = 255  # characters
_SHOWN_CANDIDATES = 5
_PAGE = 1000
CHAT_PREFIX = "chat:"  # where a room could be meant


class Noun(NamedTuple):
    """``argument``: as the command line calls it; ``code``: the server's, of one that is not there;
    ``names``: what it may be called by."""

    path: str
    word: str
    argument: str
    code: str
    names: tuple[str, ...]
    has_search: bool


ACCOUNT = Noun(
    "/management/users", "user", "ACCOUNT", "user_not_found", ("email", "fullname"), True
)
WORKSPACE = Noun(
    "/management/workspaces", "workspace", "WORKSPACE", "workspace_not_found", ("name",), False
)
CHAT = Noun("/management/chats", "chat", "CHAT", "conversation_not_found", ("name",), True)


def find(server: Client, noun: Noun, named: str) -> Json:
    """Raises Failure, with the server's code for what is not there, or ``ambiguous``."""
    if not named:
        raise failures.usage(f"{noun.argument} is empty")
    if is_number(named):
        try:
            return server.get(f"{noun.path}/{named}")
        except Failure as failure:
            if failure.code != noun.code:
                raise
    wanted = named.casefold()
    found = [
        each
        for each in listed(server, noun, {"q": named[:_MOST_SEARCHED]} if noun.has_search else {})
        if any(str(each[name]).casefold() == wanted for name in noun.names)
    ]
    if not found:
        raise Failure(
            noun.code, f"there is no {noun.word} {named}", f"chatctl {noun.word}s ls", 404
        )
    if len(found) > 1:
        numbers = ", ".join(str(each["id"]) for each in found[:_SHOWN_CANDIDATES])
        rest = len(found) - _SHOWN_CANDIDATES
        more = f" and {rest} more" if rest > 0 else ""
        raise Failure(
            "ambiguous",
            f"{named} may be any of {len(found)} {noun.word}s: {numbers}{more}",
            "the number of one of them",
        )
    return found[0]


def listed(server: Client, noun: Noun, query: Params) -> list[Json]:
    """All pages of a list."""
    pages = server.pages(noun.path, {**query, "limit": _PAGE})
    return [each for page in pages for each in page]


def find_chat(server: Client, room: str) -> Json | None:
    """Of ``chat:ID`` or ``chat:NAME`` in place of a room; None for a room."""
    if not room.startswith(CHAT_PREFIX):
        return None
    return find(server, CHAT, room.removeprefix(CHAT_PREFIX))


def path(noun: Noun, found: Json, *rest: str) -> str:
    return "/".join((noun.path, str(found["id"]), *rest))


def is_number(named: str) -> bool:
    return named.isascii() and named.isdigit() and len(named) <= _MOST_DIGITS
