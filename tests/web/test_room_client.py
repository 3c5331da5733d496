"""Users in rooms by ``RoomClient`` of chatctl.js, in a real browser, at a real server."""

import itertools
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from browser import Browser, chromium
from scripts import KILLS, open_page, told, until
from sites import site
from world import Room, Server, eventually, running

SECRET = "0123456789abcdef0123456789abcdef"
NAMES = (
    "connecting connected disconnected resync Message System MessageDeleted Error YouAreMuted"
    " YouAreKicked CustomEvent"
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("browser")) as found:
        yield found


def enter(browser: Browser, room: Room, name: str = "anna", more: str = "") -> None:
    """A client of that user is the page's ``anna``, say; connected."""
    names = ", ".join(f"'{each}'" for each in NAMES.split())
    browser.value(
        f"window.{name} = record(new RoomClient({{room: '{room.id}', userId: '{name}', {more}}}),"
        f" {names}).connect(); 0"
    )
    until(browser, f"{name}.state === 'connected'")


def say(room: Room, content: str) -> dict[str, Any]:
    answer = room.server.http.post(f"{room.path}/messages", json={"content": content})
    return dict(answer.json())


@contextmanager
def talking(browser: Browser, room: Room) -> Iterator[None]:
    """Both sides talk: the page's Anna, and the host."""
    browser.value(
        "window.sent = 0; window.talk = setInterval(() => keep(anna.send(`anna ${++sent}`)), 10); 0"
    )
    stop = threading.Event()

    def host() -> None:
        for number in itertools.count(1):
            if stop.wait(0.01):
                return
            body = {"content": f"host {number}", "client_msg_id": f"host-{number}"}
            said = None
            while said is None:
                try:
                    said = room.server.http.post(f"{room.path}/messages", json=body)
                except Exception:
                    stop.wait(0.05)
            assert said.status_code in {200, 201}

    thread = threading.Thread(target=host)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        browser.value("clearInterval(talk)")
        thread.join()


@pytest.mark.timeout(180)
def test_each_message_once_and_in_order_though_the_server_is_killed(
    tmp_path: Path, browser: Browser
) -> None:
    with running(tmp_path) as server:
        room = server.create_room()
        open_page(browser, server)
        enter(browser, room)
        with talking(browser, room):
            for _ in range(KILLS):
                before = len(told(browser, "Message", "System"))
                until(browser, f"told.length > {before + 50}")
                server.kill()
                until(browser, "anna.state === 'connecting'")
                server.start()
                until(browser, "anna.state === 'connected'")
        until(browser, "answers.length === sent")
        last = say(room, "the end")["seq"]
        until(browser, f"anna.position === {last}")
        messages = told(browser, "Message", "System")
        assert [each["seq"] for each in messages] == list(range(1, last + 1))
        stored = [each["content"] for each in reversed(room.history(limit=10_000))]
        assert [each.get("content", each.get("message")) for each in messages] == stored
        mine = [text for text in stored if text.startswith("anna")]
        assert mine == [f"anna {number}" for number in range(1, browser.value("sent") + 1)]
        assert "resync" not in browser.value("told.map(([name]) => name)")


def test_what_is_sent_while_the_server_is_away_arrives_once(
    tmp_path: Path, browser: Browser
) -> None:
    with running(tmp_path) as server:
        room = server.create_room()
        open_page(browser, server)
        enter(browser, room)
        server.kill()
        until(browser, "anna.state === 'connecting'")
        browser.value("for (const each of ['a', 'b', 'c']) keep(anna.send(each, each)); 0")
        server.start()
        until(browser, "answers.length === 3")
        browser.value("keep(anna.send('a', 'a')); 0")  # as after a reload
        until(browser, "answers.length === 4")
        assert browser.value("answers.map((each) => [each.seq, each.duplicate])") == [
            [1, False], [2, False], [3, False], [1, True]
        ]  # fmt: skip
        assert [each["content"] for each in told(browser, "Message")] == ["a", "b", "c"]


def test_a_client_that_begins_behind_a_message_is_told_what_follows(
    shared_server: Server, room: Room, browser: Browser
) -> None:
    for text in "abc":
        say(room, text)
    open_page(browser, shared_server)
    enter(browser, room, more="position: 1")
    until(browser, "anna.position === 3")
    assert [each["message"] for each in told(browser, "System")] == ["b", "c"]
    enter(browser, room, "bert")
    assert browser.value("bert.position") == 3
    page = browser.resolved("return anna.history({before: 3, limit: 1})")
    assert ([each["content"] for each in page["messages"]], page["has_more"]) == (["b"], True)


def test_it_says_when_messages_are_missing(
    shared_server: Server, room: Room, browser: Browser
) -> None:
    say(room, "a")
    open_page(browser, shared_server)
    enter(browser, room, more="position: 99")
    until(browser, "anna.position === 1")
    assert told(browser, "resync") == [{"after": 99, "position": 1}]
    say(room, "b")
    until(browser, "anna.position === 2")


def test_a_deleted_message_is_passed_over_in_its_place(
    shared_server: Server, room: Room, browser: Browser
) -> None:
    first, second = (say(room, text)["message_id"] for text in "ab")
    for each in (first, second):
        shared_server.http.delete(f"{room.path}/messages/{each}")
    open_page(browser, shared_server)
    enter(browser, room, more="position: 0")
    until(browser, "anna.position === 2")
    say(room, "c")
    until(browser, "anna.position === 3")
    assert {each["seq"] for each in told(browser, "MessageDeleted")} == {1, 2}
    assert [each["message"] for each in told(browser, "System")] == ["c"]


def test_refusals_of_messages_reach_who_sent_them(
    shared_server: Server, room: Room, browser: Browser
) -> None:
    open_page(browser, shared_server)
    enter(browser, room)
    browser.value("keep(anna.send('')); 0")
    until(browser, "answers.length === 1")
    shared_server.http.put(f"{room.path}/mutes/anna")
    browser.value("keep(anna.send('a')); keep(anna.send('b')); 0")
    until(browser, "answers.length === 3")
    shared_server.http.delete(f"{room.path}/mutes/anna")
    browser.value("keep(anna.send('c')); 0")
    until(browser, "answers.length === 4")
    assert browser.value("answers.map((each) => each.refused ?? each.seq)") == [
        "invalid_input", "muted", "muted", 1
    ]  # fmt: skip


def test_who_is_shown_out_does_not_come_back(
    shared_server: Server, room: Room, browser: Browser
) -> None:
    """And what they had not sent is refused. Whoever asks for it again may try."""
    open_page(browser, shared_server)
    enter(browser, room)
    room.join("anna")
    until(browser, "anna.state === 'disconnected'")
    assert [each["code"] for each in told(browser, "disconnected")] == [4505]
    browser.value("anna.connect(); 0")
    until(browser, "anna.state === 'connected'")
    room.ban("anna")
    until(browser, "anna.state === 'disconnected'")
    browser.value("keep(anna.send('a')); anna.connect(); 0")
    until(browser, "answers.length === 1")
    assert told(browser, "disconnected")[-1]["code"] == 4503
    assert browser.value("answers[0].refused") == "disconnected"


def test_a_room_that_is_not_there_is_not_asked_for_again(
    shared_server: Server, room: Room, browser: Browser
) -> None:
    shared_server.http.delete(room.path)
    open_page(browser, shared_server)
    browser.value(
        f"window.anna = record(new RoomClient({{room: '{room.id}', userId: 'anna'}}),"
        " 'disconnected').connect(); 0"
    )
    until(browser, "anna.state === 'disconnected'")
    assert browser.value("told[0][1].error.status") == 404


def test_who_leaves_is_gone_and_may_come_back(
    shared_server: Server, room: Room, browser: Browser
) -> None:
    open_page(browser, shared_server)
    enter(browser, room)
    browser.value("anna.disconnect(); keep(anna.send('a')); anna.disconnect(); 0")
    assert browser.value("anna.state") == "disconnected"
    eventually(lambda: room.details()["current_users"] == 0)
    browser.value("anna.connect().disconnect(); anna.connect(); 0")
    until(browser, "answers.length === 1")
    assert browser.value("answers[0].seq") == 1


def test_another_token_is_asked_for_when_one_was_not_taken(
    tmp_path: Path, browser: Browser
) -> None:
    settings = {"ROOM_IDENTITY": "token", "ROOM_TOKEN_SECRET": SECRET}
    with running(tmp_path, **settings) as server:
        room = server.create_room()
        good = server.chatctl("token", "mint", "--user", "anna").stdout.strip()
        open_page(browser, server)
        browser.value(f"window.good = '{good}'; window.asked = []; 0")
        enter(
            browser,
            room,
            more="getToken: (refused) => { asked.push(refused); return refused ? good : 'bad'; }",
        )
        assert browser.value("asked") == [False, True]
        enter(browser, room, more="getToken: async () => good, userId: undefined")
        browser.value(
            f"window.bert = record(new RoomClient({{room: '{room.id}', getToken: () => 'bad'}}),"
            " 'disconnected').connect(); 0"
        )
        until(browser, "bert.state === 'disconnected'")
        assert told(browser, "disconnected")[-1]["error"]["status"] == 401


def test_a_server_that_falls_silent_is_left(tmp_path: Path, browser: Browser) -> None:
    """Its connection still stands, and nothing comes over it. The page's clock says how long."""
    with running(tmp_path) as server:
        room = server.create_room()
        open_page(browser, server)
        browser.value("const now = Date.now; window.later = 0; Date.now = () => now() + later; 0")
        enter(browser, room)
        assert server.process is not None
        server.process.send_signal(signal.SIGSTOP)
        browser.value("later = 26_000")
        time.sleep(6)  # it is asked, and has time for the answer
        assert browser.value("anna.state") == "connected"
        browser.value("later = 36_000")
        until(browser, "anna.state === 'connecting'")
        server.process.send_signal(signal.SIGCONT)
        until(browser, "anna.state === 'connected'")


def test_a_quiet_room_is_no_silent_server(
    shared_server: Server, room: Room, browser: Browser
) -> None:
    open_page(browser, shared_server)
    browser.value("const now = Date.now; window.later = 0; Date.now = () => now() + later; 0")
    enter(browser, room)
    until_sent(browser, "RoomStats")  # from here on nothing is said
    browser.value("later = 26_000")
    until_sent(browser, "Pong")
    browser.value("later = 45_000")
    time.sleep(6)
    assert browser.value("anna.state") == "connected"


def until_sent(browser: Browser, name: str) -> None:
    def is_there() -> bool:
        browser.value("0")
        frames = browser.told("Network.webSocketFrameReceived")
        return any(f'"{name}"' in each["response"]["payloadData"] for each in frames)

    eventually(is_there)


def test_waiting_times_grow_and_differ(shared_server: Server, browser: Browser) -> None:
    open_page(browser, shared_server)
    waits = browser.value(
        "[...Array(300)].map(() => {"
        " const backoff = new Backoff(); return [...Array(9)].map(() => backoff.next()); })"
    )
    for number, limit in enumerate([0.5, 1, 2, 4, 8, 16, 20, 20, 20]):
        column = [each[number] for each in waits]
        assert 0 <= min(column) < 0.1 * limit
        assert 0.9 * limit < max(column) <= limit


def test_a_websocket_that_the_page_forbids_is_tried_again(
    shared_server: Server, room: Room, browser: Browser
) -> None:
    """Its policy names the server for requests alone."""
    module = f"""<script type="module">
        import {{ RoomClient }} from "{shared_server.url}/static/chatctl.js";
        window.tries = 0;
        window.anna = new RoomClient({{ room: "{room.id}", userId: "anna" }});
        anna.on("connecting", (closed) => {{ tries += closed ? 1 : 0; }});
        anna.connect();
    </script>"""
    with site() as elsewhere:
        policy = {"Content-Security-Policy": f"connect-src {shared_server.url}"}
        browser.open(elsewhere.page(module, policy))
        until(browser, "window.tries >= 2")
        assert browser.value("anna.state") == "connecting"
