"""``chatctl keys``: keys of programs, each of which opens a part of the server."""

import contextlib
import math
import sys
import time
from typing import Annotated, TextIO

from chatctl.input import secret_files, team, times
from chatctl.link import client, connection
from chatctl.link.client import Client, Json
from chatctl.shell import failures
from chatctl.shell.failures import Failure
from chatctl.shell.options import Options, arg, opt, verb
from chatctl.show import output
from chatctl.show.visible import cell, visible

PATH = "/management/keys"
_LIST = output.columns(
    "id ID id; name NAME; scopes SCOPES; workspace WORKSPACE number; created_at CREATED time; "
    "expires_at EXPIRES time; old_until OLD UNTIL time; created_by CREATED BY id"
)
# What a person reads, and the last while an old key still opens.
_READ = output.columns(
    "id ID id; name NAME; scopes SCOPES; workspace WORKSPACE number; expires_at EXPIRES time; "
    "old_until OLD UNTIL time"
)
_PREFIX = "key_"
_SHORTEST = 8  # characters of an id, behind that

KeyWord = Annotated[str, arg("KEY")]
Out = Annotated[str | None, opt("--out", "Put the key there, a new file, mode 0600.", "FILE")]


@verb("ls", "chatctl keys ls", "chatctl keys ls --json", exits=(3, 4), columns=_LIST)
def ls(options: Options) -> None:
    """List the named keys, also those that have ended; what opens is shown nowhere."""
    with connection.open(options) as server:
        found = server.get(PATH)
    is_rotated = any(each["old_until"] is not None for each in found)
    read = _READ if is_rotated else _READ[:-1]
    output.rows(options, read if sys.stdout.isatty() and not options.json else _LIST, found)


@verb(
    "create",
    "chatctl keys create reports --scope rooms:read,metrics --out reports.key",
    "chatctl keys create deployment --scope rooms --expires 90d --json",
    exits=(3, 4, 5),
    because={5: "a key has that name, or the file of --out exists"},
    changes=True,
)
def create(
    options: Options,
    name: Annotated[str, arg("NAME")],
    scopes: Annotated[
        list[str],
        opt("--scope", "rooms, team, support, metrics, each also with :read.", "SCOPE,…"),
    ],
    workspace: Annotated[
        str | None, opt("--workspace", "The one that team or support reaches.", "WORKSPACE")
    ] = None,
    expires: Annotated[str | None, opt("--expires", "It ends after that time.", "TIME")] = None,
    out: Out = None,
) -> None:
    """Make a key for a program and print it, this once; its name is the actor of what is done."""
    body: Json = {"name": name, "scopes": _split(scopes)}
    if expires is not None:
        body["expires_in"] = math.ceil(times.duration(expires, "--expires", needs_unit=True))
    with connection.open(options, writes=True) as server:
        if workspace is not None:
            body["workspace"] = team.find(server, team.WORKSPACE, workspace)["id"]
        with _file(out) as file:
            made = server.post(PATH, body)
            _keep(made, file)
    _tell(options, made, out)


@verb(
    "rotate",
    "chatctl keys rotate reports --old-for 24h --out new.key",
    "chatctl keys rotate deployment",
    exits=(3, 4, 5),
    because={5: "several are meant, or the file of --out exists"},
    changes=True,
)
def rotate(
    options: Options,
    key: KeyWord,
    old_for: Annotated[
        str | None, opt("--old-for", "The old one opens so long yet.", "TIME")
    ] = None,
    out: Out = None,
) -> None:
    """Put another key in the place of one, and print it; the old one ends at once, or later."""
    body: Json = {}
    if old_for is not None:
        seconds = times.duration(old_for, "--old-for", needs_unit=True)
        body["old_until"] = math.ceil(time.time() + seconds)
    with connection.open(options, writes=True) as server:
        path = f"{_path(_find(server, key))}/rotate"
        with _file(out) as file:
            made = server.post(path, body)
            _keep(made, file)
    _tell(options, made, out)


@verb(
    "rm",
    "chatctl keys rm reports",
    "chatctl keys rm key_3f9a0c52d1e84b67 --json",
    exits=(3, 4, 5),
    because={5: "several are meant"},
    changes=True,
)
def rm(options: Options, key: KeyWord) -> None:
    """Remove a key: it opens nothing any more, from now on."""
    with connection.open(options, writes=True) as server:
        found = _find(server, key)
        done = server.delete(_path(found))
    if options.json:
        output.document({"id": found["id"], "name": found["name"], **done})
    elif sys.stdout.isatty():
        output.line(visible(f"{found['name']} opens nothing any more"))
    else:
        output.fields([cell(str(found["id"])), output.changed(done)])


def _split(scopes: list[str]) -> list[str]:
    found = [each.strip() for words in scopes for each in words.split(",") if each.strip()]
    if not found:
        raise failures.usage("--scope names none", "--scope rooms, or rooms:read")
    return found


def _find(server: Client, named: str) -> Json:
    """By its name, its id, or the beginning of that. Raises Failure ``key_not_found`` or
    ``ambiguous``."""
    if not named:
        raise failures.usage("KEY is empty")
    known = server.get(PATH)
    found = [each for each in known if each["name"] == named]
    if not found and named.startswith(_PREFIX) and len(named) >= len(_PREFIX) + _SHORTEST:
        found = [each for each in known if str(each["id"]).startswith(named)]
    if not found:
        raise Failure("key_not_found", f"there is no key {named}", "chatctl keys ls", 404)
    if len(found) > 1:
        ids = ", ".join(str(each["id"]) for each in found)
        raise Failure("ambiguous", f"{named} may be any of {ids}", "the whole id of one of them")
    return found[0]


def _path(key: Json) -> str:
    return f"{PATH}/{client.segment(str(key['id']), 'KEY')}"


def _file(out: str | None) -> contextlib.AbstractContextManager[TextIO | None]:
    """Made before the key is: no key is made that cannot be kept."""
    return contextlib.nullcontext() if out is None else secret_files.new(out)


def _keep(made: Json, file: TextIO | None) -> None:
    if file is not None:
        file.write(f"{visible(str(made.pop('key')))}\n")


def _tell(options: Options, made: Json, out: str | None) -> None:
    if options.json:
        output.document({**made, "changed": True})
        return
    if out is None:
        output.line(visible(str(made["key"])))
        output.note(options, f"the key {made['name']} is shown this once: keep it")
    elif sys.stdout.isatty():
        output.line(visible(f"the key {made['name']} is in {out}"))
    else:
        output.fields([cell(str(made["id"])), "changed"])
