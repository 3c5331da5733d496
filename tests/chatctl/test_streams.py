"""``watch`` and ``events tail -f``: what they print, and how they survive a restart."""

import json
from collections.abc import Callable

import pytest
from prepared_server import Answer, Asked, Chatctl, Prepared, lines, problem, rows
from served import Served

ROOM_ID = "6f1c8f0e-58b3-4b3a-9f5e-0d8a1f1f0001"
AT = "2026-01-02T03:04:05.000006Z"


def _event(offset: int, kind: str, /, **data: object) -> dict[str, object]:
    return {
        "offset": offset, "event_id": f"id-{offset}", "type": kind, "at": AT, "scope": "rooms",
        "room_id": ROOM_ID, "conversation_id": ROOM_ID, "actor": "alice", "credential": "key",
        "address": None, "data": data,
    }  # fmt: skip


def _said(offset: int, seq: int, content: str) -> dict[str, object]:
    return _event(
        offset, "message.posted", message_id=seq + 70, seq=seq, kind="text", sender="alice",
        nickname="Alice", is_admin=False, content=content, created_at=0,
    )  # fmt: skip


LOG = [
    _event(1, "room.created", name="lobby"),
    _said(2, 1, "one"),
    _event(4, "session.joined", user_id="bob"),
    _event(5, "room.admins_set", admins=["alice"]),
    _said(6, 2, "tw\u2028o\x1b[2J"),
    _event(9, "ban.set", user_id="bob", reason="spam", banned_by=None, expires_at=None),
]


def _log(events: list[dict[str, object]], at_once: int) -> Callable[[Asked], Answer]:
    """A stream that breaks off after ``at_once`` events, as at a restart."""

    def answer(asked: Asked) -> Answer:
        later = [event for event in events if event["offset"] > _position(asked.query)]  # type: ignore[operator]
        text = "".join(json.dumps(event) + "\n\n" for event in later[:at_once])
        return Answer(text.encode(), 200, {"Content-Type": "application/x-ndjson"})

    return answer


def _position(query: dict[str, str]) -> int:
    if "after" in query:
        return int(query["after"])
    return {"0": 0, "1": 2, "2": 6}[query["after_seq"]]


def _page(asked: Asked) -> Answer:
    after, limit = int(asked.query.get("after", 0)), int(asked.query["limit"])
    kinds = asked.query.get("type")
    found = [f for f in LOG if f["offset"] > after and kinds in (None, f["type"])]  # type: ignore[operator]
    return Answer(found[-limit:] if "tail" in asked.query else found[:limit])


@pytest.fixture
def prepared(server: Prepared) -> Prepared:
    room = {"room_id": ROOM_ID, "room_name": "lobby"}
    server.answers = {
        f"GET /management/rooms/{ROOM_ID}": Answer(room),
        "GET /management/status": Answer({"last_offset": 9}),
        "GET /management/events": _page,
        "GET /management/events/stream": _log(LOG, at_once=100),
    }
    return server


def test_watch_shows_what_the_room_sees(chatctl: Chatctl, prepared: Prepared) -> None:
    args = ("watch", ROOM_ID, "--since", "0", "--count", "4")
    assert chatctl(*args, CHATCTL_SERVER=prepared.url) == (
        rows(
            (AT, "message.posted", "71", "1", "alice", "one"),
            (AT, "session.joined", "", "", "bob", ""),
            (AT, "message.posted", "72", "2", "alice", r"tw\u2028o\x1b[2J"),
            (AT, "ban.set", "", "", "bob", ""),
        ),
        "",
        0,
    )


def test_watch_since_a_message_begins_behind_it(chatctl: Chatctl, prepared: Prepared) -> None:
    done = chatctl(
        "watch", ROOM_ID, "--since", "1", "--count", "3", "--json", CHATCTL_SERVER=prepared.url
    )
    assert [json.loads(line) for line in done.stdout.splitlines()] == [LOG[2], LOG[4], LOG[5]]
    assert "\u2028" not in done.stdout
    assert (done.stderr, done.exit) == ("", 0)
    streams = [each.query for each in prepared.asked if each.path != f"/management/rooms/{ROOM_ID}"]
    assert streams == [{"room": ROOM_ID, "after_seq": "1"}]


def test_a_broken_stream_goes_on_where_it_was(chatctl: Chatctl, prepared: Prepared) -> None:
    prepared.answers["GET /management/events/stream"] = _log(LOG, at_once=2)
    done = chatctl(
        "watch", ROOM_ID, "--since", "0", "--count", "4", "--json", CHATCTL_SERVER=prepared.url
    )
    assert [json.loads(line)["offset"] for line in done.stdout.splitlines()] == [2, 4, 6, 9]
    assert done.stderr == lines(
        f"chatctl: {prepared.url} ended the stream; waiting for the server to come back",
        "chatctl: connected again, going on after offset 2",
        f"chatctl: {prepared.url} ended the stream; waiting for the server to come back",
        "chatctl: connected again, going on after offset 5",
    )


def test_a_server_that_stays_away_is_exit_6(chatctl: Chatctl, prepared: Prepared) -> None:
    done = chatctl(
        "events", "tail", "-f", "--limit", "1", "--timeout", "0.5", "--quiet",
        CHATCTL_SERVER=prepared.url,
    )  # fmt: skip
    assert (done.stderr, done.exit) == (f"chatctl: {prepared.url} ended the stream\n", 6)
    assert done.stdout.startswith("9\t")


def test_a_sign_of_life_is_contact(chatctl: Chatctl, prepared: Prepared) -> None:
    answers = [Answer(b"\n"), Answer(b""), Answer(b"\n")]

    def answer(asked: Asked) -> Answer:
        return answers.pop(0) if answers else _log(LOG, at_once=1)(asked)

    prepared.answers["GET /management/events/stream"] = answer
    done = chatctl("watch", ROOM_ID, "--since", "1", "--count", "1", CHATCTL_SERVER=prepared.url)
    assert done.stdout == rows((AT, "session.joined", "", "", "bob", ""))
    away = f"chatctl: {prepared.url} ended the stream; waiting for the server to come back"
    back = "chatctl: connected again, beginning anew"
    assert done.stderr == lines(away, back, away, back)


def test_a_refused_stream_is_not_tried_again(chatctl: Chatctl, prepared: Prepared) -> None:
    prepared.answers["GET /management/events/stream"] = problem(403, "forbidden", "not for you")
    done = chatctl("watch", ROOM_ID, CHATCTL_SERVER=prepared.url)
    assert done == ("", "chatctl: not for you\n", 4)


def test_watch_ends_when_the_room_is_closed(chatctl: Chatctl, prepared: Prepared) -> None:
    closed = [_event(10, "room.closed", current_users=0), _event(11, "session.left", user_id="bob")]
    prepared.answers["GET /management/events/stream"] = _log(closed, at_once=100)
    done = chatctl("watch", ROOM_ID, CHATCTL_SERVER=prepared.url)
    assert done == (rows((AT, "room.closed", "", "", "", "")), "", 0)


def test_tail_follows_from_the_newest_on(chatctl: Chatctl, prepared: Prepared) -> None:
    done = chatctl("events", "tail", "--limit", "2", "--json", CHATCTL_SERVER=prepared.url)
    assert (json.loads(done.stdout), done.exit) == (LOG[-2:], 0)
    assert prepared.asked[0].query == {"tail": "true", "limit": "3"}


def test_a_file_cannot_be_followed(chatctl: Chatctl) -> None:
    path = chatctl.directory / "chat.db"
    path.touch()
    forward = ("callbacks", "forward", "--to", "http://127.0.0.1:1")
    for args in (("watch", "lobby"), ("events", "tail", "-f"), forward):
        assert chatctl(*args, "--db", "sqlite:./chat.db") == (
            "",
            f"chatctl: no server is running for {path}, and a file cannot be followed\n"
            "  try: chatctl serve --db sqlite:./chat.db, and then the same again\n",
            6,
        )


@pytest.mark.parametrize("verb", ["ls", "tail"])
def test_what_since_was_taken_for(served: Served, verb: str) -> None:
    """A year is an offset, and the API's name of it is not what was typed."""
    done = served("events", verb, "--since", "2026")
    year = "chatctl: --since 2026 is an offset; the year begins at --since 2026-01-01\n"
    assert (done.stderr, done.exit) == (year, 0)
    assert served("events", verb, "--since", "2026", "--quiet").stderr == ""
    assert served("events", verb, "--since", "1999").stderr == ""
    done = served("events", verb, "--since", ROOM_ID)
    unknown = f"chatctl: --since: '{ROOM_ID}' is no offset or known event id\n"
    assert (done.stdout, done.stderr, done.exit) == ("", unknown, 2)
