"""The widget, in a real browser, at a real server: a visitor on a page of a shop, and an agent."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Browser, chromium
from scripts import KILLS
from shops import Shop, open_shop
from sites import site
from websockets.sync.client import connect
from widget import Widget, script
from world import eventually


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("browser")) as found:
        found.speak("en-GB")
        yield found


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with open_shop(tmp_path) as found:
        yield found


@pytest.fixture
def page(shop: Shop, browser: Browser) -> Iterator[str]:
    """Of a shop that nobody has visited before: it has an origin of its own."""
    with site() as found:
        yield found.page(f"<h1>A shop</h1>{script(shop.server.url, shop.key)}")


def visit(tab: Browser, page: str) -> Widget:
    tab.open(page)
    return Widget(tab).wait()


@pytest.mark.timeout(180)
def test_each_message_once_on_both_sides_though_the_server_is_killed(
    shop: Shop, browser: Browser, page: str
) -> None:
    widget = visit(browser, page).open()
    said = []

    def says(text: str) -> None:
        said.append(text)
        widget.write(text)
        eventually(lambda: shop.conversations() and shop.texts() == said)

    def is_answered(text: str) -> None:
        said.append(text)
        shop.say(text)

    says("hello")
    for number in range(KILLS):
        says(f"visitor {number}")
        is_answered(f"agent {number}")
        widget.until_texts(*said)
        shop.server.kill()
        offline(browser, True)
        widget.write(f"offline {number}")  # waits
        assert widget.texts(".waiting") == [f"offline {number}"]
        shop.server.start()
        is_answered(f"agent, while they are away {number}")
        offline(browser, False)
        said.append(f"offline {number}")
        widget.until_texts(*said)
        assert shop.texts() == said
    browser.open(page)
    widget.open().until_texts(*said)


def offline(tab: Browser, is_offline: bool) -> None:
    none = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    tab.call("Network.emulateNetworkConditions", offline=is_offline, **none)


def test_what_is_written_offline_survives_a_reload(shop: Shop, browser: Browser, page: str) -> None:
    widget = visit(browser, page).open()
    widget.write("one")
    widget.until_texts("one")
    shop.server.kill()
    widget.write("two")
    widget.write("three")
    eventually(lambda: widget.notice != "")
    browser.value("location.reload()")  # the page is there, and the widget's server is not
    shop.server.start()
    browser.open(page)
    widget.open().until_texts("one", "two", "three")
    assert shop.texts() == ["one", "two", "three"]
    browser.open(page)
    widget.open().until_texts("one", "two", "three")


def test_unread_messages_are_counted_in_all_tabs_until_one_is_looked_at(
    shop: Shop, browser: Browser, page: str
) -> None:
    widget = visit(browser, page).open()
    widget.write("hello")
    widget.until_texts("hello")
    widget.click(".close")
    with browser.tab() as tab:
        other = visit(tab, page)
        shop.say("one")
        shop.say("two")
        eventually(lambda: (widget.unread, other.unread) == (2, 2))
        assert "2 unread" in other.value("root.querySelector('.open').ariaLabel")
        other.open()
        eventually(lambda: (widget.unread, other.unread) == (0, 0))
        tab.open(page)
        assert other.wait().unread == 0
        shop.say("three")
        eventually(lambda: other.unread == 1)


def test_two_tabs_are_one_visitor_in_one_conversation(
    shop: Shop, browser: Browser, page: str
) -> None:
    with browser.tab() as tab:
        one, two = visit(browser, page).open(), visit(tab, page).open()
        one.write("from one")
        two.write("from two")
        for each in (one, two):
            eventually(lambda each=each: len(each.texts()) == 2 and not each.texts(".waiting"))
        assert one.texts() == two.texts() == shop.texts()
        assert set(shop.texts()) == {"from one", "from two"}
        assert len(shop.conversations()) == 1
        shop.say("to both")
        for each in (one, two):
            eventually(lambda each=each: each.texts()[-1] == "to both")


def test_without_websockets_it_polls(shop: Shop, browser: Browser) -> None:
    """A policy of the page that names the server for requests alone is such a case."""
    policy = f"connect-src {shop.server.url}"
    with site() as found:
        page = found.page(script(shop.server.url, shop.key), {"Content-Security-Policy": policy})
        widget = visit(browser, page).open()
        widget.write("hello")
        widget.until_texts("hello")
        shop.say("one")
        widget.until_texts("hello", "one")
        for number in range(4):
            shop.say(f"{number}")
        widget.until_texts("hello", "one", "0", "1", "2", "3")
        assert not browser.told("Network.webSocketHandshakeResponseReceived")


def test_files_and_images_are_sent_and_shown(
    shop: Shop, browser: Browser, page: str, tmp_path: Path
) -> None:
    widget = visit(browser, page).open()
    picture, text = tmp_path / "a picture.png", tmp_path / "note.txt"
    picture.write_bytes(browser.picture())
    text.write_text("a note")
    widget.attach(picture, text)
    eventually(lambda: len(widget.texts()) == 2 and not widget.texts(".waiting"))
    first, second = shop.messages()
    assert (first["message_type"], second["message_type"]) == ("image", "file")
    assert (first["file"]["name"], second["file"]["name"]) == ("a picture.png", "note.txt")
    widget.until("root.querySelector('li img')?.naturalWidth > 0")
    assert widget.texts()[1].startswith("note.txt")


def test_another_user_of_the_page_begins_anew(shop: Shop, browser: Browser) -> None:
    with site() as found:
        nobody = found.page(script(shop.server.url, shop.key))
        widget = visit(browser, nobody).open()
        widget.write("a secret")
        widget.until_texts("a secret")
        someone = found.page(
            script(shop.server.url, shop.key, user="u-1", hash=shop.hash_of("u-1"))
        )
        browser.open(someone)
        widget.open()
        assert widget.texts() == []
        widget.write("mine")
        widget.until_texts("mine")
        browser.open(nobody)
        widget.open().write("new")
        widget.until_texts("new")
        browser.open(someone)
        widget.open().until_texts("mine")


def test_what_agents_change_is_changed(shop: Shop, browser: Browser, page: str) -> None:
    widget = visit(browser, page).open()
    widget.write("hello")
    widget.until_texts("hello")
    wrong, other = (shop.say(each)["id"] for each in ("god day", "by mistake"))
    widget.until_texts("hello", "god day", "by mistake")
    path = f"/api/conversations/{shop.newest}/messages"
    shop.ask("PUT", f"{path}/{wrong}", {"content": "good day"})
    shop.ask("DELETE", f"{path}/{other}")
    widget.until_texts("hello", "good day")
    assert "edited" in widget.value("[...root.querySelectorAll('small')].at(-1).textContent")
    browser.open(page)
    widget.open().until_texts("hello", "good day")


def test_private_notes_are_not_shown(shop: Shop, browser: Browser, page: str) -> None:
    widget = visit(browser, page).open()
    widget.write("hello")
    widget.until_texts("hello")
    shop.say("between us", is_private=True)
    shop.say("good day")
    widget.until_texts("hello", "good day")
    browser.open(page)
    widget.open().until_texts("hello", "good day")


def test_a_conversation_that_is_closed_is_rated_and_reopened_by_a_message(
    shop: Shop, browser: Browser, page: str
) -> None:
    widget = visit(browser, page).open()
    widget.write("hello")
    widget.until_texts("hello")
    shop.ask("PUT", f"/api/conversations/{shop.newest}/status", {"status": "closed"})
    widget.until("root.querySelector('[aria-label=\"4/5\"]')")
    widget.click('[aria-label="4/5"]')
    eventually(lambda: shop.happened("conversation_rated"))
    browser.open(page)  # it still says that it is closed
    widget.open().until("root.querySelector('[aria-label=\"4/5\"]')")
    widget.write("one more thing")
    widget.until_texts("hello", "one more thing")
    eventually(lambda: widget.notice == "")
    assert [each["status"] for each in shop.conversations()] == ["open"]


def test_earlier_messages_come_when_one_scrolls_up(shop: Shop, browser: Browser, page: str) -> None:
    widget = visit(browser, page).open()
    widget.write("0")
    widget.until_texts("0")
    for number in range(1, 70):
        shop.say(str(number))
    browser.open(page)
    widget.open()
    eventually(lambda: len(widget.texts()) == 50)
    widget.value("root.querySelector('ol').parentNode.scrollTop = -99999")
    widget.until_texts(*map(str, range(70)))


def test_it_says_when_an_agent_writes(shop: Shop, browser: Browser, page: str) -> None:
    widget = visit(browser, page).open()
    widget.write("hello")
    widget.until_texts("hello")
    with connect(
        f"ws://127.0.0.1:{shop.server.port}/ws?token={shop.anna.token}", proxy=None
    ) as anna:
        told = {"conversation_id": shop.newest}
        anna.send(json.dumps({"type": "JoinConversation", "payload": told}))
        anna.send(json.dumps({"type": "Typing", "payload": told}))
        widget.until("root.textContent.includes('is writing')")
        widget.until("!root.textContent.includes('is writing')")


def test_what_is_refused_is_said_and_holds_up_nothing(
    shop: Shop, browser: Browser, page: str
) -> None:
    widget = visit(browser, page).open()
    widget.write("x" * 40_000)
    widget.write("short")
    widget.until("root.querySelector('.failed button')")
    eventually(lambda: shop.texts() == ["short"])
    widget.click(".failed small button")
    widget.until("root.querySelector('.failed button')")


def test_who_is_blocked_is_told_that_there_is_no_chat(
    shop: Shop, browser: Browser, page: str
) -> None:
    widget = visit(browser, page).open()
    widget.write("hello")
    widget.until_texts("hello")
    shop.set(blocked_visitors=[shop.conversations()[0]["customer_id"]])
    eventually(lambda: widget.notice == "Not available now.")


def test_a_visitor_whose_token_has_ended_is_a_new_one(
    shop: Shop, browser: Browser, page: str
) -> None:
    widget = visit(browser, page).open()
    widget.write("hello")
    widget.until_texts("hello")
    kept = "Object.keys(localStorage).find((each) => each.endsWith(' visitor'))"
    browser.value(
        f'localStorage[{kept}] = localStorage[{kept}].replace(/token":"[^"]*/, \'token":"bad\')'
    )
    browser.open(page)
    widget.open().write("again")
    eventually(lambda: shop.texts() == ["again"])
    assert len(shop.conversations()) == 2


def test_equal_client_ids_of_two_senders_are_two_messages(
    shop: Shop, browser: Browser, page: str
) -> None:
    widget = visit(browser, page).open()
    widget.write("hello")
    widget.until_texts("hello")
    shop.say("Anna's", client_msg_id="1")
    path = f"/api/conversations/{shop.newest}/messages"
    shop.ask("POST", path, {"content": "Olga's", "client_msg_id": "1"})
    widget.until_texts("hello", "Anna's", "Olga's")


def test_where_all_of_this_machine_are_agents_a_visitor_is_one(
    browser: Browser, tmp_path: Path
) -> None:
    with open_shop(tmp_path, SUPPORT_ACCESS="open") as shop, site() as found:
        shop.become_default()
        page = found.page(script(shop.server.url, shop.key))
        widget = visit(browser, page).open()
        widget.write("hello")
        widget.until_texts("hello")
        shop.say("good day")
        widget.until_texts("hello", "good day")
        shop.server.kill()
        offline(browser, True)
        shop.server.start()
        shop.say("between us", is_private=True)
        shop.say("welcome back")
        shop.ask("POST", "/api/conversations", {"site_id": shop.id, "customer_name": "Zoe"})
        shop.say("to another one")
        offline(browser, False)
        widget.until_texts("hello", "good day", "welcome back")
        browser.open(page)
        widget.open().until_texts("hello", "good day", "welcome back")
