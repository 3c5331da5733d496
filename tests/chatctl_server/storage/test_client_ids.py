"""A repeat of a client id is not stored again while it counts, whatever happens in between, and
is a message of its own when it counts no more."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lived_in import tamper
from offline import HOST, SECOND, Offline

from chatctl_server import errors
from chatctl_server.actions import messages, moderation
from chatctl_server.storage import client_ids, maintenance
from chatctl_server.storage.transaction import Tx

HOUR = 3600 * SECOND
LIMIT = 24 * HOUR
ROUND = 16  # messages, with the parts of ``few``


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few parts, so that a test sees many rounds of them."""
    use_few(monkeypatch)


def use_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_ids, "PARTS", 8)
    monkeypatch.setattr(client_ids, "STEP", 2)
    monkeypatch.setattr(client_ids, "_SHIFT", 61)


class Scene:
    def __init__(self, path: Path) -> None:
        self.offline = Offline(path)
        self.room = self.offline.create_room("lobby")

    def post(self, name: str, sender: str = "ann") -> messages.Posted:
        return self.offline.post(self.room, sender, "text", client_msg_id=name)

    def made(self, number: int) -> messages.Post:
        return messages.Post(self.room, HOST, "ann", "ann", "text", f"id-{number}")

    def post_many(self, first: int, count: int) -> None:
        for number in range(first, first + count):
            assert not self.post(f"id-{number}").duplicate, number

    def is_repeat(self, number: int) -> bool:
        return self.post(f"id-{number}").duplicate

    def run_for(self, passed: int, limit: int = LIMIT) -> None:
        self.offline.call(lambda tx: client_ids.age(tx.db, passed, limit))

    def is_sound(self) -> None:
        assert maintenance.check(self.offline.path) == []
        assert maintenance.verify(self.offline.path) == []

    def kept(self) -> list[int]:
        """Of which messages the table has the ids."""
        with closing(apsw.Connection(str(self.offline.path))) as connection:
            rows = connection.execute("SELECT message FROM client_id ORDER BY message").fetchall()
        return [message for (message,) in rows]


@pytest.fixture
def scene(tmp_path: Path, few: None) -> Iterator[Scene]:
    scene = Scene(tmp_path / "chat.db")
    yield scene
    scene.offline.close()


def test_the_hash_of_a_client_id_is_stored_and_must_stay_what_it_is() -> None:
    assert client_ids.client_hash(1, "ann", "c1") == -2773588611758997399
    assert client_ids.client_hash(1, "annc", "1") != client_ids.client_hash(1, "ann", "c1")
    assert 1 << (64 - client_ids._SHIFT) == client_ids.PARTS


def test_a_repeat_is_found_among_those_that_wait_and_in_the_table(scene: Scene) -> None:
    scene.post_many(0, 10 * ROUND)
    assert 0 < len(scene.kept()) < 10 * ROUND
    for number in range(10 * ROUND):
        again = scene.post(f"id-{number}")
        assert (again.duplicate, again.message_id, again.seq) == (True, number + 1, number + 1)
    scene.is_sound()


def test_the_same_id_of_another_sender_or_room_is_another_one(scene: Scene) -> None:
    scene.post_many(0, 3 * ROUND)
    attic = scene.offline.create_room("attic")
    for number in (0, 3 * ROUND - 1):
        assert not scene.post(f"id-{number}", "bob").duplicate
        assert not scene.offline.post(attic, "ann", "t", client_msg_id=f"id-{number}").duplicate
    scene.is_sound()


def test_few_ids_wait(scene: Scene) -> None:
    """So that memory, and what a start reads, are bounded."""
    for number in range(20):
        scene.post_many(number * ROUND, ROUND)
        assert len(scene.kept()) >= (number - 1) * ROUND


def test_few_ids_wait_though_no_run_is_long(scene: Scene) -> None:
    for number in range(6 * ROUND):
        scene.offline.restart()
        scene.post_many(number, 1)
        assert len(scene.kept()) >= number - 2 * ROUND
    assert all(scene.is_repeat(number) for number in range(6 * ROUND))
    scene.is_sound()


def test_posts_without_ids_move_the_parts_on(scene: Scene) -> None:
    scene.post_many(0, 5)
    for _ in range(2 * ROUND):
        scene.offline.post(scene.room, "ann", "without an id")
    assert scene.kept() == [1, 2, 3, 4, 5]
    scene.is_sound()


def test_a_transaction_that_is_undone_leaves_no_id_behind(scene: Scene) -> None:
    """Nor does it lose one: what it had written to the table waits again."""
    scene.post_many(0, ROUND)
    posts = [scene.made(number) for number in range(ROUND, 2 * ROUND)]
    with pytest.raises(errors.Conflict):
        scene.offline.call(post_and_fail, posts)
    assert all(scene.is_repeat(number) for number in range(ROUND))
    scene.post_many(ROUND, ROUND)
    assert all(scene.is_repeat(number) for number in range(2 * ROUND))
    scene.is_sound()


def test_ids_with_the_same_hash_are_told_apart(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_ids, "client_hash", lambda *key: 7)
    scene.post_many(0, 3 * ROUND)
    scene.offline.run(moderation.ban, scene.room, "eve", None, None)
    scene.offline.restart()
    with pytest.raises(errors.Banned):  # nothing is stored of the transaction that reads them
        scene.post("id-0", "eve")
    assert all(scene.is_repeat(number) for number in range(3 * ROUND))
    assert not scene.is_repeat(3 * ROUND)
    scene.is_sound()


def test_an_id_counts_as_long_as_the_limit_says(scene: Scene) -> None:
    scene.post_many(0, 3)
    scene.run_for(0)
    scene.run_for(LIMIT - 1)
    scene.post_many(3, 3)
    assert all(scene.is_repeat(number) for number in range(6))
    scene.run_for(1)
    first = scene.post("id-0")
    assert (first.duplicate, first.seq) == (False, 7)
    assert scene.post("id-0").seq == 7
    assert all(scene.is_repeat(number) for number in (0, 3, 4, 5))
    scene.is_sound()


def test_neither_a_clock_nor_a_long_stop_makes_an_id_expire(scene: Scene) -> None:
    scene.post_many(0, 3 * ROUND)
    scene.run_for(0)
    for jump in (10 * 365 * 24 * HOUR, -30 * 24 * HOUR):
        scene.offline.now += jump
        scene.offline.restart()
        scene.run_for(HOUR)
        assert all(scene.is_repeat(number) for number in range(3 * ROUND))
    scene.is_sound()


def test_a_shorter_limit_is_in_force_at_once(scene: Scene) -> None:
    scene.post_many(0, ROUND)
    scene.run_for(0)
    scene.run_for(2 * HOUR)
    assert scene.is_repeat(0)
    scene.run_for(0, HOUR)
    assert not scene.is_repeat(0)
    scene.is_sound()


def test_a_longer_limit_holds_for_what_has_not_expired(scene: Scene) -> None:
    scene.run_for(0, HOUR)
    scene.post_many(0, ROUND)
    scene.run_for(0, HOUR)
    scene.run_for(HOUR, HOUR)
    scene.post_many(ROUND, ROUND)
    scene.run_for(0, LIMIT)
    scene.run_for(LIMIT - 1, LIMIT)
    assert not scene.is_repeat(0)
    assert all(scene.is_repeat(number) for number in range(ROUND, 2 * ROUND))
    scene.is_sound()


def test_expired_ids_are_removed(scene: Scene) -> None:
    """Many generations on, the table holds those that count, and a share of others."""
    for day in range(8):
        scene.post_many(10 * ROUND * day, 10 * ROUND)
        scene.run_for(LIMIT)
        newest = 10 * ROUND * (day + 1)
        kept = scene.kept()
        assert len(kept) < 25 * ROUND
        assert kept[0] > newest - 25 * ROUND
    scene.is_sound()


def test_an_erased_message_keeps_its_id(scene: Scene) -> None:
    erased, deleted = scene.post("id-0"), scene.post("id-1")
    scene.offline.run(messages.erase, scene.room, erased.message_id)
    scene.offline.run(messages.delete, scene.room, deleted.message_id)
    scene.post_many(2, 3 * ROUND)
    assert scene.post("id-0").seq == 1
    assert scene.post("id-1").seq == 2
    scene.is_sound()


def test_a_backup_finds_what_it_holds(scene: Scene, tmp_path: Path) -> None:
    scene.post_many(0, 3 * ROUND)
    maintenance.backup(scene.offline.path, tmp_path / "copy.db")
    scene.post_many(3 * ROUND, ROUND)
    scene.offline.close()
    maintenance.restore(scene.offline.path, tmp_path / "copy.db")
    scene.offline.restart()
    assert all(scene.is_repeat(number) for number in range(3 * ROUND))
    assert not scene.is_repeat(3 * ROUND)
    scene.is_sound()


def test_an_id_that_is_not_in_the_table_is_a_problem(scene: Scene) -> None:
    scene.post_many(0, 3 * ROUND)
    missing = scene.kept()[0]
    tamper(scene.offline.path, f"DELETE FROM client_id WHERE message = {missing}")
    assert [str(each) for each in maintenance.check(scene.offline.path)] == [
        f"client_id: message {missing} cannot be found by its client_msg_id"
    ]


def test_an_id_that_was_stored_twice_is_a_problem(scene: Scene) -> None:
    """In the table, and with one of the two still waiting."""
    scene.post_many(0, 3 * ROUND)
    kept = scene.kept()
    waiting = max({*range(1, 3 * ROUND + 1)} - {*kept})
    scene.offline.close()
    for later in (kept[-1], waiting):
        copied = scene.offline.path.with_name("copied.db")
        shutil.copy(scene.offline.path, copied)
        tamper(
            copied,
            f"UPDATE message SET client_msg_id = 'id-0' WHERE id = {later}",
            f"UPDATE client_id SET hash = {client_ids.client_hash(1, 'ann', 'id-0')} "
            f"WHERE message = {later}",
        )
        assert [str(each) for each in maintenance.check(copied)] == [
            f"client_id: messages 1 and {later} have the same sender and client_msg_id"
        ]
        copied.unlink()


class Model:
    """What must be the answer, kept as simply as can be."""

    def __init__(self) -> None:
        self.posted: dict[int, int] = {}  # id → message
        self.newest = self.served = self.expired = 0
        self.ages: list[tuple[int, int]] = []

    def post(self, number: int) -> tuple[int, bool]:
        message = self.posted.get(number, 0)
        if message > self.expired:
            return message, True
        self.newest += 1
        self.posted[number] = self.newest
        return self.newest, False

    def run_for(self, hours: int) -> None:
        self.served += hours
        self.ages.append((self.served, self.newest))
        old = [newest for served, newest in self.ages if served <= self.served - 24]
        self.expired = max([self.expired, *old])


def post(scene: Scene, model: Model, number: int) -> None:
    posted = scene.post(f"id-{number}")
    assert (posted.message_id, posted.duplicate) == model.post(number)


def post_together(scene: Scene, model: Model, numbers: list[int]) -> None:
    found = scene.offline.together(*((messages.POST, scene.made(each)) for each in numbers))
    outcomes = [(each.message_id, each.duplicate) for each in found]
    assert outcomes == [model.post(each) for each in numbers]


def post_without_ids(scene: Scene, model: Model, count: int) -> None:
    for _ in range(count):
        scene.offline.post(scene.room, "ann", "without an id")
    model.newest += count


def post_in_vain(scene: Scene, model: Model, numbers: list[int]) -> None:
    posts = [scene.made(each) for each in numbers]
    with pytest.raises(errors.Conflict):
        scene.offline.call(post_and_fail, posts)


def post_and_fail(tx: Tx, posts: list[messages.Post]) -> None:
    messages.post_many(tx, posts)
    raise errors.Conflict("after all")


def run_for(scene: Scene, model: Model, hours: int) -> None:
    scene.run_for(hours * HOUR)
    model.run_for(hours)


def set_clock(scene: Scene, model: Model, hours: int) -> None:
    scene.offline.now += hours * HOUR


def restart(scene: Scene, model: Model, _: None) -> None:
    scene.offline.restart()


NUMBERS = st.integers(0, 60)
STEPS = st.one_of(
    st.tuples(st.just(post), NUMBERS),
    st.tuples(st.just(post_together), st.lists(NUMBERS, min_size=2, max_size=20)),
    st.tuples(st.just(post_without_ids), st.integers(1, 5)),
    st.tuples(st.just(post_in_vain), st.lists(NUMBERS, min_size=1, max_size=20)),
    st.tuples(st.just(run_for), st.sampled_from([0, 1, 10, 25])),
    st.tuples(st.just(set_clock), st.integers(-100, 100)),
    st.tuples(st.just(restart), st.none()),
)


@given(steps=st.lists(STEPS, max_size=60))
@settings(max_examples=30, deadline=None)
def test_whatever_happens_a_repeat_is_one_as_long_as_its_id_counts(
    steps: list[tuple[Callable[[Scene, Model, Any], None], Any]],
) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch, tempfile.TemporaryDirectory() as directory:
        use_few(monkeypatch)
        scene, model = Scene(Path(directory) / "chat.db"), Model()
        try:
            for take, argument in steps:
                take(scene, model, argument)
            scene.is_sound()
        finally:
            scene.offline.close()
