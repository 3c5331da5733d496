"""On a real pseudo-terminal: tables that fit, our own colours only, questions."""

import threading
import time

import pytest
from prepared_server import Answer, Asked, Chatctl, Prepared

from chatctl.show.output import Column, fitted

ROOM_ID = "6f1c8f0e-58b3-4b3a-9f5e-0d8a1f1f0001"
ROOM = {
    "room_id": ROOM_ID,
    "room_name": "长长的房间名" * 4 + "\x1b[31m",
    "created_at": time.time() - 7300,
    "current_users": 3,
    "peak_users": 9,
    "total_joins": 27,
    "admin_user_ids": [],
}


@pytest.fixture
def prepared(server: Prepared) -> Prepared:
    server.answers["GET /management/rooms"] = Answer([ROOM])
    server.answers[f"GET /management/rooms/{ROOM_ID}"] = Answer(ROOM)
    return server


def test_a_table_fits_the_terminal_and_keeps_the_id(chatctl: Chatctl, prepared: Prepared) -> None:
    assert chatctl.on_terminal("rooms", columns=80, CHATCTL_SERVER=prepared.url) == (
        "\x1b[1mID                                    NAME           USERS  PEAK  JOINS  CREATED"
        "\x1b[0m\n"
        f"{ROOM_ID}  长长的房间名…      3     9     27  2h ago\n",
        0,
    )


def test_a_wide_terminal_shows_all(chatctl: Chatctl, prepared: Prepared) -> None:
    shown, _ = chatctl.on_terminal("rooms", "--no-color", columns=200, CHATCTL_SERVER=prepared.url)
    assert "长长的房间名" * 4 + r"\x1b[31m" in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_colour_is_switched_off(
    chatctl: Chatctl, prepared: Prepared, name: str, value: str
) -> None:
    chatctl.environ[name] = value
    shown, code = chatctl.on_terminal("rooms", CHATCTL_SERVER=prepared.url)
    assert "\x1b" not in shown
    assert code == 0


@pytest.mark.parametrize(
    ("typed", "said", "code"),
    [("y\n", "closed\n", 0), ("\n", "chatctl: nothing was done\n", 130)],
)
def test_close_asks_on_a_terminal(
    chatctl: Chatctl, prepared: Prepared, typed: str, said: str, code: int
) -> None:
    prepared.answers[f"DELETE /management/rooms/{ROOM_ID}"] = Answer(b"", 204)
    shown, ended = chatctl.on_terminal(
        "rooms", "close", ROOM_ID, typed=typed, CHATCTL_SERVER=prepared.url
    )
    assert f"({ROOM_ID}), 3 inside? [y/N] " in shown
    assert shown.endswith(said)
    assert ended == code
    assert ("DELETE" in [asked.method for asked in prepared.asked]) == (code == 0)


def test_only_text_gives_way_and_the_widest_first() -> None:
    columns = [Column("a", "A", "id"), Column("b", "B"), Column("c", "C")]
    assert fitted(columns, [36, 30, 20], 200) == [36, 30, 20]
    assert fitted(columns, [36, 30, 20], 80) == [36, 20, 20]
    assert fitted(columns, [36, 30, 20], 20) == [36, 8, 8]


def test_where_a_table_does_not_fit_each_row_is_a_block(
    chatctl: Chatctl, prepared: Prepared
) -> None:
    prepared.answers["GET /management/rooms"] = Answer([ROOM, ROOM])
    shown, ended = chatctl.on_terminal(
        "rooms", "--no-color", columns=40, CHATCTL_SERVER=prepared.url
    )
    block = [
        "ID", ROOM_ID, "NAME     长长的房间名长长的房间名长长的…",
        "USERS    3", "PEAK     9", "JOINS    27", "CREATED  2h ago",
    ]  # fmt: skip
    assert (shown.split("\n"), ended) == ([*block, "", *block, ""], 0)


def test_long_output_goes_through_the_pager(chatctl: Chatctl, prepared: Prepared) -> None:
    prepared.answers["GET /management/rooms"] = Answer([ROOM] * 30)
    asked = {"CHATCTL_SERVER": prepared.url, "PAGER": "sed s/^/PAGED/"}
    shown, ended = chatctl.on_terminal("rooms", "--no-color", **asked)
    assert ended == 0
    assert [line[:5] for line in shown.splitlines()] == ["PAGED"] * 31
    for quiet in ("cat", "no-such-pager", "'"):
        shown, _ = chatctl.on_terminal("rooms", "--no-color", CHATCTL_PAGER=quiet, **asked)
        assert "PAGED" not in shown
        assert len(shown.splitlines()) == 31


def test_what_fits_is_not_paged(chatctl: Chatctl, prepared: Prepared) -> None:
    asked = {"CHATCTL_SERVER": prepared.url, "PAGER": "sed s/^/PAGED/"}
    assert "PAGED" not in chatctl.on_terminal("rooms", **asked)[0]
    prepared.answers["GET /management/rooms"] = Answer([ROOM] * 30)
    assert "PAGED" not in chatctl.on_terminal("rooms", rows=50, **asked)[0]
    assert "PAGED" not in chatctl("rooms", **asked).stdout


def test_a_pager_that_is_left_early_is_no_error(chatctl: Chatctl, prepared: Prepared) -> None:
    prepared.answers["GET /management/rooms"] = Answer([ROOM] * 5000)
    shown, ended = chatctl.on_terminal(
        "rooms", "--no-color", CHATCTL_SERVER=prepared.url, PAGER="head -n 2"
    )
    assert (len(shown.splitlines()), ended) == (2, 0)


def test_who_waits_is_told_so(chatctl: Chatctl, prepared: Prepared) -> None:
    def late(asked: Asked) -> Answer:
        told.wait(1.5)
        return Answer([ROOM])

    told = threading.Event()
    prepared.answers["GET /management/rooms"] = late
    asked = {"CHATCTL_SERVER": prepared.url}
    shown, ended = chatctl.on_terminal("rooms", "--no-color", **asked)
    assert ended == 0
    waiting, erased, table = shown.rpartition("\r\x1b[K")
    assert f"waiting for {prepared.url}… 1 s" in waiting
    assert (erased, table[:2]) == ("\r\x1b[K", "ID")
    assert "waiting" not in chatctl.on_terminal("rooms", "--quiet", **asked)[0]
    assert chatctl("rooms", **asked).stderr == ""


def test_events_are_sentences_with_the_rooms_name(chatctl: Chatctl, prepared: Prepared) -> None:
    event = {
        "offset": 7, "event_id": "x", "at": "2026-01-02T03:04:05.000006Z", "room_id": ROOM_ID,
        "actor": None, "credential": "api-key", "address": None, "type": "message.posted",
        "data": {"kind": "text", "nickname": "B", "content": "a\tb"},
    }  # fmt: skip
    prepared.answers["GET /management/events"] = Answer([event])
    prepared.answers[f"GET /management/rooms/{ROOM_ID}"] = Answer({**ROOM, "room_name": "lobby"})
    asked = {"CHATCTL_SERVER": prepared.url}
    shown, _ = chatctl.on_terminal("events", "--no-color", columns=100, **asked)
    title, row = shown.splitlines()
    assert title.split() == ["OFFSET", "WHEN", "TYPE", "ROOM", "ACTOR", "WHAT"]
    assert row.split(maxsplit=6)[3:] == ["message.posted", "lobby", "-", r"B: a\tb"]


def test_an_empty_list_says_so_on_a_terminal_only(chatctl: Chatctl, prepared: Prepared) -> None:
    prepared.answers["GET /management/rooms"] = Answer([])
    asked = {"CHATCTL_SERVER": prepared.url}
    assert chatctl.on_terminal("rooms", **asked) == ("chatctl: there are none\n", 0)
    assert chatctl.on_terminal("rooms", "--quiet", **asked) == ("", 0)
    assert chatctl("rooms", **asked) == ("", "", 0)


def test_what_is_json_in_a_pipe_is_words_on_a_terminal(
    chatctl: Chatctl, prepared: Prepared
) -> None:
    backlog = {"writer": 0, "followers": {"audit": 3}}
    prepared.answers["GET /management/status"] = Answer({"version": "0.1.0", "backlog": backlog})
    asked = {"CHATCTL_SERVER": prepared.url}
    shown, _ = chatctl.on_terminal("status", **asked)
    assert "backlog            writer 0, followers audit 3\n" in shown
    assert 'backlog\t{"writer":0,' in chatctl("status", **asked).stdout


def test_accounts_and_keys_fit_80_columns(chatctl: Chatctl, prepared: Prepared) -> None:
    account = {
        "id": 1, "fullname": "Cora Carlsson-Winterbottom", "email": "cora.carlsson@example.org",
        "status": "Suspended", "role": "member", "workspace_id": 0, "last_seen": None,
        "created_at": "2026-01-01T00:00:00.000000Z",
    }  # fmt: skip
    key = {
        "key_id": "key_3f9a0c52d1e84b67", "name": "reports", "scopes": ["rooms:read", "metrics"],
        "workspace": None, "created_at": 1, "expires_at": 2, "old_until": None,
        "created_by": "uid:0",
    }  # fmt: skip
    prepared.answers["GET /management/users"] = Answer([account])
    prepared.answers["GET /management/keys"] = Answer([key])
    asked = {"CHATCTL_SERVER": prepared.url}
    for noun, titles in (
        ("users", "ID  NAME E-MAIL STATUS ROLE SEEN"),
        ("keys", "ID NAME SCOPES WORKSPACE EXPIRES"),
    ):
        shown, _ = chatctl.on_terminal(noun, "ls", "--no-color", columns=80, **asked)
        head, row = shown.splitlines()
        assert head.split() == titles.split()
        assert max(len(head), len(row)) <= 80
    key["old_until"] = 3
    prepared.answers["GET /management/keys"] = Answer([key])
    shown, _ = chatctl.on_terminal("keys", "ls", "--no-color", columns=120, **asked)
    assert "OLD UNTIL" in shown
