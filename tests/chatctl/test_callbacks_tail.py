"""``chatctl callbacks tail``: the tries of callbacks, live."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from as_terminal import as_terminal
from prepared_server import Answer, Asked, Chatctl, Prepared, lines, problem
from receivers import Receiver, answer, receiver, when
from same_process import Here
from world import KEY, PATIENCE_SECONDS, Room, Server, eventually, running

from chatctl.commands.callbacks_tail import AttemptRows
from chatctl.input import endpoints

UNREACHABLE, NOT_ALLOWED = 6, 4
PATH = f"GET {endpoints.PATH}/tries"


@pytest.fixture(autouse=True)
def there(server: Prepared) -> None:
    server.answers["GET /management/status"] = Answer({"last_offset": 0})


def a_try(**more: Any) -> dict[str, Any]:
    usual = {
        "at": "2026-01-02T03:04:05.000006Z", "delivery_id": "d-1", "endpoint_id": "e-1",
        "url": "http://one.example/hook", "kind": "room_event", "event": "room_closed",
        "room_id": "r-1", "room_name": "ops", "number": 3, "mark": None, "state": "sent",
        "status": None, "error": None, "latency_ms": None, "next": None, "retry_in_seconds": None,
    }  # fmt: skip
    return {**usual, **more}


SENT = a_try()
FAILED = a_try(state="answered", status=500, latency_ms=212.3, next="retry", retry_in_seconds=5.0)


@pytest.mark.parametrize(
    ("tries", "shown"),
    [
        ([SENT, FAILED], ["--> RoomClosed room=ops #3", "<-- 500 in 212 ms, retry in 5 s"]),
        (
            [SENT, a_try(delivery_id="d-2", room_name="two"), FAILED, FAILED],
            ["--> RoomClosed room=ops #3", "--> RoomClosed room=two #3"]
            + ["<-- 500 in 212 ms, retry in 5 s (RoomClosed room=ops #3)"] * 2,
        ),
        (
            [SENT, a_try(delivery_id="d-2", room_name="two", state="answered", status=200,
                         latency_ms=2.0, next="delivered"), FAILED],
            ["--> RoomClosed room=ops #3", "<-- 200 in 2.0 ms, delivered (RoomClosed room=two #3)",
             "<-- 500 in 212 ms, retry in 5 s (RoomClosed room=ops #3)"],
        ),
        (
            [a_try(kind="events", event="ban.set", room_name=None, mark="replay", number=1)],
            ["--> ban.set room=r-1 #1 [replay]"],
        ),
        ([a_try(event="data_sync", room_id=None, room_name=None)], ["--> DataSync #3"]),
        (
            [
                SENT,
                a_try(state="answered", status=200, latency_ms=3.14159, next="delivered"),
                SENT,
                a_try(state="answered", error="timeout", latency_ms=30000.0, next="given_up"),
                SENT,
                a_try(state="answered", status=200, error="too_large", latency_ms=1.0),
                SENT,
                a_try(state="answered", error="reset", latency_ms=2.0, next="retry",
                      retry_in_seconds=1.26),
            ],
            [
                "--> RoomClosed room=ops #3", "<-- 200 in 3.1 ms, delivered",
                "--> RoomClosed room=ops #3", "<-- timeout in 30000 ms, given up",
                "--> RoomClosed room=ops #3", "<-- 200, too_large in 1.0 ms",
                "--> RoomClosed room=ops #3", "<-- reset in 2.0 ms, retry in 1.3 s",
            ],
        ),
    ],
)  # fmt: skip
def test_a_try_as_a_line(tries: list[dict[str, Any]], shown: list[str]) -> None:
    """The answer says what it answers unless that stands above it."""
    told = AttemptRows()
    assert [told.of(each) for each in tries] == shown


def _stream(*batches: list[dict[str, Any]]) -> Any:
    """Each connection gets one of them and then the end, as at a restart."""
    waiting = list(batches)

    def answered(_: Asked) -> Answer:
        batch = waiting.pop(0) if waiting else []
        text = "\n" + "".join(json.dumps(each) + "\n" for each in batch)
        return Answer(text.encode(), 200, {"Content-Type": "application/x-ndjson"})

    return answered


def test_on_a_terminal_each_has_its_time(here: Here, server: Prepared) -> None:
    server.answers[PATH] = _stream([SENT, {"skipped": 1200}, FAILED])
    done = as_terminal(here, 80, "callbacks", "tail", "-f", "--count", "3", "--server", server.url)
    assert done == (
        lines("03:04:05  --> RoomClosed room=ops #3", "03:04:05  <-- 500 in 212 ms, retry in 5 s"),
        "chatctl: 1,200 lines came faster than they could be shown\n",
        0,
    )


def test_it_goes_on_after_a_restart(chatctl: Chatctl, server: Prepared) -> None:
    server.answers[PATH] = _stream([SENT], [FAILED])
    args = ("callbacks", "tail", "--json", "--count", "2", "--server", server.url)
    done = chatctl(*args)
    assert [json.loads(line) for line in done.stdout.splitlines()] == [SENT, FAILED]
    assert done.stderr == lines(
        f"chatctl: {server.url} ended the stream; waiting for the server to come back",
        "chatctl: connected again, what happened meanwhile is not shown",
    )


def test_who_stays_away_is_exit_6_and_who_refuses_exit_4(here: Here, server: Prepared) -> None:
    args = ("callbacks", "tail", "-f", "--timeout", "0.3", "--quiet", "--server", server.url)
    server.answers[PATH] = Answer(b"")
    assert here(*args) == ("", f"chatctl: {server.url} ended the stream\n", UNREACHABLE)
    server.answers[PATH] = problem(403, "forbidden", "not for you")
    assert here(*args) == ("", "chatctl: not for you\n", NOT_ALLOWED)


def test_a_file_cannot_be_followed(here: Here) -> None:
    path = here.directory / "chat.db"
    path.touch()
    for words, why in (
        (("tail", "-f"), "a file cannot be followed"),
        (("test", "--all"), "samples are sent by a running server"),
    ):
        said = f"chatctl: no server is running for {path}, and {why}\n  try: chatctl serve"
        rest = ", and then the same again\n"
        done = here("callbacks", *words, "--db", "sqlite:./chat.db")
        assert done == ("", f"{said} --db sqlite:./chat.db{rest}", UNREACHABLE)
        (here.directory / "own.toml").write_text('DATABASE_URL = "sqlite:./chat.db"\n')
        assert here("callbacks", *words, "--config", "own.toml").stderr == (
            f"{said} --config own.toml{rest}"
        )
        done = here("callbacks", *words, DATABASE_URL="sqlite:./chat.db")
        assert done.stderr == f"{said}{rest}"


@pytest.fixture(scope="module")
def hook() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture(scope="module")
def live_server(tmp_path_factory: pytest.TempPathFactory, hook: Receiver) -> Iterator[Server]:
    settings = {"ROOM_EVENT_CALLBACK_URL": hook.url, "CALLBACK_RETRY_DELAY_SECONDS": "0"}
    with running(tmp_path_factory.mktemp("server"), **settings) as started:
        yield started


class Tail:
    """The command in a process of its own, once it has shown something."""

    def __init__(self, chatctl: Chatctl, server: Server, *options: str) -> None:
        chatctl.environ |= {"CHATCTL_SERVER": server.url, "ADMIN_API_KEY": KEY}
        self._shown = chatctl.directory / "shown"
        (endpoint,) = server.http.get(endpoints.PATH).json()
        sample = f"{endpoints.PATH}/{endpoint['endpoint_id']}/test"
        with self._shown.open("wb") as file:
            self.process = chatctl.start("callbacks", "tail", *options, stdout=file.fileno())
        eventually(lambda: server.http.post(sample, json={}) and self.lines())

    def lines(self) -> list[str]:
        return self._shown.read_text().splitlines()

    def about(self, room: Room, count: int) -> list[str]:
        def found() -> list[str] | None:
            lines = [line for line in self.lines() if room.id in line]
            return lines if len(lines) >= count else None

        return list(eventually(found))

    def stop(self) -> tuple[bytes, int]:
        self.process.terminate()
        return self.process.communicate(timeout=PATIENCE_SECONDS)[1], self.process.returncode


def test_every_try_is_seen_as_it_happens(
    chatctl: Chatctl, live_server: Server, hook: Receiver
) -> None:
    tail = Tail(chatctl, live_server, "-f", "--json")
    is_sample = when(lambda request: "x-chatctl-mark" in request.headers, answer())
    hook.behave(is_sample, answer(500), answer(503), answer(200))
    room = live_server.create_room("ops")
    seen = [json.loads(line) for line in tail.about(room, 6)]
    assert tail.stop() == (b"", 143)
    assert {(each["event"], each["room_name"], each["url"]) for each in seen} == {
        ("room_created", "ops", hook.url)
    }
    assert [(each["state"], each["number"], each["status"], each["next"]) for each in seen] == [
        ("sent", 1, None, None), ("answered", 1, 500, "retry"),
        ("sent", 2, None, None), ("answered", 2, 503, "retry"),
        ("sent", 3, None, None), ("answered", 3, 200, "delivered"),
    ]  # fmt: skip
    sent_ids = {
        each.headers["webhook-id"] for each in hook.requests if room.id in each.body.decode()
    }
    assert {each["delivery_id"] for each in seen} == sent_ids


def test_in_a_pipe_a_try_is_a_row_at_once(
    chatctl: Chatctl, live_server: Server, hook: Receiver
) -> None:
    tail = Tail(chatctl, live_server)
    room = live_server.create_room("ops")
    first, second = (line.split("\t") for line in tail.about(room, 2))
    assert tail.stop() == (b"", 143)
    assert first[1:5] == ["sent", "room_created", room.id, "1"]
    assert second[1:6] == ["answered", "room_created", room.id, "1", "200"]
    assert (second[8], second[11]) == ("delivered", hook.url)
