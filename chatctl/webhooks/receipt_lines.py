"""Received callbacks as lines: aligned and coloured on a terminal, tab-separated in a pipe, NDJSON
with ``--json``; and their sum."""

import shutil
import sys
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from chatctl.input import times
from chatctl.link.client import Json
from chatctl.shell.options import Options
from chatctl.show import callback_bodies, output, stdout
from chatctl.show.visible import cell, shortened, visible, width

if TYPE_CHECKING:
    from chatctl.webhooks.receipts import Receipt, Sum

COLUMNS = output.columns(
    "at AT time; event EVENT id; room_id ROOM id; told TOLD; attempt TRY; signature SIGNATURE; "
    "answer ANSWER"
)
# Beside words that say the same.
_GREEN, _YELLOW, _RED, _END = "\x1b[32m", "\x1b[33m", "\x1b[91m", "\x1b[0m"
_NARROWEST = (8, 13, 1, 4, 3)
_GAP = 2
_INDENT = " " * 10
_LEAST_WIDTH = 20  # of what a body tells; on a narrower terminal the line wraps


class ReceiptLines:
    def __init__(self, options: Options) -> None:
        self._options = options
        self._names: dict[str, str] = {}
        self._widths = list(_NARROWEST)

    def show(self, receipt: "Receipt") -> None:
        if self._options.json:
            output.json_line(_object(receipt))
        elif sys.stdout.isatty():
            self._show_on_terminal(receipt)
        else:
            output.fields(map(cell, _cells(receipt)))
        stdout.flush()

    def sum_up(self, total: "Sum") -> None:
        if self._options.json:
            output.json_line({"sum": _sum(total)})
            return
        rows = list(_rows(total))
        if not sys.stdout.isatty():
            for title, value in rows:
                output.fields(("sum", cell(title), cell(value)))
            return
        wide = max(len(visible(title)) for title, _ in rows)
        output.line("")
        for title, value in rows:
            output.line(f"{visible(title):<{wide}}  {visible(value)}")

    def _show_on_terminal(self, receipt: "Receipt") -> None:
        """Columns are as wide as the widest so far; what does not fit stands below."""
        opened = receipt.opened
        on = output.colored(self._options, sys.stdout)
        cells = [
            f"{datetime.fromtimestamp(opened.callback.at).astimezone():%H:%M:%S}",
            visible(opened.event),
            _attempt(receipt),
            opened.signature.verdict,
            _answer(receipt),
        ]
        self._widths = [max(pair) for pair in zip(self._widths, map(width, cells), strict=True)]
        colours = _colours(receipt)
        head = "".join(
            _painted(cell, colour, on=on) + " " * (wide - width(cell) + _GAP)
            for cell, colour, wide in zip(cells, colours, self._widths, strict=True)
        )
        columns = shutil.get_terminal_size().columns
        told = visible(self._told(receipt))
        if width(told) <= columns - sum(self._widths) - _GAP * len(cells):
            output.line(head + told)
        else:
            output.line(head.rstrip())
            output.line(_INDENT + shortened(told, max(columns - len(_INDENT), _LEAST_WIDTH)))
        for finding in receipt.findings:
            colour = _RED if finding.is_trouble else _GREEN
            output.line(_INDENT + _painted(visible(finding.text), colour, on=on))

    def _told(self, receipt: "Receipt") -> str:
        """With the room's name, once it is known."""
        opened = receipt.opened
        name = callback_bodies.room_name(opened.body)
        if name is not None and opened.room_id:
            self._names[opened.room_id] = name
        room = self._names.get(opened.room_id, opened.room_id)
        return f"{room}  {_words(receipt)}"


def _painted(text: str, colour: str | None, *, on: bool) -> str:
    return f"{colour}{text}{_END}" if on and colour else text


def _colours(receipt: "Receipt") -> tuple[str | None, ...]:
    """Of the five columns."""
    is_good = receipt.answer is not None and receipt.answer < 300
    return (
        None,
        None,
        _YELLOW if receipt.attempt > 1 or receipt.is_duplicate else None,
        {"ok": _GREEN, "bad": _RED}.get(receipt.opened.signature.verdict),
        _GREEN if is_good else _RED,
    )


def _words(receipt: "Receipt") -> str:
    opened = receipt.opened
    words = callback_bodies.told(opened.event, opened.body)
    mark = opened.header("x-chatctl-mark")
    return words if mark is None else f"({mark}) {words}"


def _attempt(receipt: "Receipt") -> str:
    return "duplicate" if receipt.is_duplicate else str(receipt.attempt)


def _answer(receipt: "Receipt") -> str:
    return "none" if receipt.answer is None else str(receipt.answer)


def _cells(receipt: "Receipt") -> list[str]:
    opened = receipt.opened
    told = "; ".join(filter(None, (_words(receipt), *(each.text for each in receipt.findings))))
    at = times.rfc3339(int(opened.callback.at))
    attempt, answer = _attempt(receipt), _answer(receipt)
    return [at, opened.event, opened.room_id, told, attempt, opened.signature.verdict, answer]


def _object(receipt: "Receipt") -> Json:
    opened = receipt.opened
    return {
        "at": times.rfc3339(round(opened.callback.at, 6)),
        "path": opened.callback.path,
        "event": opened.event,
        "room_id": opened.room_id or None,
        "webhook_id": opened.header("webhook-id"),
        "mark": opened.header("x-chatctl-mark"),
        "attempt": receipt.attempt,
        "duplicate": receipt.is_duplicate,
        "signature": opened.signature.verdict,
        "answer": receipt.answer,
        "findings": [{"code": each.code, "text": each.text} for each in receipt.findings],
        "body": opened.body,
    }


def _sum(total: "Sum") -> Json:
    return {
        **vars(total),
        "gaps": [
            {"kind": kind, "room_id": room_id, "missing": missing}
            for kind, room_id, missing in total.gaps
        ],
        "digests": {name: total.digests[name] for name in ("equal", "different", "unknown")},
    }


def _rows(total: "Sum") -> Iterator[tuple[str, str]]:
    yield "callbacks", str(total.callbacks)
    for event, count in total.events.items():
        yield event, str(count)
    yield "retries", str(total.retries)
    yield "duplicates", str(total.duplicates)
    yield "unanswered", str(total.unanswered)
    yield "bad requests", str(total.bad_requests)
    yield "bad signatures", str(total.bad_signatures)
    yield "double records", str(total.double_records)
    yield "gaps", str(len(total.gaps))
    for kind, room_id, missing in total.gaps:
        yield "gap", f"{kind} of {room_id}: batch {', '.join(missing)}"
    for name in ("equal", "different", "unknown"):
        yield f"digests {name}", str(total.digests[name])


def wrong(total: "Sum") -> list[str]:
    """What no receiver should see."""
    counted = (
        (total.bad_signatures, "bad signature"),
        (len(total.gaps), "gap"),
        (total.double_records, "double record"),
        (total.digests["different"], "different digest"),
    )
    return [f"{count} {name}{'s' * (count > 1)}" for count, name in counted if count]
