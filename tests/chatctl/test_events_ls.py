"""``events ls``: the newest first, and nothing is cut off silently."""

import json
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from offline import SECOND, Offline
from served import Served
from world import Server, running

T = 1_700_000_000
FIRST_POST = 2
POSTS = 120
USAGE, CONFLICT = 2, 5


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Offset 1 is the room ``told``, then a message each second from T on."""
    directory: Path = tmp_path_factory.mktemp("told")
    desk = Offline(directory / "chat.db", now=(T - 100) * SECOND)
    room = desk.create_room("told")
    for number in range(POSTS):
        desk.now = (T + number) * SECOND
        desk.post(room, "anna", f"text {number}")
    desk.close()
    with running(directory) as server:
        yield server


def offsets(served: Served, *args: str) -> list[int]:
    return [each["offset"] for each in served.json("events", "--room", "told", *args)]


def down(first: int, last: int) -> list[int]:
    return list(range(first, last - 1, -1))


NEWEST = FIRST_POST + POSTS - 1


def test_the_newest_hundred_and_that_there_are_more(served: Served) -> None:
    done = served("events", "--room", "told", "--json")
    assert [each["offset"] for each in json.loads(done.stdout)] == down(NEWEST, NEWEST - 99)
    begin, _, older = done.stderr.partition("chatctl events ls")
    assert begin == "chatctl: the newest 100 events are shown; the older ones: "
    words = shlex.split(f"events ls{older}")
    assert [each["offset"] for each in json.loads(served(*words).stdout)] == down(NEWEST - 100, 1)


def test_all_of_them(served: Served) -> None:
    assert offsets(served, "--all") == down(NEWEST, 1)
    piped = served("events", "--room", "told", "--all")
    assert [int(line.split("\t")[0]) for line in piped.stdout.splitlines()] == down(NEWEST, 1)
    assert piped.stderr == ""


def test_as_many_as_there_are_is_not_cut(served: Served) -> None:
    done = served("events", "--room", "told", "--limit", str(NEWEST), "--json")
    assert (len(json.loads(done.stdout)), done.stderr) == (NEWEST, "")


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (("--since", "100", "--until", "102"), [102, 101]),
        (("--until", "1"), [1]),
        (("--since", f"{T + 10}", "--until", f"{T + 12}"), [14, 13, 12]),
        (("--since", "2023-11-14T22:13:20Z", "--until", "2023-11-14T22:13:21Z"), [3, 2]),
        (("--since", "100", "--until", f"{T + 99}"), [101]),
        (("--until", f"{T - 200}"), []),
    ],
)
def test_a_part_of_them(served: Served, args: tuple[str, ...], expected: list[int]) -> None:
    assert offsets(served, *args) == expected
    assert offsets(served, *args, "--all") == expected


def test_until_an_event_by_its_id(served: Served) -> None:
    found = served.json("events", "--room", "told", "--all")
    assert offsets(served, "--until", found[-3]["event_id"]) == [3, 2, 1]


def test_an_event_by_the_beginning_of_its_id(served: Served) -> None:
    """8 characters are the ids of a minute, 13 those of a millisecond."""
    found = served.json("events", "--room", "told", "--all")
    start = found[-3]["event_id"][:13]
    assert offsets(served, "--until", start) == [3, 2, 1]
    assert offsets(served, "--since", start.upper(), "--until", "5") == [5, 4]
    assert offsets(served, "--until", found[-3]["event_id"][:-1]) == [3, 2, 1]
    args = ("events", "replay", "--since", start, "--until", "5", "--dry-run", "--json")
    assert json.loads(served(*args).stdout)["count"] == 2
    done = served("events", "--since", start[:8])
    assert (done.stdout, done.exit) == ("", CONFLICT)
    assert done.stderr.startswith(f"chatctl: {start[:8]} may be any of several events: ")
    assert found[-3]["event_id"] in done.stderr
    assert done.stderr.endswith(" and more\n  try: the whole id of one of them\n")
    for unknown in ("0198c1a0", f"{start}-4", f"{found[-3]['event_id'][:-1]}0"):
        assert served.refused("events", "--until", unknown) == ("invalid_input", USAGE)


def test_the_tail_is_in_their_order(served: Served) -> None:
    def tail(*args: str) -> tuple[list[int], str]:
        done = served("events", "tail", "--room", "told", "--json", *args)
        return [each["offset"] for each in json.loads(done.stdout)], done.stderr

    found, said = tail()
    assert found == down(NEWEST, NEWEST - 9)[::-1]
    begin, _, older = said.partition("chatctl events ls")
    assert begin == "chatctl: the newest 10 events are shown; the older ones: "
    words = shlex.split(f"events ls{older}")
    assert [each["offset"] for each in json.loads(served(*words).stdout)] == down(NEWEST - 10, 1)
    assert tail("--limit", "2", "--until", "5")[0] == [4, 5]
    assert tail("--since", "3", "--until", "5") == ([4, 5], "")
    for more in (("--all",), ("--limit", "20000")):
        assert tail(*more) == (list(range(1, NEWEST + 1)), "")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("ls", "--all", "--limit", "3"), "--all and --limit contradict each other"),
        (("tail", "--all", "--limit", "3"), "--all and --limit contradict each other"),
        (("ls", "--since", "1h", "--until", "2h"), "--since is later than --until"),
        (("ls", "--until", "soon"), "--until: 'soon' is neither an offset, an event's id, a time"),
        (
            ("ls", "--until", "0198c1a0-7e2b-7c3d-9f4e-5a6b7c8d9e0f"),
            "--until: '0198c1a0-7e2b-7c3d-9f4e-5a6b7c8d9e0f' is no offset or known event id",
        ),
        (("tail", "-f", "--until", "9"), "-f follows what comes: --until is for what was"),
    ],
)
def test_what_contradicts_itself(served: Served, args: tuple[str, ...], said: str) -> None:
    done = served("events", *args)
    assert (done.stdout, done.exit) == ("", USAGE)
    assert done.stderr.startswith(f"chatctl: {said}")
