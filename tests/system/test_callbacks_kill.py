"""kill -9 while callbacks go out: nothing is lost, the order is kept, a repeat has the same id."""

import json
import random
from collections import defaultdict
from pathlib import Path

import proof
import pytest
from hooks import PATHS, QUIET, at, stored, urls
from receivers import Receiver, Request, answer, receiver, reset, when
from world import Server, eventually, running

EVENTS = "ROOM_EVENT_CALLBACK_URL"
CHAT = "CHAT_HISTORY_CALLBACK_URL"
KILLS = proof.size(3, 60)
BATCH_KILLS = proof.size(3, 20)


def first_arrivals(requests: list[Request]) -> dict[str, list[tuple[str, str]]]:
    """By room: event and user, in the order in which each id came first."""
    seen: set[str] = set()
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for request in requests:
        body = request.json
        if request.headers["webhook-id"] not in seen:
            seen.add(request.headers["webhook-id"])
            found[body["room_id"]].append((body["event_type"], body.get("user_id", "")))
    return found


def is_drained(server: Server) -> bool:
    pending = "SELECT 1 FROM delivery WHERE status = 'pending'"
    behind = """SELECT 1 FROM event WHERE type <> 'message.posted' AND id >
        (SELECT position FROM cursor WHERE name = 'callbacks')"""
    return not stored(server, pending) and not stored(server, behind)


@pytest.mark.timeout(proof.time_limit())
def test_killed_at_any_moment(tmp_path: Path) -> None:
    """Every join and leave of the log arrives, in the log's order; also when the receiver fails
    now and then."""
    settings = {**QUIET, "CALLBACK_MAX_RETRIES": "50"}
    chance = random.Random(7)
    refused: list[Request] = []

    def is_refused(request: Request) -> bool:
        if chance.random() < 0.3:
            refused.append(request)
            return True
        return False

    unwell = when(is_refused, answer(500))
    torn = when(lambda request: chance.random() < 0.1, reset())
    with receiver(unwell, torn, answer()) as hook:
        with running(tmp_path, **settings, **urls(hook, EVENTS)) as server:
            rooms = [server.create_room(f"room {number}") for number in range(3)]
            for cycle in range(KILLS):
                for room in rooms:
                    room.join(f"user {cycle}").close()
                if cycle % 3 == 1:
                    hook.pause()  # killed after the send, before the answer
                for room in rooms:
                    room.join(f"late {cycle}")
                if cycle % 3 == 2:
                    hook.wait_for(len(hook.requests) + 1)
                server.kill()
                hook.release()
                server.start()
            eventually(lambda: is_drained(server), seconds=60)
            expected = {room.id: log_of(server, room.id) for room in rooms}
        taken = [request for request in hook.requests if request not in refused]
        assert first_arrivals(taken) == expected


def log_of(server: Server, room_id: str) -> list[tuple[str, str]]:
    question = f"""SELECT type, payload ->> 'user_id' FROM event JOIN conversation c
        ON c.id = event.conversation WHERE c.public_id = '{room_id}' ORDER BY event.id"""
    names = {
        "room.created": "RoomCreated",
        "session.joined": "UserJoined",
        "session.left": "UserLeft",
    }
    return [(names[name], user or "") for name, user in stored(server, question)]


@pytest.mark.timeout(proof.time_limit())
def test_the_union_of_all_batches_is_the_history(tmp_path: Path) -> None:
    """No overlap but in repeats, which are the same byte for byte."""
    settings = {**QUIET, "CHAT_HISTORY_BATCH_SIZE": "4", "CALLBACK_MAX_RETRIES": "50"}
    chance = random.Random(11)
    unwell = when(lambda request: chance.random() < 0.3, answer(500))
    with receiver(unwell, answer()) as hook:
        with running(tmp_path, **settings, **urls(hook, CHAT)) as server:
            rooms = [server.create_room(f"room {number}") for number in range(3)]
            for cycle in range(BATCH_KILLS):
                for room in rooms:
                    for number in range(10):
                        text = f"{cycle}.{number}"
                        server.http.post(f"{room.path}/messages", json={"content": text})
                server.http.post("/management/sync", json={"kinds": ["chat_history"]})
                hook.wait_for(len(hook.requests) + 1 + cycle % 4)
                server.kill()
                server.start()
            server.http.post("/management/sync", json={"kinds": ["chat_history"]})
            eventually(lambda: is_taken(server), seconds=60)
            histories = {room.id: texts_of(room.history(limit=10_000)) for room in rooms}
        assert union(hook) == histories


def is_taken(server: Server) -> bool:
    rest = """SELECT 1 FROM conversation c LEFT JOIN batch b
        ON b.conversation = c.id AND b.kind = 'chat_history'
        WHERE c.last_seq > COALESCE(b.position, 0)"""
    return not stored(server, rest)


def texts_of(page: list[dict[str, str]]) -> list[str]:
    return [record["content"] for record in reversed(page)]


def union(hook: Receiver) -> dict[str, list[str]]:
    by_id: dict[str, bytes] = {}
    found: dict[str, list[str]] = defaultdict(list)
    for request in at(hook, CHAT):
        assert request.path == PATHS[CHAT]
        body = request.json
        known = by_id.setdefault(body["batch_id"], request.body)
        assert known == request.body, "a repeat is the same, byte for byte"
    for body in by_id.values():
        batch = json.loads(body)
        found[batch["room_id"]] += [message["content"] for message in batch["messages"]]
    return found
