"""Queries about endpoints: where callbacks go."""

import msgspec
from peewee import Database, fn

from chatctl_server import errors
from chatctl_server.domain import event_id
from chatctl_server.domain.callbacks import EndpointKind
from chatctl_server.storage.models import EndpointTable
from chatctl_server.storage.sql import Row, Statement


class Endpoint(msgspec.Struct, frozen=True):
    """``events``: globs of event types, of an added endpoint, which hears of the events above the
    offset ``since``. ``previous_secret``: one, or those that the settings had, with spaces between
    them; it signs, too, until ``previous_until``. ``failing_since``: of the failures after its last
    success, the first; ``failed_at``: the last, to the hour."""

    id: int
    public_id: str
    origin: str
    kind: EndpointKind
    url: str
    events: tuple[str, ...]
    status: str
    disabled_reason: str | None
    since: int
    is_guarded: bool
    secret: str | None
    previous_secret: str | None
    previous_until: int | None
    created_at: int
    failing_since: int | None
    failed_at: int | None

    @property
    def is_added(self) -> bool:
        return self.origin == "added"


_COLUMNS = (
    EndpointTable.id,
    EndpointTable.public_id,
    EndpointTable.origin,
    EndpointTable.kind,
    EndpointTable.url,
    EndpointTable.events,
    EndpointTable.status,
    EndpointTable.disabled_reason,
    EndpointTable.since,
    EndpointTable.is_guarded,
    EndpointTable.secret,
    EndpointTable.previous_secret,
    EndpointTable.previous_until,
    EndpointTable.created_at,
    EndpointTable.failing_since,
    EndpointTable.failed_at,
)
_ALL = Statement(
    EndpointTable.select(*_COLUMNS).where(EndpointTable.status != "").order_by(EndpointTable.id)
)
_ONE = Statement(EndpointTable.select(*_COLUMNS).where(EndpointTable.id == 0))
_BY_PUBLIC_ID = Statement(EndpointTable.select(*_COLUMNS).where(EndpointTable.public_id == ""))
_OF_SETTINGS = Statement(
    EndpointTable.select(*_COLUMNS).where((EndpointTable.origin == "") & (EndpointTable.kind == ""))
)
_EVERYONE = Statement(EndpointTable.select(*_COLUMNS).order_by(EndpointTable.id))
_NEWEST_ID = Statement(EndpointTable.select(fn.MAX(EndpointTable.id)))
_SET = Statement(
    EndpointTable.insert_many([(0,) * len(_COLUMNS)], fields=_COLUMNS).on_conflict(
        conflict_target=[EndpointTable.id],
        preserve=[column for column in _COLUMNS if column is not EndpointTable.id],
    )
)


def new(
    db: Database,
    now: int,
    *,
    origin: str,
    kind: EndpointKind,
    url: str,
    events: tuple[str, ...] = (),
) -> Endpoint:
    """With the next id, and enabled. It is not saved yet."""
    new_id = newest_id(db) + 1
    return Endpoint(
        id=new_id,
        public_id=event_id.make(now, new_id),
        origin=origin,
        kind=kind,
        url=url,
        events=events,
        status="enabled",
        disabled_reason=None,
        since=0,
        is_guarded=False,
        secret=None,
        previous_secret=None,
        previous_until=None,
        created_at=now,
        failing_since=None,
        failed_at=None,
    )


def present(db: Database) -> list[Endpoint]:
    """Enabled and disabled ones, in order of their creation."""
    return [_stored(row) for row in _ALL.rows(db, "removed")]


def everyone(db: Database) -> list[Endpoint]:
    """Removed ones, too: their deliveries are kept."""
    return [_stored(row) for row in _EVERYONE.rows(db)]


def one(db: Database, endpoint: int) -> Endpoint | None:
    row = _ONE.row(db, endpoint)
    return None if row is None else _stored(row)


def find(db: Database, public_id: str) -> Endpoint:
    """Raises EndpointNotFound."""
    found = find_any(db, public_id)
    if found.status == "removed":
        raise errors.EndpointNotFound(f"The endpoint {public_id} was removed", field="endpoint_id")
    return found


def find_any(db: Database, public_id: str) -> Endpoint:
    """Also one that was removed. Raises EndpointNotFound."""
    row = _BY_PUBLIC_ID.row(db, public_id)
    if row is None:
        raise errors.EndpointNotFound(f"There is no endpoint {public_id}", field="endpoint_id")
    return _stored(row)


def of_settings(db: Database, kind: EndpointKind) -> list[Endpoint]:
    """Those that the settings have named for a kind, one for each URL."""
    return [_stored(row) for row in _OF_SETTINGS.rows(db, "settings", kind)]


def newest_id(db: Database) -> int:
    return _NEWEST_ID.value(db) or 0


def save(db: Database, endpoint: Endpoint) -> None:
    """Adds it, or replaces the one with its id."""
    values = msgspec.structs.asdict(endpoint)
    _SET.run(db, *(values | {"events": ",".join(endpoint.events)}).values())


def _stored(row: Row) -> Endpoint:
    values = dict(zip(Endpoint.__struct_fields__, row, strict=True))
    events = values["events"]
    values["events"] = tuple(events.split(",")) if events else ()
    values["is_guarded"] = bool(values["is_guarded"])
    return Endpoint(**values)
