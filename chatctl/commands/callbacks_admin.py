"""``chatctl callbacks``: where callbacks go."""

import re
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from chatctl.input import endpoints, event_types, secret_files, targets, times
from chatctl.link import connection
from chatctl.link.client import Client, Json
from chatctl.shell import failures
from chatctl.shell.failures import Failure
from chatctl.shell.options import Options, Verb, arg, opt, verb
from chatctl.show import failed, output
from chatctl.show.output import Column
from chatctl.show.visible import cell, visible

_LIST = output.columns(
    "endpoint_id ID id; kind KIND id; url URL id; events EVENTS; status STATUS id; "
    "pending PENDING number; oldest_pending_at OLDEST time; failing_since FAILING time; "
    "scope SCOPE id; failed FAILED number; oldest_failed_at OLDEST_FAILED time"
)
# What a person reads.
_READ = output.columns(
    "endpoint_id ID id; hears EVENTS; url URL id; state STATUS; pending PENDING number"
)
_FAILED = Column("failed", "FAILED", "number")
SHOW = output.columns(
    "endpoint_id id id; origin origin id; kind kind id; scope scope id; url url id; events events; "
    "status status id; disabled_reason disabled because; is_guarded guarded; has_secret secret; "
    "secret_overlap_until old secret until time; created_at created time; "
    "failing_since failing since time; pending pending number; "
    "oldest_pending_at oldest pending time; failed failed number; "
    "oldest_failed_at oldest failed time"
)
_ROOMS = "rooms"
_SCOPE = re.compile(
    f"{_ROOMS}|all|workspace:(0|[1-9][0-9]{{0,17}})|site:[a-z0-9_]{{1,40}}", re.ASCII
)
_MOST_URL_BYTES = 8192
_HTTP = re.compile("https?://", re.IGNORECASE)
_SERVER_BROKE = 500  # and whatever is above (RFC 9110, 15.6)

Endpoint = Annotated[str, arg("ENDPOINT")]
SecretFile = Annotated[
    str | None, opt("--secret-file", "Sign with the secret in it; - is stdin.", "FILE")
]


@verb("ls", "chatctl callbacks ls", "chatctl callbacks --json", exits=(3, 4), columns=_LIST)
def ls(options: Options) -> None:
    """List where callbacks go: the URLs of the settings, and the endpoints that were added."""
    with connection.open(options) as server:
        found = server.get(endpoints.PATH)
    if options.json:
        output.document([output.with_times(SHOW, each) for each in found])
    elif sys.stdout.isatty():
        columns = [*_READ, *([_FAILED] if any(each.get("failed") for each in found) else [])]
        columns += [each for each in _LIST if each.key == "scope" and _is_told(found)]
        output.rows(options, columns, [{**each, **_read(each)} for each in found])
    else:
        output.rows(options, _LIST, found)
    failed.tell_of(options, found)


def _is_told(found: list[Json]) -> bool:
    """Where all hear of rooms, a person is not told so."""
    return any(each.get("scope", _ROOMS) != _ROOMS for each in found)


def shown(options: Options, endpoint: Json) -> None:
    is_short = sys.stdout.isatty() and not _is_told([endpoint])
    columns = [each for each in SHOW if each.key != "scope" or not is_short]
    output.record(options, columns, endpoint)
    failed.tell_of(options, [endpoint])


def _read(endpoint: Json) -> Json:
    hears = ",".join(endpoint["events"]) if endpoint["origin"] == "added" else endpoint["kind"]
    state = endpoint["status"]
    if endpoint["disabled_reason"] is not None:
        state = f"{state}: {endpoint['disabled_reason']}"
    elif endpoint["failing_since"] is not None:
        since = times.relative(endpoint["failing_since"], time.time())
        state = f"{state}, failing since {since}"
    return {"hears": hears, "state": state}


@verb(
    "add",
    "chatctl callbacks add http://localhost:8080/hook --events 'room.*,message.*'",
    "chatctl callbacks add http://localhost:8080/hook --events '*' --secret-file secret.txt",
    exits=(3, 4, 5),
    changes=True,
)
def add(
    options: Options,
    url: Annotated[str, arg("URL")],
    events: Annotated[
        list[str], opt("--events", "The events it hears of: 'room.*,message.*', '*'.", "GLOB,…")
    ],
    source: SecretFile = None,
    scope: Annotated[
        str | None,
        opt("--scope", "Of what: rooms (unless given), workspace:N, site:ID, or all.", "SCOPE"),
    ] = None,
) -> None:
    """Send events to a further URL, from here on, and print the endpoint's id; - reads the URL."""
    if url == source == "-":
        raise failures.usage("stdin is the URL or the secret, not both", "--secret-file FILE")
    body = {"url": _url(url), "events": event_types.globs(events, "--events")}
    if scope is not None:
        body["scope"] = _checked_scope(scope)
    if source is not None:
        body["secret"] = secret_files.read(source)
    with connection.open(options, writes=True) as server:
        added = server.post(endpoints.PATH, body)
        if added["changed"]:
            server.note_waiting()
    if options.json:
        output.document(output.with_times(SHOW, added))
    elif sys.stdout.isatty():
        output.line(visible(str(added["endpoint_id"])))
    else:
        output.fields([cell(str(added["endpoint_id"])), output.changed(added)])


def _checked_scope(given: str) -> str:
    if not _SCOPE.fullmatch(given):
        raise failures.usage(
            f"--scope: '{given}' is no scope", "--scope rooms, all, workspace:7 or site:default"
        )
    return given


def _url(given: str) -> str:
    url = given
    if given == "-":
        url = targets.text_of("-").strip()
        if len(url) > _MOST_URL_BYTES or not endpoints.is_url(url):
            raise failures.usage("stdin holds no URL")
    if not _HTTP.match(url):
        raise failures.usage(
            "the URL must begin with http:// or https://", "such as http://localhost:8080/hook"
        )
    if given != "-" and "@" in re.split("[/?#]", url.partition("://")[2], maxsplit=1)[0]:
        raise failures.usage(
            "a URL with a user or password is visible to everyone on this machine",
            "chatctl callbacks add - --events … < url.txt",
        )
    return url


@verb(
    "rm",
    "chatctl callbacks rm http://localhost:8080/hook",
    "chatctl callbacks rm http://localhost:8080/hook --json",
    exits=(3, 4, 5),
    because={5: "one of the settings, or several are meant"},
    changes=True,
)
def rm(options: Options, endpoint: Endpoint) -> None:
    """Remove an endpoint; what is pending for it is not sent any more."""
    with connection.open(options, writes=True) as server:
        found = endpoints.find(server, endpoint)
        done = server.delete(endpoints.path(found["endpoint_id"]))
    _tell(options, {"endpoint_id": found["endpoint_id"], "url": found["url"], **done}, "is removed")


def _switch(name: str, status: str, sentence: str) -> Verb:
    def switch(options: Options, endpoint: Endpoint) -> None:
        with connection.open(options, writes=True) as server:
            done = _change(server, endpoints.find(server, endpoint), {"status": status})
            if done["changed"] and status == "enabled":
                server.note_waiting()
        _tell(options, done, f"is {status}", f"was already {status}")

    switch.__doc__ = sentence
    made = verb(
        name,
        f"chatctl callbacks {name} http://localhost:8080/hook",
        f"chatctl callbacks {name} http://localhost:8080/hook --json",
        exits=(3, 4, 5),
        because={5: "one of the settings, or several are meant"},
        changes=True,
    )
    return made(switch)


enable = _switch(
    "enable", "enabled", "Send to an endpoint again; what waits for it is tried at once."
)
disable = _switch("disable", "disabled", "Send nothing to an endpoint until it is enabled again.")


@verb(
    "rotate-secret",
    "chatctl callbacks rotate-secret http://localhost:8080/hook --out new-secret.txt",
    "chatctl callbacks rotate-secret http://localhost:8080/hook --secret-file secret.txt",
    exits=(3, 4, 5),
    because={5: "one of the settings, several are meant, or the file of --out exists"},
    changes=True,
)
def rotate_secret(
    options: Options,
    endpoint: Endpoint,
    source: SecretFile = None,
    out: Annotated[
        str | None, opt("--out", "Make one, and put it there; - is stdout.", "FILE")
    ] = None,
) -> None:
    """Sign with another secret; for 24 hours there is a signature by the one before, too."""
    if (source is None) == (out is None):
        raise failures.usage(
            "rotate-secret needs one of --secret-file and --out",
            "--out FILE, which makes a secret and puts it there",
        )
    secret = secret_files.made() if source is None else secret_files.read(source)
    with connection.open(options, writes=True) as server:
        found = endpoints.find(server, endpoint)
        if out not in (None, "-"):
            secret_files.write(str(out), secret)
        done = _rotate(server, found, secret, None if out == "-" else out)
    if out == "-" and not options.json:
        output.line(secret)
        return
    _tell(
        options, {**done, **({"secret": secret} if out == "-" else {})},
        "has another secret", "had this secret already",
    )  # fmt: skip


def _rotate(server: Client, found: Json, secret: str, made: str | None) -> Json:
    """A file that was made for nothing goes away; not when nobody knows whether it was: no answer
    came, or one that something broke."""
    try:
        return _change(server, found, {"secret": secret})
    except Failure as failure:
        is_refused = failure.status is not None and failure.status < _SERVER_BROKE
        if made is not None and is_refused:
            Path(made).unlink(missing_ok=True)
        raise


def _change(server: Client, found: Json, body: Mapping[str, str]) -> Json:
    return server.patch(endpoints.path(found["endpoint_id"]), dict(body))


def _tell(options: Options, done: Json, said: str, unchanged: str = "") -> None:
    if options.json:
        output.document(output.with_times(SHOW, done))
    elif sys.stdout.isatty():
        output.line(visible(f"{done['url']} {said if done['changed'] else unchanged}"))
    else:
        output.fields([cell(str(done["endpoint_id"])), output.changed(done)])
