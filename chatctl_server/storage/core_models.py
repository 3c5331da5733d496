"""The core's tables. Models are bound to no database: a query is given the connection to ask.

Times are microseconds, ids are assigned by the writer, JSON is text. ``message`` and ``event``
have no foreign keys: their rows are written by the hundred, and what is removed with a conversation
is removed before it.
"""

from peewee import (
    BigIntegerField,
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
    mentions = TextField(null=True)  # a JSON array of accounts
    account = BigIntegerField(null=True)  # the sender's; of rooms none


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
