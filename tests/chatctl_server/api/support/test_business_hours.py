"""When a desk is open, in its own time zone, and what a customer is answered while it is not."""

import zoneinfo
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import desk as scenes
import pytest
from desk import Desk
from hypothesis import given
from hypothesis import strategies as st

from chatctl_server import errors
from chatctl_server.domain import business_hours, times
from chatctl_server.domain.business_hours import DAYS, BusinessHours

BERLIN = BusinessHours(
    "Europe/Berlin",
    {
        "mon": (("09:00", "12:00"), ("13:00", "17:30")),
        "fri": (("22:00", "24:00"),),
        "sat": (("00:00", "02:00"),),
    },
)
MONDAY = datetime(2026, 7, 27, tzinfo=UTC)  # two hours behind Berlin


def at(text: str, day: datetime = MONDAY) -> datetime:
    """Of UTC."""
    hours, minutes = map(int, text.split(":"))
    return day.replace(hour=hours, minute=minutes)


@pytest.mark.parametrize(
    ("moment", "is_open", "opens"),
    [
        (at("06:59"), False, at("07:00")),
        (at("07:00"), True, None),
        (at("09:59"), True, None),
        (at("10:00"), False, at("11:00")),
        (at("11:00"), True, None),
        (at("15:30"), False, at("20:00") + timedelta(days=4)),
        (at("21:59") + timedelta(days=4), True, None),
        (at("22:00") + timedelta(days=4), True, None),  # midnight in Berlin
        (at("00:00") + timedelta(days=5), False, at("07:00") + timedelta(days=7)),
    ],
)
def test_a_desk_is_open_in_its_own_time_zone(
    moment: datetime, is_open: bool, opens: datetime | None
) -> None:
    assert business_hours.is_open(BERLIN, moment) is is_open
    assert business_hours.next_open(BERLIN, moment) == opens


def test_nine_is_nine_in_winter_and_in_summer() -> None:
    """The clocks go back on 25 October 2026, between a Saturday and a Monday."""
    saturday = datetime(2026, 10, 24, 12, tzinfo=UTC)
    assert business_hours.next_open(BERLIN, saturday) == datetime(2026, 10, 26, 8, tzinfo=UTC)


def test_without_hours_it_is_always_open_and_without_a_span_never() -> None:
    assert business_hours.is_open(None, MONDAY)
    assert business_hours.next_open(None, MONDAY) is None
    never = BusinessHours("UTC", {})
    assert not business_hours.is_open(never, MONDAY)
    assert business_hours.next_open(never, MONDAY) is None


@st.composite
def weeks(draw: st.DrawFn) -> BusinessHours:
    """Spans of whole hours."""
    days: Any = {}
    for day in DAYS:
        ends = sorted(draw(st.sets(st.integers(0, 24), max_size=4)))
        pairs = zip(ends[::2], ends[1::2], strict=False)
        days[day] = tuple((f"{begin:02}:00", f"{end:02}:00") for begin, end in pairs)
    zones = ("UTC", "Asia/Shanghai", "America/St_Johns", "Pacific/Apia")
    return business_hours.check(BusinessHours(draw(st.sampled_from(zones)), days))


@given(weeks(), st.timedeltas(timedelta(), timedelta(days=366)))
def test_it_opens_when_it_says_and_not_before(hours: BusinessHours, since: timedelta) -> None:
    moment = MONDAY + since
    opens = business_hours.next_open(hours, moment)
    if opens is None:
        is_ever = any(hours.days.values())
        assert business_hours.is_open(hours, moment) or not is_ever
        return
    assert opens > moment
    assert business_hours.is_open(hours, opens)
    step = timedelta(minutes=30)
    between = moment
    while between < opens:
        assert not business_hours.is_open(hours, between)
        between += step


@pytest.fixture
def no_system_zones() -> Iterator[None]:
    zoneinfo.reset_tzpath(to=[])
    zoneinfo.ZoneInfo.clear_cache()
    yield
    zoneinfo.reset_tzpath()


def test_time_zones_are_known_where_the_system_has_none(no_system_zones: None) -> None:
    assert business_hours.check(BERLIN) is BERLIN
    with pytest.raises(errors.InvalidInput):
        business_hours.check(BusinessHours("Europe/Atlantis", {}))


# What a customer is answered


@pytest.fixture
async def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    """On a Sunday."""
    sunday = times.microseconds(datetime(2027, 8, 1, 12, tzinfo=UTC))
    monkeypatch.setattr(times, "now", lambda: sunday)
    shop = {"business_hours": BERLIN, "away_message": "Back on Monday."}
    async with scenes.serving(tmp_path, shop) as made:
        yield made


async def test_who_begins_to_wait_while_nobody_is_there_is_told_so_once(desk: Desk) -> None:
    mine = await desk.open(desk.bo)
    listening = await desk.dial(desk.bo)
    await desk.say(desk.bo, mine, "anybody?")
    told = (await listening.got("message_appended", 2))["message"]
    assert (told["content"], told["sender_type"]) == ("Back on Monday.", "system")
    assert told["sender_name"] == "The shop"
    await desk.say(desk.bo, mine, "hello?")
    expected = ["anybody?", "Back on Monday.", "hello?"]
    assert await desk.texts(desk.bo, mine) == expected
    await desk.say(desk.anna, mine, "I am here all the same")
    await desk.say(desk.bo, mine, "and now?")
    expected += ["I am here all the same", "and now?", "Back on Monday."]
    assert await desk.texts(desk.anna, mine) == expected


async def test_within_business_hours_or_without_a_message_nobody_is(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/api/sites/{desk.shop.id}"
    await desk.told(desk.adam, "PATCH", path, {"away_message": ""})
    mine = await desk.open(desk.bo)
    await desk.say(desk.bo, mine, "anybody?")
    assert await desk.texts(desk.bo, mine) == ["anybody?"]
    await desk.told(desk.adam, "PATCH", path, {"away_message": "Away.", "business_hours": None})
    hers = await desk.open(desk.zoe)
    await desk.say(desk.zoe, hers, "anybody?")
    assert await desk.texts(desk.zoe, hers) == ["anybody?"]
