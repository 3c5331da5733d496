"""Queries about support conversations. The finders here make their references: from the id that
clients know, and from whose conversations the caller may see."""

import re
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from chatctl_server import errors
from chatctl_server.domain.references import SupportRef
from chatctl_server.domain.support import Person, Status
from chatctl_server.domain.support_events import Priority
from chatctl_server.storage.sql import Database, Query, Row, Value

PAGE = 50
SCAN = 3_000  # conversations that one query looks at
SCAN_MESSAGES = 20_000  # messages, where it looks for a text
END = 2**62
CANDIDATES = 6  # that may be meant; one less is named
_START = re.compile("conv_[0-9a-z]{8,26}")


class SupportConversation(msgspec.Struct, frozen=True):
    """With its site and its customer; times in microseconds. ``labels`` is a JSON array."""

    ref: SupportRef
    public_id: str
    site: str
    workspace: int
    customer: str | None
    customer_name: str
    external_id: str | None
    status: Status
    assignee: str | None
    labels: str
    priority: Priority
    snoozed_until: int | None
    closed_offset: int | None
    waiting_since: int | None
    created_at: int
    updated_at: int
    last_seq: int


class ConversationFilter(NamedTuple):
    """None means any. ``assignee`` "none": nobody's. ``text``: in a message, or in the customer's
    name, e-mail or id."""

    site: str | None = None
    status: Status | None = None
    assignee: str | None = None
    customer: str | None = None
    text: str | None = None


class ConversationPlace(NamedTuple):
    """Where a page begins: behind that one, which changed last at that time."""

    updated_at: int = END
    conversation: int = END


class ConversationPage(NamedTuple):
    """``goes_on``: behind which there may be others; None: there are none."""

    found: list[SupportConversation]
    goes_on: ConversationPlace | None


class Waiting(NamedTuple):
    """Customers whom no agent has answered; ``since``: when the first of them wrote, in
    microseconds."""

    customers: int
    since: int | None


_COLUMNS = """c.id, c.scope, c.public_id, s.id, u.workspace, u.customer, coalesce(k.name, ''),
    k.external_id, u.status, u.assignee, u.labels, u.priority, u.snoozed_until, u.closed_offset,
    u.waiting_since, c.created_at, u.updated_at, c.last_seq"""
_BESIDE = """JOIN conversation c ON c.id = u.conversation
    JOIN site s ON s.scope = c.scope AND s.deleted_at IS NULL
    LEFT JOIN customer k ON k.id = u.customer"""
_JOINED = f"support u {_BESIDE}"
# The caller's: an agent's by workspace, one site of it perhaps, and a visitor's by the customer.
# The + keeps it from looking at the whole workspace's.
_MINE = """+u.workspace IN (SELECT value FROM json_each(:workspaces))
    AND (:scope IS NULL OR c.scope = :scope)
    AND (:of_customer IS NULL OR u.customer = :of_customer)"""
_FIND = Query(f"""SELECT {_COLUMNS} FROM conversation c
    JOIN support u ON u.conversation = c.id
    JOIN site s ON s.scope = c.scope AND s.deleted_at IS NULL
    LEFT JOIN customer k ON k.id = u.customer
    WHERE c.public_id = :public_id AND c.kind = 'support' AND {_MINE}""")
_BEGINNING = Query(f"""SELECT {_COLUMNS} FROM conversation c
    JOIN support u ON u.conversation = c.id
    JOIN site s ON s.scope = c.scope AND s.deleted_at IS NULL
    LEFT JOIN customer k ON k.id = u.customer
    WHERE c.public_id >= :first AND c.public_id < :first || '~' AND c.kind = 'support' AND {_MINE}
    ORDER BY c.public_id LIMIT :limit""")
_GET = Query(f"SELECT {_COLUMNS} FROM {_JOINED} WHERE u.conversation = :id AND c.scope = :scope")
_OPEN_OF_CUSTOMER = Query(f"""SELECT {_COLUMNS} FROM {_JOINED}
    WHERE u.customer = :customer AND c.scope = :scope AND u.status <> 'closed'
    ORDER BY u.updated_at DESC LIMIT 1""")
_UNCLOSED_OF_CUSTOMER = Query("""SELECT u.conversation, c.scope FROM support u
    JOIN conversation c ON c.id = u.conversation
    WHERE u.customer = :customer AND u.status <> 'closed' LIMIT :limit""")
_IDS_OF_CUSTOMER = Query("""SELECT u.conversation, c.scope, c.public_id FROM support u
    JOIN conversation c ON c.id = u.conversation WHERE u.customer = :customer""")
# To its visitor what is snoozed is open.
_WANTED = """(:scope IS NULL OR c.scope = :scope) AND (:site IS NULL OR s.id = :site)
    AND (:assignee IS NULL OR coalesce(u.assignee, 'none') = :assignee)
    AND (:status IS NULL OR :status = CASE
        WHEN u.status = 'snoozed' AND :of_customer IS NOT NULL THEN 'open' ELSE u.status END)
    AND (:text IS NULL OR instr(lower(coalesce(k.name, '')), lower(:text))
        OR instr(lower(coalesce(k.email, '')), lower(:text)) OR u.customer = :text
        OR EXISTS (SELECT 1 FROM message m JOIN support_message n ON n.message = m.id
            WHERE m.conversation = u.conversation AND m.deleted_at IS NULL
            AND (:of_customer IS NULL OR n.is_private = 0)
            AND instr(lower(m.content), lower(:text))))"""


class _Range:
    """Conversations in the order of an index. ``end``: the last one that is looked at, and the one
    behind it. ``size``: of how many a text is looked for."""

    def __init__(self, index: str, whose: str) -> None:
        behind = f"""FROM support u INDEXED BY {index} WHERE {whose}
            AND (u.updated_at, u.conversation) < (:updated_at, :conversation)"""
        order = "ORDER BY u.updated_at DESC, u.conversation DESC"
        self.page = Query(f"""SELECT {_COLUMNS} FROM support u INDEXED BY {index} {_BESIDE}
            WHERE {whose} AND {_WANTED}
            AND (u.updated_at, u.conversation) < (:updated_at, :conversation)
            AND (u.updated_at, u.conversation) >= (:end_at, :end) {order} LIMIT :limit""")
        self.end = Query(f"""SELECT u.updated_at, u.conversation {behind} {order}
            LIMIT 2 OFFSET :scan - 1""")
        self.size = Query(f"""SELECT count(*) FROM (
                SELECT sum(c.last_seq) OVER ({order}) AS messages
                FROM (SELECT * {behind} {order} LIMIT :scan) u
                JOIN conversation c ON c.id = u.conversation)
            WHERE messages <= :messages""")


_OF_CUSTOMER = _Range("support_customer", "u.customer = :customer AND u.workspace = :workspace")
_OF_STATUS = _Range("support_status", "u.workspace = :workspace AND u.status = :status")
_OF_WORKSPACE = _Range("support_workspace", "u.workspace = :workspace")
_LIVE = """support u JOIN conversation c ON c.id = u.conversation
    JOIN site s ON s.scope = c.scope AND s.deleted_at IS NULL"""
_BY_ITSELF = "json_extract(s.settings, '$.assignment') = 'round_robin'"
_DUE = Query(f"""SELECT u.conversation, c.scope FROM {_LIVE}
    WHERE u.snoozed_until IS NOT NULL AND u.snoozed_until <= :now
    ORDER BY u.snoozed_until LIMIT :limit""")
_ASSIGNED_TO = Query(f"""SELECT u.conversation, c.scope FROM {_LIVE}
    WHERE u.assignee = :assignee AND u.status <> 'closed' AND {_BY_ITSELF}
    ORDER BY u.conversation LIMIT :limit""")
_HELD = Query(f"""SELECT u.conversation, c.scope FROM {_LIVE}
    WHERE u.assignee = :assignee AND u.status <> 'closed'
    AND (:workspace IS NULL OR u.workspace = :workspace) ORDER BY u.conversation""")
_ASSIGNEES = Query(f"""SELECT DISTINCT u.assignee FROM {_LIVE}
    WHERE u.assignee IS NOT NULL AND u.status <> 'closed' AND {_BY_ITSELF}""")
# Most workspaces have no such site: what is open there is not looked at.
_QUEUED = Query(f"""SELECT u.conversation, c.scope FROM {_LIVE}
    WHERE u.status = 'open' AND u.workspace = :workspace AND u.assignee IS NULL AND {_BY_ITSELF}
    AND EXISTS (SELECT 1 FROM site s
        WHERE s.workspace = :workspace AND s.deleted_at IS NULL AND {_BY_ITSELF})
    ORDER BY coalesce(u.waiting_since, u.updated_at), u.conversation LIMIT :limit""")
_LOADS = Query("""SELECT assignee, count(*) FROM support
    WHERE assignee IN (SELECT value FROM json_each(:agents)) AND status <> 'closed'
    GROUP BY assignee""")
_LAST_ASSIGNED = Query("""SELECT e.payload ->> '$.assignee_id', max(e.id) FROM (
        SELECT event_offset, type FROM envelope WHERE workspace = :workspace
        ORDER BY event_offset DESC LIMIT 1000) v
    JOIN event e ON e.id = v.event_offset
    WHERE v.type = 'conversation_assigned' GROUP BY 1""")
_OPEN_OF_SITE = Query("""SELECT c.id, c.scope FROM conversation c
    WHERE c.scope = :scope AND c.kind = 'support' AND c.status = 'open' LIMIT :limit""")
_COUNTS = Query("SELECT status, count(*) FROM support GROUP BY status")
_WAITING = Query("""SELECT count(*), min(waiting_since) FROM support
    WHERE waiting_since IS NOT NULL AND status = 'open'""")


def find(db: Database, who: Person, public_id: str) -> SupportConversation:
    """Raises ConversationNotFound, also for what the caller may not see."""
    row = _FIND.row(db, public_id=public_id, **_mine(who)) if public_id.isascii() else None
    if row is None:
        raise _not_found(public_id)
    return _conversation(row)


def beginning(db: Database, who: Person, public_id: str) -> SupportConversation:
    """By its id, or the beginning of that: ``conv_`` and 8 characters, or more of them. Raises
    ConversationNotFound, or Ambiguous."""
    if not _START.fullmatch(public_id):
        raise _not_found(public_id)
    rows = _BEGINNING.rows(db, first=public_id, limit=CANDIDATES, **_mine(who))
    found = [_conversation(row) for row in rows]
    if not found:
        raise _not_found(public_id)
    if len(found) > 1:
        names = ", ".join(each.public_id for each in found[: CANDIDATES - 1])
        more = " and more" if len(found) == CANDIDATES else ""
        raise errors.Ambiguous(
            f"{public_id} may be any of several conversations: {names}{more}",
            hint="the whole id of one of them",
        )
    return found[0]


def get(db: Database, ref: SupportRef) -> SupportConversation:
    """As it is now. Raises ConversationNotFound."""
    row = _GET.row(db, id=ref.id, scope=ref.scope)
    if row is None:
        raise errors.ConversationNotFound("There is no such conversation")
    return _conversation(row)


def open_of_customer(db: Database, customer: str, scope: int) -> SupportConversation | None:
    """The one that is open or snoozed."""
    row = _OPEN_OF_CUSTOMER.row(db, customer=customer, scope=scope)
    return None if row is None else _conversation(row)


def unclosed_of_customer(db: Database, customer: str, limit: int) -> list[SupportRef]:
    return _refs(_UNCLOSED_OF_CUSTOMER.rows(db, customer=customer, limit=limit))


def of_customer(db: Database, customer: str) -> list[tuple[SupportRef, str]]:
    """All of them, with their public ids."""
    rows = _IDS_OF_CUSTOMER.rows(db, customer=customer)
    return [(SupportRef(id_, scope), public_id) for id_, scope, public_id in rows]


def page(
    db: Database, who: Person, wanted: ConversationFilter, after: ConversationPlace, limit: int
) -> ConversationPage:
    """Those that changed last come first; it may end before it has found so many, or any."""
    if who.is_visitor and wanted.customer not in (None, who.customer):
        return ConversationPage([], None)
    asked: dict[str, Value] = {
        **wanted._asdict(),
        **after._asdict(),
        "of_customer": who.customer,
        "customer": who.customer or wanted.customer,
        "scope": who.only_site,
        "scan": max(limit + 1, SCAN // max(1, len(who.roles))),
        "messages": SCAN_MESSAGES // max(1, len(who.roles)),
        "limit": limit + 1,
    }
    found: list[SupportConversation] = []
    end = ConversationPlace(-1, -1)
    for workspace in who.roles:
        part, its_end = _part(db, {**asked, "workspace": workspace})
        found += part
        end = max(end, its_end)
    found.sort(key=_place, reverse=True)
    found = [each for each in found if _place(each) >= end]
    if len(found) > limit:
        return ConversationPage(found[:limit], _place(found[limit - 1]))
    return ConversationPage(found, end if end.updated_at >= 0 else None)


def _part(
    db: Database, asked: dict[str, Value]
) -> tuple[list[SupportConversation], ConversationPlace]:
    """Of one workspace, and up to where none is missing."""
    if asked["customer"] is not None:
        range_ = _OF_CUSTOMER
    else:
        range_ = _OF_WORKSPACE if asked["status"] is None else _OF_STATUS
    if asked["text"] is not None:
        asked["scan"] = max(1, range_.size.value(db, **asked))
    ends = range_.end.rows(db, **asked)
    end = ConversationPlace(*ends[0]) if len(ends) == 2 else ConversationPlace(-1, -1)
    rows = range_.page.rows(db, **asked, end_at=end.updated_at, end=end.conversation)
    is_cut = len(rows) == asked["limit"]
    return [_conversation(row) for row in rows], ConversationPlace(-1, -1) if is_cut else end


def _place(found: SupportConversation) -> ConversationPlace:
    return ConversationPlace(found.updated_at, found.ref.id)


def due(db: Database, now: int, limit: int) -> list[SupportRef]:
    """Snoozed until then."""
    return _refs(_DUE.rows(db, now=now, limit=limit))


def assigned_to(db: Database, agent: str, limit: int) -> list[SupportRef]:
    """What is not closed, of sites that assign by themselves."""
    return _refs(_ASSIGNED_TO.rows(db, assignee=agent, limit=limit))


def held(db: Database, agent: str, workspace: int | None) -> list[SupportRef]:
    """What is not closed and theirs, in a workspace, None: in all; also where it is assigned by
    hand."""
    return _refs(_HELD.rows(db, assignee=agent, workspace=workspace))


def assignees(db: Database) -> list[str]:
    """Who has something of those."""
    return [agent for (agent,) in _ASSIGNEES.rows(db)]


def queued(db: Database, workspace: int, limit: int) -> list[SupportRef]:
    """Nobody's, of sites that assign by themselves; those that wait longest first."""
    return _refs(_QUEUED.rows(db, workspace=workspace, limit=limit))


def loads(db: Database, agents: Sequence[str]) -> dict[str, int]:
    """How many that are not closed each of them has."""
    encoded = msgspec.json.encode(list(agents)).decode()
    return {**dict.fromkeys(agents, 0), **dict(_LOADS.rows(db, agents=encoded))}


def last_assigned(db: Database, workspace: int) -> dict[str, int]:
    """At which offset who got one last, as far as the newest envelopes tell."""
    return dict(_LAST_ASSIGNED.rows(db, workspace=workspace))


def open_of_site(db: Database, scope: int, limit: int) -> list[SupportRef]:
    return _refs(_OPEN_OF_SITE.rows(db, scope=scope, limit=limit))


def counts(db: Database) -> dict[Status, int]:
    return dict(_COUNTS.rows(db))


def waiting(db: Database) -> Waiting:
    row = _WAITING.row(db)
    assert row is not None  # an aggregate has one
    return Waiting(*row)


def _mine(who: Person) -> dict[str, str | int | None]:
    return {
        "workspaces": msgspec.json.encode(list(who.roles)).decode(),
        "scope": who.only_site,
        "of_customer": who.customer,
    }


def _not_found(public_id: str) -> errors.ConversationNotFound:
    return errors.ConversationNotFound(
        f"There is no conversation {public_id[:60]}", field="conversation_id"
    )


def _refs(rows: Sequence[Row]) -> list[SupportRef]:
    return [SupportRef(*row) for row in rows]


def _conversation(row: Row) -> SupportConversation:
    id_, scope, *rest = row
    return SupportConversation(SupportRef(id_, scope), *rest)
