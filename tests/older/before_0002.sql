BEGIN TRANSACTION;
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
INSERT INTO "attempt" VALUES(1,1,1796109884044294,9675,NULL,'refused','http://127.0.0.1:42377 refused the connection.',NULL);
INSERT INTO "attempt" VALUES(2,1,1796109884050365,10633,200,NULL,NULL,NULL);
INSERT INTO "attempt" VALUES(3,1,1796109884098966,1841,200,NULL,NULL,NULL);
INSERT INTO "attempt" VALUES(4,1,1796109884113975,864,200,NULL,NULL,NULL);
INSERT INTO "attempt" VALUES(6,1,1796109884149242,8575,200,NULL,NULL,NULL);
INSERT INTO "attempt" VALUES(7,1,1796109884172530,587,NULL,'refused','http://127.0.0.1:42377 refused the connection.',NULL);
INSERT INTO "attempt" VALUES(8,1,1796109884172890,6782,200,NULL,NULL,NULL);
INSERT INTO "attempt" VALUES(9,1,1796109884214648,2015,200,NULL,NULL,NULL);
INSERT INTO "attempt" VALUES(10,1,1796109884240176,26245,200,NULL,NULL,NULL);
INSERT INTO "attempt" VALUES(11,1,1796109884280235,1142,200,NULL,NULL,NULL);
INSERT INTO "attempt" VALUES(12,1,1796109884329900,2379,200,NULL,NULL,NULL);
INSERT INTO "attempt" VALUES(13,1,1796109884388481,18495,200,NULL,NULL,NULL);
INSERT INTO "attempt" VALUES(14,1,1796109884410593,443,200,NULL,NULL,NULL);
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
INSERT INTO "ban" VALUES(1,2,'eve','advertising',NULL,1796109884312439,NULL);
CREATE TABLE batch (
        kind TEXT NOT NULL,
        conversation INTEGER NOT NULL,
        position INTEGER NOT NULL,
        number INTEGER NOT NULL,
        delivery INTEGER,
        PRIMARY KEY (kind, conversation)
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
INSERT INTO "conversation" VALUES(1,'room',1,'2b194f66-5c97-4722-b6fa-ded2b0ab9775','attic','closed',1796109883996358,1796109884107067,1,1796109884062190);
INSERT INTO "conversation" VALUES(2,'room',1,'d0df1bbe-bbb0-44f1-831b-18e3cc2bd123','lobby','open',1796109884127094,NULL,5,1796109884331305);
CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO "counter" VALUES('conversation',2);
INSERT INTO "counter" VALUES('delivery',15);
INSERT INTO "counter" VALUES('endpoint',2);
INSERT INTO "counter" VALUES('event',21);
INSERT INTO "counter" VALUES('message',6);
INSERT INTO "counter" VALUES('room_session',4);
INSERT INTO "counter" VALUES('scope',1);
CREATE TABLE cursor (name TEXT PRIMARY KEY, position INTEGER NOT NULL);
INSERT INTO "cursor" VALUES('audit',17);
INSERT INTO "cursor" VALUES('callbacks',21);
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
INSERT INTO "delivery" VALUES(1,1,1,'data_sync',1,1,NULL,NULL,NULL,NULL,NULL,'pending',1,4,1796109884018559,NULL,X'C851DEA3CFD7DCB3E7F688B619220392A72FDBC54FC69EBA110D882316259018');
INSERT INTO "delivery" VALUES(2,2,1,'room_created',1,1,NULL,NULL,NULL,NULL,NULL,'delivered',1,4,1796109884018559,1796109884063429,X'EA85D2D25CCA4184734C95F99022C6414EB26FB77EE0CE24947F00C157A6889C');
INSERT INTO "delivery" VALUES(3,2,1,'user_joined',2,2,NULL,NULL,NULL,NULL,NULL,'delivered',1,4,1796109884063852,1796109884102084,X'EA084A04F9E6C0F9F7178B836B30B265A6B218BB585CA7BEDAC2A45FBE182BA2');
INSERT INTO "delivery" VALUES(4,2,1,'user_left',4,4,NULL,NULL,NULL,NULL,NULL,'delivered',1,4,1796109884102581,1796109884115345,X'446015A26393434B89E8D8F4FCECBEA54844E970FFF508E1B1FC66F8CF863988');
INSERT INTO "delivery" VALUES(5,1,1,'data_sync',5,5,NULL,NULL,NULL,NULL,NULL,'pending',0,4,1796109884137955,NULL,NULL);
INSERT INTO "delivery" VALUES(6,2,1,'room_closed',5,5,NULL,NULL,NULL,NULL,NULL,'delivered',1,4,1796109884137955,1796109884165947,X'45726DFF90D50B582255FADE0364C2CE875E347428BDD331B8D58090E7F6DE72');
INSERT INTO "delivery" VALUES(7,1,2,'data_sync',6,6,NULL,NULL,NULL,NULL,NULL,'pending',1,4,1796109884151812,NULL,X'0FBF4ADA571095DE47199E274ACE7177FCFA9D60961E8E38713841B341C140E7');
INSERT INTO "delivery" VALUES(8,2,2,'room_created',6,6,NULL,NULL,NULL,NULL,NULL,'delivered',1,4,1796109884151812,1796109884191291,X'936646A2E3342C390B0B8C97483BF30FE159402A652A0700B89D679FE7FD11B2');
INSERT INTO "delivery" VALUES(9,2,2,'user_joined',7,7,NULL,NULL,NULL,NULL,NULL,'delivered',1,4,1796109884191668,1796109884217012,X'C8CCEF711D674D9C43BD7568B145FA185799DE7E8F03BFF66C8F476D6D1ACB7D');
INSERT INTO "delivery" VALUES(10,2,2,'user_joined',8,8,NULL,NULL,NULL,NULL,NULL,'delivered',1,4,1796109884223822,1796109884272760,X'E30D18292E345914067636CF443334148E541D348FEAD3A80623242881AADB77');
INSERT INTO "delivery" VALUES(11,2,2,'user_joined',9,9,NULL,NULL,NULL,NULL,NULL,'delivered',1,4,1796109884266660,1796109884284749,X'6A98FA3CBB5ADB56D7E11E12EF5859BD527CAAB2918ED9997CC0713EBB4B5C1C');
INSERT INTO "delivery" VALUES(12,2,2,'user_left',16,16,NULL,NULL,NULL,NULL,NULL,'delivered',1,4,1796109884320357,1796109884333190,X'9D80439D1FEA2EE4DF6E82B528F7D362359F6AD2AEC0D9C6C4F2A73551CF6EEF');
INSERT INTO "delivery" VALUES(13,2,2,'user_left',19,19,NULL,NULL,NULL,NULL,NULL,'delivered',1,4,1796109884347253,1796109884407233,X'DC679C109AA25A99F3A1D92DB6A6A11DF51662CB9A188C353F9081E311A38FE2');
INSERT INTO "delivery" VALUES(14,2,2,'user_left',20,20,NULL,NULL,NULL,NULL,NULL,'delivered',1,4,1796109884347253,1796109884411182,X'CF1029FA2E820F576FC2B9CD66ED690A0B1CC905F2B27EA84A2574325B9EA28C');
INSERT INTO "delivery" VALUES(15,1,2,'data_sync',21,21,NULL,NULL,NULL,NULL,NULL,'pending',0,4,1796109884392053,NULL,NULL);
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
INSERT INTO "endpoint" VALUES(1,'01a2307d-d5cd-7394-8000-000000000001','settings','data',1,'http://127.0.0.1:42377/hook','','enabled',NULL,0,0,NULL,NULL,NULL,1796109882829916,1796109884056166,1796109884056166);
INSERT INTO "endpoint" VALUES(2,'01a2307d-d5cd-7394-8000-000000000002','settings','room_event',1,'http://127.0.0.1:35901/hook','','enabled',NULL,0,0,NULL,NULL,NULL,1796109882829916,NULL,NULL);
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
INSERT INTO "event" VALUES(1,'room.created','state',1,1,NULL,'api-key','127.0.0.1',1796109883996358,'{"kind":"room","public_id":"2b194f66-5c97-4722-b6fa-ded2b0ab9775","name":"attic","admins":[]}');
INSERT INTO "event" VALUES(2,'session.joined','session',1,1,'carl','room:open','127.0.0.1',1796109884036246,'{"session_id":1,"user_id":"carl","nickname":"carl","current_users":1,"peak_users":1,"total_joins":1}');
INSERT INTO "event" VALUES(3,'message.posted','message',1,1,'carl','room:open','127.0.0.1',1796109884062190,'{"message_id":1,"seq":1,"kind":"text","sender":"carl","nickname":"carl","content":"dust","created_at":1796109884062190,"client_msg_id":"carl-1"}');
INSERT INTO "event" VALUES(4,'session.left','session',1,1,'carl','room:open','127.0.0.1',1796109884084123,'{"session_id":1,"user_id":"carl","nickname":"carl","join_time":1796109884036246,"leave_time":1796109884084123,"reason":"left","current_users":0}');
INSERT INTO "event" VALUES(5,'room.closed','state',1,1,NULL,'api-key','127.0.0.1',1796109884107067,'{"kind":"room","current_users":0,"peak_users":1,"total_joins":1}');
INSERT INTO "event" VALUES(6,'room.created','state',1,2,NULL,'api-key','127.0.0.1',1796109884127094,'{"kind":"room","public_id":"d0df1bbe-bbb0-44f1-831b-18e3cc2bd123","name":"lobby","admins":["ann"]}');
INSERT INTO "event" VALUES(7,'session.joined','session',1,2,'ann','room:open','127.0.0.1',1796109884169702,'{"session_id":2,"user_id":"ann","nickname":"Ann","current_users":1,"peak_users":1,"total_joins":1}');
INSERT INTO "event" VALUES(8,'session.joined','session',1,2,'bob','room:open','127.0.0.1',1796109884200055,'{"session_id":3,"user_id":"bob","nickname":"Bob","current_users":2,"peak_users":2,"total_joins":2}');
INSERT INTO "event" VALUES(9,'session.joined','session',1,2,'eve','room:open','127.0.0.1',1796109884224222,'{"session_id":4,"user_id":"eve","nickname":"Eve","current_users":3,"peak_users":3,"total_joins":3}');
INSERT INTO "event" VALUES(10,'message.posted','message',1,2,'ann','room:open','127.0.0.1',1796109884270484,'{"message_id":2,"seq":1,"kind":"text","sender":"ann","nickname":"Ann","content":"welcome","created_at":1796109884270484,"is_admin":true,"client_msg_id":"ann-2"}');
INSERT INTO "event" VALUES(11,'message.posted','message',1,2,'bob','room:open','127.0.0.1',1796109884280555,'{"message_id":3,"seq":2,"kind":"text","sender":"bob","nickname":"Bob","content":"hello","created_at":1796109884280555,"client_msg_id":"bob-3"}');
INSERT INTO "event" VALUES(12,'message.posted','message',1,2,'eve','room:open','127.0.0.1',1796109884289344,'{"message_id":4,"seq":3,"kind":"text","sender":"eve","nickname":"Eve","content":"","created_at":1796109884289344,"client_msg_id":"eve-4"}');
INSERT INTO "event" VALUES(13,'message.posted','message',1,2,'eve','room:open','127.0.0.1',1796109884293612,'{"message_id":5,"seq":4,"kind":"text","sender":"eve","nickname":"Eve","content":"buy this","created_at":1796109884293612,"client_msg_id":"eve-5"}');
INSERT INTO "event" VALUES(14,'message.erased','message',1,2,NULL,'api-key','127.0.0.1',1796109884299155,'{"message_id":4,"seq":3,"posted_offset":12}');
INSERT INTO "event" VALUES(15,'ban.set','state',1,2,NULL,'api-key','127.0.0.1',1796109884312439,'{"user_id":"eve","reason":"advertising","banned_by":null,"expires_at":null}');
INSERT INTO "event" VALUES(16,'session.left','session',1,2,NULL,'api-key','127.0.0.1',1796109884312439,'{"session_id":4,"user_id":"eve","nickname":"Eve","join_time":1796109884224222,"leave_time":1796109884312439,"reason":"banned","current_users":2}');
INSERT INTO "event" VALUES(17,'mute.set','state',1,2,NULL,'api-key','127.0.0.1',1796109884320039,'{"user_id":"bob","reason":"noise","muted_by":null,"expires_at":null}');
INSERT INTO "event" VALUES(18,'message.posted','message',1,2,NULL,'api-key','127.0.0.1',1796109884331305,'{"message_id":6,"seq":5,"kind":"system","sender":"system","nickname":"system","content":"be kind","created_at":1796109884331305,"sender_kind":"system"}');
INSERT INTO "event" VALUES(19,'session.left','session',1,2,'ann','room:open','127.0.0.1',1796109884338654,'{"session_id":2,"user_id":"ann","nickname":"Ann","join_time":1796109884169702,"leave_time":1796109884338654,"reason":"left","current_users":1}');
INSERT INTO "event" VALUES(20,'session.left','session',1,2,'bob','room:open','127.0.0.1',1796109884338654,'{"session_id":3,"user_id":"bob","nickname":"Bob","join_time":1796109884200055,"leave_time":1796109884338654,"reason":"left","current_users":0}');
INSERT INTO "event" VALUES(21,'sync.requested','system',1,NULL,NULL,'api-key','127.0.0.1',1796109884346143,'{"kinds":["data"],"due_at":1796109884346143,"from_time":null,"to_time":null,"full":false}');
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
    );
INSERT INTO "message" VALUES(1,1,1,3,'text','carl','user','carl',0,'dust',NULL,NULL,'carl-1',1796109884062190,NULL,NULL,NULL,NULL);
INSERT INTO "message" VALUES(2,2,1,10,'text','ann','user','Ann',1,'welcome',NULL,NULL,'ann-2',1796109884270484,NULL,NULL,NULL,NULL);
INSERT INTO "message" VALUES(3,2,2,11,'text','bob','user','Bob',0,'hello',NULL,NULL,'bob-3',1796109884280555,NULL,NULL,NULL,NULL);
INSERT INTO "message" VALUES(4,2,3,12,'text','eve','user','Eve',0,'',NULL,NULL,'eve-4',1796109884289344,NULL,1796109884299155,1796109884299155,14);
INSERT INTO "message" VALUES(5,2,4,13,'text','eve','user','Eve',0,'buy this',NULL,NULL,'eve-5',1796109884293612,NULL,NULL,NULL,NULL);
INSERT INTO "message" VALUES(6,2,5,18,'system','system','system','system',0,'be kind',NULL,NULL,NULL,1796109884331305,NULL,NULL,NULL,NULL);
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
INSERT INTO "mute" VALUES(1,2,'bob','noise',NULL,1796109884320039,NULL);
CREATE TABLE ordering_key (
        endpoint INTEGER NOT NULL REFERENCES endpoint (id),
        conversation INTEGER NOT NULL,
        due_at INTEGER NOT NULL,
        delay INTEGER NOT NULL,
        is_slow INTEGER NOT NULL,
        PRIMARY KEY (endpoint, conversation)
    ) WITHOUT ROWID;
INSERT INTO "ordering_key" VALUES(1,1,1796109889054060,5000000,0);
INSERT INTO "ordering_key" VALUES(1,2,1796109889173171,5000000,0);
CREATE TABLE participant (
        conversation INTEGER NOT NULL REFERENCES conversation (id),
        user_id TEXT NOT NULL,
        joined_offset INTEGER NOT NULL,
        left_offset INTEGER,
        role TEXT NOT NULL CHECK (role IN ('owner', 'admin', 'agent', 'member')),
        PRIMARY KEY (conversation, user_id, joined_offset)
    ) WITHOUT ROWID;
INSERT INTO "participant" VALUES(2,'ann',6,NULL,'admin');
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
INSERT INTO "room_session" VALUES(1,1,'carl','carl',1796109884036246,1796109884084123,'left',4);
INSERT INTO "room_session" VALUES(2,2,'ann','Ann',1796109884169702,1796109884338654,'left',19);
INSERT INTO "room_session" VALUES(3,2,'bob','Bob',1796109884200055,1796109884338654,'left',20);
INSERT INTO "room_session" VALUES(4,2,'eve','Eve',1796109884224222,1796109884312439,'banned',16);
CREATE TABLE room_stats (
        conversation INTEGER PRIMARY KEY REFERENCES conversation (id),
        current_users INTEGER NOT NULL,
        peak_users INTEGER NOT NULL,
        total_joins INTEGER NOT NULL
    );
INSERT INTO "room_stats" VALUES(1,0,1,1);
INSERT INTO "room_stats" VALUES(2,0,3,3);
CREATE TABLE "schema_migration" ("id" INTEGER NOT NULL PRIMARY KEY, "name" VARCHAR(255) NOT NULL, "applied" DATETIME NOT NULL);
INSERT INTO "schema_migration" VALUES(1,'0001_baseline','2026-12-01 07:24:42.088910');
CREATE TABLE scope (
        id INTEGER PRIMARY KEY,
        type TEXT NOT NULL CHECK (type IN ('rooms', 'workspace', 'site')),
        number INTEGER NOT NULL,
        UNIQUE (type, number)
    );
INSERT INTO "scope" VALUES(1,'rooms',0);
CREATE TABLE server_state (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
INSERT INTO "server_state" VALUES('signed',0);
INSERT INTO "server_state" VALUES('heartbeat',1796109882877388);
INSERT INTO "server_state" VALUES('served',0);
CREATE TABLE sync (id INTEGER PRIMARY KEY, room INTEGER NOT NULL);
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
COMMIT;
