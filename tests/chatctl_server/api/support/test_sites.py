"""Sites over HTTP: agents read them, admins and owners of their workspace change them."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import desk as scenes
import pytest
from desk import Desk, ids

from chatctl_server.actions import site_ends

HOURS = {"timezone": "Europe/Berlin", "days": {"mon": [["09:00", "12:00"], ["13:00", "17:30"]]}}
EVERYTHING: dict[str, Any] = {
    "name": "Boutique",
    "allowed_origins": ["https://shop.example.org", "https://*.example.com"],
    "color": "#ff0000",
    "greeting": "Hello!",
    "away_message": "Back at 9.",
    "asks": ["name", "email"],
    "locale": "zh",
    "assignment": "round_robin",
    "business_hours": HOURS,
}
PLAIN: dict[str, Any] = {
    "allowed_origins": [],
    "color": "#2563eb",
    "greeting": "",
    "away_message": "",
    "asks": [],
    "locale": None,
    "assignment": "manual",
    "business_hours": None,
}


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with scenes.serving(tmp_path) as made:
        yield made


def shop(desk: Desk, path: str = "") -> str:
    return f"/api/sites/{desk.shop.id}{path}"


async def test_an_admin_makes_a_site_and_changes_it(desk: Desk) -> None:
    answer = await desk.ask(desk.adam, "POST", "/api/sites", json={"name": " Boutique "})
    made = answer.json()
    assert answer.status_code == 201
    assert made | PLAIN == made
    assert (made["name"], made["workspace_id"], made["blocked_visitors"]) == ("Boutique", 0, [])
    assert made["id"] == made["site_id"] == made["shop_id"]
    assert made["id"].startswith("site_")
    assert made["key"].startswith("pk_")
    assert len(made["secret"]) == 64
    path = f"/api/sites/{made['id']}"
    changed = await desk.told(desk.olga, "PATCH", path, EVERYTHING)
    assert changed == made | EVERYTHING | {"updated_at": changed["updated_at"]}
    assert changed["updated_at"] > made["updated_at"]
    assert await desk.told(desk.adam, "GET", path) == changed
    back = await desk.told(desk.adam, "PATCH", path, {"locale": None, "business_hours": None})
    assert back["greeting"] == "Hello!"
    assert (back["locale"], back["business_hours"]) == (None, None)


async def test_all_of_it_can_be_said_at_the_begin(desk: Desk) -> None:
    made = await desk.told(desk.eve, "POST", "/api/sites", EVERYTHING)
    assert made == made | EVERYTHING | {"workspace_id": desk.other.number}


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": " "},
        {"color": "red"},
        {"allowed_origins": ["shop.example.org"]},
        {"allowed_origins": ["https://shop.example.org/path"]},
        {"allowed_origins": ["https://*"]},
        {"allowed_origins": [f"https://{number}.example" for number in range(51)]},
        {"greeting": "x" * 4097},
        {"asks": ["phone"]},
        {"locale": "de"},
        {"assignment": "random"},
        {"business_hours": {"timezone": "Mars/Olympus", "days": {}}},
        {"business_hours": {"timezone": "../../etc/passwd", "days": {}}},
        {"business_hours": {**HOURS, "days": {"monday": []}}},
        {"business_hours": {**HOURS, "days": {"mon": [["09:00"]]}}},
        {"business_hours": {**HOURS, "days": {"mon": [["17:00", "09:00"]]}}},
        {"business_hours": {**HOURS, "days": {"mon": [["9", "10"]]}}},
        {"blocked_visitors": ["u1"]},
        {"name": None},
    ],
)
async def test_what_makes_no_sense_is_refused(desk: Desk, wrong: dict[str, Any]) -> None:
    before = await desk.told(desk.adam, "GET", shop(desk))
    status, code = await desk.refused(desk.adam, "PATCH", shop(desk), wrong)
    assert (status, code) in ((400, "invalid_input"), (413, "too_large"))
    assert await desk.told(desk.adam, "GET", shop(desk)) == before


async def test_agents_read_without_secrets(desk: Desk) -> None:
    for who in (desk.anna, desk.program):
        listed = await desk.told(who, "GET", "/api/sites")
        assert {*ids(listed)} == {"default", desk.shop.id}
        shown = await desk.told(who, "GET", shop(desk))
        assert shown in listed
        assert "secret" not in shown
        assert shown["key"] == desk.shop.key
    assert all(each["secret"] for each in await desk.told(desk.olga, "GET", "/api/sites"))
    assert ids(await desk.told(desk.emil, "GET", "/api/sites")) == [desk.kiosk.id]


@pytest.mark.parametrize("unknown", ["site_0", "%FF", "a%2Fb", "%00", "客"])
async def test_an_id_that_is_none_is_not_found(desk: Desk, unknown: str) -> None:
    for method in ("GET", "DELETE"):
        refusal = await desk.refused(desk.adam, method, f"/api/sites/{unknown}")
        assert refusal == (404, "site_not_found")


async def test_only_admins_and_owners_change_sites(desk: Desk) -> None:
    """Whoever is no account is no operator."""
    for who in (desk.anna, desk.mia, desk.program, desk.bo):
        for method, path, body in (
            ("POST", "/api/sites", {"name": "Mine", "workspace_id": 0}),
            ("PATCH", shop(desk), {"name": "Mine"}),
            ("DELETE", shop(desk), None),
            ("POST", shop(desk, "/rotate-key"), {"secret": True}),
        ):
            assert await desk.refused(who, method, path, body) == (403, "not_allowed"), who
    for who in (desk.mia, desk.bo):
        for path in ("/api/sites", shop(desk)):
            assert await desk.refused(who, "GET", path) == (403, "not_allowed"), who
    for who in (desk.eve, desk.emil, desk.stranger):
        assert await desk.refused(who, "GET", shop(desk)) == (404, "site_not_found")
        refusal = await desk.refused(who, "PATCH", shop(desk), {"name": "Mine"})
        assert refusal == (404, "site_not_found")
    assert await desk.refused(None, "GET", "/api/sites") == (401, "unauthorized")
    assert (await desk.told(desk.adam, "GET", shop(desk)))["name"] == "The shop"


async def test_of_several_workspaces_an_admin_names_one(desk: Desk) -> None:
    own = await desk.told(desk.adam, "POST", "/api/workspaces", {"name": "Adam's"})
    named = {"name": "Boutique"}
    assert await desk.refused(desk.adam, "POST", "/api/sites", named) == (400, "invalid_input")
    for said, header in (
        ({"workspace_id": own["id"]}, {}),
        ({}, {"X-Workspace-Id": f"{own['id']}"}),
    ):
        made = await desk.told(desk.adam, "POST", "/api/sites", named | said, headers=header)
        assert made["workspace_id"] == own["id"]
    for number in (desk.other.number, 404, 2**62):
        asked = named | {"workspace_id": number}
        refusal = await desk.refused(desk.adam, "POST", "/api/sites", asked)
        assert refusal == (404, "workspace_not_found")
    assert {*ids(await desk.told(desk.anna, "GET", "/api/sites"))} == {"default", desk.shop.id}


async def test_a_role_in_another_workspace_gives_nothing(desk: Desk) -> None:
    """An agent here, who owns a workspace that they have made."""
    own = await desk.told(desk.anna, "POST", "/api/workspaces", {"name": "Anna's"})
    assert await desk.refused(desk.anna, "PATCH", shop(desk), {"name": "x"}) == (403, "not_allowed")
    asked = {"name": "Mine", "workspace_id": 0}
    assert await desk.refused(desk.anna, "POST", "/api/sites", asked) == (403, "not_allowed")
    made = await desk.told(desk.anna, "POST", "/api/sites", {"name": "Mine"})
    assert made["workspace_id"] == own["id"]
    assert "secret" in made
    assert "secret" not in await desk.told(desk.anna, "GET", shop(desk))


async def test_a_new_key_takes_the_place_of_the_one_before(desk: Desk) -> None:
    before = await desk.told(desk.adam, "GET", shop(desk))
    assert await desk.told(desk.bo, "GET", "/api/conversations") == []
    after = await desk.told(desk.adam, "POST", shop(desk, "/rotate-key"))
    assert after["key"] != before["key"]
    assert after["secret"] == before["secret"]
    assert await desk.refused(desk.bo, "GET", "/api/conversations") == (401, "unauthorized")
    renewed = desk.bo._replace(key=after["key"])
    assert await desk.told(renewed, "GET", "/api/conversations") == []
    both = await desk.told(desk.adam, "POST", shop(desk, "/rotate-key"), {"secret": True})
    assert both["secret"] != after["secret"]


async def test_a_site_is_deleted_with_its_conversations(desk: Desk) -> None:
    mine = await desk.open(desk.bo)
    listening, theirs = await desk.dial(desk.bo), await desk.dial(desk.ida)
    assert await desk.told(desk.adam, "DELETE", shop(desk)) is None
    assert await desk.refused(desk.adam, "GET", shop(desk)) == (404, "site_not_found")
    gone = await desk.refused(desk.anna, "GET", f"/api/conversations/{mine}")
    assert gone == (404, "conversation_not_found")
    assert await desk.refused(desk.bo, "GET", "/api/conversations") == (401, "unauthorized")
    assert await listening.got("conversation_closed") == {
        "conversation_id": mine,
        "site_id": desk.shop.id,
    }
    assert await listening.closed() == 4501
    assert theirs.code is None
    refusal = await desk.refused(desk.adam, "DELETE", "/api/sites/default")
    assert refusal == (400, "invalid_input")


async def test_a_workspace_that_is_deleted_takes_its_desk_along(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site_ends, "CONVERSATIONS_A_CALL", 1)
    await desk.told(desk.eve, "POST", "/api/sites", {"name": "One more"})
    opened = [await desk.open(desk.emil, site_id=desk.kiosk.id) for _ in "abc"]
    mine = await desk.open(desk.ida)
    visitor, program, agent = [await desk.dial(w) for w in (desk.ida, desk.stranger, desk.emil)]
    others = await desk.dial(desk.bo)
    await desk.told(desk.eve, "DELETE", f"/api/workspaces/{desk.other.number}?force=true")
    assert await visitor.got("conversation_closed") == {
        "conversation_id": mine,
        "site_id": desk.kiosk.id,
    }
    assert await visitor.closed() == await program.closed() == 4501
    assert len(agent.told("conversation_closed")) == 4
    assert (agent.code, others.code) == (None, None)
    assert await desk.refused(desk.ida, "GET", "/api/conversations") == (401, "unauthorized")
    for face in ("/api", "/management"):
        for path in ("/conversations", "/sites"):
            refusal = await desk.refused(desk.stranger, "GET", f"{face}{path}")
            assert refusal == (401, "unauthorized"), (face, path)
    for each in (mine, *opened):
        refusal = await desk.refused(desk.emil, "GET", f"/api/conversations/{each}")
        assert refusal == (403, "not_allowed")  # is an agent nowhere
        refusal = await desk.refused(None, "GET", f"/management/conversations/{each}")
        assert refusal == (404, "conversation_not_found")
    listed = f"/management/conversations?workspace={desk.other.number}"
    assert await desk.told(None, "GET", listed) == []
    assert await desk.told(desk.bo, "GET", "/api/conversations") == []


async def field(desk: Desk, who: scenes.Who, method: str, path: str, **more: Any) -> str:
    """That a refusal names; its sentence does not name another one."""
    refusal = (await desk.ask(who, method, path, **more)).json()
    assert "X-Workspace-Id" not in refusal["detail"]
    return str(refusal["field"])


@pytest.mark.parametrize("number", [-1, 10**30, "x", 99])
async def test_a_refusal_names_the_workspace_as_it_was_said(desk: Desk, number: Any) -> None:
    said = {"name": "Boutique", "workspace_id": number}
    for who, path in ((desk.adam, "/api/sites"), (None, "/management/sites")):
        assert await field(desk, who, "POST", path, json=said) == "workspace_id"


async def test_nobody_learns_by_a_field_that_a_workspace_is_there(desk: Desk) -> None:
    for number in (desk.other.number, 99):
        more: dict[str, Any] = {
            "json": {"name": "Mine"},
            "headers": {"X-Workspace-Id": f"{number}"},
        }
        assert await field(desk, desk.adam, "POST", "/api/sites", **more) == "X-Workspace-Id"
        more = {"json": {"name": "Mine", "workspace_id": number}}
        assert await field(desk, desk.adam, "POST", "/api/sites", **more) == "workspace_id"


async def test_a_refusal_names_the_site_as_it_was_said(desk: Desk) -> None:
    assert await field(desk, desk.adam, "GET", "/api/sites/site_0") == "site_id"
    said = {"site_id": "site_0"}
    assert await field(desk, desk.anna, "POST", "/api/conversations", json=said) == "site_id"
    assert await field(desk, None, "POST", "/api/visitors", json={"site": "site_0"}) == "site"


async def test_a_refusal_says_how_business_hours_are_written(desk: Desk) -> None:
    wrong: tuple[dict[str, Any], ...] = ({"monday": []}, {"mon": [["09:00"]]})
    for days in wrong:
        said = {"business_hours": {**HOURS, "days": days}}
        refusal = (await desk.ask(desk.adam, "PATCH", shop(desk), json=said)).json()
        assert refusal["field"] == "business_hours.days"
        assert refusal["detail"] == (
            "business_hours.days: the days are mon, tue, wed, thu, fri, sat, sun, each with spans "
            'of two times, as in {"mon": [["09:00", "17:00"]]}'
        )
    refusal = (await desk.ask(desk.adam, "PATCH", shop(desk), json={"business_hours": {}})).json()
    assert refusal["detail"] == "business_hours.timezone: is missing"
    assert refusal["field"] == "business_hours.timezone"
    refusal = (await desk.ask(desk.adam, "POST", "/api/sites", json={})).json()
    assert refusal["detail"] == "name: is missing"


async def test_a_new_site_has_its_blocked_visitors_checked_as_one_that_is_changed(
    desk: Desk,
) -> None:
    for wrong in ("x", ["cus_x"]):
        said = {"name": "Boutique", "blocked_visitors": wrong}
        for who, path in ((desk.adam, "/api/sites"), (None, "/management/sites")):
            assert await field(desk, who, "POST", path, json=said) == "blocked_visitors"
    assert {*ids(await desk.told(desk.adam, "GET", "/api/sites"))} == {"default", desk.shop.id}
    said = {"name": "Boutique", "blocked_visitors": [desk.bo.id]}
    made = await desk.told(desk.adam, "POST", "/api/sites", said)
    assert made["blocked_visitors"] == [desk.bo.id]
