"""How a batch of calls becomes one transaction, and what happens when the database fails.

After every exception the query is whether the transaction is still open. Open: the action's
savepoint, or the transaction that it is alone in, is rolled back and it alone fails. Not open
(SQLITE_FULL, IOERR and CORRUPT roll the whole transaction back, savepoints and all; a further
statement would be committed by itself), or COMMIT failed: every call of the batch fails and the
connection is opened anew.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from chatctl_server import errors
from chatctl_server.domain import events
from chatctl_server.storage import engine, log
from chatctl_server.storage.client_ids import ClientIds
from chatctl_server.storage.sql import Database
from chatctl_server.storage.transaction import Throttles, Tx

logger = logging.getLogger("chatctl.storage")
A = TypeVar("A")
R = TypeVar("R")
Outcome = Any  # what the action returned, or the exception that it raised


class Batch(Generic[A, R]):
    """An action with a second form that runs many neighbouring calls at once.

    ``many`` returns for each argument its result or the refusal (a ChatctlError) it would have
    raised. When ``many`` itself raises, its calls are run one by one through ``one``.

    ``last_offset`` says of a result at which offset its call's events end: who called is told
    before the events of the calls behind it are. Without it, the batch's events come first.
    """

    def __init__(
        self,
        one: Callable[[Tx, A], R],
        many: Callable[[Tx, Sequence[A]], list[R | errors.ChatctlError]],
        last_offset: Callable[[R], int | None] | None = None,
    ) -> None:
        self.one = one
        self.many = many
        self.last_offset = last_offset


class Call(msgspec.Struct, frozen=True):
    action: Callable[..., Any] | Batch[Any, Any]
    arguments: tuple[Any, ...]
    done: Callable[[Outcome], None]
    size: int


class Completed(msgspec.Struct, frozen=True):
    call: Call
    outcome: Outcome
    recorded: Sequence[events.Event]


NOBODY = Call(lambda tx: None, (), lambda outcome: None, 0)
MAKE_ROOM = "make room on the database's disk; the server goes on by itself"
MOST_UNNOTICED = 100_000  # events of one transaction


class TransactionLost(Exception):
    """SQLite has rolled the whole transaction back."""


class Writer:
    """The writing connection and what is remembered between transactions. One thread only."""

    def __init__(
        self, connect: Callable[[], Database], clock: Callable[[], int], *, is_serving: bool = True
    ) -> None:
        self.trouble: errors.ChatctlError | None = None
        self._connect = connect
        self._clock = clock
        self._is_serving = is_serving
        self._db: Database | None = None
        self._throttles = Throttles()
        self._client_ids = ClientIds()
        self._at = 0  # of the newest event: no later one's time is before it
        self._offset: int | None = None  # up to which all events have been given out

    def check(self) -> None:
        """Opens and closes the database once. Raises StorageUnavailable."""
        try:
            self._open()
        except Exception as error:
            raise self._failure(error) from error
        self.close()

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def run(self, calls: Sequence[Call]) -> list[Completed]:
        """One transaction. Never raises: every call gets an outcome."""
        committing = False
        found: list[Completed] = []
        try:
            db = self._open()
            found = self._committed_unnoticed(db)
            db.execute_sql("BEGIN IMMEDIATE")
            completed = self._run_groups(db, calls)
            committing = True  # an error may now mean that it was stored, and could not say so
            db.execute_sql("COMMIT")
        except Exception as error:
            return found + self._abandon(calls, error, committing=committing)
        self.trouble = None
        self._note_offset(completed)
        return found + completed

    def _committed_unnoticed(self, db: Database) -> list[Completed]:
        """After a COMMIT that failed and yet took effect: its events, which nobody was given."""
        if self._offset is None:
            self._offset = log.newest_offset(db)
        if self.trouble is None:
            return []
        recorded = log.read_after(db, self._offset, MOST_UNNOTICED)
        completed = [Completed(NOBODY, None, recorded)] if recorded else []
        self._note_offset(completed)
        return completed

    def _note_offset(self, completed: Sequence[Completed]) -> None:
        for each in reversed(completed):
            if each.recorded:
                self._offset = each.recorded[-1].offset
                return

    def _open(self) -> Database:
        if self._db is None:
            db = self._connect()
            db.connect()
            self._at = max(self._at, log.newest_at(db))
            self._db = db
        return self._db

    def _run_groups(self, db: Database, calls: Sequence[Call]) -> list[Completed]:
        completed: list[Completed] = []
        start = 0
        while start < len(calls):
            end = start + 1
            action = calls[start].action
            if isinstance(action, Batch):
                while end < len(calls) and calls[end].action is action:
                    end += 1
                group = calls[start:end]
                completed += self._run_many(db, action, group, alone=len(group) == len(calls))
            else:
                completed.append(self._run_one(db, action, calls[start], alone=len(calls) == 1))
            start = end
        return completed

    def _run_one(
        self, db: Database, action: Callable[..., Any], call: Call, *, alone: bool
    ) -> Completed:
        """``alone`` in its transaction, a call or a batch needs no savepoint: SQLite then keeps no
        copy of each page that it changes."""
        tx = self._tx(db)
        if not alone:
            db.execute_sql("SAVEPOINT action")
        try:
            result = action(tx, *call.arguments)
            tx.keep_numbers()
        except Exception as error:
            self._roll_back_action(tx, error, alone=alone)
            return Completed(call, self._outcome(error), ())
        _keep_action(db, alone=alone)
        self._note_time(tx)
        return Completed(call, result, tx.recorded)

    def _run_many(
        self, db: Database, action: Batch[Any, Any], calls: Sequence[Call], *, alone: bool
    ) -> list[Completed]:
        if len(calls) > 1:
            tx = self._tx(db)
            if not alone:
                db.execute_sql("SAVEPOINT action")
            try:
                outcomes = action.many(tx, [call.arguments[0] for call in calls])
                tx.keep_numbers()
            except Exception as error:
                self._roll_back_action(tx, error, alone=alone)
                # One of them is to blame: by themselves the others are stored.
                logger.warning("a batch of %d calls is run one by one: %s", len(calls), error)
            else:
                _keep_action(db, alone=alone)
                self._note_time(tx)
                if action.last_offset is not None:
                    return _complete_each(calls, outcomes, tx.recorded, action.last_offset)
                return _complete_many(calls, outcomes, tx.recorded)
        alone = len(calls) == 1 and alone
        return [self._run_one(db, action.one, call, alone=alone) for call in calls]

    def _tx(self, db: Database) -> Tx:
        now = self._clock()
        at = max(self._at, now)
        return Tx(db, now, at, self._throttles, self._client_ids, is_serving=self._is_serving)

    def _note_time(self, tx: Tx) -> None:
        """What recorded nothing leaves no time behind, however wrong the clock was."""
        if tx.recorded:
            self._at = tx.at

    def _roll_back_action(self, tx: Tx, error: Exception, *, alone: bool) -> None:
        db = tx.db
        if not engine.in_transaction(db):
            raise TransactionLost from error
        self._throttles.forget(tx.heard_in)
        if alone:
            db.execute_sql("ROLLBACK")
            db.execute_sql("BEGIN IMMEDIATE")  # whoever called commits it, as any other
            return
        # A savepoint that is rolled back to is still there, and the next one would lie inside it.
        db.execute_sql("ROLLBACK TO action")
        db.execute_sql("RELEASE action")

    def _abandon(
        self, calls: Sequence[Call], error: Exception, *, committing: bool
    ) -> list[Completed]:
        logger.error("a transaction of %d calls was lost: %s", len(calls), _reason(error))
        self.trouble = failure = self._failure(error, committing=committing)
        # What the calls of this batch left there is not in the database.
        self._throttles.drop()
        db, self._db = self._db, None
        if db is not None:
            _discard(db)
        return [Completed(call, _again(failure), ()) for call in calls]

    def _outcome(self, error: Exception) -> Exception:
        """A refusal as it is; an error of the database in one statement as a refusal to store."""
        if isinstance(error, errors.ChatctlError) or engine.error_of(error) is None:
            return error
        logger.error("an action failed in the database", exc_info=error)
        return self._failure(error)

    def _failure(self, error: Exception, *, committing: bool = False) -> errors.ChatctlError:
        connection = None if self._db is None else self._db.connection()
        if engine.lacked_room(error, connection, committing=committing):
            return errors.StorageFull(
                "The disk is full; nothing was stored", hint=MAKE_ROOM, retry_after=5
            )
        if committing:
            return errors.OutcomeUnknown(
                "The commit failed; the call may be repeated with its client_msg_id", retry_after=1
            )
        return errors.NotStored("The database failed; nothing was stored", retry_after=1)


def _keep_action(db: Database, *, alone: bool) -> None:
    if not engine.in_transaction(db):
        raise TransactionLost
    if not alone:
        db.execute_sql("RELEASE action")


def _complete_many(
    calls: Sequence[Call], outcomes: Sequence[Outcome], recorded: Sequence[events.Event]
) -> list[Completed]:
    """All events of the batch go with its first call, so that they keep their order."""
    completed = [Completed(*each, ()) for each in zip(calls, outcomes, strict=True)]
    return [Completed(calls[0], outcomes[0], recorded), *completed[1:]]


def _complete_each(
    calls: Sequence[Call],
    outcomes: Sequence[Outcome],
    recorded: Sequence[events.Event],
    last_offset: Callable[[Any], int | None],
) -> list[Completed]:
    """Each call with its own events."""
    completed = []
    done = 0
    for call, outcome in zip(calls, outcomes, strict=True):
        refused = isinstance(outcome, errors.ChatctlError)
        last = None if refused else last_offset(outcome)
        end = done if last is None else last - recorded[0].offset + 1
        completed.append(Completed(call, outcome, recorded[done:end]))
        done = end
    return completed


def _again(failure: errors.ChatctlError) -> errors.ChatctlError:
    """Every caller gets an exception of its own: a shared one collects all their tracebacks."""
    return type(failure)(failure.detail, hint=failure.hint, retry_after=failure.retry_after)


def _reason(error: Exception) -> str:
    return f"{type(engine.error_of(error) or error).__name__}: {error.__cause__ or error}"


def _discard(db: Database) -> None:
    try:
        if engine.in_transaction(db):
            db.execute_sql("ROLLBACK")
        db.close()
    except Exception as error:
        logger.warning("the failed connection could not be closed: %s", error)
