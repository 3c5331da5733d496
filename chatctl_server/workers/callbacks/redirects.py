"""Where a receiver of the settings' sends a request on to: a slash at the end, or TLS."""

from urllib.parse import urljoin

from chatctl_server import errors
from chatctl_server.domain import callback_urls
from chatctl_server.workers.callbacks.http_answers import Answer

KEEP_THE_REQUEST = (307, 308)  # RFC 9110, 15.4.8 and 15.4.9: method and body stay
MOST = 5  # of one try


def onward(url: str, answer: Answer) -> str | None:
    """To the same host and port, or from http to https of the same host; None for anywhere else,
    and for what is no such redirect. What stands before the URL's @ goes along."""
    if answer.status not in KEEP_THE_REQUEST or answer.location is None:
        return None
    try:
        here = callback_urls.parse(url)
        there = callback_urls.parse(urljoin(url, answer.location))
    except (errors.InvalidInput, ValueError):
        return None
    is_same = (there.scheme, there.port) == (here.scheme, here.port)
    is_safer = (here.scheme, there.scheme) == ("http", "https")
    if there.host != here.host or not (is_same or is_safer):
        return None
    user = "" if here.user_info is None else f"{here.user_info}@"
    return f"{there.scheme}://{user}{there.authority}{there.target}"
