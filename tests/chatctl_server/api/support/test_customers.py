"""A customer is erased: nothing names them any more, in the tables, the log or their files."""

import hashlib
import hmac
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import desk as scenes
import pytest
from application import reached
from desk import Desk, Visitor

from chatctl_server.actions import customers as actions
from chatctl_server.storage import maintenance, support_conversations

NAME, EMAIL, TEXT, COMMENT, FILE = (
    "Quirin Zwetschge",
    "quirin@zwetschge.example",
    "my number is 0815",
    "never was I so quick",
    "quirins-passport.png",
)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with scenes.serving(tmp_path) as made:
        yield made
    path = tmp_path / "chat.db"
    assert maintenance.check(path) == maintenance.verify(path) == []


async def quirin(desk: Desk) -> Visitor:
    """The host product's u-7."""
    site = await desk.told(desk.adam, "GET", f"/api/sites/{desk.shop.id}")
    hashed = hmac.new(site["secret"].encode(), b"the-host-products-u7", hashlib.sha256).hexdigest()
    who = {"user_id": "the-host-products-u7", "identity_hash": hashed}
    for name in (f"{NAME} jun.", NAME):
        body = {"site": desk.shop.key, "name": name, "email": EMAIL, **who}
        made = await desk.told(None, "POST", "/api/visitors", body)
    return Visitor(made["customer_id"], desk.shop.key, made["visitor_token"])


async def lived(desk: Desk, who: Visitor) -> str:
    """A conversation with all that one can leave in it."""
    mine = await desk.open(who)
    path = f"/api/conversations/{mine}"
    (url,) = await desk.told(who, "POST", f"{path}/files", files=scenes.files((FILE, b"pixels")))
    await desk.told(who, "POST", f"{path}/files", files=scenes.files((FILE, b"unshown")))
    await desk.say(who, mine, TEXT, file=url)
    for number in range(5):
        said = await desk.say(who, mine, f"{TEXT} {number}")
        await desk.told(who, "PUT", f"{path}/messages/{said['id']}", {"content": f"{TEXT} again"})
    await desk.told(who, "DELETE", f"{path}/messages/{said['id']}")
    await desk.say(desk.anna, mine, "an answer")
    await desk.told(who, "PUT", f"{path}/status", {"status": "closed"})
    await desk.told(who, "POST", f"{path}/rating", {"score": 5, "comment": COMMENT})
    return mine


async def test_nothing_names_an_erased_customer(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "A_STEP", 2)
    who = await quirin(desk)
    mine = await lived(desk, who)
    listening = await desk.dial(who)
    others = await desk.dial(desk.bo)
    path = f"/api/customers/{who.id}"
    assert await desk.told(desk.adam, "DELETE", path) is None
    assert await listening.closed() == 4501
    assert others.code is None
    shown = await desk.told(desk.anna, "GET", f"/api/conversations/{mine}")
    assert (shown["customer_name"], shown["customer_verified"]) == ("", False)
    assert await desk.texts(desk.anna, mine) == ["an answer"]
    replayed = await desk.ask(desk.anna, "GET", "/api/events/replay?limit=500")
    for said in (NAME, EMAIL, TEXT, COMMENT, FILE, "the-host-products-u7"):
        assert said not in replayed.text
    assert await desk.refused(who, "GET", "/api/conversations") == (401, "unauthorized")
    assert await desk.refused(desk.adam, "DELETE", path) == (404, "customer_not_found")
    assert (await quirin(desk)).id != who.id  # is somebody new


@pytest.mark.parametrize("has_site", [True, False])
async def test_nor_do_the_databases_files(tmp_path: Path, has_site: bool) -> None:
    """Once the server has stopped; and the log still tells what the tables have."""
    async with scenes.serving(tmp_path) as desk:
        who = await quirin(desk)
        await lived(desk, who)
        if not has_site:  # customers can be erased whose site is gone
            await desk.told(desk.adam, "DELETE", f"/api/sites/{desk.shop.id}")
        await desk.told(desk.adam, "DELETE", f"/api/customers/{who.id}")
    path = tmp_path / "chat.db"
    for each in tmp_path.glob("chat.db*"):
        found = each.read_bytes() if each.is_file() else b""
        for said in (NAME, EMAIL, TEXT, COMMENT, FILE, "the-host-products-u7"):
            assert said.encode() not in found, (each, said)
    assert maintenance.check(path) == maintenance.verify(path) == []


async def test_only_admins_and_owners_erase_customers(desk: Desk) -> None:
    path = f"/api/customers/{desk.bo.id}"
    for who in (desk.anna, desk.mia, desk.program, desk.bo):
        assert await desk.refused(who, "DELETE", path) == (403, "not_allowed")
    for who in (desk.eve, desk.emil, desk.stranger):
        assert await desk.refused(who, "DELETE", path) == (404, "customer_not_found")
    assert await desk.refused(None, "DELETE", path) == (401, "unauthorized")
    for unknown in ("cus_0", "%FF", "x"):
        refusal = await desk.refused(desk.adam, "DELETE", f"/api/customers/{unknown}")
        assert refusal == (404, "customer_not_found")
    assert await desk.told(desk.bo, "GET", "/api/conversations") == []


async def test_nobody_waits_whose_customer_is_erased(desk: Desk) -> None:
    mine = await desk.open(desk.bo)
    await desk.say(desk.bo, mine, "hello?")
    theirs = [await desk.open(desk.anna, customer_id=desk.bo.id) for _ in "ab"]
    hers = await desk.open(desk.zoe)
    await desk.say(desk.zoe, hers, "hello?")
    site = f"/api/sites/{desk.shop.id}"
    await desk.told(desk.adam, "PATCH", site, {"blocked_visitors": [desk.bo.id, desk.zoe.id]})
    assert (await desk.store.read(support_conversations.waiting)).customers == 2
    await desk.told(desk.adam, "DELETE", f"/api/customers/{desk.bo.id}")
    assert (await desk.store.read(support_conversations.waiting)).customers == 1
    opened = await desk.told(desk.anna, "GET", "/api/conversations?status=open")
    assert scenes.ids(opened) == [hers]
    for each in (mine, *theirs):
        shown = await desk.told(desk.anna, "GET", f"/api/conversations/{each}")
        assert shown["status"] == "closed"
    assert (await desk.told(desk.adam, "GET", site))["blocked_visitors"] == [desk.zoe.id]


async def logged(desk: Desk, who: Visitor) -> list[dict[str, Any]]:
    """What a visitor did from their first coming on."""
    found = await desk.told(None, "GET", "/management/events?limit=1000")
    first = {"customer.created", "customer.changed"}
    return [
        each
        for each in found
        if each["actor"] == who.id
        or (each["type"] in first and each["data"]["customer_id"] == who.id)
    ]


async def test_the_log_forgets_from_where_an_erased_customer_came(desk: Desk) -> None:
    who, other = await quirin(desk), await new_visitor(desk)
    for each in (who, other):
        await lived(desk, each)
    before, others = await logged(desk, who), await logged(desk, other)
    assert {"customer.created", "file.stored", "support.rated"} <= {e["type"] for e in before}
    assert all(each["address"] for each in (*before, *others))
    await desk.told(desk.adam, "DELETE", f"/api/customers/{who.id}")
    after = await logged(desk, who)
    assert [each["offset"] for each in after] == [each["offset"] for each in before]
    assert {each["address"] for each in after} == {None}
    assert await logged(desk, other) == others
    (erased,) = await desk.told(None, "GET", "/management/events?type=customer.erased")
    assert erased["address"]  # the admin's


async def new_visitor(desk: Desk) -> Visitor:
    made = await desk.told(None, "POST", "/api/visitors", {"site": desk.shop.key, "name": "Lu"})
    return Visitor(made["customer_id"], desk.shop.key, made["visitor_token"])


async def test_a_customer_of_a_deleted_site_is_erased_by_an_admin(desk: Desk) -> None:
    await desk.say(desk.bo, await desk.open(desk.bo), TEXT)
    await desk.told(desk.adam, "DELETE", f"/api/sites/{desk.shop.id}")
    path = f"/api/customers/{desk.bo.id}"
    assert await desk.refused(desk.anna, "DELETE", path) == (403, "not_allowed")
    assert await desk.refused(desk.eve, "DELETE", path) == (404, "customer_not_found")
    await desk.told(desk.adam, "DELETE", path)
    assert TEXT not in (await desk.ask(None, "GET", "/management/events?limit=1000")).text


async def test_a_customer_of_a_deleted_workspace_is_erased_by_an_operator(desk: Desk) -> None:
    await desk.say(desk.ida, await desk.open(desk.ida), TEXT)
    await desk.told(desk.eve, "DELETE", f"/api/workspaces/{desk.other.number}?force=true")
    path = f"/management/customers/{desk.ida.id}"
    assert await desk.refused(desk.program, "DELETE", path) == (403, "not_allowed")
    refusal = await desk.refused(desk.adam, "DELETE", f"/api/customers/{desk.ida.id}")
    assert refusal == (404, "customer_not_found")
    await desk.told(None, "DELETE", path)
    log = (await desk.ask(None, "GET", "/management/events?limit=1000")).text
    assert TEXT not in log
    assert "Ida" not in log
    for gone in (path, "/management/customers/cus_0", "/management/customers/%FF"):
        assert await desk.refused(None, "DELETE", gone) == (404, "customer_not_found")


async def test_what_was_said_for_them_on_this_machine_goes_with_them(tmp_path: Path) -> None:
    """Under SUPPORT_ACCESS=open a message's sender is whom its body names."""
    async with scenes.serving(tmp_path, support_access="open") as desk:
        here = {"host": "127.0.0.1:3000"}
        found = await desk.told(
            None, "POST", "/api/conversations", {"customer_name": NAME}, headers=here
        )
        path = f"/api/conversations/{found['id']}/messages"
        for said, kind in ((TEXT, "visitor"), ("an answer", "agent")):
            body = {"content": said, "sender_id": f"the-{kind}", "sender_type": kind}
            await desk.told(None, "POST", path, body, headers=here)
        await desk.told(desk.adam, "DELETE", f"/api/customers/{found['customer_id']}")
        assert await desk.texts(desk.adam, found["id"]) == ["an answer"]
        assert TEXT not in (await desk.ask(None, "GET", "/management/events?limit=1000")).text


@pytest.mark.parametrize("has_files", [True, False])
async def test_streams_of_the_log_tell_no_name_that_was_erased(desk: Desk, has_files: bool) -> None:
    """What waits to be told is read anew."""
    tail = desk.app.context.log_tail
    with tail.followed(desk.app.context.hub.published):
        who = await quirin(desk)
        await (lived(desk, who) if has_files else desk.open(who))
        assert NAME in str([each.event for each in tail.above(tail.floor) or ()])
        await desk.told(desk.adam, "DELETE", f"/api/customers/{who.id}")
        kept = str([each.event for each in tail.above(tail.floor) or ()])
        for said in (NAME, EMAIL, COMMENT, FILE, TEXT):
            assert said not in kept


async def test_the_audit_line_says_who_was_erased(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "chatctl.audit"):
        await desk.told(desk.adam, "DELETE", f"/api/customers/{desk.bo.id}")

        def told() -> list[Any]:
            lines = [each for each in caplog.records if each.getMessage() == "customer.erased"]
            return [vars(each).get("customer_id") for each in lines]

        await reached(told)
    assert told() == [desk.bo.id]
