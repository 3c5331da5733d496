"""``callbacks forward``: every event of a server reaches one's own machine, in order."""

import contextlib
import itertools
import json
import subprocess
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from forks import Process
from hooks import SECRET
from prepared_server import Chatctl
from receivers import Receiver, answer, receiver
from same_process import Here
from standardwebhooks.webhooks import Webhook
from world import KEY, Room, Server, eventually, running

from chatctl.client import http
from chatctl.commands import forward


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture
def restarted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("restarted")) as server:
        yield server


@pytest.fixture
def forwarded(here: Here, shared_server: Server, monkeypatch: pytest.MonkeyPatch) -> Here:
    monkeypatch.setattr(forward, "_FIRST_PAUSE_SECONDS", 0.01)
    return here.at(shared_server)


def say(room: Room, *texts: str) -> None:
    for text in texts:
        said = {"user_id": "anna", "content": text}
        room.server.http.post(f"{room.path}/messages", json=said).raise_for_status()


def texts(hook: Receiver) -> list[str]:
    return [request.json["data"]["content"] for request in hook.requests]


def test_each_is_posted_with_its_headers(
    forwarded: Here, here: Here, room: Room, hook: Receiver
) -> None:
    """As ``events replay`` does, but for the mark."""
    say(room, "one")
    room.ban("mallory")
    (here.directory / "secret").write_text(f"{SECRET}\n")
    done = forwarded(
        "callbacks", "forward", "--to", hook.url, "--room", room.id, "--since", "0",
        "--events", "ban.set,room.*", "--secret-file", "secret", "--count", "2", "--json",
    )  # fmt: skip
    assert (done.stderr, done.exit) == ("", 0)
    kinds = [request.json["type"] for request in hook.requests]
    assert kinds == ["room.created", "ban.set"]
    for request in hook.requests:
        assert request.headers["x-chatctl-mark"] == "forward"
        Webhook(SECRET).verify(request.body, request.headers)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(line["state"], line["type"], line["status"], line["next"]) for line in lines] == [
        told
        for kind in kinds
        for told in (("sent", kind, None, None), ("answered", kind, 200, "delivered"))
    ]
    assert [line["event_id"] for line in lines[::2]] == [
        request.headers["webhook-id"] for request in hook.requests
    ]


def test_a_receiver_that_takes_its_time_costs_no_contact(
    here: Here, restarted: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stream was silent only because nobody read it."""
    monkeypatch.setattr(http, "STREAM_TIMEOUT", httpx.Timeout(5, read=1.5))
    monkeypatch.setattr(forward, "_FIRST_PAUSE_SECONDS", 2)
    room = restarted.create_room()
    say(room, "one")
    later = threading.Timer(2.5, say, (room, "two"))
    with receiver(answer(500), answer()) as hook:
        later.start()
        words = ("--to", hook.url, "--since", "0", "--events", "message.*", "--count", "2")
        done = here.at(restarted)("callbacks", "forward", *words)
        assert (done.stderr, done.exit, texts(hook)) == ("", 0, ["one", "one", "two"])


def test_it_tries_until_it_is_taken(forwarded: Here, room: Room, hook: Receiver) -> None:
    """The one behind it waits: order is kept."""
    say(room, "one", "two")
    hook.behave(answer(500), answer(404), answer(302), answer(503), answer(429), answer())
    words = ("--room", room.id, "--since", "0", "--events", "message.*", "--count", "2")
    done = forwarded("callbacks", "forward", "--to", hook.url, *words)
    assert texts(hook) == ["one"] * 6 + ["two"]
    cells = [line.split("\t") for line in done.stdout.splitlines()]
    assert [(row[5], row[8], row[9]) for row in cells if row[1] == "answered"] == [
        ("500", "retry", "0.01"), ("404", "retry", "0.02"), ("302", "retry", "0.04"),
        ("503", "retry", "0.08"), ("429", "retry", "0.16"),
        ("200", "delivered", ""), ("200", "delivered", ""),
    ]  # fmt: skip


def test_the_pauses_grow_to_half_a_minute() -> None:
    assert list(itertools.islice(forward._pauses(), 7)) == [1, 2, 4, 8, 16, 30, 30]


def test_the_cursor_is_where_the_next_run_goes_on(
    forwarded: Here, here: Here, room: Room, hook: Receiver
) -> None:
    words = ("--room", room.id, "--events", "message.*", "--cursor", "place")
    args = ("callbacks", "forward", "--to", hook.url, *words)
    say(room, "one", "two", "three")
    assert forwarded(*args, "--since", "0", "--count", "2").exit == 0
    done = forwarded(*args, "--since", "0", "--count", "1")
    assert texts(hook) == ["one", "two", "three"]
    place = json.loads((here.directory / "place").read_text())
    assert place == {"after": hook.requests[-1].json["offset"]}
    assert f"chatctl: going on after offset {hook.requests[1].json['offset']}\n" == done.stderr


def test_nothing_is_lost_over_a_restart_of_the_server_or_a_kill(
    chatctl: Chatctl, restarted: Server, hook: Receiver
) -> None:
    """It begins with what comes: the place is kept before the first is taken."""
    room = restarted.create_room()
    say(room, "before")

    @contextlib.contextmanager
    def forwarding() -> Iterator[Process]:
        """The command in a process of its own, which may be killed."""
        process = chatctl.start(
            "callbacks", "forward", "--to", hook.url, "--events", "message.*", "--cursor", "place",
            stdout=subprocess.DEVNULL, CHATCTL_SERVER=restarted.url, ADMIN_API_KEY=KEY,
        )  # fmt: skip
        try:
            eventually((chatctl.directory / "place").exists)
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate()

    with forwarding() as process:
        say(room, "1", "2")
        hook.wait_for(2)
        restarted.stop()
        restarted.start()
        say(room, "3", "4")
        hook.wait_for(4)
        hook.pause()
        say(room, "5", "6")
        hook.wait_for(5)
        process.kill()
    hook.release()
    say(room, "7")
    with forwarding() as process:
        hook.wait_until(lambda: hook._requests[-1].json["data"]["content"] == "7", "the last")
        process.terminate()
        assert process.wait(30) == 143
    found = texts(hook)
    assert list(dict.fromkeys(found)) == list("1234567")
    # What was under way at the kill comes again, under the same id.
    ids: dict[str, set[Any]] = {}
    for request in hook.requests:
        ids.setdefault(request.json["data"]["content"], set()).add(request.headers["webhook-id"])
    assert all(len(each) == 1 for each in ids.values())


def test_what_the_log_does_not_have_yet_is_refused(
    forwarded: Here, here: Here, hook: Receiver
) -> None:
    """It would wait in silence for what is another database's, or mistyped."""
    newest = forwarded.json("status")["last_offset"]
    args = ("callbacks", "forward", "--to", hook.url, "--cursor", "place")
    done = forwarded(*args, "--since", "99999999")
    said = f"chatctl: --since 99999999: the log ends at {newest}\n  try: --since {newest}\n"
    assert done == ("", said, 5)
    assert forwarded.refused(*args, "--since", "99999999") == ("resync_required", 5)
    assert list(here.directory.glob("place*")) == []
