"""``chatctl callbacks show``: an endpoint, or a delivery with all that was said to it."""

import re
import sys
from collections.abc import Iterator
from typing import Annotated

from chatctl.commands import callbacks_admin
from chatctl.commands.callbacks_deliveries import with_times
from chatctl.input import endpoints, ids
from chatctl.link import connection
from chatctl.link.client import Client, Json
from chatctl.shell.failures import Failure
from chatctl.shell.options import Options, arg, verb
from chatctl.show import output
from chatctl.show.visible import cell, json_text, visible

_DELIVERY = output.columns(
    "delivery_id id id; endpoint_id endpoint id; kind kind id; event event id; room_id room id; "
    "status status id; mark mark id; number batch number; tries tries number; "
    "tries_allowed tries allowed number; planned_at planned time; finished_at finished time; "
    "next_try_at next try time"
)
_ATTEMPT = output.columns("at AT time")
_NUMBER = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)


@verb(
    "show",
    "chatctl callbacks show room_event",
    "chatctl callbacks show 01a2b3c4-0000-7000-8000-000000000001 --json",
    exits=(3, 4, 5),
)
def show(options: Options, named: Annotated[str, arg("ENDPOINT|DELIVERY")]) -> None:
    """Show an endpoint, or a delivery: its request, and the answer to every try."""
    with connection.open(options) as server:
        found = _find(server, named)
    if "attempts" not in found:
        callbacks_admin.shown(options, found)
    elif options.json:
        attempts = [output.with_times(_ATTEMPT, each) for each in found["attempts"]]
        output.document({**with_times(found), "attempts": attempts})
    else:
        output.record(options, _DELIVERY, found)
        for title, value in _said(found):
            _line(title, value)


def _find(server: Client, named: str) -> Json:
    """Raises Failure ``endpoint_not_found``, ``delivery_not_found`` or ``ambiguous``."""
    known = endpoints.meant(server.get(endpoints.PATH), named)
    if known and (ids.is_uuid(named) or not ids.is_start(named)):
        return endpoints.only(known, named)
    if not (ids.is_start(named) or _NUMBER.fullmatch(named)):
        raise Failure(
            "endpoint_not_found",
            f"there is no endpoint or delivery {named}",
            "chatctl callbacks ls, or chatctl callbacks deliveries",
            404,
        )
    try:
        delivery = server.get(endpoints.delivery_path(named))
    except Failure as failure:
        if not known or failure.code != "delivery_not_found":
            raise
        return endpoints.only(known, named)
    if not known:
        return delivery
    raise Failure(
        "ambiguous",
        f"{named} may be the endpoint {known[0]['endpoint_id']} or the delivery "
        f"{delivery['delivery_id']}",
        "the whole id of one of them",
    )


def _said(delivery: Json) -> Iterator[tuple[str, str]]:
    request = delivery["request"]
    yield "POST", request["url"]
    for name, value in request["headers"].items():
        yield "header", f"{name}: {value}"
    if request["body"] is None:
        yield "body", "it cannot be put together any more"
    else:
        yield "body", json_text(request["body"])
    for attempt in delivery["attempts"]:
        yield f"try {attempt['number']}", _attempt(attempt)
        if attempt["answer"]:
            yield f"answer {attempt['number']}", attempt["answer"]


def _attempt(attempt: Json) -> str:
    """``2026-01-31T09:00:00Z 500 in 212 ms``; without an answer, why there was none."""
    at = output.with_times(_ATTEMPT, attempt)["at"]
    said = answered(attempt)
    return f"{at} {said} in {milliseconds(attempt['latency_ms'])}"


def answered(attempt: Json) -> str:
    """``500``, ``timeout (no answer in 30 s)``, ``200, body_too_large``."""
    error = attempt["error"]
    if error is not None and attempt.get("detail"):
        error = f"{error} ({attempt['detail']})"
    status = attempt["status"]
    parts = [str(each) for each in (status, error) if each is not None]
    return ", ".join(parts)


def milliseconds(latency: float) -> str:
    return f"{latency:.0f} ms" if latency >= 10 else f"{latency:.1f} ms"


def _line(title: str, value: str) -> None:
    if sys.stdout.isatty():
        output.line(f"{title:<15}{visible(value)}")
    else:
        output.line(f"{title}\t{cell(value)}")
