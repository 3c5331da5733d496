"""Coming back with ``since`` (contract, section 2, rule 10); of long messages a replay waits for
its reader, page by page, and closes nobody."""

import itertools
import json
from collections.abc import Iterator

import pytest
from world import Client, Frame, Room, Server, running

LONG = "x" * 30_000


@pytest.fixture(scope="module")
def forgetful(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Replays at most three messages."""
    with running(tmp_path_factory.mktemp("forgetful"), RESUME_LIMIT="3") as server:
        yield server


def fill(room: Room, count: int, text: str = "text") -> None:
    for number in range(1, count + 1):
        body = {"content": f"{text} {number}", "user_id": "anna"}
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
    """From the database, or from the newest frames where somebody listens; else only live."""
    for somebody_listens, since in itertools.product((False, True), (0, 1, 4, 5)):
        room = shared_server.create_room()
        if somebody_listens:
            room.join("listener")
        fill(room, 5)
        bert = room.join("bert", since=since)
        assert bert.welcome["last_seq"] == 5
        assert seqs(until_live(room, bert)) == list(range(since + 1, 7))
    assert seqs(until_live(room, room.join("carl"))) == [7]
    assert seqs(until_live(room, room.join("dora", since=""))) == [8]


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
    """The room's creation is one, too; each of the two kinds is within the limit."""
    room = forgetful.create_room()
    for user in ("dora", "emil"):
        forgetful.http.put(f"{room.path}/mutes/{user}")
    told = until_live(room, room.join("bert", since=0))
    assert [each["type"] for each in told] == ["UserMuted", "UserMuted", "Message"]
    error, *rest = until_live(room, room.join("carl", since=0))
    assert error["payload"]["code"] == "resync_required"
    assert "More than 3 events" in error["payload"]["message"]
    assert seqs(rest) == [2]


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


def test_those_who_come_and_go_do_not_keep_others_from_resuming(forgetful: Server) -> None:
    room = forgetful.create_room()
    for number in range(10):
        room.join(f"guest-{number}").close()
    fill(room, 2)
    assert seqs(until_live(room, room.join("bert", since=0))) == [1, 2, 3]


def test_a_resume_of_megabytes_survives_other_frames(room: Room) -> None:
    fill(room, 60, LONG)
    client = room.server.join(room.id, "anna", since=0)
    for number in range(20):
        client.send("Ping", {"timestamp": number})
    seqs = []
    while len(seqs) < 60:
        frame = client.next()
        if frame["type"] == "Message":
            seqs.append(frame["payload"]["seq"])
    assert seqs == list(range(1, 61))


def test_history_comes_in_frames_that_libraries_take(room: Room) -> None:
    fill(room, 40, LONG)
    client = room.join("anna")
    found: list[int] = []
    before = None
    while True:
        client.send("LoadHistory", {"limit": 100} if before is None else {"before": before})
        frame = client.receive("History")
        assert len(json.dumps(frame)) < 1024 * 1024
        found = [message["seq"] for message in frame["payload"]["messages"]] + found
        if not frame["payload"]["has_more"]:
            break
        before = found[0]
    assert found == list(range(1, 41))
