"""``events ls``: the newest first, and nothing is cut off silently."""

import json
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from offline import SECOND, Offline
from same_process import Here
from world import Server, running

T = 1_700_000_000
FIRST_POST = 2
POSTS = 120
NEWEST = FIRST_POST + POSTS - 1
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


def offsets(served: Here, *args: str) -> list[int]:
    return [each["offset"] for each in served.json("events", "--room", "told", *args)]


def down(first: int, last: int) -> list[int]:
    return list(range(first, last - 1, -1))


def test_the_newest_hundred_and_that_there_are_more(served: Here) -> None:
    done = served("events", "--room", "told", "--json")
    assert [each["offset"] for each in json.loads(done.stdout)] == down(NEWEST, NEWEST - 99)
    begin, _, older = done.stderr.partition("chatctl events ls")
    assert begin == "chatctl: the newest 100 events are shown; the older ones: "
    words = shlex.split(f"events ls{older}")
    assert [each["offset"] for each in json.loads(served(*words).stdout)] == down(NEWEST - 100, 1)


def test_all_of_them(served: Here) -> None:
    """Also when as many are asked for as there are."""
    for args in (("--all",), ("--limit", str(NEWEST))):
        assert offsets(served, *args) == down(NEWEST, 1)
    piped = served("events", "--room", "told", "--all")
    assert [int(line.split("\t")[0]) for line in piped.stdout.splitlines()] == down(NEWEST, 1)
    assert piped.stderr == ""


def test_a_part_of_them(served: Here) -> None:
    for args, expected in (
        (("--since", "100", "--until", "102"), [102, 101]),
        (("--until", "1"), [1]),
        (("--since", f"{T + 10}", "--until", f"{T + 12}"), [14, 13, 12]),
        (("--since", "2023-11-14T22:13:20Z", "--until", "2023-11-14T22:13:21Z"), [3, 2]),
        (("--since", "100", "--until", f"{T + 99}"), [101]),
        (("--until", f"{T - 200}"), []),
    ):
        assert offsets(served, *args) == expected
        assert offsets(served, *args, "--all") == expected


def test_an_event_by_its_id_or_the_beginning_of_it(served: Here) -> None:
    """8 characters are the ids of a minute, 13 those of a millisecond."""
    event_id = served.json("events", "--room", "told", "--all")[-3]["event_id"]
    start = event_id[:13]
    for named in (event_id, event_id[:-1], start):
        assert offsets(served, "--until", named) == [3, 2, 1]
    assert offsets(served, "--since", start.upper(), "--until", "5") == [5, 4]
    args = ("events", "replay", "--since", start, "--until", "5", "--dry-run")
    assert served.json(*args)["count"] == 2
    done = served("events", "--since", start[:8])
    assert (done.stdout, done.exit) == ("", CONFLICT)
    assert done.stderr.startswith(f"chatctl: {start[:8]} may be any of several events: ")
    assert event_id in done.stderr
    assert done.stderr.endswith(" and more\n  try: the whole id of one of them\n")
    for unknown in ("0198c1a0", f"{start}-4", f"{event_id[:-1]}0"):
        assert served.refused("events", "--until", unknown) == ("invalid_input", USAGE)


def test_the_tail_is_in_their_order(served: Here) -> None:
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


def test_what_contradicts_itself(served: Here) -> None:
    unknown = "0198c1a0-7e2b-7c3d-9f4e-5a6b7c8d9e0f"
    for args, said in (
        (("tail", "--all", "--limit", "3"), "--all and --limit contradict each other"),
        (("tail", "--since", "1", "--limit", "2"), "--since and --limit both say"),
        (("ls", "--since", "1h", "--until", "2h"), "--since is later than --until"),
        (("ls", "--until", "soon"), "--until: 'soon' is neither an offset, an event's id, a time"),
        (("ls", "--until", unknown), f"--until: '{unknown}' is no offset or known event id"),
        (("tail", "-f", "--until", "9"), "-f follows what comes: --until is for what was"),
    ):
        done = served("events", *args)
        assert (done.stdout, done.exit) == ("", USAGE)
        assert done.stderr.startswith(f"chatctl: {said}")


def test_what_since_was_taken_for(served: Here) -> None:
    """A year is an offset, and the API's name of it is not what was typed."""
    done = served("events", "--since", "2026")
    year = "chatctl: --since 2026 is an offset; the year begins at --since 2026-01-01\n"
    assert (done.stderr, done.exit) == (year, 0)
    assert served("events", "tail", "--since", "2026").stderr == year
    assert served("events", "--since", "2026", "--quiet").stderr == ""
    assert served("events", "--since", "1999", "--limit", "1").stderr == ""
