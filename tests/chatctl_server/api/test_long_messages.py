"""Rooms of long messages: a replay waits for its reader, page by page, and closes nobody."""

import json

from world import Room

LONG = 30_000


def fill(room: Room, count: int) -> None:
    for number in range(count):
        body = {"content": f"{number:05d}" + "x" * LONG}
        answer = room.server.http.post(f"{room.path}/messages", json=body)
        assert answer.status_code == 201


def test_a_resume_of_megabytes_survives_other_frames(room: Room) -> None:
    fill(room, 60)
    client = room.server.join(room.id, "anna", since=0)
    for number in range(20):
        client.send("Ping", {"timestamp": number})
    seqs = []
    while len(seqs) < 60:
        frame = client.next()
        if frame["type"] == "System":
            seqs.append(frame["payload"]["seq"])
    assert seqs == list(range(1, 61))


def test_history_comes_in_frames_that_libraries_take(room: Room) -> None:
    fill(room, 40)
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


def test_a_stream_has_one_line_per_fact(room: Room) -> None:
    boss = room.join("boss")
    boss.socket.send('{"type":"CustomEvent","payload":{"event_type":"poll","payload":{"a":\n1}}}')
    assert boss.receive("CustomEvent")["payload"] == {"event_type": "poll", "payload": {"a": 1}}
    query = {"room": room.id, "type": "custom.sent", "after": 0}
    with room.server.http.stream("GET", "/management/events/stream", params=query) as stream:
        line = next(each for each in stream.iter_lines() if each.strip())
    assert json.loads(line)["data"]["payload"] == {"a": 1}
