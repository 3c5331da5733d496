"""Which client ids count: a repeat of one of them is not stored again.

They are found by a hash, in the table ``client_id``. To write each to it at once would cost every
message a page of its own. So the newest ids wait in memory, in parts by their hash, and every few
messages one part is written, each in its turn: what lies close together in the table is written
together. Those that wait are read from the messages after a start, and whenever the messages do
not end where the memory does: the transaction that it has seen was undone.

A limit counts the time that servers have run, and no clock: ``age`` notes from time to time
which message was the newest.
"""

import hashlib
from collections.abc import Iterable, Sequence

import msgspec

from chatctl_server.storage import server_state
from chatctl_server.storage.sql import Bulk, Database, Query

PARTS = 512
STEP = 128  # messages; with each step a part is written
_SHIFT = 55  # bits of a hash that do not say which part it is in
SPARE = 4  # expired ids are removed when they are as many as a fourth of those that count
EXPIRED = "client_ids_expired"  # those of messages up to this one count no more
WRITTEN = "client_ids_written"  # those of messages up to this one are in the table
REMOVED = "client_ids_removed"  # up to here those that have expired are not in it
SERVED = "served"  # microseconds that servers have run, in all

_ORIGINALS = Query(f"""SELECT conversation, sender, client_msg_id, id, seq, created_at FROM message
    WHERE id IN (
        SELECT message FROM client_id WHERE hash IN (SELECT value FROM json_each(:hashes))
        UNION ALL SELECT value FROM json_each(:waiting))
    AND id > coalesce((SELECT value FROM server_state WHERE name = '{EXPIRED}'), 0)
    ORDER BY id""")
_ABOVE = Query("""SELECT conversation, sender, client_msg_id, id FROM message
    WHERE id > :after AND id <= :until AND client_msg_id IS NOT NULL ORDER BY id""")
_WRITE = Bulk("INSERT OR IGNORE INTO client_id ({columns}) VALUES {rows}", "hash, message")
_REMOVE = Query("""DELETE FROM client_id
    WHERE hash >= :first AND hash <= :last AND message <= :message""")
_NOTE_AGE = Query("""INSERT OR REPLACE INTO client_id_age (served, message)
    SELECT :served, coalesce((SELECT value FROM counter WHERE name = 'message'), 0)""")
_NEWEST_OF_AGE = Query("SELECT max(message) FROM client_id_age WHERE served <= :served")
_FORGET_AGE = Query("DELETE FROM client_id_age WHERE served <= :served")

Key = tuple[int, str, str]  # conversation, sender, client_msg_id
Posted = tuple[int, str, str | None, int]  # the same, and the message
Row = tuple[int, int]  # hash and message


class Original(msgspec.Struct, frozen=True):
    """The first message of a client_msg_id."""

    message_id: int
    seq: int
    created_at: int


def client_hash(conversation: int, sender: str, client_msg_id: str) -> int:
    """64 bits, signed, as SQLite and PostgreSQL store integers."""
    text = f"{conversation}\0{sender}\0{client_msg_id}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big", signed=True)


class ClientIds:
    """Of one writing connection. Whatever is undone, ``newest`` tells: the number of the newest
    message, as the database has it when an action begins."""

    def __init__(self) -> None:
        self._parts: list[dict[int, int]] = []  # hash → message, by the first bits of the hash
        self._known = -1  # the newest message that was seen
        self._next = 0  # the part that is written next
        self._unwritten = 0  # messages since the last step
        self._began_at = 0  # the newest message when this round of all parts began
        self._remove_up_to = 0  # expired ids that this round removes
        self._others: list[Row] = []  # that wait, too: a newer one has the same hash
        self._hashes: dict[Key, int] = {}

    def originals(self, db: Database, newest: int, keys: Sequence[Key]) -> dict[Key, Original]:
        """Of those that are no new ones: what was stored."""
        self._follow(db, newest)
        hashes = [client_hash(*key) for key in keys]
        self._hashes = dict(zip(keys, hashes, strict=True))
        parts = self._parts
        waiting = [part[each] for each in hashes if each in (part := parts[each >> _SHIFT])]
        waiting += [message for _, message in self._others]
        rows = _ORIGINALS.rows(db, hashes=_json(hashes), waiting=_json(waiting))
        return {(row[0], row[1], row[2]): Original(row[3], row[4], row[5]) for row in rows}

    def add(self, db: Database, newest: int, posts: Sequence[Posted]) -> None:
        """The messages behind the newest one: they are stored."""
        self._follow(db, newest)
        self._wait(posts)
        rows, self._others = self._others, []
        self._known = newest + len(posts)
        self._unwritten += len(posts)
        while self._unwritten >= STEP:
            rows += self._step(db)
        _WRITE.run(db, rows)

    def _wait(self, posts: Iterable[Posted]) -> None:
        hashes, parts = self._hashes, self._parts
        for conversation, sender, client_msg_id, message in posts:
            if client_msg_id is None:
                continue
            key = conversation, sender, client_msg_id
            hashed = hashes.get(key) or client_hash(*key)
            part = parts[hashed >> _SHIFT]
            if hashed in part:
                self._others.append((hashed, part[hashed]))
            part[hashed] = message

    def _step(self, db: Database) -> list[Row]:
        """What is written of the next part, in the order of the table."""
        number = self._next - PARTS // 2  # hashes have a sign, as the places of a list
        if self._remove_up_to:
            first = number << _SHIFT
            _REMOVE.run(db, first=first, last=first + (1 << _SHIFT) - 1, message=self._remove_up_to)
        part, self._parts[number] = self._parts[number], {}
        self._unwritten -= STEP
        self._next += 1
        rows = sorted(each for each in part.items() if each[1] > self._remove_up_to)
        if self._next == PARTS:
            self._begin_round(db)
        return rows

    def _begin_round(self, db: Database) -> None:
        """What waited when the last one began is in the table, unless it had expired."""
        server_state.set_value(db, WRITTEN, self._began_at)
        if self._remove_up_to:
            server_state.set_value(db, REMOVED, self._remove_up_to)
        expired, removed = server_state.value(db, EXPIRED), server_state.value(db, REMOVED)
        is_worth_it = (expired - removed) * SPARE > self._known - expired
        self._remove_up_to = expired if is_worth_it else 0
        self._next, self._began_at = 0, self._known

    def _follow(self, db: Database, newest: int) -> None:
        if newest == self._known:
            return
        after = self._known
        if newest < after or not self._parts:
            self._parts, self._others = [{} for _ in range(PARTS)], []
            self._next = self._remove_up_to = 0
            self._began_at = newest
            after = max(server_state.value(db, WRITTEN), server_state.value(db, EXPIRED))
            # None of many short runs may have come to the end of a round.
            self._unwritten = PARTS * STEP if newest - after > 2 * PARTS * STEP else 0
        self._wait(_ABOVE.each(db, after=after, until=newest))
        self._known = newest


def age(db: Database, passed: int, limit: int) -> None:
    """Microseconds that a server has run since this was last called; how long ids count."""
    served = server_state.value(db, SERVED) + passed
    server_state.set_value(db, SERVED, served)
    _NOTE_AGE.run(db, served=served)
    expired = _NEWEST_OF_AGE.value(db, served=served - limit)
    if expired is not None:
        server_state.set_value(db, EXPIRED, max(expired, server_state.value(db, EXPIRED)))
        _FORGET_AGE.run(db, served=served - limit)


def _json(numbers: Sequence[int]) -> str:
    return msgspec.json.encode(numbers).decode()
