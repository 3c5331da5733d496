"""A wall clock that is set forward and back: seq and offset keep the order, times never fall
within a room, and what expires does so by the clock as it stands."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from offline import Offline, room

from chatctl_server import errors
from chatctl_server.actions import conversations, messages, moderation, sessions
from chatctl_server.domain import events
from chatctl_server.domain.times import SECOND
from chatctl_server.storage import history_pages, log, maintenance, room_sessions, rooms
from chatctl_server.storage import messages as stored
from chatctl_server.storage.writer import Outcome

OPERATOR = events.Actor(None, "api_key")
NOON = 1_700_000_000 * SECOND
HOUR = 3600
ROOM = room(1)


class Scene(Offline):
    def __init__(self, path: Path) -> None:
        super().__init__(path, NOON)
        self.create_room("lobby")

    def pass_seconds(self, seconds: int) -> None:
        """Negative: the clock is set back."""
        self.now += seconds * SECOND

    def do(self, action: Any, *arguments: Any) -> Outcome:
        (outcome,) = self.together((action, *arguments))
        return outcome

    def say(self, user_id: str, interval_seconds: int = 0) -> Outcome:
        post = messages.Post(
            ROOM, OPERATOR, user_id, user_id, "text", interval_seconds=interval_seconds
        )
        return self.do(messages.POST, post)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(tmp_path / "chat.db")
    yield scene
    scene.writing.close()


def test_what_recorded_nothing_leaves_no_time_behind(scene: Scene) -> None:
    scene.pass_seconds(HOUR)
    assert scene.do(moderation.unban, OPERATOR, ROOM, "eve") is None
    scene.pass_seconds(-HOUR)
    assert scene.say("anna").created_at == NOON


@given(jumps=st.lists(st.integers(-3 * HOUR, 3 * HOUR), min_size=1, max_size=30))
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_order_is_kept_whatever_the_clock_does(scene: Scene, jumps: list[int]) -> None:
    for number, jump in enumerate(jumps):
        scene.pass_seconds(jump)
        scene.do(sessions.join, OPERATOR, ROOM, f"user-{number % 3}", "")
        assert isinstance(scene.say("anna"), messages.Posted)
    rows = scene.ask(stored.between, ROOM, 1, 2**40)
    assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
    assert [row.created_at for row in rows] == sorted(row.created_at for row in rows)
    assert [row.event_offset for row in rows] == sorted(row.event_offset for row in rows)
    recorded = scene.ask(log.read_after, 0, 100_000)
    assert [entry.offset for entry in recorded] == list(range(1, len(recorded) + 1))
    assert maintenance.check(scene.path) == []
    assert maintenance.verify(scene.path) == []


@pytest.mark.parametrize("is_restarted", [False, True])
def test_the_time_of_an_event_never_falls(scene: Scene, is_restarted: bool) -> None:
    """Whatever room it is in: what is asked of the log by time is found by bisection."""
    scene.do(conversations.create_room, OPERATOR, "other", [])
    newest: list[int] = []
    for jump in (HOUR, -2 * HOUR, 60, 3 * HOUR, -HOUR):
        scene.pass_seconds(jump)
        if is_restarted:
            scene.restart()
        scene.do(moderation.mute, OPERATOR, room(2), f"user-{scene.now}", None, None)
        posted = scene.say("anna")
        newest.append(posted.created_at)
    times = [entry.at for entry in scene.ask(log.read_after, 0, 1000)]
    assert times == sorted(times)
    assert newest == [NOON + HOUR * SECOND] * 3 + [NOON + (2 * HOUR + 60) * SECOND] * 2
    assert scene.ask(log.offset_at, newest[-1]) == len(times) - 4


def test_a_page_by_time_holds_what_its_times_say(scene: Scene) -> None:
    for jump in (0, HOUR, -2 * HOUR, 600, 2 * HOUR):
        scene.pass_seconds(jump)
        scene.say("anna")
    lobby = scene.ask(rooms.get, ROOM)
    forward = (NOON // SECOND) + HOUR
    page = scene.ask(
        history_pages.message_page, lobby, history_pages.Window(forward, forward), 1, 10
    )
    # What was said after the clock was set back stands at the last time before that.
    assert [record.seq for record in page.records] == [4, 3, 2]
    assert page.total == 3


def test_a_session_never_ends_before_it_began(scene: Scene) -> None:
    joined = scene.do(sessions.join, OPERATOR, ROOM, "anna", "Anna")
    scene.pass_seconds(-HOUR)
    scene.do(sessions.leave, OPERATOR, ROOM, joined.session_id, "left")
    session = scene.ask(room_sessions.one, ROOM, joined.session_id)
    assert session.leave_time == session.join_time


def test_a_ban_with_an_end_lasts_by_the_clock_as_it_stands(scene: Scene) -> None:
    """Set forward, it ends early; set back again, it is in force until its end comes once more."""
    scene.do(moderation.ban, OPERATOR, ROOM, "anna", None, HOUR)
    assert isinstance(scene.say("anna"), errors.Banned)
    scene.pass_seconds(2 * HOUR)
    assert isinstance(scene.say("anna"), messages.Posted)
    scene.pass_seconds(-2 * HOUR)
    assert isinstance(scene.say("anna"), errors.Banned)
    scene.pass_seconds(HOUR)
    assert isinstance(scene.say("anna"), messages.Posted)
    assert maintenance.check(scene.path) == []
