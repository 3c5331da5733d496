"""Writes ``before_0002.sql``, the database of a server of the last version before team chat, or
``before_0003.sql``, that of the last one before the support desk, filled by that version, as text.

``python tests/older/fill.py before_0003`` takes the version out of the repository's history. That
it is run again nobody needs: it shows what the file is.
"""

import contextlib
import os
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

VERSIONS = {"before_0002": "760c811", "before_0003": "6e48997"}
PENDING = "/management/callbacks/deliveries?status=pending"
HERE = Path(__file__).resolve().parent
PASSWORD = "correct horse battery"


def main(name: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        tree, database = Path(directory, "tree"), Path(directory, "data", "chat.db")
        tree.mkdir()
        database.parent.mkdir()
        archive = subprocess.run(
            ["git", "archive", VERSIONS[name]],
            cwd=HERE.parents[1],
            check=True,
            stdout=subprocess.PIPE,
        )
        subprocess.run(["tar", "-x", "-C", str(tree)], input=archive.stdout, check=True)
        older = {**os.environ, "PYTHONPATH": f"{tree}:{tree / 'tests'}"}
        script = [sys.executable, str(Path(__file__).resolve()), name, str(database.parent)]
        subprocess.run(script, env=older, cwd=tree, check=True)
        (HERE / f"{name}.sql").write_text(dumped(database))


def dumped(database: Path) -> str:
    with contextlib.closing(sqlite3.connect(database)) as connection:
        return "".join(f"{line}\n" for line in connection.iterdump())


def fill(name: str, directory: Path) -> None:
    """With the modules of that version."""
    import chatctl_server

    assert Path(chatctl_server.__file__).is_relative_to(Path.cwd())
    {"before_0002": fill_rooms, "before_0003": fill_team}[name](directory)


def fill_rooms(directory: Path) -> None:
    from receivers import receiver, refusing
    from world import Server, eventually, running

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


def fill_team(directory: Path) -> None:
    """Anna owns workspace 0, where Bert is; Eve has one of her own. A room is there, too."""
    from team import SETTINGS
    from world import running

    with running(directory, **SETTINGS) as server:
        lobby = server.create_room("lobby")
        lobby.join("carl").say("hello from a room")
        anna, bert, eve = (
            _sign_up(server, name, **more)
            for name, more in (("Anna", {}), ("Bert", {}), ("Eve", {"workspace": "elsewhere"}))
        )
        _chat(server, anna, bert)
        _ask(server, eve, "POST", "/api/chat", {"name": "mine", "type": "PublicChannel"})
        server.stop()


def _sign_up(server, name, **more):  # type: ignore[no-untyped-def]  # that version's
    email = f"{name.lower()}@example.org"
    body = {"fullname": name, "email": email, "password": PASSWORD, **more}
    return _ask(server, None, "POST", "/api/signup", body)


def _chat(server, anna, bert):  # type: ignore[no-untyped-def]  # that version's
    """The first message is edited, read and pinned, the second one deleted, the last one an
    answer."""
    body = {"name": "lunch", "type": "PrivateChannel", "members": [bert["user"]["id"]]}
    chat = _ask(server, anna, "POST", "/api/chat", body)["id"]
    said = [
        _ask(server, who, "POST", f"/api/chat/{chat}/messages", {"content": text, **more})["id"]
        for who, text, more in (
            (anna, "where?", {"idempotency_key": "1", "mentions": [bert["user"]["id"]]}),
            (bert, "a mistake", {}),
        )
    ]
    _ask(server, anna, "PATCH", f"/api/messages/{said[0]}", {"content": "where today?"})
    _ask(server, bert, "DELETE", f"/api/messages/{said[1]}")
    for path, body in (
        (f"/api/messages/{said[0]}/reactions", {"emoji": "👍"}),
        (f"/api/chat/{chat}/messages/{said[0]}/read", None),
        (f"/api/chat/{chat}/messages", {"content": "at Lucy's", "reply_to": said[0]}),
    ):
        _ask(server, bert, "POST", path, body)
    body = {"name": "two", "type": "Single", "members": [bert["user"]["id"]]}
    _ask(server, anna, "POST", "/api/chat", body)
    _ask(server, anna, "POST", "/api/workspaces/0/invites", {})


def _ask(server, who, method, path, body=None):  # type: ignore[no-untyped-def]  # that version's
    headers = {} if who is None else {"Authorization": f"Bearer {who['token']}"}
    answer = server.http.request(method, path, json=body, headers=headers)
    answer.raise_for_status()
    return answer.json() if answer.content else None


if __name__ == "__main__":
    if len(sys.argv) == 2:
        main(sys.argv[1])
    else:
        fill(sys.argv[1], Path(sys.argv[2]))
