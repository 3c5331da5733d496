"""The support desk: sites, customers, conversations and their messages, envelopes.

The site ``default`` is there from the beginning, of workspace 0. ``site_key`` and ``visitor_token``
hold secrets: the log does not rebuild them.
"""

STATEMENTS = (
    # What was deleted, and has its text still.
    """CREATE INDEX message_unerased ON message (deleted_at)
        WHERE deleted_at IS NOT NULL AND erased_at IS NULL""",
    # A tenant of the widget; ``settings`` is a JSON object.
    """CREATE TABLE site (
        id TEXT PRIMARY KEY,
        scope INTEGER NOT NULL UNIQUE REFERENCES scope (id),
        workspace INTEGER NOT NULL REFERENCES workspace (id),
        settings TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL,
        deleted_at INTEGER
    ) WITHOUT ROWID""",
    "CREATE INDEX site_workspace ON site (workspace, created_at)",
    # The key stands in pages, for all to see; the secret signs who a customer is.
    """CREATE TABLE site_key (
        site TEXT PRIMARY KEY REFERENCES site (id),
        key TEXT NOT NULL UNIQUE,
        secret TEXT NOT NULL
    ) WITHOUT ROWID""",
    """INSERT INTO scope
        SELECT max(max(id), (SELECT value FROM counter WHERE name = 'scope')) + 1, 'site', 0
        FROM scope""",
    "UPDATE counter SET value = (SELECT id FROM scope WHERE type = 'site') WHERE name = 'scope'",
    """INSERT INTO site
        SELECT 'default', s.id, 0, '{"name":"default"}', w.created_at, w.created_at, NULL
        FROM scope s, workspace w WHERE s.type = 'site' AND w.id = 0""",
    """INSERT INTO site_key
        SELECT 'default', 'pk_' || lower(hex(randomblob(16))), lower(hex(randomblob(32)))""",
    # ``external_id``: the host product's id of a verified one. An unverified one is of one browser.
    """CREATE TABLE customer (
        id TEXT PRIMARY KEY,
        scope INTEGER NOT NULL REFERENCES scope (id),
        name TEXT NOT NULL,
        email TEXT,
        external_id TEXT,
        created_at INTEGER NOT NULL,
        erased_at INTEGER
    ) WITHOUT ROWID""",
    """CREATE UNIQUE INDEX customer_external ON customer (scope, external_id)
        WHERE external_id IS NOT NULL""",
    """CREATE TABLE visitor_token (
        hash BLOB PRIMARY KEY,
        customer TEXT NOT NULL,
        expires_at INTEGER NOT NULL
    ) WITHOUT ROWID""",
    "CREATE INDEX visitor_token_customer ON visitor_token (customer)",
    "CREATE INDEX visitor_token_expires ON visitor_token (expires_at)",
    # Where the log names a customer: an erasure takes it out.
    """CREATE INDEX event_customer ON event (json_extract(payload, '$.customer_id'))
        WHERE type >= 'customer.' AND type < 'customer/'""",
    # What only support conversations have. ``waiting_since``: the customer's first message that no
    # agent has answered. ``closed_offset``: of the closing that may be rated.
    """CREATE TABLE support (
        conversation INTEGER PRIMARY KEY REFERENCES conversation (id),
        workspace INTEGER NOT NULL,
        customer TEXT,
        status TEXT NOT NULL CHECK (status IN ('open', 'snoozed', 'closed')),
        assignee TEXT,
        labels TEXT NOT NULL,
        priority TEXT NOT NULL,
        snoozed_until INTEGER,
        waiting_since INTEGER,
        closed_offset INTEGER,
        updated_at INTEGER NOT NULL
    )""",
    "CREATE INDEX support_workspace ON support (workspace, updated_at, conversation)",
    "CREATE INDEX support_status ON support (status, workspace, updated_at, conversation)",
    "CREATE INDEX support_customer ON support (customer, updated_at, conversation)",
    """CREATE INDEX support_assignee ON support (assignee)
        WHERE assignee IS NOT NULL AND status <> 'closed'""",
    "CREATE INDEX support_snoozed ON support (snoozed_until) WHERE snoozed_until IS NOT NULL",
    """CREATE INDEX support_waiting ON support (waiting_since)
        WHERE waiting_since IS NOT NULL AND status = 'open'""",
    # What only their messages have; ``file`` is a JSON object.
    """CREATE TABLE support_message (
        message INTEGER PRIMARY KEY,
        public_id TEXT NOT NULL UNIQUE,
        message_type TEXT NOT NULL,
        file TEXT,
        is_private INTEGER NOT NULL
    )""",
    """CREATE TABLE rating (
        conversation INTEGER NOT NULL,
        closed_offset INTEGER NOT NULL,
        score INTEGER NOT NULL,
        comment TEXT NOT NULL,
        rated_at INTEGER NOT NULL,
        PRIMARY KEY (conversation, closed_offset)
    ) WITHOUT ROWID""",
    # Which of the workspace's files were uploaded to a conversation; the first uploader's.
    """CREATE TABLE support_file (
        conversation INTEGER NOT NULL,
        hash TEXT NOT NULL,
        extension TEXT NOT NULL,
        name TEXT NOT NULL,
        media_type TEXT NOT NULL,
        size INTEGER NOT NULL,
        sender TEXT NOT NULL,
        stored_at INTEGER NOT NULL,
        PRIMARY KEY (conversation, hash, extension)
    ) WITHOUT ROWID""",
    "CREATE INDEX support_file_sender ON support_file (sender, stored_at)",
    """CREATE TABLE canned_response (
        id INTEGER PRIMARY KEY,
        workspace INTEGER NOT NULL REFERENCES workspace (id),
        title TEXT NOT NULL,
        content TEXT NOT NULL,
        created_by TEXT,
        created_at INTEGER NOT NULL
    )""",
    "CREATE INDEX canned_response_workspace ON canned_response (workspace, title)",
    # Which events of the log are envelopes, for whom: an agent reads a workspace's, a visitor those
    # of a conversation which are not for agents alone.
    """CREATE TABLE envelope (
        workspace INTEGER NOT NULL,
        event_offset INTEGER NOT NULL,
        scope INTEGER NOT NULL,
        conversation INTEGER NOT NULL,
        type TEXT NOT NULL,
        is_private INTEGER NOT NULL,
        PRIMARY KEY (workspace, event_offset)
    ) WITHOUT ROWID""",
    "CREATE INDEX envelope_conversation ON envelope (conversation, event_offset)",
)


def up(migrator, db):  # type: ignore[no-untyped-def]  # called by Peewee's runner
    for statement in STATEMENTS:
        db.execute_sql(statement)
