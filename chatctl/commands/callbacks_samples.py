"""``chatctl callbacks test``: a sample of every kind to its receiver, and what that says."""

import sys
import time
from collections.abc import Iterator
from typing import Annotated

from chatctl.commands.callbacks_show import answered, milliseconds
from chatctl.input import endpoints
from chatctl.link import connection
from chatctl.link.client import Client, Json
from chatctl.shell import failures, signals
from chatctl.shell.failures import Failure
from chatctl.shell.options import Options, arg, opt, verb
from chatctl.show import output

_COLUMNS = output.columns(
    "event EVENT id; url URL id; status STATUS id; answer_status ANSWER number; error ERROR id; "
    "latency_ms LATENCY MS number; answer SAID; delivery_id DELIVERY id"
)
_READ = output.columns("event EVENT id; said ANSWER; latency IN id; url URL")
_ONLY_SERVED = "samples are sent by a running server"
_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 0.5


@verb(
    "test",
    "chatctl callbacks test room_event",
    "chatctl callbacks test --all --timeout 1m",
    exits=(3, 4, 5, 9, 130, 143),
    because={5: "the endpoint is disabled, or several are meant", 9: "a receiver refused a sample"},
    changes=True,
    timeout="60s",
    columns=_COLUMNS,
)
def sample(
    options: Options,
    endpoint: Annotated[str | None, arg("ENDPOINT")] = None,
    everything: Annotated[bool, opt("--all", "To every endpoint that is enabled.")] = False,
) -> None:
    """Send a sample of every kind of event, each once, and report the answers."""
    if endpoint is not None and everything:
        raise failures.usage("ENDPOINT and --all contradict each other", "one of the two")
    if endpoint is None and not everything:
        raise failures.usage("test needs an ENDPOINT or --all", "chatctl callbacks test --all")
    samples = Samples()
    with (
        signals.told(options, samples.so_far),
        connection.open(options, only_served=_ONLY_SERVED) as server,
    ):
        samples.begin(_asked(options, server, endpoint))
        samples.wait(server, time.monotonic() + options.timeout_seconds)
    results = samples.results()
    _show(options, results)
    _judge(results)


def _asked(options: Options, server: Client, named: str | None) -> Iterator[tuple[Json, str]]:
    """Endpoints with the samples that were asked for."""
    if named is not None:
        wanted = [endpoints.find(server, named)]
    else:
        known = server.get(endpoints.PATH)
        wanted = [each for each in known if each["status"] == "enabled"]
        left = len(known) - len(wanted)
        if left:
            output.note(options, f"{left:,} disabled endpoints are left out")
    for each in wanted:
        yield from ((each, str(delivery_id)) for delivery_id in _requested(server, each))


def _requested(server: Client, endpoint: Json) -> list[Json]:
    """The samples' ids. Raises Failure ``conflict`` for an endpoint that is disabled."""
    endpoint_id = endpoint["endpoint_id"]
    try:
        answer = server.post(endpoints.path(endpoint_id, "test"), {})
    except Failure as failure:
        if failure.code == "conflict":
            failure.hint = failure.hint or f"chatctl callbacks enable {endpoint_id}"
        raise
    found: list[Json] = answer["delivery_ids"]
    return found


class Samples:
    """What was asked for, in that order, and what is known of each."""

    def __init__(self) -> None:
        self._endpoints: dict[str, Json] = {}
        self._found: dict[str, Json] = {}

    def begin(self, asked: Iterator[tuple[Json, str]]) -> None:
        """All of them first, so that none waits for another one's answer."""
        for endpoint, delivery_id in asked:
            self._endpoints[delivery_id] = endpoint

    def wait(self, server: Client, deadline: float) -> None:
        """Until each is answered, or the deadline: all are asked for again and again, ever
        slower, so that whoever stops it hears of every answer that came."""
        pause = _FIRST_PAUSE_SECONDS
        while True:
            for delivery_id in self._waiting():
                server.renew()
                self._found[delivery_id] = server.get(endpoints.delivery_path(delivery_id))
            left = deadline - time.monotonic()
            if not self._waiting() or left <= 0:
                return
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, _LONGEST_PAUSE_SECONDS)

    def _waiting(self) -> list[str]:
        return [each for each in self._endpoints if not self._is_answered(each)]

    def _is_answered(self, delivery_id: str) -> bool:
        found = self._found.get(delivery_id)
        return found is not None and found["status"] != "pending"

    def results(self) -> list[Json]:
        """The status is ``pending`` where nothing came."""
        return [_result(each, self._found[key]) for key, each in self._endpoints.items()]

    def so_far(self) -> tuple[str, str | None]:
        total = len(self._endpoints)
        if not total:
            return "no sample was sent", None
        answered = total - len(self._waiting())
        said = f"{answered:,} of {total:,} samples were answered"
        return said, "chatctl callbacks deliveries, which has the answers" if answered else None


def _result(endpoint: Json, found: Json) -> Json:
    last = found["attempts"][-1] if found["attempts"] else {}
    return {
        **{key: endpoint[key] for key in ("endpoint_id", "kind", "url")},
        **{key: found[key] for key in ("delivery_id", "event", "status")},
        "answer_status": last.get("status"),
        **{key: last.get(key) for key in ("error", "detail", "latency_ms", "answer")},
    }


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
