"""A room's messages with their ids, and the histories (contract, section 1, paging query): order,
bounds, totals, deleted ones.

The rows are written at known times before the server starts.
"""

from collections.abc import Callable, Iterator
from operator import itemgetter
from typing import Any

import httpx
import pytest
from application import pages
from offline import SECOND, Offline
from world import Room, running

from chatctl_server.actions import conversations, messages, sessions
from chatctl_server.domain.references import RoomRef

T = 1_700_000_000
LONG = "x" * 30_000
KINDS = ["chat", "session"]


class Told(Room):
    """Seven records of each kind: two at T, three at T+10, one each at T+20 and T+30; of another
    room before them the messages' ids are 4 to 10."""

    def ask(self, **query: Any) -> httpx.Response:
        return self.server.http.get(f"{self.path}/messages", params=query)

    def messages(self, **query: Any) -> list[dict[str, Any]]:
        answer = self.ask(**query)
        assert answer.status_code == 200, answer.text
        return list(answer.json())

    def all_pages(self, **query: Any) -> list[list[int]]:
        found = pages(self.server.http, f"{self.path}/messages", **query)
        return [[each["seq"] for each in page] for page in found]

    def page(self, kind: str, **query: Any) -> dict[str, Any]:
        answer = self.server.http.get(f"/management/sync/{kind}-history/{self.id}", params=query)
        assert answer.status_code == 200, answer.text
        assert answer.json()["room_id"] == self.id
        return dict(answer.json())


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    directory = tmp_path_factory.mktemp("told")
    desk = Offline(directory / "chat.db", now=(T - 100) * SECOND)
    other = desk.create_room("other")
    for number in range(3):
        desk.post(other, "somebody", f"{number}")
    room, room_id, *_ = desk.run(conversations.create_room, "told", ("u1",))
    happens: list[tuple[int, Callable[[], object]]] = []
    for number, second in enumerate((0, 0, 10, 10, 10, 20, 30)):
        happens += _of_user(desk, room, number, (T + second) * SECOND + number * 1000 + 1)
    for desk.now, act in sorted(happens, key=itemgetter(0)):
        act()
    desk.run(messages.erase, room, 6)
    desk.close()
    with running(directory) as server:
        yield Told(server, room_id)


def _of_user(
    desk: Offline, room: RoomRef, number: int, at: int
) -> list[tuple[int, Callable[[], object]]]:
    """A message and a session, both begun then: what is done when, since no event is recorded
    with a time before that of an earlier one."""
    user_id, sessions_ = f"u{number}", []

    def join() -> None:
        sessions_.append(desk.run(sessions.join, room, user_id, user_id).session_id)

    return [
        (at, lambda: desk.post(room, user_id, f"text {number}")),
        (at, join),
        (at + (7 + number) * SECOND, lambda: desk.run(sessions.leave, room, *sessions_, "left")),
    ]


def test_a_chat_entry(told: Told) -> None:
    newest = told.page("chat")["records"][0]
    assert newest == {
        "user_id": "u6",
        "nickname": "u6",
        "content": "text 6",
        "created_at": T + 30,
    }


def test_a_session_entry(told: Told) -> None:
    newest = told.page("session")["records"][0]
    assert newest == {
        "user_id": "u6",
        "nickname": "u6",
        "join_time": T + 30,
        "leave_time": T + 43,
        "duration_seconds": 13,
    }


@pytest.mark.parametrize("kind", KINDS)
def test_pages(told: Told, kind: str) -> None:
    """Newest first, also within a second; past the end there are no records and true totals."""
    for number, users in (
        (1, ["u6", "u5", "u4"]),
        (2, ["u3", "u2", "u1"]),
        (3, ["u0"]),
        (4, []),
        (10**30, []),
    ):
        page = told.page(kind, page=number, limit=3)
        assert [each["user_id"] for each in page["records"]] == users
        assert page["pagination"] == {
            "current_page": number,
            "page_size": 3,
            "total_pages": 3,
            "total_records": 7,
            "has_next": number < 3,
            "has_prev": number > 1,
        }


@pytest.mark.parametrize("kind", KINDS)
def test_from_and_to_are_inclusive(told: Told, kind: str) -> None:
    for query, numbers, total in (
        ({"from": T}, [6, 5, 4, 3, 2, 1, 0], 7),
        ({"from": T + 1}, [6, 5, 4, 3, 2], 5),
        ({"from": T + 10, "to": T + 20}, [5, 4, 3, 2], 4),
        ({"from": T + 10, "to": T + 20, "limit": 3}, [5, 4, 3], 4),
        ({"from": T + 10, "to": T + 20, "limit": 3, "page": 2}, [2], 4),
        ({"from": T + 10, "to": T + 10}, [4, 3, 2], 3),
        ({"to": T - 1}, [], 0),
        ({"from": T + 31}, [], 0),
        ({"from": T + 20, "to": T + 10}, [], 0),
        ({"from": -(10**30), "to": 10**30}, [6, 5, 4, 3, 2, 1, 0], 7),
    ):
        page = told.page(kind, **query)
        assert [each["user_id"] for each in page["records"]] == [f"u{each}" for each in numbers]
        assert page["pagination"]["total_records"] == total, query


def test_the_sizes_of_pages(told: Told) -> None:
    for kind, size in (("chat", 1000), ("session", 500)):
        assert told.page(kind)["pagination"]["page_size"] == size
        for limit in (10_001, 10**30):
            assert told.page(kind, limit=limit)["pagination"]["page_size"] == 10_000


def test_an_empty_room(told: Told) -> None:
    empty = Told(told.server, told.server.create_room("nothing yet").id)
    for kind in KINDS:
        page = empty.page(kind)
        assert page["records"] == []
        assert page["pagination"]["total_pages"] == page["pagination"]["total_records"] == 0


def test_a_message(told: Told) -> None:
    assert told.messages()[5] == {
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
    found = told.messages()[4]
    assert (found["message_id"], found["seq"], found["user_id"]) == (6, 3, "u2")
    assert (found["content"], found["deleted"]) == ("", True)


def test_the_newest_first_within_all_bounds(told: Told) -> None:
    for query, seqs in (
        ({}, [7, 6, 5, 4, 3, 2, 1]),
        ({"limit": 2}, [7, 6]),
        ({"before": 6, "limit": 2}, [5, 4]),
        ({"before": 1}, []),
        ({"before": 10**30, "limit": 10**30}, [7, 6, 5, 4, 3, 2, 1]),
        ({"from": T + 1}, [7, 6, 5, 4, 3]),
        ({"from": T + 10, "to": T + 20}, [6, 5, 4, 3]),
        ({"from": T + 10, "to": T + 20, "before": 5}, [4, 3]),
        ({"to": T}, [2, 1]),
        ({"to": T, "before": 2}, [1]),
        ({"from": T + 31}, []),
        ({"from": T + 20, "to": T + 10}, []),
        ({"from": -(10**30), "to": 10**30}, [7, 6, 5, 4, 3, 2, 1]),
        ({"user_id": "u4"}, [5]),
        ({"user_id": "u2"}, [3]),
        ({"user_id": "u4", "from": T + 20}, []),
        ({"user_id": "u4", "before": 5}, []),
        ({"user_id": "nobody"}, []),
    ):
        assert [each["seq"] for each in told.messages(**query)] == seqs, query


def test_links_lead_through_all_of_it(told: Told) -> None:
    for query, expected in (
        ({"limit": 3}, [[7, 6, 5], [4, 3, 2], [1]]),
        ({"limit": 7}, [[7, 6, 5, 4, 3, 2, 1]]),
        ({"limit": 2, "from": T + 10, "to": T + 20}, [[6, 5], [4, 3]]),
        ({"limit": 3, "to": T + 10, "before": 5}, [[4, 3, 2], [1]]),
    ):
        assert told.all_pages(**query) == expected, query


def test_links_lead_through_what_a_user_said(told: Told) -> None:
    """Whatever others said between."""
    room = Told(told.server, told.server.create_room("two").id)
    anna, bert = room.join("anna"), room.join("bert")
    for number in range(5):
        anna.say(f"{number}")
        bert.say(f"{number}")
    assert room.all_pages(user_id="anna", limit=2) == [[9, 7], [5, 3], [1]]
    assert room.all_pages(user_id="bert", limit=5) == [[10, 8, 6, 4, 2]]
    assert room.ask(user_id="").status_code == 400


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
