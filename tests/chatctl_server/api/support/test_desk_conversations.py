"""Conversations of the desk: opened, moved through their states, assigned, labelled, rated."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import desk as scenes
import pytest
from desk import Desk, ids, serving

from chatctl_server.domain.support import TRANSITIONS
from chatctl_server.storage import support_conversations

PATH = "/api/conversations"
UNTIL = "2099-01-01T00:00:00Z"


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with serving(tmp_path) as made:
        yield made


def path(conversation: str, rest: str = "") -> str:
    return f"/api/conversations/{conversation}{rest}"


async def types(desk: Desk) -> list[str]:
    """Of what the desk was told, in order."""
    found = await desk.told(desk.anna, "GET", "/api/events/replay")
    return [each["type"].removeprefix("domain.event.") for each in found["events"]]


async def test_an_agent_opens_a_new_one_each_time_a_visitor_goes_on_with_theirs(desk: Desk) -> None:
    for _ in range(2):
        made = await desk.ask(desk.anna, "POST", "/api/conversations", json={"customer_name": "Al"})
        assert made.status_code == 201
        shown = made.json()
        assert (shown["site_id"], shown["shop_id"]) == ("default", "default")
        assert (shown["status"], shown["customer_name"]) == ("open", "Al")
        assert (shown["assignee_id"], shown["labels"], shown["priority"]) == (None, [], "normal")
    first = await desk.ask(desk.bo, "POST", "/api/conversations")
    again = await desk.ask(desk.bo, "POST", "/api/conversations", json={"shop_id": desk.shop.id})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    assert first.json()["customer_id"] == desk.bo.id
    assert not {"assignee_id", "labels", "priority", "waiting_since"} & set(first.json())
    await desk.told(desk.bo, "PUT", path(first.json()["id"], "/status"), {"status": "closed"})
    third = await desk.ask(desk.bo, "POST", "/api/conversations")
    assert (third.status_code, third.json()["id"] == first.json()["id"]) == (201, False)
    mine = await desk.told(desk.bo, "GET", "/api/conversations")
    assert ids(mine) == [third.json()["id"], first.json()["id"]]


async def test_for_a_customer_of_the_site_alone(desk: Desk) -> None:
    body = {"site_id": desk.shop.id, "customer_id": desk.bo.id}
    made = await desk.told(desk.anna, "POST", "/api/conversations", body)
    assert (made["customer_id"], made["customer_name"]) == (desk.bo.id, "Bo")
    for wrong, refused in (
        ({**body, "customer_id": desk.ida.id}, (404, "customer_not_found")),
        ({**body, "customer_id": "cus_nobody"}, (404, "customer_not_found")),
        ({**body, "site_id": desk.kiosk.id}, (404, "site_not_found")),
        ({"site_id": "nowhere"}, (404, "site_not_found")),
    ):
        assert await desk.refused(desk.anna, "POST", "/api/conversations", wrong) == refused
    body = {"site_id": desk.kiosk.id}
    assert await desk.refused(desk.bo, "POST", "/api/conversations", body) == (
        404,
        "site_not_found",
    )
    assert len(await desk.told(desk.anna, "GET", "/api/conversations")) == 1


async def test_its_states_follow_each_other_as_the_table_says(desk: Desk) -> None:
    """Each in each, from each."""
    ways = {
        "open": (),
        "snoozed": ({"status": "snoozed", "until": UNTIL},),
        "closed": ({"status": "closed"},),
    }
    for before, after in [(one, other) for one in TRANSITIONS for other in TRANSITIONS]:
        conversation = await desk.open(desk.anna)
        for body in ways[before]:
            await desk.told(desk.anna, "PUT", path(conversation, "/status"), body)
        body = {"status": after} | ({"until": UNTIL} if after == "snoozed" else {})
        if after in TRANSITIONS[before]:
            shown = await desk.told(desk.anna, "PUT", path(conversation, "/status"), body)
            assert shown["status"] == after
        else:
            refused = await desk.refused(desk.anna, "PUT", path(conversation, "/status"), body)
            assert refused == (409, "invalid_transition"), (before, after)


async def test_words_of_states(desk: Desk) -> None:
    conversation = await desk.open(desk.anna)
    for body in (
        {"status": "reopened"},
        {"status": "snoozed"},
        {"status": "snoozed", "until": "2001-01-01T00:00:00Z"},
        {"status": "snoozed", "until": "2099-01-01T00:00:00"},
        {"status": "closed", "until": UNTIL},
        {},
    ):
        refused = await desk.refused(desk.anna, "PUT", path(conversation, "/status"), body)
        assert refused == (400, "invalid_input"), body
    await desk.told(desk.anna, "PUT", path(conversation, "/status"), {"status": "closed"})
    body = {"status": "active"}
    assert (await desk.told(desk.anna, "PUT", path(conversation, "/status"), body))[
        "status"
    ] == "open"
    found = await desk.told(desk.anna, "GET", "/api/conversations", params={"status": "active"})
    assert ids(found) == [conversation]
    assert await types(desk) == [
        "conversation_opened",
        "conversation_closed",
        "conversation_reopened",
    ]


async def test_what_a_visitor_may_do_with_theirs(desk: Desk) -> None:
    conversation = await desk.open(desk.bo)
    for way, body in (
        ("/status", {"status": "snoozed", "until": UNTIL}),
        ("/assignee", {"assignee_id": f"u{desk.anna.id}"}),
        ("/labels", {"labels": ["vip"]}),
        ("/priority", {"priority": "high"}),
    ):
        refused = await desk.refused(desk.bo, "PUT", path(conversation, way), body)
        assert refused == (403, "not_allowed"), way
    await desk.told(
        desk.anna, "PUT", path(conversation, "/status"), {"status": "snoozed", "until": UNTIL}
    )
    assert (await desk.told(desk.bo, "GET", path(conversation)))["status"] == "open"
    for status, count in (("open", 1), ("snoozed", 0)):
        asked = {"status": status}
        assert len(await desk.told(desk.bo, "GET", "/api/conversations", params=asked)) == count
    await desk.told(desk.bo, "PUT", path(conversation, "/status"), {"status": "closed"})
    refused = await desk.refused(desk.bo, "PUT", path(conversation, "/status"), {"status": "open"})
    assert refused == (403, "not_allowed")


async def test_others_are_as_if_it_were_not_there(desk: Desk) -> None:
    conversation = await desk.open(desk.bo)
    await desk.say(desk.bo, conversation, "hello")
    for who in (desk.zoe, desk.ida, desk.emil, desk.eve, desk.stranger):
        for method, rest, body in (
            ("GET", "", None),
            ("GET", "/summary", None),
            ("GET", "/messages", None),
            ("PUT", "/status", {"status": "closed"}),
            ("POST", "/messages", {"content": "let me in"}),
            ("POST", "/rating", {"score": 1}),
        ):
            refused = await desk.refused(who, method, path(conversation, rest), body)
            assert refused == (404, "conversation_not_found"), (who, rest)
        assert await desk.told(who, "GET", "/api/conversations") == []
        assert (await desk.told(who, "GET", "/api/events/replay"))["events"] == []
    assert await desk.refused(desk.mia, "GET", path(conversation)) == (403, "not_allowed")
    assert await desk.refused(None, "GET", path(conversation)) == (401, "unauthorized")
    assert await desk.texts(desk.anna, conversation) == ["hello"]


async def test_to_whom_it_is_assigned(desk: Desk) -> None:
    conversation = await desk.open(desk.bo)
    for assignee in (desk.bert, desk.olga):
        body = {"assignee_id": f"u{assignee.id}"}
        shown = await desk.told(desk.anna, "PUT", path(conversation, "/assignee"), body)
        assert shown["assignee_id"] == f"u{assignee.id}"
        await desk.told(desk.anna, "PUT", path(conversation, "/assignee"), body)  # no change
    for wrong in (f"u{desk.mia.id}", f"u{desk.emil.id}", "u999", desk.bo.id, ""):
        body = {"assignee_id": wrong}
        refused = await desk.refused(desk.anna, "PUT", path(conversation, "/assignee"), body)
        assert refused == (400, "invalid_input"), wrong
    asked = {"assignee": f"u{desk.olga.id}"}
    found = await desk.told(desk.anna, "GET", "/api/conversations", params=asked)
    assert ids(found) == [conversation]
    shown = await desk.told(
        desk.anna, "PUT", path(conversation, "/assignee"), {"assignee_id": None}
    )
    assert shown["assignee_id"] is None
    found = await desk.told(desk.anna, "GET", "/api/conversations", params={"assignee": "none"})
    assert ids(found) == [conversation]
    assert (await types(desk)).count("conversation_assigned") == 3
    mine = await desk.told(desk.bo, "GET", "/api/events/replay")
    assert [each["type"] for each in mine["events"]] == ["domain.event.conversation_opened"]


async def test_labels_and_priority(desk: Desk) -> None:
    conversation = await desk.open(desk.bo)
    body = {"labels": [" billing ", "vip", "billing"]}
    shown = await desk.told(desk.anna, "PUT", path(conversation, "/labels"), body)
    assert shown["labels"] == ["billing", "vip"]
    shown = await desk.told(desk.anna, "PUT", path(conversation, "/priority"), {"priority": "high"})
    assert (shown["labels"], shown["priority"]) == (["billing", "vip"], "high")
    for way, wrong in (
        ("/labels", {"labels": ["x" * 51]}),
        ("/labels", {"labels": [""]}),
        ("/labels", {"labels": ["a\nb"]}),
        ("/labels", {"labels": [str(each) for each in range(21)]}),
        ("/priority", {"priority": "highest"}),
    ):
        refused = await desk.refused(desk.anna, "PUT", path(conversation, way), wrong)
        assert refused == (400, "invalid_input"), wrong
    assert (await types(desk)).count("conversation_labelled") == 2


async def test_the_customer_rates_each_closing_once(desk: Desk) -> None:
    conversation = await desk.open(desk.bo)
    rating = path(conversation, "/rating")
    assert await desk.refused(desk.bo, "POST", rating, {"score": 5}) == (409, "conflict")
    for _ in range(2):
        await desk.told(desk.anna, "PUT", path(conversation, "/status"), {"status": "closed"})
        for score in (0, 6):
            refused = await desk.refused(desk.bo, "POST", rating, {"score": score})
            assert refused == (400, "invalid_input")
        assert await desk.refused(desk.anna, "POST", rating, {"score": 5}) == (403, "not_allowed")
        await desk.told(desk.bo, "POST", rating, {"score": 4, "comment": "thanks"})
        assert await desk.refused(desk.bo, "POST", rating, {"score": 5}) == (409, "conflict")
        await desk.told(desk.anna, "PUT", path(conversation, "/status"), {"status": "open"})
    assert (await types(desk)).count("conversation_rated") == 2


async def test_found_by_what_is_in_it(desk: Desk) -> None:
    of_bo, of_zoe = await desk.open(desk.bo), await desk.open(desk.zoe)
    await desk.say(desk.bo, of_bo, "My parcel is LOST")
    await desk.say(desk.anna, of_zoe, "a secret note", is_private=True)
    gone = await desk.say(desk.zoe, of_zoe, "parcel")
    await desk.told(desk.zoe, "DELETE", path(of_zoe, f"/messages/{gone['id']}"))
    for text, found in (
        ("lost", [of_bo]),
        ("zOE", [of_zoe]),
        ("secret", [of_zoe]),
        ("parcel", [of_bo]),
        (desk.bo.id, [of_bo]),
        ("%", []),
    ):
        for where in ("/api/conversations", "/api/conversations/search"):
            shown = await desk.told(desk.anna, "GET", where, params={"q": text})
            assert ids(shown) == found, text
    assert await desk.told(desk.zoe, "GET", "/api/conversations", params={"q": "secret"}) == []
    for name, value, count in (
        ("customer_id", desk.bo.id, 1),
        ("site_id", desk.shop.id, 2),
        ("shop_id", "default", 0),
        ("status", "closed", 0),
    ):
        shown = await desk.told(desk.anna, "GET", "/api/conversations", params={name: value})
        assert len(shown) == count, name


async def test_page_by_page_those_that_changed_last_first(desk: Desk) -> None:
    made = [await desk.open(desk.anna) for _ in range(53)]
    await desk.say(desk.anna, made[0], "still there?")
    first = await desk.ask(desk.anna, "GET", "/api/conversations", params={"status": "open"})
    rest = await desk.ask(desk.anna, "GET", first.links["next"]["url"])
    assert ids(first.json() + rest.json()) == [made[0], *made[:0:-1]]
    assert not rest.links
    asked = {"cursor": "nonsense"}
    refused = await desk.refused(desk.anna, "GET", "/api/conversations", params=asked)
    assert refused == (400, "invalid_input")


async def test_what_is_rare_or_said_long_ago_is_found_however_many_are_newer(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A text page by page: one may be empty, and the header says that there is more."""
    monkeypatch.setattr(support_conversations, "SCAN", 1)
    monkeypatch.setattr(support_conversations, "SCAN_MESSAGES", 1)
    old = await desk.open(desk.bo)
    await desk.say(desk.bo, old, "my parcel is lost")
    newer = [await desk.open(desk.anna, site_id="default") for _ in range(5)]
    shown = await desk.told(desk.anna, "GET", PATH, params={"site_id": desk.shop.id})
    assert ids(shown) == [old]
    for each in newer:
        await desk.say(desk.anna, each, "anything else?")
    page = await desk.ask(desk.anna, "GET", PATH, params={"q": "parcel"})
    found, steps = ids(page.json()), 1
    while page.links:
        page = await desk.ask(desk.anna, "GET", page.links["next"]["url"])
        found, steps = found + ids(page.json()), steps + 1
    assert (found, steps) == ([old], 6)


async def test_in_short(desk: Desk) -> None:
    conversation = await desk.open(desk.bo)
    await desk.say(desk.bo, conversation, "hello")
    await desk.say(desk.anna, conversation, "a rude one", is_private=True)
    short = await desk.told(desk.anna, "GET", path(conversation, "/summary"))
    theirs = await desk.told(desk.bo, "GET", path(conversation, "/summary"))
    assert (short["last_message"], short["message_count"]) == ("a rude one", 2)
    assert (theirs["last_message"], theirs["message_count"]) == ("hello", 1)
    assert set(short) == {
        *("id", "site_id", "customer_name", "last_message", "message_count"),
        *("updated_at", "status"),
    }
    shown = await desk.told(desk.bo, "GET", path(conversation))
    assert shown["last_message"]["content"] == "hello"


async def test_a_visitor_learns_nothing_of_what_agents_do_among_themselves(desk: Desk) -> None:
    conversation = await desk.open(desk.bo)
    await desk.say(desk.bo, conversation, "hello")
    before = await desk.told(desk.bo, "GET", path(conversation))
    await desk.say(desk.anna, conversation, "a note", is_private=True)
    await desk.told(desk.anna, "PUT", path(conversation, "/labels"), {"labels": ["angry"]})
    await desk.told(
        desk.anna, "PUT", path(conversation, "/assignee"), {"assignee_id": f"u{desk.anna.id}"}
    )
    assert await desk.told(desk.bo, "GET", path(conversation)) == before
    assert await desk.told(desk.bo, "GET", "/api/conversations") == [before]
    for assignee in ("none", f"u{desk.anna.id}"):
        asked = {"assignee": assignee}
        refused = await desk.refused(desk.bo, "GET", "/api/conversations", params=asked)
        assert refused == (403, "not_allowed")


async def test_ids_and_cursors_that_nobody_gave_out(desk: Desk) -> None:
    conversation = await desk.open(desk.bo)
    for assignee in (f"u0{desk.anna.id}", f"u{10**18}", "u"):
        body = {"assignee_id": assignee}
        refused = await desk.refused(desk.anna, "PUT", path(conversation, "/assignee"), body)
        assert refused == (400, "invalid_input")
    for cursor in ("9" * 20 + "-1", "1-" + "9" * 20, "\u0661-\u0661", "1"):
        asked = {"cursor": cursor}
        refused = await desk.refused(desk.anna, "GET", "/api/conversations", params=asked)
        assert refused == (400, "invalid_input"), cursor


async def test_a_refusal_names_what_was_said(desk: Desk) -> None:
    mine = await desk.open(desk.bo)
    operators = f"/management/conversations/{mine}"
    asked: list[tuple[scenes.Who, str, str, dict[str, Any], str]] = [
        (desk.anna, "POST", PATH, {"customer_name": "x" * 5000}, "customer_name"),
        (desk.anna, "PUT", path(mine, "/labels"), {"labels": ["ok", "x" * 1000]}, "labels[1]"),
        (desk.anna, "PUT", path(mine, "/assignee"), {"assignee_id": "u999"}, "assignee_id"),
        (None, "PATCH", operators, {"assignee": "u999"}, "assignee"),
    ]
    for who, method, where, said, field in asked:
        refusal = (await desk.ask(who, method, where, json=said)).json()
        assert refusal["field"] == field
        assert refusal["detail"].startswith(field)
    for who, where in ((desk.bo, path(mine)), (None, operators)):
        refusal = (await desk.ask(who, "GET", f"{where}/messages?before=foo")).json()
        assert refusal["field"] == "before"
