"""kill -9 of the real server under load: nothing acknowledged is lost, nothing is stored twice.

What is killed is ``chatctl serve`` with a board (see ``halting``) on which it notes where its
writing connection stands; where each kill fell is read there after the death.
"""

import asyncio
import json
import random
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import proof
import pytest
from halting import Board, Place
from talker import Talker
from world import Server, eventually

from chatctl_server.storage import maintenance

CYCLES = proof.size(4, 200)
STARTS = proof.size(2, 40)
WRITES = proof.size(3, 40)
LEAST_SHARE = 0.3
USERS = ("anna", "bert", "carl")
# Where a cycle's kill is to fall; IDLE is anywhere. COMMIT and CHECKPOINT are not halted in:
# SQLite is at work there.
PLANS = (
    Place.COMMIT,
    Place.STATEMENT,
    Place.IDLE,
    Place.CHECKPOINT,
    Place.COMMITTED,
    Place.HAND_OVER,
)


class HaltingServer(Server):
    """A server whose writing connection can be watched and halted."""

    def __init__(self, directory: Path, **settings: str) -> None:
        super().__init__(directory, program="halting", **settings)
        self.board = Board(directory / "board")

    def start(self) -> "HaltingServer":
        self.board.clear()
        super().start()
        return self


@pytest.fixture
def halting_server(tmp_path: Path) -> Iterator[HaltingServer]:
    server = HaltingServer(tmp_path)
    yield server
    server.close()


@proof.over_each_transport()
@pytest.mark.timeout(proof.time_limit())
async def test_nothing_acknowledged_is_lost(halting_server: HaltingServer) -> None:
    server = halting_server.start()
    room = server.create_room()
    talkers = [Talker(room, user_id) for user_id in USERS]
    async with asyncio.TaskGroup() as group:
        talking = [group.create_task(each.run()) for each in talkers]
        places = await asyncio.to_thread(_kill_everywhere, server)
        for each in talkers:
            each.is_ending = True
        for each in talkers:
            await each.reaches(lambda each=each: not each.unacknowledged)
        last_seq = server.http.get("/management/status").json()["messages"]
        for each in talkers:
            await each.reaches(lambda each=each: each.last_seq >= last_seq)
        for task in talking:
            task.cancel()
    hits = sum(place != "outside" for place in places)
    print(f"{len(places)} kills, {hits} between BEGIN and Ack: {dict(Counter(places))}")
    assert hits / len(places) >= LEAST_SHARE, "too few kills fell into a transaction"
    told = [(each.wrong + each.errors, each.last_seq) for each in talkers]
    assert told == [([], last_seq)] * len(USERS)
    assert all(each.connections > 1 for each in talkers)
    _compare(server.database, talkers)
    for verb in ("check", "verify"):
        done = server.chatctl("db", verb)
        assert done.returncode == 0, done.stdout + done.stderr


def _kill_everywhere(server: HaltingServer) -> list[str]:
    return [_kill_at(server, PLANS[cycle % len(PLANS)]) for cycle in range(CYCLES)]


def _kill_at(server: HaltingServer, place: Place) -> str:
    """Kills the working server there, restarts it; where the kill really fell."""
    board = server.board
    begun = board.transactions
    eventually(lambda: board.transactions > begun + random.randint(5, 60), seconds=30)
    if place in (Place.COMMIT, Place.CHECKPOINT):
        for _ in range(2_000_000):  # no pause: a commit lasts less than a millisecond
            if board.place is place:
                break
    elif place is not Place.IDLE:
        board.halt_at(place, random.randint(0, 20))
        eventually(lambda: board.has_halted, seconds=30)
    server.kill()
    met = board.place.name if board.place is not Place.IDLE else "HAND_OVER"
    met = met if board.in_window else "outside"
    _dead_file_is_sound(server)
    server.start()
    return met


def _dead_file_is_sound(server: Server) -> None:
    """Before any process repairs it: on a copy, because opening it recovers it."""
    copy = server.directory / "copy"
    copy.mkdir()
    for name in ("chat.db", "chat.db-wal"):
        shutil.copy(server.directory / name, copy / name)
    assert maintenance.check(copy / "chat.db") == []
    shutil.rmtree(copy)


def _compare(database: Path, talkers: list[Talker]) -> None:
    """Every Ack's message is there once, at its seq; seq has no hole."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    rows = connection.execute("SELECT client_msg_id, id, seq FROM message ORDER BY seq").fetchall()
    connection.close()
    assert [seq for _, _, seq in rows] == list(range(1, len(rows) + 1))
    stored = {client_id: (message_id, seq) for client_id, message_id, seq in rows}
    assert len(stored) == len(rows), "a client_msg_id is stored twice"
    assert stored == {key: at for each in talkers for key, at in each.places.items()}


def _is_sound(server: Server) -> None:
    assert maintenance.check(server.database) == []
    assert maintenance.verify(server.database) == []


@pytest.mark.timeout(proof.time_limit())
def test_killed_while_it_starts(halting_server: HaltingServer) -> None:
    """In the migration of a new file, and in the repair of what an earlier kill left open."""
    server = halting_server
    for statement in _spread(STARTS, 30):
        _die_starting(server, statement)
        server.database.unlink(missing_ok=True)
        _remove_beside(server.database)
    room = server.start().create_room()
    room.join("anna")
    for statement in _spread(STARTS, 8):
        server.kill()
        _die_starting(server, statement)
        server.start()
        assert _open_sessions(server) == 0
        room.join("anna").say("once more")
    _is_sound(server)


def _open_sessions(server: Server) -> int:
    connection = sqlite3.connect(f"file:{server.database}?mode=ro", uri=True)
    (count,) = connection.execute(
        "SELECT count(*) FROM room_session WHERE leave_time IS NULL"
    ).fetchone()
    connection.close()
    return int(count)


def _spread(count: int, end: int) -> list[int]:
    return [number * end // count for number in range(count)]


def _die_starting(server: HaltingServer, statement: int) -> None:
    server.board.clear()
    server.board.halt_at(Place.STATEMENT, statement)
    server.spawn()
    assert server.process is not None
    eventually(lambda: server.board.has_halted or server._answers(), seconds=30)
    assert server.board.has_halted, f"a start has fewer than {statement} statements"
    server.kill()


def _remove_beside(database: Path) -> None:
    for end in ("-wal", "-shm", "-journal"):
        database.with_name(database.name + end).unlink(missing_ok=True)


@pytest.mark.timeout(proof.time_limit())
def test_killed_while_a_command_writes(halting_server: HaltingServer) -> None:
    """The ban is there whole or not at all, and the next command does not wait for the dead."""
    server = halting_server.start()
    room = server.create_room()
    server.stop()
    places = (Place.STATEMENT, Place.COMMIT, Place.HAND_OVER)
    for number in range(WRITES):
        _die_banning(server, room.id, f"user-{number}", places[number % len(places)])
        _dead_file_is_sound(server)
    listed = json.loads(server.chatctl("bans", room.id, "--json").stdout)
    committed = {f"user-{number}" for number in range(WRITES) if number % len(places) == 2}
    assert {ban["user_id"] for ban in listed} == committed
    again = server.chatctl("ban", room.id, "user-0", "--json")
    assert again.returncode == 0, again.stderr
    _is_sound(server)


def _die_banning(server: HaltingServer, room_id: str, user_id: str, place: Place) -> None:
    server.board.clear()
    server.board.halt_at(place)
    with server.begin("ban", room_id, user_id) as process:
        eventually(lambda: server.board.has_halted)
        process.kill()
