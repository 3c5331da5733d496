"""``chatctl callbacks test``: a sample of every kind to its receiver, and what that says."""

import sys
import time
from collections.abc import Iterator
from typing import Annotated

import typer

from chatctl import connection, endpoints, failures, output
from chatctl.client import Client, Json
from chatctl.commands.callbacks_show import answered, milliseconds
from chatctl.failures import Failure
from chatctl.options import Options, verb
from chatctl.output import Column

_COLUMNS = (
    Column("event", "EVENT", "id"),
    Column("url", "URL", "id"),
    Column("status", "STATUS", "id"),
    Column("answer_status", "ANSWER", "number"),
    Column("error", "ERROR", "id"),
    Column("latency_ms", "LATENCY MS", "number"),
    Column("answer", "SAID"),
    Column("delivery_id", "DELIVERY", "id"),
)
_READ = (
    Column("event", "EVENT", "id"),
    Column("said", "ANSWER"),
    Column("latency", "IN", "id"),
    Column("url", "URL"),
)
_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 0.5


@verb(
    "test",
    examples=("chatctl callbacks test room_event", "chatctl callbacks test --all --timeout 1m"),
    exits=(3, 4, 5, 9),
    because={5: "the endpoint is disabled, or several are meant", 9: "a receiver refused a sample"},
    changes=True,
    timeout="60s",
    columns=_COLUMNS,
)
def sample(
    options: Options,
    *,
    endpoint: Annotated[str | None, typer.Argument(metavar="ENDPOINT", show_default=False)] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="To every endpoint that is enabled.")
    ] = False,
) -> None:
    """Send a sample of every kind of event, each once, and report the answers."""
    if endpoint is not None and everything:
        raise failures.usage("ENDPOINT and --all contradict each other", "one of the two")
    if endpoint is None and not everything:
        raise failures.usage("test needs an ENDPOINT or --all", "chatctl callbacks test --all")
    # Only a server sends, so a file will not do.
    with connection.open(options, streams=True) as server:
        asked = _asked(options, server, endpoint)
        results = list(_results(options, server, asked))
    _show(options, results)
    _judge(results)


def _asked(options: Options, server: Client, named: str | None) -> list[tuple[Json, str]]:
    """Endpoints with the samples that were asked for: all of them first, so that none waits for
    another one's answer."""
    if named is not None:
        wanted = [endpoints.find(server, named)]
    else:
        known = server.get(endpoints.PATH)
        wanted = [each for each in known if each["status"] == "enabled"]
        left = len(known) - len(wanted)
        if left:
            output.note(options, f"{left:,} disabled endpoints are left out")
    asked = []
    for each in wanted:
        answer = server.post(endpoints.path(each["endpoint_id"], "test"), {})
        asked += [(each, str(delivery_id)) for delivery_id in answer["delivery_ids"]]
    return asked


def _results(options: Options, server: Client, asked: list[tuple[Json, str]]) -> Iterator[Json]:
    """Of each what came until --timeout was over; the status is ``pending`` where nothing did."""
    deadline = time.monotonic() + options.timeout_seconds
    for endpoint, delivery_id in asked:
        found = _finished(server, delivery_id, deadline)
        last = found["attempts"][-1] if found["attempts"] else {}
        yield {
            **{key: endpoint[key] for key in ("endpoint_id", "kind", "url")},
            **{key: found[key] for key in ("delivery_id", "event", "status")},
            "answer_status": last.get("status"),
            **{key: last.get(key) for key in ("error", "detail", "latency_ms", "answer")},
        }


def _finished(server: Client, delivery_id: str, deadline: float) -> Json:
    """As it is then, or at the deadline: asked for again and again, ever slower."""
    pause = _FIRST_PAUSE_SECONDS
    while True:
        server.renew()
        found = server.get(endpoints.delivery_path(delivery_id))
        left = deadline - time.monotonic()
        if found["status"] != "pending" or left <= 0:
            return found
        time.sleep(min(pause, left))
        pause = min(pause * 1.5, _LONGEST_PAUSE_SECONDS)


def _show(options: Options, results: list[Json]) -> None:
    if options.json or not sys.stdout.isatty():
        output.rows(options, _COLUMNS, results)
    else:
        output.rows(options, _READ, [{**each, **_read(each)} for each in results])


def _read(result: Json) -> Json:
    if result["latency_ms"] is None:
        return {"said": result["status"], "latency": None}
    brief = {"status": result["answer_status"], "error": result["error"]}
    return {"said": answered(brief), "latency": milliseconds(result["latency_ms"])}


def _judge(results: list[Json]) -> None:
    total = len(results)
    left = sum(each["status"] == "pending" for each in results)
    failed = sum(each["status"] not in ("delivered", "pending") for each in results)
    if failed:
        raise Failure(
            "partly_done",
            f"{failed} of {total} samples were not taken",
            "chatctl callbacks show DELIVERY, which has the whole answer",
        )
    if left:
        raise Failure(
            "timed_out", f"{left} of {total} samples are not answered yet", "--timeout 2m"
        )
