"""The commands beside ``chatctl serve``, which a kill ends and the next one starts again."""

import json
import subprocess

from prepared_server import Chatctl, lines
from real_server import Serving
from same_process import Here
from world import KEY, Server

ON_FILE = ("--db", "sqlite:./chat.db")
ODD_USERS = ["tab\there", "back\\slash", "..", "你好", "a b?c#d%20", "\u202eflipped", "ban"]


def test_over_tcp_a_key_is_needed(here: Here, shared_server: Server) -> None:
    """But for this user's own server, to which there is the socket."""
    done = here("rooms", "--server", shared_server.url)
    assert (done.stdout, done.exit) == ("", 4)
    assert done.stderr.startswith("chatctl: The header X-Api-Key is missing\n  try: ")
    done = here("rooms", "--server", shared_server.url, ADMIN_API_KEY="falsch-ß")
    assert (done.stdout, done.exit) == ("", 4)


def test_odd_users_survive_the_way_from_list_to_list(served: Here) -> None:
    for room in ("one", "two"):
        assert served("rooms", "create", room).exit == 0
    assert served("ban", "one", "--", *ODD_USERS).exit == 0
    listed = served("bans", "one")
    assert len(listed.stdout.splitlines()) == len(ODD_USERS)
    assert served("ban", "two", "--from", "-", stdin=listed.stdout).exit == 0
    as_json = served("bans", "two", "--json").stdout
    assert [ban["user_id"] for ban in json.loads(as_json)] == sorted(ODD_USERS)
    done = served("unban", "one", "--from", "-", "--json", stdin=as_json)
    assert [json.loads(line)["changed"] for line in done.stdout.splitlines()] == [True] * 7
    assert served("bans", "one") == ("", "", 0)


def test_watch_goes_on_over_a_restart(chatctl: Chatctl, here: Here, on_file: Serving) -> None:
    here("rooms", "create", "lobby")
    here("say", "lobby", "one")
    watching = chatctl.start("watch", "lobby", "--since", "0", "--count", "3", "--json", *ON_FILE)
    assert watching.stdout is not None
    assert json.loads(watching.stdout.readline())["data"]["content"] == "one"
    on_file.kill()
    on_file.start()
    here("say", "lobby", "two")
    here("say", "lobby", "three")
    shown, said = watching.communicate(timeout=60)
    found = [json.loads(line)["data"]["content"] for line in shown.splitlines()]
    assert (found, watching.returncode) == (["two", "three"], 0), said
    assert b"connected again, going on after offset 2" in said


def loaded(chatctl: Chatctl, names: list[str], *options: str) -> str:
    """Which of the modules ``chatctl rooms`` has imported at its end."""
    code = (
        f"import sys; from chatctl.cli import run; assert run({['rooms', *options]}) == 0; "
        f"print([name for name in {names} if name in sys.modules])"
    )
    done = subprocess.run(
        [*chatctl.command()[:1], "-c", code], cwd=chatctl.directory, env=chatctl.environ,
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    return done.stdout.decode() + done.stderr.decode()


def test_a_command_to_a_server_loads_no_server(chatctl: Chatctl, shared_server: Server) -> None:
    chatctl.environ |= {"CHATCTL_SERVER": shared_server.url, "ADMIN_API_KEY": KEY}
    names = ["litestar", "uvicorn", "peewee", "apsw", "rich", "chatctl_server.domain.events"]
    assert loaded(chatctl, names, "--match", "nothing") == "[]\n"


def test_a_command_on_the_file_loads_what_it_asks_for(chatctl: Chatctl, here: Here) -> None:
    assert here("db", "migrate", *ON_FILE).exit == 0
    server = "chatctl_server"
    names = [
        f"{server}.api.rooms.routes",
        f"{server}.api.rooms.sockets",
        f"{server}.api.callbacks.endpoint_routes",
        f"{server}.workers.callbacks",
        "pydantic",
        "uvicorn",
    ]
    assert loaded(chatctl, names, "--quiet", *ON_FILE) == lines(str(names[:1]))
