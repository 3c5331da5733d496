"""kill -9 while callbacks go out: nothing is lost, the order is kept, a repeat has the same id."""

import contextlib
import itertools
import json
import random
from collections import Counter, defaultdict
from pathlib import Path

import proof
import pytest
from faults import FAULTS, QUICK, TAKEN
from halting import Place
from hooks import PATHS, QUIET, at, stored, urls
from receivers import Receiver, Request, answer, receiver, when
from test_crash import HaltingServer
from world import Client, Server, eventually, running

from chatctl_server.domain import event_id

EVENTS = "ROOM_EVENT_CALLBACK_URL"
CHAT = "CHAT_HISTORY_CALLBACK_URL"
KILLS = proof.size(3, 60)
MOODS = 5000  # of a receiver, a request each; then it is well
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


def is_planned(server: Server) -> bool:
    behind = """SELECT 1 FROM event WHERE type <> 'message.posted' AND id >
        (SELECT position FROM cursor WHERE name = 'callbacks')"""
    return not stored(server, behind)


def is_drained(server: Server) -> bool:
    pending = "SELECT 1 FROM delivery WHERE status = 'pending'"
    return is_planned(server) and not stored(server, pending)


class Scene:
    """Rooms whose events go to a receiver with moods. Each kill begins when all has arrived, but
    those ``anywhere``."""

    def __init__(self, server: HaltingServer, hook: Receiver) -> None:
        chance = random.Random(7)
        names = [*FAULTS] if proof.IS_LONG else [*QUICK]
        drawn = [chance.choice(names) if chance.random() < 0.3 else None for _ in range(MOODS)]
        hook.behave(*(answer() if name is None else FAULTS[name][0] for name in drawn), answer())
        self._moods = drawn
        self._chance = chance
        self._numbers = itertools.count(1)
        self.server = server
        self.hook = hook
        self.rooms = [server.create_room(f"room {number}") for number in range(3)]
        self.kills = 0
        self.excuses: Counter[str] = Counter()  # by id: kills after it was taken, before its mark

    def join(self) -> list[Client]:
        number = next(self._numbers)
        return [room.join(f"user {number}") for room in self.rooms]

    def wait(self) -> None:
        eventually(lambda: is_drained(self.server), seconds=60)

    def before_the_send(self) -> None:
        """Planned, and the server does not know it yet. Now and then a chore of its own comes
        between: then once more."""
        unsent: set[str] = set()
        while not unsent:
            [leaving, *_] = self.join()
            self.wait()
            self.server.board.halt_at(Place.COMMITTED, 1)  # after the commit of the event itself
            leaving.drop()
            eventually(lambda: self.server.board.has_halted)
            unsent, _ = self._die()

    def after_the_send(self) -> None:
        """The answers are held back; more waits behind."""
        self._hold()
        _, sent = self._die()
        assert len(sent) == len(self.rooms)

    def during_the_mark(self) -> None:
        self._hold()
        place = self._chance.choice((Place.STATEMENT, Place.COMMITTED, Place.HAND_OVER))
        self.server.board.halt_at(place)
        self.hook.release()
        eventually(lambda: self.server.board.has_halted)
        self._die()

    def anywhere(self) -> None:
        self.join()
        self._die()

    def _hold(self) -> None:
        """A send is under way in each room, and everything is planned."""
        self.wait()
        count = len(self.hook.requests)
        self.hook.pause()
        self.join()
        self.join()
        self.hook.wait_for(count + len(self.rooms))
        eventually(lambda: is_planned(self.server))

    def _die(self) -> tuple[set[str], set[str]]:
        """What is pending in the dead file: what did not come yet, and what did."""
        self.server.kill()
        self.kills += 1
        self.hook.release()
        question = "SELECT planned_at, id FROM delivery WHERE status = 'pending'"
        pending = {event_id.make(*each) for each in stored(self.server, question)}
        taken = {request.headers["webhook-id"] for request in self.taken()}
        self.excuses.update(pending & taken)
        came = {request.headers["webhook-id"] for request in self.hook.requests}
        self.server.start()
        return pending - came, pending & came

    def taken(self) -> list[Request]:
        """Those that the receiver did not refuse; a connection that ends without a word does."""
        moods = itertools.chain(self._moods, itertools.repeat(None))
        return [
            request
            for request, name in zip(self.hook.requests, moods, strict=False)
            if name is None or FAULTS[name][1] == TAKEN
        ]


@proof.over_each_transport()
@pytest.mark.timeout(proof.time_limit())
def test_killed_at_any_moment(tmp_path: Path) -> None:
    """Every event of the log arrives, in the log's order, also when the receiver is unwell now and
    then; a second time only what a kill kept from being marked."""
    settings = {**QUIET, "CALLBACK_MAX_RETRIES": "50", "CALLBACK_TIMEOUT_SECONDS": "5"}
    with (
        receiver() as hook,
        contextlib.closing(HaltingServer(tmp_path, **settings, **urls(hook, EVENTS))) as server,
    ):
        scene = Scene(server.start(), hook)
        moments = [
            scene.before_the_send,
            scene.after_the_send,
            scene.during_the_mark,
            scene.anywhere,
        ]
        for kill, _ in zip(itertools.cycle(moments), range(KILLS)):
            kill()
        scene.wait()
        expected = {room.id: log_of(server, room.id) for room in scene.rooms}
        taken = scene.taken()
    assert first_arrivals(taken) == expected
    repeats = Counter(request.headers["webhook-id"] for request in taken)
    repeats.subtract(repeats.keys())
    assert repeats <= scene.excuses
    assert len({(each.headers["webhook-id"], each.body) for each in taken}) == len(repeats)
    events = sum(map(len, expected.values()))
    requests = f"{len(hook.requests)} requests, {len(taken)} taken"
    print(f"{scene.kills} kills, {events} events, {requests}, {repeats.total()} of them again")


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
    messages = sum(map(len, histories.values()))
    requests = [request.json["batch_id"] for request in at(hook, CHAT)]
    batches = f"{len(requests)} batches, {len(requests) - len(set(requests))} of them again"
    print(f"{BATCH_KILLS} kills, {messages} messages in {batches}")


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
