"""``events replay``: what happened is told once more, in order; what broke off goes on."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hooks import SECRET
from prepared_server import Answer, Prepared
from receivers import Receiver, answer, hang, receiver, refusing
from same_process import Here
from served import Served
from world import Server, running

from chatctl.commands import replay
from chatctl.input import cursor_files
from chatctl_server.domain import signatures

Event = dict[str, Any]


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Nothing happens in it any more."""
    with running(tmp_path_factory.mktemp("log")) as server:
        for name in ("lobby", "arena"):
            room = server.create_room(name, ("boss",))
            for text in ("one", "zwei 二", "three"):
                said = {"user_id": "anna", "content": text}
                server.http.post(f"{room.path}/messages", json=said).raise_for_status()
            room.ban("mallory", reason="spam")
        yield server


@pytest.fixture(scope="module")
def events(log: Server) -> list[Event]:
    return list(log.http.get("/management/events").json())


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture
def told(here: Here, log: Server, monkeypatch: pytest.MonkeyPatch) -> Served:
    """Its pages are small, and between the tries is no time."""
    monkeypatch.setattr(replay, "_PAGE", 4)
    monkeypatch.setattr(replay, "_PAUSES_SECONDS", (0.0, 0.0, 0.0))
    return Served(here, log)


def offsets(hook: Receiver) -> list[int]:
    return [request.json["offset"] for request in hook.requests]


def test_all_of_it_in_order_with_its_headers(
    told: Served, here: Here, events: list[Event], hook: Receiver
) -> None:
    (here.directory / "secret").write_text(f"{SECRET}\n")
    done = told.json(
        "events", "replay", "--since", "0", "--to", hook.url, "--secret-file", "secret"
    )
    assert [request.json for request in hook.requests] == events
    assert done == {
        "count": len(events),
        "first_offset": events[0]["offset"], "first_at": events[0]["at"],
        "last_offset": events[-1]["offset"], "last_at": events[-1]["at"],
    }  # fmt: skip
    for request, event in zip(hook.requests, events, strict=True):
        headers = request.headers
        assert headers["x-chatctl-mark"] == "replay"
        assert headers["x-chatctl-event"] == event["type"]
        assert headers["content-type"] == "application/json"
        expected = signatures.headers(
            event["event_id"],
            int(headers["webhook-timestamp"]),
            request.body,
            [signatures.key(SECRET)],
        )
        assert [(name, headers[name]) for name, _ in expected] == expected
    assert hook.count_connections() == 1


@pytest.mark.parametrize(
    ("words", "first", "last"),
    [
        ("--since 3", 3, None),
        ("--since 3 --until 7", 3, 7),
        ("--since {3} --until {7}", 3, 7),
        ("--since <3> --until <7>", 3, 7),
        ("--since 1d --until 1d", 0, 0),
        ("--since 0 --until 0s", 0, None),
        ("--since 0 --until 9999", 0, None),
        ("--since {last}", None, None),
    ],
)
def test_from_somewhere_to_somewhere(
    told: Served, events: list[Event], words: str, first: int | None, last: int | None
) -> None:
    """A number is an offset, which counts from 1 without a hole here; an id may be shortened."""
    ids = {str(event["offset"]): event["event_id"] for event in events}
    for number, event_id in {**ids, "last": events[-1]["event_id"]}.items():
        words = words.replace(f"{{{number}}}", event_id).replace(f"<{number}>", event_id[:-1])
    words = words.replace("0s", "2100-01-01")
    done = told("events", "replay", *words.split(), "--to-file", "-")
    expected = [] if first is None else events[first:last]
    assert [json.loads(line) for line in done.stdout.splitlines()] == expected
    assert (done.stderr, done.exit) == ("", 0)


@pytest.mark.parametrize("until", [(), ("--until", "9999"), ("--until", "2100-01-01")])
def test_what_happens_meanwhile_is_not_told(
    here: Here, server: Prepared, until: tuple[str, ...]
) -> None:
    """Or it might never end."""
    found = [{"offset": offset, "at": "2026-01-02T03:04:05Z"} for offset in (8, 9, 10)]
    server.answers = {
        "GET /management/status": Answer({"last_offset": 9}),
        "GET /management/events": Answer(found),
    }
    args = ("events", "replay", "--since", "0", "--dry-run", "--json", "--server", server.url)
    assert json.loads(here(*args, *until).stdout)["last_offset"] == 9


def test_only_some_of_it(told: Served, events: list[Event], hook: Receiver) -> None:
    args = ("--since", "0", "--type", "message.*", "--room", "arena", "--to", hook.url)
    assert told.json("events", "replay", *args)["count"] == 3
    texts = [request.json["data"]["content"] for request in hook.requests]
    assert texts == ["one", "zwei 二", "three"]
    assert "二".encode() in hook.requests[1].body
    assert offsets(hook)[0] > len(events) // 2


def test_a_dry_run_counts_and_tells_the_time(told: Served, here: Here, events: list[Event]) -> None:
    args = ("events", "replay", "--since", "0", "--dry-run", "--cursor", "place")
    assert "expected_seconds" not in told.json(*args)
    done = told.json(*args, "--rate", "1/h")
    assert (done["count"], done["expected_seconds"]) == (len(events), 3600 * len(events))
    assert list(here.directory.glob("place*")) == []


def test_it_tries_four_times_and_then_stops(
    told: Served, here: Here, events: list[Event], hook: Receiver
) -> None:
    """And the next run begins with what was refused."""
    hook.behave(answer(), answer(500), answer(301), answer(), *[answer(503)] * 4, answer())
    args = ("events", "replay", "--since", "0", "--to", hook.url, "--cursor", "place")
    done = told(*args)
    assert done == (
        "",
        f"chatctl: the event 3 was not taken in 4 tries: {hook.url} answered 503; "
        "2 events were told before it\n  try: the same command, which goes on behind them\n",
        9,
    )
    assert offsets(hook) == [1, 2, 2, 2, 3, 3, 3, 3]
    assert json.loads((here.directory / "place").read_text()) == {"after": 2}
    again = told(*args, "--json")
    assert json.loads(again.stdout)["count"] == len(events) - 2
    assert again.stderr == "chatctl: going on behind the event 2, as place says\n"
    assert offsets(hook)[8:] == [event["offset"] for event in events[2:]]
    assert told.json(*args, "--quiet")["count"] == 0


def test_a_receiver_that_is_away(told: Served, hook: Receiver) -> None:
    """Then nothing is told at all; one that does not answer may have heard of it."""
    args = ("events", "replay", "--since", "0", "--to")
    with refusing() as url:
        done = told(*args, url)
        assert told.refused(*args, url) == ("unreachable", 6)
    begin = f"chatctl: the event 1 was not taken in 4 tries: {url} cannot be reached: "
    assert done.stderr.startswith(begin)
    assert done.stderr.endswith("\n  try: the same with --since 0\n")
    hook.behave(hang())
    done = told(*args, hook.url, "--timeout", "1")
    assert done == (
        "",
        f"chatctl: the event 1 was not taken in 4 tries: {hook.url} did not answer in 1 s\n"
        "  try: the same with --since 0\n",
        9,
    )


def test_who_took_none_is_gone_on_with_where_it_stood(
    told: Served, here: Here, hook: Receiver
) -> None:
    """An age would have moved on; a cursor that is there goes before it."""
    args = ("events", "replay", "--since", "1d", "--cursor", "place", "--to", hook.url)
    hook.behave(answer(500))
    assert told(*args).stderr.endswith(" answered 500\n  try: the same with --since 0\n")
    (here.directory / "place").write_text('{"after": 4}')
    assert told(*args).stderr.endswith(" answered 500\n  try: the same command\n")


def test_a_file_is_made_for_a_line(told: Served, here: Here, events: list[Event]) -> None:
    """One that is there loses the half of a line all the same."""
    (here.directory / "place").write_text(json.dumps({"after": events[-1]["offset"]}))
    args = ("events", "replay", "--cursor", "place", "--to-file", "lines")
    assert told.json(*args, "--quiet")["count"] == 0
    assert not (here.directory / "lines").exists()
    (here.directory / "lines").write_text('{"offset":1}\n{"offs')
    assert told.json(*args, "--quiet")["count"] == 0
    assert (here.directory / "lines").read_text() == '{"offset":1}\n'


def test_a_receiver_that_goes_away_midway(
    told: Served, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a cursor the place is named."""
    tell_one, left = replay.ReplayRun._tell_one, [4]

    def told_one(run: replay.ReplayRun, event: Event, take: replay.Take) -> None:
        tell_one(run, event, take)
        left[0] -= 1
        if not left[0]:
            hook.shut()

    monkeypatch.setattr(replay.ReplayRun, "_tell_one", told_one)
    done = told("events", "replay", "--since", "0", "--to", hook.url)
    hook.reopen()
    assert (done.stdout, done.exit) == ("", 9)
    message, hint = done.stderr.splitlines()
    assert message.startswith(f"chatctl: the event 5 was not taken in 4 tries: {hook.url} ")
    assert message.endswith("; 4 events were told before it")
    assert hint == "  try: the same with --since 4"


def test_into_a_file_and_on_with_it(told: Served, here: Here, events: list[Event]) -> None:
    """Half a line, as of a run that was killed, is not kept."""
    target = here.directory / "events"
    args = ("events", "replay", "--since", "0", "--to-file", "events", "--cursor", "place")
    assert told(*args, "--until", "4").exit == 0
    with target.open("ab") as file:
        file.write(b'{"offset":5,"half')
    assert told(*args).exit == 0
    assert [json.loads(line) for line in target.read_bytes().splitlines()] == events
    assert told.refused(*args[:-2]) == ("file_exists", 5)


def test_the_cursor_is_never_ahead_of_the_file(
    told: Served, here: Here, events: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    write, seen = cursor_files.OffsetFile.write, []

    def looked(place: cursor_files.OffsetFile, after: int) -> None:
        lines = (here.directory / "events").read_bytes().splitlines()
        seen.append(json.loads(lines[-1])["offset"] - after)
        write(place, after)

    monkeypatch.setattr(cursor_files.OffsetFile, "write", looked)
    args = ("--since", "0", "--to-file", "events", "--cursor", "place")
    assert told("events", "replay", *args).exit == 0
    assert seen == [0] * len(events)


def test_a_rate_is_kept(told: Served, hook: Receiver) -> None:
    args = ("--since", "0", "--until", "5", "--to", hook.url, "--rate", "20/s")
    assert told.json("events", "replay", *args)["count"] == 5
    times = [request.began_at for request in hook.requests]
    assert times[-1] - times[0] > 4 / 20 * 0.9


@pytest.mark.parametrize("place", ["[]", "not json", '{"after": -1}', '{"after": true}', "{}"])
def test_a_file_that_is_no_cursor(told: Served, here: Here, hook: Receiver, place: str) -> None:
    (here.directory / "place").write_text(place)
    args = ("events", "replay", "--to", hook.url, "--cursor", "place")
    assert told.refused(*args) == ("usage", 2)
    assert hook.requests == []


def test_a_cursor_of_another_database(told: Served, here: Here, hook: Receiver) -> None:
    (here.directory / "place").write_text('{"after": 4000}')
    args = ("events", "replay", "--to", hook.url, "--cursor", "place")
    assert told.refused(*args) == ("resync_required", 5)
    assert hook.requests == []


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--since", "0"), "where it goes is not said"),
        (("--since", "0", "--to", "http://x", "--to-file", "y"), "--to and --to-file both"),
        (("--to", "http://127.0.0.1:1"), "where to begin is not said"),
        (("--since", "5", "--until", "3", "--to", "http://x"), "--since is later than --until"),
        (("--since", "1h", "--until", "2h", "--to", "http://x"), "--since is later than --until"),
        (("--since", "0", "--to", "127.0.0.1:1"), "--to: '127.0.0.1:1' is no http"),
        (("--since", "0", "--to", "ftp://x/y"), "--to: 'ftp://x/y' is no http"),
        (("--since", "0", "--to", "http://a:b@x/"), "--to: a URL with a password"),
        (("--since", "0", "--to", "http://x", "--rate", "0/s"), "--rate: '0/s' is not a rate"),
        (("--since", "soon", "--to", "http://x"), "--since: 'soon' is neither"),
        (("--since", "0", "--to", "http://x", "--type", "mesage.*"), "--type: no type of event"),
        (("--since", "0", "--until", "soon", "--to", "http://x"), "--until: 'soon' is not"),
    ],
)
def test_what_cannot_be_is_said(told: Served, args: tuple[str, ...], message: str) -> None:
    done = told("events", "replay", *args)
    assert (done.stdout, done.exit) == ("", 2)
    assert done.stderr.startswith(f"chatctl: {message}")
