"""Coming back with ``since`` (contract, section 2, rule 10)."""

import itertools
import json
from collections.abc import Iterator

import pytest
from world import Client, Frame, Room, Server, running


@pytest.fixture(scope="module")
def forgetful(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Replays at most three messages."""
    with running(tmp_path_factory.mktemp("forgetful"), RESUME_LIMIT="3") as server:
        yield server


def fill(room: Room, count: int) -> None:
    for number in range(1, count + 1):
        body = {"content": f"text {number}", "user_id": "anna"}
        assert room.server.http.post(f"{room.path}/messages", json=body).status_code == 201


def until_live(room: Room, client: Client) -> list[Frame]:
    """What the client has been sent up to a message posted now, as raw frames."""
    answer = room.server.http.post(f"{room.path}/messages", json={"content": "x", "user_id": "zoe"})
    found: list[Frame] = []
    while not (found and found[-1].get("payload", {}).get("seq") == answer.json()["seq"]):
        found.append(client.next())
    return [frame for frame in found if frame["type"] not in {"RoomStats", "UserJoined"}]


def seqs(frames: list[Frame]) -> list[int]:
    return [frame["payload"]["seq"] for frame in frames if frame["type"] == "Message"]


def test_what_was_missed_then_live(shared_server: Server) -> None:
    """From the database, or from the newest frames where somebody listens."""
    for somebody_listens, since in itertools.product((False, True), (0, 1, 4, 5)):
        room = shared_server.create_room()
        if somebody_listens:
            room.join("listener")
        fill(room, 5)
        bert = room.join("bert", since=since)
        assert bert.welcome["last_seq"] == 5
        assert seqs(until_live(room, bert)) == list(range(since + 1, 7))


def test_without_since_it_begins_with_what_comes(room: Room) -> None:
    fill(room, 3)
    assert seqs(until_live(room, room.join("bert"))) == [4]
    assert seqs(until_live(room, room.join("bert", since=""))) == [5]


def test_many_pages(room: Room) -> None:
    boss = room.join("boss")
    for number in range(1200):
        boss.send("SendMessage", {"content": f"{number}"})
    while boss.receive("Message")["payload"]["seq"] != 1200:
        pass
    for since in (0, 150, 700):
        bert = room.join("bert", since=since)
        newest = bert.welcome["last_seq"]
        assert seqs(until_live(room, bert)) == list(range(since + 1, newest + 2))
        bert.close()


def test_ahead_of_the_room(room: Room) -> None:
    fill(room, 5)
    for since, live in ((6, 6), (10**17, 7)):
        error, *rest = until_live(room, room.join("bert", since=since))
        assert (error["type"], error["payload"]["code"]) == ("Error", "resync_required")
        assert seqs(rest) == [live]


def test_too_far_behind(forgetful: Server) -> None:
    room = forgetful.create_room()
    fill(room, 5)
    assert seqs(until_live(room, room.join("bert", since=2))) == [3, 4, 5, 6]
    error, *rest = until_live(room, room.join("carl", since=2))
    assert error["payload"]["code"] == "resync_required"
    assert seqs(rest) == [7]


def test_messages_and_all_else_count_together(forgetful: Server) -> None:
    """Each of the two kinds is within the limit."""
    room = forgetful.create_room()
    fill(room, 2)
    for user in ("dora", "emil"):
        forgetful.http.put(f"{room.path}/mutes/{user}")
    error, *rest = until_live(room, room.join("bert", since=0))
    assert error["payload"]["code"] == "resync_required"
    assert seqs(rest) == [3]


def test_replayed_frames_are_those_that_were_live(room: Room) -> None:
    """Byte for byte: messages, system messages, mutes, custom events, deletions."""
    listener, boss = room.join("listener"), room.join("boss", nickname="老板")
    http = room.server.http
    boss.send("SendMessage", {"content": "with id \x1b 你好", "client_msg_id": "c"})
    boss.receive("Ack")
    boss.send("SendMessage", {"content": "without"})
    boss.socket.send('{"type":"CustomEvent","payload":{"event_type":"dice","payload":{"b" : 1.0}}}')
    boss.receive("CustomEvent")
    http.post(f"{room.path}/messages", json={"content": "from the system"})
    http.put(f"{room.path}/mutes/carl")
    http.post(f"{room.path}/messages", json={"content": "in a name", "user_id": "dora"})
    http.put(f"{room.path}/admins", json={"admin_user_ids": ["dora"]})
    live = _raw_until(room, listener)
    fresh = room.join("bert", since=0)
    assert _raw_until(room, fresh)[: len(live)] == live
    listener.close()
    boss.close()
    fresh.close()
    stored = room.join("carl", since=0)
    assert _raw_until(room, stored)[: len(live)] == live
    assert len(live) == 7


def _raw_until(room: Room, client: Client) -> list[str]:
    answer = room.server.http.post(f"{room.path}/messages", json={"content": "x"})
    found: list[str] = []
    while not (found and json.loads(found[-1])["payload"].get("seq") == answer.json()["seq"]):
        raw = str(client.socket.recv(timeout=15))
        if json.loads(raw)["type"] not in {"RoomStats", "UserJoined", "UserLeft"}:
            found.append(raw)
    return found


def test_a_deletion_missed_before_the_messages_place(room: Room) -> None:
    """Told once, in the message's own place; the seqs have no hole."""
    fill(room, 3)
    rows = room.server.http.get(f"/management/events?room={room.id}&type=message.posted").json()
    room.server.http.delete(f"{room.path}/messages/{rows[1]['data']['message_id']}")
    frames = until_live(room, room.join("bert", since=1))
    assert [(frame["type"], frame["payload"]["seq"]) for frame in frames] == [
        ("MessageDeleted", 2),
        ("Message", 3),
        ("Message", 4),
    ]


def test_a_user_who_comes_back_may_send_while_it_is_replayed(room: Room) -> None:
    fill(room, 50)
    bert = room.join("bert", since=0)
    bert.send("SendMessage", {"content": "mine", "client_msg_id": "c"})
    seen: list[int] = []
    while len(seen) < 51:
        frame = bert.next()
        if frame["type"] == "Message":
            seen.append(frame["payload"]["seq"])
    assert seen == list(range(1, 52))


def test_other_events_count_as_messages_do(forgetful: Server) -> None:
    """The room's creation is one, too."""
    room = forgetful.create_room()
    muted = [f"{room.path}/mutes/{user_id}" for user_id in ("ann", "bob", "cat")]
    for path in muted[:2]:
        assert forgetful.http.put(path, json={}).status_code == 200
    told = until_live(room, room.join("bert", since=0))
    assert [each["type"] for each in told] == ["UserMuted"] * 2 + ["Message"]
    assert forgetful.http.put(muted[2], json={}).status_code == 200
    error = room.join("carl", since=0).receive("Error")["payload"]
    assert error["code"] == "resync_required"
    assert "More than 3 events" in error["message"]


def test_those_who_come_and_go_do_not_keep_others_from_resuming(forgetful: Server) -> None:
    room = forgetful.create_room()
    for number in range(10):
        room.join(f"guest-{number}").close()
    fill(room, 2)
    assert seqs(until_live(room, room.join("bert", since=0))) == [1, 2, 3]
