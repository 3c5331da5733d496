"""Canned responses: the agents of a workspace share them, and nobody else sees them."""

from collections.abc import AsyncIterator
from pathlib import Path

import desk as scenes
import pytest
from desk import Desk, ids

PATH = "/api/canned-responses"
REFUND = {"title": "Refund", "content": "Your money is on its way."}


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with scenes.serving(tmp_path) as made:
        yield made


async def test_agents_of_a_workspace_share_them(desk: Desk) -> None:
    answer = await desk.ask(desk.anna, "POST", PATH, json=REFUND)
    made = answer.json()
    assert answer.status_code == 201
    assert made == REFUND | {
        "id": made["id"],
        "created_by": f"u{desk.anna.id}",
        "created_at": made["created_at"],
    }
    hello = await desk.told(desk.program, "POST", PATH, {"title": "Hello", "content": "Hi!"})
    for who in (desk.anna, desk.bert, desk.adam, desk.program):
        assert await desk.told(who, "GET", PATH) == [hello, made]
    assert await desk.told(desk.emil, "GET", PATH) == []
    assert await desk.told(desk.bert, "DELETE", f"{PATH}/{made['id']}") is None
    assert await desk.told(desk.anna, "GET", PATH) == [hello]


async def test_nobody_else_sees_or_changes_them(desk: Desk) -> None:
    made = await desk.told(desk.anna, "POST", PATH, REFUND)
    one = f"{PATH}/{made['id']}"
    for who in (desk.bo, desk.mia):
        for method, path, body in (
            ("GET", PATH, None),
            ("POST", PATH, REFUND),
            ("DELETE", one, None),
        ):
            assert await desk.refused(who, method, path, body) == (403, "not_allowed")
    for who in (desk.emil, desk.stranger):
        assert await desk.refused(who, "DELETE", one) == (404, "canned_response_not_found")
        here = {"X-Workspace-Id": "0"}
        status, _ = await desk.refused(who, "GET", PATH, headers=here)
        assert status in (403, 404)
    assert await desk.refused(None, "GET", PATH) == (401, "unauthorized")
    assert await desk.told(desk.anna, "GET", PATH) == [made]


async def test_an_agent_of_several_workspaces_names_one(desk: Desk) -> None:
    own = await desk.told(desk.anna, "POST", "/api/workspaces", {"name": "Anna's"})
    assert await desk.refused(desk.anna, "GET", PATH) == (400, "invalid_input")
    here, there = {"X-Workspace-Id": "0"}, {"X-Workspace-Id": f"{own['id']}"}
    made = await desk.told(desk.anna, "POST", PATH, REFUND, headers=there)
    body = {**REFUND, "workspace_id": 0}
    other = await desk.told(desk.anna, "POST", PATH, body, headers=there)
    assert await desk.told(desk.anna, "DELETE", f"{PATH}/{other['id']}") is None
    assert await desk.told(desk.anna, "GET", PATH, headers=here) == []
    assert await desk.told(desk.anna, "GET", PATH, headers=there) == [made]
    elsewhere = {"X-Workspace-Id": f"{desk.other.number}"}
    refusal = await desk.refused(desk.anna, "GET", PATH, headers=elsewhere)
    assert refusal == (404, "workspace_not_found")
    assert await desk.told(desk.anna, "DELETE", f"{PATH}/{made['id']}") is None


async def test_a_member_of_a_workspace_is_told_that_it_is_for_agents(desk: Desk) -> None:
    """Emil is an agent elsewhere."""
    await desk.told(desk.olga, "POST", "/api/workspaces/0/invites", {})
    invite = await desk.told(desk.olga, "POST", "/api/workspaces/0/invites", {})
    await desk.told(desk.emil, "POST", "/api/invites/accept", {"code": invite["code"]})
    refusal = await desk.refused(desk.emil, "GET", PATH, headers={"X-Workspace-Id": "0"})
    assert refusal == (403, "not_allowed")


async def test_what_makes_no_sense_is_refused(desk: Desk) -> None:
    for wrong in (
        {**REFUND, "title": " "},
        {**REFUND, "content": " "},
        {**REFUND, "title": "x" * 101},
        {**REFUND, "content": "a\0b"},
    ):
        assert (await desk.refused(desk.anna, "POST", PATH, wrong))[0] == 400
    large = await desk.refused(desk.anna, "POST", PATH, {**REFUND, "content": "x" * 4097})
    assert large == (413, "too_large")
    for unknown in ("999", f"{2**70}", "-1"):
        refusal = await desk.refused(desk.anna, "DELETE", f"{PATH}/{unknown}")
        assert refusal == (404, "canned_response_not_found")
    assert ids(await desk.told(desk.anna, "GET", PATH)) == []
