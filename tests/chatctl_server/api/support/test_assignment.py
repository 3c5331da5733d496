"""Sites that assign conversations by themselves: to an agent who is there, to the queue when they
go away, to the next who comes; and conversations that wake by themselves."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import desk as scenes
import pytest
from application import reached
from desk import Clock, Desk, Visitor, Who
from team import Person

from chatctl_server.actions import support as actions
from chatctl_server.domain import events, support_events, times
from chatctl_server.live import desk_agents
from chatctl_server.storage import maintenance
from chatctl_server.storage import support_conversations as stored
from chatctl_server.storage.transaction import Tx
from chatctl_server.workers import desk as worker

ROUND_ROBIN = {"assignment": "round_robin"}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(times, "now", made)
    monkeypatch.setattr(worker, "INTERVAL_SECONDS", 0.05)
    monkeypatch.setattr(desk_agents, "AWAY_SECONDS", 0.3)
    return made


@pytest.fixture
async def desk(tmp_path: Path, clock: Clock) -> AsyncIterator[Desk]:
    async with scenes.serving(tmp_path, ROUND_ROBIN) as made:
        yield made
    path = tmp_path / "chat.db"
    assert maintenance.check(path) == maintenance.verify(path) == []


def user(who: Person) -> str:
    return f"u{who.id}"


async def shown(desk: Desk, conversation: str) -> dict[str, Any]:
    return dict(await desk.told(desk.adam, "GET", f"/api/conversations/{conversation}"))


async def assignee(desk: Desk, conversation: str) -> str | None:
    found: str | None = (await shown(desk, conversation))["assignee_id"]
    return found


async def becomes(desk: Desk, conversation: str, whose: str | None) -> None:
    """In time."""
    async with asyncio.timeout(15):
        while await assignee(desk, conversation) != whose:
            await asyncio.sleep(0.02)


async def new(desk: Desk) -> tuple[Visitor, str]:
    """Somebody who has not been here before, and what they open."""
    made = await desk.told(None, "POST", "/api/visitors", {"site": desk.shop.key})
    who = Visitor(made["customer_id"], desk.shop.key, made["visitor_token"])
    return who, await desk.open(who)


async def set_status(desk: Desk, who: Who, conversation: str, **said: Any) -> None:
    await desk.told(who, "PUT", f"/api/conversations/{conversation}/status", said)


async def test_a_new_conversation_goes_to_an_agent_who_is_there(desk: Desk) -> None:
    await desk.dial(desk.emil)  # of another workspace
    await desk.dial(desk.program)  # nobody to answer
    listening = await desk.dial(desk.anna)
    mine = await desk.open(desk.bo)
    assert await assignee(desk, mine) == user(desk.anna)
    told = await listening.got("conversation_assigned")
    assert told == {"conversation_id": mine, "site_id": desk.shop.id}


async def test_of_several_agents_who_has_the_least_then_who_got_one_longest_ago(
    desk: Desk,
) -> None:
    await desk.dial(desk.anna)
    await desk.dial(desk.bert)
    got = [await assignee(desk, (await new(desk))[1]) for _ in range(4)]
    assert got[0] != got[1]
    assert sorted(map(str, got)) == sorted([user(desk.anna), user(desk.bert)] * 2)
    assert got[2:] == got[:2]
    lu, hers = await new(desk)
    first = await assignee(desk, hers)
    await set_status(desk, lu, hers, status="closed")
    assert await assignee(desk, (await new(desk))[1]) != first  # all have two: the other's turn


async def test_where_sites_assign_by_hand_nobody_gets_one(tmp_path: Path) -> None:
    async with scenes.serving(tmp_path) as desk:
        await desk.dial(desk.anna)
        assert await assignee(desk, await desk.open(desk.bo)) is None


async def test_with_nobody_there_it_waits_for_whoever_comes(desk: Desk) -> None:
    mine, hers = await desk.open(desk.bo), await desk.open(desk.zoe)
    assert await assignee(desk, mine) is None
    await set_status(desk, desk.zoe, hers, status="closed")
    await desk.dial(desk.adam)
    await becomes(desk, mine, user(desk.adam))
    assert await assignee(desk, hers) is None


async def test_whoever_comes_gets_all_that_waits_in_steps(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "A_STEP", 1)
    waiting = [(await new(desk))[1] for _ in range(3)]
    await desk.dial(desk.adam)
    for each in waiting:
        await becomes(desk, each, user(desk.adam))


async def test_who_has_waited_longest_comes_first(
    desk: Desk, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where agents have changed something there since."""
    waiting = []
    for who in (desk.bo, desk.zoe):
        waiting.append(await desk.open(who))
        await desk.say(who, waiting[-1], "hello?")
        clock.pass_(minutes=1)
    labels = {"labels": ["late"]}
    await desk.told(desk.adam, "PUT", f"/api/conversations/{waiting[0]}/labels", labels)
    monkeypatch.setattr(actions, "A_STEP", 1)
    assert await desk.store.write(actions.assign_queued, 0, (user(desk.anna),)) == 1
    assert [await assignee(desk, each) for each in waiting] == [user(desk.anna), None]


async def test_what_is_assigned_at_once_goes_to_who_has_the_least(desk: Desk) -> None:
    anna, bert = user(desk.anna), user(desk.bert)
    there = (anna, user(desk.mia), bert, user(desk.emil))
    waiting = [(await new(desk))[1] for _ in range(2)]
    assert await desk.store.write(actions.assign_queued, 0, (anna,)) == 2
    waiting += [(await new(desk))[1] for _ in range(4)]
    assert await desk.store.write(actions.assign_queued, 0, there) == 4
    got = [await assignee(desk, each) for each in waiting]
    assert got == [anna, anna, bert, bert, anna, bert]
    assert await desk.store.write(actions.release, anna, (bert,)) == 3
    assert {await assignee(desk, each) for each in waiting} == {bert}


async def test_who_goes_away_loses_what_is_not_closed(desk: Desk) -> None:
    anna = await desk.dial(desk.anna)
    mine, hers = await desk.open(desk.bo), await desk.open(desk.zoe)
    await set_status(desk, desk.zoe, hers, status="closed")
    await anna.leave()
    await becomes(desk, mine, None)
    assert await assignee(desk, hers) == user(desk.anna)
    await desk.dial(desk.bert)
    await becomes(desk, mine, user(desk.bert))


async def test_what_somebody_loses_goes_to_who_is_there(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "A_STEP", 1)
    anna = await desk.dial(desk.anna)
    opened = [(await new(desk))[1] for _ in range(3)]
    bert = await desk.dial(desk.bert)
    await anna.leave()
    for each in opened:
        await becomes(desk, each, user(desk.bert))
    assert len(bert.told("conversation_assigned")) == 3  # at once, without the queue between


async def test_a_page_that_is_loaded_again_loses_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_agents, "AWAY_SECONDS", 60)
    first, second = await desk.dial(desk.anna), await desk.dial(desk.anna)
    mine = await desk.open(desk.bo)
    await first.leave()
    await second.leave()
    assert await assignee(desk, await desk.open(desk.zoe)) == user(desk.anna)
    assert await assignee(desk, mine) == user(desk.anna)


async def test_who_is_no_agent_any_more_gets_none(desk: Desk) -> None:
    await desk.dial(desk.anna)
    path = f"/api/workspaces/0/members/{desk.anna.id}"
    await desk.told(desk.olga, "PATCH", path, {"role": "member"})
    assert await assignee(desk, await desk.open(desk.bo)) is None


async def test_an_agent_who_is_away_loses_what_reopens(desk: Desk) -> None:
    anna = await desk.dial(desk.anna)
    mine = await desk.open(desk.bo)
    await set_status(desk, desk.anna, mine, status="closed")
    await anna.leave()
    await reached(lambda: not desk.app.context.desk_agents.there())
    await desk.say(desk.bo, mine, "one more thing")
    assert await assignee(desk, mine) is None
    await desk.dial(desk.bert)
    await becomes(desk, mine, user(desk.bert))
    await set_status(desk, desk.bert, mine, status="closed")
    await desk.say(desk.bo, mine, "and one more")
    assert await assignee(desk, mine) == user(desk.bert)  # who is there


async def test_whoever_does_not_come_back_after_a_restart_loses_it(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_agents, "RETURN_SECONDS", 0.5)
    async with scenes.serving(tmp_path, ROUND_ROBIN) as desk:
        await desk.dial(desk.anna)
        await desk.dial(desk.bert)
        both = {await assignee(desk, each): each for each in [(await new(desk))[1] for _ in "ab"]}
    async with scenes.in_process(tmp_path, "server", **scenes.SETTINGS) as (app, client):
        desk.serve(app, client)
        await desk.dial(desk.anna)
        await becomes(desk, both[user(desk.bert)], user(desk.anna))
        assert await assignee(desk, both[user(desk.anna)]) == user(desk.anna)


async def test_what_a_deleted_site_left_open_is_looked_for_by_no_clock(
    desk: Desk, clock: Clock
) -> None:
    """An end that closed nothing, as one of before conversations were closed with it."""
    await desk.dial(desk.anna)
    mine, hers = await desk.open(desk.bo), await desk.open(desk.zoe)
    until = datetime.fromtimestamp(times.now() / times.SECOND + 60, UTC).isoformat()
    await set_status(desk, desk.anna, hers, status="snoozed", until=until)
    assert await desk.store.read(stored.assignees) == [user(desk.anna)]
    gone = support_events.SiteDeleted(desk.shop.id)

    def end(tx: Tx) -> None:
        tx.record(gone, events.SERVER, scope=desk.shop.ref.scope)

    await desk.store.write(end)
    clock.pass_(minutes=2)
    assert await desk.store.read(stored.assignees) == []
    assert await desk.store.read(stored.due, times.now(), 1) == []
    assert await desk.store.write(actions.release, user(desk.anna), ()) == 0
    assert await desk.refused(desk.anna, "GET", f"/api/conversations/{mine}") == (
        404,
        "conversation_not_found",
    )


# Who is no agent any more


async def leaves(desk: Desk) -> None:
    await desk.told(desk.anna, "DELETE", f"/api/workspaces/0/members/{desk.anna.id}")


async def becomes_a_member(desk: Desk) -> None:
    path = f"/api/workspaces/0/members/{desk.anna.id}"
    await desk.told(desk.adam, "PATCH", path, {"role": "member"})


async def is_suspended(desk: Desk) -> None:
    path = f"/management/users/{desk.anna.id}"
    await desk.told(None, "PATCH", path, {"status": "suspended"})


async def is_erased(desk: Desk) -> None:
    await desk.told(None, "DELETE", f"/management/users/{desk.anna.id}")


ENDS = (leaves, becomes_a_member, is_suspended, is_erased)


@pytest.mark.parametrize("end", ENDS)
async def test_who_is_no_agent_any_more_has_no_conversations(
    desk: Desk, end: Callable[[Desk], Awaitable[None]]
) -> None:
    """On a site that assigns by hand they are in the queue, on others somebody's who is there. What
    is closed stays whose it was until it reopens."""
    by_hand = await desk.told(desk.adam, "POST", "/api/sites", {"name": "By hand"})
    await desk.dial(desk.anna)
    given = await desk.open(desk.bo)
    await desk.dial(desk.bert)
    taken, closed = [await desk.open(desk.adam, site_id=by_hand["id"]) for _ in "ab"]
    for each in (taken, closed):
        path = f"/api/conversations/{each}/assignee"
        await desk.told(desk.adam, "PUT", path, {"assignee_id": user(desk.anna)})
    await set_status(desk, desk.anna, closed, status="closed")
    await end(desk)
    assert await assignee(desk, given) == user(desk.bert)
    assert await assignee(desk, taken) is None
    assert await assignee(desk, closed) == user(desk.anna)
    await set_status(desk, desk.bert, closed, status="open")
    assert await assignee(desk, closed) is None
    path = f"/api/conversations/{taken}/assignee"
    wanted = {"assignee_id": user(desk.anna)}
    assert await desk.refused(desk.adam, "PUT", path, wanted) == (400, "invalid_input")


async def test_who_becomes_an_admin_keeps_theirs(tmp_path: Path) -> None:
    async with scenes.serving(tmp_path) as desk:
        mine = await desk.open(desk.bo)
        path = f"/api/conversations/{mine}/assignee"
        await desk.told(desk.adam, "PUT", path, {"assignee_id": user(desk.anna)})
        path = f"/api/workspaces/0/members/{desk.anna.id}"
        await desk.told(desk.olga, "PATCH", path, {"role": "admin"})
        assert await assignee(desk, mine) == user(desk.anna)


# Snoozed


async def test_a_snoozed_conversation_wakes_by_itself(desk: Desk, clock: Clock) -> None:
    listening = await desk.dial(desk.bert)
    mine = await desk.open(desk.bo)
    until = datetime.fromtimestamp(times.now() / times.SECOND + 3600, UTC).isoformat()
    await set_status(desk, desk.anna, mine, status="snoozed", until=until)
    assert (await shown(desk, mine))["status"] == "snoozed"
    clock.pass_(minutes=59)
    hers = await desk.open(desk.zoe)  # meanwhile the desk's clock has looked
    await reached(lambda: len(listening.told("conversation_opened")) == 2)
    assert listening.told("conversation_reopened") == []
    clock.pass_(minutes=2)
    told = await listening.got("conversation_reopened")
    assert told == {"conversation_id": mine, "site_id": desk.shop.id}
    assert (await shown(desk, mine))["status"] == "open"
    assert (await shown(desk, hers))["status"] == "open"


async def test_a_customer_wakes_a_snoozed_conversation(desk: Desk) -> None:
    mine = await desk.open(desk.bo)
    until = datetime.fromtimestamp(times.now() / times.SECOND + 3600, UTC).isoformat()
    await set_status(desk, desk.anna, mine, status="snoozed", until=until)
    seen = await desk.told(desk.bo, "GET", f"/api/conversations/{mine}")
    assert seen["status"] == "open"  # to its visitor
    await desk.say(desk.anna, mine, "noted", is_private=True)
    assert (await shown(desk, mine))["status"] == "snoozed"
    await desk.say(desk.bo, mine, "hello?")
    assert (await shown(desk, mine))["status"] == "open"
