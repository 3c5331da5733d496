"""A backlog waits in the database, not in memory."""

import asyncio
import shutil
from pathlib import Path

import proof
import pytest
from hooks import PATHS, QUIET, stored
from receivers import refusing
from world import Server, eventually, running

from chatctl_server.actions import conversations, sessions
from chatctl_server.domain import events, times
from chatctl_server.domain.references import ConversationRef
from chatctl_server.storage import maintenance
from chatctl_server.storage.store import Store

BACKLOG = proof.size(200, 100_000)
ROOMS = proof.size(10, 100)
EVENTS = "ROOM_EVENT_CALLBACK_URL"
HOST = events.Actor("host", "test")
MEGABYTE = 1024**2


async def fill(path: Path) -> None:
    """Rooms that were joined and left so often."""
    maintenance.prepare(path, durable=False)
    store = Store(path, durable=False, clock=times.now)
    await store.open()
    rooms = [
        (await store.write(conversations.create_room, HOST, f"room {number}", [])).ref
        for number in range(ROOMS)
    ]
    for number in range(BACKLOG // 2 // ROOMS):
        await asyncio.gather(*(visit(store, room, f"user {number}") for room in rooms))
    await store.close()


async def visit(store: Store, room: ConversationRef, user_id: str) -> None:
    joined = await store.write(sessions.join, HOST, room, user_id, user_id)
    await store.write(sessions.leave, HOST, joined.room, joined.session_id, "left")


def most_bytes(server: Server) -> int:
    """The largest part of its memory that was resident at a time."""
    assert server.process is not None
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def is_behind(server: Server) -> bool:
    """The follower that reads every event, whoever is to hear of them. Its cursor follows after 5
    s, so that the short form does not wait for it."""
    if not proof.IS_LONG:
        return False
    question = """SELECT 1 FROM cursor
        WHERE name = 'audit' AND position < (SELECT max(id) FROM event)"""
    return bool(stored(server, question))


def pending(server: Server) -> int:
    [(count,)] = stored(server, "SELECT count(*) FROM delivery WHERE status = 'pending'")
    return int(count)


def tries(server: Server) -> int:
    return len(stored(server, "SELECT 1 FROM attempt"))


@pytest.mark.timeout(proof.time_limit())
def test_what_waits_for_a_dead_receiver_takes_no_memory(tmp_path: Path) -> None:
    asyncio.run(fill(tmp_path / "chat.db"))
    shutil.copytree(tmp_path, tmp_path / "idle")
    with running(tmp_path / "idle", **QUIET) as server:
        eventually(lambda: not is_behind(server), seconds=120)
        idle = most_bytes(server)
    patient = {"CALLBACK_RETRY_DELAY_SECONDS": "1", "CALLBACK_MAX_RETRIES": "100"}
    with refusing() as url:
        dead = {EVENTS: url.removesuffix("/hook") + PATHS[EVENTS]}
        with running(tmp_path, **{**QUIET, **patient, **dead}) as server:
            eventually(lambda: pending(server) >= BACKLOG + ROOMS, seconds=300)
            eventually(lambda: not is_behind(server), seconds=120)
            eventually(lambda: tries(server) >= proof.size(1, 20) * ROOMS, seconds=120)
            waiting, busy = pending(server), most_bytes(server)
    figures = f"{idle / MEGABYTE:.1f} MB without, {busy / MEGABYTE:.1f} MB with"
    print(f"{waiting} deliveries wait; {figures}")
    assert waiting == BACKLOG + ROOMS
    assert busy <= 1.3 * idle + 20 * MEGABYTE, figures
