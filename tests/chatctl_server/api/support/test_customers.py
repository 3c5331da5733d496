"""A customer is erased: nothing names them any more, in the tables, the log or their files."""

import hashlib
import hmac
from collections.abc import AsyncIterator
from pathlib import Path

import desk as scenes
import pytest
from desk import Desk, Visitor

from chatctl_server.actions import customers as actions
from chatctl_server.storage import maintenance

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


async def quirin(desk: Desk) -> Visitor:
    """The host product's u-7."""
    site = await desk.told(desk.adam, "GET", f"/api/sites/{desk.shop.id}")
    hashed = hmac.new(site["secret"].encode(), b"the-host-products-u7", hashlib.sha256).hexdigest()
    who = {"user_id": "the-host-products-u7", "identity_hash": hashed}
    body = {"site": desk.shop.key, "name": NAME, "email": EMAIL, **who}
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
