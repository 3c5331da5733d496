"""``watch --since`` beyond what a room has: a mistyped number must not look like a quiet room."""

import json

import pytest
from served import Served
from world import Room

CONFLICT = 5


def _say(room: Room, *texts: str) -> None:
    for text in texts:
        room.server.http.post(f"{room.path}/messages", json={"content": text}).raise_for_status()


@pytest.mark.parametrize(
    ("said", "since", "sentence"),
    [
        (2, "3", "The room's newest message is 2, not yet 3"),
        (2, "99", "The room's newest message is 2, not yet 99"),
        (0, "1", "The room has 0 messages, not yet 1"),
    ],
)
def test_beyond_the_newest_message_is_refused(
    served: Served, room: Room, said: int, since: str, sentence: str
) -> None:
    _say(room, *["x"] * said)
    done = served("watch", room.id, "--since", since)
    assert (done.stdout, done.exit) == ("", CONFLICT)
    assert done.stderr == f"chatctl: {sentence}\n  try: --since {said}\n"
    assert served.refused("watch", room.id, "--since", since) == ("resync_required", CONFLICT)


@pytest.mark.parametrize(
    ("since", "types"),
    [
        ("2", ["ban.set"]),
        ("1", ["mute.set", "message.posted", "ban.set"]),
        ("0", ["message.posted", "mute.set", "message.posted", "ban.set"]),
    ],
)
def test_up_to_the_newest_message_is_followed(
    served: Served, room: Room, since: str, types: list[str]
) -> None:
    _say(room, "one")
    room.server.http.put(f"{room.path}/mutes/bob")
    _say(room, "two")
    room.server.http.put(f"{room.path}/bans/bob", json={})
    done = served("watch", room.id, "--since", since, "--count", str(len(types)), "--json")
    assert [json.loads(line)["type"] for line in done.stdout.splitlines()] == types
    assert (done.stderr, done.exit) == ("", 0)
