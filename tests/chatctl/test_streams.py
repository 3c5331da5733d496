"""``watch`` and ``events tail -f``: what they print, and how they survive a restart."""

import json
from collections.abc import Callable

import pytest
from prepared_server import Answer, Asked, Prepared, lines, problem, rows
from same_process import Here
from world import Room

CONFLICT = 5
ROOM_ID = "6f1c8f0e-58b3-4b3a-9f5e-0d8a1f1f0001"
AT = "2026-01-02T03:04:05.000006Z"
HOSTILE = "tw\u2028o\x1b[2J"


def _say(room: Room, *texts: str) -> None:
    for text in texts:
        room.server.http.post(f"{room.path}/messages", json={"content": text}).raise_for_status()


def test_watch_shows_what_the_room_sees_up_to_its_end(served: Here, room: Room) -> None:
    """From after the message that is named; the change of the admins is nobody's to see."""
    _say(room, "one")
    room.server.http.put(f"{room.path}/mutes/bob")
    room.server.http.put(f"{room.path}/admins", json={"admin_user_ids": ["anna"]})
    _say(room, HOSTILE)
    room.ban("bob")
    room.server.http.delete(room.path)
    seen = ["message.posted", "mute.set", "message.posted", "ban.set", "room.closed"]
    for since, types in (("0", seen), ("1", seen[1:]), ("2", seen[3:])):
        done = served("watch", room.id, "--since", since, "--json")
        assert [json.loads(line)["type"] for line in done.stdout.splitlines()] == types
        assert (done.stderr, done.exit) == ("", 0)
    done = served("watch", room.id, "--since", "0", "--count", "4")
    cells = [line.split("\t")[1:] for line in done.stdout.splitlines()]
    assert all(cell.pop(1).isdigit() == (cell[0] == "message.posted") for cell in cells)
    assert cells == [
        ["message.posted", "1", "system", "one"],
        ["mute.set", "", "bob", ""],
        ["message.posted", "2", "system", r"tw\u2028o\x1b[2J"],
        ["ban.set", "", "bob", ""],
    ]


def test_a_mistyped_number_does_not_look_like_a_quiet_room(served: Here, room: Room) -> None:
    def refused(since: str, sentence: str, newest: int) -> None:
        done = served("watch", room.id, "--since", since)
        assert (done.stdout, done.exit) == ("", CONFLICT)
        assert done.stderr == f"chatctl: {sentence}\n  try: --since {newest}\n"

    refused("1", "The room has 0 messages, not yet 1", 0)
    _say(room, "x", "x")
    refused("3", "The room's newest message is 2, not yet 3", 2)
    assert served.refused("watch", room.id, "--since", "99") == ("resync_required", CONFLICT)


LOG = [
    {"offset": offset, "type": kind, "at": AT, "data": {"user_id": "bob"}}
    for offset, kind in (
        (1, "message.posted"), (2, "room.admins_set"), (3, "session.joined"), (4, "ban.set"),
    )
]  # fmt: skip
JOINED = rows((AT, "session.joined", "", "", "bob", ""))


def _broken_off(at_once: int) -> Callable[[Asked], Answer]:
    """A stream that ends after ``at_once`` events, as at a restart."""

    def answer(asked: Asked) -> Answer:
        after = int(asked.query.get("after", asked.query.get("after_seq", 0)))
        later = [event for event in LOG if int(str(event["offset"])) > after]
        return Answer("".join(json.dumps(event) + "\n\n" for event in later[:at_once]).encode())

    return answer


@pytest.fixture
def prepared(server: Prepared) -> Prepared:
    server.answers = {
        f"GET /management/rooms/{ROOM_ID}": Answer({"room_id": ROOM_ID, "room_name": "lobby"}),
        "GET /management/status": Answer({"last_offset": 4}),
        "GET /management/events": Answer([LOG[-1]]),
        "GET /management/events/stream": _broken_off(at_once=2),
    }
    return server


def _watch(here: Here, prepared: Prepared, *args: str) -> tuple[str, str, int]:
    return here("watch", ROOM_ID, *args, CHATCTL_SERVER=prepared.url)


def test_a_broken_stream_goes_on_where_it_was(here: Here, prepared: Prepared) -> None:
    shown, said, _ = _watch(here, prepared, "--since", "0", "--count", "3", "--json")
    assert [json.loads(line)["offset"] for line in shown.splitlines()] == [1, 3, 4]
    assert said == lines(
        f"chatctl: {prepared.url} ended the stream; waiting for the server to come back",
        "chatctl: connected again, going on after offset 2",
    )


def test_a_server_that_stays_away_is_exit_6(here: Here, prepared: Prepared) -> None:
    words = ("events", "tail", "-f", "--limit", "1", "--timeout", "0.5", "--quiet")
    done = here(*words, CHATCTL_SERVER=prepared.url)
    assert (done.stderr, done.exit) == (f"chatctl: {prepared.url} ended the stream\n", 6)
    assert done.stdout.startswith("4\t")


def test_a_sign_of_life_is_contact(here: Here, prepared: Prepared) -> None:
    answers = [Answer(b"\n"), Answer(b""), Answer(b"\n")]

    def answer(asked: Asked) -> Answer:
        return answers.pop(0) if answers else _broken_off(at_once=2)(asked)

    prepared.answers["GET /management/events/stream"] = answer
    away = f"chatctl: {prepared.url} ended the stream; waiting for the server to come back"
    back = "chatctl: connected again, beginning anew"
    said = lines(away, back, away, back)
    assert _watch(here, prepared, "--since", "1", "--count", "1") == (JOINED, said, 0)


def test_a_refused_stream_is_not_tried_again(here: Here, prepared: Prepared) -> None:
    prepared.answers["GET /management/events/stream"] = problem(403, "forbidden", "not for you")
    assert _watch(here, prepared) == ("", "chatctl: not for you\n", 4)
