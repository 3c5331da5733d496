"""Lists of rooms and the rooms that a word may mean: one query of the database each."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from offline import HOST, Offline

from chatctl_server.actions import conversations
from chatctl_server.domain.references import RoomRef
from chatctl_server.storage import engine, rooms
from chatctl_server.storage.sql import Database

ROOMS = 4000
GLOB = st.text("ab*?[]!^")


class Asked:
    """A reader of a database, and the statements that SQLite was given."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.statements: list[str] = []
        db.connection().exec_trace = self._note

    def _note(self, _cursor: object, statement: str, _bindings: object) -> bool:
        self.statements.append(statement)
        return True


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("many") / "chat.db"
    desk = Offline(path)
    names = (f"room {number}" for number in range(ROOMS))
    desk.together(*((conversations.create_room, HOST, name, ("zoe", "anna")) for name in names))
    desk.close()
    return path


@pytest.fixture
def asked(many: Path) -> Iterator[Asked]:
    db = engine.reading(many)
    yield Asked(db)
    db.close()


def test_a_list_a_pattern_and_a_word_are_one_query_each(asked: Asked) -> None:
    found = rooms.page(asked.db, 0, "open", None)
    assert [each.name for each in found] == [f"room {n}" for n in range(ROOMS)]
    assert {each.admins for each in found} == {("anna", "zoe")}
    matching = rooms.page(asked.db, 0, "all", 2, "room 3[0-1]?9")
    assert [each.name for each in matching] == ["room 3009", "room 3019"]
    (meant,) = rooms.meant_by(asked.db, "room 3999", "all", None)
    assert (meant.name, meant.admins) == ("room 3999", ("anna", "zoe"))
    assert len(asked.statements) == 3


class Rooms:
    def __init__(self, desk: Offline) -> None:
        self.desk = desk
        self.reader = engine.reading(desk.path)
        self.refs: dict[str, RoomRef] = {}

    def create(self, name: str) -> str:
        ref = self.desk.create_room(name)
        room_id = rooms.get(self.reader, ref).public_id
        self.refs[room_id] = ref
        return room_id

    def close(self, room_id: str) -> None:
        self.desk.run(conversations.close, self.refs[room_id])

    def meant(self, word: str, status: rooms.Wanted = "all") -> list[str]:
        found = rooms.meant_by(self.reader, word, status, None)
        return [each.public_id for each in found]


@pytest.fixture
def few(tmp_path: Path) -> Iterator[Rooms]:
    desk = Offline(tmp_path / "chat.db")
    few = Rooms(desk)
    yield few
    few.reader.close()
    desk.close()


def test_an_id_goes_before_a_room_that_is_called_so(few: Rooms) -> None:
    lobby = few.create("lobby")
    few.create(lobby)
    assert few.meant(lobby) == few.meant(lobby.upper()) == [lobby]


def test_the_beginning_of_an_id_has_eight_characters(few: Rooms) -> None:
    lobby = few.create("lobby")
    few.close(lobby)
    few.create("arena")
    assert few.meant(lobby[:8]) == few.meant(lobby[:8].upper()) == few.meant(lobby[:20]) == [lobby]
    assert few.meant(lobby[:7]) == few.meant(lobby[:8] + "%") == few.meant(lobby[:7] + "*") == []
    assert few.meant(lobby[:8], "open") == []


def test_a_name_like_the_beginning_of_an_id_takes_no_commands_away(few: Rooms) -> None:
    lobby = few.create("lobby")
    decoy = few.create(lobby[:8])
    assert few.meant(lobby[:8]) == [lobby, decoy]
    few.close(decoy)
    assert few.meant(lobby[:8]) == [lobby]


def test_an_open_room_is_meant_before_a_closed_one(few: Rooms) -> None:
    old, older = few.create("lobby"), few.create("lobby")
    few.close(old)
    few.close(older)
    assert few.meant("lobby") == [old, older]
    new = few.create("lobby")
    assert few.meant("lobby") == [new]
    assert few.meant("lobby", "closed") == [old, older]


def test_a_name_is_meant_exactly(few: Rooms) -> None:
    odd = few.create("a[1]*?")
    for name in ("lobby", "a1bc"):
        few.create(name)
    words = ("", "Lobby", "lobby ", "l*", "nowhere", "%", "\0")
    assert [few.meant(word) for word in words] == [[]] * len(words)
    assert few.meant("a[1]*?") == [odd]


def matching(db: Database, pattern: str, *names: str) -> list[str]:
    """Of the names those that the database says fit."""
    glob = rooms._sqlite_glob(pattern)
    return [n for n in names if db.execute_sql("SELECT ? GLOB ?", (n, glob)).fetchone()[0]]


@pytest.fixture(scope="module")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    path = tmp_path_factory.mktemp("glob") / "x.db"
    path.touch()
    db = engine.writing(path, durable=False)
    yield db
    db.close()


def test_a_set_of_a_pattern_is_as_in_a_shell(memory: Database) -> None:
    names = [f"{first}x" for first in "abcdA^_-]![é你"]
    for chars in ("a-c", "!a-c", "^a-c", "]a", "!]a", "^-a", "-a", "a-"):
        pattern = f"[{chars}]x"
        assert matching(memory, pattern, *names) == [n for n in names if fnmatchcase(n, pattern)]


@given(pattern=GLOB, name=GLOB)
def test_a_pattern_is_as_in_a_shell(memory: Database, pattern: str, name: str) -> None:
    assert bool(matching(memory, pattern, name)) == fnmatchcase(name, pattern)
