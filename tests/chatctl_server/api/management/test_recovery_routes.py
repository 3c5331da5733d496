"""After an outage: what failed, and what nobody was told."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from admin import Admin
from hooks import calling, stored, wait_at
from receivers import Receiver, answer
from world import Server

USERS = ["u0", "u1", "u2", "u3", "u4"]


def ban_all(server: Server) -> str:
    room = server.create_room()
    for user in USERS:
        room.ban(user)
    return room.id


def pages(admin: Admin, **body: Any) -> Iterator[dict[str, Any]]:
    after = None
    while True:
        page = admin.recover(**body, **({} if after is None else {"after": after}))
        yield page
        after = page["next"]
        if after is None:
            return


def users_at(hook: Receiver) -> list[str]:
    return [request.json["data"]["user_id"] for request in hook.requests]


def recovered(server: Server) -> list[dict[str, Any]]:
    query = {"type": "callbacks.recovered", "limit": 1000}
    return [each["data"] for each in server.http.get("/management/events", params=query).json()]


def test_dead_letters_are_sent_again_page_by_page(admin: Admin, hook: Receiver) -> None:
    hook.behave(answer(500))
    endpoint = admin.add(hook.url)
    ban_all(admin.server)
    failed = admin.finished(endpoint, 5)[::-1]
    hook.behave(answer(200))
    only = {"endpoint_id": endpoint["endpoint_id"], "limit": 2}
    dry = list(pages(admin, **only, dry_run=True))
    assert [page["count"] for page in dry] == [2, 2, 1]
    planned_at = failed[0]["planned_at"]
    for window in ({"since": planned_at + 60}, {"until": planned_at - 60}):
        assert admin.recover(**only, **window, dry_run=True)["count"] == 0
    assert [(page["first"], page["last"]) for page in dry] == [
        (failed[0], failed[1]),
        (failed[2], failed[3]),
        (failed[4], failed[4]),
    ]
    assert admin.deliveries(endpoint, status="failed") == failed[::-1]
    done = list(pages(admin, **only))
    assert [page["count"] for page in done] == [2, 2, 1]
    assert done[0]["first"]["status"] == "pending"
    assert {each["status"] for each in admin.finished(endpoint, 5)} == {"delivered"}
    assert users_at(hook)[5:] == USERS
    mine = [each for each in recovered(admin.server) if each["endpoint_id"]]
    assert [each["count"] for each in mine if each["endpoint_id"] == endpoint["endpoint_id"]] == [
        2,
        2,
        1,
    ]
    empty = {"count": 0, "first": None, "last": None, "next": None, "due_now": 0}
    assert next(pages(admin, **only)) == empty


def test_what_a_disabled_endpoint_was_not_told(admin: Admin, hook: Receiver) -> None:
    endpoint = admin.add(hook.url)
    admin.change(endpoint, status="disabled")
    room_id = ban_all(admin.server)
    admin.change(endpoint, status="enabled")
    admin.server.create_room().ban("later")
    hook.wait_for(1)
    only = {"only": "missing", "endpoint_id": endpoint["endpoint_id"], "limit": 2}
    question = "SELECT name, value FROM counter"
    taken = stored(admin.server, question)
    dry = list(pages(admin, **only, dry_run=True))
    assert sum(page["count"] for page in dry) == 5
    assert stored(admin.server, question) == taken
    assert len(admin.deliveries(endpoint)) == 1
    done = list(pages(admin, **only))
    assert [page["count"] for page in done if page["count"]] == [2, 2, 1]
    assert next(page["first"]["room_id"] for page in done if page["count"]) == room_id
    admin.finished(endpoint, 6)
    assert users_at(hook) == ["later", *USERS]
    assert sum(page["count"] for page in pages(admin, **only)) == 0


def test_samples_are_no_dead_letters(admin: Admin, hook: Receiver) -> None:
    hook.behave(answer(500))
    endpoint = admin.add(hook.url)
    admin.ask("POST", f"/{endpoint['endpoint_id']}/test", 202)
    admin.finished(endpoint)
    only = {"endpoint_id": endpoint["endpoint_id"]}
    assert sum(page["count"] for page in pages(admin, only="all", **only)) == 0


def test_what_happened_while_no_url_was_set(tmp_path: Path, hook: Receiver) -> None:
    """And what was sent to another URL is not missing."""
    with calling(tmp_path, hook, "DATA_CALLBACK_URL") as server:
        room = server.create_room("one")
        wait_at(hook, "DATA_CALLBACK_URL", 1)
        server.stop()
    moved = {"DATA_CALLBACK_URL": f"{hook.origin}/moved"}
    with calling(tmp_path, hook, "ROOM_EVENT_CALLBACK_URL", **moved) as server:
        page = Admin(server).recover(only="missing")
        assert (page["count"], page["next"]) == (1, None)
        assert page["first"] == page["last"]
        assert (page["first"]["kind"], page["first"]["room_id"]) == ("room_event", room.id)
        assert wait_at(hook, "ROOM_EVENT_CALLBACK_URL", 1)[0].json["room_name"] == "one"
        assert len(hook.requests) == 2
