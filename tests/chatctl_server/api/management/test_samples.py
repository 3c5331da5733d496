"""A test sends samples of what an endpoint gets; real deliveries do not wait for them."""

from admin import Admin
from hooks import PATHS
from receivers import Receiver, Request

EVENTS = {
    "DATA_CALLBACK_URL": {"data_sync": None},
    "ROOM_EVENT_CALLBACK_URL": {
        "room_created": "RoomCreated",
        "room_closed": "RoomClosed",
        "user_joined": "UserJoined",
        "user_left": "UserLeft",
    },
    "CHAT_HISTORY_CALLBACK_URL": {"chat_history_batch": "ChatHistoryBatch"},
    "SESSION_HISTORY_CALLBACK_URL": {"session_history_batch": "SessionHistoryBatch"},
    "PERIODIC_SYNC_CALLBACK_URL": {"periodic_sync": "PeriodicSync"},
}


def samples(hook: Receiver, count: int) -> list[Request]:
    """All that have come, once there are so many."""

    def found() -> list[Request]:
        return [each for each in hook._requests if "x-chatctl-mark" in each.headers]

    hook.wait_until(lambda: len(found()) >= count, f"{count} samples")
    return found()


def test_one_of_each_event_of_each_url(named_admin: Admin, named_hook: Receiver) -> None:
    admin, hook = named_admin, named_hook
    asked = []
    for endpoint in admin.ask("GET", ""):
        asked += admin.ask("POST", f"/{endpoint['endpoint_id']}/test", 202)["delivery_ids"]
    expected = {
        (PATHS[name], event, event_type)
        for name, events in EVENTS.items()
        for event, event_type in events.items()
    }
    came = samples(hook, len(expected))[-len(expected) :]
    found = {
        (each.path, each.headers["x-chatctl-event"], each.json.get("event_type")) for each in came
    }
    assert found == expected
    assert {each.headers["x-chatctl-mark"] for each in came} == {"test"}
    assert sorted(each.headers["webhook-id"] for each in came) == sorted(asked)
    room = "00000000-0000-4000-8000-000000000000"
    assert {each.json["room_id"] for each in came} == {room}
    for path, keys in bodies_of_a_room(admin, hook).items():
        (sample, *_) = [each for each in came if each.path == path]
        assert sample.json.keys() == keys, path


def bodies_of_a_room(admin: Admin, hook: Receiver) -> dict[str, set[str]]:
    """The keys of the real bodies."""
    before = len(hook.requests)
    room = admin.server.create_room()
    room.join("anna").say("hello")
    admin.server.http.post("/management/sync", json={"kinds": ["periodic", "chat_history"]})
    paths = {PATHS[name] for name in EVENTS} - {PATHS["SESSION_HISTORY_CALLBACK_URL"]}
    paths -= {PATHS["ROOM_EVENT_CALLBACK_URL"]}
    hook.wait_until(
        lambda: paths <= {each.path for each in hook._requests[before:]}, "the real ones"
    )
    return {each.path: each.json.keys() for each in hook.requests[before:] if each.path in paths}


def test_an_added_one_gets_one_of_its_own(admin: Admin, hook: Receiver) -> None:
    endpoint = admin.add(hook.url)
    path = f"/{endpoint['endpoint_id']}/test"
    (asked,) = admin.ask("POST", path, 202)["delivery_ids"]
    (came,) = hook.wait_for(1)
    (told,) = admin.finished(endpoint)
    assert (told["delivery_id"], told["mark"], told["status"]) == (asked, "test", "delivered")
    assert (told["room_id"], told["tries_allowed"]) == (None, 1)
    assert came.headers["x-chatctl-event"] == "test"
    assert (came.json["type"], came.json["offset"]) == ("test", 0)
    real = set(admin.server.http.get("/management/events?limit=1").json()[0])
    assert came.json.keys() == real


def test_only_the_event_that_is_asked_for(named_admin: Admin, named_hook: Receiver) -> None:
    before = len(samples(named_hook, 0))
    path = f"/{named_admin.named('room_event')['endpoint_id']}/test"
    made = named_admin.ask("POST", path, 202, json={"event": "user_left"})["delivery_ids"]
    (came,) = samples(named_hook, before + 1)[before:]
    assert came.json["event_type"] == "UserLeft"
    assert [came.headers["webhook-id"]] == made
    refused = named_admin.ask("POST", path, 400, json={"event": "data_sync"})
    assert (refused["field"], "user_left" in refused["hint"]) == ("event", True)
