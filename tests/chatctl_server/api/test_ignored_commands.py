"""Commands of a non-admin are silently ignored, however wrong they are (contract, section 2)."""

from typing import Any

from world import Client, Room

WRONG = {
    "a lone surrogate as a user": ("KickUser", '{"user_id":"\\ud800"}'),
    "U+0000 as a user": ("KickUser", '{"user_id":"a\\u0000b"}'),
    "nobody": ("KickUser", '{"user_id":""}'),
    "a user without end": ("KickUser", '{"user_id":"' + "x" * 256 + '"}'),
    "a mute of a lone surrogate": ("MuteUser", '{"user_id":"\\udfff"}'),
    "a mute of U+0000": ("MuteUser", '{"user_id":"\\u0000"}'),
    "a mute of nobody": ("MuteUser", '{"user_id":""}'),
    "an event of no type": ("CustomEvent", '{"event_type":"","payload":1}'),
    "an event of type U+0000": ("CustomEvent", '{"event_type":"\\u0000","payload":1}'),
    "an event of a surrogate": ("CustomEvent", '{"event_type":"\\ud800","payload":1}'),
    "a surrogate in an event": ("CustomEvent", '{"event_type":"e","payload":"\\ud800"}'),
    "an event of a huge number": (
        "CustomEvent",
        '{"event_type":"e","payload":' + "9" * 5000 + "}",
    ),
}
SANCTIONS = ("bans", "mutes")


def send(client: Client, name: str, payload: str) -> None:
    client.socket.send('{"type":"' + name + '","payload":' + payload + "}")


def answers(client: Client) -> list[dict[str, Any]]:
    return [frame for frame in client.frames_until_pong() if frame["type"] == "Error"]


def told(room: Room) -> list[str]:
    """What the log holds, besides who came and went."""
    events = room.server.http.get("/management/events", params={"room": room.id}).json()
    types = [str(each["type"]) for each in events]
    return [each for each in types if not each.startswith("session.")]


def test_a_wrong_command_of_a_non_admin_gets_no_answer(room: Room) -> None:
    anna = room.join("anna")
    for place, kind in enumerate(WRONG, start=1):
        send(anna, *WRONG[kind])
        assert answers(anna) == [], kind
        assert anna.say("the next frame")["seq"] == place
    assert told(room) == ["room.created", *["message.posted"] * len(WRONG)]


def test_an_admin_is_told_what_is_wrong(room: Room) -> None:
    boss = room.join("boss")
    for place, kind in enumerate(WRONG, start=1):
        send(boss, *WRONG[kind])
        (answer,) = answers(boss)
        assert answer["payload"]["code"] in {"bad_text", "invalid_input"}, kind
        assert boss.say("the next frame")["seq"] == place
    assert told(room) == ["room.created", *["message.posted"] * len(WRONG)]


def test_who_becomes_an_admin_commands_at_once(room: Room) -> None:
    anna = room.join("anna")
    room.server.http.patch(f"{room.path}/admins", json={"add": ["anna"]})
    anna.send("CustomEvent", {"event_type": "poll", "payload": 1})
    assert anna.receive("CustomEvent")["payload"] == {"event_type": "poll", "payload": 1}
    room.server.http.patch(f"{room.path}/admins", json={"remove": ["anna"]})
    anna.send("KickUser", {"user_id": "bert"})
    assert anna.frames_until_pong() == []
    assert room.server.http.get(f"{room.path}/bans").json() == []


def test_who_is_no_admin_any_more_gets_no_answer(room: Room) -> None:
    boss = room.join("boss")
    room.server.http.put(f"{room.path}/admins", json={"admin_user_ids": []})
    for name, payload in WRONG.values():
        send(boss, name, payload)
    assert answers(boss) == []
    assert [room.server.http.get(f"{room.path}/{each}").json() for each in SANCTIONS] == [[], []]
