"""Hostile words of a server, of a proxy, of files and of the command line itself."""

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from cases import CASES
from hostile import ANSWERED, REFUSED, STRINGS, acting, file_name
from prepared_server import Answer, Finished, Prepared, problem
from same_process import Here, without_colours

from chatctl.show.visible import exact, visible

# One of each way to ask: a value, a table, pages, several users, a stream, files, its own error.
ASKING = (
    "status", "rooms ls", "rooms history", "ban", "say", "watch", "export", "sync pull",
    "callbacks recover", "events replay", "token mint",
)  # fmt: skip


def _clean(done: Finished) -> Finished:
    assert acting(without_colours(done.stdout), "\n\t") | acting(done.stderr) == set()
    assert "unexpected" not in done.stderr, done.stderr
    assert "Traceback" not in done.stderr
    return done


ROOM_ID = "6f1c8f0e-58b3-4b3a-9f5e-0d8a1f1f0001"
GIVEN = {
    "room": "lobby",
    "message": 7,
    "endpoint": ROOM_ID,
    "delivery": ROOM_ID,
    "new": "new.ndjson",
}
ENVIRON = {"ROOM_TOKEN_SECRET": "x" * 32, "ROOM_IDENTITY": "token"}


def _refuse(server: Prepared, hint: object) -> None:
    server.answer = lambda _: problem(400, "odd", ANSWERED, hint=hint)  # type: ignore[method-assign]


def test_a_refusal_is_two_quiet_lines(here: Here, server: Prepared) -> None:
    _refuse(server, ANSWERED)
    environ = {"CHATCTL_SERVER": server.url, **ENVIRON}
    expected = ("", f"chatctl: {visible(ANSWERED)}\n  try: {visible(ANSWERED)}\n", 2)
    for name in ASKING:
        words = CASES[name].words.format_map(GIVEN).split()
        assert _clean(here(*words, **environ)) == expected, name
        assert _clean(here.as_terminal(40, *words, **environ)) == expected, name
    done = _clean(here(*words, "--json", **environ))
    assert (done.stdout, done.exit) == ("", 2)
    error = {"code": "odd", "message": ANSWERED, "hint": ANSWERED, "exit": 2}
    assert json.loads(done.stderr) == {"error": error}


def test_a_hint_may_be_anything(here: Here, server: Prepared) -> None:
    for hint, told in ((None, ""), (5, "  try: 5\n"), (["\x1b"], r"  try: ['\x1b']" "\n")):
        _refuse(server, hint)
        done = _clean(here("status", CHATCTL_SERVER=server.url))
        assert done == ("", f"chatctl: {visible(ANSWERED)}\n{told}", 2)


def test_what_our_server_would_refuse_is_shown_of_another(here: Here, server: Prepared) -> None:
    text = "|".join(REFUSED.values())
    room = {"room_id": text, "room_name": text, "current_users": text, "start_time": text}
    server.answers["GET /management/rooms"] = Answer([room])
    server.answers["GET /management/status"] = Answer({"address": text, "database": text})
    environ = {"CHATCTL_SERVER": server.url}
    done = _clean(here("rooms", **environ))
    assert [exact(cell) for cell in done.stdout.split("\t")][:2] == [text, text]
    assert json.loads(_clean(here("rooms", "--json", **environ)).stdout) == [room]
    assert visible(text) in _clean(here.as_terminal(120, "rooms", **environ)).stdout
    assert visible(text) in _clean(here.as_terminal(40, "status", **environ)).stdout


def test_a_stream_on_a_terminal_is_quiet(here: Here, server: Prepared) -> None:
    event = {
        "offset": 2, "event_id": "x", "at": "2026-01-02T03:04:05.000006Z", "room_id": ROOM_ID,
        "actor": ANSWERED, "credential": "api-key", "address": None, "type": ANSWERED,
        "data": {ANSWERED: [ANSWERED]},
    }  # fmt: skip
    room = {"room_id": ROOM_ID, "room_name": ANSWERED}
    server.answers[f"GET /management/rooms/{ROOM_ID}"] = Answer(room)
    server.answers["GET /management/status"] = Answer({"last_offset": 1})
    server.answers["GET /management/events"] = Answer([])
    for options in ((), ("--json",)):
        line = Answer(json.dumps(event).encode() + b"\n")
        end = problem(404, "room_not_found", ANSWERED)
        server.answers["GET /management/events/stream"] = [line, end]
        done = _clean(
            here.as_terminal(40, "events", "tail", "-f", *options, CHATCTL_SERVER=server.url)
        )
        assert done.exit == 3
        assert done.stdout.count("\n") == 1
        if options:
            assert json.loads(done.stdout) == event


@contextmanager
def _raw(answer: bytes) -> Iterator[str]:
    """The URL of a server that answers with exactly these bytes."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while self.rfile.readline() not in (b"\r\n", b""):
                pass
            self.wfile.write(answer)

    with socketserver.TCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def _http(*headers: bytes, status: bytes = b"200 OK", body: bytes = b"[]") -> bytes:
    lines = (
        b"HTTP/1.1 " + status, b"Connection: close", b"Content-Type: application/json",
        b"Content-Length: %d" % len(body), *headers, b"", body,
    )  # fmt: skip
    return b"\r\n".join(lines)


RAW = {
    "reason": _http(status=b"404 \x1b[31mgone\x9b", body=b"\x1b[2J"),
    "body": _http(body=b'{"\x1b[2J'),
    "version": _http(b"X-Chatctl-Version: 9.\x1b[31m\x9b2J"),
    "minor": _http(b"X-Chatctl-Version: 0.99.\x9b31m"),
    "location": _http(b"Location: http://\x1b]8;;x\x07\x9b/", status=b"302 Found"),
    "latin-1 location": _http(b"Location: http://\x9b31m/", status=b"302 Found"),
    "link": _http(b'Link: <http://\x1b[31m:x/>; rel="next"'),
    "latin-1 link": _http(b'Link: <http://[\x9b31m:\x85/>; rel="next"'),
    "no http": b"\x1b[31mHELLO\r\n\r\n",
    "nothing": b"",
}


def test_a_strange_answer_is_one_quiet_line(here: Here) -> None:
    for name, answer in RAW.items():
        with _raw(answer) as url:
            done = _clean(here("rooms", "--server", url, "--timeout", "5s"))
        assert done.exit in (6, 7) or "0.99" in done.stderr, name
        assert done.stderr.startswith("chatctl: "), name


SPELLINGS = (
    ("rooms", "--server"),
    ("rooms", "--config"),
    ("rooms", "--db"),
    ("rooms", "--api-key-file"),
    ("rooms", "--timeout"),
    ("rooms", "--status"),
    ("events", "--since"),
    ("bans", "--limit"),
    ("token", "inspect"),
    ("ban", "lobby", "--from"),
    ("help",),
    ("rooms",),
    (),
)


def test_a_mistyped_word_is_told_quietly(here: Here) -> None:
    for words in SPELLINGS:
        for text in ("|".join(STRINGS.values()), STRINGS["csi_erase"], STRINGS["bidi_override"]):
            done = _clean(here(*words, text, **ENVIRON))
            known = done.exit in (2, 3, 6) or "File name too long" in done.stderr
            assert (done.stdout, known) == ("", True), (text, done)


def test_a_file_is_told_by_its_name(here: Here) -> None:
    """Files that are there: of users, with a key, with settings."""
    names = [
        file_name(STRINGS[each]) for each in ("csi_colour", "newline", "bidi_override", "shell")
    ]
    for name in names:
        (here.directory / name).write_text('{"\x1b[31m\n')
        for words in (
            ("ban", "lobby", "--from", f"./{name}"),
            ("rooms", "--api-key-file", f"./{name}", "--server", "http://127.0.0.1:1"),
            ("config", "check", "--config", f"./{name}"),
            ("db", "info", "--db", f"sqlite:./{name}"),
        ):
            done = _clean(here(*words))
            assert (done.stdout, done.exit != 0) == ("", True), done
