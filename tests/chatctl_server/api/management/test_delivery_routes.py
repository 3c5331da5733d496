"""Deliveries are listed, shown, and sent again."""

from pathlib import Path
from typing import Any

import pytest
from admin import LOCAL, Admin
from application import pages
from hooks import calling, request_sync, stored
from receivers import Receiver, answer, receiver
from world import Room, eventually

UNKNOWN = "00000000-0000-4000-8000-000000000000"


def banned(room: Room, *users: str) -> None:
    for user in users:
        room.ban(user)


def ids(found: list[dict[str, Any]]) -> list[str]:
    return [each["delivery_id"] for each in found]


def test_lists_are_filtered(admin: Admin, hook: Receiver) -> None:
    hook.behave(answer(500), answer(200))
    endpoint = admin.add(hook.url, "ban.*", "mute.*")
    first, second = (admin.server.create_room(name) for name in ("first", "second"))
    banned(first, "anna")
    admin.finished(endpoint, 1)
    banned(second, "bert")
    admin.finished(endpoint, 2)
    admin.server.http.put(f"{second.path}/mutes/carl", json={})
    mute, good, bad = admin.finished(endpoint, 3)
    assert (bad["status"], bad["last_status"], bad["room_id"]) == ("failed", 500, first.id)
    assert (good["status"], good["event"], good["room_id"]) == ("delivered", "ban.set", second.id)
    assert bad == {
        "delivery_id": hook.requests[0].headers["webhook-id"],
        "endpoint_id": endpoint["endpoint_id"],
        "kind": "events",
        "event": "ban.set",
        "room_id": first.id,
        "status": "failed",
        "mark": None,
        "number": None,
        "tries": 1,
        "tries_allowed": 1,
        "planned_at": bad["planned_at"],
        "finished_at": bad["finished_at"],
        "next_try_at": None,
        "last_status": 500,
        "last_error": None,
    }
    assert admin.deliveries(endpoint, status="failed") == [bad]
    assert admin.deliveries(endpoint, status="delivered") == [mute, good]
    assert admin.deliveries(endpoint, status="skipped") == []
    assert admin.deliveries(endpoint, status="pending") == []
    assert admin.deliveries(endpoint, event="mute.*") == [mute]
    assert admin.deliveries(room=first.id) == [bad]
    now = bad["planned_at"]
    assert admin.deliveries(endpoint, since=now - 60, until=now + 60) == [mute, good, bad]
    assert admin.deliveries(endpoint, since=now + 60) == []
    assert admin.deliveries(endpoint, until=now - 60) == []


def test_lists_have_pages(admin: Admin, hook: Receiver) -> None:
    endpoint = admin.add(hook.url)
    banned(admin.server.create_room(), *"abcde")
    expected = ids(admin.finished(endpoint, 5))
    query = {"endpoint_id": endpoint["endpoint_id"], "event": "ban.*", "limit": 2}
    found = pages(admin.server.http, "/management/callbacks/deliveries", **query)
    assert [ids(page) for page in found] == [expected[:2], expected[2:4], expected[4:]]
    webhook_id = expected[1]
    number = str(int(webhook_id[19:].replace("-", ""), 16) & ~(0b10 << 62))
    for before in (webhook_id, number):
        assert ids(admin.deliveries(endpoint, before=before)) == expected[2:]


def test_one_is_shown_whole(admin: Admin, hook: Receiver) -> None:
    hook.behave(answer(503, b"not \xff now" + b"x" * 5000), answer(200, b"thanks"))
    secret = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
    endpoint = admin.add(f"{hook.url}?token=1", secret=secret)
    room = admin.server.create_room()
    banned(room, "anna")
    (failed,) = admin.finished(endpoint)
    admin.resend(failed)
    sent = hook.wait_for(2)[1]
    (listed,) = admin.finished(endpoint)
    webhook_id = sent.headers["webhook-id"]
    shown = admin.ask("GET", f"/deliveries/{webhook_id}")
    number = str(int(webhook_id[19:].replace("-", ""), 16) & ~(0b10 << 62))
    for other in (webhook_id.upper(), number):
        assert admin.ask("GET", f"/deliveries/{other}").keys() == shown.keys()
    assert {name: shown[name] for name in listed} == listed
    assert shown["request"]["body"] == sent.json
    assert shown["request"]["body"]["room_id"] == room.id
    assert shown["request"]["url"] == f"{hook.url}?…"
    headers = shown["request"]["headers"]
    assert (headers["webhook-timestamp"], headers["webhook-signature"]) == ("…", "…")
    assert headers["x-chatctl-event"] == "ban.set"
    assert headers["webhook-id"] == webhook_id == shown["delivery_id"]
    first, second = shown["attempts"]
    assert (first["number"], first["status"], first["error"]) == (1, 503, None)
    assert first["answer"].startswith("not \ufffd nowx")
    assert len(first["answer"]) == 4096
    assert first["latency_ms"] > 0
    assert (second["number"], second["status"], second["answer"]) == (2, 200, "thanks")


def test_so_is_that_to_a_state_or_a_batch_with_the_text(tmp_path: Path) -> None:
    """Of that room; that to another one's stays."""
    with (
        receiver(answer(200, b"taken: the secret")) as hook,
        calling(tmp_path, hook, "DATA_CALLBACK_URL", "CHAT_HISTORY_CALLBACK_URL") as server,
    ):
        rooms = [server.create_room(name) for name in ("one", "other")]
        said = [
            server.http.post(f"{each.path}/messages", json={"content": "the secret"}).json()
            for each in rooms
        ]
        request_sync(server, kinds=["data", "chat_history"])
        answers = "SELECT answer FROM delivery d JOIN attempt ON d.id = delivery WHERE event IN "
        answers += "('data_sync', 'chat_history_batch') AND planned_at > 0 ORDER BY conversation"
        # The creation of each room tells its data, too.
        eventually(lambda: len(stored(server, answers)) == 6)
        assert {each for (each,) in stored(server, answers)} == {b"taken: the secret"}
        path = f"{rooms[0].path}/messages/{said[0]['message_id']}"
        assert server.http.delete(path).json() == {"changed": True}
        kept = [each for (each,) in stored(server, answers)]
        assert kept == [None] * 3 + [b"taken: the secret"] * 3


@pytest.mark.parametrize("kind", ["data", "chat_history", "message.posted"])
def test_so_is_one_that_comes_after_the_erasure(tmp_path: Path, kind: str) -> None:
    """The callback was on its way."""
    settings = {"data": "DATA_CALLBACK_URL", "chat_history": "CHAT_HISTORY_CALLBACK_URL"}
    setting = settings.get(kind, "PERIODIC_SYNC_CALLBACK_URL")
    with receiver() as hook, calling(tmp_path, hook, setting, **LOCAL) as server:
        room = server.create_room("lobby")
        said = server.http.post(f"{room.path}/messages", json={"content": "the secret"}).json()
        pending = "SELECT 1 FROM delivery WHERE status = 'pending'"
        if kind == "data":  # the creation of the room tells its data, too, in its own time
            eventually(lambda: stored(server, "SELECT 1 FROM attempt"))
        eventually(lambda: not stored(server, pending))
        before = len(hook.requests)
        hook.behave(answer(200, b"taken: the secret"))
        hook.pause()
        if kind in settings:
            request_sync(server, kinds=[kind])
        else:
            Admin(server).add(hook.url, "message.posted")
            said = server.http.post(f"{room.path}/messages", json={"content": "the secret"}).json()
        eventually(lambda: any(b"the secret" in each.body for each in hook.requests[before:]))
        path = f"{room.path}/messages/{said['message_id']}"
        assert server.http.delete(path).json() == {"changed": True}
        hook.release()
        eventually(lambda: not stored(server, pending))
        newest = "SELECT status, answer FROM attempt ORDER BY delivery DESC LIMIT 1"
        assert stored(server, newest) == [(200, None)]


def test_an_answer_that_repeats_an_erased_text_is_forgotten(admin: Admin, hook: Receiver) -> None:
    hook.behave(answer(200, b"taken: the secret"))
    endpoint = admin.add(hook.url, "message.posted")
    of_room = f"/management/rooms/{admin.server.create_room().id}/messages"
    said = admin.server.http.post(of_room, json={"content": "the secret"}).json()
    (delivery,) = admin.finished(endpoint)
    one = f"/deliveries/{delivery['delivery_id']}"
    assert [each["answer"] for each in admin.ask("GET", one)["attempts"]] == ["taken: the secret"]
    assert admin.server.http.delete(f"{of_room}/{said['message_id']}").json() == {"changed": True}
    assert [each["answer"] for each in admin.ask("GET", one)["attempts"]] == [""]


def test_an_unknown_delivery(admin: Admin) -> None:
    for wanted, status in ((UNKNOWN, 404), ("999999", 404), ("no-id", 400), ("9" * 19, 404)):
        for method, path in (("GET", ""), ("POST", "/resend")):
            refused = admin.ask(method, f"/deliveries/{wanted}{path}", status)
            assert refused["field"] == "delivery_id"


def test_one_that_failed_or_arrived_is_sent_again(admin: Admin, hook: Receiver) -> None:
    hook.behave(answer(500), answer(200))
    endpoint = admin.add(hook.url)
    banned(admin.server.create_room(), "anna")
    (failed,) = admin.finished(endpoint)
    for tries in (2, 3):
        again = admin.resend(failed)
        assert (again["changed"], again["status"]) == (True, "pending")
        assert again["tries_allowed"] == tries
        (arrived,) = admin.finished(endpoint)
        assert (arrived["status"], arrived["tries"]) == ("delivered", tries)
    requests = hook.wait_for(3)
    assert len({request.headers["webhook-id"] for request in requests}) == 1
    assert len({request.body for request in requests}) == 1
    assert not any("x-chatctl-changed" in request.headers for request in requests)
    query = {"type": "delivery.resent", "tail": "true", "limit": 1}
    (event,) = admin.server.http.get("/management/events", params=query).json()
    assert event["data"] == {
        "endpoint_id": endpoint["endpoint_id"],
        "delivery_id": failed["delivery_id"],
    }


def test_one_that_waits_is_due_now_and_one_never_tried_is_not_changed(
    late_admin: Admin, hook: Receiver
) -> None:
    hook.behave(answer(500), answer(200))
    endpoint = late_admin.add(hook.url)
    banned(late_admin.server.create_room(), "anna", "bert")
    hook.wait_for(1)
    eventually(lambda: [each["tries"] for each in late_admin.deliveries(endpoint)] == [0, 1])
    behind, waits = late_admin.deliveries(endpoint)
    assert waits["next_try_at"] - waits["planned_at"] >= 3600
    assert (behind["next_try_at"], behind["finished_at"]) == (None, None)
    assert late_admin.resend(behind)["changed"] is False
    assert len(hook.requests) == 1
    assert late_admin.resend(waits)["changed"] is True
    told = [each.json["data"]["user_id"] for each in hook.wait_for(3)]
    assert told == ["anna", "anna", "bert"]
    assert {each["status"] for each in late_admin.finished(endpoint, 2)} == {"delivered"}
