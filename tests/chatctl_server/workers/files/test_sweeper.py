"""What becomes of files that nothing refers to, of what uploads left, and of damaged ones."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from offline import Offline
from team import DEFAULT, Town

from chatctl_server.actions import messages, workspaces
from chatctl_server.actions import stored_files as actions
from chatctl_server.domain import account_events, events, times
from chatctl_server.domain.references import ChatRef
from chatctl_server.domain.stored_files import FileName
from chatctl_server.storage import maintenance, stored_files
from chatctl_server.storage.file_store import FileStore
from chatctl_server.storage.store import Store
from chatctl_server.storage.stored_files import StoredFile
from chatctl_server.workers.files.sweeper import Sweeper

HOUR = 3600 * times.SECOND
DAY = 24 * HOUR


class Scene:
    """A chat of Anna's in workspace 0, and files that were uploaded some time ago. What happens is
    told in its order: the times of the log never fall."""

    def __init__(self, directory: Path) -> None:
        self.town = Town(directory / "chat.db")
        self.file: Offline = self.town.scene
        self.disk = FileStore(directory / "files")
        self.now = times.now()
        self.at(1000 * HOUR)
        self.anna = self.town.person("Anna", role="owner")
        self.chat: ChatRef = self.town.chat("private", "plans", self.anna)

    def at(self, ago: int) -> None:
        self.file.now = self.now - ago

    def upload(self, content: bytes, ago: int) -> FileName:
        self.at(ago)
        incoming = self.disk.begin(0, "txt")
        incoming.write(content)
        incoming.finish()
        self.disk.publish(incoming)
        self.disk.discard(incoming.path)
        found = StoredFile(incoming.name, DEFAULT.scope, incoming.media_type, incoming.size)
        self.file.run(actions.store, [found])
        return incoming.name

    def post(self, ago: int, *names: FileName) -> int:
        self.at(ago)
        urls = tuple(each.url for each in names)
        return self.file.post(self.chat, "u1", "look", attachments=urls).message_id

    def set_avatar(self, ago: int, url: str | None) -> None:
        self.at(ago)

        def change(tx: object, actor: events.Actor) -> None:
            changed = account_events.AccountChanged(1, "a@b", "Anna", url, 0, False)
            tx.record(changed, actor)  # type: ignore[attr-defined]

        self.file.run(change)

    def leave(self, ago: int) -> None:
        """The workspace."""
        self.at(ago)
        self.file.run(workspaces.leave_workspace, DEFAULT, self.anna.id)

    def is_there(self, name: FileName) -> bool:
        """On the disk as in the tables."""
        found = self.file.ask(stored_files.is_stored, name)
        assert self.disk.path(name).exists() == found
        return bool(found)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    made.disk.close()
    path = tmp_path / "chat.db"
    assert maintenance.check(path) == maintenance.verify(path) == []


@pytest.fixture
async def sweeper(scene: Scene) -> AsyncIterator[Sweeper]:
    """It writes when the scene is over."""
    store = Store(scene.file.path, durable=False, clock=times.now)
    await store.open()
    yield Sweeper(store, scene.disk)
    await store.close()


async def test_a_file_that_nothing_shows_goes_after_a_day(scene: Scene, sweeper: Sweeper) -> None:
    shown, again = scene.upload(b"shown", 50 * HOUR), scene.upload(b"again", 50 * HOUR)
    scene.post(49 * HOUR, shown)
    old, new = scene.upload(b"old", 25 * HOUR), scene.upload(b"new", 23 * HOUR)
    scene.upload(b"again", HOUR)
    await sweeper.sweep()
    found = [scene.is_there(each) for each in (old, new, shown, again)]
    assert found == [False, True, True, True]
    assert not list(scene.disk.directory.rglob("*.part"))
    assert scene.file.ask(stored_files.bytes_of, 0) == len(b"new" + b"shown" + b"again")


async def test_a_day_begins_when_the_last_message_is_erased(scene: Scene, sweeper: Sweeper) -> None:
    kept, gone = scene.upload(b"kept", 99 * HOUR), scene.upload(b"gone", 99 * HOUR)
    first, second = scene.post(98 * HOUR, kept, gone), scene.post(98 * HOUR, kept)
    scene.at(25 * HOUR)
    scene.file.run(messages.erase, scene.chat, first)
    scene.at(23 * HOUR)
    scene.file.run(messages.erase, scene.chat, second)
    await sweeper.sweep()
    assert (scene.is_there(kept), scene.is_there(gone)) == (True, False)


@pytest.mark.parametrize("before", ["", "/api", "https://chat.example"])
async def test_an_avatar_refers_to_its_file(scene: Scene, sweeper: Sweeper, before: str) -> None:
    worn, former = scene.upload(b"worn", 99 * HOUR), scene.upload(b"former", 99 * HOUR)
    lately = scene.upload(b"lately", 99 * HOUR)
    scene.set_avatar(98 * HOUR, before + former.url)
    scene.set_avatar(30 * HOUR, before + lately.url)
    scene.set_avatar(2 * HOUR, before + worn.url)
    await sweeper.sweep()
    found = [scene.is_there(each) for each in (worn, lately, former)]
    assert found == [True, True, False]


async def test_the_avatar_of_who_is_elsewhere_holds_no_file(scene: Scene, sweeper: Sweeper) -> None:
    """Nor does it put off that it goes."""
    scene.town.person("Bert")  # the workspace goes on
    own, foreign, late = (scene.upload(each, 99 * HOUR) for each in (b"own", b"foreign", b"late"))
    scene.set_avatar(98 * HOUR, own.url)
    scene.leave(50 * HOUR)
    scene.set_avatar(49 * HOUR, late.url)
    scene.set_avatar(2 * HOUR, foreign.url)
    await sweeper.sweep()
    assert [scene.is_there(each) for each in (own, foreign, late)] == [False] * 3


async def test_who_leaves_has_held_their_avatar_until_then(scene: Scene, sweeper: Sweeper) -> None:
    worn = scene.upload(b"worn", 99 * HOUR)
    scene.set_avatar(98 * HOUR, worn.url)
    scene.leave(2 * HOUR)
    await sweeper.sweep()
    assert scene.is_there(worn)


async def test_what_a_crash_left_is_removed(scene: Scene, sweeper: Sweeper) -> None:
    """Of an upload: half of it, or all but its record; of a removal: all but the file's end."""
    disk = scene.disk
    stays = scene.upload(b"stays", 0)
    place = disk.path(stays)
    (disk.directory / "0" / ".half.part").write_bytes(b"ha")
    os.link(place, disk.directory / "0" / ".recorded.part")
    unrecorded = stays._replace(extension="png")
    (disk.directory / "0" / ".whole.part").write_bytes(b"stays")
    os.link(disk.directory / "0" / ".whole.part", disk.path(unrecorded))
    foreign = disk.path(stays._replace(extension="mine"))
    foreign.write_bytes(b"put there by somebody")
    received = disk.begin(0, "txt")
    await sweeper.sweep()
    left = {each for each in disk.directory.rglob("*") if each.is_file()}
    assert left == {place, foreign, received.path}
    received.close()
    disk.discard(received.path)
    foreign.unlink()


async def test_a_file_is_either_recorded_or_removed_whatever_comes_between(
    scene: Scene, sweeper: Sweeper
) -> None:
    """It was found unused; before it is removed somebody uploads it again."""
    name = scene.upload(b"again", 25 * HOUR)
    scene.upload(b"other", 25 * HOUR)
    found, _ = scene.file.ask(stored_files.unused_after, stored_files.START, scene.now - DAY)
    scene.upload(b"again", 0)
    scene.upload(b"other", 0)
    assert not await sweeper._remove(events.SERVER, found, scene.now - DAY)
    assert scene.is_there(name)
    assert scene.is_there(found.name)


async def test_a_check_finds_what_is_damaged_and_removes_what_is_unused(
    scene: Scene, sweeper: Sweeper, caplog: pytest.LogCaptureFixture
) -> None:
    unused, *used = (scene.upload(text, 30 * HOUR) for text in (b"0", b"1", b"2", b"3"))
    scene.post(29 * HOUR, *used)
    scene.disk.path(used[0]).write_bytes(b"x")
    scene.disk.path(used[1]).unlink()
    found = await sweeper.check(events.SERVER, 0)
    assert (found.scanned, found.removed, found.damaged) == (4, 1, 2)
    assert not scene.is_there(unused)
    told = " ".join(each.message for each in caplog.records)
    assert all(name.path in told for name in used[:2])
    assert used[2].path not in told
    other = scene.town.workspace("other")
    elsewhere = used[2]._replace(workspace=other.number)
    scene.at(0)
    scene.file.run(actions.store, [StoredFile(elsewhere, other.scope, "text/plain", 1)])
    assert await sweeper.check(events.SERVER, other.number) == (1, 0, 1)
    scene.upload(b"2", 0)
    assert (await sweeper.check(events.SERVER, 0)).damaged == 1
