"""Repeats of a client id against a real server: over kills, clocks and settings that change."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest
from lived_in import tamper
from world import Room, Server, eventually, running

HOUR = 3_600_000_000  # microseconds
YEAR_SECONDS = 365 * 24 * 3600


def post(room: Room, client_id: str) -> tuple[int, int]:
    """The status, and which message it is."""
    body = {"content": "text", "user_id": "ann", "client_msg_id": client_id}
    answer = room.server.http.post(f"{room.path}/messages", json=body)
    return answer.status_code, answer.json()["seq"]


def restart(server: Server, *, hours: int | None = None) -> None:
    server.kill()
    if hours is not None:
        server.environment["CLIENT_ID_HOURS"] = str(hours)
    server.start()


@pytest.fixture
def shifted(tmp_path: Path) -> Iterator[Server]:
    """Not started; its clock on the wall can be set, and it notes often how long it runs."""
    server = Server(tmp_path, program="short_minutes", CLIENT_ID_HOURS="1")
    server.set_clock(0)
    yield server
    server.close()


def served(server: Server) -> int:
    """Microseconds that servers have run, as noted."""
    with contextlib.closing(apsw.Connection(str(server.database))) as connection:
        rows = connection.execute("SELECT value FROM server_state WHERE name = 'served'")
        return sum(value for (value,) in rows)


def test_a_repeat_is_none_whatever_the_clock_says(shifted: Server) -> None:
    """Set while the server runs, and followed by a kill."""
    began = time.monotonic()
    room = shifted.start().create_room()
    for number in range(1, 10):
        assert post(room, f"id-{number}") == (201, number)
    for ahead in (YEAR_SECONDS, -YEAR_SECONDS):
        noted = served(shifted)
        shifted.set_clock(ahead)
        eventually(lambda noted=noted: served(shifted) > noted + 100_000)
        assert served(shifted) <= (time.monotonic() - began) * 1_000_000
        assert post(room, "id-1") == (200, 1)
        restart(shifted)
        for number in range(1, 10):
            assert post(room, f"id-{number}") == (200, number)


def test_ids_count_for_as_many_hours_as_the_setting_says(tmp_path: Path) -> None:
    with running(tmp_path, CLIENT_ID_HOURS="2") as server:
        room = server.create_room()
        assert post(room, "a") == (201, 1)
        server.kill()
        # As an hour and a half of running leaves it.
        tamper(
            server.database,
            "INSERT OR REPLACE INTO client_id_age VALUES (0, 1)",
            f"INSERT OR REPLACE INTO server_state VALUES ('served', {HOUR * 3 // 2})",
        )
        server.start()
        assert post(room, "a") == (200, 1)
        restart(server, hours=0)
        assert post(room, "a") == (200, 1)
        restart(server, hours=1)
        assert post(room, "a") == (201, 2)
        assert post(room, "a") == (200, 2)
        done = server.chatctl("db", "check")
        assert done.returncode == 0, done.stdout
        restart(server, hours=0)
        assert post(room, "a") == (200, 2)
