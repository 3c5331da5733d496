"""What each verb asks the server for, and all that it prints."""

import json
import subprocess

import pytest
from prepared_server import Answer, Asked, Chatctl, Finished, Prepared, lines, problem, rows

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
BASE = f"/management/rooms/{LOBBY_ID}"


def _rooms(*rooms: dict[str, object]) -> object:
    """GET /management/rooms as the server answers it."""

    def answer(asked: Asked) -> Answer:
        status = asked.query.get("status", "open")
        named = asked.query.get("room", asked.query.get("match"))
        return Answer(
            [
                room
                for room in rooms
                if status in ("all", "closed" if "closed_at" in room else "open")
                and named in (None, room["room_name"])
            ]
        )

    return answer


@pytest.fixture
def prepared(server: Prepared) -> Prepared:
    server.answers["GET /management/rooms"] = _rooms(LOBBY, ARENA)  # type: ignore[assignment]
    server.answers[f"GET {BASE}"] = Answer(LOBBY)
    return server


def _run(chatctl: Chatctl, server: Prepared, *args: str, stdin: str = "") -> Finished:
    return chatctl(*args, stdin=stdin, CHATCTL_SERVER=server.url)


def test_rooms_are_listed_by_name(chatctl: Chatctl, prepared: Prepared) -> None:
    assert _run(chatctl, prepared, "rooms", "--status", "all") == (
        rows(
            (ARENA_ID, "arena", "3", "9", "27", "2026-01-02T03:04:05Z", "2026-01-02T03:19:59Z"),
            (LOBBY_ID, "lobby", "3", "9", "27", "2026-01-02T03:04:05Z", ""),
        ),
        "",
        0,
    )


def test_rooms_under_json_are_one_array(chatctl: Chatctl, prepared: Prepared) -> None:
    done = _run(chatctl, prepared, "rooms", "ls", "--json", "--match", "lobby")
    at = "2026-01-02T03:04:05Z"
    times = {"start_time": at, "created_at": at, "last_activity": "2026-01-02T03:04:10Z"}
    assert json.loads(done.stdout) == [{**LOBBY, **times}]
    assert (done.stderr, done.exit) == ("", 0)
    assert prepared.asked[0].query == {"status": "open", "match": "lobby"}


def test_no_rooms_are_an_empty_array(chatctl: Chatctl, prepared: Prepared) -> None:
    assert _run(chatctl, prepared, "rooms", "--json", "--match", "x") == ("[]\n", "", 0)


def test_all_pages_of_a_list_are_shown(chatctl: Chatctl, prepared: Prepared) -> None:
    link = {"Link": '</management/rooms?status=all&cursor=a%2Fb>; rel="next"'}
    prepared.answers["GET /management/rooms"] = [Answer([LOBBY], 200, link), Answer([ARENA])]
    done = _run(chatctl, prepared, "rooms", "--status", "all")
    assert [row.split("\t")[1] for row in done.stdout.splitlines()] == ["arena", "lobby"]
    assert prepared.asked[1].query == {"status": "all", "cursor": "a/b"}


def test_a_room_with_a_hostile_name_stays_one_line(chatctl: Chatctl, prepared: Prepared) -> None:
    hostile = {**LOBBY, "room_name": "a\x1b]8;;x\x07\tb\nc\u202e"}
    prepared.answers["GET /management/rooms"] = Answer([hostile])
    done = _run(chatctl, prepared, "rooms")
    assert done.stdout.split("\t")[1] == r"a\x1b]8;;x\x07\tb\nc\u202e"
    done = _run(chatctl, prepared, "rooms", "--json")
    assert json.loads(done.stdout)[0]["room_name"] == hostile["room_name"]
    assert not set(done.stdout) & set("\x1b\x07\u202e")


def test_create_prints_the_id_first(chatctl: Chatctl, prepared: Prepared) -> None:
    made = {"room_id": LOBBY_ID, "websocket_url": f"/ws/rooms/{LOBBY_ID}"}
    prepared.answers["POST /management/rooms"] = Answer(made)
    args = ("rooms", "create", "lobby", "--admin", "alice", "--admin", "bob")
    assert _run(chatctl, prepared, *args) == (rows((LOBBY_ID, f"/ws/rooms/{LOBBY_ID}")), "", 0)
    assert prepared.asked[0].body == {"room_name": "lobby", "admin_user_ids": ["alice", "bob"]}
    done = _run(chatctl, prepared, *args, "--json")
    assert json.loads(done.stdout) == {"changed": True, **made}


@pytest.mark.parametrize("room", [("lobby",), (LOBBY_ID,), ("-R", "lobby"), ("--room", LOBBY_ID)])
def test_a_room_is_shown_by_name_or_id(
    chatctl: Chatctl, prepared: Prepared, room: tuple[str, ...]
) -> None:
    assert _run(chatctl, prepared, "rooms", "show", *room) == (
        rows(
            ("id", LOBBY_ID), ("name", "lobby"), ("admins", "alice,bob"), ("users", "3"),
            ("peak", "9"), ("joins", "27"), ("created", "2026-01-02T03:04:05Z"),
            ("last activity", "2026-01-02T03:04:10Z"),
        ),
        "",
        0,
    )  # fmt: skip


def test_an_unknown_room_is_exit_3(chatctl: Chatctl, prepared: Prepared) -> None:
    expected = ("", lines("chatctl: there is no room nowhere", "  try: chatctl rooms ls"), 3)
    assert _run(chatctl, prepared, "rooms", "show", "nowhere") == expected
    assert _run(chatctl, prepared, "ban", "nowhere", "mallory") == expected


def test_an_ambiguous_name_is_exit_5_with_the_candidates(
    chatctl: Chatctl, prepared: Prepared
) -> None:
    other = {**LOBBY, "room_id": ARENA_ID}
    prepared.answers["GET /management/rooms"] = _rooms(LOBBY, other)  # type: ignore[assignment]
    assert _run(chatctl, prepared, "ban", "lobby", "mallory") == (
        "",
        lines(
            f"chatctl: lobby may be any of 2 rooms: {LOBBY_ID}, {ARENA_ID}",
            "  try: the whole id of one of them",
        ),
        5,
    )


def test_the_server_says_which_room_is_meant(chatctl: Chatctl, prepared: Prepared) -> None:
    done = _run(chatctl, prepared, "rooms", "show", "lobby", "--json")
    assert json.loads(done.stdout)["room_id"] == LOBBY_ID
    (asked,) = prepared.asked
    assert (asked.path, asked.query) == ("/management/rooms", {"status": "all", "room": "lobby"})


def test_close_without_a_terminal_needs_yes(chatctl: Chatctl, prepared: Prepared) -> None:
    assert _run(chatctl, prepared, "rooms", "close", "lobby") == (
        "",
        lines(
            "chatctl: closing a room asks first, and here is no terminal to ask on",
            "  try: chatctl rooms close lobby --yes",
        ),
        2,
    )
    assert prepared.asked == []


def test_close_and_close_again(chatctl: Chatctl, prepared: Prepared) -> None:
    prepared.answers[f"DELETE {BASE}"] = [
        Answer(b"", 204),
        problem(404, "room_closed", "the room is closed"),
    ]
    args = ("rooms", "close", "lobby", "--yes", "--json")
    expected = {"changed": True, "room_id": LOBBY_ID, "room_name": "lobby"}
    assert json.loads(_run(chatctl, prepared, *args).stdout) == expected
    done = _run(chatctl, prepared, *args)
    assert json.loads(done.stdout) == {**expected, "changed": False}
    assert (done.stderr, done.exit) == ("", 0)


def test_ban_sends_reason_and_seconds(chatctl: Chatctl, prepared: Prepared) -> None:
    prepared.answers[f"PUT {BASE}/bans/mallory"] = Answer({"user_id": "mallory", "changed": True})
    done = _run(chatctl, prepared, "ban", "lobby", "mallory", "--reason", "spam", "--for", "1h")
    assert done == (rows(("mallory", "changed")), "", 0)
    assert prepared.asked[-1].body == {"reason": "spam", "expires_in": 3600}


@pytest.mark.parametrize(
    ("verb", "method", "path"),
    [
        ("unban", "DELETE", "bans"),
        ("kick", "POST", "kick"),
        ("mute", "PUT", "mutes"),
        ("unmute", "DELETE", "mutes"),
    ],
)
def test_doing_again_what_is_done_is_exit_0(
    chatctl: Chatctl, prepared: Prepared, verb: str, method: str, path: str
) -> None:
    prepared.answers[f"{method} {BASE}/{path}/mallory"] = Answer({"changed": False})
    done = _run(chatctl, prepared, verb, "-R", "lobby", "mallory", "--json")
    assert json.loads(done.stdout) == {"user_id": "mallory", "changed": False}
    assert (done.stderr, done.exit) == ("", 0)


@pytest.mark.parametrize(
    ("user", "segment"),
    [("a/b", "a%2Fb"), ("..", "%2E%2E"), ("a b?c#d%20", "a%20b%3Fc%23d%2520"), ("é", "%C3%A9")],
)
def test_a_user_is_one_segment_of_the_path(
    chatctl: Chatctl, prepared: Prepared, user: str, segment: str
) -> None:
    prepared.answers[f"DELETE {BASE}/bans/{segment}"] = Answer({"changed": True})
    assert _run(chatctl, prepared, "unban", "lobby", "--", user).exit == 0


def test_of_many_users_each_has_a_line_and_failures_are_exit_9(
    chatctl: Chatctl, prepared: Prepared
) -> None:
    prepared.answers[f"PUT {BASE}/bans/alice"] = Answer({"changed": True})
    prepared.answers[f"PUT {BASE}/bans/bob"] = problem(400, "bad_text", "no such text")
    prepared.answers[f"PUT {BASE}/bans/carol"] = Answer({"changed": False})
    args = ("ban", "lobby", "alice", "--from", "-")
    assert _run(chatctl, prepared, *args, stdin="bob\ncarol\n") == (
        rows(("alice", "changed"), ("carol", "unchanged")),
        lines("chatctl: bob: no such text", "chatctl: 1 of 3 users banned, 1 unchanged, 1 failed"),
        9,
    )
    done = _run(chatctl, prepared, *args, "--json", stdin="bob\ncarol\n")
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"user_id": "alice", "changed": True},
        {"user_id": "bob", "error": {"code": "bad_text", "message": "no such text"}},
        {"user_id": "carol", "changed": False},
    ]
    assert json.loads(done.stderr)["error"]["exit"] == 9


def test_of_one_user_the_failure_is_its_own(chatctl: Chatctl, prepared: Prepared) -> None:
    prepared.answers[f"PUT {BASE}/bans/bob"] = problem(507, "storage_full", "the disk is full")
    assert _run(chatctl, prepared, "ban", "lobby", "bob") == ("", "chatctl: the disk is full\n", 6)


def test_the_bans_of_one_room_go_into_another(chatctl: Chatctl, prepared: Prepared) -> None:
    odd = "tab\there\\"
    ban = {"reason": None, "banned_by": "alice", "created_at": 1_767_323_045, "expires_at": None}
    prepared.answers[f"GET {BASE}/bans"] = Answer(
        [{**ban, "user_id": "trudy", "reason": "a\tb"}, {**ban, "user_id": odd}]
    )
    listed = _run(chatctl, prepared, "bans", "lobby")
    assert listed == (
        rows(
            (r"tab\there\\", "", "alice", "2026-01-02T03:04:05Z", ""),
            ("trudy", r"a\tb", "alice", "2026-01-02T03:04:05Z", ""),
        ),
        "",
        0,
    )
    banned: list[str] = []

    def ban_any(asked: Asked) -> Answer:
        banned.append(asked.path.rsplit("/", 1)[1])
        return Answer({"changed": True})

    for segment in ("tab%09here%5C", "trudy"):
        prepared.answers[f"PUT {BASE}/bans/{segment}"] = ban_any
    assert _run(chatctl, prepared, "ban", "lobby", "--from", "-", stdin=listed.stdout).exit == 0
    assert banned == ["tab%09here%5C", "trudy"]


def test_nobody_from_stdin_is_nothing_to_do(chatctl: Chatctl, prepared: Prepared) -> None:
    note = "chatctl: no users were given, nothing to do\n"
    assert _run(chatctl, prepared, "ban", "lobby", "--from", "-") == ("", note, 0)
    assert _run(chatctl, prepared, "ban", "lobby", "--from", "-", "--quiet") == ("", "", 0)
    assert prepared.asked == []


def test_say_posts_words_or_stdin(chatctl: Chatctl, prepared: Prepared) -> None:
    posted = {"message_id": 7, "seq": 3, "created_at": 1_767_323_045, "duplicate": False}
    prepared.answers[f"POST {BASE}/messages"] = Answer(posted, 201)
    assert _run(chatctl, prepared, "say", "lobby", "hello", "there", "--as", "alice") == (
        rows(("7", "3", "2026-01-02T03:04:05Z")),
        "",
        0,
    )
    body = prepared.asked[-1].body
    assert isinstance(body, dict)
    assert {**body, "client_msg_id": "-"} == {
        "content": "hello there",
        "client_msg_id": "-",
        "user_id": "alice",
    }
    done = _run(chatctl, prepared, "say", "lobby", "-", "--json", stdin="one\n\ttwo\n")
    assert prepared.asked[-1].body["content"] == "one\n\ttwo"  # type: ignore[index]
    assert json.loads(done.stdout) == {
        "changed": True, **posted, "created_at": "2026-01-02T03:04:05Z",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("ban",), "Missing argument 'ROOM'."),
        (("ban", "lobby"), "Missing argument 'USER'."),
        (("ban", "lobby", ""), "USER is empty"),
        (("ban", "lobby", "mallory", "--for", "soon"), "--for: 'soon' is not a duration"),
        (("say", "lobby"), "Missing argument 'TEXT'."),
        (("say", "lobby", "-"), "the text is empty"),
        (("rooms", "show", "a", "b"), "Got unexpected extra argument (b)"),
        (("rooms", "ls", "--status", "maybe"), "'maybe' is not one of 'open', 'closed', 'all'"),
        (("rooms", "lss"), "No such command 'lss'."),
        (("events", "tail", "--since", "1", "--limit", "2"), "--since and --limit both say"),
        (
            ("events", "--since", "soon"),
            "--since: 'soon' is neither an offset, an event's id, a time",
        ),
        (("status", "--timeout", "0"), "--timeout: '0' is not a duration"),
    ],
)
def test_usage_errors_are_exit_2_with_and_without_json(
    chatctl: Chatctl, prepared: Prepared, args: tuple[str, ...], message: str
) -> None:
    done = _run(chatctl, prepared, *args)
    assert (done.stdout, done.exit) == ("", 2)
    assert done.stderr.startswith("chatctl: ")
    assert message in done.stderr
    done = _run(chatctl, prepared, *args, "--json")
    assert (done.stdout, done.exit) == ("", 2)
    assert message in json.loads(done.stderr)["error"]["message"]


def test_a_mistyped_verb_gets_a_suggestion(chatctl: Chatctl) -> None:
    assert chatctl("rooms", "shwo", "lobby") == (
        "",
        lines("chatctl: No such command 'shwo'.", "  try: chatctl rooms show"),
        2,
    )


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("rooms", "history", "lobby", "--user", "anna"), "chatctl rooms history --help"),
        (("rooms", "history", "lobby", "--limt", "3"), "chatctl rooms history … --limit"),
        (("users", "ls"), "chatctl room-users"),
        (("people", "ls"), "chatctl --help"),
        (("version",), "chatctl --version"),
        (("serve", "--port", "8080"), "chatctl serve --bind HOST:PORT"),
        (("serve", "-p", "8080"), "chatctl serve --bind HOST:PORT"),
        (("romes", "ls"), "chatctl rooms"),
    ],
)
def test_only_what_a_slip_makes_is_suggested(
    chatctl: Chatctl, words: tuple[str, ...], hint: str
) -> None:
    assert chatctl(*words).stderr.splitlines()[1] == f"  try: {hint}"


def test_options_stand_behind_the_verb(chatctl: Chatctl) -> None:
    assert chatctl("--quiet", "rooms", "ls") == (
        "",
        lines(
            "chatctl: No such option: --quiet",
            "  try: options behind the verb, as in: chatctl rooms ls --json",
        ),
        2,
    )


def test_events_that_are_cut_off_say_so(chatctl: Chatctl, prepared: Prepared) -> None:
    events = [
        {"offset": n, "event_id": "x", "type": "ban.set", "at": "2026-01-02T03:04:05.000000Z",
         "room_id": LOBBY_ID, "actor": None, "credential": "key", "address": None,
         "data": {"user_id": "a\tb"}}
        for n in (1, 2, 3)
    ]  # fmt: skip
    link = {"Link": '</management/events?until=1&tail=true&limit=3>; rel="next"'}
    prepared.answers["GET /management/events"] = [Answer(events[1:], 200, link), Answer(events[:1])]
    args = ("events", "--limit", "2", "--room", "lobby", "--since", "0", "--until", "9")
    done = _run(chatctl, prepared, *args)
    assert done.stdout == rows(
        *(
            (str(n), "2026-01-02T03:04:05.000000Z", "ban.set", LOBBY_ID, "", r'{"user_id":"a\\tb"}')
            for n in (3, 2)
        )
    )
    older = f"chatctl events ls --until 1 --since 0 --room {LOBBY_ID} --all"
    note = f"the newest 2 events are shown; the older ones: {older}"
    assert (done.stderr, done.exit) == (f"chatctl: {note}\n", 0)
    assert prepared.asked[1].query == {
        "room": LOBBY_ID,
        "after": "0",
        "until": "9",
        "tail": "true",
        "limit": "3",
    }


def test_a_closed_pipe_ends_quietly(chatctl: Chatctl, prepared: Prepared) -> None:
    many = [{**LOBBY, "room_name": "x" * 5000} for _ in range(100)]
    prepared.answers["GET /management/rooms"] = Answer(many)
    with chatctl.start("rooms", "--server", prepared.url) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.read(1)
        running.stdout.close()
        assert running.stderr.read() == b""
        assert running.wait(30) == 141


def test_a_full_disk_under_the_output_is_as_any_other(chatctl: Chatctl, prepared: Prepared) -> None:
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        running = chatctl.start(
            "rooms", "--server", prepared.url, stdout=full.fileno(), stderr=subprocess.PIPE
        )
        _, said = running.communicate(timeout=30)
    assert said.decode() == lines(
        "chatctl: the result cannot be written to stdout: No space left on device",
        "  try: make room on its disk",
    )
    assert running.returncode == 6


def test_an_unexpected_answer_is_one_line(chatctl: Chatctl, prepared: Prepared) -> None:
    prepared.answers["POST /management/rooms"] = Answer({})
    done = _run(chatctl, prepared, "rooms", "create", "lobby")
    assert (done.stdout, done.exit) == ("", 1)
    assert done.stderr.splitlines() == [
        "chatctl: unexpected KeyError: 'room_id'",
        "  try: the same with CHATCTL_DEBUG=1 in the environment, and report what it prints",
    ]
