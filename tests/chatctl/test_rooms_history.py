"""What was said in a room and who was there: the newest first, and nothing is cut off silently."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from offline import SECOND, Offline
from prepared_server import Answer, Prepared, rows
from same_process import Here
from world import KEY, Server, running

from chatctl.commands.history import repeated
from chatctl_server.actions import messages as verbs
from chatctl_server.actions.sessions import join, leave

T = 1_700_000_000
AT = "2023-11-14T22:13:"  # seconds follow: T is :20
USAGE = 2
BOTH = ("history", "sessions")
ROOM_ID = "6f1c8f0e-58b3-4b3a-9f5e-0d8a1f1f0001"


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The room ``told`` has 60 messages and sessions, one each second from T on."""
    directory: Path = tmp_path_factory.mktemp("told")
    desk = Offline(directory / "chat.db", now=(T - 100) * SECOND)
    room = desk.create_room("told", "u1")
    sessions = []
    for number in range(60 + 7):
        desk.now = (T + number) * SECOND
        if number >= 7:
            desk.run(leave, room, sessions[number - 7], "left")
        if number < 60:
            desk.post(room, f"u{number}", f"text\t{number}")
            sessions.append(desk.run(join, room, f"u{number}", f"u{number}").session_id)
    desk.run(verbs.erase, room, 2)
    desk.close()
    with running(directory) as server:
        yield server


def test_what_a_user_said(served: Here, shared_server: Server) -> None:
    """Among what all say; the command for the older ones is of that user, too."""
    history = ("rooms", "history", "told", "--user")
    assert [each["seq"] for each in served.json(*history, "u7")] == [8]
    assert served.json(*history, "nobody") == []
    room = shared_server.create_room("two")
    for number in range(4):
        for user in ("anna", "bert"):
            body = {"content": f"{number}", "user_id": user}
            shared_server.http.post(f"{room.path}/messages", json=body)
    done = served("rooms", "history", "two", "--user", "anna", "--limit", "2", "--json")
    assert [each["seq"] for each in json.loads(done.stdout)] == [7, 5]
    hint = done.stderr.partition("the older ones: chatctl ")[2]
    assert [each["seq"] for each in served.json(*shlex.split(hint)[:-1])] == [3, 1]


def test_messages(served: Here, here: Here, shared_server: Server) -> None:
    """Of the deleted one the text is missing, and the last column says so."""
    history = ("rooms", "history", "told", "--before")
    assert served.json(*history, "2") == [
        {
            "message_id": 1,
            "seq": 1,
            "kind": "text",
            "user_id": "u0",
            "nickname": "u0",
            "is_admin": False,
            "content": "text\t0",
            "created_at": f"{AT}20Z",
            "deleted": False,
        }
    ]
    assert served(*history, "4") == (
        rows(
            ("3", "3", f"{AT}22Z", "u2", "u2", r"text\t2", "no"),
            ("2", "2", f"{AT}21Z", "u1", "u1", "", "yes"),
            ("1", "1", f"{AT}20Z", "u0", "u0", r"text\t0", "no"),
        ),
        "",
        0,
    )
    place = {"CHATCTL_SERVER": shared_server.url, "ADMIN_API_KEY": KEY}
    shown = here.as_terminal(80, *history, "3", "--no-color", **place).stdout
    assert [line.split() for line in re.sub(r"\d+d ago", "before", shown).splitlines()] == [
        ["MESSAGE", "SEQ", "CREATED", "USER", "NAME", "TEXT"],
        ["2", "2", "before", "u1", "u1", "(deleted)"],
        ["1", "1", "before", "u0", "u0", r"text\t0"],
    ]


def test_which_messages(served: Here) -> None:
    for options, found in (
        ("--all", range(60, 0, -1)),
        ("--limit 60", range(60, 0, -1)),
        (f"--since {T + 50}", range(60, 50, -1)),
        (f"--since {AT}25Z --until {T + 7}", (8, 7, 6)),
        (f"--until {T}.9", (1,)),
        ("--since 1h", ()),
        (f"--before 3 --since {T + 1}", (2,)),
        ("--since 2023-11-14 --until 2023-11-15 --before 3", (2, 1)),
        ("--until 2023-11-14", ()),
        ("--since 2023-11-15", ()),
    ):
        shown = served.json("rooms", "history", "told", *options.split())
        assert [each["seq"] for each in shown] == list(found), options


def test_a_cut_history_says_how_to_get_the_rest(served: Here) -> None:
    done = served("rooms", "history", "told", "--until", f"{T + 54}", "--limit", "3")
    assert [line.split("\t")[1] for line in done.stdout.splitlines()] == ["55", "54", "53"]
    note, command = done.stderr.rstrip("\n").split("; the older ones: chatctl ")
    assert (note, done.exit) == ("chatctl: the newest 3 messages are shown", 0)
    rest = served(*shlex.split(command))
    assert [line.split("\t")[1] for line in rest.stdout.splitlines()] == [
        str(seq) for seq in range(52, 0, -1)
    ]
    assert (rest.stderr, rest.exit) == ("", 0)


def test_the_usual_is_fifty_and_quiet_is_quiet(served: Here) -> None:
    for verb in BOTH:
        done = served("rooms", verb, "told", "--quiet", "--json")
        assert (len(json.loads(done.stdout)), done.stderr, done.exit) == (50, "", 0)


def test_the_command_for_the_rest_has_the_options_that_were_given(
    here: Here, shared_server: Server
) -> None:
    key = here.directory / "the key"
    key.write_text(KEY)
    key.chmod(0o600)
    given = ("--server", shared_server.url, "--api-key-file", "the key", "--json")
    cut = here("rooms", "history", "told", "--since", "9000d", "--limit", "1", *given)
    command = shlex.split(cut.stderr)[cut.stderr.split().index("chatctl", 1) :]
    rest = here(*command[1:])
    assert len(json.loads(rest.stdout)) == 59, (command, rest)


def test_sessions(served: Here) -> None:
    assert served.json("rooms", "sessions", "told", "--until", f"{T}") == [
        {
            "user_id": "u0",
            "nickname": "u0",
            "join_time": f"{AT}20Z",
            "leave_time": f"{AT}27Z",
            "duration_seconds": 7,
        }
    ]
    assert served("rooms", "sessions", "-R", "told", "--until", f"{T}") == (
        rows(("u0", "u0", f"{AT}20Z", f"{AT}27Z", "7")),
        "",
        0,
    )
    cut = served("rooms", "sessions", "told", "--since", f"{T + 10}", "--limit", "2")
    assert [line.split("\t")[0] for line in cut.stdout.splitlines()] == ["u59", "u58"]
    note, command = cut.stderr.rstrip("\n").split("; all of them: chatctl ")
    assert note == "chatctl: the newest 2 of 50 sessions are shown"
    everyone = served(*shlex.split(command))
    assert (len(everyone.stdout.splitlines()), everyone.stderr) == (50, "")


def test_sessions_that_end_between_two_pages_are_listed_once(here: Here, server: Prepared) -> None:
    old = [{"user_id": "a"}, {"user_id": "b"}, {"user_id": "b"}]
    assert repeated([], old, 3) == 0
    assert repeated(old, [{"user_id": "b"}, {"user_id": "c"}], 0) == 0
    assert repeated(old, [{"user_id": "b"}, {"user_id": "b"}], 5) == 2
    assert repeated(old, [{"user_id": "c"}], 5) == 0

    def page(*users: str, total: int, more: bool) -> Answer:
        sums = {"total_records": total, "has_next": more}
        records = [{"user_id": user, "join_time": T} for user in users]
        return Answer({"records": records, "pagination": sums})

    server.answers = {
        f"GET /management/rooms/{ROOM_ID}": Answer({"room_id": ROOM_ID}),
        f"GET /management/sync/session-history/{ROOM_ID}": [
            page("d", "c", total=4, more=True),
            page("c", "b", total=5, more=True),
            page("a", total=5, more=False),
        ],
    }
    done = here("rooms", "sessions", ROOM_ID, "--all", CHATCTL_SERVER=server.url)
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == ["d", "c", "b", "a"]
    assert [asked.query["page"] for asked in server.asked[1:]] == ["1", "2", "3"]


def test_wrong_input_is_refused(served: Here) -> None:
    for verb in BOTH:
        for options in ("--since 1h --until 2h", "--limit 0", "--limit 3 --all", "lobby"):
            words = ("rooms", verb, "told", *options.split())
            assert served.refused(*words) == ("usage", USAGE), words


def test_all_of_it_goes_into_a_pipe_page_by_page(here: Here, server: Prepared) -> None:
    """What was read before the server failed is there, and the failure is told."""
    message = {"message_id": 1, "seq": 1, "created_at": T, "user_id": "u", "nickname": "u"}
    path = f"/management/rooms/{ROOM_ID}"
    link = {"Link": f'<{path}/messages?before=1&limit=1000>; rel="next"'}
    page = Answer([{**message, "content": "hello", "deleted": False}], 200, link)
    server.answers = {f"GET {path}": Answer({"room_id": ROOM_ID})}
    server.answers[f"GET {path}/messages"] = [page, Answer(b"?", 500)]
    done = here("rooms", "history", ROOM_ID, "--all", CHATCTL_SERVER=server.url)
    assert done.stdout == rows(("1", "1", f"{AT}20Z", "u", "u", "hello", "no"))
    assert "not as a chatctl server does" in done.stderr
    server.answers[f"GET {path}/messages"] = [page, Answer(b"?", 500)]
    done = here("rooms", "history", ROOM_ID, "--all", "--json", CHATCTL_SERVER=server.url)
    assert (done.stdout, json.loads(done.stderr)["error"]["code"]) == ("", "not_chatctl")
