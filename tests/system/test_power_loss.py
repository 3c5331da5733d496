"""Power loss: kill -9 keeps the page cache, so here what was not synced is dropped.

The real actions run through the real ``Writer`` on a disk that remembers every write and sync. That
it shows a loss is seen with a mutation, ``not_synced``.
"""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import proof
import pytest
from unsynced import Disk, Survival

from chatctl_server.actions import conversations, messages, moderation, sessions
from chatctl_server.domain import events
from chatctl_server.storage import engine, log, maintenance
from chatctl_server.storage import messages as stored
from chatctl_server.storage.writer import Call, Writer

IMAGES = proof.size(20, 500)
TRANSACTIONS = proof.size(60, 300)
CHECKPOINT_PAGES = 40  # instead of 4,000, so that the losses meet checkpoints
SURVIVALS: tuple[Survival, ...] = ("none", "prefix", "sectors")
OPERATOR = events.Actor(None, "api_key")
START = 1_700_000_000_000_000


class Promise(NamedTuple):
    """``transaction`` was acknowledged with the log at that offset and these messages."""

    offset: int
    posted: list[tuple[int, str]]  # seq, content


class Scene:
    def __init__(self, directory: Path, disk: Disk, name: str) -> None:
        self.path = directory / "chat.db"
        self.disk = disk
        self.promises = [Promise(0, [])]
        self._chance = random.Random(7)
        self._time = START
        maintenance.prepare(self.path, durable=True)
        disk.hold(self.path, self.path.with_name("chat.db-wal"))
        self._database = engine.writing(Path(f"file:{self.path}?vfs={name}"), durable=True)
        pragmas = dict(self._database._pragmas)
        pragmas["wal_autocheckpoint"] = CHECKPOINT_PAGES
        self._database._pragmas = list(pragmas.items())
        self._writing = Writer(lambda: self._database, self._clock)
        (created,) = self._run((conversations.create_room, (OPERATOR, "lobby", ["boss"])))
        self.room = created.ref

    def _clock(self) -> int:
        self._time += 1000
        return self._time

    def _run(self, *calls: tuple[Any, tuple[Any, ...]]) -> list[Any]:
        """One transaction, whose outcomes are acknowledged by a mark in the disk's journal."""
        completed = self._writing.run([Call(action, given, print, 256) for action, given in calls])
        outcomes = [each.outcome for each in completed]
        assert not [each for each in outcomes if isinstance(each, Exception)]
        recorded = [entry for each in completed for entry in each.recorded]
        posted = [
            (e.payload.seq, e.payload.content)
            for e in recorded
            if isinstance(e.payload, events.MessagePosted)
        ]
        last = recorded[-1].offset if recorded else self.promises[-1].offset
        self.promises.append(Promise(last, posted))
        self.disk.mark()
        return outcomes

    def talk(self, transactions: int) -> None:
        for number in range(transactions):
            user_id = f"user-{number % 7}"
            if number % 5 == 0:
                self._run((sessions.join, (OPERATOR, self.room, user_id, user_id)))
            elif number % 11 == 0:
                self._run((moderation.mute, (OPERATOR, self.room, user_id, None, number)))
            else:
                count = self._chance.randint(1, 12)
                self._run(*((messages.POST, (self._post(number, each),)) for each in range(count)))
        self._writing.close()

    def _post(self, number: int, each: int) -> messages.Post:
        content = f"{number}.{each} " + "x" * self._chance.choice((0, 10, 300, 5000))
        return messages.Post(
            self.room, OPERATOR, "anna", "Anna", content, f"{number}.{each}", is_guarded=False
        )

    def lost_after(self, image: dict[str, bytes], promised: int, directory: Path) -> list[str]:
        """What the database of that image lacks of the first ``promised`` acknowledgements."""
        directory.mkdir()
        for name, content in image.items():
            (directory / name).write_bytes(content)
        path = directory / "chat.db"
        problems = list(maintenance.check(path))
        database = engine.reading(path)
        database.connect()
        try:
            offset = log.newest_offset(database)
            contents = {
                each.seq: each.content for each in stored.between(database, self.room, 1, 2**40)
            }
        finally:
            database.close()
        kept = self.promises[: promised + 1]
        if offset < kept[-1].offset:
            problems.append(f"the log ends at {offset}, {kept[-1].offset} was acknowledged")
        return problems + [
            f"message {seq} is lost"
            for promise in kept
            for seq, content in promise.posted
            if contents.get(seq) != content
        ]


def _losses(scene: Scene, directory: Path, count: int) -> Iterator[list[str]]:
    """Of ``count`` images, spread over the run and all ways to survive."""
    journal = scene.disk.journal
    marks = [number for number, change in enumerate(journal) if change.kind == "mark"]
    chance = random.Random(11)
    for number in range(count):
        end = chance.randint(marks[0], len(journal))
        promised = sum(mark < end for mark in marks)
        image = scene.disk.image(end, SURVIVALS[number % len(SURVIVALS)], chance)
        yield scene.lost_after(image, promised, directory / f"image-{number}")


@pytest.mark.timeout(proof.time_limit())
def test_a_power_loss_loses_nothing_acknowledged(tmp_path: Path) -> None:
    scene = Scene(tmp_path, Disk("disk"), "disk")
    scene.talk(TRANSACTIONS)
    assert any(change.kind == "sync" and change.name == "chat.db" for change in scene.disk.journal)
    losses = [lost for lost in _losses(scene, tmp_path, IMAGES) if lost]
    print(f"{IMAGES} images of {len(scene.disk.journal)} changes, {len(losses)} with a loss")
    assert losses == []
