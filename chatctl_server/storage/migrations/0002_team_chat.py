"""Team chat: accounts, workspaces, what only chats have, named keys.

Workspace 0 is there from the beginning. ``login``, ``password``, ``reset_link``, ``invite`` and
``api_key`` hold secrets, as hashes: the log does not rebuild them, nor ``last_seen`` and
``file_release``.
"""

STATEMENTS = (
    "ALTER TABLE message ADD COLUMN mentions TEXT",
    "ALTER TABLE message ADD COLUMN account INTEGER",
    # The thread below a message.
    """CREATE INDEX message_reply ON message (reply_to, seq) WHERE reply_to IS NOT NULL""",
    # How many of a conversation are an account's own, or deleted, above a read cursor. The users of
    # rooms have none, and their messages cost nothing here.
    """CREATE INDEX message_own ON message (conversation, account, seq)
        WHERE account IS NOT NULL""",
    "CREATE INDEX message_deleted ON message (conversation, seq) WHERE deleted_at IS NOT NULL",
    """CREATE INDEX conversation_public ON conversation (scope, id)
        WHERE kind = 'public' AND status = 'open'""",
    # What a stream over many conversations missed: rooms resume by ``event_state`` and by seq.
    """CREATE INDEX event_conversation ON event (conversation, id)
        WHERE scope > 1 AND class IN ('message', 'state')""",
    # Where the log names a person: an erasure takes it out.
    """CREATE INDEX event_account ON event (json_extract(payload, '$.account_id'))
        WHERE type >= 'account.' AND type < 'account/'""",
    """CREATE TABLE account (
        id INTEGER PRIMARY KEY,
        email TEXT,
        email_key TEXT UNIQUE,
        fullname TEXT NOT NULL,
        avatar TEXT,
        status TEXT NOT NULL CHECK (status IN ('active', 'suspended', 'erased')),
        home INTEGER,
        is_bot INTEGER NOT NULL,
        is_operator INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL
    )""",
    # Which file an account shows as its avatar.
    """CREATE INDEX account_avatar ON account (substr(avatar, instr(avatar, '/files/')))
        WHERE avatar IS NOT NULL""",
    """CREATE TABLE password (
        account INTEGER PRIMARY KEY REFERENCES account (id),
        hash TEXT NOT NULL
    )""",
    """CREATE TABLE workspace (
        id INTEGER PRIMARY KEY,
        scope INTEGER NOT NULL UNIQUE REFERENCES scope (id),
        name TEXT NOT NULL,
        name_key TEXT UNIQUE,
        description TEXT NOT NULL,
        is_open INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL,
        deleted_at INTEGER,
        file_bytes INTEGER NOT NULL
    )""",
    "INSERT INTO scope VALUES (2, 'workspace', 0)",
    "UPDATE counter SET value = 2 WHERE name = 'scope'",
    """INSERT INTO workspace
        SELECT 0, 2, 'default', 'default', '', 1, now, now, NULL, 0
        FROM (SELECT CAST(unixepoch('subsec') * 1000000 AS INTEGER) AS now)""",
    """CREATE TABLE workspace_member (
        workspace INTEGER NOT NULL REFERENCES workspace (id),
        account INTEGER NOT NULL REFERENCES account (id),
        role TEXT NOT NULL CHECK (role IN ('owner', 'admin', 'agent', 'member')),
        joined_at INTEGER NOT NULL,
        PRIMARY KEY (workspace, account)
    ) WITHOUT ROWID""",
    "CREATE INDEX workspace_member_account ON workspace_member (account, workspace)",
    # A login session. ``refresh`` and ``previous``: hashes of the token that counts, and of the one
    # that was rotated last, at ``rotated_at``.
    """CREATE TABLE login (
        id TEXT PRIMARY KEY,
        account INTEGER NOT NULL REFERENCES account (id),
        refresh BLOB NOT NULL UNIQUE,
        previous BLOB,
        rotated_at INTEGER,
        user_agent TEXT,
        address TEXT,
        created_at INTEGER NOT NULL,
        last_used_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        ended_at INTEGER
    ) WITHOUT ROWID""",
    "CREATE INDEX login_account ON login (account, created_at)",
    "CREATE INDEX login_ended ON login (ended_at) WHERE ended_at IS NOT NULL",
    "CREATE INDEX login_expires ON login (expires_at)",
    # Refresh tokens that were rotated: shown again, after the grace of the previous one, they end
    # their login.
    """CREATE TABLE spent_refresh (
        hash BLOB PRIMARY KEY,
        login TEXT NOT NULL,
        expires_at INTEGER NOT NULL
    ) WITHOUT ROWID""",
    "CREATE INDEX spent_refresh_expires ON spent_refresh (expires_at)",
    """CREATE TABLE reset_link (
        code BLOB PRIMARY KEY,
        account INTEGER NOT NULL REFERENCES account (id),
        expires_at INTEGER NOT NULL
    ) WITHOUT ROWID""",
    """CREATE TABLE invite (
        id INTEGER PRIMARY KEY,
        code BLOB NOT NULL UNIQUE,
        workspace INTEGER NOT NULL REFERENCES workspace (id),
        role TEXT NOT NULL CHECK (role IN ('owner', 'admin', 'agent', 'member')),
        email TEXT,
        email_key TEXT,
        max_uses INTEGER NOT NULL,
        uses INTEGER NOT NULL,
        created_by TEXT,
        created_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        revoked_at INTEGER
    )""",
    "CREATE INDEX invite_workspace ON invite (workspace, id)",
    "CREATE INDEX invite_email ON invite (email_key) WHERE email_key IS NOT NULL",
    # Named keys. ``previous`` still opens until ``previous_until``.
    """CREATE TABLE api_key (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        hash BLOB NOT NULL UNIQUE,
        previous BLOB UNIQUE,
        previous_until INTEGER,
        scopes TEXT NOT NULL,
        workspace INTEGER REFERENCES workspace (id),
        created_by TEXT,
        created_at INTEGER NOT NULL,
        expires_at INTEGER,
        removed_at INTEGER
    ) WITHOUT ROWID""",
    "CREATE TABLE last_seen (account INTEGER PRIMARY KEY, at INTEGER NOT NULL)",
    # What only chats have. ``pair``: the two of a single chat, the lower id first.
    """CREATE TABLE chat (
        conversation INTEGER PRIMARY KEY REFERENCES conversation (id),
        description TEXT NOT NULL,
        created_by TEXT NOT NULL,
        updated_at INTEGER NOT NULL,
        pair TEXT
    )""",
    "CREATE INDEX chat_pair ON chat (pair) WHERE pair IS NOT NULL",
    """CREATE TABLE chat_preference (
        conversation INTEGER NOT NULL REFERENCES conversation (id),
        user_id TEXT NOT NULL,
        notify TEXT NOT NULL CHECK (notify IN ('all', 'mentions', 'none')),
        muted_until INTEGER,
        PRIMARY KEY (conversation, user_id)
    ) WITHOUT ROWID""",
    # The texts that a message had; ``event_offset`` is that of the edit which replaced it.
    """CREATE TABLE message_edit (
        message INTEGER NOT NULL,
        event_offset INTEGER NOT NULL,
        conversation INTEGER NOT NULL,
        content TEXT NOT NULL,
        edited_at INTEGER NOT NULL,
        PRIMARY KEY (message, event_offset)
    ) WITHOUT ROWID""",
    """CREATE TABLE reaction (
        message INTEGER NOT NULL,
        emoji TEXT NOT NULL,
        user_id TEXT NOT NULL,
        event_offset INTEGER NOT NULL,
        conversation INTEGER NOT NULL,
        PRIMARY KEY (message, emoji, user_id)
    ) WITHOUT ROWID""",
    """CREATE TABLE pin (
        conversation INTEGER NOT NULL,
        message INTEGER NOT NULL,
        user_id TEXT NOT NULL,
        pinned_at INTEGER NOT NULL,
        PRIMARY KEY (conversation, message)
    ) WITHOUT ROWID""",
    """CREATE TABLE mention (
        conversation INTEGER NOT NULL,
        user_id TEXT NOT NULL,
        seq INTEGER NOT NULL,
        PRIMARY KEY (conversation, user_id, seq)
    ) WITHOUT ROWID""",
    # Each move of a read cursor, which is where the last one went.
    """CREATE TABLE read_mark (
        conversation INTEGER NOT NULL,
        user_id TEXT NOT NULL,
        seq INTEGER NOT NULL,
        message INTEGER NOT NULL,
        read_at INTEGER NOT NULL,
        PRIMARY KEY (conversation, user_id, seq)
    ) WITHOUT ROWID""",
    # What was uploaded to a workspace, by the SHA-256 of its content; ``stored_at`` the last time.
    """CREATE TABLE stored_file (
        workspace INTEGER NOT NULL REFERENCES workspace (id),
        hash TEXT NOT NULL,
        extension TEXT NOT NULL,
        media_type TEXT NOT NULL,
        size INTEGER NOT NULL,
        stored_at INTEGER NOT NULL,
        PRIMARY KEY (workspace, hash, extension)
    ) WITHOUT ROWID""",
    # Which files messages refer to.
    """CREATE TABLE file_use (
        workspace INTEGER NOT NULL,
        hash TEXT NOT NULL,
        extension TEXT NOT NULL,
        message INTEGER NOT NULL,
        PRIMARY KEY (workspace, hash, extension, message)
    ) WITHOUT ROWID""",
    "CREATE INDEX file_use_message ON file_use (message)",
    # When something ceased to refer to a file, for the last time.
    """CREATE TABLE file_release (
        workspace INTEGER NOT NULL,
        hash TEXT NOT NULL,
        extension TEXT NOT NULL,
        at INTEGER NOT NULL,
        PRIMARY KEY (workspace, hash, extension)
    ) WITHOUT ROWID""",
)


def up(migrator, db):  # type: ignore[no-untyped-def]  # called by Peewee's runner
    for statement in STATEMENTS:
        db.execute_sql(statement)
