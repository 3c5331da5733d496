"""``chatctl sync`` and ``chatctl sync status``: have callbacks sent, and see how far they got."""

import sys
import time
from collections.abc import Sequence
from typing import Annotated, Literal

from chatctl.input import rooms, times
from chatctl.link import connection
from chatctl.link.client import Client, Json
from chatctl.link.sync_progress import HISTORIES, SyncOutcome, SyncWatch
from chatctl.shell import signals
from chatctl.shell.failures import Failure, usage
from chatctl.shell.options import OnlyOfRoom, Options, opt, verb
from chatctl.show import failed, output, progress

_STATES = ("data", "periodic")
_VARIABLES = {
    "data": "DATA_CALLBACK_URL",
    "periodic": "PERIODIC_SYNC_CALLBACK_URL",
    "chat_history": "CHAT_HISTORY_CALLBACK_URL",
    "session_history": "SESSION_HISTORY_CALLBACK_URL",
}
_RECEIVERS = {**{kind: kind for kind in _VARIABLES}, "periodic": "periodic_sync"}
# In the file's own process an answer comes after the work, a server's in the time it has.
_GRACE_SECONDS = 10.0
_DONE = output.columns("delivered delivered number; failed failed number; pending pending number")
_STATUS = output.columns(
    "kind KIND id; room_id ROOM_ID id; room_name ROOM; pending PENDING number; "
    "failed FAILED number; last_delivered_at DELIVERED time; lag LAG number"
)
# What a person reads has no ids.
_READ = tuple(column for column in _STATUS if column.key != "room_id")

StatusKind = Literal["data", "periodic", "chat_history", "session_history", "room_event"]
From = Annotated[str | None, opt("--from", "The history from then on (help input).", "TIME")]
To = Annotated[str | None, opt("--to", "The history until then.", "TIME")]


@verb(
    "push",
    "chatctl sync --wait",
    "chatctl sync --kind chat_history --room lobby --full --json",
    exits=(3, 4, 5, 9, 130, 143),
    because={8: "some are still pending", 9: "some callbacks failed"},
    changes=True,
    timeout="60s",
)
def push(
    options: Options,
    kind: Annotated[
        list[str] | None,
        opt(
            "--kind",
            "May be repeated. Unless given, data and periodic; with --full, --from or --to "
            "both histories.",
            "data|periodic|chat_history|session_history",
        ),
    ] = None,
    room: OnlyOfRoom = None,
    since: From = None,
    until: To = None,
    full: Annotated[bool, opt("--full", "The whole history again, not only what is new.")] = False,
    wait: Annotated[
        bool,
        opt("--wait", "Until all is delivered, at most for --timeout (60s); on a file always."),
    ] = False,
) -> None:
    """Have the callbacks of rooms and histories sent now; on a file, all that are due."""
    window = times.window(time.time(), ("from", since), ("to", until))
    kinds = _kinds(kind, is_again=full or bool(window))
    body: Json = {"kinds": kinds, "full": full, **window}
    with (
        connection.open(options, delivers=True) as server,
        signals.told(options, lambda: so_far(server)),
    ):
        if room is not None:
            body["room_id"] = rooms.find_id(server, room)
        # From here on: to open a file takes its time, too.
        deadline = time.monotonic() + options.timeout_seconds
        with progress.shown(options, "waiting for callbacks"):
            done = _sync(options, server, body, deadline, wait=wait)
        _tell_unheard(options, server, kinds, is_asked=bool(kind))
    _judge(options, done, deadline)
    figures = done._asdict() if done is not None else dict.fromkeys(SyncOutcome._fields)
    if done is None and not options.json:
        output.note(options, "the sync is requested; --wait waits for its callbacks")
    else:
        output.record(options, _DONE, {**figures, "changed": True})


def _kinds(given: Sequence[str] | None, *, is_again: bool) -> list[str]:
    """``is_again``: a history from an earlier place than where it is. States have no past."""
    if not given:
        return list(HISTORIES if is_again else _STATES)
    for kind in given:
        if kind not in _VARIABLES:  # as Typer says it of one value
            words = ", ".join(f"'{each}'" for each in _VARIABLES)
            raise usage(f"Invalid value for '--kind': '{kind}' is not one of {words}")
    kinds = list(dict.fromkeys(given))
    if is_again and not set(kinds) & set(HISTORIES):
        raise usage(
            f"--full, --from and --to are about histories, and {' and '.join(kinds)} "
            f"{'is' if len(kinds) == 1 else 'are'} none",
            f"--kind {' or --kind '.join(HISTORIES)}",
        )
    return kinds


def _sync(
    options: Options, server: Client, body: Json, deadline: float, *, wait: bool
) -> SyncOutcome | None:
    """None: a server does it, and nobody waits."""
    sync = None
    if server.is_served and wait:
        sync = SyncWatch(server, body["kinds"], body.get("room_id"))
    server.post("/management/sync", body)
    if sync is not None:
        return sync.wait(deadline)
    if server.is_served:
        return None
    server.renew(_GRACE_SECONDS)
    seconds = max(0.1, deadline - time.monotonic())
    output.note(options, f"sending what is due, for {seconds:.0f} s at most")
    done = server.post("/management/sync/due", {"seconds": seconds})
    if not done.pop("is_planned"):
        raise Failure(
            "timed_out",
            "the time was over before all callbacks were planned; they are left",
            "the same command with a longer --timeout",
        )
    return SyncOutcome(**done)


def so_far(server: Client) -> tuple[str, str]:
    if server.is_served:
        return "the server goes on with it", "chatctl sync status"
    return "what has not arrived is left", "the same command, which goes on with it"


def _tell_unheard(
    options: Options, server: Client, kinds: Sequence[str], *, is_asked: bool
) -> None:
    """That what was asked for has nowhere to go. Two kinds that nobody named are not missed one by
    one: without its URL a kind is off."""
    known = server.get("/management/callbacks")
    heard = {each["kind"] for each in known if each["origin"] == "settings"}
    unheard = [kind for kind in kinds if _RECEIVERS[kind] not in heard]
    if not unheard or not (is_asked or len(unheard) == len(kinds)):
        return
    names = " and ".join(_VARIABLES[kind] for kind in unheard)
    what = f" for {' and '.join(unheard)}" if known else ""
    are = "is" if len(unheard) == 1 else "are"
    output.note(options, f"no endpoint is configured{what}: {names} {are} not set")


def _judge(options: Options, done: SyncOutcome | None, deadline: float) -> None:
    """Raises Failure for what failed, or is left when the time is over. What is left before that
    nobody is there for: its URL, or the secret that the server had, is not among the settings
    here, or its endpoint is disabled."""
    if done is None:
        return
    total = sum(done)
    left = f"; {done.pending:,} left" if done.pending else ""
    if done.failed:
        raise Failure(
            "partly_done",
            f"{done.failed:,} of {total:,} callbacks failed{left}",
            "chatctl callbacks deliveries --status failed",
        )
    if done.pending and time.monotonic() >= deadline:
        raise Failure(
            "timed_out",
            f"{done.delivered:,} of {total:,} callbacks arrived in time{left}",
            "chatctl callbacks deliveries --status pending, or a longer --timeout",
        )
    if done.pending:
        why = "their URL or CALLBACK_SIGNING_SECRET is not set here, or their endpoint is disabled"
        output.note(options, f"still pending: {done.pending:,}; {why}")


@verb(
    "status",
    "chatctl sync status",
    "chatctl sync status --room lobby --kind chat_history --json",
    exits=(3, 4, 5),
    columns=_STATUS,
)
def status(
    options: Options,
    room: OnlyOfRoom = None,
    kind: Annotated[
        StatusKind | None,
        opt(
            "--kind", "Only of this kind.", "data|periodic|chat_history|session_history|room_event"
        ),
    ] = None,
) -> None:
    """List how far the callbacks got, by kind and room; LAG is what a history has not sent yet."""
    with connection.open(options) as server:
        query: dict[str, str | int] = {"limit": 1000}
        if room is not None:
            query["room"] = rooms.find_id(server, room)
        if kind is not None:
            query["kind"] = kind
        found = []
        for page in server.pages("/management/sync/status", query):
            found += page
            server.renew()
        is_lost = any(each.get("failed") for each in found)
        receiving = server.get("/management/callbacks") if is_lost else []
    is_read = sys.stdout.isatty() and not options.json
    output.rows(options, _READ if is_read else _STATUS, found)
    failed.tell_of(options, receiving)
