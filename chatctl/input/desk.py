"""CONVERSATION and SITE on the command line: an id, the beginning of one; a site's name, too."""

from chatctl.link import client
from chatctl.link.client import Client, Json
from chatctl.shell import failures
from chatctl.shell.failures import Failure

CONVERSATIONS = "/management/conversations"
SITES = "/management/sites"
_LEAST = len("site_") + 8  # of the beginning of a site's id
_SHOWN_CANDIDATES = 5


def find(server: Client, conversation: str) -> Json:
    """In one question: the server knows beginnings. Raises Failure ``conversation_not_found`` or
    ``ambiguous``."""
    try:
        return server.get(conversation_path(conversation))
    except Failure as failure:
        if failure.code == "conversation_not_found":
            failure.hint = "chatctl conversations ls"
        raise


def conversation_path(conversation: str, *rest: str) -> str:
    return "/".join((CONVERSATIONS, client.segment(conversation, "CONVERSATION"), *rest))


def find_site(server: Client, site: str) -> Json:
    """By its id, the beginning of that, or its name. Raises Failure ``site_not_found`` or
    ``ambiguous``."""
    if not site:
        raise failures.usage("SITE is empty")
    there = server.get(SITES)
    found = [each for each in there if each["id"] == site] or [
        each
        for each in there
        if each["name"].casefold() == site.casefold()
        or (len(site) >= _LEAST and each["id"].startswith(site))
    ]
    if not found:
        raise Failure("site_not_found", f"there is no site {site}", "chatctl sites ls", 404)
    if len(found) > 1:
        ids = ", ".join(str(each["id"]) for each in found[:_SHOWN_CANDIDATES])
        rest = len(found) - _SHOWN_CANDIDATES
        more = f" and {rest} more" if rest > 0 else ""
        raise Failure(
            "ambiguous",
            f"{site} may be any of {len(found)} sites: {ids}{more}",
            "the id of one of them",
        )
    return found[0]


def site_path(found: Json, *rest: str) -> str:
    return "/".join((SITES, client.segment(str(found["id"]), "SITE"), *rest))
