"""Files of a conversation: whoever may read it sends and fetches them, and nobody else."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import desk as scenes
import pytest
from desk import Clock, Desk, files
from filing import FORM, PNG, form

from chatctl_server.actions import support_files
from chatctl_server.api.request_limits import UPLOADS_OF_AN_ACCOUNT
from chatctl_server.domain import stored_files, support, times
from chatctl_server.storage import maintenance


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(times, "now", made)
    return made


@pytest.fixture
async def desk(tmp_path: Path, clock: Clock) -> AsyncIterator[Desk]:
    async with scenes.serving(tmp_path) as made:
        yield made
    path = tmp_path / "chat.db"
    assert maintenance.check(path) == maintenance.verify(path) == []


async def sent(desk: Desk, who: Any, conversation: str, *named: tuple[str, bytes]) -> list[str]:
    path = f"/api/conversations/{conversation}/files"
    return list(await desk.told(who, "POST", path, files=files(*named)))


def expected(conversation: str, content: bytes, extension: str) -> str:
    digits = hashlib.sha256(content).hexdigest()
    return f"/files/c/{conversation}/{digits[:3]}/{digits[3:6]}/{digits[6:]}.{extension}"


async def test_who_may_read_the_conversation_sends_and_fetches_its_files(desk: Desk) -> None:
    mine = await desk.open(desk.bo)
    urls = await sent(desk, desk.bo, mine, ("receipt.PNG", PNG), ("notes.txt", b"hello"))
    assert urls == [expected(mine, PNG, "PNG"), expected(mine, b"hello", "txt")]
    for who in (desk.bo, desk.anna, desk.adam, desk.program):
        fetched = await desk.ask(who, "GET", urls[0])
        assert (fetched.status_code, fetched.content) == (200, PNG)
    said = await desk.say(desk.bo, mine, "", file=urls[0], message_type="image")
    shown = {"url": urls[0], "name": "receipt.PNG", "size": len(PNG), "type": "image/png"}
    assert said["file"] == shown
    assert await sent(desk, desk.anna, mine, ("again.txt", b"hello")) == urls[1:]


async def test_a_browser_executes_nothing_of_a_file(desk: Desk) -> None:
    mine = await desk.open(desk.bo)
    page = b"<script>alert(1)</script>"
    image, script = await sent(desk, desk.bo, mine, ("a.png", PNG), ("a.html", page))
    for url, media_type, disposition in (
        (image, "image/png", None),
        (script, "application/octet-stream", "attachment"),
    ):
        headers = (await desk.ask(desk.anna, "GET", url)).headers
        assert headers["content-type"] == media_type
        assert headers.get("content-disposition") == disposition
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"] == "sandbox"
        assert headers["cache-control"] == "private, no-cache"


async def test_a_part_of_a_file_can_be_asked_for(desk: Desk) -> None:
    mine = await desk.open(desk.bo)
    (url,) = await sent(desk, desk.bo, mine, ("a.txt", b"hello"))
    part = await desk.ask(desk.bo, "GET", url, headers={"range": "bytes=1-2"})
    assert (part.status_code, part.content) == (206, b"el")
    assert part.headers["content-range"] == "bytes 1-2/5"
    beyond = await desk.ask(desk.bo, "GET", url, headers={"range": "bytes=9-"})
    assert beyond.status_code == 416
    tag = part.headers["etag"]
    same = await desk.ask(desk.bo, "GET", url, headers={"if-none-match": tag})
    assert same.status_code == 304
    head = await desk.ask(desk.bo, "HEAD", url)
    assert (head.status_code, head.content) == (200, b"")


async def test_nobody_else_does(desk: Desk) -> None:
    mine, others = await desk.open(desk.bo), await desk.open(desk.zoe)
    (url,) = await sent(desk, desk.bo, mine, ("a.txt", b"hello"))
    for who in (desk.zoe, desk.ida, desk.emil, desk.stranger):
        assert await desk.refused(who, "GET", url) == (404, "conversation_not_found")
        path = f"/api/conversations/{mine}/files"
        refusal = await desk.refused(who, "POST", path, files=files(("a.txt", b"x")))
        assert refusal == (404, "conversation_not_found")
    assert await desk.refused(desk.mia, "GET", url) == (403, "not_allowed")
    assert await desk.refused(None, "GET", url) == (401, "unauthorized")
    assert (await desk.ask(None, "GET", f"{url}?token={desk.anna.token}")).status_code == 401
    for elsewhere in (
        url.replace(mine, others),  # a file of another conversation
        url.replace("/files/c/", "/files/").replace(mine, "0"),  # as the team's
    ):
        refusal = await desk.refused(desk.zoe, "GET", elsewhere)
        assert refusal in ((404, "stored_file_not_found"), (401, "unauthorized"))
    foreign = url.replace(mine, others)
    messages = f"/api/conversations/{others}/messages"
    for given in (url, foreign):
        refusal = await desk.refused(desk.zoe, "POST", messages, {"content": "", "file": given})
        assert refusal == (400, "invalid_input")


@pytest.mark.parametrize("wrong", ["%FF", "..%2F..%2Fchat.db", "a.txt", "%00"])
async def test_a_name_that_is_none_leads_nowhere(desk: Desk, wrong: str) -> None:
    mine = await desk.open(desk.bo)
    for url in (f"/files/c/{mine}/abc/def/{wrong}", f"/files/c/{wrong}/abc/def/{'0' * 58}.txt"):
        refusal = await desk.refused(desk.bo, "GET", url)
        assert refusal == (404, "stored_file_not_found")


@pytest.mark.parametrize(
    ("called", "shown"),
    [
        ("图片.png".encode(), "图片.png"),
        (b"r\xe9sum\xe9.txt", "r\ufffdsum\ufffd.txt"),
        (b"a\x1b[31m\x07.txt", "a\ufffd[31m\ufffd.txt"),
        ("\u202egnp.exe".encode(), "\ufffdgnp.exe"),
        (b"<img src=x>.txt", "<img src=x>.txt"),
        (b"x" * 300 + b".txt", "x" * 255),
        (b"  ", "file"),
        (b"", "file"),
    ],
)
async def test_a_file_is_called_what_its_sender_calls_it(
    desk: Desk, called: bytes, shown: str
) -> None:
    mine = await desk.open(desk.bo)
    path = f"/api/conversations/{mine}/files"
    headers = {"Content-Type": FORM}
    body = form([(called, b"hello")])
    (url,) = await desk.told(desk.bo, "POST", path, content=body, headers=headers)
    assert (await desk.say(desk.bo, mine, "", file=url))["file"]["name"] == shown


async def test_a_visitor_sends_so_much_a_day(
    desk: Desk, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (support, *_those_who_read_it()):
        monkeypatch.setattr(module, "VISITOR_BYTES_A_DAY", 100)
    mine = await desk.open(desk.bo)
    path = f"/api/conversations/{mine}/files"
    await sent(desk, desk.bo, mine, ("a.txt", b"a" * 60))
    for more in (files(("b.txt", b"b" * 41)), files(("b.txt", b"b" * 20), ("c.txt", b"c" * 21))):
        assert await desk.refused(desk.bo, "POST", path, files=more) == (413, "too_large")
    assert len(await sent(desk, desk.bo, mine, ("b.txt", b"b" * 40))) == 1
    await sent(desk, desk.zoe, await desk.open(desk.zoe), ("z.txt", b"z" * 100))
    await sent(desk, desk.anna, mine, ("large.txt", b"l" * 1000))
    clock.pass_(days=1, seconds=1)
    assert len(await sent(desk, desk.bo, mine, ("c.txt", b"c" * 100))) == 1
    assert not [*(desk.store.path.parent / "chat.db.files").rglob("*.part")]


def _those_who_read_it() -> tuple[Any, ...]:
    from chatctl_server.api.support import file_routes

    return (file_routes,)


async def test_the_servers_limits_count_here_too(tmp_path: Path) -> None:
    limits = {"max_upload_bytes": 10, "workspace_files_bytes": 15}
    async with scenes.serving(tmp_path, **limits) as desk:
        mine = await desk.open(desk.bo)
        path = f"/api/conversations/{mine}/files"
        large = files(("a.txt", b"a" * 11))
        assert await desk.refused(desk.bo, "POST", path, files=large) == (413, "too_large")
        await sent(desk, desk.bo, mine, ("a.txt", b"a" * 10))
        more = files(("b.txt", b"b" * 10))
        assert await desk.refused(desk.bo, "POST", path, files=more) == (413, "too_large")
        empty = files(("c.txt", b""))
        assert await desk.refused(desk.bo, "POST", path, files=empty) == (400, "invalid_input")


async def test_a_visitor_has_so_many_uploads_at_once(desk: Desk) -> None:
    """Of their own: others are not held up."""
    mine, hers = await desk.open(desk.bo), await desk.open(desk.zoe)
    limit = desk.app.context.limits.uploads
    taken = [limit.taken(("visitor", desk.bo.id)) for _ in range(UPLOADS_OF_AN_ACCOUNT)]
    for each in taken:
        each.__enter__()
    path = f"/api/conversations/{mine}/files"
    refusal = await desk.refused(desk.bo, "POST", path, files=files(("a.txt", b"a")))
    assert refusal == (503, "busy")
    assert await sent(desk, desk.zoe, hers, ("a.txt", b"a"))
    for each in taken:
        each.__exit__(None, None, None)
    assert await sent(desk, desk.bo, mine, ("a.txt", b"a"))


async def test_what_a_message_shows_is_kept_and_the_rest_goes_after_a_day(
    desk: Desk, clock: Clock
) -> None:
    mine = await desk.open(desk.bo)
    shown, unused = await sent(desk, desk.bo, mine, ("a.txt", b"shown"), ("b.txt", b"unused"))
    said = await desk.say(desk.bo, mine, "look", file=shown)
    clock.pass_(days=1, minutes=1)
    check = "/api/fix-files/0"
    assert (await desk.told(desk.olga, "POST", check))["stats"]["fixed"] == 1
    assert (await desk.ask(desk.bo, "GET", shown)).content == b"shown"
    assert await desk.refused(desk.bo, "GET", unused) == (404, "stored_file_not_found")
    messages = f"/api/conversations/{mine}/messages"
    refusal = await desk.refused(desk.bo, "POST", messages, {"content": "", "file": unused})
    assert refusal == (400, "invalid_input")
    assert await sent(desk, desk.bo, mine, ("b.txt", b"unused")) == [unused]
    assert (await desk.say(desk.bo, mine, "and this", file=unused))["file"]["url"] == unused
    erasing = f"{messages}/{said['id']}?hard=true"
    await desk.told(desk.adam, "DELETE", erasing)
    clock.pass_(days=1, minutes=1)
    assert (await desk.told(desk.olga, "POST", check))["stats"]["fixed"] == 1
    assert await desk.refused(desk.bo, "GET", shown) == (404, "stored_file_not_found")
    assert (await desk.ask(desk.bo, "GET", unused)).content == b"unused"


CALLED = "annas-passport.png"


async def named_in_the_log(desk: Desk) -> bool:
    found = await desk.ask(None, "GET", "/management/events?limit=1000")
    assert "support.file_added" in found.text
    return CALLED in found.text


async def test_an_erased_message_takes_its_file_along_that_no_other_shows(desk: Desk) -> None:
    mine, others = await desk.open(desk.bo), await desk.open(desk.zoe)
    (url,) = await sent(desk, desk.anna, mine, (CALLED, PNG))
    (elsewhere,) = await sent(desk, desk.zoe, others, ("hers.png", PNG))
    await desk.say(desk.zoe, others, "", file=elsewhere)
    said = [await desk.say(desk.anna, mine, "look", file=url) for _ in "ab"]
    path = f"/api/conversations/{mine}/messages"
    await desk.told(desk.anna, "DELETE", f"{path}/{said[0]['id']}")
    assert (await desk.ask(desk.bo, "GET", url)).content == PNG
    await desk.told(desk.adam, "DELETE", f"{path}/{said[0]['id']}?hard=true")
    assert (await desk.ask(desk.bo, "GET", url)).content == PNG  # by the other message
    assert await named_in_the_log(desk)
    await desk.told(desk.adam, "DELETE", f"{path}/{said[1]['id']}?hard=true")
    for who in (desk.bo, desk.anna):
        assert await desk.refused(who, "GET", url) == (404, "stored_file_not_found")
    assert not await named_in_the_log(desk)
    assert (await desk.ask(desk.zoe, "GET", elsewhere)).content == PNG
    assert await sent(desk, desk.bo, mine, ("mine.png", PNG)) == [url]
    assert (await desk.ask(desk.anna, "GET", url)).content == PNG


async def test_an_erased_account_takes_its_files_along(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(support_files, "A_STEP", 1)
    mine = await desk.open(desk.bo)
    urls = await sent(desk, desk.anna, mine, (CALLED, PNG), ("b.txt", b"unshown"))
    await desk.say(desk.anna, mine, "look", file=urls[0])
    (kept,) = await sent(desk, desk.bo, mine, ("c.txt", b"kept"))
    await desk.told(None, "DELETE", f"/management/users/{desk.anna.id}")
    for url in urls:
        assert await desk.refused(desk.bo, "GET", url) == (404, "stored_file_not_found")
    assert (await desk.ask(desk.bo, "GET", kept)).content == b"kept"
    assert not await named_in_the_log(desk)


def test_of_a_name_nothing_is_shown_that_cannot_be_seen() -> None:
    for name in map(chr, range(0x250)):
        assert stored_files.shown_name(name).isprintable()
