"""The tables. Models are not bound to a database: a question is given the connection to ask.

Times are microseconds, ids are assigned by the writer, JSON is text. ``message`` and ``event``
have no foreign keys: their rows are written by the hundred and conversations are never deleted.
"""

from peewee import (
    BigIntegerField,
    BooleanField,
    CompositeKey,
    ForeignKeyField,
    Model,
    TextField,
)


class Table(Model):
    class Meta:
        legacy_table_names = False


class Conversation(Table):
    id = BigIntegerField(primary_key=True)
    public_id = TextField(unique=True)
    kind = TextField()
    name = TextField()
    status = TextField()  # open | closed
    created_at = BigIntegerField()
    closed_at = BigIntegerField(null=True)
    last_seq = BigIntegerField()
    last_message_at = BigIntegerField(null=True)
    current_users = BigIntegerField()
    peak_users = BigIntegerField()
    total_joins = BigIntegerField()


class Member(Table):
    conversation = ForeignKeyField(Conversation, column_name="conversation")
    user_id = TextField()
    role = TextField()  # admin

    class Meta:
        primary_key = CompositeKey("conversation", "user_id")
        without_rowid = True


class Message(Table):
    id = BigIntegerField(primary_key=True)
    conversation = BigIntegerField()
    seq = BigIntegerField()
    event_offset = BigIntegerField()  # of its message.posted fact
    kind = TextField()  # text | system
    sender = TextField()
    nickname = TextField()
    is_admin = BooleanField()
    content = TextField()
    client_msg_id = TextField(null=True)
    client_hash = BigIntegerField(null=True)  # 64 bits of conversation, sender, client_msg_id
    created_at = BigIntegerField()
    deleted_at = BigIntegerField(null=True)
    deleted_offset = BigIntegerField(null=True)  # of its message.deleted fact


class Event(Table):
    """The log. ``id`` is the offset."""

    id = BigIntegerField(primary_key=True)
    type = TextField()
    conversation = BigIntegerField(null=True)
    actor = TextField(null=True)
    credential = TextField()
    address = TextField(null=True)
    at = BigIntegerField()
    payload = TextField()


class Session(Table):
    id = BigIntegerField(primary_key=True)
    conversation = ForeignKeyField(Conversation, column_name="conversation")
    user_id = TextField()
    nickname = TextField()
    join_time = BigIntegerField()
    leave_time = BigIntegerField(null=True)
    reason = TextField(null=True)


class Ban(Table):
    conversation = ForeignKeyField(Conversation, column_name="conversation")
    user_id = TextField()
    reason = TextField(null=True)
    banned_by = TextField(null=True)
    created_at = BigIntegerField()
    expires_at = BigIntegerField(null=True)

    class Meta:
        primary_key = CompositeKey("conversation", "user_id")
        without_rowid = True


class Mute(Table):
    conversation = ForeignKeyField(Conversation, column_name="conversation")
    user_id = TextField()
    reason = TextField(null=True)
    muted_by = TextField(null=True)
    created_at = BigIntegerField()
    expires_at = BigIntegerField(null=True)

    class Meta:
        primary_key = CompositeKey("conversation", "user_id")
        without_rowid = True


class Cursor(Table):
    """Where a follower stands in the log; ``server.alive`` holds a time instead."""

    name = TextField(primary_key=True)
    position = BigIntegerField()


CORE = (Conversation, Member, Message, Session, Ban, Mute)
ALL = (*CORE, Event, Cursor)
