"""Writes ``before_0002.sql``: the database of a server of the last version before team chat, filled
by that version, as text.

``python tests/older/fill.py`` takes the version out of the repository's history. That it is run
again nobody needs: it shows what the file is.
"""

import contextlib
import os
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

VERSION = "760c811"
PENDING = "/management/callbacks/deliveries?status=pending"
HERE = Path(__file__).resolve().parent
SQL = HERE / "before_0002.sql"


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        tree, database = Path(directory, "tree"), Path(directory, "data", "chat.db")
        tree.mkdir()
        database.parent.mkdir()
        archive = subprocess.run(
            ["git", "archive", VERSION], cwd=HERE.parents[1], check=True, stdout=subprocess.PIPE
        )
        subprocess.run(["tar", "-x", "-C", str(tree)], input=archive.stdout, check=True)
        older = {**os.environ, "PYTHONPATH": f"{tree}:{tree / 'tests'}"}
        script = [sys.executable, str(Path(__file__).resolve()), str(database.parent)]
        subprocess.run(script, env=older, cwd=tree, check=True)
        SQL.write_text(dumped(database))


def dumped(database: Path) -> str:
    with contextlib.closing(sqlite3.connect(database)) as connection:
        return "".join(f"{line}\n" for line in connection.iterdump())


def fill(directory: Path) -> None:
    """With the modules of that version."""
    from receivers import receiver, refusing
    from world import Server, eventually, running

    import chatctl_server

    assert Path(chatctl_server.__file__).is_relative_to(Path.cwd())
    with receiver() as hook, refusing() as nobody:
        settings = {"ROOM_EVENT_CALLBACK_URL": hook.url, "DATA_CALLBACK_URL": nobody}
        with running(directory, USER_MESSAGE_INTERVAL_SECS="0", **settings) as server:
            assert isinstance(server, Server)
            _live_in_attic(server)
            _live_in_lobby(server)
            server.http.post("/management/sync", json={"kinds": ["data"]}).raise_for_status()
            eventually(lambda: server.http.get(PENDING).json())
            server.stop()


def _live_in_lobby(server) -> None:  # type: ignore[no-untyped-def]  # that version's
    """Eve is banned, Bob muted; the third message is erased."""
    lobby = server.create_room("lobby", admins=("ann",))
    ann, bob, eve = (lobby.join(each, nickname=each.title()) for each in ("ann", "bob", "eve"))
    ann.say("welcome")
    bob.say("hello")
    erased = eve.say("a secret")["message_id"]
    eve.say("buy this")
    http = server.http
    http.delete(f"{lobby.path}/messages/{erased}").raise_for_status()
    lobby.ban("eve", reason="advertising").raise_for_status()
    http.put(f"{lobby.path}/mutes/bob", json={"reason": "noise"}).raise_for_status()
    http.post(f"{lobby.path}/system-message", json={"content": "be kind"}).raise_for_status()
    for each in (ann, bob):
        each.close()


def _live_in_attic(server) -> None:  # type: ignore[no-untyped-def]  # that version's
    """It is closed."""
    attic = server.create_room("attic")
    carl = attic.join("carl")
    carl.say("dust")
    carl.close()
    server.http.delete(attic.path).raise_for_status()


if __name__ == "__main__":
    if len(sys.argv) == 1:
        main()
    else:
        fill(Path(sys.argv[1]))
