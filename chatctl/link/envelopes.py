"""The log as the clients of the support desk get it: envelopes, of all sites."""

from collections.abc import Iterator

from chatctl.input import ids, times
from chatctl.link.client import Client, Json, Params
from chatctl.shell.failures import Failure

_EVENTS = "/management/events"
_REPLAY = "/management/events/replay"
_PAGE = 500


def events(server: Client, begin: Params) -> Iterator[Json]:
    """Of the log that have one, as ``envelope``, with ``offset`` and ``at`` as events have them.
    ``begin``: as the log is asked for it, ``after`` an event or from a ``since_time`` on."""
    query: dict[str, str | int] = {"limit": _PAGE}
    since = _anchor(server, begin.get("after"))
    if "since_time" in begin:
        query["from"] = times.rfc3339(int(begin["since_time"]))
    while True:
        page = server.get(_REPLAY, query if since is None else {**query, "since_event_id": since})
        for envelope in page["events"]:
            yield {
                "offset": ids.offset_of(envelope["event_id"]),
                "at": envelope["emitted_at"],
                "envelope": envelope,
            }
        since = page["next_since"]
        if not page["has_more"]:
            return
        server.renew()


def _anchor(server: Client, after: str | int | None) -> str | None:
    """The whole id of an event, of its offset or the beginning of its id; of an offset that the log
    does not have any more the one before. None is the begin of the log."""
    if after is None:
        return None
    try:
        found = server.get(_EVENTS, {"until": after, "tail": "true", "limit": 1})
    except Failure as failure:
        failure.message = failure.message.replace("until: ", "--since: ", 1)
        raise
    return str(found[0]["event_id"]) if found else None
