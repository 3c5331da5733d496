"""Deliveries are planned in one step with the cursor: whatever breaks off, none is missing, none
is there twice."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

import delivery
import msgspec
import pytest
from offline import room

from chatctl_server.actions import (
    callbacks,
    conversations,
    followers,
    history_batches,
    messages,
    syncs,
)
from chatctl_server.actions import endpoints as operating
from chatctl_server.domain import events, times
from chatctl_server.domain.callbacks import Delivered, EndpointKind
from chatctl_server.domain.references import ROOMS
from chatctl_server.live.notifier import Notifier
from chatctl_server.settings.sources import Settings
from chatctl_server.storage import cursors, deliveries, endpoints, log, purges
from chatctl_server.storage import syncs as stored_syncs
from chatctl_server.storage.sql import Database
from chatctl_server.storage.store import Store
from chatctl_server.storage.transaction import Tx
from chatctl_server.workers import follower
from chatctl_server.workers.callbacks import delivery_planner, sync_planner
from chatctl_server.workers.callbacks.renderer import Rendered, Rendering
from chatctl_server.workers.callbacks.sync_runs import SyncRuns

OPERATOR = events.Actor(None, "api_key")
SIZES = history_batches.Sizes(100, 100, 4)
URL = "http://127.0.0.1:1/"
URLS: dict[EndpointKind, str | None] = {
    "room_event": URL,
    "data": URL,
    "periodic_sync": URL,
    "chat_history": URL,
}


class Broken(Exception):
    """What ends a planner in the middle of its work."""


@contextlib.contextmanager
def broken() -> Iterator[None]:
    def fail(*_: object) -> None:
        raise Broken

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cursors, "move", fail)
        yield


class Scene:
    def __init__(self, store: Store) -> None:
        self.store = store

    async def planner(self) -> delivery_planner.Planner:
        """As a start makes it: it goes on from the stored cursor."""
        clock = times.SteadyClock()
        planner = delivery_planner.Planner(
            self.store, Notifier(), Notifier(), Notifier(), clock, lambda endpoint: 4
        )
        await planner.begin()
        return planner

    def sync_planner(self) -> sync_planner.SyncPlanner:
        clock = times.SteadyClock()
        return sync_planner.SyncPlanner(
            self.store, Notifier(), Notifier(), SIZES, clock, SyncRuns()
        )

    async def plan_all(self) -> None:
        for planner in (await self.planner(), self.sync_planner()):
            while await planner.step():
                pass

    async def planned(self) -> list[tuple[str, int]]:
        return await self.store.read(_planned)

    async def post(self, room_number: int = 1, text: str = "hello") -> None:
        post = messages.Post(room(room_number), OPERATOR, "anna", "Anna", text)
        await self.store.write(messages.POST, post)

    async def endpoint(self, kind: str) -> int:
        found = await self.store.read(endpoints.present)
        return next(each.id for each in found if each.kind == kind)

    async def purge(self, number: int) -> None:
        """Its rows stay until they are removed in steps."""
        await self.store.write(conversations.close, OPERATOR, room(number))
        await self.store.write(conversations.purge, OPERATOR, room(number))

    async def create(self, count: int) -> None:
        for number in range(count):
            await self.store.write(conversations.create_room, OPERATOR, f"room {number}", [])


def _planned(db: Database) -> list[tuple[str, int]]:
    newest = deliveries.newest_id(db)
    found = [deliveries.one(db, number) for number in range(1, newest + 1)]
    return [(each.event, each.conversation) for each in found if each is not None]


@pytest.fixture
async def scene(store: Store) -> Scene:
    await store.write(callbacks.configure, URLS, 0)
    return Scene(store)


async def test_a_planner_that_starts_again_plans_nothing_twice(scene: Scene) -> None:
    await scene.create(3)
    await scene.plan_all()
    before = await scene.planned()
    assert len(before) == 6
    await scene.plan_all()
    assert await scene.planned() == before


async def test_a_planner_that_is_overtaken_plans_what_came_meanwhile(scene: Scene) -> None:
    planner = await scene.planner()
    await scene.create(1)
    await scene.store.write(followers.plan, callbacks.NAME, 0, 1)
    await scene.create(1)
    assert await planner.step(), "there is more to plan"
    assert not await planner.step()
    assert sorted(await scene.planned()) == [("data_sync", 2), ("room_created", 2)]


async def test_a_clock_asks_for_no_second_sync_before_the_first_has_begun(scene: Scene) -> None:
    await scene.create(1)
    states = syncs.STATES
    assert await scene.store.write(syncs.request_regularly, OPERATOR, states)
    await (await scene.planner()).step()
    assert not await scene.store.write(syncs.request_regularly, OPERATOR, states)
    assert await scene.store.write(syncs.request_regularly, OPERATOR, ("chat_history",))
    await scene.sync_planner().step()
    assert await scene.store.write(syncs.request_regularly, OPERATOR, states)


async def test_a_sync_of_one_room_is_none_of_all(scene: Scene) -> None:
    await scene.create(1)
    await scene.store.write(syncs.request, OPERATOR, syncs.STATES, room(1))
    await (await scene.planner()).step()
    assert await scene.store.write(syncs.request_regularly, OPERATOR, syncs.STATES)


async def test_a_room_that_was_closed_meanwhile_tells_no_state(scene: Scene) -> None:
    await scene.create(1)
    await scene.plan_all()
    for is_closed in (False, True):
        before = len(await scene.planned())
        await scene.store.write(syncs.request, OPERATOR, ("periodic",), room(1))
        if is_closed:
            await scene.store.write(conversations.close, OPERATOR, room(1))
        await scene.plan_all()
        told = [event for event, _ in (await scene.planned())[before:]]
        assert ("periodic_sync" in told) is not is_closed
        for number in range(before + 1, before + len(told) + 1):
            await scene.store.write(delivery.finish, number, Delivered())


async def test_a_page_whose_commit_fails_is_planned_later(scene: Scene) -> None:
    await scene.create(2)
    with pytest.raises(Broken), broken():
        await scene.plan_all()
    assert await scene.planned() == []
    await scene.plan_all()
    assert len(await scene.planned()) == 4


def amounts_planned(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many deliveries each transaction adds from here on."""
    amounts: list[int] = []
    plan = callbacks.plan

    def counted(tx: Tx, *given: Any) -> bool:
        amounts.append(len(given[2]))
        return plan(tx, *given)

    monkeypatch.setattr(callbacks, "plan", counted)
    return amounts


async def test_the_writer_is_given_a_few_deliveries_at_a_time(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Posts wait behind them. Where nobody posts they go together."""
    monkeypatch.setattr(delivery_planner, "DELIVERIES_A_CALL", 3)
    amounts = amounts_planned(monkeypatch)
    await scene.create(5)
    await scene.plan_all()
    await scene.create(5)
    await (await scene.planner()).step(in_haste=True)
    assert amounts == [4, 4, 2, 10]
    assert len(await scene.planned()) == 20


async def test_between_two_plans_the_writer_is_left_to_others(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    rests: list[tuple[float, list[int]]] = []

    async def rest(seconds: float) -> None:
        rests.append((seconds, list(amounts)))

    await scene.create(5)
    planner = await scene.planner()
    monkeypatch.setattr(delivery_planner, "DELIVERIES_A_CALL", 4)
    amounts = amounts_planned(monkeypatch)
    monkeypatch.setattr(asyncio, "sleep", rest)
    await planner.step()
    assert rests == [(follower.PAUSE_SECONDS, [4]), (follower.PAUSE_SECONDS, [4, 4])]


async def test_what_one_step_plans_has_a_limit(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many endpoints there are: each event asks for two deliveries."""
    monkeypatch.setattr(delivery_planner, "DELIVERIES_IN_HASTE", 4)
    monkeypatch.setattr(delivery_planner, "DELIVERIES_A_CALL", 1)
    amounts = amounts_planned(monkeypatch)
    await scene.create(5)
    planner = await scene.planner()
    assert await planner.step()
    assert amounts == [2, 2]
    assert await planner.step(in_haste=True)
    assert amounts == [2, 2, 4]
    await scene.plan_all()
    assert len(await scene.planned()) == 10


async def test_of_two_planners_the_slower_one_breaks_off_between_two_parts(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery_planner, "DELIVERIES_A_CALL", 2)
    await scene.create(6)
    await asyncio.gather(*[(await scene.planner()).step() for _ in range(2)])
    await scene.plan_all()
    assert sorted(await scene.planned()) == sorted(
        (event, number) for number in range(1, 7) for event in ("data_sync", "room_created")
    )


async def test_a_sync_that_breaks_off_between_two_parts_goes_on_behind_the_first(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync_planner, "ROOMS_A_CALL", 2)
    await scene.create(5)
    await scene.plan_all()
    before = len(await scene.planned())
    await scene.store.write(syncs.request, OPERATOR)
    await (await scene.planner()).step()
    await scene.sync_planner().step()  # the first two rooms; then the process is gone
    await scene.plan_all()
    synced = (await scene.planned())[before:]
    assert sorted(synced) == sorted(
        (event, number) for number in range(1, 6) for event in ("data_sync", "periodic_sync")
    )


async def test_a_sync_of_many_rooms_keeps_no_event_waiting(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync_planner, "ROOMS_A_CALL", 1)
    await scene.create(3)
    await scene.plan_all()
    before = len(await scene.planned())
    await scene.store.write(syncs.request, OPERATOR)
    planner = await scene.planner()
    await planner.step()
    await scene.sync_planner().step()  # one room of three
    await scene.create(1)
    await planner.step()
    planned = (await scene.planned())[before:]
    assert ("room_created", 4) in planned
    assert ("periodic_sync", 3) not in planned


async def test_of_two_planners_of_a_sync_one_is_refused(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync_planner, "ROOMS_A_CALL", 2)
    await scene.create(3)
    await scene.plan_all()
    before = len(await scene.planned())
    await scene.store.write(syncs.request, OPERATOR, ("periodic",))
    await (await scene.planner()).step()
    part = await scene.store.read(sync_planner._next_part)
    assert part is not None
    assert await scene.store.write(syncs.plan, part, SIZES, 0) == 2
    assert await scene.store.write(syncs.plan, part, SIZES, 0) is None
    assert (await scene.planned())[before:] == [("periodic_sync", 1), ("periodic_sync", 2)]


async def test_a_state_that_waits_already_is_not_planned_twice(scene: Scene) -> None:
    """A receiver that is down for a week finds one state of each room, not 2,000."""
    await scene.create(1)
    for _ in range(4):
        await scene.store.write(syncs.request, OPERATOR)
    await scene.plan_all()
    events = [event for event, _ in await scene.planned()]
    # One may be under way already, so a second one waits behind it.
    assert events.count("periodic_sync") == 2
    assert events.count("data_sync") == 2


async def test_messages_of_any_number_are_passed_over_part_by_part(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One query over all of them would be interrupted."""
    monkeypatch.setattr(log, "SCAN", 3)
    await scene.create(1)
    for _ in range(10):
        await scene.post()
    await scene.create(1)
    planner = await scene.planner()
    steps = 1
    while await planner.step():
        steps += 1
    assert steps == 4
    assert [number for _, number in await scene.planned()] == [1, 1, 2, 2]


async def test_posted_messages_cost_the_cursor_no_commit_of_their_own(scene: Scene) -> None:
    await scene.create(1)
    await scene.plan_all()
    planner = await scene.planner()
    commits: list[int] = []
    scene.store.on_batch = lambda calls, seconds: commits.append(calls)
    post = messages.Post(room(1), OPERATOR, "anna", "anna", "hello")
    await scene.store.write(messages.post_one, post)
    assert not await planner.step()
    assert len(commits) == 1


async def test_an_added_endpoint_hears_of_what_it_asked_for_since_it_is_there(
    scene: Scene,
) -> None:
    await scene.store.write(callbacks.configure, dict.fromkeys(URLS), 0)  # none
    added = await scene.store.write(
        operating.add, OPERATOR, URL, ["room.*"], None, True, Settings()
    )
    renamed = events.ConversationRenamed("room", "new")
    entry = events.Event(5, 1, ROOMS, 7, OPERATOR, renamed)
    for since, globs, is_heard in (
        (4, ("room.*",), True),
        (5, ("room.*",), False),
        (0, ("message.*", "*.renamed"), True),
        (0, ("message.*",), False),
    ):
        endpoint = msgspec.structs.replace(added.endpoint, since=since, events=globs)
        planned = delivery_planner.planned_for(entry, [endpoint], lambda endpoint: 33)
        wanted = deliveries.Planned(endpoint.id, 7, "room.renamed", 5, 5, 33)
        assert planned == ([wanted] if is_heard else [])


async def test_a_stop_leaves_nothing_for_endpoints_that_come_later(scene: Scene) -> None:
    await scene.store.write(callbacks.configure, dict.fromkeys(URLS), 0)  # none
    await scene.create(1)
    planner = await scene.planner()
    await planner.step()
    await planner.catch_up()
    await scene.store.write(callbacks.configure, URLS, 0)
    await scene.plan_all()
    assert await scene.planned() == []


async def test_an_endpoint_for_all_events_hears_of_a_sync_once(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync_planner, "ROOMS_A_CALL", 1)
    actor = events.Actor("uid:0", "socket")
    await scene.store.write(operating.add, actor, URL, ["sync.*"], None, True, Settings())
    await scene.create(3)
    await scene.store.write(syncs.request, OPERATOR)
    await scene.plan_all()
    names = [event for event, _ in await scene.planned()]
    assert names.count("sync.requested") == 1
    assert names.count("periodic_sync") == 3


async def test_a_stop_after_a_failure_skips_nothing(scene: Scene) -> None:
    """The disk was full when it planned, and has room again when the server stops."""
    await scene.create(2)
    planner = await scene.planner()
    with pytest.raises(Broken), broken():
        await planner.step()
    await planner.catch_up()
    await scene.plan_all()
    assert len(await scene.planned()) == 4


async def test_nothing_is_planned_for_what_was_removed_or_purged_meanwhile(scene: Scene) -> None:
    """But that a room was."""
    await scene.create(1)
    data, room_event = [await scene.endpoint(each) for each in ("data", "room_event")]
    planned = [
        deliveries.Planned(endpoint, conversation, event, 1, 1, 4)
        for endpoint, conversation, event in (
            (data, 1, "data_sync"),
            (room_event, 1, "room_created"),
            (room_event, 7, "room_created"),
            (room_event, 7, "room.purged"),
        )
    ]
    await scene.store.write(callbacks.configure, {"data": None}, 0)
    assert await scene.store.write(callbacks.plan, 0, 0, planned, [], 0)
    assert await scene.planned() == [("room_created", 1), ("room.purged", 7)]


@pytest.mark.parametrize("kinds", [("data",), ("chat_history",)])
async def test_a_sync_of_a_room_that_was_purged_holds_up_no_other(
    scene: Scene, kinds: tuple[events.SyncKind, ...]
) -> None:
    await scene.create(2)
    await scene.plan_all()
    await scene.post(2)
    write = scene.store.write
    for each in (room(1), room(2)):
        (asked,) = await write(syncs.request, OPERATOR, kinds, each)
        await write(lambda tx, offset=asked.offset: stored_syncs.add(tx.db, [offset]))
    await scene.purge(1)
    while_it_runs = scene.sync_planner()
    await while_it_runs.step()  # of what is purged, and not yet removed
    await purges.finish(scene.store)
    before = await scene.planned()
    while await scene.sync_planner().step():
        pass
    told = [each for each in await scene.planned() if each not in before or each[1] == 2]
    assert {each[1] for each in told} == {2}
    assert any(
        each[0] == ("data_sync" if kinds == ("data",) else "chat_history_batch") for each in told
    )
    assert await scene.store.read(stored_syncs.first) is None


async def test_what_was_planned_for_a_room_while_it_was_removed_goes_too(scene: Scene) -> None:
    await scene.create(2)
    await scene.purge(1)
    late = deliveries.Planned(await scene.endpoint("data"), 1, "data_sync", 1, 1, 4)
    await scene.store.write(delivery.add, late)
    await scene.store.write(purges._remove, room(1))
    assert await scene.planned() == []


async def test_a_callback_of_a_purged_room_tells_nothing_of_another(scene: Scene) -> None:
    await scene.create(2)
    for number in (1, 2):
        await scene.post(number, f"said in {number}")
    await scene.purge(1)
    rendering = Rendering(lambda _: 0, 100, times.now)
    batch = deliveries.Planned(1, 1, "chat_history_batch", 4, 4, 4)
    number = await scene.store.write(delivery.add, batch)

    def render(db: Database) -> Rendered:
        stored = deliveries.one(db, number)
        assert stored is not None
        return rendering.render(db, stored, is_slow=False)

    rendered = await scene.store.read(render)
    assert (rendered.trouble is not None, rendered.body) == (True, b"")
