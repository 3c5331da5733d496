"""``sync`` and ``sync status`` at a running server."""

import json
import signal
from collections.abc import Iterator

import pytest
from hooks import PATHS, bodies, calling, stored, wait_at
from prepared_server import Answer, Chatctl, Prepared
from receivers import Receiver, answer, receiver, when
from same_process import Here
from world import KEY, Server, eventually

DATA, PERIODIC = "DATA_CALLBACK_URL", "PERIODIC_SYNC_CALLBACK_URL"
CHAT = "CHAT_HISTORY_CALLBACK_URL"


@pytest.fixture(scope="module")
def shared_hook() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture(scope="module")
def calling_server(
    tmp_path_factory: pytest.TempPathFactory, shared_hook: Receiver
) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("calling")
    small = {"CHAT_HISTORY_BATCH_SIZE": "2", "CALLBACK_MAX_RETRIES": "1"}
    with calling(directory, shared_hook, DATA, PERIODIC, CHAT, **small) as server:
        yield server


@pytest.fixture
def beside(here: Here, calling_server: Server, shared_hook: Receiver) -> Here:
    """Where the receiver takes everything again, and no room is open but the test's."""
    shared_hook.behave(answer())
    for room in calling_server.http.get("/management/rooms").json():
        calling_server.http.delete(f"/management/rooms/{room['room_id']}")
    return here.at(calling_server)


def create_told(server: Server, hook: Receiver) -> None:
    """A room whose creation has told its data, behind what the rooms deleted before it told: a sync
    counts what is asked for at the same time."""
    room = server.create_room("lobby")
    eventually(lambda: room.id in {body["room_id"] for body in bodies(hook, DATA)})
    eventually(lambda: not stored(server, "SELECT 1 FROM delivery WHERE status = 'pending'"))


def _say(server: Server, path: str, *texts: str) -> None:
    for text in texts:
        answered = server.http.post(f"{path}/messages", json={"user_id": "anna", "content": text})
        answered.raise_for_status()


def test_it_asks_and_does_not_wait(
    beside: Here, calling_server: Server, shared_hook: Receiver
) -> None:
    room = calling_server.create_room("lobby")
    before = len(bodies(shared_hook, PERIODIC))
    shared_hook.pause()
    done = beside.json("sync")
    shared_hook.release()
    assert done == {"delivered": None, "failed": None, "pending": None, "changed": True}
    wait_at(shared_hook, PERIODIC, before + 1)
    assert bodies(shared_hook, PERIODIC)[-1]["room_id"] == room.id


def test_wait_ends_when_all_is_delivered(
    beside: Here, calling_server: Server, shared_hook: Receiver
) -> None:
    """Of all rooms, or of one alone, whose kind may be named twice."""
    one, *others = (calling_server.create_room(name).id for name in ("one", "two", "three"))
    args = ("sync", "--wait", "--kind", "periodic")
    done = beside.json(*args)
    assert done == {"delivered": 3, "failed": 0, "pending": 0, "changed": True}
    assert {body["room_id"] for body in bodies(shared_hook, PERIODIC)[-3:]} == {one, *others}
    assert beside.json(*args, "-R", "one", "--kind", "periodic")["delivered"] == 1
    assert bodies(shared_hook, PERIODIC)[-1]["room_id"] == one


def test_who_stops_waiting_stops_nothing(
    beside: Here, chatctl: Chatctl, calling_server: Server, shared_hook: Receiver
) -> None:
    room = calling_server.create_room("lobby")
    before = len(bodies(shared_hook, PERIODIC))
    shared_hook.pause()
    server = {"CHATCTL_SERVER": calling_server.url, "ADMIN_API_KEY": KEY}
    running = chatctl.start("sync", "--wait", "--kind", "periodic", **server)
    eventually(lambda: _pending(calling_server))
    running.send_signal(signal.SIGTERM)
    shown, said = running.communicate(timeout=30)
    shared_hook.release()
    assert (shown, running.returncode) == (b"", 143)
    assert said == b"chatctl: the server goes on with it\n  try: chatctl sync status\n"
    wait_at(shared_hook, PERIODIC, before + 1)
    assert bodies(shared_hook, PERIODIC)[-1]["room_id"] == room.id


def _pending(server: Server) -> object:
    query = {"status": "pending", "event": "periodic_sync"}
    return server.http.get("/management/callbacks/deliveries", params=query).json()


def test_a_history_is_waited_for_batch_by_batch(
    beside: Here, calling_server: Server, shared_hook: Receiver
) -> None:
    room = calling_server.create_room("lobby")
    _say(calling_server, room.path, *"abcde")
    args = ("sync", "--wait", "--kind", "chat_history", "--room", room.id)
    assert beside.json(*args)["delivered"] == 3
    told = [each for each in bodies(shared_hook, CHAT) if each["room_id"] == room.id]
    assert [entry["content"] for body in told for entry in body["messages"]] == list("abcde")
    assert beside.json(*args)["delivered"] == 0
    assert beside.json(*args, "--full")["delivered"] == 3
    assert beside.json(*args, "--from", "1h", "--to", "30m")["delivered"] == 0


def test_what_fails_is_exit_9(beside: Here, calling_server: Server, shared_hook: Receiver) -> None:
    """And is not counted by the next one, though a sample came behind it."""
    create_told(calling_server, shared_hook)
    shared_hook.behave(when(lambda request: request.path == PATHS[PERIODIC], answer(500)), answer())
    done = beside("sync", "--wait")
    assert done == (
        "",
        "chatctl: 1 of 2 callbacks failed\n  try: chatctl callbacks deliveries --status failed\n",
        9,
    )
    shared_hook.behave(answer())
    assert beside("callbacks", "test", "--all").exit == 0
    again = beside.json("sync", "--wait", "--kind", "periodic")
    assert again == {"delivered": 1, "failed": 0, "pending": 0, "changed": True}


def test_a_batch_that_fails_again_is_told_again(
    beside: Here, calling_server: Server, shared_hook: Receiver
) -> None:
    """Under its old id: what a run goes on with is not newer than the sync."""
    room = calling_server.create_room("lobby")
    _say(calling_server, room.path, "a")
    shared_hook.behave(answer(500))
    args = ("sync", "--wait", "--kind", "chat_history", "--room", room.id)
    assert [beside(*args).exit for _ in range(2)] == [9, 9]
    shared_hook.behave(answer())
    assert beside.json(*args)["failed"] == 0


def test_a_state_that_waits_already_is_waited_for_until_the_time_is_over(
    beside: Here, calling_server: Server, shared_hook: Receiver
) -> None:
    """It tells the newest, so the sync adds none of its own."""
    calling_server.create_room("lobby")
    args = ("sync", "--kind", "periodic")
    shared_hook.pause()
    try:
        assert [beside(*args).exit for _ in range(2)] == [0, 0]
        done = beside(*args, "--wait", "--timeout", "0.5")
    finally:
        shared_hook.release()
    assert done == (
        "",
        "chatctl: 0 of 2 callbacks arrived in time; 2 left\n"
        "  try: chatctl callbacks deliveries --status pending, or a longer --timeout\n",
        8,
    )


def _prepare(server: Prepared, lag: int, *lists: list[dict[str, object]]) -> None:
    """Whose planner is so far behind the log; ``lists`` are the answers on deliveries."""
    event = {"offset": 8, "at": "2026-01-02T03:04:05.000006Z"}
    status = {"last_offset": 9, "backlog": {"followers": {"syncs": lag}}}
    server.answers = {
        "GET /management/status": Answer(status),
        "GET /management/callbacks": Answer([]),
        "GET /management/callbacks/deliveries": [Answer(each) for each in lists],
        "POST /management/sync": Answer(None, 202),
        "GET /management/events": Answer([event]),
    }


def test_what_others_ask_for_meanwhile_is_not_waited_for(here: Here, server: Prepared) -> None:
    """Nor is a sample."""
    mine, later = (
        {"delivery_id": name, "status": "pending", "mark": None} for name in ("mine", "later")
    )
    sample = {"delivery_id": "sample", "status": "pending", "mark": "test"}
    arrived = {**mine, "status": "delivered"}
    _prepare(server, 0, [], [], [sample, mine], [later, sample, arrived])
    args = ("sync", "--wait", "--kind", "periodic", "--json", "--quiet", "--timeout", "5s")
    done = here(*args, CHATCTL_SERVER=server.url)
    assert json.loads(done.stdout) == {"delivered": 1, "failed": 0, "pending": 0, "changed": True}


def test_a_plan_is_waited_for_too(here: Here, server: Prepared) -> None:
    _prepare(server, 2, [])
    done = here("sync", "--wait", "--timeout", "0.3", CHATCTL_SERVER=server.url)
    assert done == (
        "",
        "chatctl: the server has not planned the sync yet\n"
        "  try: chatctl sync status, or a longer --timeout\n",
        8,
    )


def test_status_tells_how_far_each_kind_got(beside: Here, calling_server: Server) -> None:
    room = calling_server.create_room("lobby")
    _say(calling_server, room.path, "a", "b", "c")
    found = beside.json("sync", "status", "-R", room.id, "--kind", "chat_history")
    assert found == [
        {
            "kind": "chat_history", "room_id": room.id, "room_name": "lobby", "pending": 0,
            "failed": 0, "last_delivered_at": None, "delivered_to": 0, "newest": 3, "lag": 3,
        }
    ]  # fmt: skip
    beside.json("sync", "--wait", "--kind", "chat_history", "--room", room.id)
    kind, room_id, *rest = (
        beside("sync", "status", "-R", room.id).stdout.splitlines()[2].split("\t")
    )
    assert (kind, room_id, rest[0], rest[-1]) == ("chat_history", room.id, "lobby", "0")
    kinds = {row["kind"] for row in beside.json("sync", "status", "--room", room.id)}
    assert kinds == {"data", "periodic", "chat_history"}


def test_a_server_delivers_by_itself(calling_server: Server) -> None:
    refused = calling_server.http.post("/management/sync/due", json={"seconds": 1})
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")


def test_what_cannot_be_is_said(here: Here) -> None:
    kinds = "'data', 'periodic', 'chat_history', 'session_history'"
    options = "--full, --from and --to are about histories, and"
    for args, message in (
        ("--kind dada", f"Invalid value for '--kind': 'dada' is not one of {kinds}"),
        ("--kind data --full", f"{options} data is none"),
        ("--kind data --kind periodic --from 1h", f"{options} data and periodic are none"),
        ("--from 1h --to 2h", "--from is later than --to"),
    ):
        done = here("sync", *args.split())
        assert (done.stdout, done.exit) == ("", 2), args
        assert done.stderr.startswith(f"chatctl: {message}\n")
