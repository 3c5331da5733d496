"""What the rooms' listeners see of each committed event: frames, signals, closed sockets."""

import asyncio
from collections.abc import Sequence

from chatctl_server import errors
from chatctl_server.api.rooms.open_rooms import OpenRooms
from chatctl_server.domain import close_codes, events
from chatctl_server.domain.references import ROOMS, ConversationRef, RoomRef
from chatctl_server.live import event_streams, wire
from chatctl_server.live.hub import Hub
from chatctl_server.live.presence import Connection, Presence
from chatctl_server.live.shared_reads import SharedReads
from chatctl_server.live.trailing_edge import TrailingEdge
from chatctl_server.views.rooms import frames
from chatctl_server.views.rooms.refusals import RoomWords

DISMISSED_AT_ONCE = 500  # members of a closed room
NAMES_BELOW = 50  # users; above it joins and leaves are told by RoomStats alone

VIEW = "rooms"
STREAM_VIEW = "rooms.events"


def shown_as(payload: bytes) -> dict[str, bytes]:
    """What the hub writes to the room's sockets; it is made once."""
    return {VIEW: wire.text_frame(payload)}


_NOT_SHOWN = frames.error(
    errors.ResyncRequired("Something that happened in the room could not be shown")
)
# Without the event's offset: who comes back from before it is shown it, if it can be.
NOT_SHOWN = {**shown_as(_NOT_SHOWN), STREAM_VIEW: event_streams.frame(_NOT_SHOWN)}
# How a session's end closes its socket.
CLOSE_CODES: dict[events.LeaveReason, int] = {
    "replaced": close_codes.REPLACED,
    "kicked": close_codes.KICKED,
    "banned": close_codes.BANNED,
    "closed": close_codes.ROOM_CLOSED,
    "stopped": close_codes.RESTART,
}


def _room(entry: events.Event) -> RoomRef | None:
    """What the event is about, if it is about a room."""
    if entry.scope != ROOMS or entry.conversation is None:
        return None
    return RoomRef(entry.conversation, entry.scope)


class RoomBroadcaster:
    def __init__(self, hub: Hub, presence: Presence, words: RoomWords) -> None:
        self._hub = hub
        self.words = words
        hub.views.add(STREAM_VIEW, VIEW, event_streams.of_text_frame)
        self._presence = presence
        self._peaks: dict[ConversationRef, int] = {}
        self._stats: TrailingEdge[ConversationRef] = TrailingEdge()
        self.reads = SharedReads()  # of those who come in
        self.open_rooms = OpenRooms(self.reads)

    def publish(self, entry: events.Event) -> None:
        room = _room(entry)
        if room is None:
            return
        if self._hub.listens(room):
            self._send(room, entry)
        if not isinstance(entry.payload, events.MessagePosted):
            self._take_note(room, entry)

    def _take_note(self, room: RoomRef, entry: events.Event) -> None:
        """Of who is there, and of what was read of the room."""
        match entry.payload:
            case events.SessionJoined() as joined:
                self._joined(room, joined)
            case events.SessionLeft() as left:
                self._left(room, left)
            case events.AdminsSet(admins=admins):
                self._presence.set_admins(room, frozenset(admins))
            case events.ConversationClosed():
                self.reads.forget(room)
                self.open_rooms.forget()
                self._peaks.pop(room, None)
                self._dismiss_all(room, self._presence.members(room))
            case events.MessageDeleted() | events.MessageErased():
                self.reads.forget(room)

    def _send(self, room: RoomRef, entry: events.Event) -> None:
        data = frames.of_event(entry)
        if data is None:
            return
        shown = shown_as(data)
        if isinstance(entry.payload, (events.MessageDeleted, events.MessageErased)):
            self._hub.revise((room,), entry.payload.posted_offset, shown)
        self._hub.publish((room,), entry.offset, shown)

    def skip(self, entry: events.Event) -> None:
        room = _room(entry)
        if room is not None:
            self._hub.skip((room,), entry.offset, NOT_SHOWN)

    def stop(self) -> None:
        self._stats.stop()

    def welcome(self, connection: Connection, peak_users: int) -> None:
        """The connection is live: it counts, and the room will be told how many there are. One that
        the user still has is replaced, also when its session has ended: a closing room's do first.
        """
        before = self._presence.find(connection.conversation, connection.user_id)
        if before is not None:
            self.dismiss(before, "replaced")
        self._presence.add(connection)
        self._peaks[connection.conversation] = peak_users
        self._stats.changed(connection.conversation, self._tell_stats)

    def _joined(self, room: RoomRef, payload: events.SessionJoined) -> None:
        if self._presence.current_users(room) + 1 < NAMES_BELOW:  # the joiner is the last
            self._name(room, frames.user_joined(payload.user_id, payload.nickname))

    def _left(self, room: RoomRef, payload: events.SessionLeft) -> None:
        if payload.reason == "closed":  # told when the room is: a large room's sessions end before
            return
        connection = self._presence.find(room, payload.user_id)
        if connection is not None and connection.session_id == payload.session_id:
            self.dismiss(connection, payload.reason)
        if self._presence.current_users(room) < NAMES_BELOW:
            self._name(room, frames.user_left(payload.user_id, payload.nickname))
        self._stats.changed(room, self._tell_stats)

    def _dismiss_all(self, room: RoomRef, members: Sequence[Connection]) -> None:
        """Of a closed room, in slices between which others have their turn."""
        for each in members[:DISMISSED_AT_ONCE]:
            if self._presence.find(room, each.user_id) is each:
                self.dismiss(each, "closed")
        if rest := members[DISMISSED_AT_ONCE:]:
            asyncio.get_running_loop().call_soon(self._dismiss_all, room, rest)

    def dismiss(self, connection: Connection, reason: events.LeaveReason) -> bool:
        """Takes the connection out of its room and closes its socket for that reason. False when it
        was not there any more."""
        subscriber = connection.subscriber
        match reason:
            case "replaced" | "kicked" | "banned":
                subscriber.finish(CLOSE_CODES[reason], frames.YOU_ARE_KICKED, overtaking=True)
            case "closed":
                subscriber.finish(CLOSE_CODES[reason], self.words.room_closed)
            case "stopped":
                subscriber.finish(CLOSE_CODES[reason])
            case "left" | "crashed":
                pass
        self._hub.leave(connection.conversation, subscriber)
        return self._presence.remove(connection)

    def _name(self, room: RoomRef, payload: bytes) -> None:
        """At once or, while a RoomStats is due, with it: in a storm of joins each client is written
        once a second, not once for each."""
        self._hub.signal(room, shown_as(payload), waits=self._stats.is_due(room))

    def _tell_stats(self, room: ConversationRef) -> None:
        current = self._presence.current_users(room)
        if not current:
            self._peaks.pop(room, None)
            return
        peak = self._peaks.get(room, current)
        self._hub.signal(room, shown_as(frames.room_stats(current, peak)))
