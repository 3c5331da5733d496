"""What a receiver of callbacks has received, and what is wrong with it. Pure.

A callback is opened when it has come: its signature, its body, its event. It is finished when it
is answered: only what was told 2xx counts as received, because everything else comes again.
"""

import hashlib
import itertools
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from chatctl.link.client import Json
from chatctl.webhooks import histories
from chatctl.webhooks.histories import BadRecords, Budget, Digest, History, Kind
from chatctl_server.domain import signatures
from chatctl_server.domain.signatures import Judged

MOST_IDS = 100_000
_WORDS = re.compile(r"(?<=[a-z])(?=[A-Z])")
_NUMBER = re.compile(r"_(\d{1,15})$", re.ASCII)
_BATCHES: dict[str, Kind] = {
    "ChatHistoryBatch": "chat_history",
    "SessionHistoryBatch": "session_history",
}
# Samples and what is replayed say nothing about the order or the wholeness of a history.
_UNCHECKED_MARKS = ("test", "replay")
AGAIN = "again"


class Callback(NamedTuple):
    """``at`` in Unix seconds; ``headers`` have their names in lower case."""

    at: float
    path: str
    headers: Mapping[str, str]
    body: bytes


class Opened(NamedTuple):
    """``refusal``: the status that it must get, and why. ``batch``: the records of one."""

    callback: Callback
    event: str
    room_id: str
    body: Json
    signature: Judged
    batch: list[histories.Values]
    refusal: tuple[int, str] | None

    def header(self, name: str) -> str | None:
        return self.callback.headers.get(name)

    @property
    def kind(self) -> Kind | None:
        """Of a batch."""
        named = self.body.get("event_type") if isinstance(self.body, dict) else None
        return _BATCHES.get(named) if isinstance(named, str) else None


class Finding(NamedTuple):
    """``text`` continues the callback's line; ``is_trouble``: a receiver would want to know why."""

    code: str
    text: str
    is_trouble: bool = True


class Receipt(NamedTuple):
    """``attempt``: how often it has come; ``is_duplicate``: it was told 2xx before; ``answer``:
    None when nobody waited for it."""

    opened: Opened
    attempt: int
    is_duplicate: bool
    answer: int | None
    findings: list[Finding]


@dataclass
class Sum:
    """``gaps``: ranges of numbers by kind and room."""

    callbacks: int = 0
    events: Counter[str] = field(default_factory=Counter)
    retries: int = 0
    duplicates: int = 0
    unanswered: int = 0
    bad_requests: int = 0
    bad_signatures: int = 0
    double_records: int = 0
    gaps: list[tuple[Kind, str, list[str]]] = field(default_factory=list)
    digests: Counter[Digest] = field(default_factory=Counter)


@dataclass
class _Seen:
    tries: int = 0
    is_received: bool = False
    digest: bytes = b""


class _Room:
    def __init__(self, budget: Budget) -> None:
        self.histories: dict[Kind, History] = {
            kind: History(kind, budget) for kind in histories.SHAPES
        }
        self.numbers: dict[Kind, set[int]] = {kind: set() for kind in histories.SHAPES}


class Receipts:
    """``keys``: of the secrets that sign; none: signatures are not checked."""

    def __init__(self, keys: Sequence[bytes], budget: Budget | None = None) -> None:
        self._keys = keys
        self._budget = Budget() if budget is None else budget
        self._seen: dict[str, _Seen] = {}
        self._rooms: dict[str, _Room] = {}
        self._sum = Sum()

    def open(self, callback: Callback) -> Opened:
        signature = signatures.judge(self._keys, callback.headers, callback.body, callback.at)
        body, refusal = _parsed(callback.body)
        if self._keys and signature.verdict != "ok":
            refusal = (401, signature.reason or "")
        room_id = body.get("room_id") if isinstance(body, dict) else None
        opened = Opened(
            callback=callback,
            event=callback.headers.get("x-chatctl-event") or _event(body),
            room_id=room_id if isinstance(room_id, str) else "",
            body=body,
            signature=signature,
            batch=[],
            refusal=refusal,
        )
        return opened if opened.kind is None else _with_batch(opened, opened.kind)

    def finish(self, opened: Opened, status: int | None) -> Receipt:
        """``status`` None: nobody waited for the answer."""
        total = self._sum
        total.callbacks += 1
        total.events[opened.event] += 1
        total.unanswered += status is None
        if opened.refusal is not None:
            return self._refused(opened, status, opened.refusal)
        is_received = status is not None and 200 <= status < 300
        seen = self._seen_before(opened)
        findings = [*_changes(opened, seen)]
        is_duplicate = seen.is_received
        seen.tries += 1
        seen.is_received = seen.is_received or is_received
        if is_received:
            is_known = self._has(opened)
            if is_known and not is_duplicate:
                findings.append(Finding("same_batch", "the same batch_id came before"))
            is_duplicate = is_duplicate or is_known
            findings += self._checked(opened, is_duplicate=is_duplicate)
        total.duplicates += is_duplicate
        total.retries += seen.tries > 1 and not is_duplicate
        return Receipt(opened, seen.tries, is_duplicate, status, findings)

    @property
    def count(self) -> int:
        """Of the finished ones."""
        return self._sum.callbacks

    def total(self) -> Sum:
        """As it is now."""
        gaps = [
            (kind, room_id, _missing(numbers))
            for room_id, room in self._rooms.items()
            for kind, numbers in room.numbers.items()
        ]
        self._sum.gaps = [gap for gap in gaps if gap[2]]
        return self._sum

    def _refused(self, opened: Opened, status: int | None, refusal: tuple[int, str]) -> Receipt:
        code, reason = refusal
        if code == 401:
            self._sum.bad_signatures += 1
            finding = Finding("bad_signature", f"bad signature: {reason}")
        else:
            self._sum.bad_requests += 1
            finding = Finding("bad_request", reason)
        return Receipt(opened, 1, False, status, [finding])

    def _seen_before(self, opened: Opened) -> _Seen:
        webhook_id = opened.header("webhook-id")
        if webhook_id is None:
            return _Seen()
        while len(self._seen) > MOST_IDS:
            del self._seen[next(iter(self._seen))]
        return self._seen.setdefault(webhook_id, _Seen())

    def _has(self, opened: Opened) -> bool:
        """Whether it is a batch that came before."""
        room = self._rooms.get(opened.room_id)
        if room is None or opened.kind is None or not _is_checked(opened):
            return False
        return _number(opened) in room.numbers[opened.kind]

    def _checked(self, opened: Opened, *, is_duplicate: bool) -> list[Finding]:
        if not _is_checked(opened):
            return []
        room = self._rooms.get(opened.room_id)
        if room is None:
            room = self._rooms[opened.room_id] = _Room(self._budget)
        if opened.kind is None:
            return self._compared(opened, room) if _is_periodic(opened.body) else []
        return self._added(opened, room, opened.kind, is_duplicate=is_duplicate)

    def _added(
        self, opened: Opened, room: _Room, kind: Kind, *, is_duplicate: bool
    ) -> list[Finding]:
        history, number = room.histories[kind], _number(opened)
        if is_duplicate:
            history.replace(number, opened.batch)
            return []
        findings = [*_gap(room.numbers[kind], number)]
        room.numbers[kind].add(number)
        if opened.header("x-chatctl-mark") == AGAIN:
            history.add_again(opened.batch, is_last=opened.body.get("is_last_batch") is True)
            return findings
        double = history.add(number, opened.batch)
        self._sum.double_records += double
        if double:
            text = f"{double} of its {len(opened.batch)} records came before"
            findings.append(Finding("double_records", text))
        return findings

    def _compared(self, opened: Opened, room: _Room) -> list[Finding]:
        said = opened.body["consistency"]
        found = histories.compare(
            said["digest"],
            room.histories["chat_history"].all(),
            said["message_count"],
            room.histories["session_history"].all(),
            said["session_count"],
        )
        self._sum.digests[found] += 1
        code = f"digest_{found}"
        if found == "equal":
            return [Finding(code, "digest equal", is_trouble=False)]
        if found == "unknown":
            why = "no more history is kept" if self._budget.is_spent else _NOT_ENOUGH
            return [Finding(code, f"digest: {why}", is_trouble=False)]
        return [Finding(code, "digest different: the batches told another history")]


_NOT_ENOUGH = "not enough history received to tell"


def _parsed(body: bytes) -> tuple[Json, tuple[int, str] | None]:
    try:
        return msgspec.json.decode(body), None
    except (ValueError, RecursionError) as error:
        return None, (400, f"the body is no JSON: {error}")


def _with_batch(opened: Opened, kind: Kind) -> Opened:
    try:
        batch = histories.records(kind, opened.body)
        if _NUMBER.search(str(opened.body.get("batch_id"))) is None:
            raise BadRecords("batch_id ends in no number")
    except BadRecords as error:
        return opened._replace(refusal=opened.refusal or (400, str(error)))
    return opened._replace(batch=batch)


def _event(body: Json) -> str:
    """Of a sender without our header: the header's name for what the body is."""
    named = body.get("event_type") if isinstance(body, dict) else None
    if isinstance(named, str):
        return _WORDS.sub("_", named).lower()
    return "data_sync" if isinstance(body, dict) and "chat_history" in body else "unknown"


def _number(opened: Opened) -> int:
    found = _NUMBER.search(opened.body["batch_id"])
    assert found is not None
    return int(found[1])


def _is_checked(opened: Opened) -> bool:
    return opened.header("x-chatctl-mark") not in _UNCHECKED_MARKS


def _is_periodic(body: Json) -> bool:
    if not isinstance(body, dict) or body.get("event_type") != "PeriodicSync":
        return False
    said = body.get("consistency")
    return (
        isinstance(said, dict)
        and isinstance(said.get("digest"), str)
        and all(
            isinstance(said.get(name), int) and said[name] >= 0
            for name in ("message_count", "session_count")
        )
    )


def _changes(opened: Opened, seen: _Seen) -> list[Finding]:
    """Of a body that was another one at the try before, as far as it does not say so itself."""
    before, seen.digest = seen.digest, hashlib.sha256(opened.callback.body).digest()
    if opened.header("x-chatctl-changed") == "true":
        return [Finding("changed_since", "changed since the first try", is_trouble=False)]
    if not before or before == seen.digest:
        return []
    return [Finding("changed", "another body than before, and no X-Chatctl-Changed says so")]


def _gap(numbers: set[int], number: int) -> list[Finding]:
    if not numbers:
        return []
    newest = max(numbers)
    if number < newest:
        return [Finding("late", f"batch {number} comes after batch {newest}")]
    missing = _missing({newest, number})
    return [Finding("gap", f"missing before it: batch {missing[0]}")] if missing else []


def _missing(numbers: set[int]) -> list[str]:
    """Ranges between the first and the last, as ``2`` or ``4-7``."""
    ordered = sorted(numbers)
    return [
        str(before + 1) if after - before == 2 else f"{before + 1}-{after - 1}"
        for before, after in itertools.pairwise(ordered)
        if after - before > 1
    ]
