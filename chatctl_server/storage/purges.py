"""What is left of purged conversations is removed in steps, so that nobody waits long for the
writer. After each the rows that are left fit what is left of the log.

Nothing finds such a conversation any more. A stop or a crash between two steps leaves it to the
next start. The rows of its client ids stay until they expire: they are hashes.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec

from chatctl_server.domain.references import ConversationRef
from chatctl_server.storage import delivery_retention, engine, log, messages
from chatctl_server.storage.sql import Database, Query
from chatctl_server.storage.store import Store
from chatctl_server.storage.transaction import Tx

T = TypeVar("T")
A_STEP = 500  # rows, and
STEP_BYTES = 256 * 1024  # of texts, but one at least
PAUSES = 2  # as long as the step before took
Find = Callable[[Database, int, int], tuple[list[int], int]]

_PURGED = Query("SELECT id, scope FROM conversation WHERE kind = 'purged' ORDER BY id")
_MESSAGES = Query("""SELECT id, octet_length(content) FROM message
    WHERE conversation = :conversation ORDER BY seq LIMIT :limit""")
_REMOVE_MESSAGES = Query("""DELETE FROM message WHERE id IN (SELECT value FROM json_each(:found))
    RETURNING event_offset, changed_offset""")
_REMOVE_SESSIONS = Query("""DELETE FROM room_session WHERE id IN (
        SELECT id FROM room_session WHERE conversation = :conversation LIMIT :limit)
    RETURNING id""")
_REMOVE_BATCHES = Query("""DELETE FROM batch WHERE kind IN ('chat_history', 'session_history')
    AND conversation = :conversation""")
_REMOVE = Query("DELETE FROM conversation WHERE id = :conversation AND kind = 'purged'")


def unfinished(db: Database) -> list[ConversationRef]:
    """Purged conversations of which rows are left."""
    return [ConversationRef(*row) for row in _PURGED.rows(db)]


async def finish(store: Store) -> None:
    """Removes what is left of all that are purged, gives the free pages of the file back to the
    system, and has the write-ahead log emptied of their texts. It may run twice at a time, and
    again."""
    found = await store.read(unfinished)
    if not found:
        return
    await _remove_found(store, delivery_retention.of_purged, _remove_deliveries)
    for ref in found:
        for step in (_remove_messages, _remove_sessions):
            while await _write(store, step, ref):
                pass
    await _remove_found(store, log.of_purged, _remove_events)
    for ref in found:
        await _write(store, _remove, ref)
    while await _write(store, _shrink):
        pass
    store.empty_log()


async def _remove_found(
    store: Store, find: Find, remove: Callable[[Tx, Sequence[int]], None]
) -> None:
    """Rows that no index knows are looked for beside the writer."""
    before, reached = -1, 0
    while reached > before:
        before = reached
        found, reached = await store.read(find, before, A_STEP)
        if found:
            await _write(store, remove, found)


async def _write(store: Store, step: Callable[..., T], *arguments: Any) -> T:
    """A pause follows: most of the writer's time, and of the disk's, is for others."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    done = await store.write(step, *arguments)
    await asyncio.sleep(PAUSES * (loop.time() - began))
    return done


def _remove_deliveries(tx: Tx, found: Sequence[int]) -> None:
    delivery_retention.remove(tx.db, found)


def _remove_messages(tx: Tx, ref: ConversationRef) -> int:
    """Each with the events that posted it and that changed it last."""
    some: list[int] = []
    size = 0
    for number, length in _MESSAGES.each(tx.db, conversation=ref.id, limit=A_STEP):
        size += length
        if some and size > STEP_BYTES:
            break
        some.append(number)
    rows = _REMOVE_MESSAGES.rows(tx.db, found=msgspec.json.encode(some).decode())
    _remove_events(tx, [offset for row in rows for offset in row if offset is not None])
    if rows:
        tx.take(messages.REMOVED, len(rows))
    return len(rows)


def _remove_sessions(tx: Tx, ref: ConversationRef) -> int:
    return len(_REMOVE_SESSIONS.rows(tx.db, conversation=ref.id, limit=A_STEP))


def _remove_events(tx: Tx, offsets: Sequence[int]) -> None:
    _count(tx, log.remove(tx.db, offsets))


def _remove(tx: Tx, ref: ConversationRef) -> None:
    delivery_retention.remove_late(tx.db, ref)
    _REMOVE_BATCHES.run(tx.db, conversation=ref.id)
    _count(tx, log.remove_creation(tx.db, ref))
    _REMOVE.run(tx.db, conversation=ref.id)


def _count(tx: Tx, removed: int) -> None:
    if removed:
        tx.take(log.REMOVED, removed)


def _shrink(tx: Tx) -> bool:
    return engine.shrink(tx.db, A_STEP)
