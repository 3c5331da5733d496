"""The histories' pages: order, bounds, totals (contract, section 1, paging query).

The rows are written at known times before the server starts.
"""

from collections.abc import Callable, Iterator
from itertools import product
from operator import itemgetter
from typing import Any

import pytest
from offline import SECOND, Offline
from world import Room, running

from chatctl_server.actions import conversations, sessions
from chatctl_server.domain.references import RoomRef

T = 1_700_000_000
KINDS = ["chat", "session"]
DEFAULT_SIZE = {"chat": 1000, "session": 500}


class Told(Room):
    """Seven records of each kind: two at T, three at T+10, one each at T+20 and T+30."""

    def page(self, kind: str, **query: Any) -> dict[str, Any]:
        answer = self.server.http.get(f"/management/sync/{kind}-history/{self.id}", params=query)
        assert answer.status_code == 200, answer.text
        assert answer.json()["room_id"] == self.id
        return dict(answer.json())

    def names(self, kind: str, **query: Any) -> list[str]:
        return [each["user_id"] for each in self.page(kind, **query)["records"]]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    directory = tmp_path_factory.mktemp("told")
    desk = Offline(directory / "chat.db", now=(T - 100) * SECOND)
    room, room_id, *_ = desk.run(conversations.create_room, "told", ())
    desk.create_room("empty")
    happens: list[tuple[int, Callable[[], object]]] = []
    for number, second in enumerate((0, 0, 10, 10, 10, 20, 30)):
        happens += _of_user(desk, room, number, (T + second) * SECOND + number * 1000 + 1)
    for desk.now, act in sorted(happens, key=itemgetter(0)):
        act()
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
def test_newest_first_also_within_a_second(told: Told, kind: str) -> None:
    page = told.page(kind)
    assert [each["user_id"] for each in page["records"]] == [f"u{n}" for n in range(6, -1, -1)]
    assert page["pagination"] == {
        "current_page": 1,
        "page_size": DEFAULT_SIZE[kind],
        "total_pages": 1,
        "total_records": 7,
        "has_next": False,
        "has_prev": False,
    }


@pytest.mark.parametrize("kind", KINDS)
def test_pages(told: Told, kind: str) -> None:
    pages = [told.page(kind, page=number, limit=3) for number in (1, 2, 3)]
    assert [[each["user_id"] for each in page["records"]] for page in pages] == [
        ["u6", "u5", "u4"],
        ["u3", "u2", "u1"],
        ["u0"],
    ]
    assert [page["pagination"]["total_pages"] for page in pages] == [3, 3, 3]
    assert [page["pagination"]["has_next"] for page in pages] == [True, True, False]
    assert [page["pagination"]["has_prev"] for page in pages] == [False, True, True]


@pytest.mark.parametrize("kind", KINDS)
def test_past_the_end_there_are_no_records_and_true_totals(told: Told, kind: str) -> None:
    for page in (4, 1000, 10**18, 10**30):
        found = told.page(kind, page=page, limit=3)
        assert found["records"] == []
        pagination = found["pagination"]
        assert (pagination["total_pages"], pagination["total_records"]) == (3, 7)
        assert (pagination["has_next"], pagination["has_prev"]) == (False, True)


@pytest.mark.parametrize("kind", KINDS)
def test_from_and_to_are_inclusive(told: Told, kind: str) -> None:
    for window, numbers in (
        ({"from": T}, [6, 5, 4, 3, 2, 1, 0]),
        ({"from": T + 1}, [6, 5, 4, 3, 2]),
        ({"from": T + 10, "to": T + 20}, [5, 4, 3, 2]),
        ({"from": T + 10, "to": T + 10}, [4, 3, 2]),
        ({"to": T}, [1, 0]),
        ({"to": T - 1}, []),
        ({"from": T + 31}, []),
        ({"from": T + 20, "to": T + 10}, []),
        ({"from": 0, "to": 10**30}, [6, 5, 4, 3, 2, 1, 0]),
        ({"from": -(10**30)}, [6, 5, 4, 3, 2, 1, 0]),
        ({"from": 10**30}, []),
    ):
        page = told.page(kind, **window)
        assert [each["user_id"] for each in page["records"]] == [f"u{each}" for each in numbers]
        totals = page["pagination"]["total_records"], page["pagination"]["total_pages"]
        assert totals == (len(numbers), 1 if numbers else 0)


@pytest.mark.parametrize("kind", KINDS)
def test_pages_of_a_window(told: Told, kind: str) -> None:
    window = {"from": T + 10, "to": T + 20, "limit": 3}
    assert told.names(kind, page=1, **window) == ["u5", "u4", "u3"]
    assert told.names(kind, page=2, **window) == ["u2"]
    assert told.names(kind, page=3, **window) == []


def test_a_limit_above_the_largest_is_the_largest(told: Told) -> None:
    for kind, limit in product(KINDS, (10_000, 10_001, 10**30)):
        assert told.page(kind, limit=limit)["pagination"]["page_size"] == 10_000


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_room(told: Told, kind: str) -> None:
    room = told.server.create_room("nothing yet")
    answer = told.server.http.get(f"/management/sync/{kind}-history/{room.id}")
    assert answer.json() == {
        "room_id": room.id,
        "records": [],
        "pagination": {
            "current_page": 1,
            "page_size": DEFAULT_SIZE[kind],
            "total_pages": 0,
            "total_records": 0,
            "has_next": False,
            "has_prev": False,
        },
    }


@pytest.mark.parametrize("kind", KINDS)
def test_a_closed_room(told: Told, kind: str) -> None:
    http, url = told.server.http, f"/management/sync/{kind}-history"
    room = told.server.create_room("closing")
    anna = room.join("anna")
    anna.say("bye")
    http.delete(room.path)
    anna.close_code()
    closed = http.get(f"{url}/{room.id}")
    assert closed.status_code == 200
    assert [each["user_id"] for each in closed.json()["records"]] == ["anna"]


def test_only_finished_sessions(told: Told) -> None:
    room = told.server.create_room("sessions")
    anna, bert = room.join("anna"), room.join("bert")
    anna.close()
    assert bert.receive("UserLeft")["payload"]["user_id"] == "anna"
    page = Told(told.server, room.id).page("session")
    (entry,) = page["records"]
    assert entry["user_id"] == "anna"
    assert entry["duration_seconds"] == entry["leave_time"] - entry["join_time"]
    assert page["pagination"]["total_records"] == 1


def test_messages_sent_within_one_second_are_told_later_first(told: Told) -> None:
    room = told.server.create_room("fast")
    anna = room.join("anna")
    for number in range(20):
        anna.say(f"{number}")
    assert [each["content"] for each in room.history()] == [f"{n}" for n in range(19, -1, -1)]
