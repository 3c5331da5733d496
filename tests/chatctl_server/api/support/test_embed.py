"""What the widget asks: its settings; and which pages of other sites are answered at all."""

from collections.abc import AsyncIterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import desk as scenes
import pytest
from desk import Desk

from chatctl_server.app import VERSION
from chatctl_server.domain import times

LISTED = "https://shop.example.org"
SHOP: dict[str, Any] = {
    "allowed_origins": (LISTED,),
    "color": "#ff0000",
    "greeting": "Hello!",
    "asks": ("email",),
    "locale": "zh",
}
PAGE = "https://chat.example"


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with scenes.serving(tmp_path, SHOP, cors_origins=(PAGE,)) as made:
        yield made


async def config(desk: Desk, site: str = "", **headers: str) -> dict[str, Any]:
    path = f"/embed/config/{site or desk.shop.key}"
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return dict(await desk.told(None, "GET", path, headers=named))


async def test_the_widgets_settings(desk: Desk) -> None:
    assert await config(desk, host="chat.example:3000") == {
        "version": VERSION,
        "site_id": desk.shop.id,
        "shop_id": desk.shop.id,
        "name": "The shop",
        "shop_name": "The shop",
        "websocket_url": "ws://chat.example:3000/ws",
        "features": {"files": True, "rating": True, "asks": ["email"]},
        "theme": {"color": "#ff0000"},
        "limits": {"max_messages_per_minute": 30},
        "security": {"domain_whitelist": [LISTED]},
        "greeting": "Hello!",
        "is_open": True,
        "next_open_at": None,
        "locale": "zh",
    }
    assert await config(desk, desk.shop.id) == await config(desk)


async def test_a_site_that_is_unknown(desk: Desk) -> None:
    for site in ("pk_0", "%FF", "a%2Fb"):
        refusal = await desk.refused(None, "GET", f"/embed/config/{site}")
        assert refusal == (404, "site_not_found")


async def test_only_the_sites_pages_are_told(desk: Desk) -> None:
    path = f"/embed/config/{desk.shop.key}"
    for origin in ("https://evil.example", "http://localhost:3000", PAGE, "null"):
        refusal = await desk.refused(None, "GET", path, headers={"origin": origin})
        assert refusal == (403, "forbidden"), origin
    assert (await config(desk, origin=LISTED))["name"] == "The shop"


@pytest.mark.parametrize(
    ("public_url", "headers", "expected"),
    [
        ("https://chat.example.org", {}, "wss://chat.example.org/ws"),
        ("http://chat.example.org/support/", {}, "ws://chat.example.org/support/ws"),
        (None, {"host": "[::1]:3000"}, "ws://[::1]:3000/ws"),
        (None, {"host": "h", "x-forwarded-proto": "https"}, "ws://h/ws"),
    ],
)
async def test_where_the_socket_is(
    tmp_path: Path, public_url: str | None, headers: dict[str, str], expected: str
) -> None:
    async with scenes.serving(tmp_path, public_url=public_url) as desk:
        path = f"/embed/config/{desk.shop.key}"
        shown = await desk.told(None, "GET", path, headers=headers)
        assert shown["websocket_url"] == expected


async def test_behind_a_proxy_that_is_trusted_the_socket_is_secure(tmp_path: Path) -> None:
    async with scenes.serving(tmp_path, trusted_proxies=(ip_network("127.0.0.0/8"),)) as desk:
        shown = await config(desk, host="chat.example.org", x_forwarded_proto="https")
        assert shown["websocket_url"] == "wss://chat.example.org/ws"


async def test_outside_of_business_hours_it_says_when_the_desk_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hours = {"timezone": "Europe/Berlin", "days": {"mon": [["09:00", "17:00"]]}}
    async with scenes.serving(tmp_path) as desk:
        await desk.told(desk.adam, "PATCH", f"/api/sites/{desk.shop.id}", {"business_hours": hours})
        monkeypatch.setattr(times, "now", lambda: 1_784_700_000 * times.SECOND)  # a Wednesday
        shown = await config(desk)
        assert (shown["is_open"], shown["next_open_at"]) == (False, "2026-07-27T07:00:00.000000Z")


async def test_the_health_of_the_desk(desk: Desk) -> None:
    shown = await desk.told(None, "GET", "/api/health", headers={"Authorization": "Bearer x"})
    assert shown == {"status": "ok", "timestamp": shown["timestamp"], "version": VERSION}


# Pages of other sites (Fetch standard)

FOR_VISITORS = (
    "/api/visitors",
    "/api/conversations",
    "/api/conversations/conv_1/messages",
    "/api/events/replay",
    "/embed/config/pk_0",
    "/files/c/conv_1/abc/def/0.png",
)
FOR_OTHERS = ("/api/sites", "/api/users", "/files/0/abc/def/0.png", "/api/health", "/api/signin")


async def shared(desk: Desk, path: str, origin: str) -> tuple[str | None, str | None]:
    """With whom a preflight, and an answer, is shared."""
    asked = {"origin": origin, "access-control-request-method": "POST"}
    wanted = {**asked, "access-control-request-headers": "x-visitor-token, x-site-key"}
    before = await desk.ask(None, "OPTIONS", path, headers=wanted)
    answer = await desk.ask(None, "GET", path, headers={"origin": origin})
    name = "access-control-allow-origin"
    assert (before.status_code == 204) is (name in before.headers)
    return before.headers.get(name), answer.headers.get(name)


@pytest.mark.parametrize("path", FOR_VISITORS)
async def test_pages_of_any_site_use_the_routes_of_visitors(desk: Desk, path: str) -> None:
    assert await shared(desk, path, LISTED) == (LISTED, LISTED)
    assert await shared(desk, path, PAGE) == (PAGE, PAGE)
    assert await shared(desk, path, "https://evil.example") == (None, None)


@pytest.mark.parametrize("path", FOR_OTHERS)
async def test_they_use_nothing_else(desk: Desk, path: str) -> None:
    assert await shared(desk, path, LISTED) == (None, None)
    assert await shared(desk, path, PAGE) == (PAGE, PAGE)


async def test_a_site_that_is_made_or_changed_counts_at_once(desk: Desk) -> None:
    new = "https://new.example"
    assert await shared(desk, "/api/visitors", new) == (None, None)
    body = {"name": "New", "allowed_origins": ["https://new.example"]}
    made = await desk.told(desk.adam, "POST", "/api/sites", body)
    assert await shared(desk, "/api/visitors", new) == (new, new)
    path = f"/api/sites/{made['id']}"
    await desk.told(desk.adam, "PATCH", path, {"allowed_origins": [LISTED]})
    assert await shared(desk, "/api/visitors", new) == (None, None)


async def test_a_page_of_a_site_opens_a_socket(desk: Desk) -> None:
    assert (await desk.dial(desk.bo, origin=LISTED)).frames
    assert (await desk.dial(desk.bo, origin="https://evil.example")).refused == 403


async def test_a_page_of_a_site_sees_why_it_is_refused(tmp_path: Path) -> None:
    """Also at the edge, before the framework."""
    settings: dict[str, Any] = {"cors_origins": (PAGE,), "rate_limit_per_minute": 1}
    async with scenes.serving(tmp_path, SHOP, **settings) as desk:
        for path, expected in (("/api/visitors", LISTED), ("/api/sites", None)):
            answers = [
                await desk.ask(None, "GET", path, headers={"origin": LISTED}) for _ in range(2)
            ]
            assert answers[1].status_code == 429
            assert answers[1].headers.get("access-control-allow-origin") == expected
