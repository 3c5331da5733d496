"""Accounts in chats by ``TeamClient`` of chatctl.js, in a real browser, at a real server."""

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from browser import Browser, chromium
from people import PASSWORD, ask, email, sign_up
from scripts import KILLS, open_page, told, until
from world import Server, eventually, running

NAMES = "connecting connected disconnected resync NewMessage NewChat UserJoinedChat"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("browser")) as found:
        yield found


class Office:
    """Anna and Bert, and their chat."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.anna, self.bert = (sign_up(server, name) for name in ("Anna", "Bert"))
        self.chat = self.new_chat("lunch")

    def new_chat(self, name: str) -> int:
        members = [self.anna["user"]["id"]]
        body = {"name": name, "type": "PrivateChannel", "members": members}
        return int(
            ask(self.server, "POST", "/api/chat", self.bert["token"], json=body).json()["id"]
        )

    def say(self, content: str, **more: str) -> bool:
        """Whether Bert had an answer."""
        body = {"content": content, **more}
        path = f"/api/chat/{self.chat}/messages"
        try:
            said = ask(self.server, "POST", path, self.bert["token"], json=body)
        except Exception:
            return False
        assert said.status_code == 201, said.text
        return True

    @contextmanager
    def talking(self, browser: Browser) -> Iterator[None]:
        """Both sides talk: the page's Anna, and Bert."""
        browser.value(
            "window.sent = 0; window.talk = setInterval("
            f"() => keep(anna.send({self.chat}, `anna ${{++sent}}`)), 20); 0"
        )
        stop = threading.Event()

        def bert() -> None:
            for number in itertools.count(1):
                if stop.wait(0.02):
                    return
                while not self.say(f"bert {number}", idempotency_key=f"bert-{number}"):
                    stop.wait(0.05)

        thread = threading.Thread(target=bert)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            browser.value("clearInterval(talk)")
            thread.join()

    def stored(self) -> list[str]:
        """The texts of the chat, oldest first."""
        found: list[str] = []
        path, after = f"/api/chat/{self.chat}/messages", 0
        while True:
            query = {"after_id": after, "limit": 100}
            page = ask(self.server, "GET", path, self.bert["token"], params=query).json()
            if not page:
                return found
            found += [each["content"] for each in page]
            after = page[-1]["id"]


def sign_in(browser: Browser) -> None:
    """Anna, in this browser: it has her cookie."""
    browser.resolved(
        "await fetch('/api/signin', {method: 'POST', headers: {'Content-Type': 'application/json'},"
        f" body: JSON.stringify({{email: '{email('Anna')}', password: '{PASSWORD}'}})}})"
    )


def connect(browser: Browser, more: str = "", name: str = "anna") -> None:
    names = ", ".join(f"'{each}'" for each in NAMES.split())
    browser.value(f"window.{name} = record(new TeamClient({{{more}}}), {names}).connect(); 0")
    until(browser, f"{name}.state === 'connected'")


@pytest.mark.timeout(180)
def test_each_message_once_and_in_order_though_the_server_is_killed(
    tmp_path: Path, browser: Browser
) -> None:
    with running(tmp_path) as server:
        office = Office(server)
        open_page(browser, server)
        sign_in(browser)
        connect(browser)
        with office.talking(browser):
            for _ in range(KILLS):
                before = len(told(browser, "NewMessage"))
                until(browser, f"told.length > {before + 20}")
                server.kill()
                until(browser, "anna.state === 'connecting'")
                server.start()
                until(browser, "anna.state === 'connected'")
        until(browser, "answers.length === sent")
        assert office.say("the end")
        until(browser, "told.at(-1)[1].content === 'the end'")
        stored = office.stored()
        assert [each["content"] for each in told(browser, "NewMessage")] == stored
        mine = [text for text in stored if text.startswith("anna")]
        assert mine == [f"anna {number}" for number in range(1, browser.value("sent") + 1)]
        assert told(browser, "resync") == []


@pytest.fixture(scope="module")
def office(shared_server: Server) -> Office:
    return Office(shared_server)


def test_it_goes_on_from_an_events_place(office: Office, browser: Browser) -> None:
    open_page(browser, office.server)
    sign_in(browser)
    connect(browser)
    place = browser.value("anna.position")
    assert office.say("one")
    chat = office.new_chat("supper")
    until(browser, "told.some(([name]) => name === 'NewChat')")
    open_page(browser, office.server)  # a reload: only the cookie is left
    connect(browser, f"position: {place}")
    until(browser, f"told.some(([name, it]) => name === 'NewChat' && it.id === {chat})")
    assert [each["content"] for each in told(browser, "NewMessage")] == ["one"]
    connect(browser, "position: 10 ** 9", "elsewhere")
    until(browser, "told.some(([name]) => name === 'resync')")
    assert browser.value("elsewhere.position === anna.position")


def test_a_token_that_ended_is_renewed_once_for_all_who_wait(
    office: Office, browser: Browser
) -> None:
    open_page(browser, office.server)
    browser.value("window.asked = []")
    good = f"refused ? '{office.anna['token']}' : 'ended'"
    connect(browser, f"getToken: (refused) => {{ asked.push(refused); return {good}; }}")
    assert browser.value("asked") == [False, True]
    names = browser.resolved(
        "anna.token = 'ended'; return (await Promise.all([1, 2, 3].map(() =>"
        " anna.request('GET', '/api/users/me')))).map((each) => each.fullname)"
    )
    assert names == ["Anna"] * 3
    assert browser.value("asked") == [False, True, True]


def test_without_a_session_it_gives_up(office: Office, browser: Browser) -> None:
    open_page(browser, office.server)
    browser.call("Network.clearBrowserCookies")
    browser.value("window.anna = record(new TeamClient(), 'disconnected').connect(); 0")
    until(browser, "anna.state === 'disconnected'")
    assert told(browser, "disconnected")[0]["error"]["status"] == 401
    sign_in(browser)
    connect(browser)
    browser.resolved("await anna.request('POST', '/api/logout')")
    until(browser, "anna.state === 'disconnected'")
    assert told(browser, "disconnected")[-1]["code"] == 4501


def test_a_message_that_is_refused_holds_up_no_other(office: Office, browser: Browser) -> None:
    open_page(browser, office.server)
    sign_in(browser)
    connect(browser)
    browser.value(
        f"keep(anna.send({office.chat}, '')); keep(anna.send(9999, 'x'));"
        f" keep(anna.send({office.chat}, 'once', {{idempotency_key: 'k'}}));"
        f" keep(anna.send({office.chat}, 'once', {{idempotency_key: 'k'}})); 0"
    )
    eventually(lambda: browser.value("answers.length") == 4)
    empty, unknown, once, again = browser.value("answers")
    assert (empty["refused"], unknown["refused"]) == ("invalid_input", "conversation_not_found")
    assert (once["content"], again["id"]) == ("once", once["id"])
