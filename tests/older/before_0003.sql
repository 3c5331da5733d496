BEGIN TRANSACTION;
CREATE TABLE account (
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
    );
INSERT INTO "account" VALUES(1,'anna@example.org','anna@example.org','Anna',NULL,'active',0,0,0,1796136410165627,1796136410165627);
INSERT INTO "account" VALUES(2,'bert@example.org','bert@example.org','Bert',NULL,'active',0,0,0,1796136410254514,1796136410254514);
INSERT INTO "account" VALUES(3,'eve@example.org','eve@example.org','Eve',NULL,'active',1,0,0,1796136410344446,1796136410344446);
CREATE TABLE api_key (
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
    ) WITHOUT ROWID;
CREATE TABLE attempt (
        delivery INTEGER NOT NULL REFERENCES delivery (id) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        at INTEGER NOT NULL,
        latency INTEGER NOT NULL,
        status INTEGER,
        error TEXT,
        detail TEXT,
        answer BLOB,
        PRIMARY KEY (delivery, number)
    ) WITHOUT ROWID;
CREATE TABLE ban (
        scope INTEGER NOT NULL REFERENCES scope (id),
        conversation INTEGER NOT NULL,
        user_id TEXT NOT NULL,
        reason TEXT,
        banned_by TEXT,
        created_at INTEGER NOT NULL,
        expires_at INTEGER,
        PRIMARY KEY (scope, conversation, user_id)
    ) WITHOUT ROWID;
CREATE TABLE batch (
        kind TEXT NOT NULL,
        conversation INTEGER NOT NULL,
        position INTEGER NOT NULL,
        number INTEGER NOT NULL,
        delivery INTEGER,
        PRIMARY KEY (kind, conversation)
    ) WITHOUT ROWID;
CREATE TABLE chat (
        conversation INTEGER PRIMARY KEY REFERENCES conversation (id),
        description TEXT NOT NULL,
        created_by TEXT NOT NULL,
        updated_at INTEGER NOT NULL,
        pair TEXT
    );
INSERT INTO "chat" VALUES(2,'','u1',1796136410511554,NULL);
INSERT INTO "chat" VALUES(3,'','u1',1796136410679731,'u1 u2');
INSERT INTO "chat" VALUES(4,'','u3',1796136410893989,NULL);
CREATE TABLE chat_preference (
        conversation INTEGER NOT NULL REFERENCES conversation (id),
        user_id TEXT NOT NULL,
        notify TEXT NOT NULL CHECK (notify IN ('all', 'mentions', 'none')),
        muted_until INTEGER,
        PRIMARY KEY (conversation, user_id)
    ) WITHOUT ROWID;
CREATE TABLE client_id (
        hash INTEGER NOT NULL,
        message INTEGER NOT NULL,
        PRIMARY KEY (hash, message)
    ) WITHOUT ROWID;
CREATE TABLE client_id_age (served INTEGER PRIMARY KEY, message INTEGER NOT NULL);
INSERT INTO "client_id_age" VALUES(0,0);
CREATE TABLE conversation (
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
    );
INSERT INTO "conversation" VALUES(1,'room',1,'51488544-c147-46cd-9458-5e02d7e56280','lobby','open',1796136410042399,NULL,1,1796136410089469);
INSERT INTO "conversation" VALUES(2,'private',2,'f1cdc091-c2e3-45e5-84d2-d36d2150856a','lunch','open',1796136410511554,NULL,3,1796136410652474);
INSERT INTO "conversation" VALUES(3,'single',2,'3ba0ea42-f4f1-4a11-b968-f1ecba1acec8','two','open',1796136410679731,NULL,0,NULL);
INSERT INTO "conversation" VALUES(4,'public',3,'82f6cd09-4a67-4a9c-bbd1-7b90b76319c6','mine','open',1796136410893989,NULL,0,NULL);
CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO "counter" VALUES('account',3);
INSERT INTO "counter" VALUES('conversation',4);
INSERT INTO "counter" VALUES('event',26);
INSERT INTO "counter" VALUES('invite',1);
INSERT INTO "counter" VALUES('message',4);
INSERT INTO "counter" VALUES('room_session',1);
INSERT INTO "counter" VALUES('scope',3);
INSERT INTO "counter" VALUES('workspace',1);
CREATE TABLE cursor (name TEXT PRIMARY KEY, position INTEGER NOT NULL);
INSERT INTO "cursor" VALUES('audit',25);
INSERT INTO "cursor" VALUES('callbacks',26);
CREATE TABLE delivery (
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
    );
CREATE TABLE endpoint (
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
    );
CREATE TABLE event (
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
    );
INSERT INTO "event" VALUES(1,'room.created','state',1,1,NULL,'api-key','127.0.0.1',1796136410042399,'{"kind":"room","public_id":"51488544-c147-46cd-9458-5e02d7e56280","name":"lobby","admins":[]}');
INSERT INTO "event" VALUES(2,'session.joined','session',1,1,'carl','room:open','127.0.0.1',1796136410081508,'{"session_id":1,"user_id":"carl","nickname":"carl","current_users":1,"peak_users":1,"total_joins":1}');
INSERT INTO "event" VALUES(3,'message.posted','message',1,1,'carl','room:open','127.0.0.1',1796136410089469,'{"message_id":1,"seq":1,"kind":"text","sender":"carl","nickname":"carl","content":"hello from a room","created_at":1796136410089469,"client_msg_id":"carl-1"}');
INSERT INTO "event" VALUES(4,'account.created','state',NULL,NULL,NULL,'sign-up','127.0.0.1',1796136410165627,'{"account_id":1,"email":"anna@example.org","fullname":"Anna","is_bot":false}');
INSERT INTO "event" VALUES(5,'workspace.member_joined','state',2,NULL,'u1','sign-up','127.0.0.1',1796136410165627,'{"workspace_id":0,"account_id":1,"role":"owner","invite_id":null}');
INSERT INTO "event" VALUES(6,'account.signed_in','system',NULL,NULL,'u1','sign-up','127.0.0.1',1796136410165627,'{"account_id":1,"login_id":"701bd012-4811-425e-83db-d8394f3c38e2"}');
INSERT INTO "event" VALUES(7,'account.created','state',NULL,NULL,NULL,'sign-up','127.0.0.1',1796136410254514,'{"account_id":2,"email":"bert@example.org","fullname":"Bert","is_bot":false}');
INSERT INTO "event" VALUES(8,'workspace.member_joined','state',2,NULL,'u2','sign-up','127.0.0.1',1796136410254514,'{"workspace_id":0,"account_id":2,"role":"member","invite_id":null}');
INSERT INTO "event" VALUES(9,'account.signed_in','system',NULL,NULL,'u2','sign-up','127.0.0.1',1796136410254514,'{"account_id":2,"login_id":"ee8d94ca-5ca1-420c-983c-0f0f4bb3a2d1"}');
INSERT INTO "event" VALUES(10,'account.created','state',NULL,NULL,NULL,'sign-up','127.0.0.1',1796136410344446,'{"account_id":3,"email":"eve@example.org","fullname":"Eve","is_bot":false}');
INSERT INTO "event" VALUES(11,'scope.created','system',3,NULL,'u3','sign-up','127.0.0.1',1796136410344446,'{"scope_type":"workspace","number":1}');
INSERT INTO "event" VALUES(12,'workspace.created','state',3,NULL,'u3','sign-up','127.0.0.1',1796136410344446,'{"workspace_id":1,"name":"elsewhere","description":"","is_open":true}');
INSERT INTO "event" VALUES(13,'workspace.member_joined','state',3,NULL,'u3','sign-up','127.0.0.1',1796136410344446,'{"workspace_id":1,"account_id":3,"role":"owner","invite_id":null}');
INSERT INTO "event" VALUES(14,'account.signed_in','system',NULL,NULL,'u3','sign-up','127.0.0.1',1796136410344446,'{"account_id":3,"login_id":"2c0069e4-a9c9-4f90-8c84-5be81d03f024"}');
INSERT INTO "event" VALUES(15,'chat.created','state',2,2,'u1','account','127.0.0.1',1796136410511554,'{"kind":"private","public_id":"f1cdc091-c2e3-45e5-84d2-d36d2150856a","name":"lunch","admins":[],"created_by":"u1","members":["u1","u2"]}');
INSERT INTO "event" VALUES(16,'message.posted','message',2,2,'u1','account','127.0.0.1',1796136410528749,'{"message_id":2,"seq":1,"kind":"text","sender":"u1","nickname":"Anna","content":"where?","created_at":1796136410528749,"is_admin":true,"client_msg_id":"1","mentions":[2]}');
INSERT INTO "event" VALUES(17,'message.posted','message',2,2,'u2','account','127.0.0.1',1796136410549413,'{"message_id":3,"seq":2,"kind":"text","sender":"u2","nickname":"Bert","content":"a mistake","created_at":1796136410549413,"client_msg_id":"01a23212-9db3-73c4-8176-60392cd15bce"}');
INSERT INTO "event" VALUES(18,'message.edited','message',2,2,'u1','account','127.0.0.1',1796136410593604,'{"message_id":2,"seq":1,"posted_offset":16,"content":"where today?","mentions":[2],"sender":"u1","nickname":"Anna","created_at":1796136410528749,"client_msg_id":"1"}');
INSERT INTO "event" VALUES(19,'message.deleted','message',2,2,'u2','account','127.0.0.1',1796136410609361,'{"message_id":3,"seq":2,"posted_offset":17}');
INSERT INTO "event" VALUES(20,'reaction.added','state',2,2,'u2','account','127.0.0.1',1796136410627756,'{"message_id":2,"emoji":"👍","user_id":"u2"}');
INSERT INTO "event" VALUES(21,'read.moved','session',2,2,'u2','account','127.0.0.1',1796136410642832,'{"user_id":"u2","message_id":2,"seq":1}');
INSERT INTO "event" VALUES(22,'message.posted','message',2,2,'u2','account','127.0.0.1',1796136410652474,'{"message_id":4,"seq":3,"kind":"text","sender":"u2","nickname":"Bert","content":"at Lucy''s","created_at":1796136410652474,"client_msg_id":"01a23212-9e18-73ae-89e6-9136abe4ad23","reply_to":2}');
INSERT INTO "event" VALUES(23,'chat.created','state',2,3,'u1','account','127.0.0.1',1796136410679731,'{"kind":"single","public_id":"3ba0ea42-f4f1-4a11-b968-f1ecba1acec8","name":"two","admins":[],"created_by":"u1","members":["u1","u2"]}');
INSERT INTO "event" VALUES(24,'invite.created','system',2,NULL,'u1','account','127.0.0.1',1796136410870038,'{"workspace_id":0,"invite_id":1,"role":"member","max_uses":1,"expires_at":1796741210870038}');
INSERT INTO "event" VALUES(25,'chat.created','state',3,4,'u3','account','127.0.0.1',1796136410893989,'{"kind":"public","public_id":"82f6cd09-4a67-4a9c-bbd1-7b90b76319c6","name":"mine","admins":[],"created_by":"u3","members":["u3"]}');
INSERT INTO "event" VALUES(26,'session.left','session',1,1,NULL,'server',NULL,1796136411034813,'{"session_id":1,"user_id":"carl","nickname":"carl","join_time":1796136410081508,"leave_time":1796136411034813,"reason":"stopped","current_users":0}');
CREATE TABLE file_release (
        workspace INTEGER NOT NULL,
        hash TEXT NOT NULL,
        extension TEXT NOT NULL,
        at INTEGER NOT NULL,
        PRIMARY KEY (workspace, hash, extension)
    ) WITHOUT ROWID;
CREATE TABLE file_use (
        workspace INTEGER NOT NULL,
        hash TEXT NOT NULL,
        extension TEXT NOT NULL,
        message INTEGER NOT NULL,
        PRIMARY KEY (workspace, hash, extension, message)
    ) WITHOUT ROWID;
CREATE TABLE invite (
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
    );
INSERT INTO "invite" VALUES(1,X'D7AF25D2E8CABCF647F54DAA5FC0D7C5EE36ACB20490B7F54B6B0522D0F571FD',0,'member',NULL,NULL,1,0,'u1',1796136410870038,1796741210870038,NULL);
CREATE TABLE last_seen (account INTEGER PRIMARY KEY, at INTEGER NOT NULL);
CREATE TABLE login (
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
    ) WITHOUT ROWID;
INSERT INTO "login" VALUES('2c0069e4-a9c9-4f90-8c84-5be81d03f024',3,X'69E18394EF7A129F150A181E864DE030BEBA6C98DC3D29990630516934A341C3',NULL,NULL,'python-httpx/0.28.1','127.0.0.1',1796136410344446,1796136410344446,1797346010344446,NULL);
INSERT INTO "login" VALUES('701bd012-4811-425e-83db-d8394f3c38e2',1,X'7DC3FE8618C36FAD224EC70DC2052177F45BBA39B2D2DD0BA95CD5F849481B9C',NULL,NULL,'python-httpx/0.28.1','127.0.0.1',1796136410165627,1796136410165627,1797346010165627,NULL);
INSERT INTO "login" VALUES('ee8d94ca-5ca1-420c-983c-0f0f4bb3a2d1',2,X'75A499D0E53CB9800D246EEEA706F73674BB06DA99EE4946C60C221C698EFB01',NULL,NULL,'python-httpx/0.28.1','127.0.0.1',1796136410254514,1796136410254514,1797346010254514,NULL);
CREATE TABLE mention (
        conversation INTEGER NOT NULL,
        user_id TEXT NOT NULL,
        seq INTEGER NOT NULL,
        PRIMARY KEY (conversation, user_id, seq)
    ) WITHOUT ROWID;
INSERT INTO "mention" VALUES(2,'u2',1);
CREATE TABLE message (
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
    , mentions TEXT, account INTEGER);
INSERT INTO "message" VALUES(1,1,1,3,'text','carl','user','carl',0,'hello from a room',NULL,NULL,'carl-1',1796136410089469,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "message" VALUES(2,2,1,16,'text','u1','user','Anna',1,'where today?',NULL,NULL,'1',1796136410528749,1796136410593604,NULL,NULL,18,'[2]',1);
INSERT INTO "message" VALUES(3,2,2,17,'text','u2','user','Bert',0,'a mistake',NULL,NULL,'01a23212-9db3-73c4-8176-60392cd15bce',1796136410549413,NULL,1796136410609361,NULL,19,NULL,2);
INSERT INTO "message" VALUES(4,2,3,22,'text','u2','user','Bert',0,'at Lucy''s',2,NULL,'01a23212-9e18-73ae-89e6-9136abe4ad23',1796136410652474,NULL,NULL,NULL,NULL,NULL,2);
CREATE TABLE message_edit (
        message INTEGER NOT NULL,
        event_offset INTEGER NOT NULL,
        conversation INTEGER NOT NULL,
        content TEXT NOT NULL,
        edited_at INTEGER NOT NULL,
        PRIMARY KEY (message, event_offset)
    ) WITHOUT ROWID;
INSERT INTO "message_edit" VALUES(2,18,2,'where?',1796136410528749);
CREATE TABLE mute (
        scope INTEGER NOT NULL REFERENCES scope (id),
        conversation INTEGER NOT NULL,
        user_id TEXT NOT NULL,
        reason TEXT,
        muted_by TEXT,
        created_at INTEGER NOT NULL,
        expires_at INTEGER,
        PRIMARY KEY (scope, conversation, user_id)
    ) WITHOUT ROWID;
CREATE TABLE ordering_key (
        endpoint INTEGER NOT NULL REFERENCES endpoint (id),
        conversation INTEGER NOT NULL,
        due_at INTEGER NOT NULL,
        delay INTEGER NOT NULL,
        is_slow INTEGER NOT NULL,
        PRIMARY KEY (endpoint, conversation)
    ) WITHOUT ROWID;
CREATE TABLE participant (
        conversation INTEGER NOT NULL REFERENCES conversation (id),
        user_id TEXT NOT NULL,
        joined_offset INTEGER NOT NULL,
        left_offset INTEGER,
        role TEXT NOT NULL CHECK (role IN ('owner', 'admin', 'agent', 'member')),
        PRIMARY KEY (conversation, user_id, joined_offset)
    ) WITHOUT ROWID;
INSERT INTO "participant" VALUES(2,'u1',15,NULL,'owner');
INSERT INTO "participant" VALUES(2,'u2',15,NULL,'member');
INSERT INTO "participant" VALUES(3,'u1',23,NULL,'owner');
INSERT INTO "participant" VALUES(3,'u2',23,NULL,'member');
INSERT INTO "participant" VALUES(4,'u3',25,NULL,'owner');
CREATE TABLE password (
        account INTEGER PRIMARY KEY REFERENCES account (id),
        hash TEXT NOT NULL
    );
INSERT INTO "password" VALUES(1,'$argon2id$v=19$m=19456,t=2,p=1$qb3Evpbw3tJztb7rUDhoyg$K0ah5Km3EOsXEkMipwyJZSNkJQG9LMKIvcHkn9qGVnI');
INSERT INTO "password" VALUES(2,'$argon2id$v=19$m=19456,t=2,p=1$ItKH11dAt85GzCzswAlwIw$S5vHM7lxIc8BaGTsDvgoTau0zFAK0NI0GMNdt9jmXx4');
INSERT INTO "password" VALUES(3,'$argon2id$v=19$m=19456,t=2,p=1$TaJYX82DBfXdSCP5xNIU5A$tPjzq/X9iYM43YwhuFh+aUWxM/qcZ+xMusObIVNhH4c');
CREATE TABLE pin (
        conversation INTEGER NOT NULL,
        message INTEGER NOT NULL,
        user_id TEXT NOT NULL,
        pinned_at INTEGER NOT NULL,
        PRIMARY KEY (conversation, message)
    ) WITHOUT ROWID;
CREATE TABLE reaction (
        message INTEGER NOT NULL,
        emoji TEXT NOT NULL,
        user_id TEXT NOT NULL,
        event_offset INTEGER NOT NULL,
        conversation INTEGER NOT NULL,
        PRIMARY KEY (message, emoji, user_id)
    ) WITHOUT ROWID;
INSERT INTO "reaction" VALUES(2,'👍','u2',20,2);
CREATE TABLE read_mark (
        conversation INTEGER NOT NULL,
        user_id TEXT NOT NULL,
        seq INTEGER NOT NULL,
        message INTEGER NOT NULL,
        read_at INTEGER NOT NULL,
        PRIMARY KEY (conversation, user_id, seq)
    ) WITHOUT ROWID;
INSERT INTO "read_mark" VALUES(2,'u2',1,2,1796136410642832);
CREATE TABLE reset_link (
        code BLOB PRIMARY KEY,
        account INTEGER NOT NULL REFERENCES account (id),
        expires_at INTEGER NOT NULL
    ) WITHOUT ROWID;
CREATE TABLE room_session (
        id INTEGER PRIMARY KEY,
        conversation INTEGER NOT NULL REFERENCES conversation (id),
        user_id TEXT NOT NULL,
        nickname TEXT NOT NULL,
        join_time INTEGER NOT NULL,
        leave_time INTEGER,
        reason TEXT,
        left_offset INTEGER
    );
INSERT INTO "room_session" VALUES(1,1,'carl','carl',1796136410081508,1796136411034813,'stopped',26);
CREATE TABLE room_stats (
        conversation INTEGER PRIMARY KEY REFERENCES conversation (id),
        current_users INTEGER NOT NULL,
        peak_users INTEGER NOT NULL,
        total_joins INTEGER NOT NULL
    );
INSERT INTO "room_stats" VALUES(1,0,1,1);
CREATE TABLE "schema_migration" ("id" INTEGER NOT NULL PRIMARY KEY, "name" VARCHAR(255) NOT NULL, "applied" DATETIME NOT NULL);
INSERT INTO "schema_migration" VALUES(1,'0001_baseline','2026-12-01 14:46:49.440423');
INSERT INTO "schema_migration" VALUES(2,'0002_team_chat','2026-12-01 14:46:49.443905');
CREATE TABLE scope (
        id INTEGER PRIMARY KEY,
        type TEXT NOT NULL CHECK (type IN ('rooms', 'workspace', 'site')),
        number INTEGER NOT NULL,
        UNIQUE (type, number)
    );
INSERT INTO "scope" VALUES(1,'rooms',0);
INSERT INTO "scope" VALUES(2,'workspace',0);
INSERT INTO "scope" VALUES(3,'workspace',1);
CREATE TABLE server_state (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
INSERT INTO "server_state" VALUES('signed',0);
INSERT INTO "server_state" VALUES('heartbeat',1796136409509350);
INSERT INTO "server_state" VALUES('served',0);
CREATE TABLE spent_refresh (
        hash BLOB PRIMARY KEY,
        login TEXT NOT NULL,
        expires_at INTEGER NOT NULL
    ) WITHOUT ROWID;
CREATE TABLE stored_file (
        workspace INTEGER NOT NULL REFERENCES workspace (id),
        hash TEXT NOT NULL,
        extension TEXT NOT NULL,
        media_type TEXT NOT NULL,
        size INTEGER NOT NULL,
        stored_at INTEGER NOT NULL,
        PRIMARY KEY (workspace, hash, extension)
    ) WITHOUT ROWID;
CREATE TABLE sync (id INTEGER PRIMARY KEY, room INTEGER NOT NULL);
CREATE TABLE workspace (
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
    );
INSERT INTO "workspace" VALUES(0,2,'default','default','',1,1796136409442000,1796136409442000,NULL,0);
INSERT INTO "workspace" VALUES(1,3,'elsewhere','elsewhere','',1,1796136410344446,1796136410344446,NULL,0);
CREATE TABLE workspace_member (
        workspace INTEGER NOT NULL REFERENCES workspace (id),
        account INTEGER NOT NULL REFERENCES account (id),
        role TEXT NOT NULL CHECK (role IN ('owner', 'admin', 'agent', 'member')),
        joined_at INTEGER NOT NULL,
        PRIMARY KEY (workspace, account)
    ) WITHOUT ROWID;
INSERT INTO "workspace_member" VALUES(0,1,'owner',1796136410165627);
INSERT INTO "workspace_member" VALUES(0,2,'member',1796136410254514);
INSERT INTO "workspace_member" VALUES(1,3,'owner',1796136410344446);
CREATE UNIQUE INDEX "schema_migration_name" ON "schema_migration" ("name");
CREATE INDEX conversation_scope ON conversation (scope, id);
CREATE INDEX conversation_name ON conversation (scope, name);
CREATE INDEX room_session_time ON room_session (conversation, join_time);
CREATE UNIQUE INDEX room_session_open ON room_session (conversation, user_id)
        WHERE leave_time IS NULL;
CREATE INDEX room_session_left ON room_session (conversation, left_offset)
        WHERE left_offset IS NOT NULL;
CREATE UNIQUE INDEX participant_open ON participant (conversation, user_id)
        WHERE left_offset IS NULL;
CREATE INDEX participant_user ON participant (user_id, conversation);
CREATE UNIQUE INDEX message_seq ON message (conversation, seq);
CREATE INDEX message_changed ON message (conversation, changed_offset)
        WHERE changed_offset IS NOT NULL;
CREATE INDEX event_state ON event (conversation, id) WHERE class = 'state';
CREATE INDEX delivery_pending ON delivery (endpoint, conversation, id)
        WHERE status = 'pending';
CREATE INDEX delivery_failed ON delivery (id) WHERE status IN ('failed', 'skipped');
CREATE INDEX delivery_given_up ON delivery (endpoint, planned_at, finished_at)
        WHERE status = 'failed' AND mark IS NOT 'test';
CREATE INDEX delivery_event ON delivery (first) WHERE number IS NULL;
CREATE INDEX delivery_texts ON delivery (conversation)
        WHERE event IN ('data_sync', 'chat_history_batch');
CREATE INDEX ordering_key_due ON ordering_key (endpoint, is_slow, due_at);
CREATE INDEX message_reply ON message (reply_to, seq) WHERE reply_to IS NOT NULL;
CREATE INDEX message_own ON message (conversation, account, seq)
        WHERE account IS NOT NULL;
CREATE INDEX message_deleted ON message (conversation, seq) WHERE deleted_at IS NOT NULL;
CREATE INDEX conversation_public ON conversation (scope, id)
        WHERE kind = 'public' AND status = 'open';
CREATE INDEX event_conversation ON event (conversation, id)
        WHERE scope > 1 AND class IN ('message', 'state');
CREATE INDEX event_account ON event (json_extract(payload, '$.account_id'))
        WHERE type >= 'account.' AND type < 'account/';
CREATE INDEX account_avatar ON account (substr(avatar, instr(avatar, '/files/')))
        WHERE avatar IS NOT NULL;
CREATE INDEX workspace_member_account ON workspace_member (account, workspace);
CREATE INDEX login_account ON login (account, created_at);
CREATE INDEX login_ended ON login (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX login_expires ON login (expires_at);
CREATE INDEX spent_refresh_expires ON spent_refresh (expires_at);
CREATE INDEX invite_workspace ON invite (workspace, id);
CREATE INDEX invite_email ON invite (email_key) WHERE email_key IS NOT NULL;
CREATE INDEX chat_pair ON chat (pair) WHERE pair IS NOT NULL;
CREATE INDEX file_use_message ON file_use (message);
COMMIT;
