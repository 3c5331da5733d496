"""A disk that is full under what a command writes: one code, one sentence with the file's name, and
nothing is left behind but what the next run goes on with."""

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import limits
import pytest
from offline import Offline
from same_process import Here
from world import Server, running

UNREACHABLE = 6
MAKE_ROOM = "make room on its disk"


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory: Path = tmp_path_factory.mktemp("said")
    desk = Offline(directory / "chat.db")
    for name in ("one", "two"):
        room = desk.create_room(name)
        desk.post(room, "anna", "a text of some length " * 20)
    desk.close()
    with running(directory) as server:
        yield server


def _error(served: Here, words: str) -> Any:
    done = served(*words.split(), "--json")
    assert done.stdout == ""
    return json.loads(done.stderr)["error"]


def _left(here: Here) -> list[str]:
    return sorted(path.name for path in here.directory.iterdir() if path.is_file())


def test_not_even_a_line_fits(served: Here, here: Here) -> None:
    for words, full in (
        ("export --all --format csv -o out", "out"),
        ("sync pull -o out", "out.part"),
        ("events replay --since 0 --to-file out", "out"),
        ("events replay --since 0 --to-file out --cursor place", "out"),
    ):
        with limits.file_size(10):
            error = _error(served, words)
        assert (error["code"], error["exit"]) == ("storage_full", UNREACHABLE)
        assert error["message"].startswith(f"There is no room to write {full}")
        assert error["hint"].startswith(MAKE_ROOM)
        assert _left(here) == [], words


@pytest.mark.parametrize(
    "words",
    [
        "sync pull -o out",
        "events replay --since 0 --to-file out --cursor place",
        "events replay --since 0 --to-file out",
    ],
)
def test_what_fitted_is_gone_on_with(served: Here, here: Here, words: str) -> None:
    with limits.file_size(900):
        error = _error(served, words)
    assert (error["code"], error["exit"]) == ("storage_full", UNREACHABLE)
    first = _lines(here)
    assert first
    after = words
    if "--cursor" in words or "pull" in words:
        assert error["hint"].startswith(f"{MAKE_ROOM}, then the same command")
    else:
        assert error["hint"] == f"{MAKE_ROOM}, then the same with --since 1, and with another FILE"
        after = "events replay --since 1 --to-file out.2"
    assert served(*shlex.split(after)).exit == 0
    assert len(_lines(here)) > len(first)
    assert "out.part" not in _left(here)


def _lines(here: Here) -> list[object]:
    files = [path for path in here.directory.glob("out*") if path.suffix != ".cursor"]
    return [json.loads(line) for path in files for line in path.read_bytes().splitlines()]


def test_a_lock_that_cannot_be_written(here: Here) -> None:
    for words in ("init new", "db migrate --db sqlite:./new.db"):
        with limits.file_size(0):
            done = here(*words.split(), "--json")
        assert json.loads(done.stderr)["error"]["code"] == "storage_full"
        assert _left(here) == []
        assert not (here.directory / "new").exists()
