"""Rules of the support desk's tables, as queries for what breaks them: see ``invariants``."""

from chatctl_server.storage.maintenance.invariants import Invariant, value_of

_OF_SITE = "(c.kind = 'support' AND c.scope IN (SELECT scope FROM site))"
ALL = (
    Invariant(
        "desk",
        "conversation {0} is a {1}; only the desk's have a status there, and each has one",
        f"""SELECT c.id, c.kind FROM conversation c LEFT JOIN support u ON u.conversation = c.id
        WHERE {_OF_SITE} <> (u.conversation IS NOT NULL)""",
    ),
    Invariant(
        "desk",
        "conversation {0} is {1}, at the desk it is {2}, until {3}",
        """SELECT c.id, c.status, u.status, u.snoozed_until
        FROM support u JOIN conversation c ON c.id = u.conversation
        WHERE (c.status = 'closed') <> (u.status = 'closed')
        OR (u.status = 'snoozed') <> (u.snoozed_until IS NOT NULL)""",
    ),
    Invariant(
        "desk",
        "message {0} of conversation {1}, a {2}: only the desk's have what it needs, and each has",
        f"""SELECT m.id, c.id, c.kind FROM message m JOIN conversation c ON c.id = m.conversation
        LEFT JOIN support_message n ON n.message = m.id
        WHERE {_OF_SITE} <> (n.message IS NOT NULL)""",
    ),
    Invariant(
        "envelopes",
        "envelope {0} is of conversation {1} and workspace {2}, which its event and site are not",
        """SELECT v.event_offset, v.conversation, v.workspace FROM envelope v
        LEFT JOIN event e ON e.id = v.event_offset LEFT JOIN site s ON s.scope = v.scope
        WHERE e.scope IS NOT v.scope OR e.conversation IS NOT v.conversation
        OR s.workspace IS NOT v.workspace""",
    ),
    Invariant(
        "envelopes",
        "event {0} of a message is an envelope for {1}, the message is for {2}",
        f"""SELECT e.id, CASE v.is_private WHEN 1 THEN 'agents' WHEN 0 THEN 'all' ELSE 'nobody' END,
        CASE n.is_private WHEN 1 THEN 'agents' ELSE 'all' END
        FROM support u JOIN event e ON e.conversation = u.conversation AND e.class = 'message'
        JOIN support_message n ON n.message = {value_of("e", "message_id")}
        LEFT JOIN envelope v ON v.workspace = u.workspace AND v.event_offset = e.id
        WHERE v.is_private IS NOT n.is_private""",
    ),
)
