"""``chatctl db seed --demo``: a lived-in database for people who try things out."""

import json
from pathlib import Path
from typing import Any

import apsw
import pytest
from lived_in import texts
from msgspec.structs import replace
from same_process import Here

from chatctl_server import demo
from chatctl_server.domain import times
from chatctl_server.storage import maintenance

DEMO = ("db", "seed", "--demo", "--db", "sqlite:./chat.db")


@pytest.fixture
def empty(here: Here) -> Path:
    path = here.directory / "chat.db"
    maintenance.migrate(path)
    return path


def test_an_empty_database_is_filled(here: Here, empty: Path) -> None:
    done = here(*DEMO, "--json")
    assert json.loads(done.stdout) == {
        "database": str(empty),
        "rooms": 4,
        "messages": 53,
        "users": 8,
        "bans": 1,
        "accounts": 4,
        "chats": 1,
        "conversations": 5,
        "changed": True,
    }
    assert (done.stderr, done.exit) == ("", 0)
    info = maintenance.info(empty)
    assert (info.rooms_open, info.rooms_closed, info.messages, info.bans) == (3, 1, 53, 1)
    assert maintenance.check(empty) == []
    assert maintenance.verify(empty) == []


def test_it_looks_as_after_two_days(empty: Path) -> None:
    now = times.now()
    made_up = demo.read()
    demo.seed(empty, made_up, now)
    with apsw.Connection(str(empty)) as connection:
        ((first, last),) = connection.execute("SELECT min(at), max(at) FROM event").fetchall()
        (still_there,) = connection.execute(
            "SELECT count(*) FROM room_session WHERE leave_time IS NULL"
        ).fetchone()
        nicknames = {name for (name,) in connection.execute("SELECT nickname FROM room_session")}
    assert now - first == demo.AGE
    assert 0 < now - last < 3600 * demo.SECOND
    assert still_there == 0
    assert nicknames == set(made_up.nicknames.values())
    said = texts(empty)
    assert "您好，请问有什么可以帮您？" in said
    assert not any("coins.example" in text for text in said)


def test_a_team_and_a_desk_are_there(here: Here, empty: Path) -> None:
    here(*DEMO)

    def told(*words: str) -> Any:
        done = here(*words, "--db", "sqlite:./chat.db", "--json", "--quiet")
        assert done.exit == 0, done
        return json.loads(done.stdout)

    roles = [each["role"] for each in told("workspaces", "members", "Nordwind")]
    assert roles == ["owner", "agent", "agent", "member"]
    (chat,) = told("chats", "ls")
    assert (chat["name"], chat["member_count"]) == ("shop floor", 4)
    assert "Nordwind shop" in [each["name"] for each in told("sites", "ls")]
    found = told("conversations", "ls")
    assert [each["status"] for each in found] == ["open", "open", "open", "snoozed", "closed"]
    whose = {each["customer_name"]: each for each in found}
    assert whose["Bo Lund"]["labels"] == ["delivery"]
    assert whose["Ines Roth"]["priority"] == "high"
    assert whose["王小明"]["assignee_id"] is None
    status = told("status")
    assert (status["conversations_open"], status["conversations_waiting"]) == (3, 3)


def test_a_database_in_which_something_happened_is_exit_5(here: Here, empty: Path) -> None:
    assert here(*DEMO).exit == 0
    before = empty.read_bytes()
    done = here(*DEMO)
    assert (done.stdout, done.exit) == ("", 5)
    assert "the database is not empty" in done.stderr
    assert empty.read_bytes() == before


def test_it_is_all_or_nothing(empty: Path) -> None:
    whole = demo.read()
    talk = replace(whole.talks[-1], lines=(("anna", "x"), ("nobody", "x")))
    with pytest.raises(KeyError):
        demo.seed(empty, replace(whole, talks=(*whole.talks[:-1], talk)), times.now())
    assert texts(empty) == []
    assert demo.seed(empty, whole, times.now()).messages == 53
