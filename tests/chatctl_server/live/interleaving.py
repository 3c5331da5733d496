"""A room whose writer, hub and readers move one step at a time, in any order.

The actions, the database, the replay, the hub, its subscribers and the broadcaster are real.
Held and let go by the test are: the hand-over of a commit, each slice of a flush, each read (its
snapshot and its answer apart), and each client's transport.
"""

import asyncio
import functools
import json
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from lines import HeldLoop, HeldSocket
from offline import room

from chatctl_server.actions import custom_events, messages, moderation
from chatctl_server.api.rooms.broadcaster import VIEW, RoomBroadcaster
from chatctl_server.api.rooms.missed import Pages
from chatctl_server.domain import close_codes, events, times
from chatctl_server.live import wire
from chatctl_server.live.hub import Hub
from chatctl_server.live.presence import Limits, Presence
from chatctl_server.live.resume import resume
from chatctl_server.live.shared_reads import SharedReads
from chatctl_server.live.transports import AsgiWebSocket
from chatctl_server.storage import engine, replay
from chatctl_server.storage.writer import Call, Writer
from chatctl_server.views.rooms.refusals import RoomWords

OPERATOR = events.Actor("boss", "websocket")
ROOM = room(1)
CLOSE = b"\x88\x02"  # a close frame with a code and no reason
TURNS = 12  # of the loop: more than any chain of tasks here has links


class SteppedStore:
    """``read_live`` waits for two steps: ``snapshot`` asks the database, ``answer`` hands over."""

    def __init__(self, database: Any) -> None:
        self._database = database
        self._asked: tuple[Callable[[], Any], asyncio.Future[Any]] | None = None
        self._found: tuple[Any, asyncio.Future[Any]] | None = None

    async def read_live(self, query: Callable[..., Any], *arguments: Any) -> Any:
        future = asyncio.get_running_loop().create_future()
        self._asked = (functools.partial(query, self._database, *arguments), future)
        return await future

    def snapshot(self) -> None:
        if self._asked is not None:
            (query, future), self._asked = self._asked, None
            self._found = (query(), future)

    def answer(self) -> None:
        if self._found is not None:
            (found, future), self._found = self._found, None
            if not future.done():
                future.set_result(found)


async def never() -> Any:
    """No message comes."""
    await asyncio.get_running_loop().create_future()


class Listener:
    """A client: what it was sent, and the place in the log from which it must miss nothing."""

    def __init__(self, room: "SteppedRoom", since: int | None) -> None:
        self.frames: list[dict[str, Any]] = []
        self.since = since
        self.has_left = False
        self.has_paused = False
        self.is_cut_off = False
        self.reads = 0
        self._room = room
        self._reading = asyncio.Event()
        self._reading.set()
        self._socket = HeldSocket(self._take) if room.is_fast else None
        self.subscriber = room.hub.subscriber(
            AsgiWebSocket(never, self._send) if self._socket is None else self._socket.extension,
            VIEW,
        )
        self.store = SteppedStore(room.reader)
        self._resuming: asyncio.Task[None] | None = None
        if since is None:
            self.start = room.hub.published
            room.hub.join(ROOM, self.subscriber, self.start)
        else:
            self.start = replay.start(room.reader, ROOM, since, 1).offset
            self._resuming = asyncio.create_task(self._resume(since))

    async def _resume(self, since: int) -> None:
        """As the socket does."""
        start = await self.store.read_live(replay.start, ROOM, since, 1)
        pages = Pages(self.store, SharedReads(), ROOM, start.seq, self.subscriber)
        await resume(self._room.hub, ROOM, self.subscriber, start.offset, pages.read)

    @property
    def is_inside(self) -> bool:
        return self._resuming is None or self._resuming.done()

    def stop_reading(self) -> None:
        self.has_paused = True
        self._reading.clear()
        if self._socket is not None:
            self._socket.hold()

    def read_on(self) -> None:
        self._reading.set()
        if self._socket is not None:
            self._socket.let_go()

    async def leave(self) -> None:
        """As the socket does when its client is gone."""
        self.has_left = True
        self._room.hub.leave(ROOM, self.subscriber)
        if self._resuming is not None:
            self._resuming.cancel()
            for done in await asyncio.gather(self._resuming, return_exceptions=True):
                if isinstance(done, Exception):
                    raise done
        self.read_on()
        if isinstance(self.subscriber.transport, AsgiWebSocket):
            await self.subscriber.transport.end()

    async def _send(self, event: dict[str, Any]) -> None:
        await self._reading.wait()
        if event["type"] == "websocket.send":
            self.frames.append(json.loads(event["text"]))
        else:
            self._closed(event["code"])

    def _take(self, data: bytes) -> None:
        """What the socket sends: text frames and, in the end, a close."""
        texts, closes, code = data.partition(CLOSE)
        self.frames += map(json.loads, wire.texts(texts))
        if closes:
            self._closed(int.from_bytes(code[:2], "big"))

    def _closed(self, code: int) -> None:
        assert code == close_codes.TOO_SLOW
        assert self.has_paused, "cut off, though it was reading"
        self.is_cut_off = True


class SteppedRoom:
    def __init__(self, path: Path, *, is_fast: bool = False) -> None:
        self.is_fast = is_fast  # over the protocol class, or over plain ASGI
        self.hub = Hub()
        self.broadcaster = RoomBroadcaster(self.hub, Presence(Limits(1000)), RoomWords())
        self.writing = Writer(lambda: engine.writing(path, durable=False), times.now)
        self.reader = engine.reading(path)
        self.reader.connect()
        self.recorded: list[events.Event] = []
        self.committed: deque[Sequence[events.Event]] = deque()
        self.last_seq = 0
        self.listeners: list[Listener] = []
        self.hub.advance(1)  # the room's own creation, before this server's start

    # What the writer does

    def post(self, count: int) -> None:
        post = messages.Post(ROOM, OPERATOR, "anna", "Anna", "text", is_guarded=False)
        self._commit(*((messages.POST, (post,)) for _ in range(count)))
        self.last_seq += count

    def announce(self) -> None:
        payload = msgspec.Raw(str(len(self.recorded)).encode())
        arguments = (OPERATOR, ROOM, "boss", "news", payload)
        self._commit((custom_events.send, arguments))

    def mute(self) -> None:
        user_id = f"muted-{len(self.recorded)}"
        self._commit((moderation.mute, (OPERATOR, ROOM, user_id, None, None)))

    def delete(self, seq: int) -> None:
        if 0 < seq <= self.last_seq:
            self._commit((messages.delete, (OPERATOR, ROOM, seq)))

    def erase(self, seq: int) -> None:
        if 0 < seq <= self.last_seq:
            self._commit((messages.erase, (OPERATOR, ROOM, seq)))

    def _commit(self, *calls: tuple[Any, tuple[Any, ...]]) -> None:
        completed = self.writing.run([Call(action, given, print, 256) for action, given in calls])
        assert not [each.outcome for each in completed if isinstance(each.outcome, Exception)]
        batch = [entry for each in completed for entry in each.recorded]
        self.recorded += batch
        self.committed.append(batch)

    def hand_over(self) -> None:
        if self.committed:
            for entry in self.committed.popleft():
                self.broadcaster.publish(entry)
                self.hub.advance(entry.offset)

    async def let_run(self) -> None:
        for _ in range(TURNS):
            await asyncio.sleep(0)

    async def finish(self, loop: HeldLoop) -> None:
        """Everything that is held is let go; everybody is inside within a bounded time."""
        for listener in self.listeners:
            listener.read_on()
        while self.committed:
            self.hand_over()
        for _ in range(20 + self.last_seq + len(self.recorded)):
            await self.let_run()
            while loop.held:
                loop.held.popleft()()
            for listener in self.listeners:
                listener.store.snapshot()
                listener.store.answer()
        for listener in self.listeners:
            is_gone = listener.has_left or listener.is_cut_off
            assert is_gone or listener.is_inside, "a client is kept out"

    async def close(self) -> None:
        for listener in self.listeners:
            if not listener.has_left:
                await listener.leave()
        self.reader.close()
        self.writing.close()


def told(frames: list[dict[str, Any]], since: int) -> tuple[list[str], set[int]]:
    """What a client learned, in order, each message by its first mention; and which messages it
    knows to be deleted. A deletion may be told twice: in the message's place and by its event."""
    learned: list[str] = []
    mentioned: set[int] = set()
    deleted: set[int] = set()
    for frame in frames:
        payload = frame["payload"]
        match frame["type"]:
            case "Message":
                learned.append(f"message {payload['seq']}")
                mentioned.add(payload["seq"])
            case "MessageDeleted":
                seq = payload["seq"]
                deleted.add(seq)
                if seq > since and seq not in mentioned:
                    learned.append(f"message {seq}")
                    mentioned.add(seq)
            case "CustomEvent":
                learned.append(f"custom {payload['payload']}")
            case "UserMuted":
                learned.append(f"muted {payload['user_id']}")
    return learned, deleted


def expected(recorded: list[events.Event], start: int) -> tuple[list[str], set[int]]:
    """The same of everything above that place in the log."""
    learned: list[str] = []
    deleted: set[int] = set()
    for entry in recorded:
        if entry.offset <= start:
            continue
        match entry.payload:
            case events.MessagePosted(seq=seq):
                learned.append(f"message {seq}")
            case events.MessageDeleted(seq=seq) | events.MessageErased(seq=seq):
                deleted.add(seq)
            case events.CustomSent(payload=payload):
                learned.append(f"custom {bytes(payload).decode()}")
            case events.MuteSet(user_id=user_id):
                learned.append(f"muted {user_id}")
    return learned, deleted
