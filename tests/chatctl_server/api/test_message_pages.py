"""A room's messages with their ids: pages by seq, times, deleted ones, closed rooms.

The rows are written at known times before the server starts.
"""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from application import pages
from offline import SECOND, Offline
from world import Room, running

from chatctl_server.actions import conversations
from chatctl_server.actions import messages as actions

T = 1_700_000_000
LONG = "x" * 30_000


class Told(Room):
    """Seven messages: two at T, three at T+10, one each at T+20 and T+30; of another room before
    them their ids are 4 to 10."""

    def ask(self, **query: Any) -> httpx.Response:
        return self.server.http.get(f"{self.path}/messages", params=query)

    def page(self, **query: Any) -> list[dict[str, Any]]:
        answer = self.ask(**query)
        assert answer.status_code == 200, answer.text
        return list(answer.json())

    def all_pages(self, **query: Any) -> list[list[int]]:
        found = pages(self.server.http, f"{self.path}/messages", **query)
        return [[each["seq"] for each in page] for page in found]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    directory = tmp_path_factory.mktemp("told")
    desk = Offline(directory / "chat.db", now=(T - 100) * SECOND)
    other = desk.create_room("other")
    room, room_id, *_ = desk.run(conversations.create_room, "told", ("u1",))
    for number in range(3):
        desk.post(other, "somebody", f"{number}")
    for number, second in enumerate((0, 0, 10, 10, 10, 20, 30)):
        desk.now = (T + second) * SECOND + number * 1000 + 1
        desk.post(room, f"u{number}", f"text {number}")
    desk.run(actions.erase, room, 6)
    desk.close()
    with running(directory) as server:
        yield Told(server, room_id)


def test_a_message(told: Told) -> None:
    assert told.page()[5] == {
        "message_id": 5,
        "seq": 2,
        "kind": "text",
        "user_id": "u1",
        "nickname": "u1",
        "is_admin": True,
        "content": "text 1",
        "created_at": T,
        "deleted": False,
    }


def test_a_deleted_message_keeps_its_place(told: Told) -> None:
    found = told.page()[4]
    assert (found["message_id"], found["seq"], found["user_id"]) == (6, 3, "u2")
    assert (found["content"], found["deleted"]) == ("", True)


def test_the_newest_first_within_all_bounds(told: Told) -> None:
    for query, seqs in (
        ({}, [7, 6, 5, 4, 3, 2, 1]),
        ({"limit": 2}, [7, 6]),
        ({"before_seq": 6, "limit": 2}, [5, 4]),
        ({"before_seq": 1}, []),
        ({"before_seq": 10**30, "limit": 10**30}, [7, 6, 5, 4, 3, 2, 1]),
        ({"from": T + 1}, [7, 6, 5, 4, 3]),
        ({"from": T + 10, "to": T + 20}, [6, 5, 4, 3]),
        ({"from": T + 10, "to": T + 20, "before_seq": 5}, [4, 3]),
        ({"to": T}, [2, 1]),
        ({"to": T, "before_seq": 2}, [1]),
        ({"from": T + 31}, []),
        ({"from": T + 20, "to": T + 10}, []),
        ({"from": -(10**30), "to": 10**30}, [7, 6, 5, 4, 3, 2, 1]),
    ):
        assert [each["seq"] for each in told.page(**query)] == seqs, query


def test_links_lead_through_all_of_it(told: Told) -> None:
    for query, expected in (
        ({"limit": 3}, [[7, 6, 5], [4, 3, 2], [1]]),
        ({"limit": 7}, [[7, 6, 5, 4, 3, 2, 1]]),
        ({"limit": 2, "from": T + 10, "to": T + 20}, [[6, 5], [4, 3]]),
        ({"limit": 3, "to": T + 10, "before_seq": 5}, [[4, 3, 2], [1]]),
    ):
        assert told.all_pages(**query) == expected, query


def test_what_is_posted_meanwhile_shifts_no_page(told: Told) -> None:
    room = told.server.create_room("busy")
    busy = Told(told.server, room.id)
    anna = room.join("anna")
    for number in range(4):
        anna.say(f"{number}")
    first = busy.ask(limit=2)
    anna.say("late")
    second = busy.server.http.get(first.links["next"]["url"])
    assert [each["seq"] for each in (*first.json(), *second.json())] == [4, 3, 2, 1]


def test_a_page_ends_at_256_kib_of_text(told: Told) -> None:
    room = told.server.create_room("long")
    for _ in range(10):
        told.server.http.post(f"{room.path}/messages", json={"content": LONG})
    assert Told(told.server, room.id).all_pages() == [[10, 9, 8, 7, 6, 5, 4, 3], [2, 1]]
