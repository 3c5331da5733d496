"""What the stream of an account is about: its chats now, and what happened in them while it was a
member. Everything is within the workspaces that it is in; of one that was deleted, that its
chats are gone."""

from typing import NamedTuple

import msgspec

from chatctl_server.domain import accounts, chat_events, events
from chatctl_server.domain.chat_events import ChatSnapshot
from chatctl_server.domain.references import ChatRef
from chatctl_server.storage import log
from chatctl_server.storage.sql import Database, Query

PAGE = 500
# ``event_conversation`` has the conversations' events in order, without those of no listener.
_STAYS = """FROM participant p INDEXED BY participant_user
    CROSS JOIN conversation c ON c.id = p.conversation
    CROSS JOIN workspace w ON w.scope = c.scope
        AND (w.deleted_at IS NOT NULL AND p.left_offset IS NULL OR EXISTS (
            SELECT 1 FROM workspace_member WHERE workspace = w.id AND account = :account))
    CROSS JOIN event e INDEXED BY event_conversation ON e.conversation = p.conversation
        AND e.scope > 1 AND e.class IN ('message', 'state')
        AND (w.deleted_at IS NULL OR e.type = 'chat.closed')
        AND e.id > max(:after, p.joined_offset - 1)
        AND e.id <= min(:until, coalesce(p.left_offset, :until))
    WHERE p.user_id = :user_id"""
_COUNT = Query(f"SELECT count(*) FROM (SELECT 1 {_STAYS} LIMIT :limit)")
# Its members are those of then.
_CHAT = """json_object('kind', c.kind, 'name', c.name, 'description', h.description,
        'created_by', h.created_by, 'created_at', c.created_at, 'updated_at', h.updated_at,
        'members', json((SELECT json_group_array(user_id) FROM (
            SELECT o.user_id FROM participant o WHERE o.conversation = c.id
            AND o.joined_offset <= event.id AND coalesce(o.left_offset, event.id) >= event.id
            ORDER BY o.joined_offset, CAST(substr(o.user_id, 2) AS INTEGER)))))"""
_CHAT_AT = Query(f"""SELECT {_CHAT} FROM (SELECT :offset AS id) event
    CROSS JOIN conversation c JOIN chat h ON h.conversation = c.id
    WHERE c.id = :chat AND c.scope = :scope""")
# Of one's own joining alone. Who has left is shown no later name.
_JOINED = f"""(SELECT {_CHAT} FROM participant p JOIN conversation c ON c.id = p.conversation
        JOIN chat h ON h.conversation = c.id
        WHERE event.type = 'participant.joined' AND p.conversation = event.conversation
        AND p.user_id = :user_id AND p.joined_offset = event.id
        AND (p.left_offset IS NULL
            OR h.updated_at <= (SELECT at FROM event WHERE id = p.left_offset)))"""
_PAGE = Query(f"""SELECT {log.COLUMNS},
        (SELECT id FROM workspace WHERE workspace.scope = event.scope), {_JOINED}
    FROM event WHERE id IN (SELECT e.id {_STAYS} ORDER BY e.id LIMIT :limit) ORDER BY id""")
_DELETED = Query("""SELECT id FROM message
    WHERE id IN (SELECT value FROM json_each(:messages)) AND deleted_at IS NOT NULL""")
_CHATS = Query("""SELECT c.id, c.scope FROM participant p
    JOIN conversation c ON c.id = p.conversation AND c.status = 'open'
    JOIN workspace w ON w.scope = c.scope
    JOIN workspace_member m ON m.workspace = w.id AND m.account = :account
    WHERE p.user_id = :user_id AND p.left_offset IS NULL""")
_WORKSPACES = Query("""SELECT w.scope, w.id FROM workspace_member m
    JOIN workspace w ON w.id = m.workspace WHERE m.account = :account""")
_HOME = Query("SELECT home FROM account WHERE id = :account AND status = 'active'")


class Subscriptions(NamedTuple):
    """``home`` and what ``workspaces`` have by their scopes are numbers of workspaces."""

    home: int | None
    workspaces: dict[int, int]
    chats: list[ChatRef]


class MissedEvent(NamedTuple):
    """``workspace``: the number of its workspace. ``joined``: where the account has joined a chat,
    that chat with those who were in it then."""

    entry: events.Event
    workspace: int
    joined: ChatSnapshot | None


class MissedPage(msgspec.Struct, frozen=True):
    """``offset``: up to where nothing is missing."""

    entries: list[MissedEvent]
    offset: int


_chat = msgspec.json.Decoder(ChatSnapshot).decode


def listening(db: Database, account: int) -> Subscriptions | None:
    """None for an account that may not sign in."""
    home = _HOME.row(db, account=account)
    if home is None:
        return None
    rows = _CHATS.rows(db, account=account, user_id=accounts.user_id(account))
    workspaces: dict[int, int] = dict(_WORKSPACES.rows(db, account=account))
    return Subscriptions(home[0], workspaces, [ChatRef(*row) for row in rows])


def count(db: Database, account: int, after: int, until: int, limit: int) -> int:
    """How many events with after < offset <= until there are, counted up to the limit."""
    found: int = _COUNT.value(
        db,
        account=account,
        user_id=accounts.user_id(account),
        after=after,
        until=until,
        limit=limit,
    )
    return found


def page(db: Database, account: int, after: int, until: int) -> MissedPage:
    """The next 500 of those or 256 KiB of them, without what was said in messages that are deleted
    now."""
    rows = _PAGE.each(
        db,
        account=account,
        user_id=accounts.user_id(account),
        after=after,
        until=until,
        limit=PAGE,
    )
    found: list[MissedEvent] = []
    size = 0
    for *row, workspace, joined in rows:
        size += len(row[-1]) + len(joined or "")
        if found and size > log.PAGE_BYTES:
            break
        found.append(MissedEvent(log.event(tuple(row)), workspace, joined and _chat(joined)))
    is_last = len(found) < PAGE and size <= log.PAGE_BYTES
    return MissedPage(_without_deleted(db, found), until if is_last else found[-1].entry.offset)


def chat_at(db: Database, ref: ChatRef, offset: int) -> ChatSnapshot:
    """With those who were in it then; also one that is closed."""
    return _chat(_CHAT_AT.value(db, chat=ref.id, scope=ref.scope, offset=offset))


def _without_deleted(db: Database, found: list[MissedEvent]) -> list[MissedEvent]:
    said = {each.entry.offset: id_ for each in found if (id_ := _message(each.entry.payload))}
    if not said:
        return found
    wanted = msgspec.json.encode(list(said.values())).decode()
    deleted = {id_ for (id_,) in _DELETED.rows(db, messages=wanted)}
    return [each for each in found if said.get(each.entry.offset) not in deleted]


def _message(payload: events.Payload) -> int | None:
    """Whose text it holds."""
    match payload:
        case events.MessagePosted(message_id) | chat_events.MessageEdited(message_id):
            return message_id
        case _:
            return None
