"""What failed shows wherever one looks, with the command that brings it back."""

import shlex
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hooks import calling, finished, wait_for_event
from receivers import Receiver, answer, receiver
from world import Server, eventually

from chatctl_server.api.management import callback_figures
from chatctl_server.api.management.callback_figures import Receiving
from chatctl_server.domain import times
from chatctl_server.storage.deliveries import Outstanding

ROOM_EVENTS = "ROOM_EVENT_CALLBACK_URL"
FAILED = 'chatctl_callback_failed{kind="room_event"}'


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiver(answer(500)) as made:
        yield made


@pytest.fixture
def calls(tmp_path: Path, hook: Receiver) -> Iterator[Server]:
    with calling(tmp_path, hook, ROOM_EVENTS, CALLBACK_MAX_RETRIES="0") as server:
        yield server


def health(server: Server) -> Any:
    """What it says of callbacks."""
    answered = server.http.get("/health")
    assert answered.status_code == 200
    told = answered.json()
    (callbacks,) = [each for each in told["services"] if each["name"] == "callbacks"]
    assert told["status"] == callbacks["status"]
    return callbacks


def run_the_hint(server: Server, said: str) -> None:
    words = shlex.split(said.partition("chatctl ")[2])
    done = server.chatctl(*words)
    assert done.returncode == 0, done.stderr


def test_it_shows_until_it_has_arrived(calls: Server, hook: Receiver) -> None:
    begun = int(time.time())
    assert health(calls)["status"] == "healthy"
    for name in ("one", "two"):
        calls.create_room(name)
    assert {status for *_, status in finished(calls, 2)} == {"failed"}

    status = calls.http.get("/management/status").json()
    assert (status["callbacks_failed"], status["health"]) == (2, "degraded")
    (endpoint,) = calls.http.get("/management/callbacks").json()
    assert (endpoint["failed"], endpoint["pending"]) == (2, 0)
    assert endpoint["oldest_failed_at"] == status["oldest_failed_at"]
    assert begun <= endpoint["failing_since"] <= time.time()
    assert calls.figure(FAILED) == 2
    assert "not recovered since: chatctl callbacks recover" in calls.http.get("/metrics").text
    assert health(calls)["status"] == "degraded"

    hook.behave(answer())
    run_the_hint(calls, health(calls)["error"])
    eventually(lambda: calls.figure(FAILED) == 0)
    assert len(wait_for_event(hook, "room_created", 4)) == 4
    assert {status for *_, status in finished(calls, 2)} == {"delivered"}
    assert calls.http.get("/management/callbacks").json()[0]["failing_since"] is None
    well = health(calls)
    assert (well["status"], well["error"]) == ("healthy", None)
    status = calls.http.get("/management/status").json()
    assert (status["callbacks_failed"], status["oldest_failed_at"]) == (0, None)
    assert status["health"] == "healthy"


def test_the_command_line_says_how_to_get_it_back(calls: Server, hook: Receiver) -> None:
    asked = (
        ("status",),
        ("callbacks", "ls"),
        ("callbacks", "show", "room_event"),
        ("sync", "status"),
    )
    calls.create_room()
    finished(calls, 1)
    said = {calls.chatctl(*words).stderr for words in asked}
    said.add(calls.chatctl("status", "--json").stderr)
    (told,) = said
    begin = "chatctl: 1 callback failed\n  try: chatctl callbacks recover "
    assert told.startswith(begin)
    assert calls.chatctl("status", "--quiet").stderr == ""
    hook.behave(answer())
    run_the_hint(calls, told.partition("try: ")[2])
    eventually(lambda: calls.figure(FAILED) == 0)
    assert calls.chatctl("status").stderr == ""


def test_a_sample_that_fails_is_no_loss(calls: Server) -> None:
    (endpoint,) = calls.http.get("/management/callbacks").json()
    path = f"/management/callbacks/{endpoint['endpoint_id']}"
    calls.http.post(f"{path}/test").raise_for_status()
    finished(calls, 1)
    assert calls.http.get(path).json()["failed"] == 0
    assert health(calls)["status"] == "healthy"


def test_who_has_no_callbacks_hears_nothing_of_them(server: Server) -> None:
    names = [each["name"] for each in server.http.get("/health").json()["services"]]
    assert names == ["database"]


def test_what_waits_for_long() -> None:
    for minutes, is_enabled, expected in (
        (6, True, "3 pending, the oldest for 6 min: chatctl callbacks ls"),
        (4, True, None),
        (6, False, None),
    ):
        since = times.now() - minutes * 60 * times.SECOND
        waiting = Receiving("data", is_enabled, Outstanding(3, since))
        assert callback_figures.trouble([waiting]) == expected


def test_a_failure_is_trouble_for_an_hour() -> None:
    for minutes, is_trouble in ((59, True), (61, False)):
        at = times.now() - minutes * 60 * times.SECOND
        lost = Outstanding(failed=1, oldest_failed_at=at, last_failure_at=at)
        told = callback_figures.trouble([Receiving("data", True, lost)])
        assert (told is not None) == is_trouble
