"""Rooms against a model in plain Python: whatever order the actions come in, the tables, the
histories and the log say what the model says. ``CHATCTL_PROOF=1`` runs the long form."""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from expected import SECOND, ExpectedRoom, Refusal
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from offline import HOST, Offline

from chatctl_server import errors
from chatctl_server.actions import (
    conversations,
    followers,
    messages,
    moderation,
    sessions,
)
from chatctl_server.domain import events
from chatctl_server.storage import (
    engine,
    history_pages,
    log,
    maintenance,
    room_sessions,
    rooms,
    sanctions,
)
from chatctl_server.storage import messages as stored

PROOF = os.environ.get("CHATCTL_PROOF") == "1"
T = 1_700_000_000 * SECOND
INTERVAL = 5
EVERYTHING = history_pages.Window(None, None)
USERS = st.sampled_from(["anna", "bert", "boss", "用户"])
ROOMS = st.integers(0, 1)
CLIENT_IDS = st.sampled_from([None, None, "c1", "c2", "c3"])
CONTENTS = st.sampled_from(["a", "two words", "多字节", "\x1b[31m", "x" * 300])
REASONS = st.sampled_from([None, None, "spam", "rude"])
LENGTHS = st.sampled_from([None, None, 3, 60])
POSTS = st.tuples(ROOMS, USERS, CONTENTS, CLIENT_IDS)


@pytest.fixture(scope="module", autouse=True)
def _empty_database(tmp_path_factory: pytest.TempPathFactory) -> None:
    RoomMachine.empty = tmp_path_factory.mktemp("model") / "empty.db"
    Offline(RoomMachine.empty).close()


class RoomMachine(RuleBasedStateMachine):
    """Two rooms in one database; the actions on one side, the model on the other."""

    empty: Path

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        path = Path(self.directory.name) / "chat.db"
        shutil.copy(self.empty, path)
        self.desk = Offline(path, now=T)
        self.db = engine.reading(path)
        self.db.connect()
        self.seen_offset = 0
        self.told: list[tuple[int, str]] = []
        self.alive_at = 0
        self.refs = [self.desk.create_room(f"room {number}", "boss") for number in range(2)]
        self.rooms = [ExpectedRoom(f"room {number}", {"boss"}, T, INTERVAL) for number in range(2)]

    def teardown(self) -> None:
        self.db.close()
        self.desk.close()
        assert maintenance.check(self.desk.path) == []
        assert maintenance.verify(self.desk.path) == []
        self.directory.cleanup()

    def both(self, wanted: object, action: Callable[..., Any], *arguments: Any) -> None:
        """Runs the action as the host; it must be refused, or change something, as the model."""
        assert self.outcome(action, HOST, *arguments) == wanted

    def outcome(self, action: Callable[..., Any], *arguments: Any) -> object:
        try:
            found = self.desk.call(action, *arguments)
        except errors.ChatctlError as refusal:
            return Refusal(refusal.code)
        tells = isinstance(found, moderation.Set | conversations.Admins)
        return found.changed if tells else found is not None

    # Time

    @rule(seconds=st.sampled_from([0.000001, 0.5, 1, 2.5, 4, 5, 61]))
    def time_passes(self, seconds: float) -> None:
        self.desk.now += int(seconds * SECOND)

    @rule()
    def the_server_shows_life(self) -> None:
        self.desk.call(followers.heartbeat)
        self.alive_at = self.desk.now

    @rule(how=st.sampled_from(["stopped", "crashed"]))
    def the_server_restarts(self, how: events.LeaveReason) -> None:
        self.desk.restart()
        ended = self.desk.call(sessions.end_all, how, 100)
        assert ended == sum(len(room.current) for room in self.rooms)
        for room in self.rooms:
            if how == "crashed":
                room.crash(self.alive_at)
            for stay in room.current:
                room.end(stay.user_id, self.desk.now, how)

    # Messages

    @rule(posts=st.lists(POSTS, min_size=1, max_size=8))
    def users_post_at_once(self, posts: list[tuple[int, str, str, str | None]]) -> None:
        sent = [
            messages.Post(
                self.refs[room], HOST, user, user, text, client_id, interval_seconds=INTERVAL
            )
            for room, user, text, client_id in posts
        ]
        found = self.desk.together(*((messages.POST, each) for each in sent))
        assert [_as_told(each) for each in found] == [
            self.rooms[room].post(self.desk.now, user, text, client_id, "text", True)
            for room, user, text, client_id in posts
        ]

    @rule(post=POSTS, kind=st.sampled_from(["text", "system"]))
    def the_host_posts(
        self, post: tuple[int, str, str, str | None], kind: events.MessageKind
    ) -> None:
        room, user, text, client_id = post
        sender = "system" if kind == "system" else user
        sent = messages.Post(
            self.refs[room], HOST, sender, sender, text, client_id, kind=kind, is_guarded=False
        )
        (found,) = self.desk.together((messages.post_one, sent))
        wanted = self.rooms[room].post(self.desk.now, sender, text, client_id, kind, False)
        assert _as_told(found) == wanted

    @rule(room=ROOMS, seq=st.integers(1, 12))
    def a_message_is_deleted(self, room: int, seq: int) -> None:
        self.both(
            self.rooms[room].delete(seq), messages.delete, self.refs[room], self.id_of(room, seq)
        )

    @rule(room=ROOMS, seq=st.integers(1, 12))
    def a_message_is_erased(self, room: int, seq: int) -> None:
        self.both(
            self.rooms[room].erase(seq), messages.erase, self.refs[room], self.id_of(room, seq)
        )

    def id_of(self, room: int, seq: int) -> int:
        rows = stored.between(self.db, self.refs[room], seq, seq)
        return rows[0].id if rows else 10**9

    # Sessions

    @rule(room=ROOMS, user=USERS)
    def a_user_joins(self, room: int, user: str) -> None:
        wanted = self.rooms[room].join(self.desk.now, user)
        (joined,) = self.desk.together((sessions.join, HOST, self.refs[room], user, user))
        if isinstance(joined, errors.ChatctlError):
            assert Refusal(joined.code) == wanted
            return
        expected = self.rooms[room]
        assert joined.is_admin == wanted
        assert joined.is_muted == (user in expected.muted(self.desk.now))
        assert joined.last_seq == len(expected.messages)
        assert joined.peak_users == expected.peak_users

    @rule(room=ROOMS, user=USERS)
    def a_user_leaves(self, room: int, user: str) -> None:
        session = room_sessions.open_of_user(self.db, self.refs[room], user)
        session_id = 10**9 if session is None else session.id
        for wanted in (self.rooms[room].end(user, self.desk.now, "left"), False):
            self.both(wanted, sessions.leave, self.refs[room], session_id, "left")

    # Administration

    @rule(room=ROOMS, user=USERS, reason=REASONS, seconds=LENGTHS)
    def a_ban(self, room: int, user: str, reason: str | None, seconds: int | None) -> None:
        wanted = self.rooms[room].sanction("ban", self.desk.now, user, reason, seconds)
        self.both(wanted, moderation.ban, self.refs[room], user, reason, seconds)

    @rule(room=ROOMS, user=USERS, reason=REASONS, seconds=LENGTHS)
    def a_mute(self, room: int, user: str, reason: str | None, seconds: int | None) -> None:
        wanted = self.rooms[room].sanction("mute", self.desk.now, user, reason, seconds)
        self.both(wanted, moderation.mute, self.refs[room], user, reason, seconds)

    @rule(room=ROOMS, user=USERS)
    def a_ban_is_lifted(self, room: int, user: str) -> None:
        wanted = self.rooms[room].lift("ban", self.desk.now, user)
        self.both(wanted, moderation.unban, self.refs[room], user)

    @rule(room=ROOMS, user=USERS)
    def a_mute_is_lifted(self, room: int, user: str) -> None:
        wanted = self.rooms[room].lift("mute", self.desk.now, user)
        self.both(wanted, moderation.unmute, self.refs[room], user)

    @rule(room=ROOMS, user=USERS)
    def a_soft_kick(self, room: int, user: str) -> None:
        wanted = self.rooms[room].kick(self.desk.now, user)
        self.both(wanted, moderation.kick, self.refs[room], user)

    @rule(room=ROOMS, user=USERS, other=USERS)
    def a_user_kicks_another(self, room: int, user: str, other: str) -> None:
        expected, now = self.rooms[room], self.desk.now
        wanted: object = Refusal("forbidden")
        if not expected.is_open:
            wanted = Refusal("conversation_closed")
        elif expected.is_room_admin(user, now):
            wanted = expected.sanction("ban", now, other, None, None)
        actor = events.Actor(user, "room:open")
        found = self.outcome(moderation.ban, actor, self.refs[room], other, None, None)
        assert found == wanted

    @rule(room=ROOMS, admins=st.sets(USERS, max_size=2))
    def admins_are_set(self, room: int, admins: set[str]) -> None:
        self.both(
            self.rooms[room].set_admins(admins), conversations.set_admins, self.refs[room], admins
        )

    @rule(room=ROOMS, add=st.sets(USERS, max_size=2), remove=st.sets(USERS, max_size=2))
    def admins_come_and_go(self, room: int, add: set[str], remove: set[str]) -> None:
        wanted = self.rooms[room].change_admins(add, remove)
        self.both(wanted, conversations.change_admins, self.refs[room], add, remove)

    @rule(room=ROOMS, name=st.sampled_from(["hall", "大厅"]))
    def a_room_is_renamed(self, room: int, name: str) -> None:
        self.both(self.rooms[room].rename(name), conversations.rename, self.refs[room], name)

    @rule(room=ROOMS, sure=st.sampled_from([*[False] * 14, True]))
    def a_room_is_closed(self, room: int, sure: bool) -> None:
        if sure or not self.rooms[room].is_open:
            self.both(self.rooms[room].close(self.desk.now), conversations.close, self.refs[room])

    # What must hold after every step

    @invariant()
    def rooms_are_as_expected(self) -> None:
        for number, expected in enumerate(self.rooms):
            ref = self.refs[number]
            found = rooms.get(self.db, ref)
            assert (found.name, found.status == "open") == (expected.name, expected.is_open)
            assert (found.current_users, found.peak_users, found.total_joins) == (
                len(expected.current),
                expected.peak_users,
                len(expected.stays),
            )
            assert found.admins == tuple(sorted(expected.admins))
            now = self.desk.now
            bans = sanctions.bans(self.db, ref, now)
            assert [(ban.user_id, ban.reason, ban.created_at, ban.expires_at) for ban in bans] == [
                (user, *expected.bans[user]) for user in expected.banned(now)
            ]
            mutes = sanctions.mutes(self.db, ref, now)
            assert [mute.user_id for mute in mutes] == expected.muted(now)

    @invariant()
    def histories_are_as_expected(self) -> None:
        for number, expected in enumerate(self.rooms):
            room = rooms.get(self.db, self.refs[number])
            page = history_pages.message_page(self.db, room, EVERYTHING, 1, 1000)
            assert page.total == len(expected.messages)
            told = [
                (row.seq, row.kind, row.sender, row.content, row.is_admin, row.created_at)
                for row in reversed(page.records)
            ]
            assert told == [
                (each.seq, each.kind, each.sender, each.content, each.is_admin, each.created_at)
                for each in expected.messages
            ]
            deleted = [row.deleted_at is not None for row in reversed(page.records)]
            assert deleted == [each.is_deleted for each in expected.messages]
            erased = [row.erased_at is not None for row in reversed(page.records)]
            assert erased == [each.is_erased for each in expected.messages]
            finished = history_pages.session_page(self.db, room, EVERYTHING, 1, 1000)
            assert sorted(
                (each.user_id, each.join_time, each.leave_time or 0) for each in finished.records
            ) == sorted(
                (stay.user_id, stay.join_time, stay.leave_time)
                for stay in expected.stays
                if stay.leave_time is not None
            )

    @invariant()
    def the_log_has_an_event_for_every_change(self) -> None:
        for entry in log.read_after(self.db, self.seen_offset, 1000):
            assert entry.offset == self.seen_offset + 1
            self.seen_offset = entry.offset
            assert entry.conversation is not None
            self.told.append((entry.conversation - 1, events.type_name(entry.payload)))
        for number, expected in enumerate(self.rooms):
            found = [name for room, name in self.told if room == number]
            assert found == expected.events


def _as_told(outcome: object) -> tuple[int, bool] | Refusal:
    if isinstance(outcome, errors.ChatctlError):
        return Refusal(outcome.code)
    assert isinstance(outcome, messages.Posted), outcome
    return outcome.seq, outcome.duplicate


RoomMachine.TestCase.settings = settings(
    max_examples=400 if PROOF else 25,
    stateful_step_count=60 if PROOF else 40,
    deadline=None,
    database=None,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)
TestRooms = RoomMachine.TestCase
