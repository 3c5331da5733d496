"""Messages of the desk: posted once, edited, deleted, erased; notes that visitors do not see."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from desk import Clock, Desk, ids, serving

from chatctl_server.domain import times


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(times, "now", made)
    return made


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with serving(tmp_path, visitor_messages_per_minute=0) as made:
        yield made


def path(conversation: str, message: dict[str, Any] | None = None) -> str:
    rest = "" if message is None else f"/{message['id']}"
    return f"/api/conversations/{conversation}/messages{rest}"


async def events(desk: Desk, who: Any, **asked: Any) -> list[dict[str, Any]]:
    found = await desk.told(who, "GET", "/api/events/replay", params=asked)
    return list(found["events"])


async def test_who_sends_the_credentials_say(desk: Desk) -> None:
    conversation = await desk.open(desk.bo)
    claim = {"sender_id": "boss", "sender_type": "agent"}
    of_bo = await desk.say(desk.bo, conversation, "hello", **claim)
    of_anna = await desk.say(desk.anna, conversation, "good day", **claim)
    of_program = await desk.say(desk.program, conversation, "beep", **claim)
    shown = [
        (each["sender_id"], each["sender_type"], each["sender_name"])
        for each in (of_bo, of_anna, of_program)
    ]
    assert shown == [
        (desk.bo.id, "visitor", "Bo"),
        (f"u{desk.anna.id}", "agent", "Anna"),
        (desk.program.id, "agent", "program"),
    ]
    assert set(of_bo) == {
        *("id", "conversation_id", "site_id", "shop_id", "sender_id", "sender_type"),
        *("sender_name", "content", "message_type", "file", "is_private", "client_msg_id"),
        *("timestamp", "edited", "edited_at"),
    }
    assert of_bo["id"].startswith("msg_")
    assert len(of_bo["id"]) == len("msg_") + 26


async def test_a_repeat_is_the_first_message(desk: Desk) -> None:
    conversation = await desk.open(desk.bo)
    body = {"content": "hello", "client_msg_id": "1"}
    first = await desk.ask(desk.bo, "POST", path(conversation), json=body)
    again = await desk.ask(desk.bo, "POST", path(conversation), json={**body, "content": "other"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    await desk.say(desk.anna, conversation, "an agent's", client_msg_id="1")
    await desk.told(
        desk.anna, "PUT", f"/api/conversations/{conversation}/status", {"status": "closed"}
    )
    late = await desk.ask(desk.bo, "POST", path(conversation), json=body)
    assert late.status_code == 200
    shown = await desk.told(desk.anna, "GET", f"/api/conversations/{conversation}")
    assert shown["status"] == "closed", "a repeat reopens nothing"
    assert await desk.texts(desk.bo, conversation) == ["hello", "an agent's"]


async def test_what_is_no_message(desk: Desk) -> None:
    conversation = await desk.open(desk.bo)
    for body, refused in (
        ({"content": " \n"}, (400, "invalid_input")),
        ({}, (400, "invalid_input")),
        ({"content": "x", "message_type": "video"}, (400, "invalid_input")),
        ({"content": "x", "conversation_id": "conv_other"}, (400, "invalid_input")),
        ({"content": "x", "client_msg_id": ""}, (400, "invalid_input")),
        ({"content": "", "file": "/files/c/x"}, (400, "invalid_input")),
        ({"content": "x\0"}, (400, "bad_text")),
        ({"content": "x" * 40_000}, (413, "too_large")),
        ({"content": "x", "is_private": True}, (403, "not_allowed")),
    ):
        assert await desk.refused(desk.bo, "POST", path(conversation), body) == refused, body
    assert await desk.texts(desk.anna, conversation) == []
    await desk.say(desk.bo, conversation, "x", conversation_id=conversation)


async def test_a_customer_reopens_what_is_closed_an_agent_does_not(desk: Desk) -> None:
    conversation = await desk.open(desk.bo)
    status = f"/api/conversations/{conversation}/status"
    later = {"status": "snoozed", "until": "2099-01-01T00:00:00Z"}
    for body in ({"status": "closed"}, later):
        await desk.told(desk.anna, "PUT", status, body)
        await desk.say(desk.bo, conversation, f"after {body['status']}")
        shown = await desk.told(desk.anna, "GET", f"/api/conversations/{conversation}")
        assert shown["status"] == "open"
        last = [each["type"].rpartition(".")[2] for each in await events(desk, desk.anna)][-2:]
        assert last == ["conversation_reopened", "message_appended"]
    await desk.told(desk.anna, "PUT", status, later)
    await desk.say(desk.anna, conversation, "I look into it")
    assert (await desk.told(desk.anna, "GET", status.removesuffix("/status")))[
        "status"
    ] == "snoozed"
    await desk.told(desk.anna, "PUT", status, {"status": "closed"})
    body = {"content": "one more thing"}
    assert await desk.refused(desk.anna, "POST", path(conversation), body) == (
        409,
        "conversation_closed",
    )


async def test_notes_are_between_agents(desk: Desk) -> None:
    conversation = await desk.open(desk.bo)
    note = await desk.say(desk.anna, conversation, "is he serious?", is_private=True)
    assert note["is_private"]
    assert await desk.texts(desk.bert, conversation) == ["is he serious?"]
    assert await desk.texts(desk.bo, conversation) == []
    for method, body in (("PUT", {"content": "mine"}), ("DELETE", None)):
        refused = await desk.refused(desk.bo, method, path(conversation, note), body)
        assert refused == (404, "message_not_found")
    asked = {"before": note["id"]}
    refused = await desk.refused(desk.bo, "GET", path(conversation), params=asked)
    assert refused == (404, "message_not_found")
    await desk.told(desk.anna, "PUT", path(conversation, note), {"content": "he is"})
    await desk.told(desk.anna, "DELETE", path(conversation, note))
    assert len(await events(desk, desk.anna)) == 4
    assert [each["type"] for each in await events(desk, desk.bo)] == [
        "domain.event.conversation_opened"
    ]


async def test_who_may_edit_and_delete(clock: Clock, desk: Desk) -> None:
    conversation = await desk.open(desk.bo)
    of_bo = await desk.say(desk.bo, conversation, "hello")
    of_anna = await desk.say(desk.anna, conversation, "good day")
    for who, message in ((desk.bert, of_anna), (desk.anna, of_bo), (desk.bo, of_anna)):
        for method, body in (("PUT", {"content": "x"}), ("DELETE", None)):
            refused = await desk.refused(who, method, path(conversation, message), body)
            assert refused == (403, "not_allowed"), (who, method)
    edited = await desk.told(desk.bo, "PUT", path(conversation, of_bo), {"content": "hello!"})
    assert (edited["content"], edited["edited"]) == ("hello!", True)
    assert edited["edited_at"] >= edited["timestamp"]
    clock.pass_(minutes=15, seconds=1)
    for method, body in (("PUT", {"content": "x"}), ("DELETE", None)):
        refused = await desk.refused(desk.bo, method, path(conversation, of_bo), body)
        assert refused == (403, "not_allowed")
    await desk.told(desk.anna, "PUT", path(conversation, of_anna), {"content": "good evening"})
    await desk.told(desk.adam, "PUT", path(conversation, of_bo), {"content": "hello (corrected)"})
    await desk.told(desk.olga, "DELETE", path(conversation, of_anna))
    assert await desk.texts(desk.bo, conversation) == ["hello (corrected)"]
    for body in ({"content": " "}, {"content": ""}):
        refused = await desk.refused(desk.adam, "PUT", path(conversation, of_bo), body)
        assert refused == (400, "invalid_input")


async def test_deleted_it_is_hidden_and_the_log_keeps_it(desk: Desk) -> None:
    conversation = await desk.open(desk.bo)
    message = await desk.say(desk.bo, conversation, "hello")
    before = await events(desk, desk.anna)
    await desk.told(desk.bo, "DELETE", path(conversation, message))
    for method, body in (("PUT", {"content": "x"}), ("DELETE", None)):
        refused = await desk.refused(desk.bo, method, path(conversation, message), body)
        assert refused == (404, "message_not_found")
    assert await desk.texts(desk.anna, conversation) == []
    after = await events(desk, desk.anna)
    assert after[:-1] == before
    assert after[-1]["data"] == {
        "conversation_id": conversation,
        "message_id": message["id"],
        "soft": True,
        "site_id": desk.shop.id,
    }


async def test_erased_it_is_gone_from_everywhere(desk: Desk) -> None:
    conversation = await desk.open(desk.bo)
    message = await desk.say(desk.bo, conversation, "my number is 4711")
    await desk.told(desk.bo, "PUT", path(conversation, message), {"content": "4711, I say"})
    hard = f"{path(conversation, message)}?hard=true"
    for who in (desk.bo, desk.anna, desk.program):
        assert await desk.refused(who, "DELETE", hard) == (403, "not_allowed")
    await desk.told(desk.bo, "DELETE", path(conversation, message))
    await desk.told(desk.adam, "DELETE", hard)
    assert await desk.refused(desk.adam, "DELETE", hard) == (404, "message_not_found")
    found = await events(desk, desk.anna)
    assert "4711" not in str(found)
    assert [each["data"].get("soft") for each in found[-2:]] == [True, False]
    assert found[1]["data"]["message"]["content"] == ""


async def test_page_by_page_newest_first(desk: Desk) -> None:
    conversation = await desk.open(desk.bo)
    made = [await desk.say(desk.bo, conversation, str(number)) for number in range(5)]
    first = await desk.ask(desk.bo, "GET", path(conversation), params={"limit": 3})
    rest = await desk.ask(desk.bo, "GET", first.links["next"]["url"])
    assert ids(first.json() + rest.json()) == ids(made[::-1])
    assert not rest.links
    asked = {"before": "msg_unknown"}
    refused = await desk.refused(desk.bo, "GET", path(conversation), params=asked)
    assert refused == (404, "message_not_found")


async def test_a_visitor_posts_so_many_a_minute(tmp_path: Path) -> None:
    async with serving(tmp_path, visitor_messages_per_minute=2) as desk:
        conversation = await desk.open(desk.bo)
        for _ in range(2):
            await desk.say(desk.bo, conversation, "hello")
        answer = await desk.ask(desk.bo, "POST", path(conversation), json={"content": "hello"})
        assert (answer.status_code, answer.json()["code"]) == (429, "throttled")
        assert 0 < int(answer.headers["retry-after"]) <= 60
        of_zoe = await desk.open(desk.zoe)
        await desk.say(desk.zoe, of_zoe, "hello")
        for _ in range(3):
            await desk.say(desk.anna, conversation, "an agent is not counted")
