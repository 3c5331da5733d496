"""``chatctl callbacks tail``: the tries of callbacks, live."""

import json
from typing import Any

import pytest
from prepared_server import Answer, Asked, Chatctl, Prepared, lines
from receivers import answer, receiver, when
from same_process import Here
from world import KEY, PATIENCE_SECONDS, eventually, running

from chatctl.commands.callbacks_tail import AttemptRows
from chatctl.input import endpoints

UNREACHABLE = 6
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


def answered(status: int | None, latency_ms: float, **more: Any) -> dict[str, Any]:
    return a_try(state="answered", status=status, latency_ms=latency_ms, **more)


SENT = a_try()
FAILED = answered(500, 212.3, next="retry", retry_in_seconds=5.0)
OTHER = {"delivery_id": "d-2", "room_name": "two"}


@pytest.mark.parametrize(
    ("tries", "shown"),
    [
        (
            [SENT, a_try(**OTHER), FAILED, FAILED],
            ["--> RoomClosed room=ops #3", "--> RoomClosed room=two #3"]
            + ["<-- 500 in 212 ms, retry in 5 s (RoomClosed room=ops #3)"] * 2,
        ),
        (
            [SENT, answered(200, 2.0, next="delivered", **OTHER), FAILED],
            ["--> RoomClosed room=ops #3", "<-- 200 in 2.0 ms, delivered (RoomClosed room=two #3)",
             "<-- 500 in 212 ms, retry in 5 s (RoomClosed room=ops #3)"],
        ),
        (
            [a_try(kind="events", event="ban.set", room_name=None, mark="replay", number=1),
             a_try(event="data_sync", room_id=None, room_name=None)],
            ["--> ban.set room=r-1 #1 [replay]", "--> DataSync #3"],
        ),
        (
            [
                SENT, answered(200, 3.14159, next="delivered"),
                SENT, answered(None, 30000.0, error="timeout", next="failed"),
                SENT, answered(200, 1.0, error="too_large"),
                SENT, answered(None, 2.0, error="reset", next="retry", retry_in_seconds=1.26),
            ],
            [
                "--> RoomClosed room=ops #3", "<-- 200 in 3.1 ms, delivered",
                "--> RoomClosed room=ops #3", "<-- timeout in 30000 ms, failed",
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

    def streamed(_: Asked) -> Answer:
        batch = waiting.pop(0) if waiting else []
        text = "\n" + "".join(json.dumps(each) + "\n" for each in batch)
        return Answer(text.encode(), 200, {"Content-Type": "application/x-ndjson"})

    return streamed


def test_on_a_terminal_each_has_its_time(here: Here, server: Prepared) -> None:
    server.answers[PATH] = _stream([SENT, {"skipped": 1200}, FAILED])
    done = here.as_terminal(80, "callbacks", "tail", "-f", "--count", "3", "--server", server.url)
    assert done == (
        lines("03:04:05  --> RoomClosed room=ops #3", "03:04:05  <-- 500 in 212 ms, retry in 5 s"),
        "chatctl: 1,200 lines came faster than they could be shown\n",
        0,
    )


def test_it_goes_on_after_a_restart(here: Here, server: Prepared) -> None:
    server.answers[PATH] = _stream([SENT], [FAILED])
    done = here("callbacks", "tail", "--json", "--count", "2", "--server", server.url)
    assert [json.loads(line) for line in done.stdout.splitlines()] == [SENT, FAILED]
    assert done.stderr == lines(
        f"chatctl: {server.url} ended the stream; waiting for the server to come back",
        "chatctl: connected again, what happened meanwhile is not shown",
    )


def test_a_file_cannot_be_followed(here: Here) -> None:
    path = here.directory / "chat.db"
    path.touch()
    for words, why in (
        (("tail", "-f"), "a file cannot be followed"),
        (("test", "--all"), "samples are sent by a running server"),
    ):
        assert here("callbacks", *words, "--db", "sqlite:./chat.db") == (
            "",
            f"chatctl: no server is running for {path}, and {why}\n"
            "  try: chatctl serve --db sqlite:./chat.db, and then the same again\n",
            UNREACHABLE,
        )


def test_every_try_is_seen_as_it_happens(
    chatctl: Chatctl, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """In a pipe, as a row at once, once the command has shown something."""
    is_sample = when(lambda request: "x-chatctl-mark" in request.headers, answer())
    shown = chatctl.directory / "shown"

    def cells(room_id: str = "") -> list[list[str]]:
        return [line.split("\t") for line in shown.read_text().splitlines() if room_id in line]

    with receiver(is_sample, answer(500), answer(503), answer(200)) as hook:
        settings = {"ROOM_EVENT_CALLBACK_URL": hook.url, "CALLBACK_RETRY_DELAY_SECONDS": "0"}
        with (
            running(tmp_path_factory.mktemp("server"), **settings) as server,
            shown.open("wb") as file,
        ):
            named = {"CHATCTL_SERVER": server.url, "ADMIN_API_KEY": KEY}
            tail = chatctl.start("callbacks", "tail", "-f", stdout=file.fileno(), **named)
            (endpoint,) = server.http.get(endpoints.PATH).json()
            sample = f"{endpoints.PATH}/{endpoint['endpoint_id']}/test"
            eventually(lambda: server.http.post(sample, json={}) and cells())
            room = server.create_room("ops")
            eventually(lambda: len(cells(room.id)) == 6)
            tail.terminate()
            assert tail.communicate(timeout=PATIENCE_SECONDS)[1] == b""
            assert tail.returncode == 143
        sent = [each for each in hook.requests if room.id in each.body.decode()]
    seen = cells(room.id)
    assert [(row[1], row[4], row[5], row[8]) for row in seen] == [
        ("sent", "1", "", ""), ("answered", "1", "500", "retry"),
        ("sent", "2", "", ""), ("answered", "2", "503", "retry"),
        ("sent", "3", "", ""), ("answered", "3", "200", "delivered"),
    ]  # fmt: skip
    assert {(row[2], row[11]) for row in seen} == {("room_created", hook.url)}
    assert {row[10] for row in seen} == {each.headers["webhook-id"] for each in sent}
