"""What the bodies of callbacks say, and that they are signed; their keys: docs/callbacks.md."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hooks import SECRET, at, calling, finished, request_sync, wait_for_event
from receivers import Receiver, Request, receiver
from standardwebhooks.webhooks import Webhook
from world import Server

from chatctl_server.domain.callbacks import DATA_SYNC, EVENT_NAMES


class Scene:
    """One of each: a room is made, joined, talked in, left, synced and closed."""

    def __init__(self, server: Server, hook: Receiver) -> None:
        room = server.create_room("Ops", admins=("boss",))
        guest = room.join("ann", nickname="Ann")
        guest.say("hello")
        guest.close()
        assert room.ban("bob").status_code == 200
        server.chatctl("say", room.id, "over")
        hook.wait_until(lambda: len(hook._requests) >= 4, "join and leave")
        request_sync(server)
        request_sync(server, kinds=["chat_history", "session_history"])
        hook.wait_until(lambda: len(hook._requests) >= 8, "the syncs")
        server.http.delete(room.path)
        wait_for_event(hook, "room_closed")
        self.finished = finished(server, 9)
        self.room = room
        self.of: dict[str, list[Request]] = {}
        for request in hook.requests:
            self.of.setdefault(request.headers["x-chatctl-event"], []).append(request)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    directory: Path = tmp_path_factory.mktemp("bodies")
    with receiver() as hook, calling(directory, hook, CALLBACK_SIGNING_SECRET=SECRET) as server:
        yield Scene(server, hook)


def test_each_arrives_once_and_the_official_library_verifies_it(scene: Scene) -> None:
    assert {(tries, status) for _, tries, status in scene.finished} == {(1, "delivered")}
    assert scene.of.keys() == set(EVENT_NAMES)
    for event, requests in scene.of.items():
        for request in requests:
            if event != DATA_SYNC:
                assert request.json["event_type"] == event.title().replace("_", "")
            assert request.headers["content-type"] == "application/json"
            assert request.json["room_id"] == scene.room.id
            assert Webhook(SECRET).verify(request.body, request.headers) == request.json


def test_what_the_bodies_say(scene: Scene) -> None:
    made, joined, left, closed = (
        scene.of[event][0].json
        for event in ("room_created", "user_joined", "user_left", "room_closed")
    )
    assert (made["room_name"], made["admin_ids"]) == ("Ops", ["boss"])
    assert (joined["user_id"], left["user_id"]) == ("ann", "ann")
    assert left["duration"] >= 0
    assert closed["final_stats"] == {"current_users": 0, "peak_users": 1, "total_joins": 1}
    [batch] = scene.of["chat_history_batch"]
    assert [message["content"] for message in batch.json["messages"]] == ["hello", "over"]
    assert batch.json["batch_id"] == f"chat_{scene.room.id}_1"
    assert batch.json["is_last_batch"] is True
    [ended] = scene.of["session_history_batch"]
    assert [session["nickname"] for session in ended.json["sessions"]] == ["Ann"]
    assert ended.json["batch_id"] == f"session_{scene.room.id}_1"
    made, synced, closed = (request.json for request in scene.of["data_sync"])
    assert synced["banned_user_ids"] == ["bob"]
    assert [entry["content"] for entry in synced["chat_history"]] == ["hello", "over"]
    assert (synced["chat_history_total"], synced["session_history_total"]) == (2, 1)
    assert made["created_at"] == made["start_time"] == closed["created_at"]


def test_a_receiver_can_compute_the_digest_from_the_history_pages(scene: Scene) -> None:
    [sync] = (request.json for request in scene.of["periodic_sync"])
    server = scene.room.server
    hashed = []
    for kind in ("chat-history", "session-history"):
        page = server.http.get(f"/management/sync/{kind}/{scene.room.id}", params={"limit": 1000})
        for record in page.json()["records"]:
            text = "".join(f"{value}\0" for value in record.values())
            hashed.append(hashlib.sha256(text.encode()).hexdigest())
    whole = hashlib.sha256("".join(sorted(hashed)).encode())
    assert sync["consistency"]["digest"] == whole.hexdigest()
    assert sync["consistency"]["message_count"] == 2
    assert sync["consistency"]["session_count"] == 1


def test_an_unset_url_switches_that_kind_off_and_an_unset_secret_the_signature(
    tmp_path: Path,
) -> None:
    with receiver() as hook, calling(tmp_path, hook, "ROOM_EVENT_CALLBACK_URL") as server:
        room = server.create_room("lobby")
        request_sync(server, kinds=["data", "periodic", "chat_history", "session_history"])
        server.http.delete(room.path)
        wait_for_event(hook, "room_closed")
        assert [event for event, _, _ in finished(server, 2)] == ["room_created", "room_closed"]
        assert len(hook.requests) == len(at(hook, "ROOM_EVENT_CALLBACK_URL"))
        first, second = (each.headers for each in hook.requests)
    assert first["webhook-id"] != second["webhook-id"]
    assert "webhook-signature" not in first
