"""``chatctl callbacks listen`` over real connections: what it shows, answers and sums up."""

import contextlib
import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import time
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from callback_sender import AT, CREATED, ROOM, Listen, Send, is_open, listening, post, raw, sent
from forks import Process
from prepared_server import Chatctl, Finished, lines, rows
from same_process import Here, without_colours
from world import eventually, free_port, running

from chatctl.webhooks import receiver
from chatctl_server.domain import signatures

KEY = b"0123456789abcdef0123456789abcdef"
SECRET = b64encode(KEY).decode()
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z|\d\d:\d\d:\d\d")
LEFT = {
    "event_type": "UserLeft", "room_id": ROOM, "user_id": "anna", "duration": 12, "timestamp": AT,
}  # fmt: skip
PERIODIC = {
    "event_type": "PeriodicSync", "room_id": ROOM, "room_info": {"room_name": "lobby"},
    "stats": {"current_users": 2},
    "consistency": {"message_count": 0, "session_count": 0, "digest": "00"},
}  # fmt: skip


def batch(number: int, *texts: str) -> dict[str, Any]:
    said = [
        {"user_id": "anna", "nickname": "A", "content": text, "created_at": AT + number}
        for text in texts
    ]
    return {
        "event_type": "ChatHistoryBatch", "room_id": ROOM, "messages": said,
        "batch_id": f"chat_{ROOM}_{number}", "is_last_batch": False, "timestamp": AT,
    }  # fmt: skip


def signed(body: Any, webhook_id: str = "1", at: int | None = None) -> Send:
    def send(port: int) -> int:
        content = json.dumps(body).encode()
        moment = int(time.time()) if at is None else at
        return post(port, content, **dict(signatures.headers(webhook_id, moment, content, [KEY])))

    return send


def get(path: str) -> Send:
    def ask(port: int) -> tuple[int, Any]:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as asker:
            asker.request("GET", path)
            answer = asker.getresponse()
            assert answer.headers["content-type"] == "application/json"
            return answer.status, json.loads(answer.read())

    return ask


@pytest.fixture
def listen(here: Here) -> Listen:
    return Listen(here)


# What it shows

STORY = (
    sent(CREATED, X_Chatctl_Event="room_created", webhook_id="1"),
    sent(batch(1, "hi", "ho"), webhook_id="2"),
    sent(batch(1, "hi", "ho"), webhook_id="2"),
    sent(batch(3, "ha"), webhook_id="3"),
    sent(LEFT, X_Chatctl_Event="user_left", X_Chatctl_Mark="test"),
    sent(PERIODIC, path="/anywhere"),
    sent(b"{"),
)
SUM = {
    "callbacks": 7,
    "events": {"room_created": 1, "chat_history_batch": 3, "user_left": 1, "periodic_sync": 1,
               "unknown": 1},
    "retries": 0, "duplicates": 1, "unanswered": 0, "bad_requests": 1, "bad_signatures": 0,
    "double_records": 0, "gaps": [{"kind": "chat_history", "room_id": ROOM, "missing": ["2"]}],
    "digests": {"equal": 0, "different": 1, "unknown": 0},
}  # fmt: skip
WRONG = "chatctl: 1 gap, 1 different digest\n"


def test_in_a_pipe_a_callback_is_a_line(listen: Listen) -> None:
    done = listen("--count", "7", "--quiet", send=STORY)
    assert listen.answers == [200, 200, 200, 200, 200, 200, 400]
    shown = TIME.sub("TIME", done.stdout).splitlines(keepends=True)
    assert "".join(shown[:6]) == rows(
        ("TIME", "room_created", ROOM, "lobby, admins anna", "1", "none", "200"),
        ("TIME", "chat_history_batch", ROOM, "#1, messages 2, more follow", "1", "none", "200"),
        ("TIME", "chat_history_batch", ROOM, "#1, messages 2, more follow", "duplicate", "none",
         "200"),
        ("TIME", "chat_history_batch", ROOM,
         "#3, messages 1, more follow; missing before it: batch 2", "1", "none", "200"),
        ("TIME", "user_left", ROOM, "(test) anna after 12 s", "1", "none", "200"),
        ("TIME", "periodic_sync", ROOM,
         "users 2, messages 0, sessions 0; digest different: the batches told another history",
         "1", "none", "200"),
    )  # fmt: skip
    assert shown[6].startswith("TIME\tunknown\t\tthe body is no JSON: ")
    assert shown[7] == "sum\tcallbacks\t7\n"
    assert f"sum\tgap\tchat_history of {ROOM}: batch 2\n" in shown
    assert (done.stderr, done.exit) == (WRONG, 10)


def test_json_is_a_line_each_and_then_the_sum(listen: Listen) -> None:
    done = listen("--count", "7", "--json", "--quiet", send=STORY)
    *found, total = map(json.loads, done.stdout.splitlines())
    assert total == {"sum": SUM}
    assert [each["answer"] for each in found] == listen.answers
    assert TIME.fullmatch(found[3].pop("at"))
    assert found[3] == {
        "path": "/api/room-events", "event": "chat_history_batch", "room_id": ROOM,
        "webhook_id": "3", "mark": None, "attempt": 1, "duplicate": False, "signature": "none",
        "answer": 200, "findings": [{"code": "gap", "text": "missing before it: batch 2"}],
        "body": batch(3, "ha"),
    }  # fmt: skip
    assert (found[5]["path"], found[6]["body"]) == ("/anywhere", None)
    assert json.loads(done.stderr)["error"]["code"] == "check_failed"
    assert done.exit == 10


def test_on_a_terminal_it_is_aligned_and_rooms_have_names(listen: Listen) -> None:
    """Colours say nothing that words do not."""
    done = listen("--count", "7", "--no-color", send=STORY, columns=72)
    assert "\x1b" not in done.stdout
    assert TIME.sub("TIME----", done.stdout).splitlines()[:9] == [
        "TIME----  room_created   1  none  200  lobby  lobby, admins anna",
        "TIME----  chat_history_batch  1  none  200",
        "          lobby  #1, messages 2, more follow",
        "TIME----  chat_history_batch  duplicate  none  200",
        "          lobby  #1, messages 2, more follow",
        "TIME----  chat_history_batch  1          none  200",
        "          lobby  #3, messages 1, more follow",
        "          missing before it: batch 2",
        "TIME----  user_left           1          none  200",
    ]
    gap = f"\ngaps                1\ngap                 chat_history of {ROOM}: batch 2\n"
    assert gap in done.stdout
    assert "  ROOM_EVENT_CALLBACK_URL=http://127.0.0.1:" in done.stderr
    wide = listen("--count", "7", send=STORY, columns=100).stdout
    assert "\x1b[32m200\x1b[0m" in wide
    words = "duplicate  none  200  lobby  #1, messages 2, more follow\n"
    assert words in without_colours(wide)


def test_it_says_what_has_come(listen: Listen) -> None:
    """As the documents' script asks its receiver."""
    first, newest = (
        {"room_id": ROOM, "current_users": number, "chat_history": []} for number in (1, 2)
    )
    done = listen(
        "--count", "3", "--quiet",
        send=(
            get("/health"), get("/rooms"), sent(first, path="/sync/room"), sent(newest),
            get("/rooms"), get(f"/rooms/{ROOM}?x=1"), get("/rooms/none"), get("/stats"),
            sent(CREATED),
        ),
    )  # fmt: skip
    assert listen.answers == [
        (200, {"status": "ok"}), (200, []), 200, 200, (200, [newest]), (200, newest),
        (404, {"error": "no data of such a room has come"}),
        (200, {"callbacks": 2, "events": {"data_sync": 2}, "rooms": 1}), 200,
    ]  # fmt: skip
    assert (len(done.stdout.splitlines()) > 3, done.exit) == (True, 0)


# What it answers


def test_only_what_is_signed_is_received(listen: Listen) -> None:
    send = (signed(CREATED), signed(CREATED, at=AT), sent(CREATED), signed(LEFT, "2"))
    secrets = f"{b64encode(b'x' * 24).decode()}\nwhsec_{SECRET}\n"
    done = listen("--count", "4", "--json", "--secret-file", "-", stdin=secrets, send=send)
    *found, total = map(json.loads, done.stdout.splitlines())
    assert listen.answers == [200, 401, 401, 200]
    assert [each["signature"] for each in found] == ["ok", "bad", "none", "ok"]
    assert (total["sum"]["bad_signatures"], total["sum"]["duplicates"]) == (2, 0)
    assert done.exit == 10


def test_it_fails_in_turn(listen: Listen) -> None:
    done = listen("--count", "4", "--fail", "500,204,429", send=[sent(CREATED, webhook_id="1")] * 4)
    assert listen.answers == [500, 204, 429, 500]
    assert [line.split("\t")[4:] for line in done.stdout.splitlines()[:4]] == [
        ["1", "none", "500"], ["2", "none", "204"], ["duplicate", "none", "429"],
        ["duplicate", "none", "500"],
    ]  # fmt: skip
    assert done.exit == 0


def test_it_answers_late_and_notes_who_did_not_wait(listen: Listen) -> None:
    def leave(port: int) -> None:
        with socket.create_connection(("127.0.0.1", port)) as sender:
            sender.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")

    done = listen("--count", "2", "--delay", "0.2", send=[leave, sent(CREATED)])
    assert [line.split("\t")[-1] for line in done.stdout.splitlines()[:2]] == ["none", "200"]
    assert "sum\tunanswered\t1\n" in done.stdout


HEAD = b"POST /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n"


def test_what_is_too_large_is_refused(listen: Listen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiver, "MOST_BODY_BYTES", 1000)
    send = [
        raw(CHUNKED[:60], CHUNKED[60:] + b"0\r\n\r\n"),
        raw(HEAD + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n", b"{}"),
        raw(HEAD + b"Content-Length: 9000000\r\n\r\n", b"x" * 9_000_000),
        raw(CHUNKED + b"400\r\n" + b"x" * 1024 + b"\r\n0\r\n\r\n"),
        sent(CREATED),  # a stop would cut off the one before it
    ]
    done = listen("--count", "5", "--quiet", send=send)
    assert listen.answers == [[200], [100, 200], [413], [413], 200]
    assert done.stdout.count("\tnone\t") == 5


def test_what_is_no_callback_is_noted_and_not_counted(listen: Listen) -> None:
    """Nor is an address kept secret that is open to a network."""
    upgrade = b"GET /y HTTP/1.1\r\nConnection: Upgrade, close\r\nUpgrade: x\r\n\r\n"
    send = [
        raw(b"GET /x?y HTTP/1.1\r\nConnection: close\r\n\r\n"),
        raw(b"what is this\r\n\r\n"),
        raw(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
        raw(upgrade),
        sent(CREATED),
    ]
    done = listen("--count", "1", "--host", "0.0.0.0", send=send)
    assert listen.answers == [[405], [400], [400], [405], 200]
    _, is_open_to, *notes = [line for line in done.stderr.splitlines() if "chatctl: " in line]
    assert is_open_to.startswith("chatctl: 0.0.0.0 is open to a network: ")
    assert [note.split(": ")[1] for note in notes] == [
        "GET /x is no callback", "what came is no HTTP/1.1 request", "somebody speaks TLS",
        "GET /y is no callback",
    ]  # fmt: skip
    assert "sum\tcallbacks\t1\n" in done.stdout


# How it ends, and what keeps it from beginning


def test_a_signal_ends_it_with_the_sum(chatctl: Chatctl) -> None:
    """Who still waits for an answer gets none."""
    with (
        listening(chatctl, "--delay", "1h") as (process, port),
        socket.create_connection(("127.0.0.1", port)) as sender,
    ):
        ask = b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        sender.sendall(ask)
        assert sender.recv(1000).startswith(b"HTTP/1.1 100 ")
        sender.sendall(b"{}")
        assert raw(b"no HTTP\r\n\r\n")(port) == [400]  # so the one before it was read
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=30)
        assert sender.recv(1000) == b""
    assert b"\tnone\n" in stdout
    assert b"sum\tunanswered\t1\n" in stdout
    assert b"Traceback" not in stderr
    assert process.returncode == 0


def test_it_ends_quietly_when_nobody_reads(chatctl: Chatctl) -> None:
    with listening(chatctl) as (process, port):
        assert process.stdout is not None
        process.stdout.close()
        process.stdout = None
        assert post(port, CREATED) == 200
        _, stderr = process.communicate(timeout=30)
        assert (process.returncode, b"Traceback" in stderr) == (141, False)


def test_it_imports_of_a_server_only_how_text_is_shown_and_signed(chatctl: Chatctl) -> None:
    port = free_port()
    program = (
        "import sys; from chatctl import cli; "
        f"cli.run(['callbacks', 'listen', '--port', '{port}', '--count', '1']); "
        "print(*sorted(name for name in sys.modules if name.partition('.')[0] in "
        "('litestar', 'peewee', 'apsw', 'rich', 'chatctl_server')))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], env=chatctl.environ, stdout=subprocess.PIPE, text=True,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    eventually(lambda: is_open(port))
    post(port, CREATED)
    stdout, _ = process.communicate(timeout=30)
    domain = "chatctl_server.domain"
    own = {"chatctl_server", "chatctl_server.errors", domain}
    own |= {f"{domain}.signatures", f"{domain}.visible"}
    assert {*stdout.splitlines()[-1].split(" ")} == own


def test_what_cannot_be_is_said(here: Here) -> None:
    for option, value, message, code in (
        ("--fail", "500,99", "--fail: ", 2),
        ("--fail", "", "--fail: ", 2),
        ("--delay", "soon", "--delay: ", 2),
        ("--delay", "2h", "--delay: ", 2),
        ("--secret-file", "nowhere", "nowhere: No such file", 3),
        ("--host", "no-such-host.invalid", "no-such-host.invalid port 8080 cannot be", 5),
        ("--host", "192.0.2.1", "192.0.2.1 port 8080 cannot be listened on: ", 5),
    ):
        done = here("callbacks", "listen", option, value)
        assert (done.stdout, done.exit) == ("", code), option
        assert done.stderr.startswith(f"chatctl: {message}")


def test_a_port_that_is_taken_is_said(here: Here) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = here("callbacks", "listen", "--port", str(port))
    assert done == Finished("", lines(
        f"chatctl: 127.0.0.1 port {port} cannot be listened on: Address already in use",
        "  try: chatctl callbacks listen --port 0, which takes a free one",
    ), 5)  # fmt: skip


# With a server


def test_a_server_is_heard(chatctl: Chatctl, tmp_path: Path) -> None:
    """Signed, retried, in batches without a gap, and with the digest that they make."""
    (chatctl.directory / "secret").write_text(SECRET)
    args = ("--secret-file", "secret", "--json", "--fail", "500,200,200")
    with listening(chatctl, *args) as (process, port):
        kinds = ("DATA", "ROOM_EVENT", "CHAT_HISTORY", "SESSION_HISTORY", "PERIODIC_SYNC")
        urls = {f"{kind}_CALLBACK_URL": f"http://127.0.0.1:{port}/{kind}" for kind in kinds}
        more = {"CALLBACK_RETRY_DELAY_SECONDS": "0", "CHAT_HISTORY_BATCH_SIZE": "2"}
        with running(tmp_path, CALLBACK_SIGNING_SECRET=SECRET, **urls, **more) as server:
            room = server.create_room()
            with contextlib.closing(room.join("anna")) as anna:
                for number in range(5):
                    anna.say(f"text {number} 你好")
            found = until(process, "user_left", 1)
            server.http.post("/management/sync", json={"kinds": ["session_history"]})
            found += until(process, "session_history_batch", 1)
            server.http.post("/management/sync", json={"kinds": ["chat_history"]})
            chats = until(process, "chat_history_batch", 3)
            server.http.post("/management/sync", json={"kinds": ["periodic"]})
            found += chats + until(process, "periodic_sync", 1)
    assert {each["event"] for each in found} >= {"room_created", "user_joined", "data_sync"}
    assert {each["signature"] for each in found} == {"ok"}
    assert max(each["attempt"] for each in found) > 1
    sizes = [len(each["body"]["messages"]) for each in chats if each["answer"] == 200]
    assert sizes == [2, 2, 1]
    findings = [finding for each in found for finding in each["findings"]]
    # States are told as they are at each try.
    assert [each for each in findings if each["code"] != "changed_since"] == [
        {"code": "digest_equal", "text": "digest equal"}
    ]


def until(process: Process, event: str, count: int) -> list[Any]:
    """All callbacks until so many of these have been received."""
    found: list[Any] = []
    assert process.stdout is not None
    while count:
        found.append(json.loads(process.stdout.readline()))
        count -= found[-1]["event"] == event and found[-1]["answer"] == 200
    return found
