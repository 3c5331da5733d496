"""ENDPOINT on the command line: an id or the beginning of one, a URL, or the kind of one of the
settings."""

import re

from chatctl.link import client
from chatctl.link.client import Client, Json
from chatctl.shell.failures import Failure

PATH = "/management/callbacks"
# Of the documents' URLs, as the API calls what goes there.
KINDS = ("data", "room_event", "chat_history", "session_history", "periodic_sync")
_PREFIX = re.compile(r"[0-9a-f-]{4,36}", re.ASCII)
_SHOWN_CANDIDATES = 5
_HIDDEN = "…"


def find(server: Client, named: str) -> Json:
    """The endpoint. Raises Failure ``endpoint_not_found`` or ``ambiguous``."""
    found = meant(server.get(PATH), named)
    if not found:
        raise Failure(
            "endpoint_not_found", f"there is no endpoint {named}", "chatctl callbacks ls", 404
        )
    return only(found, named)


def only(found: list[Json], named: str) -> Json:
    """Raises Failure ``ambiguous``."""
    if len(found) == 1:
        return found[0]
    ids = [str(each["endpoint_id"]) for each in found]
    more = f" and {len(ids) - _SHOWN_CANDIDATES} more" if len(ids) > _SHOWN_CANDIDATES else ""
    raise Failure(
        "ambiguous",
        f"{named} may be any of {len(ids)} endpoints: {', '.join(ids[:_SHOWN_CANDIDATES])}{more}",
        "the whole id of one of them",
    )


def meant(known: list[Json], named: str) -> list[Json]:
    """A kind is taken for one before anything else, the beginning of an id after all others."""
    kind = named.replace("-", "_")
    if kind in KINDS:
        return [each for each in known if (each["origin"], each["kind"]) == ("settings", kind)]
    if is_url(named):
        return [each for each in known if _has_url(each, named)]
    start = named.lower()
    if not _PREFIX.fullmatch(start):
        return []
    return [each for each in known if str(each["endpoint_id"]).startswith(start)]


def is_url(text: str) -> bool:
    return "://" in text


def path(endpoint_id: str, *rest: str) -> str:
    return "/".join((PATH, client.segment(endpoint_id, "ENDPOINT"), *rest))


def delivery_path(delivery_id: str, *rest: str) -> str:
    return "/".join((PATH, "deliveries", client.segment(delivery_id, "DELIVERY"), *rest))


def _has_url(endpoint: Json, named: str) -> bool:
    """What may be secret in a URL is shown as ``…``: anything may stand there."""
    parts = map(re.escape, str(endpoint["url"]).split(_HIDDEN))
    return re.fullmatch(".*".join(parts), named, re.DOTALL) is not None
