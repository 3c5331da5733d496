"""The tables: of the log, of callbacks and followers here, ``CORE`` and ``ALL`` of them.

Those of ``CORE`` are what replaying the log rebuilds.
"""

from peewee import (
    BigIntegerField,
    BlobField,
    BooleanField,
    CompositeKey,
    ForeignKeyField,
    TextField,
)

from chatctl_server.storage import core_models, support_models, team_models
from chatctl_server.storage.core_models import Table


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
    core_models.ScopeTable,
    core_models.ConversationTable,
    core_models.RoomStatsTable,
    core_models.RoomSessionTable,
    core_models.ParticipantTable,
    core_models.MessageTable,
    core_models.BanTable,
    core_models.MuteTable,
    team_models.AccountTable,
    team_models.WorkspaceTable,
    team_models.WorkspaceMemberTable,
    team_models.ChatTable,
    team_models.ChatPreferenceTable,
    team_models.MessageEditTable,
    team_models.ReactionTable,
    team_models.PinTable,
    team_models.MentionTable,
    team_models.ReadMarkTable,
    team_models.StoredFileTable,
    team_models.FileUseTable,
    support_models.SiteTable,
    support_models.CustomerTable,
    support_models.SupportTable,
    support_models.SupportMessageTable,
    support_models.RatingTable,
    support_models.SupportFileTable,
    support_models.CannedResponseTable,
    support_models.EnvelopeTable,
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
    team_models.PasswordTable,
    team_models.LoginTable,
    team_models.SpentRefreshTable,
    team_models.ResetLinkTable,
    team_models.InviteTable,
    team_models.ApiKeyTable,
    team_models.LastSeenTable,
    team_models.FileReleaseTable,
    support_models.SiteKeyTable,
    support_models.VisitorTokenTable,
)
