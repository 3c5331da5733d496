"""One verb for many users or messages: each result is shown as soon as there is one."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from queue import SimpleQueue
from threading import Thread
from typing import NamedTuple, Self

from chatctl.input import rooms, targets, times
from chatctl.input.targets import Target
from chatctl.link import connection
from chatctl.link.client import Client, Json
from chatctl.shell import failures, signals
from chatctl.shell.failures import Failure, OutputLost
from chatctl.shell.options import Options, room_and_rest
from chatctl.show import output, progress, stdout
from chatctl.show.visible import cell, visible

# With these the next one would fail the same way.
_HOPELESS = (
    "unreachable",
    "no_server",
    "timed_out",
    "unauthorized",
    "forbidden",
    "lock_held",
    "not_chatctl",
    "version_mismatch",
    "user_refused",
    "room_closed",
    "room_not_found",
    "conversation_not_found",
)
_TIMES = output.columns("created_at CREATED time; expires_at EXPIRES time")

Act = Callable[[Client, str, str], Json]
"""Of a server, a room's id and one subject: what the server answers, with ``changed``."""
Find = Callable[[Client, str], str]
"""The id of the room, or chat, that was named."""


class Said(NamedTuple):
    """How a person reads the two outcomes: ``bob banned``, ``bob was already banned``.

    ``in_vain``: unchanged is not what was asked for, so that of one alone it is said in a pipe,
    too.
    """

    changed: str
    unchanged: str
    in_vain: bool = False


def each(
    options: Options,
    subject: Target,
    words: list[str] | None,
    room: str | None,
    source: str | None,
    *,
    act: Act,
    said: Said,
    find: Find = rooms.find_id,
) -> None:
    """Does it for each. One subject: its result or its failure. More: a line each, under
    ``--json`` an array, or a line each for ``--from``; and ``partly_done`` where some failed."""
    named, rest = room_and_rest(words, room, f"ROOM {subject.word}")
    about = targets.given(rest, source, subject)
    _do(options, subject, about, source, act, said, lambda server: find(server, named))


def roomless(
    options: Options,
    subject: Target,
    words: list[str] | None,
    source: str | None,
    *,
    act: Callable[[Client, str], Json],
    said: Said,
) -> None:
    """As ``each``, for what is in no room."""

    def acting(server: Client, _room_id: str, one: str) -> Json:
        return act(server, one)

    _do(options, subject, targets.given(words or [], source, subject), source, acting, said)


def _do(
    options: Options,
    subject: Target,
    about: list[str],
    source: str | None,
    act: Act,
    said: Said,
    find: Callable[[Client], str] = lambda _: "",
) -> None:
    if not about:
        output.note(options, f"no {subject.plural} were given, nothing to do")
        return
    is_array = options.json and source is None and len(about) > 1
    run = _BulkRun(
        options, subject, about, _Array() if is_array else _Lines(options, subject, said)
    )
    opened = connection.open(options, writes=True)
    with run.told_when_stopped(said), run.results, opened as server:
        run.over(server, find(server), act, said)
    run.told(said)
    if said.in_vain and run.is_one_unchanged and not options.json and not sys.stdout.isatty():
        output.note(options, f"{about[0]} {said.unchanged}")
    if run.results.lost is not None:
        raise failures.lost(run.results.lost, "what was asked is done")


class _Array:
    """One document at the end, also at an early one, of what is done until then."""

    def __init__(self) -> None:
        self.lost: OutputLost | None = None
        self._all: list[Json] = []

    def __enter__(self) -> Self:
        return self

    def add(self, result: Json) -> None:
        self._all.append(output.with_times(_TIMES, result))

    def __exit__(self, *_: object) -> None:
        try:
            if any("error" not in result for result in self._all):
                output.document(self._all)
                stdout.flush()
        except OutputLost as lost:
            self.lost = lost


class _Lines:
    """A line each, written by a thread of its own: whoever reads slowly, as a pager does, holds up
    neither the work nor the database's lock. At most one line for each subject is waiting."""

    def __init__(self, options: Options, subject: Target, said: Said) -> None:
        self._options = options
        self._key = subject.key
        self._said = said
        self._done = False
        self._held_back: list[Json] = []
        self._waiting: SimpleQueue[Json | None] = SimpleQueue()
        self.lost: OutputLost | None = None
        self._broken: Exception | None = None
        self._thread = Thread(target=self._write, name="results")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def add(self, result: Json) -> None:
        """Under ``--json`` stdout stays empty as long as nothing is done: then the error object
        says it all."""
        self._done = self._done or "error" not in result
        self._held_back.append(result)
        if self._done or not self._options.json:
            for each in self._held_back:
                self._waiting.put(each)
            self._held_back.clear()

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        self._waiting.put(None)
        self._thread.join()
        if self._broken is not None and error is None:
            raise self._broken

    def _write(self) -> None:
        try:
            while (result := self._waiting.get()) is not None:
                self._write_one(result)
        except Exception as broken:  # raised again where the work is done
            self._broken = broken

    def _write_one(self, result: Json) -> None:
        """Where stdout takes no more, what failed still goes to stderr."""
        try:
            self._show(result)
        except OutputLost as lost:
            self.lost = lost

    def _show(self, result: Json) -> None:
        subject, error = str(result[self._key]), result.get("error")
        if self._options.json:
            output.json_line(output.with_times(_TIMES, result))
        elif error is not None:
            progress.say(f"chatctl: {visible(subject)}: {visible(error['message'])}\n")
        elif sys.stdout.isatty():
            sentence = self._said.changed if result["changed"] else self._said.unchanged
            output.talk_line(f"{subject} {sentence}{_until(result)}")
        else:
            output.fields([cell(subject), output.changed(result)])
            stdout.flush()


def _until(result: Json) -> str:
    """The end of a ban or mute: a further one may have made it shorter."""
    if "expires_at" not in result:
        return ""
    end = result["expires_at"]
    return " for good" if end is None else f" until {times.rfc3339(end)}"


class _BulkRun:
    def __init__(
        self, options: Options, subject: Target, about: list[str], results: _Array | _Lines
    ) -> None:
        self.results = results
        self._options = options
        self._subject = subject
        self._about = about
        self._changed = 0
        self._unchanged = 0
        self._failures: list[Failure] = []
        self._begun = 0

    @property
    def is_one_unchanged(self) -> bool:
        return len(self._about) == self._unchanged == 1

    @property
    def _done(self) -> int:
        return self._changed + self._unchanged

    def over(self, server: Client, room_id: str, act: Act, said: Said) -> None:
        # Where the lines themselves are seen, they are the progress.
        quiet = replace(self._options, quiet=self._options.quiet or sys.stdout.isatty())
        with progress.shown(quiet, said.changed, len(self._about)) as shown:
            for each in self._about:
                shown.done += 1
                server.renew()
                self._begun += 1
                try:
                    self._did(each, act(server, room_id, each))
                except Failure as failure:
                    self._failed(each, failure)
                    if failure.code in _HOPELESS:
                        return

    @contextmanager
    def told_when_stopped(self, said: Said) -> Iterator[None]:
        """Ctrl-C and SIGTERM end with the sum, too. Raises Failure with the signal's exit code."""
        try:
            yield
        except (KeyboardInterrupt, SystemExit) as stop:
            if len(self._about) == 1:
                raise
            raise signals.failure(stop, self._sum(said)) from stop

    def told(self, said: Said) -> None:
        """The sum of it. Raises Failure where something failed."""
        if self._failures and not self._done:
            first = self._failures[0]
            raise Failure(
                first.code,
                f"all {len(self._about):,} {self._subject.plural} failed; "
                f"the first: {first.message}",
                first.hint,
                first.status,
            )
        if self._failures:
            unseen = f"; {failures.lost(self.results.lost).message}" if self.results.lost else ""
            raise Failure("partly_done", f"{self._sum(said)}{unseen}")
        if len(self._about) > 1 and sys.stderr.isatty() and not self._options.json:
            output.note(self._options, self._sum(said))

    def _did(self, each: str, answer: Json) -> None:
        self._changed += bool(answer["changed"])
        self._unchanged += not answer["changed"]
        self.results.add({self._subject.key: self._subject.value(each), **answer})

    def _failed(self, each: str, failure: Failure) -> None:
        if len(self._about) == 1 or (failure.code in _HOPELESS and not self._done):
            raise failure
        self._failures.append(failure)
        error = {"code": failure.code, "message": failure.message}
        self.results.add({self._subject.key: self._subject.value(each), "error": error})

    def _sum(self, said: Said) -> str:
        """``4,990 of 5,000 users banned, 8 unchanged, 2 failed``. Of the one that was asked for
        when a signal came nobody knows whether it is done: it is unanswered, and named."""
        last = self._about[self._begun - 1]
        rest = {
            "unchanged": self._unchanged,
            "failed": len(self._failures),
            f"unanswered ({last})": self._begun - self._done - len(self._failures),
            "not tried": len(self._about) - self._begun,
        }
        words = [f"{number:,} {what}" for what, number in rest.items() if number]
        total = f"{len(self._about):,} {self._subject.plural}"
        begin = total if self._changed == len(self._about) else f"{self._changed:,} of {total}"
        return ", ".join((f"{begin} {said.changed}", *words))
