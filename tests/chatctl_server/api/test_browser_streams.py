"""A room followed by a real browser's EventSource, which connects again by itself."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import Browser, chromium
from world import Room, Server, eventually

OPEN = """
var pages = {};
function follow(name, address) {
  const source = new EventSource(address);
  const page = pages[name] = {source, texts: [], codes: [], welcomes: 0};
  source.onmessage = event => {
    const frame = JSON.parse(event.data);
    if (frame.type === "WelcomeInfo") page.welcomes += 1;
    if (frame.type === "System") page.texts.push(frame.payload.message);
  };
  source.addEventListener("close", event => page.codes.push(JSON.parse(event.data).code));
}
"""
IS_OPEN, IS_CLOSED = 1, 2


class Pages:
    """Streams of one page; their states are what the browser says."""

    def __init__(self, browser: Browser, room: Room) -> None:
        self._browser = browser
        browser.open(f"{room.server.url}/management/health")
        browser.value(OPEN)
        self._address = f"/events/rooms/{room.id}?user_id="

    def follow(self, name: str, user_id: str) -> None:
        self._browser.value(f"follow({json.dumps(name)}, {json.dumps(self._address + user_id)})")
        eventually(lambda: self.of(name, "welcomes") == 1)

    def of(self, name: str, what: str) -> Any:
        return self._browser.value(f"pages.{name}.{what}")

    def state(self, name: str) -> Any:
        return self.of(name, "source.readyState")


@pytest.fixture
def pages(server: Server, tmp_path: Path) -> Iterator[Pages]:
    with chromium(tmp_path) as browser:
        yield Pages(browser, server.create_room())


def say(server: Server, text: str) -> None:
    room = server.http.get("/management/rooms").json()[0]["room_id"]
    server.http.post(f"/management/rooms/{room}/messages", json={"content": text})


def test_the_older_of_two_gives_up_for_good(server: Server, pages: Pages) -> None:
    pages.follow("older", "anna")
    pages.follow("newer", "anna")
    eventually(lambda: pages.state("older") == IS_CLOSED, seconds=30)
    say(server, "hello")
    eventually(lambda: pages.of("newer", "texts") == ["hello"])
    assert (pages.of("older", "codes"), pages.of("older", "welcomes")) == ([4505], 1)
    assert (pages.state("newer"), pages.of("newer", "codes")) == (IS_OPEN, [])


def test_over_a_restart_nothing_is_missed(server: Server, pages: Pages) -> None:
    pages.follow("page", "anna")
    say(server, "one")
    eventually(lambda: pages.of("page", "texts") == ["one"])
    assert server.stop() == 0
    server.start()
    say(server, "two")
    eventually(lambda: pages.of("page", "texts") == ["one", "two"], seconds=40)
    assert (pages.of("page", "codes"), pages.state("page")) == ([1012], IS_OPEN)
    say(server, "three")
    eventually(lambda: pages.of("page", "texts") == ["one", "two", "three"])
