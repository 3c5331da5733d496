"""Who may use a database, with the real commands: they wait, give up or go through the server."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import forks
import pytest
from halting import Board, Place
from offline import Offline
from world import Server, eventually

REFUSED = 7
UNREACHABLE = 6


@pytest.fixture
def file(tmp_path: Path) -> Iterator[tuple[Server, str, str]]:
    """A server that does not run, and the ids of the rooms in its file."""
    desk = Offline(tmp_path / "chat.db")
    for name in ("a", "b"):
        desk.create_room(name)
    first, second = desk.rooms()
    with contextlib.closing(Server(tmp_path)) as server:
        yield server, first.public_id, second.public_id


@contextlib.contextmanager
def halted(server: Server, place: Place, *arguments: str) -> Iterator[forks.Process]:
    """The command as a process that stands still at that place, holding what it holds."""
    board = Board(server.directory / "board")
    board.clear()
    board.halt_at(place)
    process = forks.start(arguments, server.environment, server.directory, changes=["halting"])
    try:
        eventually(lambda: board.has_halted)
        yield process
    finally:
        process.kill()
        process.communicate()


def test_command_against_command(file: tuple[Server, str, str]) -> None:
    server, room_id, _ = file
    with halted(server, Place.STATEMENT, "ban", room_id, "anna") as first:
        late = server.chatctl("ban", room_id, "bert", "--lock-timeout", "0.5")
        assert late.returncode == REFUSED
        assert f"pid {first.pid}" in late.stderr
        assert "command" in late.stderr
        # Reading takes no lock, but does not read in the middle of another's work either.
        assert server.chatctl("rooms", "ls", "--lock-timeout", "0.5").returncode == REFUSED
        serve = server.chatctl("serve", "--lock-timeout", "0.5")
        assert serve.returncode == REFUSED
        assert f"pid {first.pid}" in serve.stderr
    # The holder was killed: nobody waits for the dead, and its half ban is gone.
    done = server.chatctl("ban", room_id, "bert", "--lock-timeout", "0.5")
    assert done.returncode == 0, done.stderr
    bans = json.loads(server.chatctl("bans", room_id, "--json").stdout)
    assert [ban["user_id"] for ban in bans] == ["bert"]


def test_command_against_a_starting_server(file: tuple[Server, str, str]) -> None:
    server, room_id, _ = file
    with halted(server, Place.STATEMENT, "serve") as starting:
        for arguments in (("ban", room_id, "anna"), ("rooms", "ls")):
            late = server.chatctl(*arguments, "--lock-timeout", "0.5")
            assert late.returncode == REFUSED, late.stdout + late.stderr
            assert f"pid {starting.pid}" in late.stderr
            assert "server" in late.stderr
    with ThreadPoolExecutor() as threads:
        # A command that waits is served by the server it waited for.
        waiting = threads.submit(server.chatctl, "ban", room_id, "anna")
        server.start()
        done = waiting.result()
    assert done.returncode == 0, done.stderr
    bans = server.http.get(f"/management/rooms/{room_id}/bans").json()
    assert [ban["user_id"] for ban in bans] == ["anna"]


def test_rooms_ls_from_cron_during_a_restart(server: Server) -> None:
    """It finds the rooms every time, whichever moment of the restart it meets."""
    server.create_room("lobby")
    stop = threading.Event()
    with ThreadPoolExecutor() as threads:
        cron = threads.submit(_list_until, server, stop)
        for way in (server.stop, server.kill):
            way()
            server.start()
        stop.set()
        listed = cron.result()
    assert listed
    assert [each.stderr for each in listed if each.returncode != 0] == []
    assert {json.loads(each.stdout)[0]["room_name"] for each in listed} == {"lobby"}


def _list_until(server: Server, stop: threading.Event) -> list[subprocess.CompletedProcess[str]]:
    done = []
    while not stop.is_set():
        done.append(server.chatctl("rooms", "ls", "--json"))
    return done


def test_bans_of_one_room_for_another(file: tuple[Server, str, str]) -> None:
    """``chatctl bans A | chatctl ban B --from -``: two commands on one file at the same time."""
    server, first, second = file
    assert server.chatctl("ban", first, "anna", "bert", "carl").returncode == 0
    chatctl = f"'{sys.executable}' -m chatctl"
    done = subprocess.run(
        ["sh", "-c", f"{chatctl} bans {first} | {chatctl} ban {second} --from -"],
        env=server.environment,
        cwd=server.directory,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    bans = json.loads(server.chatctl("bans", second, "--json").stdout)
    assert [ban["user_id"] for ban in bans] == ["anna", "bert", "carl"]


def test_two_servers(shared_server: Server) -> None:
    server = shared_server
    second = server.chatctl("serve", "--lock-timeout", "0.5", "--bind", "127.0.0.1:0")
    assert second.returncode == REFUSED
    assert server.process is not None
    assert f"pid {server.process.pid}" in second.stderr
    # The first one keeps its admin socket and its place in the lock.
    listed = server.chatctl("rooms", "ls")
    assert listed.returncode == 0, listed.stderr
    assert "no server" not in listed.stderr


def test_a_server_that_hangs_is_not_gone(shared_server: Server) -> None:
    """SIGSTOP: the lock is still held, so a command goes to it and says that it does not answer."""
    assert shared_server.process is not None
    os.kill(shared_server.process.pid, signal.SIGSTOP)
    try:
        done = shared_server.chatctl("rooms", "ls", "--timeout", "0.5")
    finally:
        os.kill(shared_server.process.pid, signal.SIGCONT)
    assert done.returncode in (UNREACHABLE, 8), done.stderr
    assert "directly" not in done.stderr
