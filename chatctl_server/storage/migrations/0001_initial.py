"""The core: conversations, members, messages, the log, sessions, bans, mutes, cursors."""

STATEMENTS = (
    """CREATE TABLE conversation (
        id INTEGER PRIMARY KEY,
        public_id TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        status TEXT NOT NULL CHECK (status IN ('open', 'closed')),
        created_at INTEGER NOT NULL,
        closed_at INTEGER,
        last_seq INTEGER NOT NULL,
        last_message_at INTEGER,
        current_users INTEGER NOT NULL,
        peak_users INTEGER NOT NULL,
        total_joins INTEGER NOT NULL
    )""",
    """CREATE TABLE member (
        conversation INTEGER NOT NULL REFERENCES conversation (id),
        user_id TEXT NOT NULL,
        role TEXT NOT NULL CHECK (role IN ('admin')),
        PRIMARY KEY (conversation, user_id)
    ) WITHOUT ROWID""",
    """CREATE TABLE message (
        id INTEGER PRIMARY KEY,
        conversation INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        event_offset INTEGER NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('text', 'system')),
        sender TEXT NOT NULL,
        nickname TEXT NOT NULL,
        is_admin INTEGER NOT NULL,
        content TEXT NOT NULL,
        client_msg_id TEXT,
        client_hash INTEGER,
        created_at INTEGER NOT NULL,
        deleted_at INTEGER,
        deleted_offset INTEGER
    )""",
    "CREATE UNIQUE INDEX message_seq ON message (conversation, seq)",
    "CREATE INDEX message_client ON message (client_hash) WHERE client_hash IS NOT NULL",
    """CREATE INDEX message_deletion ON message (conversation, deleted_offset)
        WHERE deleted_offset IS NOT NULL""",
    """CREATE TABLE event (
        id INTEGER PRIMARY KEY,
        type TEXT NOT NULL,
        conversation INTEGER,
        actor TEXT,
        credential TEXT NOT NULL,
        address TEXT,
        at INTEGER NOT NULL,
        payload TEXT NOT NULL
    )""",
    # Posts and sessions, the many, have tables of their own; only the few other events are indexed.
    """CREATE INDEX event_conversation ON event (conversation, id)
        WHERE type NOT IN ('message.posted', 'session.joined', 'session.left')""",
    """CREATE TABLE session (
        id INTEGER PRIMARY KEY,
        conversation INTEGER NOT NULL REFERENCES conversation (id),
        user_id TEXT NOT NULL,
        nickname TEXT NOT NULL,
        join_time INTEGER NOT NULL,
        leave_time INTEGER,
        reason TEXT
    )""",
    "CREATE INDEX session_time ON session (conversation, join_time)",
    """CREATE UNIQUE INDEX session_open ON session (conversation, user_id)
        WHERE leave_time IS NULL""",
    """CREATE TABLE ban (
        conversation INTEGER NOT NULL REFERENCES conversation (id),
        user_id TEXT NOT NULL,
        reason TEXT,
        banned_by TEXT,
        created_at INTEGER NOT NULL,
        expires_at INTEGER,
        PRIMARY KEY (conversation, user_id)
    ) WITHOUT ROWID""",
    """CREATE TABLE mute (
        conversation INTEGER NOT NULL REFERENCES conversation (id),
        user_id TEXT NOT NULL,
        reason TEXT,
        muted_by TEXT,
        created_at INTEGER NOT NULL,
        expires_at INTEGER,
        PRIMARY KEY (conversation, user_id)
    ) WITHOUT ROWID""",
    "CREATE TABLE cursor (name TEXT PRIMARY KEY, position INTEGER NOT NULL)",
)


def up(migrator, db):  # type: ignore[no-untyped-def]  # called by Peewee's runner
    for statement in STATEMENTS:
        db.execute_sql(statement)
