"""``chatctl callbacks recover``: after an outage, what it has cost is sent again."""

import math
import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Literal

from chatctl.commands.callbacks_deliveries import with_times
from chatctl.input import endpoints, pace, times
from chatctl.link import connection
from chatctl.link.client import Client, Json
from chatctl.shell import signals
from chatctl.shell.failures import Failure
from chatctl.shell.options import Options, opt, verb
from chatctl.show import output, progress
from chatctl.show.output import Column

_RESULT = output.columns(
    "count deliveries number; first_id first id; first_at first planned time; last_id last id; "
    "last_at last planned time; due_now due now number"
)
_EXPECTED = Column("expected_seconds", "expected seconds", "number")
_USUAL_RATE = "50/s"
_LARGEST_PAGE = 500


@verb(
    "recover",
    "chatctl callbacks recover --since 2h --dry-run",
    "chatctl callbacks recover --since 2h --until 1h --only all --rate 100/s",
    exits=(3, 4, 5, 130, 143),
    changes=True,
)
def recover(
    options: Options,
    since: Annotated[str, opt("--since", "From then on: a time, a date, an age.", "TIME")],
    until: Annotated[str | None, opt("--until", "Until then.", "TIME")] = None,
    only: Annotated[
        Literal["failed", "missing", "all"],
        opt(
            "--only",
            "What failed; what was never made; both, and what has arrived.",
            "failed|missing|all",
        ),
    ] = "failed",
    endpoint: Annotated[str | None, opt("--endpoint", "Only to this one.", "ENDPOINT")] = None,
    rate: Annotated[
        str, opt("--rate", f"So many a second; {_USUAL_RATE}, 600/m.", "N/s")
    ] = _USUAL_RATE,
    after: Annotated[
        str | None, opt("--after", "Where an earlier one said it stopped.", "PLACE")
    ] = None,
    dry_run: Annotated[
        bool, opt("--dry-run", "Only count them, and say how long it would take.")
    ] = False,
) -> None:
    """Send again what an outage has cost: what failed, or what was never planned.

    What waits for its next try is tried now.
    """
    window = times.window(time.time(), ("since", since), ("until", until))
    run = RecoveryRun(options, {**window, "only": only, "dry_run": dry_run}, endpoint, rate, after)
    # A dry run writes, too, and takes it back. What is left for a server to send is told by what
    # was found.
    with signals.told(options, run.so_far), connection.open(options, delivers=True) as server:
        run.over(server)
    run.tell()


class RecoveryRun:
    """``after``: behind which place of the server's the next page begins."""

    def __init__(
        self, options: Options, body: Json, endpoint: str | None, rate: str, after: str | None
    ) -> None:
        self._options = options
        self._body = body
        self._endpoint = endpoint
        self._rate = rate
        self._per_second = pace.rate(rate, "--rate")
        self._after = after
        self._count = 0
        self._due_now = 0
        self._first: Json = None
        self._last: Json = None

    def over(self, server: Client) -> None:
        """Nothing is sent before the next start where no server runs: there is nothing to pace. A
        failure on the way says how far it came and how to go on."""
        if self._endpoint is not None:
            self._endpoint = endpoints.find(server, self._endpoint)["endpoint_id"]
            self._body["endpoint_id"] = self._endpoint
        is_paced = server.is_served and not self._body["dry_run"]
        kept = pace.Pace(self._per_second if is_paced else None)
        most = max(1, math.floor(self._per_second)) if is_paced else _LARGEST_PAGE
        limit = min(most, _LARGEST_PAGE)
        what = "counting" if self._body["dry_run"] else "sending again"
        with progress.shown(self._options, what) as shown, self._told_in_failures():
            for size in self._pages(server, limit):
                shown.done = self._count
                kept.did(size)
                if self._after is not None:
                    kept.rest()

    def _pages(self, server: Client, limit: int) -> Iterator[int]:
        while True:
            server.renew()
            given = {} if self._after is None else {"after": self._after}
            page = server.post(f"{endpoints.PATH}/recover", {**self._body, **given, "limit": limit})
            self._count += page["count"]
            self._due_now += page.get("due_now", 0)
            self._first = self._first or page["first"]
            self._last = page["last"] or self._last
            self._after = page["next"]
            if (self._count or self._due_now) and not self._body["dry_run"]:
                server.note_waiting()
            yield page["count"]
            if self._after is None:
                return

    @contextmanager
    def _told_in_failures(self) -> Iterator[None]:
        try:
            yield
        except Failure as failure:
            if self._count:
                failure.message = f"{failure.message}; {self._sum()}"
                failure.hint = self._rest()
            raise

    def so_far(self) -> tuple[str, str]:
        return self._sum(), self._rest()

    def tell(self) -> None:
        is_dry = self._body["dry_run"]
        seconds = round(self._count / self._per_second, 1)
        expected = {"expected_seconds": seconds} if is_dry else {}
        ends = {"first": self._first, "last": self._last}
        if self._options.json:
            shown = {name: each and with_times(each) for name, each in ends.items()}
            changed = bool((self._count or self._due_now) and not is_dry)
            told = {"changed": changed, "count": self._count, "due_now": self._due_now, **shown}
            output.document({**told, "dry_run": is_dry, **expected})
            return
        row = {"count": self._count, "due_now": self._due_now, **expected}
        for name, each in ends.items():
            row |= {} if each is None else _told(name, each)
        if sys.stdout.isatty() and not is_dry:
            output.line(self._sum())
            return
        columns = (*_RESULT, _EXPECTED) if is_dry else _RESULT
        output.record(self._options, columns, row)

    def _sum(self) -> str:
        one = self._count == 1
        if self._body["dry_run"]:
            return f"{self._count:,} {'delivery was' if one else 'deliveries were'} counted"
        waited = "; what waited for its next try is tried now" if self._due_now else ""
        again = f"{self._count:,} {'delivery is' if one else 'deliveries are'} on the way again"
        return again + waited

    def _rest(self) -> str:
        """The command for what is left, with fixed times: an age would have moved on."""
        words = ["chatctl", "callbacks", "recover"]
        for name in ("since", "until"):
            if name in self._body:
                words += (f"--{name}", times.rfc3339(self._body[name]))
        words += ("--only", self._body["only"], "--rate", self._rate)
        words += () if self._endpoint is None else ("--endpoint", self._endpoint)
        words += () if self._after is None else ("--after", self._after)
        return shlex.join([*words, *(["--dry-run"] if self._body["dry_run"] else [])])


def _told(name: str, delivery: Json) -> Json:
    return {f"{name}_id": delivery["delivery_id"], f"{name}_at": delivery["planned_at"]}
