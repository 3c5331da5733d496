"""The tables of team chat: accounts, workspaces, what only chats have, files, named keys."""

from peewee import (
    BigIntegerField,
    BlobField,
    BooleanField,
    CompositeKey,
    ForeignKeyField,
    TextField,
)

from chatctl_server.storage.core_models import ConversationTable, ScopeTable, Table


class AccountTable(Table):
    """``email_key`` is what is unique of the e-mail; ``home`` a workspace."""

    id = BigIntegerField(primary_key=True)
    email = TextField(null=True)
    email_key = TextField(null=True, unique=True)
    fullname = TextField()
    avatar = TextField(null=True)
    status = TextField()  # active | suspended | erased
    home = BigIntegerField(null=True)
    is_bot = BooleanField()
    is_operator = BooleanField()
    created_at = BigIntegerField()
    updated_at = BigIntegerField()


class PasswordTable(Table):
    account = ForeignKeyField(AccountTable, column_name="account", primary_key=True)
    hash = TextField()


class WorkspaceTable(Table):
    """Its id is the number of its scope."""

    id = BigIntegerField(primary_key=True)
    scope = ForeignKeyField(ScopeTable, column_name="scope", unique=True)
    name = TextField()
    name_key = TextField(null=True, unique=True)  # what is unique of the name
    description = TextField()
    is_open = BooleanField()
    created_at = BigIntegerField()
    updated_at = BigIntegerField()
    deleted_at = BigIntegerField(null=True)
    file_bytes = BigIntegerField()  # of all its files


class WorkspaceMemberTable(Table):
    workspace = ForeignKeyField(WorkspaceTable, column_name="workspace")
    account = ForeignKeyField(AccountTable, column_name="account")
    role = TextField()  # owner | admin | agent | member
    joined_at = BigIntegerField()

    class Meta:
        table_name = "workspace_member"
        primary_key = CompositeKey("workspace", "account")
        without_rowid = True


class LoginTable(Table):
    """A login session. ``refresh`` and ``previous`` are hashes of refresh tokens: of the one that
    counts, and of the one that was rotated last, at ``rotated_at``."""

    id = TextField(primary_key=True)
    account = ForeignKeyField(AccountTable, column_name="account")
    refresh = BlobField(unique=True)
    previous = BlobField(null=True)
    rotated_at = BigIntegerField(null=True)
    user_agent = TextField(null=True)
    address = TextField(null=True)
    created_at = BigIntegerField()
    last_used_at = BigIntegerField()
    expires_at = BigIntegerField()
    ended_at = BigIntegerField(null=True)

    class Meta:
        without_rowid = True


class SpentRefreshTable(Table):
    """Refresh tokens that were rotated."""

    hash = BlobField(primary_key=True)
    login = TextField()
    expires_at = BigIntegerField()

    class Meta:
        table_name = "spent_refresh"
        without_rowid = True


class ResetLinkTable(Table):
    code = BlobField(primary_key=True)  # its hash
    account = ForeignKeyField(AccountTable, column_name="account")
    expires_at = BigIntegerField()

    class Meta:
        table_name = "reset_link"
        without_rowid = True


class InviteTable(Table):
    id = BigIntegerField(primary_key=True)
    code = BlobField(unique=True)  # its hash
    workspace = ForeignKeyField(WorkspaceTable, column_name="workspace")
    role = TextField()
    email = TextField(null=True)  # whom alone it is for
    email_key = TextField(null=True)
    max_uses = BigIntegerField()
    uses = BigIntegerField()
    created_by = TextField(null=True)
    created_at = BigIntegerField()
    expires_at = BigIntegerField()
    revoked_at = BigIntegerField(null=True)


class ApiKeyTable(Table):
    """A named key. ``previous`` still opens until ``previous_until``."""

    id = TextField(primary_key=True)
    name = TextField()
    hash = BlobField(unique=True)
    previous = BlobField(null=True, unique=True)
    previous_until = BigIntegerField(null=True)
    scopes = TextField()  # with spaces between them
    workspace = ForeignKeyField(WorkspaceTable, column_name="workspace", null=True)
    created_by = TextField(null=True)
    created_at = BigIntegerField()
    expires_at = BigIntegerField(null=True)
    removed_at = BigIntegerField(null=True)

    class Meta:
        table_name = "api_key"
        without_rowid = True


class LastSeenTable(Table):
    """When an account's last stream ended."""

    account = BigIntegerField(primary_key=True)
    at = BigIntegerField()

    class Meta:
        table_name = "last_seen"


class ChatTable(Table):
    """What only chats have. ``pair``: the two of a single chat."""

    conversation = ForeignKeyField(ConversationTable, column_name="conversation", primary_key=True)
    description = TextField()
    created_by = TextField()
    updated_at = BigIntegerField()
    pair = TextField(null=True)


class ChatPreferenceTable(Table):
    conversation = ForeignKeyField(ConversationTable, column_name="conversation")
    user_id = TextField()
    notify = TextField()  # all | mentions | none
    muted_until = BigIntegerField(null=True)

    class Meta:
        table_name = "chat_preference"
        primary_key = CompositeKey("conversation", "user_id")
        without_rowid = True


class MessageEditTable(Table):
    """A text that a message had; ``event_offset`` is that of the edit which replaced it."""

    message = BigIntegerField()
    event_offset = BigIntegerField()
    conversation = BigIntegerField()
    content = TextField()
    edited_at = BigIntegerField()

    class Meta:
        table_name = "message_edit"
        primary_key = CompositeKey("message", "event_offset")
        without_rowid = True


class ReactionTable(Table):
    message = BigIntegerField()
    emoji = TextField()
    user_id = TextField()
    event_offset = BigIntegerField()
    conversation = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("message", "emoji", "user_id")
        without_rowid = True


class PinTable(Table):
    conversation = BigIntegerField()
    message = BigIntegerField()
    user_id = TextField()
    pinned_at = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("conversation", "message")
        without_rowid = True


class MentionTable(Table):
    conversation = BigIntegerField()
    user_id = TextField()
    seq = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("conversation", "user_id", "seq")
        without_rowid = True


class ReadMarkTable(Table):
    """Each move of a read cursor; it stands where the last one went."""

    conversation = BigIntegerField()
    user_id = TextField()
    seq = BigIntegerField()
    message = BigIntegerField()
    read_at = BigIntegerField()

    class Meta:
        table_name = "read_mark"
        primary_key = CompositeKey("conversation", "user_id", "seq")
        without_rowid = True


class StoredFileTable(Table):
    """What was uploaded to a workspace; ``hash`` is the SHA-256 of the content,
    ``stored_at`` when it was uploaded last."""

    workspace = ForeignKeyField(WorkspaceTable, column_name="workspace")
    hash = TextField()
    extension = TextField()
    media_type = TextField()
    size = BigIntegerField()
    stored_at = BigIntegerField()

    class Meta:
        table_name = "stored_file"
        primary_key = CompositeKey("workspace", "hash", "extension")
        without_rowid = True


class FileUseTable(Table):
    """Which messages show a file."""

    workspace = BigIntegerField()
    hash = TextField()
    extension = TextField()
    message = BigIntegerField()

    class Meta:
        table_name = "file_use"
        primary_key = CompositeKey("workspace", "hash", "extension", "message")
        without_rowid = True


class FileReleaseTable(Table):
    """When something ceased to refer to a file, for the last time."""

    workspace = BigIntegerField()
    hash = TextField()
    extension = TextField()
    at = BigIntegerField()

    class Meta:
        table_name = "file_release"
        primary_key = CompositeKey("workspace", "hash", "extension")
        without_rowid = True
