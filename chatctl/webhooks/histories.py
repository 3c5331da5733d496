"""A room's histories as its batches told them, and the digest of a PeriodicSync over them. Pure."""

import hashlib
import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from chatctl.link.client import Json

Kind = Literal["chat_history", "session_history"]
Values = tuple[str | int, ...]
Digest = Literal["equal", "different", "unknown"]

DIGEST_RECORDS = 1000
MOST_BYTES = 256 * 1024 * 1024
_RECORD_BYTES = 400  # of a record's values, beside its texts


class Shape(NamedTuple):
    """``name``: of the list in a batch; ``keys``: of a record, in their order; ``begins`` and
    ``ends``: where in it the seconds are by which histories and batches are in order."""

    name: str
    keys: tuple[str, ...]
    begins: int
    ends: int


SHAPES: dict[Kind, Shape] = {
    "chat_history": Shape("messages", ("user_id", "nickname", "content", "created_at"), 3, 3),
    "session_history": Shape(
        "sessions", ("user_id", "nickname", "join_time", "leave_time", "duration_seconds"), 2, 3
    ),
}


class BadRecords(Exception):
    """A batch that holds something else than records."""


def records(kind: Kind, body: Json) -> list[Values]:
    """The values of a batch's records, in the order of their keys. Raises BadRecords."""
    shape = SHAPES[kind]
    found = body.get(shape.name)
    if not isinstance(found, list):
        raise BadRecords(f"{shape.name} is no array")
    return [_values(shape, each, at) for at, each in enumerate(found)]


def _values(shape: Shape, record: object, at: int) -> Values:
    where = f"{shape.name}[{at}]"
    if not isinstance(record, dict):
        raise BadRecords(f"{where} is no object")
    values = []
    for key in shape.keys:
        value = record.get(key)
        wanted = str if key in ("user_id", "nickname", "content") else int
        if not isinstance(value, wanted) or isinstance(value, bool):
            raise BadRecords(f"{where}.{key} is {'no text' if wanted is str else 'no integer'}")
        values.append(value)
    return tuple(values)


class Budget:
    """What all histories together may hold in memory."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._left = most_bytes

    @property
    def is_spent(self) -> bool:
        return self._left < 0

    def takes(self, values: Iterable[Values]) -> bool:
        """False when there is no room for them, and from then on."""
        for each in values:
            self._left -= _RECORD_BYTES + sum(len(text) for text in each if isinstance(text, str))
        return not self.is_spent


class History:
    """Of one room and kind. ``add`` and ``add_again`` are told each batch once."""

    def __init__(self, kind: Kind, budget: Budget) -> None:
        self._shape = SHAPES[kind]
        self._budget = budget
        self._merged: list[Values] = []
        self._batches: dict[int, list[Values]] = {}
        self._known: Counter[Values] = Counter()
        self._run: list[Values] = []
        self._reached = 0

    def add(self, number: int, batch: Sequence[Values]) -> int:
        """How many of its records had come in an earlier batch. Whoever says the same twice within
        one second is not counted: batches that meet in that second have both."""
        ends = self._shape.ends
        double = [self._known[each] > 0 and int(each[ends]) < self._reached for each in batch]
        fresh = [each for each, is_double in zip(batch, double, strict=True) if not is_double]
        self._reached = max([self._reached, *(int(each[ends]) for each in batch)])
        if self._budget.takes(fresh):
            self._batches[number] = fresh
            self._known.update(fresh)
        return sum(double)

    def replace(self, number: int, batch: Sequence[Values]) -> None:
        """The same batch once more: what was erased since is erased in it."""
        if number in self._batches:
            self._known.subtract(self._batches[number])
            self._batches[number] = list(batch)
            self._known.update(batch)

    def add_again(self, batch: Sequence[Values], *, is_last: bool) -> None:
        """A piece of a run that sends again what was sent: once it is complete, it holds."""
        ends = self._shape.ends
        if self._run and batch and int(batch[0][ends]) < int(self._run[-1][ends]):
            self._run = []  # the run before it never came to its end
        if self._budget.takes(batch):
            self._run += batch
        if is_last and self._run:
            self._merge(self._run)
            self._run = []

    def all(self) -> list[Values]:
        """In the order in which the server counts them."""
        pieces = (self._batches[number] for number in sorted(self._batches))
        return [*self._merged, *itertools.chain.from_iterable(pieces)]

    def _merge(self, run: list[Values]) -> None:
        if self._shape.name == "messages":
            self._merged = _in_place(self.all(), run, self._shape.begins)
        else:
            before = self.all()
            self._merged = [*before, *(Counter(run) - Counter(before)).elements()]
        self._batches = {}
        self._known = Counter(self._merged)


def _in_place(before: Sequence[Values], run: Sequence[Values], at: int) -> list[Values]:
    """A run has all messages of its seconds, but for its last one: more may have come in it."""
    first, last = int(run[0][at]), int(run[-1][at])
    earlier = [each for each in before if int(each[at]) < first]
    meeting = [each for each in before if int(each[at]) == last]
    in_run = sum(int(each[at]) == last for each in run)
    later = [each for each in before if int(each[at]) > last]
    return [*earlier, *run, *meeting[in_run:], *later]


def compare(
    digest: str,
    messages: Sequence[Values],
    message_count: int,
    sessions: Sequence[Values],
    session_count: int,
) -> Digest:
    """Whether a digest is that of what came; the counts are how many the server has. Which of two
    that began within one second is among the newest only the server knows."""
    chats, is_clear = _newest(messages[:message_count], SHAPES["chat_history"])
    stays, are_clear = _newest(sessions[:session_count], SHAPES["session_history"])
    hashed = sorted(_record_digest(each) for each in [*chats, *stays])
    if hashlib.sha256("".join(hashed).encode()).hexdigest() == digest:
        return "equal"
    is_all = len(messages) >= message_count and len(sessions) >= session_count
    return "different" if is_all and is_clear and are_clear else "unknown"


def _newest(found: Sequence[Values], shape: Shape) -> tuple[list[Values], bool]:
    """False when the oldest of them shares its second with one that is left out."""
    ordered = sorted(found, key=lambda values: int(values[shape.begins]))
    older, newest = ordered[:-DIGEST_RECORDS], ordered[-DIGEST_RECORDS:]
    return newest, not older or older[-1][shape.begins] != newest[0][shape.begins]


def _record_digest(values: Values) -> str:
    return hashlib.sha256("".join(f"{value}\0" for value in values).encode()).hexdigest()
