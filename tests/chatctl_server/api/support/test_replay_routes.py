"""Replay: the log of the desk after an event, once each, the same bytes as live."""

import gzip
import json
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from application import reached
from desk import Desk, Who, serving

from chatctl_server.storage import envelopes

PATH = "/api/events/replay"


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with serving(tmp_path, visitor_messages_per_minute=0) as made:
        yield made


async def replay(desk: Desk, who: Who, **asked: Any) -> dict[str, Any]:
    return dict(await desk.told(who, "GET", PATH, params=asked))


def named(page: dict[str, Any]) -> list[str]:
    return [each["type"].removeprefix("domain.event.") for each in page["events"]]


async def filled(desk: Desk, count: int = 12) -> list[str]:
    """Event ids of so many messages of Bo."""
    conversation = await desk.open(desk.bo)
    for number in range(count):
        await desk.say(desk.bo, conversation, str(number))
    return [each["event_id"] for each in (await replay(desk, desk.anna))["events"]]


async def looped(desk: Desk, who: Who, **asked: Any) -> list[str]:
    """The ids of all events, page by page until one is empty."""
    found: list[str] = []
    while (page := await replay(desk, who, **asked))["events"]:
        found += [each["event_id"] for each in page["events"]]
        asked["since_event_id"] = page["next_since"]
    assert not page["has_more"]
    return found


async def test_an_envelope_has_five_keys(desk: Desk) -> None:
    await filled(desk, 2)
    page = await replay(desk, desk.anna)
    assert set(page) == {"events", "next_since", "gap", "has_more"}
    opened, *said = page["events"]
    for each in (opened, *said):
        assert list(each) == ["version", "type", "event_id", "emitted_at", "data"]
        assert each["version"] == "v1"
        assert uuid.UUID(each["event_id"]).version == 7
        assert len(each["emitted_at"]) == len("2026-01-01T00:00:00.000000Z")
    assert set(opened["data"]) == {"conversation_id", "site_id"}
    assert set(said[0]["data"]) == {"conversation_id", "site_id", "message_id", "message"}
    at = [each["emitted_at"] for each in page["events"]]
    assert at == sorted(at)


async def test_a_loop_yields_each_once(desk: Desk) -> None:
    expected = await filled(desk)
    found: list[str] = []
    since: dict[str, str] = {}
    while (page := await replay(desk, desk.anna, limit=5, **since))["events"]:
        found += [each["event_id"] for each in page["events"]]
        since = {"since_event_id": page["next_since"]}
        assert page["has_more"] == (len(found) < len(expected))
        assert not page["gap"]
    assert found == expected
    assert page == {"events": [], "next_since": expected[-1], "gap": False, "has_more": False}


async def test_events_of_a_deleted_site_take_no_others_along(desk: Desk) -> None:
    stand = (await desk.told(desk.adam, "POST", "/api/sites", {"name": "The stand"}))["id"]
    before = await filled(desk, 2)
    gone = await desk.open(desk.anna, site_id=stand)
    for number in range(6):
        await desk.say(desk.anna, gone, str(number))
    await desk.told(desk.adam, "DELETE", f"/api/sites/{stand}")
    unseen = await replay(desk, desk.anna, since_event_id=before[-1])
    assert (unseen["events"], unseen["has_more"]) == ([], False)
    newest = await replay(desk, desk.anna, type="nothing_such")
    assert newest["next_since"] == before[-1]
    behind = await desk.say(desk.bo, await desk.open(desk.bo), "still here")
    found = await looped(desk, desk.anna, limit=2)
    assert found[:-1] == before
    last = (await replay(desk, desk.anna, since_event_id=before[-1]))["events"]
    assert [each["data"]["message_id"] for each in last] == [behind["id"]]


@pytest.mark.parametrize("limit", [1, 2, 100])
async def test_what_is_rare_is_found_however_much_lies_between(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(envelopes, "SCAN", 3)
    await filled(desk, 7)
    await desk.open(desk.zoe)
    everything = (await replay(desk, desk.anna, limit=500))["events"]
    await filled(desk, 7)
    opened = [each["event_id"] for each in everything if each["type"].endswith("_opened")]
    assert len(opened) == 2
    assert await looped(desk, desk.anna, type="conversation_opened", limit=limit) == opened
    page = await replay(desk, desk.anna, type="conversation_opened", since_event_id=opened[1])
    assert page == {"events": [], "next_since": opened[1], "gap": False, "has_more": False}


@pytest.mark.parametrize(
    ("limit", "count"),
    [
        ("1", 1),
        ("007", 7),
        ("0", 100),
        ("-1", 100),
        ("abc", 100),
        ("", 100),
        ("501", 120),
        ("1e2", 100),
    ],
)
async def test_limits_are_clamped(desk: Desk, limit: str, count: int) -> None:
    await filled(desk, 119)
    assert len((await replay(desk, desk.anna, limit=limit))["events"]) == count


async def test_at_most_500(desk: Desk) -> None:
    await filled(desk, 510)
    for limit in (501, 9999, 10**20, "000700"):
        page = await replay(desk, desk.anna, limit=limit)
        assert (len(page["events"]), page["has_more"]) == (500, True)


async def test_unknown_places(desk: Desk) -> None:
    unknown = str(uuid.uuid4())
    empty = await replay(desk, desk.anna, since_event_id=unknown)
    assert empty == {"events": [], "next_since": unknown, "gap": True, "has_more": False}
    nothing = await replay(desk, desk.anna)
    assert nothing == {"events": [], "next_since": None, "gap": False, "has_more": False}
    expected = await filled(desk, 3)
    later = expected[-1][:-2] + "ff"  # of an offset that the log has not given out
    moved = str(uuid.UUID(int=uuid.UUID(expected[-1]).int - (10**6 << 80)))  # of another time
    for wrong in (unknown, "", "x", "0" * 32, later, moved, expected[0][:-1], "é"):
        page = await replay(desk, desk.anna, since_event_id=wrong)
        assert [each["event_id"] for each in page["events"]] == expected, wrong
        assert page["gap"] == bool(wrong), wrong
    page = await replay(desk, desk.anna, since_event_id=expected[-1].upper())
    assert (page["events"], page["gap"]) == ([], False)


async def test_a_welcome_is_a_place(desk: Desk) -> None:
    await filled(desk, 2)
    before = await desk.dial(desk.anna)
    welcome = before.frames[0]
    conversation = await desk.open(desk.anna)
    page = await replay(desk, desk.anna, since_event_id=welcome["event_id"])
    assert (named(page), page["gap"]) == (["conversation_opened"], False)
    assert page["events"][0]["data"]["conversation_id"] == conversation
    asked = {"since_event_id": page["next_since"]}
    assert (await replay(desk, desk.anna, **asked))["events"] == []


async def test_filters(desk: Desk) -> None:
    ids = await filled(desk, 3)
    other = await desk.open(desk.zoe)
    await desk.say(desk.zoe, other, "hello")
    everything = (await replay(desk, desk.anna))["events"]
    opened = "conversation_opened"
    for names in (opened, f"domain.event.{opened}", f" {opened} ,x"):
        assert named(await replay(desk, desk.anna, type=names)) == ["conversation_opened"] * 2
    page = await replay(desk, desk.anna, type="conversation_opened,message_appended", limit=2)
    assert (len(page["events"]), page["has_more"]) == (2, True)
    assert (await replay(desk, desk.anna, type="nothing_such"))["events"] == []
    page = await replay(desk, desk.anna, conversation_id=other)
    assert [each["data"]["conversation_id"] for each in page["events"]] == [other] * 2
    first, second = everything[1]["emitted_at"], everything[2]["emitted_at"]
    for asked, expected in (
        ({"from": first}, everything[1:]),
        ({"to": first}, everything[:2]),
        ({"from": second, "to": second}, everything[2:3]),
        ({"from": first, "since_event_id": ids[2]}, everything[3:]),
        ({"from": "2099-01-01T00:00:00+02:00"}, []),
    ):
        assert (await replay(desk, desk.anna, **asked))["events"] == expected, asked
    for wrong in ({"from": "yesterday"}, {"to": "2026-01-01"}, {"from": "2026-01-01T00:00:00"}):
        assert await desk.refused(desk.anna, "GET", PATH, params=wrong) == (400, "invalid_input")


async def test_nothing_new_is_the_newest_that_one_may_see(desk: Desk) -> None:
    mine = await desk.open(desk.bo)
    await desk.say(desk.anna, mine, "a note", is_private=True)
    of_zoe = await desk.open(desk.zoe)
    page = await replay(desk, desk.bo)
    assert named(page) == ["conversation_opened"]
    asked = {"type": "nothing_such"}
    assert (await replay(desk, desk.bo, **asked))["next_since"] == page["next_since"]
    everything = await replay(desk, desk.anna)
    assert (await replay(desk, desk.anna, **asked))["next_since"] == everything["next_since"]
    elsewhere = await replay(desk, desk.bo, conversation_id=of_zoe)
    assert elsewhere["events"] == []


async def test_live_and_replayed_are_the_same_bytes(desk: Desk) -> None:
    """Also after a soft delete."""
    anna, bo = await desk.dial(desk.anna), await desk.dial(desk.bo)
    conversation = await desk.open(desk.bo)
    message = await desk.say(desk.bo, conversation, 'quoted "é" \u2028 <b>')
    of = f"/api/conversations/{conversation}"
    await desk.told(desk.bo, "PUT", f"{of}/messages/{message['id']}", {"content": "edited"})
    await desk.told(desk.anna, "PUT", f"{of}/labels", {"labels": ["vip"]})
    await desk.told(desk.anna, "PUT", f"{of}/assignee", {"assignee_id": f"u{desk.anna.id}"})
    await desk.say(desk.anna, conversation, "a note", is_private=True)
    await desk.told(desk.bo, "DELETE", f"{of}/messages/{message['id']}")
    await desk.told(desk.anna, "PUT", f"{of}/status", {"status": "closed"})
    await desk.told(desk.bo, "POST", f"{of}/rating", {"score": 5})
    for who, socket, count in ((desk.anna, anna, 9), (desk.bo, bo, 6)):
        await reached(lambda socket=socket, count=count: len(socket.frames) == count + 1)
        answer = await desk.ask(who, "GET", PATH)
        (_, *live) = [each.split('"version"', 1)[1] for each in socket.raw]
        parts = answer.text.removeprefix('{"events":[').split('{"version"')[1:]
        assert [each.rstrip(",") for each in parts[:-1]] == live[:-1]
        assert parts[-1].startswith(live[-1])


async def test_what_is_compressed(desk: Desk) -> None:
    await filled(desk, 30)
    plain = await desk.ask(desk.anna, "GET", PATH, headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    for accepted, coding in (
        ("gzip", "gzip"),
        ("gzip;q=0.5, br", "br"),
        ("br;q=0, gzip;q=0.1", "gzip"),
        ("*", "br"),
    ):
        async with desk.client.stream(
            "GET", PATH, headers={**desk.anna.headers, "accept-encoding": accepted}
        ) as answer:
            raw = b"".join([part async for part in answer.aiter_raw()])
        assert answer.headers["content-encoding"] == coding, accepted
        assert "accept-encoding" in answer.headers["vary"].lower()
        assert len(raw) < len(plain.content) / 3
        if coding == "gzip":
            assert json.loads(gzip.decompress(raw)) == plain.json()
