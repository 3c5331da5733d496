"""Which rooms are open, for those who connect: most of them come to one that somebody is in."""

from chatctl_server.domain.references import RoomRef
from chatctl_server.live.shared_reads import SharedReads
from chatctl_server.storage import rooms
from chatctl_server.storage.store import Store

MANY = 10_000  # rooms that are remembered


class OpenRooms:
    """Every room that is remembered is open: whoever was told of its closing finds it closed. The
    join decides again, in its transaction."""

    def __init__(self, reads: SharedReads) -> None:
        self._reads = reads
        self._refs: dict[str, RoomRef] = {}
        self._closings = 0

    async def find(self, store: Store, room_id: str) -> RoomRef:
        """Raises ConversationNotFound or ConversationIsClosed."""
        found = self._refs.get(room_id)
        if found is not None:
            return found
        seen = self._closings
        found = await self._reads.read(
            room_id, lambda: store.read_live(rooms.find_open_ref, room_id)
        )
        if seen == self._closings:  # or it may be the one that was closed meanwhile
            if len(self._refs) >= MANY:
                self._refs.clear()
            self._refs[room_id] = found
        return found

    def forget(self) -> None:
        """A room was closed, and it costs little to look the others up again."""
        self._closings += 1
        self._refs.clear()
