"""A verb for many: each result as soon as there is one, the sum at the end, nothing held up."""

import fcntl
import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from offline import Offline
from prepared_server import Answer, Asked, Chatctl, Prepared, lines, problem, rows
from same_process import Here
from world import PATIENCE_SECONDS, Room, eventually

from chatctl.link import client
from chatctl_server.actions import conversations
from chatctl_server.process import lock

ROOM_ID = "6f1c8f0e-58b3-4b3a-9f5e-0d8a1f1f0001"
BASE = f"/management/rooms/{ROOM_ID}"
USAGE, NOT_FOUND, PARTLY = 2, 3, 9
ON_FILE = ("--db", "sqlite:./chat.db", "--quiet")
# Verb, method, path, and what two of three things are called when they are done.
VERBS = {
    ("ban",): ("PUT", "bans", "2 of 3 users banned"),
    ("unban",): ("DELETE", "bans", "2 of 3 users unbanned"),
    ("kick",): ("POST", "kick", "2 of 3 users kicked"),
    ("mute",): ("PUT", "mutes", "2 of 3 users muted"),
    ("unmute",): ("DELETE", "mutes", "2 of 3 users unmuted"),
    ("messages", "rm"): ("DELETE", "messages", "2 of 3 messages deleted"),
}


@pytest.fixture
def prepared(server: Prepared) -> Prepared:
    """1 and 3 can be done; 2 is refused."""
    server.answers[f"GET {BASE}"] = Answer({"room_id": ROOM_ID, "room_name": "lobby"})
    for method, path, _ in VERBS.values():
        for number in "13":
            server.answers[f"{method} {BASE}/{path}/{number}"] = Answer({"changed": True})
        refused = problem(404, "message_not_found", "not this one")
        server.answers[f"{method} {BASE}/{path}/2"] = refused
    return server


@pytest.fixture
def slow(prepared: Prepared) -> Iterator[threading.Event]:
    """The third answer comes when the event is set."""
    gate = threading.Event()

    def later(_: Asked) -> Answer:
        assert gate.wait(PATIENCE_SECONDS)
        return Answer({"changed": True})

    prepared.answers[f"PUT {BASE}/bans/3"] = later
    yield gate
    gate.set()


def test_every_bulk_verb_goes_on_and_sums_up(here: Here, prepared: Prepared) -> None:
    """Of users on the command line ``--json`` is one array, of those of ``--from`` a line each."""
    for words, (_, _, done_of) in VERBS.items():
        is_done = {"message_id": 1} if words[0] == "messages" else {"user_id": "1"}
        refused = {"code": "message_not_found", "message": "not this one"}
        sums = f"{done_of}, 1 failed"
        about = (*words, "-R", ROOM_ID, "--from", "-", "--server", prepared.url)
        assert here(*about, stdin="1\n2\n3\n2\n") == (
            rows(("1", "changed"), ("3", "changed")),
            lines("chatctl: 2: not this one", f"chatctl: {sums}"),
            PARTLY,
        )
        lined = here(*about, "--json", stdin="1\n2\n3\n")
        array = here(*words, ROOM_ID, "1", "2", "3", "--json", "--server", prepared.url)
        found = [list(map(json.loads, lined.stdout.splitlines())), json.loads(array.stdout)]
        for first, second, _ in found:
            assert first == {**is_done, "changed": True}
            assert second["error"] == refused
        for done in (lined, array):
            error = json.loads(done.stderr)["error"]
            assert (error["code"], error["message"], done.exit) == ("partly_done", sums, PARTLY)


def test_when_all_fail_the_exit_code_is_that_of_the_failure(here: Here, prepared: Prepared) -> None:
    prepared.answers[f"PUT {BASE}/bans/1"] = problem(404, "message_not_found", "nor it")
    for source in (("--from", "-"), ("1", "2")):
        done = here("ban", ROOM_ID, *source, "--json", "--server", prepared.url, stdin="1\n2\n")
        assert (done.stdout, done.exit) == ("", NOT_FOUND)
        assert json.loads(done.stderr)["error"]["code"] == "message_not_found"


def test_what_is_unchanged_and_what_is_not_tried_is_counted(here: Here, prepared: Prepared) -> None:
    prepared.answers[f"PUT {BASE}/bans/4"] = Answer({"changed": False})
    prepared.answers[f"PUT {BASE}/bans/5"] = problem(404, "room_closed", "it was closed")
    users = "1\n2\n3\n4\n5\n6\n7\n"
    done = here("ban", ROOM_ID, "--from", "-", "--server", prepared.url, stdin=users)
    sums = "2 of 7 users banned, 1 unchanged, 2 failed, 2 not tried"
    assert done.stderr.splitlines()[-1] == f"chatctl: {sums}"
    assert done.exit == PARTLY


def test_a_result_is_there_before_the_next_one(
    chatctl: Chatctl, prepared: Prepared, slow: threading.Event
) -> None:
    """Also under ``--json``; without it a reader that goes away sees that, below."""
    args = ("ban", ROOM_ID, "--from", "users", "--server", prepared.url, "--json")
    (chatctl.directory / "users").write_text("1\n3\n")
    with chatctl.start(*args) as running:
        assert running.stdout is not None
        assert b"1" in running.stdout.readline()
        assert running.poll() is None
        slow.set()
        assert b"3" in running.stdout.read()
        assert running.wait(30) == 0


STOPPED = "1 of 4 users banned, 1 failed, 1 unanswered (3), 1 not tried"


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (signal.SIGINT, ("--from", "users")),
        (signal.SIGTERM, ("--from", "users", "--json")),
        (signal.SIGINT, ("1", "2", "3", "4", "--json")),
    ],
)
@pytest.mark.usefixtures("slow")
def test_a_signal_leaves_what_is_done_printed_and_summed_up(
    chatctl: Chatctl, prepared: Prepared, number: signal.Signals, words: tuple[str, ...]
) -> None:
    (chatctl.directory / "users").write_text("1\n2\n3\n4\n")
    running = chatctl.start("ban", ROOM_ID, *words, "--server", prepared.url)
    eventually(lambda: len(prepared.asked) == 4)
    running.send_signal(number)
    shown, said = running.communicate(timeout=30)
    assert running.returncode == 128 + number
    if words[-1] == "--json":
        error = json.loads(said)["error"]
        assert (error["message"], error["exit"]) == (STOPPED, 128 + number)
        is_array = words[0] == "1"
        found = json.loads(shown) if is_array else list(map(json.loads, shown.splitlines()))
        assert [each["user_id"] for each in found] == ["1", "2"]
    else:
        assert shown == b"1\tchanged\n"
        assert said.decode() == lines("chatctl: 2: not this one", f"chatctl: {STOPPED}")


def test_a_signal_on_the_file_is_summed_up_too(chatctl: Chatctl) -> None:
    """Where the server's application runs in the command's own process."""
    desk = Offline(chatctl.directory / "chat.db")
    room_id = desk.run(conversations.create_room, "lobby").public_id
    desk.close()
    users = [f"user-{number}" for number in range(50_000)]
    (chatctl.directory / "users").write_text("\n".join(users))
    running = chatctl.start("ban", room_id, "--from", "users", *ON_FILE)
    assert running.stdout is not None
    first = running.stdout.readline()
    running.send_signal(signal.SIGINT)
    shown, said = running.communicate(timeout=30)
    done = (first + shown).decode().splitlines()
    assert done == [f"{user}\tchanged" for user in users[: len(done)]]
    assert said.decode().startswith(f"chatctl: {len(done):,} of 50,000 users banned, ")
    assert said.endswith(b" not tried\n")
    assert running.returncode == 128 + signal.SIGINT


@pytest.mark.usefixtures("slow")
def test_one_alone_has_no_sum(chatctl: Chatctl, prepared: Prepared) -> None:
    running = chatctl.start("ban", ROOM_ID, "3", "--server", prepared.url)
    eventually(lambda: len(prepared.asked) == 2)
    running.send_signal(signal.SIGINT)
    assert running.communicate(timeout=30) == (b"", b"")
    assert running.returncode == 128 + signal.SIGINT


def test_who_reads_slowly_holds_no_lock(chatctl: Chatctl) -> None:
    """The output is more than the pipe holds and nobody reads it; the file is free all the same.
    Who bans there is a user of this machine."""
    desk = Offline(chatctl.directory / "chat.db")
    room_id = desk.run(conversations.create_room, "lobby").public_id
    desk.close()
    users = [f"{number:03}{'x' * 240}" for number in range(40)]
    (chatctl.directory / "users").write_text("\n".join(users))
    reading, writing = os.pipe()
    assert fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096) < sum(map(len, users))
    running = chatctl.start("ban", room_id, "--from", "users", *ON_FILE, stdout=writing)
    os.close(writing)
    with open(reading, encoding="utf-8") as shown:  # noqa: PTH123 - a descriptor
        first = shown.readline()
        eventually(lambda: lock.read(lock.lock_path(desk.path)) is None)
        assert running.poll() is None
        assert first + shown.read() == rows(*((user, "changed") for user in users))
    assert running.communicate(timeout=30)[1] == b""
    assert running.returncode == 0
    banned = json.loads(chatctl("bans", room_id, "--json", *ON_FILE).stdout)
    assert {each["banned_by"] for each in banned} == {f"uid:{os.getuid()}"}


def test_a_reader_that_goes_away_leaves_nothing_half_done(
    chatctl: Chatctl, prepared: Prepared, slow: threading.Event
) -> None:
    """``| head -1`` is no reason to ban only some."""
    (chatctl.directory / "users").write_text("1\n3\n")
    reading, writing = os.pipe()
    args = ("ban", ROOM_ID, "--from", "users", "--server", prepared.url)
    running = chatctl.start(*args, stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert os.read(reading, 100) == b"1\tchanged\n"
    os.close(reading)
    slow.set()
    assert running.communicate(timeout=30)[1] == b""
    assert running.returncode == 141
    assert [asked.path[-1] for asked in prepared.asked[1:]] == ["1", "3"]


def test_a_terminal_is_told_each_and_the_sum(here: Here, prepared: Prepared) -> None:
    many = here.as_terminal(80, "ban", ROOM_ID, "1", "3", CHATCTL_SERVER=prepared.url)
    assert many == (lines("1 banned", "3 banned"), "chatctl: 2 users banned\n", 0)
    one = here.as_terminal(80, "messages", "rm", ROOM_ID, "1", CHATCTL_SERVER=prepared.url)
    assert one == (lines("1 deleted"), "", 0)


def test_the_time_limit_is_for_each(
    here: Here, prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """5,000 users take longer than a server may take to answer."""
    now = [1000.0]
    monkeypatch.setattr(client, "time", SimpleNamespace(monotonic=lambda: now[0]))

    def answer(_: Asked) -> Answer:
        now[0] += 20
        return Answer({"changed": True})

    for number in "123":
        prepared.answers[f"PUT {BASE}/bans/{number}"] = answer
    args = ("ban", ROOM_ID, "1", "2", "3", "--server", prepared.url)
    assert here(*args, "--timeout", "30s").exit == 0
    assert here(*args, "--timeout", "10s").exit == 8


def _posted(room: Room, *texts: str) -> list[int]:
    path = f"{room.path}/messages"
    answers = [room.server.http.post(path, json={"content": text}) for text in texts]
    return [answer.json()["message_id"] for answer in answers]


def test_messages_are_deleted_once(served: Here, room: Room) -> None:
    first, second, third = _posted(room, "spam", "fine", "spam")
    args = ("messages", "rm", room.id, str(first))
    assert served.json(*args) == {"message_id": first, "changed": True}
    assert served.json(*args) == {"message_id": first, "changed": False}
    assert served(*args, str(third)) == (
        rows((str(first), "unchanged"), (str(third), "changed")),
        "",
        0,
    )
    assert [each["content"] for each in room.history()] == ["", "fine", ""]
    assert served(*args[:3], str(second), "999999").exit == PARTLY
    assert served.refused(*args[:3], "999999") == ("message_not_found", NOT_FOUND)
    elsewhere = room.server.create_room("elsewhere").id
    assert served("messages", "rm", elsewhere, str(second)) == (
        "", f"chatctl: There is no message {second} in this room\n", NOT_FOUND
    )  # fmt: skip


def test_a_history_goes_into_a_deletion(served: Here, room: Room) -> None:
    for as_json in ((), ("--json",)):
        posted = _posted(room, "spam\tspam", "fine", "spam")
        listed = served("rooms", "history", room.id, "--limit", "3", "--quiet", *as_json).stdout
        done = served("messages", "rm", room.id, "--from", "-", stdin=listed)
        assert done.stdout == rows(*((str(each), "changed") for each in posted[::-1]))
    assert {each["content"] for each in room.history()} == {""}


def test_what_is_no_message_id_is_refused_before_anything_is_done(served: Here, room: Room) -> None:
    (good,) = _posted(room, "fine")
    rm = ("messages", "rm", room.id)
    for word in ("x", "0", "-1", "1.0", "²", "9" * 30, ""):
        assert served.refused(*rm, str(good), "--", word) == ("usage", USAGE)
    assert [each["content"] for each in room.history()] == ["fine"]
    nothing = "chatctl: no messages were given, nothing to do\n"
    assert served(*rm, "--from", "-") == ("", nothing, 0)
    assert served(*rm, "--from", "-", "--quiet") == ("", "", 0)


def test_messages_are_those_of_the_room_also_of_a_closed_one(served: Here, room: Room) -> None:
    (message,) = _posted(room, "fine")
    other = room.server.create_room("other")
    assert served.refused("messages", "rm", other.id, str(message))[0] == "message_not_found"
    room.server.http.delete(room.path)
    assert served.json("messages", "rm", room.id, str(message)) == {
        "message_id": message,
        "changed": True,
    }
    assert served.refused("messages", "rm", room.id, "999999") == ("message_not_found", NOT_FOUND)
