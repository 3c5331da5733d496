"""The tables. Models are not bound to a database: a query is given the connection to ask.

Times are microseconds, ids are assigned by the writer, JSON is text. ``message`` and ``event``
have no foreign keys: their rows are written by the hundred, and what is removed with a conversation
is removed before it.
"""

from peewee import (
    BigIntegerField,
    BlobField,
    BooleanField,
    CompositeKey,
    ForeignKeyField,
    Model,
    TextField,
)


def _table_name(model: type[Model]) -> str:
    return model.__name__.removesuffix("Table").lower()


class Table(Model):
    class Meta:
        table_function = _table_name


class ScopeTable(Table):
    id = BigIntegerField(primary_key=True)
    type = TextField()  # rooms | workspace | site
    number = BigIntegerField()


class ConversationTable(Table):
    id = BigIntegerField(primary_key=True)
    kind = TextField()  # room | single | group | private | public | support | purged
    scope = ForeignKeyField(ScopeTable, column_name="scope")
    public_id = TextField(unique=True)
    name = TextField()
    status = TextField()  # open | closed
    created_at = BigIntegerField()
    closed_at = BigIntegerField(null=True)
    last_seq = BigIntegerField()
    last_message_at = BigIntegerField(null=True)


class RoomStatsTable(Table):
    """What only rooms have."""

    conversation = ForeignKeyField(ConversationTable, column_name="conversation", primary_key=True)
    current_users = BigIntegerField()
    peak_users = BigIntegerField()
    total_joins = BigIntegerField()

    class Meta:
        table_name = "room_stats"


class RoomSessionTable(Table):
    """A connection's stay in a room."""

    id = BigIntegerField(primary_key=True)
    conversation = ForeignKeyField(ConversationTable, column_name="conversation")
    user_id = TextField()
    nickname = TextField()
    join_time = BigIntegerField()
    leave_time = BigIntegerField(null=True)
    reason = TextField(null=True)
    left_offset = BigIntegerField(null=True)  # of its session.left event

    class Meta:
        table_name = "room_session"


class ParticipantTable(Table):
    """A stay in a role: from the event at ``joined_offset`` to the one at ``left_offset``, which is
    still in it."""

    conversation = ForeignKeyField(ConversationTable, column_name="conversation")
    user_id = TextField()
    joined_offset = BigIntegerField()
    left_offset = BigIntegerField(null=True)
    role = TextField()  # owner | admin | agent | member

    class Meta:
        primary_key = CompositeKey("conversation", "user_id", "joined_offset")
        without_rowid = True


class MessageTable(Table):
    id = BigIntegerField(primary_key=True)
    conversation = BigIntegerField()
    seq = BigIntegerField()
    event_offset = BigIntegerField()  # of its message.posted event
    kind = TextField()  # text | system
    sender = TextField()
    sender_kind = TextField()  # user | system | bot | agent | visitor
    nickname = TextField()
    is_admin = BooleanField()
    content = TextField()  # empty when it was erased
    reply_to = BigIntegerField(null=True)
    attachments = TextField(null=True)  # a JSON array
    client_msg_id = TextField(null=True)
    created_at = BigIntegerField()
    edited_at = BigIntegerField(null=True)
    deleted_at = BigIntegerField(null=True)
    erased_at = BigIntegerField(null=True)
    changed_offset = BigIntegerField(null=True)  # of the event that has changed it last


class BanTable(Table):
    """``conversation`` 0: in every conversation of the scope."""

    scope = ForeignKeyField(ScopeTable, column_name="scope")
    conversation = BigIntegerField()
    user_id = TextField()
    reason = TextField(null=True)
    banned_by = TextField(null=True)
    created_at = BigIntegerField()
    expires_at = BigIntegerField(null=True)

    class Meta:
        primary_key = CompositeKey("scope", "conversation", "user_id")
        without_rowid = True


class MuteTable(Table):
    """``conversation`` 0: in every conversation of the scope."""

    scope = ForeignKeyField(ScopeTable, column_name="scope")
    conversation = BigIntegerField()
    user_id = TextField()
    reason = TextField(null=True)
    muted_by = TextField(null=True)
    created_at = BigIntegerField()
    expires_at = BigIntegerField(null=True)

    class Meta:
        primary_key = CompositeKey("scope", "conversation", "user_id")
        without_rowid = True


class EventTable(Table):
    """The log. ``id`` is the offset."""

    id = BigIntegerField(primary_key=True)
    type = TextField()
    class_ = TextField(column_name="class")  # message | session | state | system
    scope = BigIntegerField(null=True)
    conversation = BigIntegerField(null=True)
    actor = TextField(null=True)
    credential = TextField()
    address = TextField(null=True)
    at = BigIntegerField()
    payload = TextField()


class CursorTable(Table):
    """Where a follower stands in the log."""

    name = TextField(primary_key=True)
    position = BigIntegerField()


class ServerStateTable(Table):
    """What the last server has left about itself."""

    name = TextField(primary_key=True)
    value = BigIntegerField()

    class Meta:
        table_name = "server_state"


class CounterTable(Table):
    """The highest number that was ever given out; none is given twice."""

    name = TextField(primary_key=True)
    value = BigIntegerField()

    class Meta:
        without_rowid = True


class ClientIdTable(Table):
    """Which messages may have a client id: by 64 bits of conversation, sender and client_msg_id.
    The newest ids are not in it yet, and expired ones may be."""

    hash = BigIntegerField()
    message = BigIntegerField()

    class Meta:
        table_name = "client_id"
        primary_key = CompositeKey("hash", "message")
        without_rowid = True


class ClientIdAgeTable(Table):
    """The newest message when servers had run for so many microseconds in all."""

    served = BigIntegerField(primary_key=True)
    message = BigIntegerField()

    class Meta:
        table_name = "client_id_age"


class EndpointTable(Table):
    """Where callbacks go. ``kind`` of one from the settings: data, room_event, chat_history,
    session_history, periodic_sync; of an added one: events, and ``events`` says which."""

    id = BigIntegerField(primary_key=True)
    public_id = TextField(unique=True)
    origin = TextField()  # settings | added
    kind = TextField()
    scope = BigIntegerField()  # 0: whatever the scope
    url = TextField()
    events = TextField()  # globs of event types, with commas between them
    status = TextField()  # enabled | disabled | removed
    disabled_reason = TextField(null=True)
    since = BigIntegerField()  # it hears of the events above this offset
    is_guarded = BooleanField()
    secret = TextField(null=True)
    previous_secret = TextField(null=True)
    previous_until = BigIntegerField(null=True)
    created_at = BigIntegerField()
    failing_since = BigIntegerField(null=True)
    failed_at = BigIntegerField(null=True)


class DeliveryTable(Table):
    """A reference to what is sent, with an upper bound: ``first`` and ``last`` are offsets of
    events, or the seq of messages. ``until``: where the run of batches ends that it belongs to."""

    id = BigIntegerField(primary_key=True)
    endpoint = ForeignKeyField(EndpointTable, column_name="endpoint")
    conversation = BigIntegerField()  # 0 for none
    event = TextField()
    first = BigIntegerField()
    last = BigIntegerField()
    until = BigIntegerField(null=True)
    number = BigIntegerField(null=True)  # of a batch
    from_time = BigIntegerField(null=True)
    to_time = BigIntegerField(null=True)
    mark = TextField(null=True)  # again | replay | test
    status = TextField()  # pending | delivered | failed | skipped
    tries = BigIntegerField()
    tries_allowed = BigIntegerField()
    planned_at = BigIntegerField()
    finished_at = BigIntegerField(null=True)
    body_hash = BlobField(null=True)  # SHA-256 of the first body that was sent


class AttemptTable(Table):
    """One try. ``latency`` in microseconds; ``error`` when there was no answer."""

    delivery = ForeignKeyField(DeliveryTable, column_name="delivery")
    number = BigIntegerField()
    at = BigIntegerField()
    latency = BigIntegerField()
    status = BigIntegerField(null=True)
    error = TextField(null=True)
    detail = TextField(null=True)
    answer = BlobField(null=True)

    class Meta:
        primary_key = CompositeKey("delivery", "number")
        without_rowid = True


class OrderingKeyTable(Table):
    """An endpoint's pending deliveries of one conversation: they go one after the other.

    ``due_at`` and ``delay`` by the sender's clock, see ``domain.times.SteadyClock``.
    """

    endpoint = ForeignKeyField(EndpointTable, column_name="endpoint")
    conversation = BigIntegerField()
    due_at = BigIntegerField()
    delay = BigIntegerField()
    is_slow = BooleanField()  # the last try timed out

    class Meta:
        table_name = "ordering_key"
        primary_key = CompositeKey("endpoint", "conversation")
        without_rowid = True


class HistoryBatchTable(Table):
    """How far a room's history was taken: ``position`` is the seq of the last acknowledged
    message, or the offset at which the last acknowledged session ended. ``delivery`` is the
    batch under way, or the one that failed, with which the next run begins."""

    kind = TextField()  # chat_history | session_history
    conversation = BigIntegerField()
    position = BigIntegerField()
    number = BigIntegerField()
    delivery = BigIntegerField(null=True)

    class Meta:
        table_name = "batch"
        primary_key = CompositeKey("kind", "conversation")
        without_rowid = True


class SyncTable(Table):
    """A sync whose rooms are still to be planned. Its id is the offset of its request; ``room``:
    up to which room it is planned."""

    id = BigIntegerField(primary_key=True)
    room = BigIntegerField()


CORE = (
    ScopeTable,
    ConversationTable,
    RoomStatsTable,
    RoomSessionTable,
    ParticipantTable,
    MessageTable,
    BanTable,
    MuteTable,
)
ALL = (
    *CORE,
    EventTable,
    CursorTable,
    ServerStateTable,
    CounterTable,
    ClientIdTable,
    ClientIdAgeTable,
    EndpointTable,
    DeliveryTable,
    AttemptTable,
    OrderingKeyTable,
    HistoryBatchTable,
    SyncTable,
)
