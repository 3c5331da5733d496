"""Receivers that are unwell, all at once, each for a room of its own: nothing is lost or sent
twice for nothing, and no room waits for another's."""

from pathlib import Path

from faults import FAULTS
from hooks import calling, stored
from receivers import Receiver, Request, answer, receiver, when
from world import Server, eventually

EVENTS = "ROOM_EVENT_CALLBACK_URL"
SETTINGS = {"CALLBACK_TIMEOUT_SECONDS": "2", "CALLBACK_RETRY_DELAY_SECONDS": "0"}


def meets(hook: Receiver) -> None:
    """Each room's first request meets the fault that it is named after."""
    seen: set[str] = set()

    def is_first_of(name: str, request: Request) -> bool:
        if request.json.get("room_name") != name or name in seen:
            return False
        seen.add(name)
        return True

    whens = [
        when(lambda request, name=name: is_first_of(name, request), fault)
        for name, (fault, _) in FAULTS.items()
    ]
    hook.behave(*whens, answer())


def is_finished(server: Server) -> bool:
    question = "SELECT count(*) FROM delivery WHERE status <> 'pending'"
    return stored(server, question) == [(2 * len(FAULTS),)]


def test_each_arrives_after_so_many_tries_and_the_next_one_after_it(tmp_path: Path) -> None:
    with receiver() as hook, calling(tmp_path, hook, EVENTS, **SETTINGS) as server:
        meets(hook)
        rooms = {name: server.create_room(name) for name in FAULTS}
        for room in rooms.values():
            server.http.delete(room.path)
        eventually(lambda: is_finished(server), seconds=30)
        question = """SELECT c.name, d.event, d.tries, d.status FROM delivery d
            JOIN conversation c ON c.id = d.conversation ORDER BY d.id"""
        deliveries = stored(server, question)
    for name, (_, tries) in FAULTS.items():
        created, closed = (each[1:] for each in deliveries if each[0] == name)
        assert created in {("room_created", count, "delivered") for count in tries}, name
        assert closed == ("room_closed", 1, "delivered"), name
        of_room = [each for each in hook.requests if each.json["room_id"] == rooms[name].id]
        events = [each.headers["x-chatctl-event"] for each in of_room]
        assert events == ["room_created"] * len(events[:-1]) + ["room_closed"], name
        assert len({each.headers["webhook-id"] for each in of_room}) == 2, name
