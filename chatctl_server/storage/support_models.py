"""The tables of the support desk: sites, customers, what only support conversations have."""

from peewee import (
    BigIntegerField,
    BlobField,
    BooleanField,
    CompositeKey,
    ForeignKeyField,
    TextField,
)

from chatctl_server.storage.core_models import ConversationTable, ScopeTable, Table
from chatctl_server.storage.team_models import WorkspaceTable


class SiteTable(Table):
    """A tenant of the widget; ``settings`` is a JSON object."""

    id = TextField(primary_key=True)
    scope = ForeignKeyField(ScopeTable, column_name="scope", unique=True)
    workspace = ForeignKeyField(WorkspaceTable, column_name="workspace")
    settings = TextField()
    created_at = BigIntegerField()
    updated_at = BigIntegerField()
    deleted_at = BigIntegerField(null=True)

    class Meta:
        without_rowid = True


class SiteKeyTable(Table):
    """The key stands in pages; the secret signs who a customer is."""

    site = ForeignKeyField(SiteTable, column_name="site", primary_key=True)
    key = TextField(unique=True)
    secret = TextField()

    class Meta:
        table_name = "site_key"
        without_rowid = True


class CustomerTable(Table):
    """``external_id``: the host product's id of a verified one."""

    id = TextField(primary_key=True)
    scope = ForeignKeyField(ScopeTable, column_name="scope")
    name = TextField()
    email = TextField(null=True)
    external_id = TextField(null=True)
    created_at = BigIntegerField()
    erased_at = BigIntegerField(null=True)

    class Meta:
        without_rowid = True


class VisitorTokenTable(Table):
    hash = BlobField(primary_key=True)
    customer = TextField()
    expires_at = BigIntegerField()

    class Meta:
        table_name = "visitor_token"
        without_rowid = True


class SupportTable(Table):
    """What only support conversations have. ``waiting_since``: the customer's first message that no
    agent has answered. ``closed_offset``: of the closing that may be rated."""

    conversation = ForeignKeyField(ConversationTable, column_name="conversation", primary_key=True)
    workspace = BigIntegerField()
    customer = TextField(null=True)
    status = TextField()  # open | snoozed | closed
    assignee = TextField(null=True)
    labels = TextField()  # a JSON array
    priority = TextField()  # low | normal | high | urgent
    snoozed_until = BigIntegerField(null=True)
    waiting_since = BigIntegerField(null=True)
    closed_offset = BigIntegerField(null=True)
    updated_at = BigIntegerField()


class SupportMessageTable(Table):
    """What only their messages have; ``file`` is a JSON object."""

    message = BigIntegerField(primary_key=True)
    public_id = TextField(unique=True)
    message_type = TextField()  # text | image | file
    file = TextField(null=True)
    is_private = BooleanField()

    class Meta:
        table_name = "support_message"


class RatingTable(Table):
    conversation = BigIntegerField()
    closed_offset = BigIntegerField()
    score = BigIntegerField()
    comment = TextField()
    rated_at = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("conversation", "closed_offset")
        without_rowid = True


class SupportFileTable(Table):
    """Which of the workspace's files were uploaded to a conversation."""

    conversation = BigIntegerField()
    hash = TextField()
    extension = TextField()
    name = TextField()
    media_type = TextField()
    size = BigIntegerField()
    sender = TextField()
    stored_at = BigIntegerField()

    class Meta:
        table_name = "support_file"
        primary_key = CompositeKey("conversation", "hash", "extension")
        without_rowid = True


class CannedResponseTable(Table):
    id = BigIntegerField(primary_key=True)
    workspace = ForeignKeyField(WorkspaceTable, column_name="workspace")
    title = TextField()
    content = TextField()
    created_by = TextField(null=True)
    created_at = BigIntegerField()

    class Meta:
        table_name = "canned_response"


class EnvelopeTable(Table):
    """Which events are envelopes; ``is_private``: for agents alone."""

    workspace = BigIntegerField()
    event_offset = BigIntegerField()
    scope = BigIntegerField()
    conversation = BigIntegerField()
    type = TextField()
    is_private = BooleanField()

    class Meta:
        primary_key = CompositeKey("workspace", "event_offset")
        without_rowid = True
