"""--timeout is for each answer: what asks often and gets on may take as long as it takes."""

import json
import time
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from prepared_server import Answer, Asked, Prepared, problem
from same_process import Here

from chatctl.link import client, room_pages

ID = "01a2b3c4-0000-7000-8000-000000000001"
PAGES = 5
DELIVERY = {
    "delivery_id": ID, "event": "test", "room_id": None, "tries": 1, "tries_allowed": 1,
    "last_status": 200, "last_error": None, "planned_at": 0, "finished_at": 0, "next_try_at": None,
    "mark": None,
}  # fmt: skip


class Late:
    """A server that takes 9 of the 30 seconds for each answer, on the client's clock."""

    def __init__(self, server: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
        self._server = server
        self._passed = 0.0
        clock = SimpleNamespace(
            monotonic=lambda: time.monotonic() + self._passed, sleep=lambda _: None
        )
        monkeypatch.setattr(client, "time", clock)

    def answers(self, prepared: Mapping[str, Answer | Callable[[Asked], Answer]]) -> None:
        for name, each in prepared.items():
            self._server.answers[name] = self._late(each)

    def _late(self, prepared: Answer | Callable[[Asked], Answer]) -> Callable[[Asked], Answer]:
        def answered(asked: Asked) -> Answer:
            self._passed += 9
            return prepared if isinstance(prepared, Answer) else prepared(asked)

        return answered


@pytest.fixture
def late(server: Prepared, monkeypatch: pytest.MonkeyPatch) -> Late:
    return Late(server, monkeypatch)


def _paged(*rows: Any) -> Callable[[Asked], Answer]:
    def answered(asked: Asked) -> Answer:
        number = int(asked.query.get("cursor", 1))
        more = {"Link": f'</x?cursor={number + 1}>; rel="next"'} if number < PAGES else {}
        return Answer(list(rows), headers=more)

    return answered


def _after(pending: Any, finished: Any) -> Callable[[Asked], Answer]:
    """Pending for as many times as there are pages elsewhere."""
    left = [PAGES]

    def answered(_: Asked) -> Answer:
        left[0] -= 1
        return Answer(pending if left[0] > 0 else finished)

    return answered


def _recovered(asked: Asked) -> Answer:
    assert isinstance(asked.body, dict)
    number = int(asked.body.get("after", "0")) + 1
    following = str(number) if number < PAGES else None
    return Answer({"count": 1, "first": DELIVERY, "last": DELIVERY, "next": following})


def test_a_list_of_many_pages(here: Here, server: Prepared, late: Late) -> None:
    late.answers(
        {
            "GET /management/callbacks/deliveries": _paged(DELIVERY),
            "GET /management/sync/status": _paged({"kind": "data"}),
            "GET /management/status": Answer({"last_offset": 9}),
            "GET /management/events": _paged({"offset": 1, "at": "2026-01-02T03:04:05Z"}),
            "GET /management/rooms": _paged(),
        }
    )
    for words in ("callbacks deliveries --all", "sync status", "sync pull -o -",
                  "events replay --since 0 --dry-run"):  # fmt: skip
        server.asked.clear()
        done = here(*words.split(), "--server", server.url)
        assert (done.stderr, done.exit) == ("", 0), words
        assert len(server.asked) >= PAGES


def test_a_list_that_is_cut_asks_for_no_more_than_it_shows(here: Here, server: Prepared) -> None:
    server.answers["GET /management/callbacks/deliveries"] = _paged(DELIVERY, DELIVERY)
    for limit, pages in ((1, 1), (3, 2)):
        server.asked.clear()
        words = ("callbacks", "deliveries", "--limit", str(limit), "--server", server.url)
        assert here(*words).stdout.count("\n") == limit
        assert len(server.asked) == pages


def test_what_a_pipe_has_got_stays_there_when_a_later_page_fails(
    here: Here, server: Prepared
) -> None:
    """And the memory never holds all of them."""
    pages = _paged(DELIVERY)

    def answered(asked: Asked) -> Answer:
        return (
            problem(503, "busy", "too much") if asked.query.get("cursor") == "3" else pages(asked)
        )

    server.answers["GET /management/callbacks/deliveries"] = answered
    done = here("callbacks", "deliveries", "--all", "--server", server.url)
    assert (done.stdout.count("\n"), done.stderr, done.exit) == (2, "chatctl: too much\n", 6)


def test_a_room_with_a_long_history(
    here: Here, server: Prepared, late: Late, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bisection finds its first message, and a chunk has several pages."""
    monkeypatch.setattr(room_pages, "_CHUNK", 2 * PAGES)

    def messages(asked: Asked) -> Answer:
        """One a page, each a second, of which the first three are too old."""
        seq = min(int(asked.query.get("before", 99)), 3 + PAGES) - 1
        more = {"Link": f'</x?before={seq}&limit=1>; rel="next"'} if seq > 3 else {}
        return Answer([{"seq": seq}] if seq >= 3 else [], headers=more)

    nothing = {"records": [], "pagination": {"total_records": 0, "page_size": 1}}
    late.answers(
        {
            "GET /management/rooms": Answer([{"room_id": ID, "room_name": "lobby"}]),
            f"GET /management/rooms/{ID}/messages": messages,
            f"GET /management/sync/session-history/{ID}": Answer(nothing),
        }
    )
    done = here("sync", "pull", "-o", "-", "--from", "3", "--server", server.url)
    found = [json.loads(line).get("seq") for line in done.stdout.splitlines()]
    assert (found, done.stderr, done.exit) == ([None, *range(3, 3 + PAGES)], "", 0)


def test_a_recovery_of_many_pages(here: Here, server: Prepared, late: Late) -> None:
    late.answers({"POST /management/callbacks/recover": _recovered})
    words = ("callbacks", "recover", "--since", "1h", "--rate", "999999/s")
    done = here(*words, "--server", server.url)
    assert (done.stdout.splitlines()[0], done.exit) == (f"deliveries\t{PAGES}", 0)


def test_answers_that_are_waited_for(here: Here, server: Prepared, late: Late) -> None:
    known = {"endpoint_id": ID, "url": "http://one/", "origin": "settings", "kind": "data"}
    pending, delivered = ({**DELIVERY, "status": each} for each in ("pending", "delivered"))
    tried = _after({**pending, "attempts": []}, {**delivered, "attempts": []})
    late.answers(
        {
            "GET /management/callbacks": Answer([known]),
            f"POST /management/callbacks/{ID}/test": Answer({"delivery_ids": [ID]}),
            f"GET /management/callbacks/deliveries/{ID}": tried,
        }
    )
    words = ("callbacks", "test", "data", "--timeout", "30s", "--server", server.url)
    assert here(*words).exit == 0


ROOM = {
    "room_id": ID, "room_name": "lobby", "admin_user_ids": [], "current_users": 0, "peak_users": 0,
    "total_joins": 0, "created_at": 0, "closed_at": 1, "last_activity": 0, "start_time": 0,
}  # fmt: skip


def test_what_removes_much_is_waited_for(here: Here, server: Prepared) -> None:
    """Its one answer comes when all is removed."""
    server.answers["GET /management/rooms"] = Answer([ROOM])
    server.answers[f"GET /management/rooms/{ID}"] = Answer(ROOM)
    server.answers["GET /management/callbacks/deliveries"] = Answer([])

    def removes(asked: Asked) -> Answer:
        time.sleep(0.7)
        if asked.path.endswith("/messages"):
            return Answer({"messages": 1_000_000, "changed": True})
        return Answer(status=204)

    for path in (f"rooms/{ID}", "room-users/mallory/messages"):
        server.answers[f"DELETE /management/{path}"] = removes
    for words in (
        ("messages", "rm", "--user", "mallory", "--yes"),
        ("rooms", "rm", ID, "--yes"),
        ("db", "prune", "--older-than", "1d", "--yes"),
    ):
        done = here(*words, "--server", server.url, "--timeout", "0.4", "--json")
        assert (done.stderr, done.exit) == ("", 0), words
        assert json.loads(done.stdout)["changed"] is True
