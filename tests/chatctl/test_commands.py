"""What a list asks for and prints, and what no good server gives."""

import json
import subprocess

import pytest
from prepared_server import Answer, Chatctl, Prepared, lines, rows
from same_process import Here

LOBBY_ID = "6f1c8f0e-58b3-4b3a-9f5e-0d8a1f1f0001"
ARENA_ID = "6f1c8f0e-58b3-4b3a-9f5e-0d8a1f1f0002"
LOBBY = {
    "room_id": LOBBY_ID,
    "room_name": "lobby",
    "admin_user_ids": ["alice", "bob"],
    "start_time": 1_767_323_045,
    "current_users": 3,
    "peak_users": 9,
    "total_joins": 27,
    "current_connections": 3,
    "created_at": 1_767_323_045,
    "last_activity": 1_767_323_050,
}
ARENA = {**LOBBY, "room_id": ARENA_ID, "room_name": "arena", "closed_at": 1_767_323_999}


def test_all_pages_of_rooms_are_listed_by_name(here: Here, server: Prepared) -> None:
    link = {"Link": '</management/rooms?status=all&cursor=a%2Fb>; rel="next"'}
    server.answers["GET /management/rooms"] = [Answer([LOBBY], 200, link), Answer([ARENA])]
    assert here("rooms", "--status", "all", "--match", "*b*", CHATCTL_SERVER=server.url) == (
        rows(
            (ARENA_ID, "arena", "3", "9", "27", "2026-01-02T03:04:05Z", "2026-01-02T03:19:59Z"),
            (LOBBY_ID, "lobby", "3", "9", "27", "2026-01-02T03:04:05Z", ""),
        ),
        "",
        0,
    )
    first, second = (asked.query for asked in server.asked)
    assert first == {"status": "all", "match": "*b*"}
    assert second == {"status": "all", "cursor": "a/b"}


def test_rooms_under_json_are_one_array(here: Here, server: Prepared) -> None:
    server.answers["GET /management/rooms"] = Answer([LOBBY])
    done = here("rooms", "ls", "--json", CHATCTL_SERVER=server.url)
    at = "2026-01-02T03:04:05Z"
    times = {"start_time": at, "created_at": at, "last_activity": "2026-01-02T03:04:10Z"}
    assert json.loads(done.stdout) == [{**LOBBY, **times}]
    assert (done.stderr, done.exit) == ("", 0)


def test_a_closed_pipe_ends_quietly(chatctl: Chatctl, server: Prepared) -> None:
    many = [{**LOBBY, "room_name": "x" * 5000} for _ in range(100)]
    server.answers["GET /management/rooms"] = Answer(many)
    with chatctl.start("rooms", "--server", server.url) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.read(1)
        running.stdout.close()
        assert running.stderr.read() == b""
        assert running.wait(30) == 141


def test_a_full_disk_under_the_output_is_as_any_other(chatctl: Chatctl, server: Prepared) -> None:
    server.answers["GET /management/rooms"] = Answer([LOBBY])
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        running = chatctl.start(
            "rooms", "--server", server.url, stdout=full.fileno(), stderr=subprocess.PIPE
        )
        _, said = running.communicate(timeout=30)
    assert said.decode() == lines(
        "chatctl: the result cannot be written to stdout: No space left on device",
        "  try: make room on its disk",
    )
    assert running.returncode == 6


def test_an_unexpected_answer_is_one_line(here: Here, server: Prepared) -> None:
    server.answers["POST /management/rooms"] = Answer({})
    assert here("rooms", "create", "lobby", CHATCTL_SERVER=server.url) == (
        "",
        lines(
            "chatctl: unexpected KeyError: 'room_id'",
            "  try: the same with CHATCTL_DEBUG=1 in the environment, and report what it prints",
        ),
        1,
    )


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("rooms shwo lobby", "chatctl rooms show"),
        ("rooms members lobby --user anna", "chatctl rooms members --help"),
        ("rooms history lobby --limt 3", "chatctl rooms history … --limit"),
        ("serve --port 8080", "chatctl serve --bind HOST:PORT"),
        ("serve -p 8080", "chatctl serve --bind HOST:PORT"),
        ("user show anna", "chatctl room-users, chatctl users"),
        ("member ls", "chatctl --help"),
        ("room ls", "chatctl rooms"),
        ("romms ls", "chatctl rooms"),
        ("backup x.db", "chatctl db backup"),
        ("people ls", "chatctl --help"),
        ("callbacks list", "chatctl callbacks ls"),
        ("version", "chatctl --version"),
        ("-v", "chatctl --version"),
        ("events --until 1h -f", "chatctl events tail -f"),
        ("ban", "as in: chatctl ban lobby mallory --reason spam --for 7d"),
        ("events --since", "--since OFFSET|ID|TIME"),
        ("callbacks recover --only", "--only failed|missing|all"),
        ("status --server 127.0.0.1:4311", "--server http://127.0.0.1:4311"),
        ("status --server ftp://a", "--server http://127.0.0.1:3000"),
    ],
)
def test_what_is_typed_wrongly_leads_to_what_is_meant(here: Here, typed: str, meant: str) -> None:
    done = here(*typed.split())
    assert (done.stdout, done.exit) == ("", 2)
    assert done.stderr.splitlines()[1] == f"  try: {meant}"
