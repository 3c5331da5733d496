"""``chatctl callbacks recover``: in pages, at a rate, to be stopped and gone on with."""

import json
import shlex
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prepared_server import Answer, Asked, Chatctl, Prepared, lines, problem
from receivers import Receiver, answer, receiver
from same_process import Here
from world import KEY, PATIENCE_SECONDS, Server, eventually, running

from chatctl.input import endpoints
from chatctl.input.pace import Pace, rate
from chatctl.shell.failures import Failure

USAGE, NOT_FOUND, INTERRUPTED, UNREACHABLE = 2, 3, 130, 6
PATH = f"POST {endpoints.PATH}/recover"
SINCE = "2026-01-02T03:04:05Z"
ID = "01a2b3c4-0000-7000-8000-00000000000"


def _delivery(number: int) -> dict[str, Any]:
    return {"delivery_id": f"{ID}{number}", "planned_at": 1_767_323_045 + number}


def _pages(*sizes: int) -> Any:
    """That many a page; the cursors are ``deliveries-1`` and so on."""

    def answered(asked: Asked) -> Answer:
        assert isinstance(asked.body, dict)
        number = int(asked.body.get("after", "deliveries-0").partition("-")[2])
        following = f"deliveries-{number + 1}" if number + 1 < len(sizes) else None
        ends = (_delivery(number), _delivery(number + 1)) if sizes[number] else (None, None)
        page = {"count": sizes[number], "first": ends[0], "last": ends[1], "next": following}
        return Answer(page)

    return answered


def _recover(here: Here, server: Prepared, *words: str) -> Any:
    return here("callbacks", "recover", "--since", SINCE, "--server", server.url, *words)


def test_all_pages_are_asked_for(here: Here, server: Prepared) -> None:
    """The last that was sent is not on the last page, which is empty."""
    server.answers[PATH] = _pages(2, 3, 0)
    done = _recover(here, server, "--json", "--rate", "1000/s", "--until", "2026-01-03")
    assert json.loads(done.stdout) == {
        "changed": True,
        "count": 5,
        "first": {"delivery_id": f"{ID}0", "planned_at": "2026-01-02T03:04:05Z"},
        "last": {"delivery_id": f"{ID}2", "planned_at": "2026-01-02T03:04:07Z"},
        "due_now": 0,
        "dry_run": False,
    }
    body = {"since": 1_767_323_045, "until": 1_767_398_400, "only": "failed", "dry_run": False,
            "limit": 500}  # fmt: skip
    assert [each.body for each in server.asked] == [
        body, {**body, "after": "deliveries-1"}, {**body, "after": "deliveries-2"},
    ]  # fmt: skip


def test_a_dry_run_counts_and_tells_the_time(here: Here, server: Prepared) -> None:
    """When it is done, nothing is expected any more."""
    server.answers[PATH] = _pages(500, 500, 250)
    done = _recover(here, server, "--dry-run", "--rate", "600/m", "--only", "all")
    assert done.stdout == lines(
        "deliveries\t1250", f"first\t{ID}0", "first planned\t2026-01-02T03:04:05Z",
        f"last\t{ID}3", "last planned\t2026-01-02T03:04:08Z", "due now\t0",
        "expected seconds\t125.0",
    )  # fmt: skip
    assert (done.stderr, done.exit) == ("", 0)
    assert isinstance(server.asked[0].body, dict)
    assert (server.asked[0].body["dry_run"], server.asked[0].body["limit"]) == (True, 500)
    assert json.loads(_recover(here, server, "--dry-run", "--json").stdout)["changed"] is False
    server.answers[PATH] = _pages(3)
    assert "expected" not in _recover(here, server).stdout


def test_nothing_to_recover_is_no_error(here: Here, server: Prepared) -> None:
    server.answers[PATH] = _pages(0)
    done = json.loads(_recover(here, server, "--json").stdout)
    assert (done["changed"], done["count"], done["first"]) == (False, 0, None)
    args = ("callbacks", "recover", "--since", SINCE, "--server", server.url)
    for count, words in ((0, "0 deliveries are"), (1, "1 delivery is")):
        server.answers[PATH] = _pages(count)
        done = here.as_terminal(80, *args)
        assert (done.stdout, done.exit) == (f"{words} on the way again\n", 0)


def test_a_page_is_what_a_second_takes(here: Here, server: Prepared) -> None:
    server.answers[PATH] = _pages(20)
    for words, limit in (((), 50), (("--rate", "1/h"), 1), (("--rate", "9999/s"), 500)):
        server.asked.clear()
        _recover(here, server, *words)
        (asked,) = server.asked
        assert isinstance(asked.body, dict)
        assert asked.body["limit"] == limit


def test_a_rate_is_a_number_in_a_time() -> None:
    for text, found in (("50/s", 50), ("50", 50), ("600/m", 10), ("9/h", 1 / 400)):
        assert rate(text, "--rate") == found
    for text in ("0/s", "fast", "50/d", "-1/s", "1.5/s", "", "٥/s"):
        with pytest.raises(Failure, match="is not a rate"):
            rate(text, "--rate")


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def test_the_pace_is_kept_in_one_sleep_a_page_and_not_made_up_for() -> None:
    clock = Clock()
    pace = Pace(50.0, lambda: clock.now, clock.sleep)
    for count, work in ((50, 0.25), (25, 0.0), (0, 0.0), (50, 10.0), (50, 0.0)):
        clock.now += work
        pace.did(count)
        pace.rest()
    assert clock.slept == [1.0, 0.5, 1.0, 1.0]
    free = Pace(None, lambda: clock.now, clock.sleep)
    free.did(1_000_000)
    free.rest()
    assert len(clock.slept) == 4


def test_the_pages_keep_the_pace_but_for_the_last(
    here: Here, server: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(
        "chatctl.input.pace.Pace",
        lambda per_second: Pace(per_second, lambda: clock.now, clock.sleep),
    )
    server.answers[PATH] = _pages(50, 25, 10)
    assert _recover(here, server).exit == 0
    assert clock.slept == [1.0, 0.5]
    assert _recover(here, server, "--dry-run").exit == 0
    assert clock.slept == [1.0, 0.5]


def test_who_is_stopped_says_how_far_it_came_and_how_to_go_on(
    chatctl: Chatctl, here: Here, server: Prepared
) -> None:
    """The second page does not come."""
    pages, stopped = _pages(1, 1, 1), threading.Event()

    def answered(asked: Asked) -> Answer:
        assert isinstance(asked.body, dict)
        if "after" in asked.body:
            assert stopped.wait(PATIENCE_SECONDS)
        return pages(asked)

    server.answers[PATH] = answered
    server.answers[f"GET {endpoints.PATH}"] = Answer(
        [{"endpoint_id": f"{ID}9", "kind": "events", "url": "http://one/", "origin": "added"}]
    )
    begun = chatctl.start(
        "callbacks", "recover", "--since", SINCE, "--only", "all", "--rate", "9/s",
        "--endpoint", "01a2b3c4", "--server", server.url,
    )  # fmt: skip
    eventually(lambda: len(server.asked) == 3)
    begun.send_signal(signal.SIGINT)
    said, error = begun.communicate(timeout=PATIENCE_SECONDS)
    stopped.set()
    assert (said, begun.returncode) == (b"", INTERRUPTED)
    message, hint = error.decode().splitlines()
    assert message == "chatctl: 1 delivery is on the way again"
    assert hint == (
        f"  try: chatctl callbacks recover --since {SINCE} --only all --rate 9/s "
        f"--endpoint {ID}9 --after deliveries-1 --server {server.url}"
    )
    server.asked.clear()
    words = shlex.split(hint.removeprefix("  try: chatctl "))
    assert json.loads(here(*words, "--json").stdout)["count"] == 2


def test_a_failure_on_the_way_says_so_too(here: Here, server: Prepared) -> None:
    pages = _pages(2, 2)

    def answered(asked: Asked) -> Answer:
        assert isinstance(asked.body, dict)
        return problem(503, "busy", "too much") if "after" in asked.body else pages(asked)

    server.answers[PATH] = answered
    done = _recover(here, server, "--rate", "1000/s")
    assert done.exit == UNREACHABLE
    assert done.stdout == ""
    assert done.stderr == lines(
        "chatctl: too much; 2 deliveries are on the way again",
        f"  try: chatctl callbacks recover --since {SINCE} --only failed --rate 1000/s "
        f"--after deliveries-1 --server {server.url}",
    )
    server.answers[PATH] = problem(503, "busy", "too much")
    assert _recover(here, server).stderr == "chatctl: too much\n"


@pytest.fixture(scope="module")
def hook() -> Iterator[Receiver]:
    with receiver(answer(500)) as made:
        yield made


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory, hook: Receiver) -> Iterator[Server]:
    settings = {"ROOM_EVENT_CALLBACK_URL": hook.url, "CALLBACK_MAX_RETRIES": "0"}
    with running(tmp_path_factory.mktemp("server"), **settings) as started:
        yield started


def test_what_an_outage_cost_arrives_after_it(
    served: Here, shared_server: Server, hook: Receiver
) -> None:
    for number in range(5):
        shared_server.create_room(f"room {number}")
    words = ("callbacks", "deliveries", "--status", "failed")
    eventually(lambda: len(served.json(*words)) == 5)
    lost = served.json(*words)
    ids = [each["delivery_id"] for each in lost]
    args = ("callbacks", "recover", "--since", "1h", "--endpoint", "room_event")
    counted = served.json(*args, "--dry-run")
    assert (counted["count"], counted["changed"]) == (5, False)
    assert len(hook.requests) == 5
    hook.behave(answer(200))
    done = served.json(*args, "--rate", "1000/s")
    assert (done["count"], done["changed"]) == (5, True)
    assert (done["first"]["delivery_id"], done["last"]["delivery_id"]) == (ids[-1], ids[0])
    again = [each.headers["webhook-id"] for each in hook.wait_for(10)[5:]]
    assert sorted(again) == sorted(ids)
    eventually(lambda: not served.json(*words))
    assert served.json(*args)["count"] == 0
    assert served.json(*args, "--only", "all", "--dry-run")["count"] == 5


def test_what_waits_for_its_next_try_is_tried_now(tmp_path: Path, here: Here) -> None:
    """With exponential delays nothing is given up for days; who has mended the receiver does not
    wait for the next try."""
    with receiver(answer(500)) as hook:
        settings = {"ROOM_EVENT_CALLBACK_URL": hook.url, "CALLBACK_BACKOFF": "exponential"}
        with running(tmp_path, CALLBACK_RETRY_DELAY_SECONDS="600", **settings) as server:
            server.create_room()
            words = ("--server", server.url, "--api-key-file", "key")
            (here.directory / "key").write_text(KEY)
            waiting = ("callbacks", "deliveries", "--status", "pending", *words)
            eventually(lambda: [each["tries"] for each in here.json(*waiting)] == [1])
            hook.behave(answer(200))
            args = ("callbacks", "recover", "--since", "1h", *words)
            counted = here.json(*args, "--dry-run")
            assert (counted["count"], counted["due_now"], counted["changed"]) == (0, 1, False)
            done = here.as_terminal(80, *args)
            assert done.stdout == (
                "0 deliveries are on the way again; what waited for its next try is tried now\n"
            )
            hook.wait_for(2)
            eventually(lambda: here.json(*waiting) == [])
            again = here.json(*args)
            assert (again["due_now"], again["changed"]) == (0, False)


def test_on_the_file_nothing_is_paced(here: Here, chatctl: Chatctl) -> None:
    """Nothing is sent there, and the lock is not kept for an hour."""
    assert here("db", "migrate", "--db", "sqlite:./chat.db").exit == 0
    done = here(
        "callbacks", "recover", "--since", "1h", "--rate", "1/h", "--json", "--quiet",
        "--db", "sqlite:./chat.db",
    )  # fmt: skip
    assert (json.loads(done.stdout)["count"], done.stderr, done.exit) == (0, "", 0)


def test_slips_are_refused(served: Here) -> None:
    for words, code, exit_code in (
        ((), "usage", USAGE),
        (("--since", "1h", "--until", "2h"), "usage", USAGE),
        (("--since", "1h", "--only", "some"), "usage", USAGE),
        (("--since", "1h", "--after", "nowhere"), "invalid_input", USAGE),
        (("--since", "1h", "--endpoint", "feed"), "endpoint_not_found", NOT_FOUND),
    ):
        assert served.refused("callbacks", "recover", *words) == (code, exit_code)
