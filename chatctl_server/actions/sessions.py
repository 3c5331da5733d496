"""Room sessions: connections' stays in a room begin, are replaced, end. ``UPDATE`` is the action of
a storm, such as follows a restart: neighbouring joins and leaves are one batch."""

from collections.abc import Iterable, Sequence

import msgspec

from chatctl_server import errors
from chatctl_server.domain import events
from chatctl_server.domain.references import ROOMS, RoomRef
from chatctl_server.storage import (
    conversations,
    messages,
    participants,
    room_sessions,
    rooms,
    server_state,
)
from chatctl_server.storage.room_sessions import Session
from chatctl_server.storage.transaction import Change, Tx
from chatctl_server.storage.writer import Batch


class Join(msgspec.Struct, frozen=True):
    """Begins the user's one session in an open room, ending an earlier one.

    ``granted_admin_at``: a token issued then makes the user an admin of the room, unless an
    administrator has taken the role away since.
    Refused with ConversationNotFound, ConversationIsClosed or Banned.
    """

    actor: events.Actor
    ref: RoomRef
    user_id: str
    nickname: str
    granted_admin_at: int | None = None


class Joined(msgspec.Struct, frozen=True):
    """``offset`` is that of the session.joined event."""

    session_id: int
    room: RoomRef
    is_admin: bool
    is_muted: bool
    last_seq: int
    peak_users: int
    joined_at: int
    offset: int


class Leave(msgspec.Struct, frozen=True):
    """Ends the session, unless it has ended already: replaced, kicked, closed."""

    actor: events.Actor
    ref: RoomRef
    session_id: int
    reason: events.LeaveReason


class Left(msgspec.Struct, frozen=True):
    """``offset`` is that of the session.left event."""

    offset: int


Outcome = Joined | Left | None


def update_many(tx: Tx, calls: Sequence[Join | Leave]) -> list[Outcome | errors.ChatctlError]:
    """Raises nothing but errors of the database: a refusal stands in its call's place, None in
    that of a leave that ended nothing."""
    joins = [call for call in calls if isinstance(call, Join)]
    leaves = [call.session_id for call in calls if isinstance(call, Leave)]
    users = {(join.ref, join.user_id) for join in joins}
    changes = _Changes(
        tx, {call.ref for call in calls}, room_sessions.open_among(tx.db, users, leaves)
    )
    senders = {(ref.id, ref.scope, user_id) for ref, user_id in users}
    changes.senders = messages.sender_statuses(tx.db, senders) if senders else {}
    outcomes: list[Outcome | errors.ChatctlError] = []
    for call in calls:
        try:
            outcomes.append(changes.join(call) if isinstance(call, Join) else changes.leave(call))
        except errors.ChatctlError as refusal:
            outcomes.append(refusal)
    changes.record()
    return outcomes


def update_one(tx: Tx, call: Join | Leave) -> Outcome:
    (outcome,) = update_many(tx, [call])
    if isinstance(outcome, errors.ChatctlError):
        raise outcome
    return outcome


def _last_offset(outcome: Outcome) -> int | None:
    return None if outcome is None else outcome.offset


UPDATE = Batch(update_one, update_many, _last_offset)


def join(
    tx: Tx,
    actor: events.Actor,
    ref: RoomRef,
    user_id: str,
    nickname: str,
    granted_admin_at: int | None = None,
) -> Joined:
    """See ``Join``."""
    outcome = update_one(tx, Join(actor, ref, user_id, nickname, granted_admin_at))
    assert isinstance(outcome, Joined)
    return outcome


def leave(
    tx: Tx, actor: events.Actor, ref: RoomRef, session_id: int, reason: events.LeaveReason
) -> Left | None:
    """See ``Leave``."""
    outcome = update_one(tx, Leave(actor, ref, session_id, reason))
    assert not isinstance(outcome, Joined)
    return outcome


def end(
    tx: Tx, actor: events.Actor, sessions: Sequence[Session], reason: events.LeaveReason
) -> None:
    """Ends sessions that are open."""
    changes = _Changes(tx, {RoomRef(each.conversation, ROOMS) for each in sessions}, sessions)
    for session in sessions:
        changes.end(actor, session, reason)
    changes.record()


def end_all(tx: Tx, reason: events.LeaveReason, limit: int) -> int:
    """Ends up to ``limit`` open sessions of any room; how many there were."""
    found = room_sessions.open_anywhere(tx.db, limit)
    changes = _Changes(tx, {RoomRef(each.conversation, ROOMS) for each in found}, found)
    for session in found:
        leave_time = _last_heartbeat(tx, session) if reason == "crashed" else None
        changes.end(events.SERVER, session, reason, leave_time)
    changes.record()
    return len(found)


class _Changes:
    """Joins and leaves: one look-up each of rooms, users and open sessions, one insert each for
    sessions and events. What came earlier counts for what follows; nothing else changes while it
    lasts."""

    def __init__(self, tx: Tx, refs: Iterable[RoomRef], sessions: Iterable[Session]) -> None:
        self.tx = tx
        self.senders: dict[tuple[int, str], messages.SenderStatus] = {}
        self._rooms = rooms.get_many(tx.db, set(refs))
        self._figures = {
            ref: rooms.Figures(room.current_users, room.peak_users, room.total_joins)
            for ref, room in self._rooms.items()
        }
        self._admins = {ref: room.admins for ref, room in self._rooms.items()}
        self._open = {session.id: session for session in sessions}
        self._of_user = {(each.conversation, each.user_id): each for each in self._open.values()}
        self._changes: list[Change] = []

    def join(self, call: Join) -> Joined:
        tx, ref, user_id = self.tx, call.ref, call.user_id
        room = self._open_room(ref)
        sender = self.senders[ref.id, user_id]
        if sender.is_banned(tx.now):
            raise errors.Banned(f"{user_id} is banned from this room", field="user_id")
        becomes_admin = self._becomes_admin(call, sender)
        if becomes_admin:
            self._add_admin(call, sender)
        earlier = self._of_user.get((ref.id, user_id))
        if earlier is not None:
            self.end(call.actor, earlier, "replaced")
        session = Session(
            tx.take("room_session"), ref.id, user_id, call.nickname, tx.at, leave_time=None
        )
        self._open[session.id] = self._of_user[ref.id, user_id] = session
        peak_users = self._count_join(ref)
        figures = self._figures[ref]
        payload = events.SessionJoined(session.id, user_id, call.nickname, *figures)
        return Joined(
            session_id=session.id,
            room=ref,
            is_admin=sender.is_admin or becomes_admin,
            is_muted=sender.is_muted(tx.now),
            last_seq=room.last_seq,
            peak_users=peak_users,
            joined_at=tx.at,
            offset=self._add(payload, call.actor, ref),
        )

    def leave(self, call: Leave) -> Left | None:
        session = self._open.get(call.session_id)
        if session is None or session.conversation != call.ref.id:
            return None
        return Left(self.end(call.actor, session, call.reason))

    def end(
        self,
        actor: events.Actor,
        session: Session,
        reason: events.LeaveReason,
        leave_time: int | None = None,
    ) -> int:
        """The event's offset."""
        ref = RoomRef(session.conversation, ROOMS)
        del self._open[session.id]
        del self._of_user[session.conversation, session.user_id]
        before = self._figures[ref]
        self._figures[ref] = before._replace(current_users=before.current_users - 1)
        payload = events.SessionLeft(
            session_id=session.id,
            user_id=session.user_id,
            nickname=session.nickname,
            join_time=session.join_time,
            leave_time=max(session.join_time, self.tx.at if leave_time is None else leave_time),
            reason=reason,
            current_users=before.current_users - 1,
        )
        return self._add(payload, actor, ref)

    def record(self) -> None:
        if self._changes:
            self.tx.record_sessions(self._changes)

    def _open_room(self, ref: RoomRef) -> rooms.Room:
        room = self._rooms.get(ref)
        if room is None:
            raise errors.ConversationNotFound("There is no such room")
        if room.status != "open":
            raise errors.ConversationIsClosed(f"The room {room.public_id} is closed")
        return room

    def _becomes_admin(self, call: Join, sender: messages.SenderStatus) -> bool:
        if call.granted_admin_at is None or sender.is_admin:
            return False
        lost_at = participants.admin_lost_at(self.tx.db, call.ref, call.user_id)
        return lost_at is None or call.granted_admin_at > lost_at

    def _add_admin(self, call: Join, sender: messages.SenderStatus) -> None:
        ref, user_id = call.ref, call.user_id
        self._admins[ref] = tuple(sorted({*self._admins[ref], user_id}))
        self.senders[ref.id, user_id] = msgspec.structs.replace(sender, role="admin")
        self._add(events.AdminsSet("room", self._admins[ref]), call.actor, ref)

    def _count_join(self, ref: RoomRef) -> int:
        """The peak of users."""
        before = self._figures[ref]
        users = before.current_users + 1
        peak_users = max(before.peak_users, users)
        self._figures[ref] = rooms.Figures(users, peak_users, before.total_joins + 1)
        return peak_users

    def _add(self, payload: events.Payload, actor: events.Actor, ref: RoomRef) -> int:
        """The offset, which ``record`` gives it."""
        self._changes.append((payload, actor, ref))
        return self.tx.next("event") + len(self._changes) - 1


def _last_heartbeat(tx: Tx, session: Session) -> int:
    """The latest of the join, the user's last message and the server's last heartbeat."""
    ref = RoomRef(session.conversation, ROOMS)
    since = max(session.join_time, server_state.value(tx.db, server_state.HEARTBEAT))
    first = messages.first_seq_at(tx.db, ref, conversations.get(tx.db, ref).last_seq, since)
    last_message = messages.last_of_sender(tx.db, ref, first - 1, session.user_id)
    return max(since, last_message or 0)
