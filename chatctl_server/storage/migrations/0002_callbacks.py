"""Endpoints, deliveries and their tries, ordering keys, and where the batches of each room stand.

A session gets the offset of its end: batches carry sessions in the order in which they ended.
"""

STATEMENTS = (
    "ALTER TABLE session ADD COLUMN left_offset INTEGER",
    """CREATE TEMPORARY TABLE ended AS
        SELECT json_extract(payload, '$.session_id') AS session, id FROM event
        WHERE type = 'session.left'""",
    "CREATE UNIQUE INDEX temp.ended_session ON ended (session)",
    """UPDATE session SET left_offset = (SELECT id FROM ended WHERE session = session.id)
        WHERE leave_time IS NOT NULL""",
    "DROP TABLE ended",
    """CREATE INDEX session_left ON session (conversation, left_offset)
        WHERE left_offset IS NOT NULL""",
    """CREATE TABLE endpoint (
        id INTEGER PRIMARY KEY,
        public_id TEXT NOT NULL UNIQUE,
        origin TEXT NOT NULL CHECK (origin IN ('settings', 'added')),
        kind TEXT NOT NULL,
        url TEXT NOT NULL,
        events TEXT NOT NULL,
        status TEXT NOT NULL CHECK (status IN ('enabled', 'disabled', 'removed')),
        disabled_reason TEXT,
        since INTEGER NOT NULL,
        is_guarded INTEGER NOT NULL,
        secret TEXT,
        previous_secret TEXT,
        previous_until INTEGER,
        created_at INTEGER NOT NULL,
        failing_since INTEGER
    )""",
    """CREATE TABLE delivery (
        id INTEGER PRIMARY KEY,
        endpoint INTEGER NOT NULL REFERENCES endpoint (id),
        conversation INTEGER NOT NULL,
        event TEXT NOT NULL,
        first INTEGER NOT NULL,
        last INTEGER NOT NULL,
        until INTEGER,
        number INTEGER,
        from_time INTEGER,
        to_time INTEGER,
        mark TEXT,
        status TEXT NOT NULL CHECK (status IN ('pending', 'delivered', 'failed', 'skipped')),
        tries INTEGER NOT NULL,
        tries_allowed INTEGER NOT NULL,
        planned_at INTEGER NOT NULL,
        finished_at INTEGER,
        body_hash BLOB
    )""",
    # The order of an ordering key: its lowest id is the next that is tried.
    """CREATE INDEX delivery_pending ON delivery (endpoint, conversation, id)
        WHERE status = 'pending'""",
    "CREATE INDEX delivery_failed ON delivery (id) WHERE status IN ('failed', 'skipped')",
    """CREATE TABLE attempt (
        delivery INTEGER NOT NULL REFERENCES delivery (id) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        at INTEGER NOT NULL,
        latency INTEGER NOT NULL,
        status INTEGER,
        error TEXT,
        detail TEXT,
        answer BLOB,
        PRIMARY KEY (delivery, number)
    ) WITHOUT ROWID""",
    """CREATE TABLE lane (
        endpoint INTEGER NOT NULL REFERENCES endpoint (id),
        conversation INTEGER NOT NULL,
        due_at INTEGER NOT NULL,
        delay INTEGER NOT NULL,
        is_slow INTEGER NOT NULL,
        PRIMARY KEY (endpoint, conversation)
    ) WITHOUT ROWID""",
    "CREATE INDEX lane_due ON lane (endpoint, is_slow, due_at)",
    """CREATE TABLE batch (
        kind TEXT NOT NULL,
        conversation INTEGER NOT NULL,
        position INTEGER NOT NULL,
        number INTEGER NOT NULL,
        delivery INTEGER,
        PRIMARY KEY (kind, conversation)
    ) WITHOUT ROWID""",
    # Whoever has used chatctl without callbacks is told of what happens from here on.
    "INSERT INTO cursor SELECT 'callbacks', COALESCE(MAX(id), 0) FROM event",
)


def up(migrator, db):  # type: ignore[no-untyped-def]  # called by Peewee's runner
    for statement in STATEMENTS:
        db.execute_sql(statement)
