"""An added endpoint that is gone, or has failed for five days, is disabled; one of the settings
never is."""

import delivery
import pytest
from offline import Offline

from chatctl_server.actions import attempts, callbacks
from chatctl_server.actions import endpoints as operating
from chatctl_server.domain import events, times
from chatctl_server.domain.callbacks import Again, Delivered, GivenUp, Verdict
from chatctl_server.settings.sources import Settings
from chatctl_server.storage import deliveries, endpoints, log

DAY = 24 * 3600 * times.SECOND
OF_SETTINGS, ADDED = 1, 2


@pytest.fixture
def desk(desk: Offline) -> Offline:
    desk.call(callbacks.configure, {"room_event": "http://127.0.0.1:1/"}, 0)
    url = "http://user:s3cret@127.0.0.1:2/"
    desk.run(operating.add, url, ["room.*"], None, True, Settings())
    return desk


def after(desk: Offline, verdict: Verdict, endpoint: int = ADDED, mark: str | None = None) -> str:
    """How the endpoint stands after a try that ended so."""
    planned = desk.call(lambda tx: delivery.plan(tx, endpoint, "room.created", mark=mark))
    desk.call(delivery.finish, planned.id, verdict, 500)
    return look(desk, endpoint).status


def look(desk: Offline, endpoint: int = ADDED) -> endpoints.Endpoint:
    found: endpoints.Endpoint = desk.ask(endpoints.one, endpoint)
    return found


def test_one_that_is_gone_is_disabled_and_the_log_says_so_without_a_secret(
    desk: Offline,
) -> None:
    assert after(desk, GivenUp(is_gone=True)) == "disabled"
    [newest] = desk.ask(log.find_last, log.EventFilter("endpoint.changed"), 0, 1)
    assert isinstance(newest.payload, events.EndpointChanged)
    assert (newest.payload.status, newest.payload.reason) == ("disabled", attempts.GONE)
    assert "s3cret" not in str(newest)


def test_five_days_without_a_success_disable_it(desk: Offline) -> None:
    for _ in range(5):
        assert after(desk, Again(5)) == "enabled"
        desk.now += DAY
    desk.now -= 1
    assert after(desk, GivenUp()) == "enabled"
    desk.now += 1
    assert after(desk, Again(5)) == "disabled"


def test_failures_with_days_between_them_do_not_add_up(desk: Offline) -> None:
    """It is asked rarely, and was down at two moments."""
    assert after(desk, GivenUp()) == "enabled"
    desk.now += 6 * DAY
    assert after(desk, GivenUp()) == "enabled"
    assert look(desk).failing_since == desk.now


def test_a_clock_that_is_set_back_puts_the_five_days_off_for_no_longer(
    desk: Offline,
) -> None:
    after(desk, Again(5))
    desk.now -= DAY // 2
    for _ in range(5):
        assert after(desk, Again(5)) == "enabled"
        desk.now += DAY
    assert after(desk, Again(5)) == "disabled"


def test_a_day_s_pause_is_never_taken_for_a_longer_one(desk: Offline) -> None:
    """The time of the last failure is up to an hour old."""
    began = desk.now
    after(desk, Again(5))
    desk.now += 3600 * times.SECOND - 1
    after(desk, Again(5))
    desk.now += DAY - 1
    after(desk, Again(5))
    assert look(desk).failing_since == began


def test_the_time_of_the_last_failure_is_written_once_an_hour(desk: Offline) -> None:
    began = desk.now
    for minute in range(0, 120, 10):
        desk.now = began + minute * 60 * times.SECOND
        after(desk, Again(5))
    found = look(desk)
    assert found.failing_since == began
    assert found.failed_at == began + 3600 * times.SECOND


def test_a_success_begins_the_five_days_anew(desk: Offline) -> None:
    after(desk, Again(5))
    desk.now += DAY
    after(desk, Again(5))
    assert after(desk, Delivered()) == "enabled"
    for _ in range(5):
        assert after(desk, GivenUp()) == "enabled"
        desk.now += DAY - 1


def test_one_of_the_settings_is_never_disabled_and_says_since_when_it_fails(
    desk: Offline,
) -> None:
    began = desk.now
    for _ in range(7):
        assert after(desk, GivenUp(is_gone=True), OF_SETTINGS) == "enabled"
        desk.now += DAY
    assert look(desk, OF_SETTINGS).failing_since == began


def test_a_sample_that_fails_disables_nothing(desk: Offline) -> None:
    assert after(desk, GivenUp(is_gone=True), mark=deliveries.TEST) == "enabled"
