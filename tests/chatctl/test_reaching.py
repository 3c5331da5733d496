"""Which server a command talks to, and what it says when there is none."""

import json
import shlex
import signal
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import world
from prepared_server import KEY, Answer, Chatctl, Prepared, lines, problem
from world import running

from chatctl_server.process import lock, servers

ROOMS = "GET /management/rooms"
NOTHING = Answer([])


def test_with_nothing_configured_nothing_is_done(chatctl: Chatctl) -> None:
    assert chatctl("rooms") == (
        "",
        lines(
            "chatctl: no server is running and no database file is configured",
            "  try: chatctl serve, or name a database: --db sqlite:./chat.db",
        ),
        6,
    )


def test_under_json_the_error_is_one_object(chatctl: Chatctl) -> None:
    done = chatctl("rooms", "ls", "--json")
    assert (done.stdout, done.exit) == ("", 6)
    assert json.loads(done.stderr) == {
        "error": {
            "code": "no_server",
            "message": "no server is running and no database file is configured",
            "hint": "chatctl serve, or name a database: --db sqlite:./chat.db",
            "exit": 6,
        }
    }


def test_a_named_server_gets_the_key_from_a_file(chatctl: Chatctl, server: Prepared) -> None:
    server.answers[ROOMS] = NOTHING
    (chatctl.directory / "key").write_text(KEY + "\n")
    done = chatctl("rooms", "ls", "--server", server.url, "--api-key-file", "key")
    assert done == ("", "", 0)
    assert server.asked[0].key == KEY


def test_https_to_a_plain_port_says_so(chatctl: Chatctl, server: Prepared) -> None:
    https = server.url.replace("http", "https")
    assert chatctl("rooms", "ls", "--server", https) == (
        "",
        lines(f"chatctl: {https} does not speak TLS there", f"  try: --server {server.url}"),
        6,
    )


def test_the_key_may_come_from_stdin(chatctl: Chatctl, server: Prepared) -> None:
    server.answers[ROOMS] = NOTHING
    done = chatctl("rooms", "--api-key-file", "-", stdin=KEY, CHATCTL_SERVER=server.url)
    assert done == ("", "", 0)
    assert server.asked[0].key == KEY


def test_the_key_may_come_from_the_environment(chatctl: Chatctl, server: Prepared) -> None:
    server.answers[ROOMS] = NOTHING
    assert chatctl("rooms", "--server", server.url, ADMIN_API_KEY=KEY).exit == 0
    assert server.asked[0].key == KEY


def test_the_key_beside_the_database_is_for_this_machine(
    chatctl: Chatctl, server: Prepared
) -> None:
    server.answers[ROOMS] = NOTHING
    key_file = chatctl.directory / "chat.db.admin-key"
    key_file.write_text(KEY)
    key_file.chmod(0o600)
    environ = {"DATABASE_URL": "sqlite:./chat.db"}
    assert chatctl("rooms", "--server", server.url, **environ).exit == 0
    assert server.asked[0].key == KEY


def test_an_empty_key_file_is_refused(chatctl: Chatctl, server: Prepared) -> None:
    (chatctl.directory / "key").write_text("\n")
    done = chatctl("rooms", "--server", server.url, "--api-key-file", "key")
    assert (done.stdout, done.exit) == ("", 2)
    message, hint = done.stderr.splitlines()
    assert message == "chatctl: key holds no API key"
    assert hint.startswith("  try: --api-key-file with a file that holds the key alone")
    assert server.asked == []


def test_a_missing_key_file_is_exit_3(chatctl: Chatctl, server: Prepared) -> None:
    done = chatctl("rooms", "--server", server.url, "--api-key-file", "nowhere")
    assert done == ("", "chatctl: nowhere: No such file or directory\n", 3)


def test_a_wrong_key_is_exit_4(chatctl: Chatctl, server: Prepared) -> None:
    server.answers[ROOMS] = problem(401, "unauthorized", "the API key is wrong")
    assert chatctl("rooms", "--server", server.url) == (
        "",
        lines(
            "chatctl: the API key is wrong",
            "  try: --api-key-file FILE, or ADMIN_API_KEY in the environment",
        ),
        4,
    )


def test_a_named_server_that_is_not_there_is_exit_6(chatctl: Chatctl) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    done = chatctl("rooms", "--server", f"http://127.0.0.1:{port}")
    message = f"chatctl: http://127.0.0.1:{port} cannot be reached: [Errno 111] Connection refused"
    assert done == ("", lines(message), 6)


def test_a_named_server_and_a_named_database_contradict(chatctl: Chatctl, server: Prepared) -> None:
    done = chatctl("rooms", "--db", "sqlite:./chat.db", CHATCTL_SERVER=server.url)
    assert done.exit == 2
    assert done.stderr.startswith("chatctl: --db names a database, but the server http://127.0.0.1")
    assert server.asked == []


@pytest.mark.parametrize(
    "url",
    ["localhost:3000", "ftp://a", "http://", "http://a/?b=c", "http://u:secret@a"],
)
def test_what_is_no_address_of_a_server_is_a_usage_error(chatctl: Chatctl, url: str) -> None:
    done = chatctl("status", "--server", url)
    assert (done.stdout, done.exit) == ("", 2)
    assert done.stderr.startswith("chatctl: --server: ")
    assert "secret" not in done.stderr


def test_a_server_that_does_not_answer_is_exit_8(chatctl: Chatctl) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert chatctl("rooms", "--server", url, "--timeout", "0.2") == (
            "",
            lines(f"chatctl: {url} did not answer in time", "  try: --timeout 2m"),
            8,
        )


def test_something_else_that_speaks_http_is_exit_6(chatctl: Chatctl, server: Prepared) -> None:
    server.answers[ROOMS] = Answer(b"<html>", 404, {"Content-Type": "text/html"})
    message = f"chatctl: {server.url} answered 404, but not as a chatctl server does"
    assert chatctl("rooms", "--server", server.url) == ("", lines(message), 6)
    server.answers[ROOMS] = Answer(b"<html>", 200, {"Content-Type": "text/html"})
    assert chatctl("rooms", "--server", server.url).exit == 6


def test_redirects_are_not_followed_and_proxies_not_used(
    chatctl: Chatctl, server: Prepared
) -> None:
    server.answers[ROOMS] = Answer(b"", 302, {"Location": f"{server.url}/elsewhere"})
    done = chatctl("rooms", "--server", server.url, http_proxy="http://127.0.0.1:1")
    assert done.exit == 6
    assert f"try: --server with the address it points to: {server.url}/elsewhere" in done.stderr
    assert [asked.path for asked in server.asked] == ["/management/rooms"]


def test_the_holder_of_the_lock_is_asked_without_a_key(
    chatctl: Chatctl, behind_lock: Prepared
) -> None:
    behind_lock.answers[ROOMS] = NOTHING
    done = chatctl("rooms", "--db", "sqlite:./chat.db", ADMIN_API_KEY=KEY)
    assert done == ("", "", 0)
    assert behind_lock.asked[0].key is None


def test_a_missing_database_file_is_exit_3(chatctl: Chatctl) -> None:
    path = chatctl.directory / "chat.db"
    assert chatctl("rooms", "--db", "sqlite:./chat.db") == (
        "",
        lines(
            f"chatctl: there is no database file {path}",
            f"  try: chatctl serve --db sqlite://{path}, which creates it, "
            f"or chatctl db migrate --db sqlite://{path}",
        ),
        3,
    )
    assert list(chatctl.directory.glob("chat.db*")) == []


def test_a_held_lock_is_waited_for_and_then_exit_7(chatctl: Chatctl) -> None:
    database = chatctl.directory / "chat.db"
    database.touch()
    with lock.acquire(lock.lock_path(database), "command") as held:
        args = ("rooms", "--db", "sqlite:./chat.db", "--lock-timeout", "0.2")
        assert chatctl(*args) == (
            "",
            lines(
                f"chatctl: {database} is in use by command pid {held.holder.pid}",
                "  try: wait longer with --lock-timeout SECONDS",
            ),
            7,
        )
        done = chatctl(*args, "--json")
        assert (done.stdout, done.exit) == ("", 7)
        assert json.loads(done.stderr)["error"]["code"] == "lock_held"


def test_the_only_running_server_is_found(chatctl: Chatctl, tmp_path: Path) -> None:
    directory = servers.runtime_dir({"XDG_RUNTIME_DIR": str(chatctl.runtime)})
    one = lock.acquire(lock.lock_path(tmp_path / "one.db"), "server")
    two = lock.acquire(lock.lock_path(tmp_path / "two.db"), "server")
    with one, two:
        for held, port in ((one, 1), (two, 2)):
            held.ready(f"http://127.0.0.1:{port}", None, "0.1.0")
            servers.register(held, directory)
        assert chatctl("rooms") == (
            "",
            lines(
                "chatctl: several servers are running: http://127.0.0.1:1, http://127.0.0.1:2",
                "  try: --server http://127.0.0.1:1, or --db with the database of one",
            ),
            2,
        )
        one.release()
        message = "chatctl: http://127.0.0.1:2 cannot be reached: [Errno 111] Connection refused\n"
        assert chatctl("rooms", "--timeout", "0.3") == ("", message, 6)


def test_a_database_that_was_removed_under_its_server(chatctl: Chatctl, tmp_path: Path) -> None:
    """What is said to be done brings it back, with what was acknowledged last."""
    with running(tmp_path) as server:
        assert server.process is not None
        room, pid = server.create_room(), server.process.pid
        anna = room.join("anna")
        anna.say("acknowledged")
        server.database.unlink()
        server.database.with_name("chat.db-wal").unlink(missing_ok=True)
        here = f"sqlite:{server.database}"
        refused = (("rooms", "ls"), ("db", "info"), ("rooms", "create", "x"), ("db", "migrate"))
        held = (("serve", "--db", here), ("init", "etc", "--db", here))
        for words in (*refused, *held):
            done = server.chatctl(*words)
            assert (done.stdout, done.returncode) == ("", 7 if words in held else 3)
            said, hint = done.stderr.splitlines()
            gone = f"{server.database} was removed while the server (pid {pid}) has it"
            assert said == f"chatctl: {gone}"
        begin, end = "  try: ", f", then kill {pid} and start the server again"
        assert hint.endswith(end)
        anna.send("SendMessage", {"content": "refused", "client_msg_id": "1"})
        assert anna.receive("Error")["payload"]["code"] == "storage_unavailable"
        health = server.http.get("/health")
        assert (health.status_code, health.json()["status"]) == (503, "unhealthy")
        status = chatctl("status", "--server", server.url, "--quiet", ADMIN_API_KEY=world.KEY)
        assert (status.exit, "health\tunhealthy" in status.stdout) == (10, True)
        assert "cannot use its database" in status.stderr
        for command in hint.removeprefix(begin).partition(end)[0].split(", "):
            subprocess.run(shlex.split(command), check=True)
        server.kill()
        server.start()
        assert [each["content"] for each in room.history()] == ["acknowledged"]
        assert "was removed or replaced while the server ran" in server.log.read_text()


@pytest.mark.parametrize("is_moved", [False, True])
def test_a_database_that_is_gone_with_its_lock_still_has_its_server(
    tmp_path: Path, *, is_moved: bool
) -> None:
    """No second one is made in its place, where what is written next would be lost."""
    with running(tmp_path) as server:
        assert server.process is not None
        room, pid = server.create_room(), server.process.pid
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        for file in tmp_path.glob("chat.db*"):
            file.rename(elsewhere / file.name)
            if not is_moved:
                (elsewhere / file.name).unlink()
        for words in (("rooms", "ls"), ("db", "migrate"), ("db", "restore", "b.db", "--yes")):
            done = server.chatctl(*words)
            gone = f"{server.database} was removed while the server (pid {pid}) has it"
            assert (done.stdout, done.returncode) == ("", 3)
            assert done.stderr.splitlines()[0] == f"chatctl: {gone}"
        assert not server.database.exists()
        status = ("status", "--server", server.url)
        with ThreadPoolExecutor(8) as together:  # the server opens further connections for them
            asked = [together.submit(server.chatctl, *status) for _ in range(8)]
        assert {each.result().returncode for each in asked} == {10}
        hint = done.stderr.splitlines()[1].removeprefix("  try: ")
        for command in hint.partition(f", then kill {pid}")[0].split(", "):
            assert command.startswith("mv" if is_moved else "cp")
            subprocess.run(shlex.split(command), check=True)
        server.kill()
        server.start()
        assert room.id in server.chatctl("rooms", "ls").stdout


def test_users_are_not_told_where_the_database_is(tmp_path: Path) -> None:
    with running(tmp_path, LANGUAGE="en") as server:
        anna = server.create_room().join("anna")
        server.database.unlink()
        anna.send("SendMessage", {"content": "hello", "client_msg_id": "1"})
        told = anna.receive("Error")["payload"]
        assert told["code"] == "storage_unavailable"
        assert told["message"] == "The server cannot be used at the moment; try again later"


def test_one_of_several_servers_by_its_address(chatctl: Chatctl, tmp_path: Path) -> None:
    """It is this user's: its socket asks for no key, and the hint works as it stands."""
    place = {"XDG_RUNTIME_DIR": str(chatctl.runtime)}
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    with running(tmp_path / "one", **place) as one, running(tmp_path / "two", **place) as two:
        rooms = {each.url: each.create_room().id for each in (one, two)}
        said = chatctl("rooms").stderr.splitlines()[1]
        server = said.removeprefix("  try: --server ").partition(",")[0]
        done = chatctl("rooms", "--server", server)
        assert (done.stdout.split("\t")[0], done.stderr, done.exit) == (rooms[server], "", 0)
        by_name = two.url.replace("127.0.0.1", "localhost")
        assert chatctl("rooms", "--server", by_name).stdout.startswith(rooms[two.url])
        assert chatctl("rooms", "--server", two.url, ADMIN_API_KEY="wrong").exit == 4


def test_a_wrong_setting_is_exit_2(chatctl: Chatctl) -> None:
    done = chatctl("rooms", SYNC_INTERVAL_SECONDS="abc")
    assert (done.stdout, done.exit) == ("", 2)
    assert done.stderr.startswith("chatctl: SYNC_INTERVAL_SECONDS (from environment): 'abc' cannot")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_end_quietly(chatctl: Chatctl, number: int, code: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        running = chatctl.start("rooms", "--server", url)
        silent.settimeout(30)
        connection, _ = silent.accept()
        connection.recv(65_536)
        running.send_signal(number)
        assert running.communicate(timeout=30) == (b"", b"")
        assert running.returncode == code
        connection.close()
