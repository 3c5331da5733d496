"""Endpoints are added, shown, changed, and removed."""

import base64
from pathlib import Path
from typing import Any

import httpx
import pytest
from admin import LOCAL, Admin
from receivers import Receiver, answer
from world import Server, eventually, running

SECRET = "whsec_" + base64.b64encode(b"the first secret of the tests, 32+").decode()
OTHER = base64.b64encode(b"the second secret of the tests").decode()
PUBLIC = "https://hooks.example/chat"


def events(server: Server, glob: str) -> list[dict[str, Any]]:
    query = {"type": glob, "limit": 1000}
    return list(server.http.get("/management/events", params=query).json())


def test_an_endpoint_is_added_and_shown(admin: Admin) -> None:
    added = admin.add("https://hooks.example/x?token=1", "ban.*")
    assert added.pop("changed") is True
    assert added.pop("created_at") > 1_000_000_000
    endpoint_id = added.pop("endpoint_id")
    assert added == {
        "origin": "added",
        "kind": "events",
        "scope": "rooms",
        "url": "https://hooks.example/x?…",
        "events": ["ban.*"],
        "status": "enabled",
        "disabled_reason": None,
        "is_guarded": True,
        "has_secret": False,
        "secret_overlap_until": None,
        "failing_since": None,
        "pending": 0,
        "oldest_pending_at": None,
        "failed": 0,
        "oldest_failed_at": None,
    }
    shown = admin.ask("GET", f"/{endpoint_id.upper()}")
    assert shown == admin.ask("GET", "")[-1]
    assert shown["endpoint_id"] == endpoint_id
    (event,) = [
        each
        for each in events(admin.server, "endpoint.added")
        if each["data"]["endpoint_id"] == endpoint_id
    ]
    assert event["data"]["url"] == "https://hooks.example/x?…"
    assert event["credential"] == "api-key"


def test_the_same_again_adds_nothing(admin: Admin) -> None:
    added = admin.add(PUBLIC, "ban.*", "mute.*", secret=SECRET)
    body = {"url": PUBLIC, "events": ["mute.*", "ban.*"]}
    for more in ({}, {"secret": SECRET}):
        again = admin.ask("POST", "", 200, json={**body, **more})
        assert again == {**added, "changed": False}
    assert admin.add(PUBLIC, "ban.*", "mute.*", scope="all")["changed"] is True
    refused = admin.ask("POST", "", 409, json={**body, "secret": OTHER})
    assert refused["field"] == "secret"
    assert admin.add(PUBLIC, "ban.*")["endpoint_id"] != added["endpoint_id"]


def test_what_is_wrong_is_named(admin: Admin) -> None:
    wanted = {"url": PUBLIC, "events": ["ban.*"]}
    added = admin.add(PUBLIC, "mute.*")
    for field, value, said in (
        ("url", "http://10.0.0.1/", "CALLBACK_ALLOW_NETWORKS"),
        ("url", "ftp://hooks.example/", "must begin with http:// or https://"),
        ("url", "http://169.254.169.254/", "the receiver's own host"),
        ("url", 7, "url"),
        ("events", [], "must have"),
        ("events", ["ban.*"] * 51, "must have"),
        ("events", ["bann.set"], "did you mean ban.set"),
        ("events", ["nothing.like.it"], "message"),
        ("events", ["ban.*,mute.*"], "pattern"),
        ("events", ["ban.*\0"], "pattern"),
        ("secret", "no base64", "base64"),
        ("secret", "c2hvcnQ=", "5 bytes"),
        ("secret", f"{OTHER} {OTHER}", "base64"),
    ):
        for method, path, sent in (
            ("POST", "", {**wanted, field: value}),
            ("PATCH", f"/{added['endpoint_id']}", {field: value}),
        ):
            refused = admin.ask(method, path, 400, json=sent)
            assert refused["field"].startswith(field)
            assert said in refused["detail"] + refused.get("hint", "")
            assert field != "secret" or value not in str(refused)
    assert len(admin.ask("GET", "")) == 1


def test_whoever_comes_through_the_socket_is_the_operator(tmp_path: Path) -> None:
    with running(tmp_path, **{**LOCAL, "CALLBACK_ALLOW_NETWORKS": ""}) as server:
        admin = Admin(server)
        body = {"url": "http://127.0.0.1:9/hook", "events": ["ban.*"]}
        assert admin.ask("POST", "", 400, json=body)["field"] == "url"
        through = httpx.HTTPTransport(uds=f"{server.database}.admin.sock")
        with httpx.Client(transport=through, base_url="http://here") as local:
            added = local.post("/management/callbacks", json=body).json()
            assert added["is_guarded"] is False
            path = f"/management/callbacks/{added['endpoint_id']}"
            # Of the key's holder is only what they change.
            assert admin.change(added, events=["mute.*"])["is_guarded"] is False
            assert admin.change(added, url=PUBLIC)["is_guarded"] is True
            assert local.patch(path, json={"url": body["url"]}).json()["is_guarded"] is False


def test_no_secret_is_told(admin: Admin, hook: Receiver) -> None:
    hook.behave(answer(500))
    endpoint = admin.add(f"{hook.url}?token=hidden-token", secret=SECRET)
    admin.change(endpoint, secret=OTHER)
    admin.server.create_room().ban("anna")
    (failed,) = admin.finished(endpoint)
    told = [
        str(admin.ask("GET", "")),
        str(admin.ask("GET", f"/deliveries/{failed['delivery_id']}")),
        str(events(admin.server, "endpoint.*")),
        admin.server.log.read_text(),
    ]
    for secret in (SECRET.removeprefix("whsec_"), OTHER, "hidden-token"):
        assert [secret in each for each in told] == [False] * 4


def test_a_disabled_one_waits_and_goes_on_when_enabled(admin: Admin, hook: Receiver) -> None:
    hook.pause()
    endpoint = admin.add(hook.url)
    room = admin.server.create_room()
    room.ban("anna")
    hook.wait_for(1)
    room.ban("bert")  # waits behind it
    eventually(lambda: len(admin.deliveries(endpoint, status="pending")) == 2)
    assert admin.change(endpoint, status="disabled")["status"] == "disabled"
    hook.release()
    eventually(lambda: len(admin.deliveries(endpoint, status="pending")) == 1)
    room.ban("carl")  # nobody is told
    assert admin.ask("GET", f"/{endpoint['endpoint_id']}")["pending"] == 1
    assert admin.change(endpoint, status="enabled")["changed"] is True
    told = [request.json["data"]["user_id"] for request in hook.wait_for(2)]
    assert told == ["anna", "bert"]
    assert admin.change(endpoint, status="enabled")["changed"] is False
    event = events(admin.server, "endpoint.changed")[-1]["data"]
    assert (event["status"], event["changed"]) == ("enabled", ["status"])


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ([{"url": "{}/new"}], "/new"),
        ([{"status": "disabled"}, {"status": "enabled"}], "/old"),
    ],
)
def test_what_waits_for_a_retry_is_tried_at_once(
    late_admin: Admin, hook: Receiver, changes: list[dict[str, str]], path: str
) -> None:
    hook.behave(answer(500), answer(200))
    endpoint = late_admin.add(f"{hook.origin}/old")
    late_admin.server.create_room().ban("anna")
    eventually(lambda: [each["last_status"] for each in late_admin.deliveries(endpoint)] == [500])
    for change in changes:
        given = {name: value.format(hook.origin) for name, value in change.items()}
        assert late_admin.change(endpoint, **given)["changed"] is True
    first, second = hook.wait_for(2)
    assert (first.path, second.path) == ("/old", path)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


def test_a_removed_one_gets_nothing_more(admin: Admin, hook: Receiver) -> None:
    hook.pause()
    endpoint = admin.add(hook.url)
    room = admin.server.create_room()
    for user in ("anna", "bert", "carl"):
        room.ban(user)
    hook.wait_for(1)
    eventually(lambda: len(admin.deliveries(endpoint, status="pending")) == 3)
    path = f"/{endpoint['endpoint_id']}"
    assert admin.ask("DELETE", path) == {"changed": True}
    hook.release()
    kept = admin.finished(endpoint, 3)
    assert [each["status"] for each in kept] == ["skipped"] * 3
    assert len(hook.requests) == 1
    for method in ("GET", "DELETE"):
        assert admin.ask(method, path, 404)["code"] == "endpoint_not_found"
    assert endpoint["endpoint_id"] not in str(admin.ask("GET", ""))
    resend = f"/deliveries/{kept[0]['delivery_id']}/resend"
    assert admin.ask("POST", resend, 409)["code"] == "conflict"


def test_one_of_the_settings_is_changed_there(named_admin: Admin) -> None:
    for kind in ("data", "room_event", "chat_history", "session_history", "periodic_sync"):
        named = named_admin.named(kind)
        assert (named["origin"], named["events"], named["is_guarded"]) == ("settings", [], False)
        path = f"/{named['endpoint_id']}"
        for method, more in (("PATCH", {"json": {"status": "disabled"}}), ("DELETE", {})):
            refused = named_admin.ask(method, path, 409, **more)
            assert f"{kind.upper()}_CALLBACK_URL" in refused["hint"]
            assert "CALLBACK_SIGNING_SECRET" in refused["hint"]
