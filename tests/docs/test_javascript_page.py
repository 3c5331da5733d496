"""The examples in docs/javascript.md run: each as a module of a page of another site."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import Browser, chromium
from documents import blocks
from people import ask, sign_up
from shops import Shop, open_shop
from sites import Site, site
from widget import Widget
from world import Server, eventually

SHOW = "<script>window.shown = []; window.show = (text) => shown.push(text);</script>"
DOCUMENT = "docs/javascript.md"
EXAMPLES = [block for block in blocks(DOCUMENT) if block.language == "js"]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("browser")) as found:
        yield found


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Site]:
    with site() as found:
        yield found


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with open_shop(tmp_path_factory.mktemp("shop")) as found:
        yield found


def test_the_examples_run(
    shared_server: Server, browser: Browser, elsewhere: Site, tmp_path: Path
) -> None:
    room = shared_server.create_room()
    anna, bert = (sign_up(shared_server, name) for name in ("Anna", "Bert"))
    body = {"name": "lunch", "type": "PrivateChannel", "members": [anna["user"]["id"]]}
    ask(shared_server, "POST", "/api/chat", bert["token"], json=body)
    desk = ask(shared_server, "GET", "/api/sites/default", anna["token"]).json()
    names = {"ROOM": room.id, "KEY": desk["key"]}
    rooms, team, support, of_all = (
        shown(browser, elsewhere, shared_server, names, number) for number in range(4)
    )
    assert rooms == ["Anna: hello", "stored as number 1"]
    assert team == ["Anna: hello"]
    assert support == ["visitor: hello"]
    assert of_all == [
        "connecting", "here", "invalid_input: content is empty", "gone for good: 1000"
    ]  # fmt: skip


def test_the_widget_is_shown(shop: Shop, browser: Browser, elsewhere: Site) -> None:
    """Under the policy that the page names; and to a user whom the host product names."""
    (policy,) = (block.text for block in blocks(DOCUMENT) if block.language == "text")
    secure = policy.replace("wss:", "ws:").replace("https:", "http:")
    here = secure.replace("chat.example.org", shop.server.url.partition("://")[2])
    (program,) = (block.text for block in blocks(DOCUMENT) if block.language == "python")
    made: dict[str, Any] = {}
    exec(program, made)
    secret = shop.ask("GET", f"/api/sites/{shop.id}")["secret"]
    browser.speak("en-GB")
    for line in (block.text for block in blocks(DOCUMENT) if block.language == "html"):
        text = line.replace("https://chat.example.org", shop.server.url)
        text = text.replace("KEY", shop.key).replace("HASH", made["identity_hash"](secret, "u-1"))
        browser.open(elsewhere.page(text, {"Content-Security-Policy": here}))
        widget = Widget(browser).open()
        widget.write("hello")
        widget.until_texts("hello")
    assert [each["customer_verified"] for each in shop.conversations()] == [True, False]


def shown(
    browser: Browser, elsewhere: Site, server: Server, names: dict[str, str], number: int
) -> list[str]:
    """In the end, by the example of that number."""
    program = EXAMPLES[number].text.replace("https://chat.example.org", server.url)
    for name, meant in names.items():
        program = program.replace(f'"{name}"', f'"{meant}"')
    module = f"<script type=module>{program}\nwindow.isDone = true;</script>"
    browser.open(elsewhere.page(SHOW + module))
    eventually(lambda: browser.value("window.isDone"))
    eventually(lambda: browser.value("shown.length"))
    return list(browser.value("shown"))
