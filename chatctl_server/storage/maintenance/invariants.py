"""Rules that the tables and the log must keep, as queries for what breaks them.

Nothing here uses ``projection.apply``, so a mistake in it does not hide itself. Each query
goes through its tables in the order of an index; none keeps more than the bans in memory.
"""

from typing import NamedTuple

from chatctl_server.domain import events
from chatctl_server.domain.references import SCOPE_TYPES, ChatRef
from chatctl_server.storage import client_ids, log

HASH = "hash_of_client_id"  # the SQL function that checking.py supplies


class Invariant(NamedTuple):
    """``sentence`` takes the columns of each row that ``query`` finds."""

    name: str
    sentence: str
    query: str


def value_of(payload: str, key: str) -> str:
    """A value from an event's payload; NULL when the payload is damaged."""
    return f"CASE WHEN json_valid({payload}.payload) THEN {payload}.payload ->> '$.{key}' END"


def _state(name: str) -> str:
    return f"coalesce((SELECT value FROM server_state WHERE name = '{name}'), 0)"


_CLASSES = ", ".join(f"('{each.name}', '{each.event_class}')" for each in events.TYPES)
_SCOPE_TYPES = ", ".join(f"('{kind}', '{whose}')" for kind, whose in SCOPE_TYPES.items())
_NUMBERED = ("scope", "conversation", "message", "event", "room_session", "endpoint", "delivery")
_COUNTED = " UNION ALL ".join(
    f"SELECT '{name}' AS name, coalesce(max(id), 0) AS newest FROM {name}" for name in _NUMBERED
)

LOG = (
    Invariant(
        "offsets",
        "the log's newest offset is {0} and {1} events are missing; {2} went with purged rooms",
        f"""SELECT newest, newest - there, removed FROM (
            SELECT coalesce(max(id), 0) AS newest, count(*) AS there, coalesce(
                (SELECT value FROM counter WHERE name = '{log.REMOVED}'), 0) AS removed
            FROM event) WHERE newest - there <> removed""",
    ),
    Invariant(
        "counters",
        "{0} {2} is there, but only {1} were counted",
        f"""SELECT n.name, coalesce(c.value, 0), n.newest FROM ({_COUNTED}) n
        LEFT JOIN counter c ON c.name = n.name WHERE n.newest > coalesce(c.value, 0)""",
    ),
    Invariant(
        "events",
        "event {0} is damaged: type {1}",
        # Clients may nest a custom event's JSON deeper than SQLite reads.
        "SELECT id, type FROM event WHERE type <> 'custom.sent' AND NOT json_valid(payload)",
    ),
    Invariant(
        "events",
        "event {0} of type {1} is of class {2}",
        f"""WITH known (type, class) AS (VALUES {_CLASSES})
        SELECT e.id, e.type, e.class FROM event e CROSS JOIN known k ON k.type = e.type
        WHERE k.class <> e.class""",
    ),
    Invariant(
        "events",
        "event {0} is about conversation {1}, which does not exist",
        """SELECT id, conversation FROM event WHERE conversation IS NOT NULL
        AND conversation NOT IN (SELECT id FROM conversation) AND type NOT GLOB '*.purged'""",
    ),
    Invariant(
        "scopes",
        "event {0} is of scope {1}, its conversation {2} of scope {3}",
        """SELECT e.id, e.scope, c.id, c.scope FROM event e CROSS JOIN conversation c
        ON c.id = e.conversation WHERE e.scope IS NOT c.scope""",
    ),
    Invariant(
        "scopes",
        "conversation {0} is a {1} and belongs to a {2}",
        f"""WITH known (kind, type) AS (VALUES {_SCOPE_TYPES})
        SELECT c.id, c.kind, s.type FROM conversation c JOIN scope s ON s.id = c.scope
        JOIN known k ON k.kind = c.kind WHERE s.type <> k.type""",
    ),
    Invariant(
        "cursors",
        "follower {0} stands at {1}, which is not in the log",
        """SELECT name, position FROM cursor
        WHERE NOT position BETWEEN 0 AND (SELECT coalesce(max(id), 0) FROM event)""",
    ),
)

_BANNED = "message {0} was posted while event {1} banned its sender"


def _posted_while_banned(place: str) -> str:
    return f"""WITH ban_event AS MATERIALIZED (
        SELECT id, scope, conversation, type, payload ->> '$.user_id' AS user_id,
        payload ->> '$.expires_at' AS expires_at, lead(id, 1, 9223372036854775807) OVER (
            PARTITION BY scope, conversation, payload ->> '$.user_id' ORDER BY id) AS until
        FROM event WHERE class = 'state' AND type IN ('ban.set', 'ban.lifted')
        AND json_valid(payload))
    SELECT m.id, b.id FROM message m JOIN conversation c ON c.id = m.conversation
    CROSS JOIN ban_event b ON {place} AND b.user_id = m.sender
    LEFT JOIN event e ON e.id = m.event_offset
    WHERE b.type = 'ban.set' AND m.kind = 'text'
    AND m.event_offset > b.id AND m.event_offset < b.until
    AND (b.expires_at IS NULL OR b.expires_at > e.at)"""


MESSAGES = (
    Invariant(
        "seq",
        "conversation {0} has {2} messages with seq {3} to {4}; its last seq is {1}",
        """SELECT c.id, c.last_seq, count(m.seq), min(m.seq), max(m.seq)
        FROM conversation c LEFT JOIN message m ON m.conversation = c.id
        WHERE c.kind <> 'purged' GROUP BY c.id
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
        OR {value_of("e", "message_id")} IS NOT m.id OR {value_of("e", "seq")} IS NOT m.seq
        OR {value_of("e", "created_at")} IS NOT m.created_at""",
    ),
    Invariant(
        "log",
        "the message of event {0} is missing",
        f"""SELECT e.id FROM event e WHERE e.type = 'message.posted' AND NOT EXISTS
        (SELECT 1 FROM message m WHERE m.id = {value_of("e", "message_id")}
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
        """SELECT m.id, e.id FROM event e CROSS JOIN message m ON m.conversation = e.conversation
        WHERE e.class = 'state' AND e.type GLOB '*.closed' AND m.event_offset > e.id
        AND NOT EXISTS (SELECT 1 FROM event r WHERE r.conversation = e.conversation
            AND r.type = 'support.reopened' AND r.id > e.id AND r.id < m.event_offset)""",
    ),
    Invariant("banned", _BANNED, _posted_while_banned("b.conversation = m.conversation")),
    Invariant(
        "banned", _BANNED, _posted_while_banned("b.conversation IS NULL AND b.scope = c.scope")
    ),
    Invariant(
        "erased",
        "message {0} is erased but its text or a trace of that is not as it must be",
        f"""SELECT m.id FROM message m LEFT JOIN event e ON e.id = m.event_offset
        LEFT JOIN event d ON d.id = m.changed_offset
        WHERE m.erased_at IS NOT NULL AND (
            m.content <> '' OR m.deleted_at IS NULL OR d.type IS NOT 'message.erased'
            OR {value_of("d", "message_id")} IS NOT m.id
            OR {value_of("e", "content")} IS NOT '')""",
    ),
    Invariant(
        "changed",
        "message {0} does not fit the event at {1}, which has changed it last",
        f"""SELECT m.id, m.changed_offset FROM message m LEFT JOIN event d
        ON d.id = m.changed_offset WHERE m.changed_offset IS NOT NULL AND (
            d.class IS NOT 'message' OR d.conversation IS NOT m.conversation
            OR {value_of("d", "message_id")} IS NOT m.id)""",
    ),
    Invariant(
        "changed",
        "message {0} is deleted, but no event has done it",
        """SELECT id FROM message
        WHERE changed_offset IS NULL AND (deleted_at IS NOT NULL OR erased_at IS NOT NULL)""",
    ),
    Invariant(
        "erased",
        "event {0} erases a message that is not erased",
        f"""SELECT e.id FROM event e WHERE e.type = 'message.erased' AND NOT EXISTS (
            SELECT 1 FROM message m WHERE m.id = {value_of("e", "message_id")}
            AND m.erased_at IS NOT NULL)""",
    ),
    Invariant(
        "client_id",
        "messages {0} and {1} have the same sender and client_msg_id",
        f"""WITH waiting AS MATERIALIZED (
            SELECT {HASH}(conversation, sender, client_msg_id) AS hash, id AS message FROM message
            WHERE id > {_state(client_ids.WRITTEN)} AND client_msg_id IS NOT NULL),
        same_hash (first, second) AS (
            SELECT a.message, b.message FROM client_id a JOIN client_id b
                ON b.hash = a.hash AND b.message > a.message
            UNION SELECT a.message, b.message FROM waiting b JOIN client_id a
                ON a.hash = b.hash AND a.message < b.message
            UNION SELECT a.message, b.message FROM waiting a JOIN waiting b
                ON b.hash = a.hash AND b.message > a.message)
        SELECT a.id, b.id FROM same_hash s JOIN message a ON a.id = s.first
        JOIN message b ON b.id = s.second AND b.conversation = a.conversation
        AND b.sender = a.sender AND b.client_msg_id = a.client_msg_id
        WHERE a.id > {_state(client_ids.EXPIRED)}""",
    ),
    Invariant(
        "client_id",
        "message {0} cannot be found by its client_msg_id",
        f"""SELECT id FROM message m WHERE client_msg_id IS NOT NULL
        AND id > {_state(client_ids.EXPIRED)} AND id <= {_state(client_ids.WRITTEN)}
        AND NOT EXISTS (SELECT 1 FROM client_id c WHERE c.message = m.id
            AND c.hash = {HASH}(m.conversation, m.sender, m.client_msg_id))""",
    ),
)

PARTICIPANTS = (
    Invariant(
        "stays",
        "the stay of {1} in conversation {0} from {2} ends at {3}, before it begins",
        """SELECT conversation, user_id, joined_offset, left_offset FROM participant
        WHERE left_offset < joined_offset""",
    ),
    Invariant(
        "stays",
        "{1} is in conversation {0} twice, from {2} and from {3}",
        """SELECT a.conversation, a.user_id, a.joined_offset, b.joined_offset
        FROM participant a JOIN participant b ON b.conversation = a.conversation
            AND b.user_id = a.user_id AND b.joined_offset > a.joined_offset
        WHERE a.left_offset IS NULL OR a.left_offset > b.joined_offset""",
    ),
)

ROOMS = (
    Invariant(
        "rooms",
        "conversation {0} is a {1}; only rooms have figures, and each has some",
        """SELECT c.id, c.kind FROM conversation c LEFT JOIN room_stats s ON s.conversation = c.id
        WHERE (c.kind = 'room') <> (s.conversation IS NOT NULL)""",
    ),
    Invariant(
        "users",
        "room {0} counts {1} users, at most {2} and {3} joins; "
        "its sessions say {4} users and {5} joins",
        """SELECT r.conversation, r.current_users, r.peak_users, r.total_joins,
        coalesce(s.open, 0), coalesce(s.total, 0) FROM room_stats r LEFT JOIN (
            SELECT conversation, count(*) AS total, sum(leave_time IS NULL) AS open
            FROM room_session GROUP BY conversation) s ON s.conversation = r.conversation
        WHERE r.current_users <> coalesce(s.open, 0) OR r.total_joins <> coalesce(s.total, 0)
        OR r.peak_users < r.current_users""",
    ),
    Invariant(
        "sessions",
        "user {1} has {2} open sessions in room {0}",
        """SELECT conversation, user_id, count(*) FROM room_session NOT INDEXED
        WHERE leave_time IS NULL GROUP BY conversation, user_id HAVING count(*) > 1""",
    ),
    Invariant(
        "sessions",
        "session {0} ends before it begins",
        "SELECT id FROM room_session WHERE leave_time < join_time",
    ),
)
_KINDS = ", ".join(f"'{kind}'" for kind in ChatRef.kinds)
_PRESENT = "p.conversation = c.id AND p.left_offset IS NULL"

CHATS = (
    Invariant(
        "chats",
        "conversation {0} is a {1}; only chats have a description, and each has one",
        f"""SELECT c.id, c.kind FROM conversation c LEFT JOIN chat h ON h.conversation = c.id
        WHERE c.kind <> 'purged' AND (c.kind IN ({_KINDS})) <> (h.conversation IS NOT NULL)""",
    ),
    Invariant(
        "owners",
        "chat {0} has {1} owners and {2} members",
        f"""SELECT c.id, coalesce(sum(p.role = 'owner'), 0), count(*)
        FROM conversation c JOIN chat h ON h.conversation = c.id JOIN participant p ON {_PRESENT}
        WHERE c.status = 'open' AND h.created_by <> '' GROUP BY c.id
        HAVING sum(p.role = 'owner') <> 1""",
    ),
    Invariant(
        "singles",
        "{1} is in chat {0}, which is that of {2}",
        f"""SELECT c.id, p.user_id, h.pair FROM conversation c
        JOIN chat h ON h.conversation = c.id JOIN participant p ON {_PRESENT}
        WHERE c.kind = 'single' AND h.created_by <> ''
        AND instr(' ' || coalesce(h.pair, '') || ' ', ' ' || p.user_id || ' ') = 0""",
    ),
    Invariant(
        "members",
        "{1} is in chat {0}, but not in its workspace {2}",
        f"""SELECT c.id, p.user_id, w.id FROM conversation c
        JOIN chat h ON h.conversation = c.id JOIN workspace w ON w.scope = c.scope
        JOIN participant p ON {_PRESENT}
        WHERE c.status = 'open' AND h.created_by <> '' AND NOT EXISTS (
            SELECT 1 FROM workspace_member m
            WHERE m.workspace = w.id AND 'u' || m.account = p.user_id)""",
    ),
    Invariant(
        "reads",
        "{1} has read message {2} of conversation {0} as seq {3}, which it is not",
        """SELECT r.conversation, r.user_id, r.message, r.seq FROM read_mark r
        LEFT JOIN message m ON m.conversation = r.conversation AND m.seq = r.seq
        WHERE m.id IS NOT r.message""",
    ),
    Invariant(
        "mentions",
        "{1} is mentioned in conversation {0} at seq {2}, where no message mentions anybody",
        """SELECT n.conversation, n.user_id, n.seq FROM mention n
        LEFT JOIN message m ON m.conversation = n.conversation AND m.seq = n.seq
        WHERE m.mentions IS NULL AND m.erased_at IS NULL""",
    ),
)
FILES = (
    Invariant(
        "files",
        "workspace {0} counts {1} bytes of files; they have {2}",
        """SELECT w.id, w.file_bytes, coalesce(f.held, 0) FROM workspace w LEFT JOIN (
            SELECT workspace, sum(size) AS held FROM stored_file GROUP BY workspace) f
        ON f.workspace = w.id WHERE w.file_bytes <> coalesce(f.held, 0)""",
    ),
)
ALL = (*LOG, *MESSAGES, *PARTICIPANTS, *ROOMS, *CHATS, *FILES)
