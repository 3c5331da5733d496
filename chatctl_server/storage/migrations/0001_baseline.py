"""Everything: scopes, conversations of all kinds, the log, callbacks, followers, counters.

Times are microseconds. The core's tables (``models.CORE``) are what replaying the log rebuilds.
The checks of the two tables that a post is inserted into are chains of OR: for an IN of more than
two values SQLite builds a set, each time.
"""

STATEMENTS = (
    # Whose a conversation is: a workspace's, a site's, or the host product's, whose rooms have
    # one scope for all of them.
    """CREATE TABLE scope (
        id INTEGER PRIMARY KEY,
        type TEXT NOT NULL CHECK (type IN ('rooms', 'workspace', 'site')),
        number INTEGER NOT NULL,
        UNIQUE (type, number)
    )""",
    "INSERT INTO scope VALUES (1, 'rooms', 0)",
    """CREATE TABLE conversation (
        id INTEGER PRIMARY KEY,
        kind TEXT NOT NULL
            CHECK (kind IN ('room', 'single', 'group', 'private', 'public', 'support', 'purged')),
        scope INTEGER NOT NULL REFERENCES scope (id),
        public_id TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        status TEXT NOT NULL CHECK (status IN ('open', 'closed')),
        created_at INTEGER NOT NULL,
        closed_at INTEGER,
        last_seq INTEGER NOT NULL,
        last_message_at INTEGER
    )""",
    "CREATE INDEX conversation_scope ON conversation (scope, id)",
    "CREATE INDEX conversation_name ON conversation (scope, name)",
    # What only rooms have.
    """CREATE TABLE room_stats (
        conversation INTEGER PRIMARY KEY REFERENCES conversation (id),
        current_users INTEGER NOT NULL,
        peak_users INTEGER NOT NULL,
        total_joins INTEGER NOT NULL
    )""",
    """CREATE TABLE room_session (
        id INTEGER PRIMARY KEY,
        conversation INTEGER NOT NULL REFERENCES conversation (id),
        user_id TEXT NOT NULL,
        nickname TEXT NOT NULL,
        join_time INTEGER NOT NULL,
        leave_time INTEGER,
        reason TEXT,
        left_offset INTEGER
    )""",
    "CREATE INDEX room_session_time ON room_session (conversation, join_time)",
    """CREATE UNIQUE INDEX room_session_open ON room_session (conversation, user_id)
        WHERE leave_time IS NULL""",
    """CREATE INDEX room_session_left ON room_session (conversation, left_offset)
        WHERE left_offset IS NOT NULL""",
    # A row is a stay, from one offset of the log to another, which is in it; at most one is open.
    """CREATE TABLE participant (
        conversation INTEGER NOT NULL REFERENCES conversation (id),
        user_id TEXT NOT NULL,
        joined_offset INTEGER NOT NULL,
        left_offset INTEGER,
        role TEXT NOT NULL CHECK (role IN ('owner', 'admin', 'agent', 'member')),
        PRIMARY KEY (conversation, user_id, joined_offset)
    ) WITHOUT ROWID""",
    """CREATE UNIQUE INDEX participant_open ON participant (conversation, user_id)
        WHERE left_offset IS NULL""",
    "CREATE INDEX participant_user ON participant (user_id, conversation)",
    """CREATE TABLE message (
        id INTEGER PRIMARY KEY,
        conversation INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        event_offset INTEGER NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('text', 'system')),
        sender TEXT NOT NULL,
        sender_kind TEXT NOT NULL CHECK (sender_kind = 'user' OR sender_kind = 'system'
            OR sender_kind = 'bot' OR sender_kind = 'agent' OR sender_kind = 'visitor'),
        nickname TEXT NOT NULL,
        is_admin INTEGER NOT NULL,
        content TEXT NOT NULL,
        reply_to INTEGER,
        attachments TEXT,
        client_msg_id TEXT,
        created_at INTEGER NOT NULL,
        edited_at INTEGER,
        deleted_at INTEGER,
        erased_at INTEGER,
        changed_offset INTEGER
    )""",
    "CREATE UNIQUE INDEX message_seq ON message (conversation, seq)",
    """CREATE INDEX message_changed ON message (conversation, changed_offset)
        WHERE changed_offset IS NOT NULL""",
    # ``conversation`` 0: the whole scope.
    """CREATE TABLE ban (
        scope INTEGER NOT NULL REFERENCES scope (id),
        conversation INTEGER NOT NULL,
        user_id TEXT NOT NULL,
        reason TEXT,
        banned_by TEXT,
        created_at INTEGER NOT NULL,
        expires_at INTEGER,
        PRIMARY KEY (scope, conversation, user_id)
    ) WITHOUT ROWID""",
    """CREATE TABLE mute (
        scope INTEGER NOT NULL REFERENCES scope (id),
        conversation INTEGER NOT NULL,
        user_id TEXT NOT NULL,
        reason TEXT,
        muted_by TEXT,
        created_at INTEGER NOT NULL,
        expires_at INTEGER,
        PRIMARY KEY (scope, conversation, user_id)
    ) WITHOUT ROWID""",
    """CREATE TABLE event (
        id INTEGER PRIMARY KEY,
        type TEXT NOT NULL,
        class TEXT NOT NULL CHECK (class = 'message' OR class = 'session'
            OR class = 'state' OR class = 'system'),
        scope INTEGER,
        conversation INTEGER,
        actor TEXT,
        credential TEXT NOT NULL,
        address TEXT,
        at INTEGER NOT NULL,
        payload TEXT NOT NULL
    )""",
    # Messages and sessions, the many, have tables of their own.
    "CREATE INDEX event_state ON event (conversation, id) WHERE class = 'state'",
    "CREATE TABLE cursor (name TEXT PRIMARY KEY, position INTEGER NOT NULL)",
    # What the last server has left about itself: its last heartbeat, whether it signs.
    "CREATE TABLE server_state (name TEXT PRIMARY KEY, value INTEGER NOT NULL)",
    # The highest number that was ever given out: none is given twice, whatever is removed.
    "CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
    "INSERT INTO counter VALUES ('scope', 1)",
    # What makes a repeat a repeat: storage/client_ids.py.
    """CREATE TABLE client_id (
        hash INTEGER NOT NULL,
        message INTEGER NOT NULL,
        PRIMARY KEY (hash, message)
    ) WITHOUT ROWID""",
    "CREATE TABLE client_id_age (served INTEGER PRIMARY KEY, message INTEGER NOT NULL)",
    # ``scope`` 0: whatever the scope.
    """CREATE TABLE endpoint (
        id INTEGER PRIMARY KEY,
        public_id TEXT NOT NULL UNIQUE,
        origin TEXT NOT NULL CHECK (origin IN ('settings', 'added')),
        kind TEXT NOT NULL,
        scope INTEGER NOT NULL,
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
        failing_since INTEGER,
        failed_at INTEGER
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
    # The lowest id of an ordering key is the next that is tried.
    """CREATE INDEX delivery_pending ON delivery (endpoint, conversation, id)
        WHERE status = 'pending'""",
    "CREATE INDEX delivery_failed ON delivery (id) WHERE status IN ('failed', 'skipped')",
    """CREATE INDEX delivery_given_up ON delivery (endpoint, planned_at, finished_at)
        WHERE status = 'failed' AND mark IS NOT 'test'""",
    # Of which events an endpoint was told; batches have a number.
    "CREATE INDEX delivery_event ON delivery (first) WHERE number IS NULL",
    # Which of them were sent the texts of a conversation.
    """CREATE INDEX delivery_texts ON delivery (conversation)
        WHERE event IN ('data_sync', 'chat_history_batch')""",
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
    """CREATE TABLE ordering_key (
        endpoint INTEGER NOT NULL REFERENCES endpoint (id),
        conversation INTEGER NOT NULL,
        due_at INTEGER NOT NULL,
        delay INTEGER NOT NULL,
        is_slow INTEGER NOT NULL,
        PRIMARY KEY (endpoint, conversation)
    ) WITHOUT ROWID""",
    "CREATE INDEX ordering_key_due ON ordering_key (endpoint, is_slow, due_at)",
    """CREATE TABLE batch (
        kind TEXT NOT NULL,
        conversation INTEGER NOT NULL,
        position INTEGER NOT NULL,
        number INTEGER NOT NULL,
        delivery INTEGER,
        PRIMARY KEY (kind, conversation)
    ) WITHOUT ROWID""",
    "CREATE TABLE sync (id INTEGER PRIMARY KEY, room INTEGER NOT NULL)",
)


def up(migrator, db):  # type: ignore[no-untyped-def]  # called by Peewee's runner
    for statement in STATEMENTS:
        db.execute_sql(statement)
