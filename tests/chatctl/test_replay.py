"""``events replay``: what happened is told once more, in order; what broke off goes on."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hooks import SECRET
from prepared_server import Answer, Prepared
from receivers import Receiver, answer, hang, receiver, refusing
from same_process import Here
from standardwebhooks.webhooks import Webhook
from world import Server, running

from chatctl.commands import replay
from chatctl.input import cursor_files

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
def told(here: Here, log: Server, monkeypatch: pytest.MonkeyPatch) -> Here:
    """Its pages are small, and between the tries is no time."""
    monkeypatch.setattr(replay, "_PAGE", 4)
    monkeypatch.setattr(replay, "_PAUSES_SECONDS", (0.0, 0.0, 0.0))
    return here.at(log)


def offsets(hook: Receiver) -> list[int]:
    return [request.json["offset"] for request in hook.requests]


def test_all_of_it_in_order_with_its_headers(
    told: Here, here: Here, events: list[Event], hook: Receiver
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
        assert headers["webhook-id"] == event["event_id"]
        Webhook(SECRET).verify(request.body, headers)
    assert hook.count_connections() == 1


def test_from_somewhere_to_somewhere(told: Here, events: list[Event]) -> None:
    """A number is an offset, which counts from 1 without a hole here; an id may be shortened."""
    third, seventh, last = (events[at]["event_id"] for at in (2, 6, -1))
    for since, until, expected in (
        ("3", None, events[3:]),
        ("3", "7", events[3:7]),
        (third, seventh, events[3:7]),
        (third[:-1], seventh[:-1], events[3:7]),
        ("1d", "1d", []),
        ("0", "2100-01-01", events),
        ("0", "9999", events),
        (last, None, []),
    ):
        given = ("--since", since, *(() if until is None else ("--until", until)))
        done = told("events", "replay", *given, "--to-file", "-")
        assert [json.loads(line) for line in done.stdout.splitlines()] == expected, given
        assert (done.stderr, done.exit) == ("", 0)


def test_what_happens_meanwhile_is_not_told(here: Here, server: Prepared) -> None:
    """Or it might never end."""
    found = [{"offset": offset, "at": "2026-01-02T03:04:05Z"} for offset in (8, 9, 10)]
    server.answers = {
        "GET /management/status": Answer({"last_offset": 9}),
        "GET /management/events": Answer(found),
    }
    args = ("events", "replay", "--since", "0", "--dry-run", "--json", "--server", server.url)
    for until in ((), ("--until", "9999"), ("--until", "2100-01-01")):
        assert json.loads(here(*args, *until).stdout)["last_offset"] == 9


def test_only_some_of_it(told: Here, events: list[Event], hook: Receiver) -> None:
    args = ("--since", "0", "--type", "message.*", "--room", "arena", "--to", hook.url)
    assert told.json("events", "replay", *args)["count"] == 3
    texts = [request.json["data"]["content"] for request in hook.requests]
    assert texts == ["one", "zwei 二", "three"]
    assert "二".encode() in hook.requests[1].body
    assert offsets(hook)[0] > len(events) // 2


def test_a_dry_run_counts_and_tells_the_time(told: Here, here: Here, events: list[Event]) -> None:
    args = ("events", "replay", "--since", "0", "--dry-run", "--cursor", "place")
    assert "expected_seconds" not in told.json(*args)
    done = told.json(*args, "--rate", "1/h")
    assert (done["count"], done["expected_seconds"]) == (len(events), 3600 * len(events))
    assert list(here.directory.glob("place*")) == []


def test_a_rate_is_kept(told: Here, hook: Receiver) -> None:
    args = ("--since", "0", "--until", "5", "--to", hook.url, "--rate", "20/s")
    assert told.json("events", "replay", *args)["count"] == 5
    times = [request.began_at for request in hook.requests]
    assert times[-1] - times[0] > 4 / 20 * 0.9


# What is not taken


def test_it_tries_four_times_and_then_stops(
    told: Here, here: Here, events: list[Event], hook: Receiver
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


def test_a_receiver_that_is_away(
    told: Here, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then nothing is told at all; one that does not answer may have heard of it."""
    args = ("events", "replay", "--since", "0", "--to")
    with refusing() as url:
        assert told.refused(*args, url) == ("unreachable", 6)
        begin = f"chatctl: the event 1 was not taken in 4 tries: {url} cannot be reached: "
        assert told(*args, url).stderr.startswith(begin)
    monkeypatch.setattr(replay, "_PAUSES_SECONDS", ())
    hook.behave(hang())
    assert told(*args, hook.url, "--timeout", "1") == (
        "",
        f"chatctl: the event 1 was not taken in 1 tries: {hook.url} did not answer in 1 s\n"
        "  try: the same with --since 0\n",
        9,
    )


def test_who_took_none_is_gone_on_with_where_it_stood(
    told: Here, here: Here, hook: Receiver
) -> None:
    """An age would have moved on; a cursor that is there goes before it."""
    args = ("events", "replay", "--since", "1d", "--cursor", "place", "--to", hook.url)
    hook.behave(answer(500))
    assert told(*args).stderr.endswith(" answered 500\n  try: the same with --since 0\n")
    (here.directory / "place").write_text('{"after": 4}')
    assert told(*args).stderr.endswith(" answered 500\n  try: the same command\n")


def test_a_receiver_that_goes_away_midway(
    told: Here, hook: Receiver, monkeypatch: pytest.MonkeyPatch
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


# Into a file


def test_into_a_file_and_on_with_it(told: Here, here: Here, events: list[Event]) -> None:
    """Half a line, as of a run that was killed, is not kept; a file is made only for a line."""
    target = here.directory / "events"
    args = ("events", "replay", "--since", "0", "--to-file", "events", "--cursor", "place")
    assert told(*args, "--until", "4").exit == 0
    for half, count in (('{"offset":5,"half', len(events) - 4), ('{"offs', 0)):
        with target.open("a") as file:
            file.write(half)
        assert told.json(*args, "--quiet")["count"] == count
        assert [json.loads(line) for line in target.read_bytes().splitlines()] == events
    assert told.refused(*args[:-2]) == ("file_exists", 5)
    target.unlink()
    assert told.json(*args, "--quiet")["count"] == 0
    assert not target.exists()


def test_the_cursor_is_never_ahead_of_the_file(
    told: Here, here: Here, events: list[Event], monkeypatch: pytest.MonkeyPatch
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


# What cannot be


def test_a_file_that_is_no_cursor_of_this_log(told: Here, here: Here, hook: Receiver) -> None:
    args = ("events", "replay", "--to", hook.url, "--cursor", "place")
    for place, refused in (
        ("[]", ("usage", 2)),
        ("not json", ("usage", 2)),
        ('{"after": -1}', ("usage", 2)),
        ('{"after": true}', ("usage", 2)),
        ('{"after": 4000}', ("resync_required", 5)),
    ):
        (here.directory / "place").write_text(place)
        assert told.refused(*args) == refused, place
    assert hook.requests == []


def test_what_cannot_be_is_said(told: Here) -> None:
    to = "--since 0 --to"
    for args, message in (
        ("--since 0", "where it goes is not said"),
        (f"{to} http://x --to-file y", "--to and --to-file both"),
        ("--to http://127.0.0.1:1", "where to begin is not said"),
        ("--since 5 --until 3 --to http://x", "--since is later than --until"),
        ("--since 1h --until 2h --to http://x", "--since is later than --until"),
        (f"{to} 127.0.0.1:1", "--to: '127.0.0.1:1' is no http"),
        (f"{to} ftp://x/y", "--to: 'ftp://x/y' is no http"),
        (f"{to} http://a:b@x/", "--to: a URL with a password"),
        (f"{to} http://x --until soon", "--until: 'soon' is not"),
    ):
        done = told("events", "replay", *args.split())
        assert (done.stdout, done.exit) == ("", 2), args
        assert done.stderr.startswith(f"chatctl: {message}")
