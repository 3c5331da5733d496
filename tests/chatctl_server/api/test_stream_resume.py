"""A room's stream that goes on where the client was: by ``Last-Event-ID`` and by ``since``; and as
a real browser's EventSource, which connects again by itself."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from application import in_process
from browser import Browser, chromium
from event_streams import Listener, follow
from world import Room, Server, eventually, running

from chatctl_server.storage import log, replay, rooms
from chatctl_server.storage.messages import Message


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    """Of twelve messages; a client may be ten events behind."""
    with running(tmp_path_factory.mktemp("short"), RESUME_LIMIT="10") as server:
        room = server.create_room("short", admins=("boss",))
        boss = room.join("boss")
        for number in range(12):
            boss.say(f"text {number}")
        yield room


def resync(listener: Listener) -> str:
    with listener:
        error = listener.next().data
    assert (error["type"], error["payload"]["code"]) == ("Error", "resync_required")
    return str(error["payload"]["message"])


def test_by_the_last_event_id(room: Room) -> None:
    boss = room.join("boss")
    with follow(room, "anna") as anna:
        boss.say("one")
        assert [each["seq"] for each in anna.messages(1)] == [1]
    boss.say("two")
    boss.send("CustomEvent", {"event_type": "poll", "payload": 1})
    boss.say("three")
    with follow(room, "anna", anna.last_id) as anna:
        missed = [anna.next() for _ in range(3)]
        assert [each.data["type"] for each in missed] == ["Message", "CustomEvent", "Message"]
        boss.say("four")
        assert anna.messages(1)[0]["seq"] == 4
    ids = [int(each.id or 0) for each in missed]
    assert ids == sorted(set(ids))
    for number, position in enumerate(ids[:2], 1):  # from each place only what follows it
        with follow(room, "anna", str(position)) as anna:
            assert anna.next() == missed[number]


def test_from_the_join_when_nothing_was_said_yet(room: Room) -> None:
    """The welcome has an id: a connection that is lost then loses nothing."""
    with follow(room, "anna") as anna:
        pass
    room.join("boss").say("did you hear?")
    with follow(room, "anna", anna.last_id) as anna:
        assert anna.messages(1)[0]["content"] == "did you hear?"


def test_the_last_event_id_goes_before_since(room: Room) -> None:
    """A browser connects again with the address that it began with."""
    boss = room.join("boss")
    for number in range(3):
        boss.say(f"text {number}")
    with follow(room, "anna", since=1) as anna:
        anna.messages(2)
    boss.say("another")
    with follow(room, "anna", anna.last_id, since=1) as anna:
        assert anna.messages(1)[0]["seq"] == 4


def test_no_gap_and_no_repeat_while_others_talk(room: Room) -> None:
    """Again and again from where it was; every other time by the address alone."""
    boss, over = room.join("boss"), threading.Event()
    count = 0

    def talk() -> None:
        nonlocal count
        while not over.is_set():
            boss.say("x" * 500)
            count += 1

    talking = threading.Thread(target=talk)
    talking.start()
    seen: list[int] = []
    last_id: str | None = None
    try:
        for number in range(20):
            query = {"since": len(seen)} if last_id is None else {}
            with follow(room, "anna", last_id, **query) as anna:
                seen += [each["seq"] for each in anna.messages(15)]
                last_id = anna.last_id if number % 2 else None
    finally:
        over.set()
        talking.join()
    assert seen == list(range(1, 301))
    with follow(room, "anna", since=len(seen)) as anna:
        assert len(anna.messages(count - len(seen))) == count - len(seen)


def test_a_place_that_is_still_to_come(short: Room) -> None:
    events = short.server.http.get("/management/events", params={"tail": True, "limit": 1}).json()
    ahead = str(events[0]["offset"] + 1_000_000)
    assert "has no event" in resync(follow(short, "anna", ahead))
    assert "has no message 13" in resync(follow(short, "anna", since=13))


def test_too_far_behind(short: Room) -> None:
    query = {"room": short.id, "type": "message.posted"}
    posted = short.server.http.get("/management/events", params=query).json()
    assert "too many" in resync(follow(short, "anna", str(posted[0]["offset"])))
    assert "too many" in resync(follow(short, "anna", since=1))
    with follow(short, "anna", str(posted[1]["offset"])) as anna:
        assert [each["seq"] for each in anna.messages(10)] == list(range(3, 13))


async def test_every_offset_leads_to_the_right_message(tmp_path: Path) -> None:
    """Between the messages of a room stand the events of another."""
    async with in_process(tmp_path) as (app, client):
        ids = []
        for name in ("one", "other"):
            made = await client.post("/management/rooms", json={"room_name": name})
            ids.append(made.json()["room_id"])
        for number in (0, 1, 1, 0, 0, 1, 0):
            path = f"/management/rooms/{ids[number]}/messages"
            await client.post(path, json={"content": "hello"})
        store = app.context.store
        ref = await store.read(rooms.find_open_ref, ids[0])
        posted = [3, 6, 7, 9]
        assert await store.read(log.newest_offset) == 9
        for offset in range(10):
            start = await store.read(replay.start_after, ref, offset, len(posted), 100)
            page = await store.read(replay.page, ref, start.offset, start.seq)
            found = [each.event_offset for each in page.entries if isinstance(each, Message)]
            assert found == [each for each in posted if each > offset]


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


def say(room: Room, text: str) -> None:
    room.server.http.post(f"{room.path}/messages", json={"content": text})


def test_the_older_of_two_gives_up_and_over_a_restart_nothing_is_missed(
    server: Server, tmp_path: Path
) -> None:
    room = server.create_room()
    with chromium(tmp_path) as browser:
        pages = Pages(browser, room)
        pages.follow("older", "anna")
        pages.follow("newer", "anna")
        eventually(lambda: pages.state("older") == IS_CLOSED, seconds=30)
        say(room, "one")
        eventually(lambda: pages.of("newer", "texts") == ["one"])
        assert (pages.of("older", "codes"), pages.of("older", "welcomes")) == ([4505], 1)
        assert (pages.state("newer"), pages.of("newer", "codes")) == (IS_OPEN, [])
        assert server.stop() == 0
        server.start()
        say(room, "two")
        eventually(lambda: pages.of("newer", "texts") == ["one", "two"], seconds=40)
        assert (pages.of("newer", "codes"), pages.state("newer")) == ([1012], IS_OPEN)
        say(room, "three")
        eventually(lambda: pages.of("newer", "texts") == ["one", "two", "three"])
        assert pages.state("older") == IS_CLOSED
