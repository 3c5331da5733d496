"""An added endpoint that is gone, or has failed for five days, is disabled; one of the settings
never is."""

from collections.abc import AsyncIterator
from pathlib import Path

import delivery
import pytest

from chatctl_server.actions import attempts, callbacks
from chatctl_server.actions import endpoints as operating
from chatctl_server.domain import events, times
from chatctl_server.domain.callbacks import Again, Delivered, GivenUp, Verdict
from chatctl_server.settings.sources import Settings
from chatctl_server.storage import deliveries, endpoints, log, maintenance
from chatctl_server.storage.store import Store
from chatctl_server.storage.transaction import Tx

DAY = 24 * 3600 * times.SECOND
ACTOR = events.Actor("uid:0", "socket")
OF_SETTINGS, ADDED = 1, 2


class Scene:
    def __init__(self, path: Path) -> None:
        self.now = DAY
        self.store = Store(path, durable=False, clock=lambda: self.now)

    async def open(self) -> None:
        await self.store.open()
        await self.store.write(callbacks.configure, {"room_event": "http://127.0.0.1:1/"}, 0)
        url = "http://user:s3cret@127.0.0.1:2/"
        await self.store.write(operating.add, ACTOR, url, ["room.*"], None, True, Settings())

    async def after(self, verdict: Verdict, endpoint: int = ADDED, mark: str | None = None) -> str:
        await self.store.write(_finish, endpoint, verdict, mark)
        return (await self.look(endpoint)).status

    async def look(self, endpoint: int = ADDED) -> endpoints.Endpoint:
        found = await self.store.read(endpoints.one, endpoint)
        assert found is not None
        return found


def _finish(tx: Tx, endpoint: int, verdict: Verdict, mark: str | None) -> None:
    planned = delivery.plan(tx, endpoint, "room.created", mark=mark)
    delivery.finish(tx, planned.id, verdict, 500)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    maintenance.prepare(tmp_path / "chat.db", durable=False)
    scene = Scene(tmp_path / "chat.db")
    await scene.open()
    yield scene
    await scene.store.close()


async def test_one_that_is_gone_is_disabled_and_the_log_says_so_without_a_secret(
    scene: Scene,
) -> None:
    assert await scene.after(GivenUp(is_gone=True)) == "disabled"
    [newest] = await scene.store.read(log.find_last, log.Wanted("endpoint.changed"), 0, 1)
    assert isinstance(newest.payload, events.EndpointChanged)
    assert (newest.payload.status, newest.payload.reason) == ("disabled", attempts.GONE)
    assert "s3cret" not in str(newest)


async def test_five_days_without_a_success_disable_it(scene: Scene) -> None:
    for _ in range(5):
        assert await scene.after(Again(5)) == "enabled"
        scene.now += DAY
    scene.now -= 1
    assert await scene.after(GivenUp()) == "enabled"
    scene.now += 1
    assert await scene.after(Again(5)) == "disabled"


async def test_failures_with_days_between_them_do_not_add_up(scene: Scene) -> None:
    """It is asked rarely, and was down at two moments."""
    assert await scene.after(GivenUp()) == "enabled"
    scene.now += 6 * DAY
    assert await scene.after(GivenUp()) == "enabled"
    assert (await scene.look()).failing_since == scene.now


async def test_a_clock_that_is_set_back_puts_the_five_days_off_for_no_longer(
    scene: Scene,
) -> None:
    await scene.after(Again(5))
    scene.now -= DAY // 2
    for _ in range(5):
        assert await scene.after(Again(5)) == "enabled"
        scene.now += DAY
    assert await scene.after(Again(5)) == "disabled"


async def test_a_day_s_pause_is_never_taken_for_a_longer_one(scene: Scene) -> None:
    """The time of the last failure is up to an hour old."""
    began = scene.now
    await scene.after(Again(5))
    scene.now += 3600 * times.SECOND - 1
    await scene.after(Again(5))
    scene.now += DAY - 1
    await scene.after(Again(5))
    assert (await scene.look()).failing_since == began


async def test_the_time_of_the_last_failure_is_written_once_an_hour(scene: Scene) -> None:
    began = scene.now
    for minute in range(0, 120, 10):
        scene.now = began + minute * 60 * times.SECOND
        await scene.after(Again(5))
    found = await scene.look()
    assert found.failing_since == began
    assert found.failed_at == began + 3600 * times.SECOND


async def test_a_success_begins_the_five_days_anew(scene: Scene) -> None:
    await scene.after(Again(5))
    scene.now += DAY
    await scene.after(Again(5))
    assert await scene.after(Delivered()) == "enabled"
    for _ in range(5):
        assert await scene.after(GivenUp()) == "enabled"
        scene.now += DAY - 1


async def test_one_of_the_settings_is_never_disabled_and_says_since_when_it_fails(
    scene: Scene,
) -> None:
    began = scene.now
    for _ in range(7):
        assert await scene.after(GivenUp(is_gone=True), OF_SETTINGS) == "enabled"
        scene.now += DAY
    assert (await scene.look(OF_SETTINGS)).failing_since == began


async def test_a_sample_that_fails_disables_nothing(scene: Scene) -> None:
    assert await scene.after(GivenUp(is_gone=True), mark=deliveries.TEST) == "enabled"
