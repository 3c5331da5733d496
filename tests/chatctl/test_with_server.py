"""The commands against ``chatctl serve``: on a file, in memory, and on the file without it."""

import json
import subprocess

import pytest
from prepared_server import Chatctl, lines
from real_server import Serving

from chatctl_server.process import lock

ON_FILE = ("--db", "sqlite:./chat.db")
ODD_USERS = ["tab\there", "back\\slash", "..", "你好", "a b?c#d%20", "\u202eflipped", "ban"]


def test_the_only_server_is_found_without_configuration(
    chatctl: Chatctl, in_memory: Serving
) -> None:
    done = chatctl("status", "--json")
    status = json.loads(done.stdout)
    assert (done.stderr, done.exit) == ("", 0)
    assert (status["address"], status["durable"], status["health"]) == (
        in_memory.url,
        False,
        "healthy",
    )


def test_over_tcp_a_key_is_needed(chatctl: Chatctl, on_file: Serving) -> None:
    """From elsewhere: to this user's own server there is the socket."""
    assert chatctl("rooms", "--server", on_file.url) == ("", "", 0)
    done = chatctl("rooms", "--server", on_file.url, XDG_RUNTIME_DIR="/nowhere")
    assert (done.stdout, done.exit) == ("", 4)
    assert done.stderr.startswith("chatctl: The header X-Api-Key is missing\n  try: ")
    key = ("--api-key-file", "chat.db.admin-key")
    assert chatctl("rooms", "--server", on_file.url, *key) == ("", "", 0)
    done = chatctl("rooms", "--server", on_file.url, ADMIN_API_KEY="falsch-ß")
    assert (done.stdout, done.exit) == ("", 4)


def test_odd_users_survive_the_way_from_list_to_list(chatctl: Chatctl, on_file: Serving) -> None:
    for room in ("one", "two"):
        assert chatctl("rooms", "create", room).exit == 0
    assert chatctl("ban", "one", "--", *ODD_USERS).exit == 0
    listed = chatctl("bans", "one")
    assert len(listed.stdout.splitlines()) == len(ODD_USERS)
    assert chatctl("ban", "two", "--from", "-", stdin=listed.stdout).exit == 0
    as_json = chatctl("bans", "two", "--json").stdout
    assert [ban["user_id"] for ban in json.loads(as_json)] == sorted(ODD_USERS)
    done = chatctl("unban", "one", "--from", "-", "--json", stdin=as_json)
    assert [json.loads(line)["changed"] for line in done.stdout.splitlines()] == [True] * 7
    assert chatctl("bans", "one") == ("", "", 0)


def test_a_change_on_the_file_is_in_force_at_the_next_start(
    chatctl: Chatctl, on_file: Serving
) -> None:
    chatctl("rooms", "create", "lobby")
    assert on_file.stop() == 0
    path = chatctl.directory / "chat.db"
    note = f"chatctl: no server is running for {path}; using the file directly\n"
    assert chatctl("ban", "lobby", "mallory", *ON_FILE) == ("mallory\tchanged\n", note, 0)
    assert lock.read(lock.lock_path(path)) is None
    on_file.start()
    assert [ban["user_id"] for ban in json.loads(chatctl("bans", "lobby", "--json").stdout)] == [
        "mallory"
    ]


def test_after_a_kill_the_file_is_free_at_once(chatctl: Chatctl, on_file: Serving) -> None:
    chatctl("rooms", "create", "lobby")
    on_file.kill()
    done = chatctl("rooms", "show", "lobby", "--json", "--quiet", *ON_FILE)
    assert json.loads(done.stdout)["room_name"] == "lobby"
    assert (done.stderr, done.exit) == ("", 0)


def test_a_second_server_is_refused(chatctl: Chatctl, on_file: Serving) -> None:
    done = chatctl("serve", *ON_FILE, "--bind", "127.0.0.1:0")
    assert (done.stdout, done.exit) == ("", 7)
    path, pid = chatctl.directory / "chat.db", on_file.process.pid
    assert f"chatctl: {path} is in use by server pid {pid}\n" in done.stderr


def test_a_reader_in_cron_survives_restarts(chatctl: Chatctl, on_file: Serving) -> None:
    chatctl("rooms", "create", "lobby")
    for _ in range(3):
        readers = [chatctl.start("rooms", "--quiet", *ON_FILE) for _ in range(2)]
        on_file.stop()
        on_file.start()
        for reader in readers:
            shown, said = reader.communicate(timeout=60)
            assert (shown.split(b"\t")[1:2], said, reader.returncode) == ([b"lobby"], b"", 0)


def test_watch_goes_on_over_a_restart(chatctl: Chatctl, on_file: Serving) -> None:
    chatctl("rooms", "create", "lobby")
    chatctl("say", "lobby", "one")
    watching = chatctl.start("watch", "lobby", "--since", "0", "--count", "3", "--json", *ON_FILE)
    assert watching.stdout is not None
    assert json.loads(watching.stdout.readline())["data"]["content"] == "one"
    on_file.kill()
    on_file.start()
    chatctl("say", "lobby", "two")
    chatctl("say", "lobby", "three")
    shown, said = watching.communicate(timeout=60)
    found = [json.loads(line)["data"]["content"] for line in shown.splitlines()]
    assert (found, watching.returncode) == (["two", "three"], 0), said
    assert b"connected again, going on after offset 2" in said


def test_the_next_message_is_followed(chatctl: Chatctl, on_file: Serving) -> None:
    chatctl("rooms", "create", "lobby")
    chatctl("say", "lobby", "before")
    tail = chatctl.start("events", "tail", "-f", "--limit", "1", "--type", "message.*")
    assert tail.stdout is not None
    assert b'"content":"before"' in tail.stdout.readline()
    chatctl("say", "lobby", "after")
    assert b'"content":"after"' in tail.stdout.readline()
    tail.terminate()
    assert tail.communicate(timeout=30) == (b"", b"")
    assert tail.returncode == 143


def test_two_commands_on_the_file_take_turns(chatctl: Chatctl, on_file: Serving) -> None:
    chatctl("rooms", "create", "lobby")
    on_file.stop()
    users = [f"user-{number}" for number in range(4)]
    running = [chatctl.start("ban", "lobby", user, "--quiet", *ON_FILE) for user in users]
    for command in running:
        assert command.communicate(timeout=60)[1] == b""
        assert command.returncode == 0
    bans = json.loads(chatctl("bans", "lobby", "--json", *ON_FILE).stdout)
    assert [ban["user_id"] for ban in bans] == users


def test_a_command_waits_for_a_starting_server_and_uses_it(chatctl: Chatctl) -> None:
    with Serving(chatctl, *ON_FILE) as serving:
        chatctl("rooms", "create", "lobby")
        serving.stop()
    path = lock.lock_path(chatctl.directory / "chat.db")
    with lock.acquire(path, "server"):
        args = ("rooms", "--lock-timeout", "0.1", *ON_FILE)
        done = chatctl(*args)
        assert (done.stdout, done.exit) == ("", 7)
        assert "is in use by server pid" in done.stderr
        waiting = chatctl.start("ban", "lobby", "mallory", *ON_FILE)
    assert waiting.communicate(timeout=60)[0] == b"mallory\tchanged\n"
    assert waiting.returncode == 0


def test_what_is_no_database_is_one_line_and_what_to_try(chatctl: Chatctl) -> None:
    (chatctl.directory / "chat.db").write_bytes(b"not a database" * 100)
    done = chatctl("rooms", "--quiet", *ON_FILE)
    assert (done.stdout, done.exit) == ("", 10)
    error, hint = done.stderr.splitlines()
    assert error.endswith("chat.db is not a SQLite database")
    assert hint.startswith("  try: ")


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


def test_a_command_to_a_server_loads_no_server(chatctl: Chatctl, on_file: Serving) -> None:
    names = ["litestar", "uvicorn", "peewee", "apsw", "rich", "chatctl_server.domain.events"]
    assert loaded(chatctl, names) == lines("[]")


def test_a_command_on_the_file_loads_what_it_asks_for(chatctl: Chatctl) -> None:
    assert chatctl("db", "migrate", *ON_FILE).exit == 0
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


@pytest.mark.parametrize("number", [130, 143])
def test_serve_ends_on_a_signal(chatctl: Chatctl, number: int) -> None:
    with Serving(chatctl) as serving:
        serving.process.send_signal(number - 128)
        _, said = serving.process.communicate(timeout=30)
        assert b"stopped" in said
        assert serving.process.returncode == 0
