"""Visitors of a site: who gets a token, who is known again, and for how long."""

import hashlib
import hmac
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import desk as scenes
import pytest
from desk import Clock, Desk, Visitor

from chatctl_server.domain import times
from chatctl_server.storage import customers

LISTED = "https://shop.example.org"
SHOP = {"allowed_origins": (LISTED, "https://*.example.com:8443")}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(times, "now", made)
    return made


@pytest.fixture
async def desk(tmp_path: Path, clock: Clock) -> AsyncIterator[Desk]:
    async with scenes.serving(tmp_path, SHOP, visitors_per_minute=0) as made:
        yield made


async def welcomed(desk: Desk, **said: Any) -> dict[str, Any]:
    found = await desk.told(None, "POST", "/api/visitors", {"site": desk.shop.key, **said})
    return dict(found)


def visitor(desk: Desk, answer: dict[str, Any]) -> Visitor:
    return Visitor(answer["customer_id"], desk.shop.key, answer["visitor_token"])


async def signed(desk: Desk, user_id: str) -> dict[str, str]:
    secret = (await desk.told(desk.adam, "GET", f"/api/sites/{desk.shop.id}"))["secret"]
    hashed = hmac.new(secret.encode(), user_id.encode(), hashlib.sha256).hexdigest()
    return {"user_id": user_id, "identity_hash": hashed}


async def test_a_visitor_gets_a_token_and_writes(desk: Desk) -> None:
    answer = await desk.ask(
        None, "POST", "/api/visitors", json={"site": desk.shop.id, "name": " Lu ", "email": ""}
    )
    found = answer.json()
    assert answer.status_code == 201
    assert found == {
        "visitor_token": found["visitor_token"],
        "customer_id": found["customer_id"],
        "verified": False,
    }
    lu = visitor(desk, found)
    mine = await desk.open(lu)
    shown = await desk.told(desk.anna, "GET", f"/api/conversations/{mine}")
    assert (shown["customer_name"], shown["customer_verified"]) == ("Lu", False)
    assert (await welcomed(desk))["customer_id"] != lu.id


async def test_the_token_opens_its_own_site_alone(desk: Desk) -> None:
    lu = visitor(desk, await welcomed(desk))
    for wrong in (
        lu._replace(key=desk.kiosk.key),
        lu._replace(key=""),
        lu._replace(token=lu.token[:-1]),
        lu._replace(token=desk.ida.token),
    ):
        assert await desk.refused(wrong, "GET", "/api/conversations") == (401, "unauthorized")
    assert await desk.told(lu._replace(key=desk.shop.id), "GET", "/api/conversations") == []


async def test_whom_the_host_product_names_is_one_customer_on_every_device(desk: Desk) -> None:
    known = await signed(desk, "u-1")
    first = await welcomed(desk, name="Lu", **known)
    again = await welcomed(desk, email="lu@example.org", **known)
    assert first["verified"]
    assert first["customer_id"] == again["customer_id"]
    assert first["visitor_token"] != again["visitor_token"]
    mine = await desk.open(visitor(desk, first))
    assert await desk.open(visitor(desk, again)) == mine
    shown = await desk.told(desk.anna, "GET", f"/api/conversations/{mine}")
    assert (shown["customer_name"], shown["customer_verified"]) == ("Lu", True)
    other = await welcomed(desk, name="Lu", email="lu@example.org")
    assert not other["verified"]
    assert other["customer_id"] != first["customer_id"]


async def test_a_user_id_wants_its_hash(desk: Desk) -> None:
    known = await signed(desk, "u-1")
    for wrong in (
        {"user_id": "u-1"},
        {**known, "user_id": "u-2"},
        {**known, "identity_hash": known["identity_hash"][:-1]},
        {**known, "identity_hash": ""},
        {**known, "identity_hash": "é" * 32},
    ):
        refusal = await desk.refused(
            None, "POST", "/api/visitors", {"site": desk.shop.key, **wrong}
        )
        assert refusal == (401, "unauthorized"), wrong
    await desk.told(desk.adam, "POST", f"/api/sites/{desk.shop.id}/rotate-key", {"secret": True})
    refusal = await desk.refused(None, "POST", "/api/visitors", {"site": desk.shop.id, **known})
    assert refusal == (401, "unauthorized")


async def test_what_is_said_is_checked(desk: Desk) -> None:
    for wrong in ({"name": "x" * 129}, {"email": "nobody"}, {"name": "a\0b"}):
        status, _ = await desk.refused(
            None, "POST", "/api/visitors", {"site": desk.shop.key, **wrong}
        )
        assert status == 400
    for site in ("pk_0", "", "ÿ", desk.shop.id[:-1]):
        refusal = await desk.refused(None, "POST", "/api/visitors", {"site": site})
        assert refusal == (404, "site_not_found")


async def test_only_pages_of_the_sites_origins_have_visitors(desk: Desk) -> None:
    for origin, host in (
        (LISTED, "chat.example"),
        ("HTTPS://SHOP.EXAMPLE.ORG", "chat.example"),
        ("https://a.b.example.com:8443", "chat.example"),
        ("http://chat.example:3000", "chat.example:3000"),  # our own
    ):
        headers = {"origin": origin, "host": host}
        body = {"site": desk.shop.key}
        assert await desk.told(None, "POST", "/api/visitors", body, headers=headers)
    for origin in (
        "https://evil.example",
        "http://shop.example.org",
        "https://shop.example.org:8443",
        "https://shop.example.org.evil.example",
        "https://example.com:8443",
        "https://evilexample.com:8443",
        "https://a.example.com",
        "https://[",
        "null",
        "",
    ):
        headers = {"origin": origin, "host": "chat.example"}
        body = {"site": desk.shop.key}
        refusal = await desk.refused(None, "POST", "/api/visitors", body, headers=headers)
        assert refusal == (403, "forbidden"), origin


async def test_without_a_list_pages_of_this_machine_alone_have_visitors(desk: Desk) -> None:
    for origin, is_allowed in (
        ("http://localhost:5173", True),
        ("https://127.0.0.1", True),
        (LISTED, False),
    ):
        answer = await desk.ask(
            None,
            "POST",
            "/api/visitors",
            json={"site": desk.kiosk.key},
            headers={"origin": origin, "host": "chat.example"},
        )
        assert answer.is_success is is_allowed, origin


async def test_an_address_has_so_many_visitors_a_minute(tmp_path: Path) -> None:
    async with scenes.serving(tmp_path, visitors_per_minute=2) as desk:
        for _ in range(2):
            await welcomed(desk)
        refusal = await desk.refused(None, "POST", "/api/visitors", {"site": desk.shop.key})
        assert refusal == (429, "throttled")
        assert await desk.open(desk.bo)  # who is here stays


async def test_a_token_lasts_90_days_since_it_was_shown(desk: Desk, clock: Clock) -> None:
    lu = visitor(desk, await welcomed(desk))
    for _ in range(3):  # each time it is good for another 90 days
        clock.pass_(days=89)
        assert await desk.told(lu, "GET", "/api/conversations") == []
    clock.pass_(days=91)
    assert await desk.refused(lu, "GET", "/api/conversations") == (401, "unauthorized")
    over = await desk.dial(lu)
    assert over.refused == 401


async def test_of_a_token_nothing_but_a_hash_is_kept(desk: Desk) -> None:
    lu = visitor(desk, await welcomed(desk))
    stored = desk.store.path.read_bytes() + Path(f"{desk.store.path}-wal").read_bytes()
    assert lu.id.encode() in stored
    assert lu.token.encode() not in stored
    shown = await desk.store.read(customers.of_token, hashlib.sha256(lu.token.encode()).digest(), 0)
    assert shown is not None
    assert shown.customer.id == lu.id


async def test_who_is_blocked_is_shown_out_and_stays_out(desk: Desk) -> None:
    known = await signed(desk, "u-1")
    lu = visitor(desk, await welcomed(desk, **known))
    mine = await desk.open(lu)
    listening, others = await desk.dial(lu), await desk.dial(desk.bo)
    path = f"/api/sites/{desk.shop.id}"
    shown = await desk.told(desk.adam, "PATCH", path, {"blocked_visitors": [lu.id]})
    assert shown["blocked_visitors"] == [lu.id]
    assert await listening.closed() == 4503
    messages = f"/api/conversations/{mine}/messages"
    refusal = await desk.refused(lu, "POST", messages, {"content": "let me in"})
    assert refusal == (403, "banned")
    again = await desk.dial(lu)
    assert again.refused == 403
    body = {"site": desk.shop.key, **known}
    assert await desk.refused(None, "POST", "/api/visitors", body) == (403, "banned")
    assert others.code is None
    await desk.told(desk.adam, "PATCH", path, {"blocked_visitors": []})
    assert (await desk.say(lu, mine, "thank you"))["content"] == "thank you"
