"""Which server a command talks to, and what it says when there is none."""

import shlex
import signal
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import world
from prepared_server import KEY, Answer, Chatctl, Prepared, lines
from same_process import Here
from world import running

from chatctl_server.process import lock, servers

ROOMS = "GET /management/rooms"
NOTHING = Answer([])


def test_a_named_server_gets_the_key_from_wherever_it_is(here: Here, server: Prepared) -> None:
    """Of a file, of stdin, of the environment, or beside the database of this machine."""
    server.answers[ROOMS] = NOTHING
    (here.directory / "key").write_text(KEY + "\n")
    beside = here.directory / "chat.db.admin-key"
    beside.write_text(KEY)
    beside.chmod(0o600)
    named = ("rooms", "ls", "--server", server.url)
    assert here(*named, "--api-key-file", "key") == ("", "", 0)
    assert here(*named[:2], "--api-key-file", "-", stdin=KEY, CHATCTL_SERVER=server.url).exit == 0
    assert here(*named, ADMIN_API_KEY=KEY).exit == 0
    assert here(*named, DATABASE_URL="sqlite:./chat.db").exit == 0
    assert [asked.key for asked in server.asked] == [KEY] * 4


def test_https_to_a_plain_port_says_so(here: Here, server: Prepared) -> None:
    https = server.url.replace("http", "https")
    assert here("rooms", "ls", "--server", https) == (
        "",
        lines(f"chatctl: {https} does not speak TLS there", f"  try: --server {server.url}"),
        6,
    )


def test_what_is_no_address_of_a_server_is_a_usage_error(here: Here) -> None:
    for url in ("localhost:3000", "ftp://a", "http://", "http://a/?b=c", "http://u:secret@a"):
        done = here("status", "--server", url)
        assert (done.stdout, done.exit) == ("", 2), url
        assert done.stderr.startswith("chatctl: --server: ")
        assert "secret" not in done.stderr


def test_a_server_that_does_not_answer_is_exit_8(here: Here) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert here("rooms", "--server", url, "--timeout", "0.2") == (
            "",
            lines(f"chatctl: {url} did not answer in time", "  try: --timeout 2m"),
            8,
        )


def test_something_else_that_speaks_http_is_exit_6(here: Here, server: Prepared) -> None:
    server.answers[ROOMS] = Answer(b"<html>", 404, {"Content-Type": "text/html"})
    message = f"chatctl: {server.url} answered 404, but not as a chatctl server does"
    assert here("rooms", "--server", server.url) == ("", lines(message), 6)
    server.answers[ROOMS] = Answer(b"<html>", 200, {"Content-Type": "text/html"})
    assert here("rooms", "--server", server.url).exit == 6


def test_redirects_are_not_followed_and_proxies_not_used(here: Here, server: Prepared) -> None:
    server.answers[ROOMS] = Answer(b"", 302, {"Location": f"{server.url}/elsewhere"})
    done = here("rooms", "--server", server.url, http_proxy="http://127.0.0.1:1")
    assert done.exit == 6
    said = f"answered 302 and points to {server.url}/elsewhere, but not as a chatctl server does"
    assert done.stderr == f"chatctl: {server.url} {said}\n"
    assert [asked.path for asked in server.asked] == ["/management/rooms"]


def test_the_holder_of_the_lock_is_asked_without_a_key(here: Here, behind_lock: Prepared) -> None:
    behind_lock.answers[ROOMS] = NOTHING
    done = here("rooms", "--db", "sqlite:./chat.db", ADMIN_API_KEY=KEY)
    assert done == ("", "", 0)
    assert behind_lock.asked[0].key is None


def test_a_held_lock_is_waited_for_and_then_exit_7(here: Here) -> None:
    database = here.directory / "chat.db"
    database.touch()
    with lock.acquire(lock.lock_path(database), "command") as held:
        assert here("rooms", "--db", "sqlite:./chat.db", "--lock-timeout", "0.2") == (
            "",
            lines(
                f"chatctl: {database} is in use by command pid {held.holder.pid}",
                "  try: wait longer with --lock-timeout SECONDS",
            ),
            7,
        )


def test_the_only_running_server_is_found(here: Here, tmp_path: Path) -> None:
    directory = servers.runtime_dir({"XDG_RUNTIME_DIR": str(here.runtime)})
    one = lock.acquire(lock.lock_path(tmp_path / "one.db"), "server")
    two = lock.acquire(lock.lock_path(tmp_path / "two.db"), "server")
    with one, two:
        for held, port in ((one, 1), (two, 2)):
            held.ready(f"http://127.0.0.1:{port}", None, "0.1.0")
            servers.register(held, directory)
        assert here("rooms") == (
            "",
            lines(
                "chatctl: several servers are running: http://127.0.0.1:1, http://127.0.0.1:2",
                "  try: --server http://127.0.0.1:1, or --db with the database of one",
            ),
            2,
        )
        one.release()
        message = "chatctl: http://127.0.0.1:2 cannot be reached: Connection refused\n"
        assert here("rooms", "--timeout", "1") == ("", message, 6)


def test_a_database_that_was_removed_under_its_server(
    chatctl: Chatctl, here: Here, tmp_path: Path
) -> None:
    """What is said to be done brings it back, with what was acknowledged last."""
    with running(tmp_path, LANGUAGE="en") as server:
        assert server.process is not None
        room, pid = server.create_room(), server.process.pid
        anna = room.join("anna")
        anna.say("acknowledged")
        server.database.unlink()
        server.database.with_name("chat.db-wal").unlink(missing_ok=True)
        its = f"sqlite:{server.database}"
        refused = (("rooms", "ls"), ("db", "info"), ("rooms", "create", "x"), ("db", "migrate"))
        held = (("init", "etc", "--db", its), ("serve", "--db", its))
        for words in (*refused, *held):
            command = chatctl if words[0] == "serve" else here
            done = command(*words, **server.environment)
            assert (done.stdout, done.exit) == ("", 7 if words in held else 3)
            said, hint = done.stderr.splitlines()
            gone = f"{server.database} was removed while the server (pid {pid}) has it"
            assert said == f"chatctl: {gone}"
        begin, end = "  try: ", f", then kill {pid} and start the server again"
        assert hint.endswith(end)
        anna.send("SendMessage", {"content": "refused", "client_msg_id": "1"})
        told = anna.receive("Error")["payload"]  # and not where the database lies
        assert told["code"] == "storage_unavailable"
        assert told["message"] == "The server cannot be used at the moment; try again later"
        health = server.http.get("/health")
        assert (health.status_code, health.json()["status"]) == (503, "unhealthy")
        status = here("status", "--server", server.url, "--quiet", ADMIN_API_KEY=world.KEY)
        assert status.exit == 10
        assert "cannot use its database" in status.stderr
        for command in hint.removeprefix(begin).partition(end)[0].split(", "):
            subprocess.run(shlex.split(command), check=True)
        server.kill()
        server.start()
        assert [each["content"] for each in room.history()] == ["acknowledged"]
        assert "was removed or replaced while the server ran" in server.log.read_text()


@pytest.mark.parametrize("is_moved", [False, True])
def test_a_database_that_is_gone_with_its_lock_still_has_its_server(
    here: Here, tmp_path: Path, *, is_moved: bool
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
            done = here(*words, **server.environment)
            gone = f"{server.database} was removed while the server (pid {pid}) has it"
            assert (done.stdout, done.exit) == ("", 3)
            assert done.stderr.splitlines()[0] == f"chatctl: {gone}"
        assert not server.database.exists()
        with ThreadPoolExecutor(8) as together:  # the server opens further connections for them
            asked = list(together.map(server.http.get, ["/management/status", "/health"] * 8))
        assert {each.json()["status"] for each in asked[1::2]} == {"unhealthy"}
        hint = done.stderr.splitlines()[1].removeprefix("  try: ")
        for command in hint.partition(f", then kill {pid}")[0].split(", "):
            assert command.startswith("mv" if is_moved else "cp")
            subprocess.run(shlex.split(command), check=True)
        server.kill()
        server.start()
        assert room.id in here("rooms", "ls", **server.environment).stdout


def test_one_of_several_servers_by_its_address(here: Here, tmp_path: Path) -> None:
    """It is this user's: its socket asks for no key, and the hint works as it stands."""
    place = {"XDG_RUNTIME_DIR": str(here.runtime)}
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    with running(tmp_path / "one", **place) as one, running(tmp_path / "two", **place) as two:
        rooms = {each.url: each.create_room().id for each in (one, two)}
        said = here("rooms").stderr.splitlines()[1]
        server = said.removeprefix("  try: --server ").partition(",")[0]
        done = here("rooms", "--server", server)
        assert (done.stdout.split("\t")[0], done.stderr, done.exit) == (rooms[server], "", 0)
        by_name = two.url.replace("127.0.0.1", "localhost")
        assert here("rooms", "--server", by_name).stdout.startswith(rooms[two.url])
        assert here("rooms", "--server", two.url, ADMIN_API_KEY="wrong").exit == 4


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_end_quietly(chatctl: Chatctl, number: int, code: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        running = chatctl.start("rooms", "--server", url)
        silent.settimeout(30)
        connection, _ = silent.accept()
        connection.recv(65_536)
        status = Path(f"/proc/{running.pid}/stat")
        # Python notices a signal between two steps, or within a call that waits.
        world.eventually(lambda: status.read_text().rpartition(") ")[2][0] == "S")
        running.send_signal(number)
        assert running.communicate(timeout=30) == (b"", b"")
        assert running.returncode == code
        connection.close()
