"""What a changing verb says of the one thing that it has changed."""

import sys

from chatctl.link.client import Json
from chatctl.shell.options import Options
from chatctl.show import output
from chatctl.show.visible import cell, visible

_LINK = output.columns("url url id; code code id; expires_at expires time")


def tell(options: Options, done: Json, sentence: str, key: str = "id") -> None:
    """``done`` has ``changed``, and what names the thing as ``key``."""
    if options.json:
        output.document(done)
    elif sys.stdout.isatty():
        output.line(visible(sentence))
    else:
        output.fields([cell(str(done[key])), output.changed(done)])


def link(options: Options, made: Json) -> None:
    """On a file nobody knows where people reach the server, unless a setting says it."""
    output.record(options, _LINK, made)
    if made["url"].startswith("/"):
        output.note(options, "PUBLIC_URL is not set: put the server's address before the link")
