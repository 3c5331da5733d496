"""Queries about endpoints: where callbacks go."""

import msgspec

from chatctl_server import errors
from chatctl_server.domain import event_id
from chatctl_server.domain.callbacks import EndpointKind
from chatctl_server.storage.sql import Database, Query, Row


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """``scope``: whose events it hears of; 0 for all. ``events``: globs of event types, of an added
    endpoint, which hears of the events above the offset ``since``. ``previous_secret``: one, or
    those that the settings had, with spaces between them; it signs, too, until ``previous_until``.
    ``failing_since``: of the failures after its last success, the first; ``failed_at``: the last,
    to the hour."""

    id: int
    public_id: str
    origin: str
    kind: EndpointKind
    scope: int
    url: str
    events: tuple[str, ...] = ()
    status: str = "enabled"
    disabled_reason: str | None = None
    since: int = 0
    is_guarded: bool = False
    secret: str | None = None
    previous_secret: str | None = None
    previous_until: int | None = None
    created_at: int
    failing_since: int | None = None
    failed_at: int | None = None

    @property
    def is_added(self) -> bool:
        return self.origin == "added"


_COLUMNS = """id, public_id, origin, kind, scope, url, events, status, disabled_reason, since,
    is_guarded, secret, previous_secret, previous_until, created_at, failing_since, failed_at"""


def new(
    now: int,
    new_id: int,
    *,
    origin: str,
    kind: EndpointKind,
    scope: int,
    url: str,
    events: tuple[str, ...] = (),
) -> Endpoint:
    """Enabled. It is not saved yet."""
    return Endpoint(
        id=new_id,
        public_id=event_id.make(now, new_id),
        origin=origin,
        kind=kind,
        scope=scope,
        url=url,
        events=events,
        created_at=now,
    )


_PRESENT = Query(f"SELECT {_COLUMNS} FROM endpoint WHERE status != 'removed' ORDER BY id")


def present(db: Database) -> list[Endpoint]:
    """Enabled and disabled ones, in order of their creation."""
    return [_stored(row) for row in _PRESENT.rows(db)]


_EVERYONE = Query(f"SELECT {_COLUMNS} FROM endpoint ORDER BY id")


def everyone(db: Database) -> list[Endpoint]:
    """Removed ones, too: their deliveries are kept."""
    return [_stored(row) for row in _EVERYONE.rows(db)]


_ONE = Query(f"SELECT {_COLUMNS} FROM endpoint WHERE id = :endpoint")


def one(db: Database, endpoint: int) -> Endpoint | None:
    row = _ONE.row(db, endpoint=endpoint)
    return None if row is None else _stored(row)


def find(db: Database, public_id: str) -> Endpoint:
    """Raises EndpointNotFound."""
    found = find_any(db, public_id)
    if found.status == "removed":
        raise errors.EndpointNotFound(f"The endpoint {public_id} was removed", field="endpoint_id")
    return found


_BY_PUBLIC_ID = Query(f"SELECT {_COLUMNS} FROM endpoint WHERE public_id = :public_id")


def find_any(db: Database, public_id: str) -> Endpoint:
    """Also one that was removed. Raises EndpointNotFound."""
    row = _BY_PUBLIC_ID.row(db, public_id=public_id)
    if row is None:
        raise errors.EndpointNotFound(f"There is no endpoint {public_id}", field="endpoint_id")
    return _stored(row)


_OF_SETTINGS = Query(f"SELECT {_COLUMNS} FROM endpoint WHERE origin = 'settings' AND kind = :kind")


def of_settings(db: Database, kind: EndpointKind) -> list[Endpoint]:
    """Those that the settings have named for a kind, one for each URL."""
    return [_stored(row) for row in _OF_SETTINGS.rows(db, kind=kind)]


_SAVE = Query(
    f"""INSERT INTO endpoint ({_COLUMNS}) VALUES (:id, :public_id, :origin, :kind, :scope, :url,
        :events, :status, :disabled_reason, :since, :is_guarded, :secret, :previous_secret,
        :previous_until, :created_at, :failing_since, :failed_at)
    ON CONFLICT (id) DO UPDATE SET
        public_id = :public_id, origin = :origin, kind = :kind, scope = :scope, url = :url,
        events = :events, status = :status, disabled_reason = :disabled_reason, since = :since,
        is_guarded = :is_guarded, secret = :secret, previous_secret = :previous_secret,
        previous_until = :previous_until, created_at = :created_at,
        failing_since = :failing_since, failed_at = :failed_at"""
)


def save(db: Database, endpoint: Endpoint) -> None:
    """Adds it, or replaces the one with its id."""
    values = msgspec.structs.asdict(endpoint)
    _SAVE.run(db, **values | {"events": ",".join(endpoint.events)})


def _stored(row: Row) -> Endpoint:
    values = dict(zip(Endpoint.__struct_fields__, row, strict=True))
    events = values["events"]
    values["events"] = tuple(events.split(",")) if events else ()
    values["is_guarded"] = bool(values["is_guarded"])
    return Endpoint(**values)
