"""One transaction for many calls: each is answered by itself, and what fails leaves nothing."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import apsw
import pytest
from offline import Offline, room

from chatctl_server import errors
from chatctl_server.actions import conversations, messages, moderation
from chatctl_server.domain import events
from chatctl_server.domain.references import ConversationRef
from chatctl_server.domain.times import SECOND
from chatctl_server.storage import engine, log, maintenance
from chatctl_server.storage import messages as stored
from chatctl_server.storage.transaction import Tx
from chatctl_server.storage.writer import Batch, Call, Completed, Writer

OPERATOR = events.Actor(None, "api_key")
ROOM = room(1)
START = 1_700_000_000 * SECOND


class Scene(Offline):
    def __init__(self, path: Path) -> None:
        super().__init__(path, START)
        self.create_room("lobby")

    def batch(self, *calls: tuple[Any, tuple[Any, ...]]) -> list[Completed]:
        return self.writing.run([Call(action, given, print, 256) for action, given in calls])

    def post(self, *posts: messages.Post) -> list[Any]:
        return [each.outcome for each in self.batch(*((messages.POST, (post,)) for post in posts))]

    def rows(self) -> list[stored.Message]:
        return list(self.ask(stored.between, ROOM, 1, 2**40))

    def types(self) -> list[str]:
        return [events.type_name(entry.payload) for entry in self.ask(log.read_after, 0, 1000)]

    def is_sound(self) -> None:
        assert maintenance.check(self.path) == []
        assert maintenance.verify(self.path) == []


def text(content: str, client_msg_id: str | None = None, **more: Any) -> messages.Post:
    return messages.Post(ROOM, OPERATOR, "anna", "Anna", content, client_msg_id, **more)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(tmp_path / "chat.db")
    yield scene
    scene.writing.close()


def test_an_action_that_fails_leaves_nothing_and_its_neighbours_stay(scene: Scene) -> None:
    def ban_and_break(tx: Tx) -> None:
        moderation.ban(tx, OPERATOR, ROOM, "carl", None, None)
        raise errors.Conflict("after all")

    completed = scene.batch(
        (moderation.ban, (OPERATOR, ROOM, "anna", None, None)),
        (ban_and_break, ()),
        (moderation.mute, (OPERATOR, ROOM, "bert", None, None)),
    )
    assert isinstance(completed[1].outcome, errors.Conflict)
    assert [len(each.recorded) for each in completed] == [1, 0, 1]
    assert scene.types() == ["room.created", "ban.set", "mute.set"]
    scene.is_sound()


def test_a_post_that_cannot_be_stored_does_not_take_its_batch_along(scene: Scene) -> None:
    """The batch form fails as a whole, so its posts are run one by one."""
    outcomes = scene.post(text("one"), text("\ud800"), text("three"))
    assert isinstance(outcomes[1], UnicodeEncodeError)
    assert [outcomes[0].seq, outcomes[2].seq] == [1, 2]
    assert [row.content for row in scene.rows()] == ["one", "three"]
    scene.is_sound()


def test_a_repeat_in_the_same_batch_is_stored_once(scene: Scene) -> None:
    first, other, repeat = scene.post(text("one", "a"), text("two", "b"), text("one", "a"))
    assert (first.duplicate, other.duplicate, repeat.duplicate) == (False, False, True)
    assert (repeat.message_id, repeat.seq) == (first.message_id, first.seq)
    (late,) = scene.post(text("one", "a"))
    assert (late.seq, late.duplicate) == (1, True)
    assert [row.content for row in scene.rows()] == ["one", "two"]


def test_in_a_batch_too_a_user_is_guarded_and_the_host_in_their_name_is_not(scene: Scene) -> None:
    scene.batch((moderation.mute, (OPERATOR, ROOM, "anna", None, None)))
    hosts, own = scene.post(text("the host's", is_guarded=False), text("her own"))
    assert hosts.seq == 1
    assert isinstance(own, errors.Muted)


def test_what_was_lost_does_not_throttle(scene: Scene) -> None:
    """The memory of who was heard goes with the transaction that it came from."""
    scene.post(text("before", interval_seconds=3))
    scene.now += 10 * SECOND

    def lose(tx: Tx) -> None:
        tx.db.execute_sql("ROLLBACK")
        raise errors.NotStored("as SQLite does after an error of its own")

    completed = scene.batch((messages.POST, (text("lost", interval_seconds=3),)), (lose, ()))
    assert [type(each.outcome) for each in completed] == [errors.NotStored] * 2
    (repeated,) = scene.post(text("lost", interval_seconds=3))
    assert repeated.seq == 2
    assert [row.content for row in scene.rows()] == ["before", "lost"]


def reads(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The rooms whose last senders are looked up from now on."""
    found: list[int] = []
    look_up = stored.last_heard

    def counted(db: Any, ref: ConversationRef, first: int) -> dict[str, int]:
        found.append(ref.id)
        return look_up(db, ref, first)

    monkeypatch.setattr(stored, "last_heard", counted)
    return found


@pytest.mark.parametrize("beside", [False, True])
def test_a_refusal_costs_no_room_a_look_at_its_messages(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, beside: bool
) -> None:
    scene.post(text("before", interval_seconds=3))
    found = reads(scene, monkeypatch)
    refused = (moderation.ban, (events.Actor("anna", "room:open"), ROOM, "bert", None, None))
    others = [(messages.POST, (text("throttled", interval_seconds=3),))] if beside else []
    *_, completed = scene.batch(*others, refused)
    assert isinstance(completed.outcome, errors.Forbidden)
    (again,) = scene.post(text("again", interval_seconds=3))
    assert isinstance(again, errors.Throttled)
    assert found == []


def test_a_post_that_is_undone_does_not_throttle(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its room is looked up anew, and no other."""
    (created,) = scene.batch((conversations.create_room, (OPERATOR, "other", [])))
    assert created.recorded[0].conversation == 2
    other = messages.Post(room(2), OPERATOR, "bert", "Bert", "hello", interval_seconds=3)
    scene.post(text("before", interval_seconds=3), other)
    found = reads(scene, monkeypatch)
    scene.now += 10 * SECOND

    def post_and_break(tx: Tx) -> None:
        messages.post_one(tx, text("undone", interval_seconds=3))
        raise errors.Conflict("after all")

    undone, beside = scene.batch((post_and_break, ()), (messages.POST, (other,)))
    assert isinstance(undone.outcome, errors.Conflict)
    assert isinstance(beside.outcome, messages.Posted)
    accepted, refused = scene.post(*(text(each, interval_seconds=3) for each in ("one", "two")))
    assert isinstance(accepted, messages.Posted)
    assert isinstance(refused, errors.Throttled)
    assert found == [1]
    scene.is_sound()


@pytest.mark.parametrize("calls", [1, 2])
@pytest.mark.parametrize("beside", [False, True])
def test_an_action_that_hides_a_loss_has_stored_nothing(
    scene: Scene, calls: int, beside: bool
) -> None:
    def lose_many(tx: Tx, tries: Sequence[int]) -> list[str]:
        tx.db.execute_sql("ROLLBACK")
        return ["stored" for _ in tries]

    losing = Batch(lambda tx, number: lose_many(tx, [number])[0], lose_many)
    others = [(messages.POST, (text("lost"),))] if beside else []
    completed = scene.batch(*others, *((losing, (number,)) for number in range(calls)))
    assert {type(each.outcome) for each in completed} == {errors.NotStored}
    assert scene.rows() == []


def test_what_a_failing_batch_had_written_is_undone(scene: Scene) -> None:
    database = engine.writing(scene.path, durable=False)
    database.connect()
    database.execute_sql(
        "CREATE TRIGGER refuse BEFORE INSERT ON message WHEN new.content = 'bad' "
        "BEGIN SELECT RAISE(ABORT, 'refused'); END"
    )
    database.close()
    good, bad, better = scene.post(text("good"), text("bad"), text("better"))
    assert (good.seq, better.seq) == (1, 2)
    assert isinstance(bad, errors.NotStored)
    assert [row.content for row in scene.rows()] == ["good", "better"]
    assert scene.types() == ["room.created", "message.posted", "message.posted"]


def test_a_commit_that_failed_and_took_effect_is_told_later(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.post(text("first"))
    _fail_after_commit(scene.writing, monkeypatch)
    (unknown,) = scene.post(text("second", "c2"))
    assert isinstance(unknown, errors.OutcomeUnknown)
    completed = scene.batch((messages.POST, (text("third"),)))
    told = [entry.payload.content for each in completed for entry in each.recorded]
    assert told == ["second", "third"]
    assert scene.post(text("second", "c2"))[0].duplicate


def _fail_after_commit(writing: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next COMMIT takes effect and raises all the same, as when an fsync's answer is lost."""
    database = writing._open()
    execute = database.execute_sql

    def failing(statement: str, *arguments: Any) -> Any:
        done = execute(statement, *arguments)
        if statement == "COMMIT":
            raise apsw.IOError("disk I/O error")
        return done

    monkeypatch.setattr(database, "execute_sql", failing)
