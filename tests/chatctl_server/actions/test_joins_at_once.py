"""Joins and leaves in one transaction: each outcome, each event and each row is what it would be
if they came one by one."""

import itertools
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from offline import HOST, SECOND, Offline, reading, room

from chatctl_server.actions import conversations, moderation, sessions
from chatctl_server.domain import events
from chatctl_server.domain.references import ROOMS
from chatctl_server.storage import maintenance
from chatctl_server.storage.writer import Batch, Call, Completed

EXAMPLES = 1000 if os.environ.get("CHATCTL_PROOF") == "1" else 60
TABLES = ("room_session", "room_stats", "participant", "event", "counter")
USERS = ("anna", "bert", "boss", "lost", "banned", "everywhere", "once", "mute")
NOW = 1_700_000_000 * SECOND
ROOM, OTHER, CLOSED, UNKNOWN = room(1), room(2), room(3), room(9)
ACTORS = [events.Actor("anna", "room:open", "127.0.0.1"), HOST]
CALLS = st.one_of(
    st.builds(
        sessions.Join,
        st.sampled_from(ACTORS),
        st.sampled_from([ROOM, ROOM, OTHER, CLOSED, UNKNOWN]),
        st.sampled_from(USERS),
        st.sampled_from(["", "Ann"]),
        st.sampled_from([None, None, NOW - 100 * SECOND, NOW + SECOND]),
    ),
    st.builds(
        sessions.Leave,
        st.sampled_from(ACTORS),
        st.sampled_from([ROOM, ROOM, OTHER]),
        st.integers(1, 9),
        st.sampled_from(["left", "stopped"]),
    ),
)
_names = itertools.count()


@pytest.fixture(scope="module")
def lived_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five have been here, of whom three still are, and some may not come back."""
    desk = Offline(tmp_path_factory.mktemp("joins") / "before.db", now=NOW - 60 * SECOND)
    for name in ("lobby", "attic", "cellar"):
        desk.create_room(name, "boss", "lost")
    for ref, user_id in ((ROOM, "anna"), (ROOM, "bert"), (OTHER, "anna"), (ROOM, "banned")):
        desk.run(sessions.join, ref, user_id, user_id)
    desk.run(sessions.leave, ROOM, 2, "left")
    desk.run(conversations.set_admins, ROOM, ["boss"])
    desk.run(moderation.ban, ROOM, "banned", None, None)
    desk.run(moderation.ban, ROOMS, "everywhere", None, None)
    desk.run(moderation.ban, ROOM, "once", None, 30)
    desk.run(moderation.mute, ROOM, "mute", None, None)
    desk.run(conversations.close, CLOSED)
    desk.close()
    return desk.path


def copy(of: Path) -> Offline:
    path = of.with_name(f"copy-{next(_names)}.db")
    shutil.copy(of, path)
    return Offline(path, now=NOW)


def never(tx: Any, call: Any) -> Any:
    raise AssertionError("the batch is run one by one")


AT_ONCE = Batch(never, sessions.update_many, sessions.UPDATE.last_offset)


def run(desk: Offline, calls: Sequence[Any]) -> list[Completed]:
    action = AT_ONCE if len(calls) > 1 else sessions.UPDATE
    return desk.writing.run([Call(action, (call,), lambda _: None, 256) for call in calls])


def told(completed: Completed) -> object:
    outcome = completed.outcome
    shown = (type(outcome), str(outcome)) if isinstance(outcome, Exception) else outcome
    return shown, list(completed.recorded)


def rows(desk: Offline) -> dict[str, list[Any]]:
    with reading(desk.path) as db:
        return {
            each: db.execute_sql(f"SELECT * FROM {each} ORDER BY 1, 2").fetchall()
            for each in TABLES
        }


@settings(max_examples=EXAMPLES, deadline=None)
@given(calls=st.lists(CALLS, min_size=2, max_size=16))
def test_at_once_is_as_one_by_one(lived_in: Path, calls: list[Any]) -> None:
    at_once, one_by_one = copy(lived_in), copy(lived_in)
    try:
        together = run(at_once, calls)
        each = [completed for call in calls for completed in run(one_by_one, [call])]
        assert [told(one) for one in together] == [told(one) for one in each]
        assert rows(at_once) == rows(one_by_one)
        at_once.close()
        assert maintenance.check(at_once.path) == maintenance.verify(at_once.path) == []
    finally:
        for desk in (at_once, one_by_one):
            desk.close()
            desk.path.unlink()
