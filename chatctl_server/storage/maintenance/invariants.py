"""Rules that the tables and the log must keep, as queries for what breaks them.

Nothing here uses ``projection.apply``, so a mistake in it does not hide itself. Each query
goes through its tables in the order of an index; none keeps more than the bans in memory.
"""

from typing import NamedTuple

from chatctl_server.domain import events
from chatctl_server.storage import cursors
from chatctl_server.storage.log import FEW

HASH = "hash_of_client_id"  # the SQL function that checking.py supplies


class Invariant(NamedTuple):
    """``sentence`` takes the columns of each row that ``query`` finds."""

    name: str
    sentence: str
    query: str


def _value(payload: str, key: str) -> str:
    """A value from an event's payload; NULL when the payload is damaged."""
    return f"CASE WHEN json_valid({payload}.payload) THEN {payload}.payload ->> '$.{key}' END"


_TYPES = ", ".join(f"'{name}'" for name in events.TYPE_NAMES)

LOG = (
    Invariant(
        "offsets",
        "the log has offset {0} but none before it",
        """SELECT id FROM event e
        WHERE id <> 1 AND NOT EXISTS (SELECT 1 FROM event p WHERE p.id = e.id - 1)""",
    ),
    Invariant(
        "events",
        "event {0} is damaged: type {1}",
        # Clients may nest a custom event's JSON deeper than SQLite reads.
        f"""SELECT id, type FROM event
        WHERE type NOT IN ({_TYPES}) OR (type <> 'custom.sent' AND NOT json_valid(payload))""",
    ),
    Invariant(
        "events",
        "event {0} is about conversation {1}, which does not exist",
        """SELECT id, conversation FROM event WHERE conversation IS NOT NULL
        AND conversation NOT IN (SELECT id FROM conversation)""",
    ),
    Invariant(
        "cursors",
        "follower {0} stands at {1}, which is not in the log",
        f"""SELECT name, position FROM cursor WHERE name NOT LIKE '{cursors.ABOUT_SERVER}%'
        AND NOT position BETWEEN 0 AND (SELECT coalesce(max(id), 0) FROM event)""",
    ),
)

MESSAGES = (
    Invariant(
        "seq",
        "conversation {0} has {2} messages with seq {3} to {4}; its last seq is {1}",
        """SELECT c.id, c.last_seq, count(m.seq), min(m.seq), max(m.seq)
        FROM conversation c LEFT JOIN message m ON m.conversation = c.id GROUP BY c.id
        HAVING c.last_seq <> count(m.seq)
        OR (c.last_seq > 0 AND (min(m.seq) <> 1 OR max(m.seq) <> c.last_seq))""",
    ),
    Invariant(
        "seq",
        "{1} messages belong to conversation {0}, which does not exist",
        """SELECT m.conversation, count(*) FROM message m
        LEFT JOIN conversation c ON c.id = m.conversation
        WHERE c.id IS NULL GROUP BY m.conversation""",
    ),
    Invariant(
        "log",
        "message {0} does not fit the event at its offset {1}",
        f"""SELECT m.id, m.event_offset FROM message m LEFT JOIN event e ON e.id = m.event_offset
        WHERE e.type IS NOT 'message.posted' OR e.conversation IS NOT m.conversation
        OR {_value("e", "message_id")} IS NOT m.id OR {_value("e", "seq")} IS NOT m.seq
        OR {_value("e", "created_at")} IS NOT m.created_at""",
    ),
    Invariant(
        "log",
        "the message of event {0} is missing",
        f"""SELECT e.id FROM event e WHERE e.type = 'message.posted' AND NOT EXISTS
        (SELECT 1 FROM message m WHERE m.id = {_value("e", "message_id")}
        AND m.event_offset = e.id)""",
    ),
    Invariant(
        "order",
        "message {0} stands behind {1} but has an earlier time or offset",
        """SELECT m.id, p.id FROM message p CROSS JOIN message m
        ON m.conversation = p.conversation AND m.seq = p.seq + 1
        WHERE m.created_at < p.created_at OR m.event_offset <= p.event_offset""",
    ),
    Invariant(
        "closed",
        "message {0} was posted after its conversation was closed by event {1}",
        f"""SELECT m.id, e.id FROM event e CROSS JOIN message m ON m.conversation = e.conversation
        WHERE e.{FEW} AND e.type GLOB '*.closed' AND m.event_offset > e.id""",
    ),
    Invariant(
        "banned",
        "message {0} was posted while event {1} banned its sender",
        f"""WITH ban_fact AS MATERIALIZED (
            SELECT id, conversation, type, payload ->> '$.user_id' AS user_id,
            payload ->> '$.expires_at' AS expires_at, lead(id, 1, 9223372036854775807) OVER (
                PARTITION BY conversation, payload ->> '$.user_id' ORDER BY id) AS until
            FROM event WHERE {FEW} AND type IN ('ban.set', 'ban.lifted')
            AND json_valid(payload))
        SELECT m.id, b.id FROM message m
        CROSS JOIN ban_fact b ON b.conversation = m.conversation AND b.user_id = m.sender
        LEFT JOIN event e ON e.id = m.event_offset
        WHERE b.type = 'ban.set' AND m.kind = 'text'
        AND m.event_offset > b.id AND m.event_offset < b.until
        AND (b.expires_at IS NULL OR b.expires_at > e.at)""",
    ),
    Invariant(
        "deleted",
        "message {0} is deleted but its text or a trace of the deletion is not as it must be",
        f"""SELECT m.id FROM message m LEFT JOIN event e ON e.id = m.event_offset
        LEFT JOIN event d ON d.id = m.deleted_offset
        WHERE (m.deleted_at IS NOT NULL OR m.deleted_offset IS NOT NULL) AND (
            m.content <> '' OR m.deleted_at IS NULL OR d.type IS NOT 'message.deleted'
            OR {_value("d", "message_id")} IS NOT m.id OR {_value("e", "content")} IS NOT '')""",
    ),
    Invariant(
        "deleted",
        "event {0} deletes a message that is not deleted",
        f"""SELECT e.id FROM event e WHERE e.{FEW} AND e.type = 'message.deleted'
        AND NOT EXISTS (SELECT 1 FROM message m WHERE m.conversation = e.conversation
        AND m.deleted_offset = e.id)""",
    ),
    Invariant(
        "client_id",
        "messages {0} and {1} have the same sender and client_msg_id",
        """SELECT a.id, b.id FROM message a CROSS JOIN message b
        ON b.client_hash = a.client_hash AND b.id > a.id AND b.conversation = a.conversation
        AND b.sender = a.sender AND b.client_msg_id = a.client_msg_id
        WHERE a.client_hash IS NOT NULL""",
    ),
    Invariant(
        "client_id",
        "message {0} cannot be found by its client_msg_id",
        f"""SELECT id FROM message WHERE client_hash IS NOT
        CASE WHEN client_msg_id IS NOT NULL THEN {HASH}(conversation, sender, client_msg_id) END""",
    ),
)

MEMBERS = (
    Invariant(
        "users",
        "conversation {0} counts {1} users, at most {2} and {3} joins; "
        "its sessions say {4} users and {5} joins",
        """SELECT c.id, c.current_users, c.peak_users, c.total_joins,
        coalesce(s.open, 0), coalesce(s.total, 0) FROM conversation c LEFT JOIN (
            SELECT conversation, count(*) AS total, sum(leave_time IS NULL) AS open
            FROM session GROUP BY conversation) s ON s.conversation = c.id
        WHERE c.current_users <> coalesce(s.open, 0) OR c.total_joins <> coalesce(s.total, 0)
        OR c.peak_users < c.current_users""",
    ),
    Invariant(
        "sessions",
        "user {1} has {2} open sessions in conversation {0}",
        """SELECT conversation, user_id, count(*) FROM session NOT INDEXED
        WHERE leave_time IS NULL GROUP BY conversation, user_id HAVING count(*) > 1""",
    ),
    Invariant(
        "sessions",
        "session {0} ends before it begins",
        "SELECT id FROM session WHERE leave_time < join_time",
    ),
)
ALL = (*LOG, *MESSAGES, *MEMBERS)
