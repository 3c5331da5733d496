"""Resume under every order of commit, hand-over, flush slice, read and join: no gap, no repeat,
nothing out of order, and nobody is kept out."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from interleaving import OPERATOR, Listener, SteppedRoom, expected, told
from lines import HeldLoop

from chatctl_server.actions import conversations
from chatctl_server.domain import times
from chatctl_server.live import hub, transports
from chatctl_server.storage import engine, maintenance, replay
from chatctl_server.storage.writer import Call, Writer

EXAMPLES = 3000 if os.environ.get("CHATCTL_PROOF") == "1" else 80
# What is broken on purpose need not be explained by a small example.
PHASES = [Phase.generate] if os.environ.get("CHATCTL_MUTATION") else list(Phase)
CLIENT = st.integers(0, 5)
STEPS = st.one_of(
    st.tuples(st.just("post"), st.integers(1, 7)),
    st.tuples(st.sampled_from(["announce", "mute"]), st.just(0)),
    st.tuples(st.sampled_from(["delete", "erase"]), st.integers(1, 12)),
    st.tuples(st.just("hand over"), st.just(0)),
    st.tuples(st.just("flush a slice"), st.just(0)),
    st.tuples(st.just("join"), st.just(0)),
    st.tuples(st.just("resume"), st.integers(0, 20)),
    st.tuples(st.sampled_from(["snapshot", "answer", "stop reading", "read on", "leave"]), CLIENT),
)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with one room."""
    path = tmp_path_factory.mktemp("template") / "chat.db"
    maintenance.prepare(path, durable=False)
    writing = Writer(lambda: engine.writing(path, durable=False), times.now)
    writing.run([Call(conversations.create_room, (OPERATOR, "lobby", ["boss"]), print, 256)])
    writing.close()
    return path


@pytest.fixture(autouse=True)
def small_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a few messages fill rings, pages and slices."""
    monkeypatch.setattr(hub, "CHANNEL_BYTES", 500)  # three frames
    monkeypatch.setattr(hub, "SLICE_WRITES", 2)
    monkeypatch.setattr(hub, "SLICE_SECONDS", 0)
    monkeypatch.setattr(transports, "HIGH_BYTES", 400)
    monkeypatch.setattr(replay, "PAGE", 3)


@pytest.mark.parametrize("is_fast", [True, False])
@given(steps=st.lists(STEPS, min_size=5, max_size=60))
@settings(max_examples=EXAMPLES, deadline=None, phases=PHASES)
def test_no_gap_and_no_repeat(
    is_fast: bool,
    steps: list[tuple[str, int]],
    template: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with tempfile.TemporaryDirectory(dir=tmp_path_factory.getbasetemp()) as directory:
        path = Path(directory) / "chat.db"
        shutil.copy(template, path)
        with asyncio.Runner(loop_factory=HeldLoop) as runner:
            runner.run(_play(path, steps, is_fast=is_fast))


async def _play(path: Path, steps: list[tuple[str, int]], *, is_fast: bool) -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, HeldLoop)
    room = SteppedRoom(path, is_fast=is_fast)
    try:
        for name, number in steps:
            await _step(room, loop, name, number)
            await room.let_run()
        await room.finish(loop)
        for listener in room.listeners:
            _missed_nothing(room, listener)
    finally:
        await room.close()


async def _step(room: SteppedRoom, loop: HeldLoop, name: str, number: int) -> None:
    if name == "flush a slice":
        if loop.held:
            loop.held.popleft()()
    elif name in OF_THE_ROOM:
        OF_THE_ROOM[name](room, number)
    elif present := [listener for listener in room.listeners if not listener.has_left]:
        listener = present[number % len(present)]
        if name == "leave":
            await listener.leave()
        else:
            OF_A_CLIENT[name](listener)


OF_THE_ROOM: dict[str, Callable[[SteppedRoom, int], None]] = {
    "post": SteppedRoom.post,
    "delete": SteppedRoom.delete,
    "erase": SteppedRoom.erase,
    "announce": lambda room, _: room.announce(),
    "mute": lambda room, _: room.mute(),
    "hand over": lambda room, _: room.hand_over(),
    "join": lambda room, _: room.listeners.append(Listener(room, None)),
    "resume": lambda room, seq: room.listeners.append(Listener(room, min(seq, room.last_seq))),
}
OF_A_CLIENT: dict[str, Callable[[Listener], None]] = {
    "snapshot": lambda listener: listener.store.snapshot(),
    "answer": lambda listener: listener.store.answer(),
    "stop reading": Listener.stop_reading,
    "read on": Listener.read_on,
}


def _missed_nothing(room: SteppedRoom, listener: Listener) -> None:
    since = _seq_at(room, listener)
    learned, deleted = told(listener.frames, since)
    wanted, wanted_deleted = expected(room.recorded, listener.start)
    if listener.has_left or listener.is_cut_off:
        assert learned == wanted[: len(learned)]
    else:
        assert learned == wanted
        assert deleted >= wanted_deleted


def _seq_at(room: SteppedRoom, listener: Listener) -> int:
    """The last message at or below the place where the listener started."""
    if listener.since is not None:
        return listener.since
    seqs = [
        e.payload.seq
        for e in room.recorded
        if e.offset <= listener.start and hasattr(e.payload, "content")
    ]
    return seqs[-1] if seqs else 0


async def _starve(path: Path) -> int:
    """A client resumes while every one of its reads is overtaken by a commit; how many it took."""
    room = SteppedRoom(path)
    try:
        room.post(12)
        room.hand_over()
        listener = Listener(room, 0)
        room.listeners.append(listener)
        for reads in range(1, 40):
            await room.let_run()
            if listener.is_inside:
                return reads
            listener.store.snapshot()
            room.post(2)
            room.hand_over()
            listener.store.answer()
        return 40
    finally:
        await room.close()


def test_a_busy_room_keeps_nobody_out(template: Path, tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    shutil.copy(template, path)
    with asyncio.Runner(loop_factory=HeldLoop) as runner:
        reads = runner.run(_starve(path))
    # A page is 3 messages, 2 come meanwhile, and the ring holds the newest 3.
    assert reads <= 15
