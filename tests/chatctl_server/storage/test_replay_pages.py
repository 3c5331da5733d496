"""A replay is read in pages of bounded size, however large what happened was."""

import json
from typing import Any

import msgspec
from offline import Offline, reading, room

from chatctl_server.actions import custom_events, moderation
from chatctl_server.domain import events
from chatctl_server.domain.references import RoomRef
from chatctl_server.storage import log, replay

ROOM = room(1)
LARGE = 60_000  # bytes of an event: nearly what a frame may hold
PAGE_BYTES = 256 * 1024


def custom(ref: RoomRef, number: int, size: int) -> tuple[Any, ...]:
    payload = msgspec.Raw(json.dumps([number, "x" * size]).encode())
    boss = events.Actor("boss", "test")
    return custom_events.send, boss, ref, "boss", "large", payload


def pages(scene: Offline) -> list[replay.Page]:
    """All of them, from the beginning to the newest."""
    found, offset, seq = [], 0, 0
    with reading(scene.path) as database:
        while offset < log.newest_offset(database):
            page = replay.page(database, ROOM, offset, seq)
            assert (page.offset, page.seq) > (offset, seq)
            offset, seq = page.offset, page.seq
            found.append(page)
    return found


def size(page: replay.Page) -> int:
    return sum(
        len(each.payload.payload)
        for each in page.entries
        if isinstance(each, events.Event) and isinstance(each.payload, events.CustomSent)
    )


def places(found: list[replay.Page]) -> list[int]:
    """The offsets of all entries, as they are sent."""
    return [
        each.offset if isinstance(each, events.Event) else each.event_offset
        for page in found
        for each in page.entries
    ]


def test_large_events_are_paged_by_their_bytes(scene: Offline) -> None:
    lobby = scene.create_room("lobby")
    scene.together(*(custom(lobby, number, LARGE) for number in range(20)))
    found = pages(scene)
    assert [len(page.entries) for page in found] == [5, 4, 4, 4, 4]  # the first has the creation
    assert all(size(page) <= PAGE_BYTES for page in found)
    assert places(found) == list(range(1, 22))


def test_nothing_is_missing_or_told_twice_among_messages(scene: Offline) -> None:
    """Messages and other events are read apart; whichever page ends first ends both."""
    lobby = scene.create_room("lobby")
    for number in range(30):
        scene.together(
            *(custom(lobby, number, LARGE if number % 3 else 10) for _ in range(number % 4)),
            (moderation.mute, events.Actor(None, "test"), lobby, f"{number}", None, None),
        )
        for turn in range(number % 5):
            scene.post(lobby, "anna", f"{turn}" * (20_000 if number % 7 == 0 else 5))
    found = pages(scene)
    newest = found[-1].offset
    assert len(found) > 5
    assert places(found) == list(range(1, newest + 1))
    assert all(size(page) <= PAGE_BYTES for page in found)


def test_an_event_above_the_size_is_a_page_of_its_own(scene: Offline) -> None:
    lobby = scene.create_room("lobby")
    scene.together(*(custom(lobby, number, PAGE_BYTES + 1) for number in range(3)))
    found = pages(scene)
    assert [len(page.entries) for page in found if size(page)] == [1, 1, 1]
    assert places(found) == [1, 2, 3, 4]


def test_small_events_are_paged_by_their_number(scene: Offline) -> None:
    lobby = scene.create_room("lobby")
    for _ in range(3):
        scene.together(*(custom(lobby, number, 10) for number in range(400)))
    found = pages(scene)
    assert [len(page.entries) for page in found] == [replay.PAGE, replay.PAGE, 201]
    assert places(found) == list(range(1, 1202))
