"""``sync`` on the file, without a server: it delivers what is due, and returns."""

import asyncio
import json
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hooks import PATHS, QUIET, SECRET, at, bodies, urls
from offline import Offline
from prepared_server import Chatctl, Finished
from real_server import Serving
from receivers import Receiver, answer, hang, receiver, when
from same_process import Here
from standardwebhooks.webhooks import Webhook

from chatctl_server.workers.callbacks import delivery_planner

DATA, PERIODIC = "DATA_CALLBACK_URL", "PERIODIC_SYNC_CALLBACK_URL"
CHAT, SESSIONS = "CHAT_HISTORY_CALLBACK_URL", "SESSION_HISTORY_CALLBACK_URL"
STATES = (DATA, PERIODIC)
FAST = {**QUIET, "CALLBACK_MAX_RETRIES": "1"}


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of one room with three messages."""
    desk = Offline(tmp_path_factory.mktemp("prepared") / "chat.db")
    room = desk.create_room("lobby", "boss")
    for text in ("a", "b", "c"):
        desk.post(room, "anna", text)
    desk.close()
    return desk.path


class OnFile:
    def __init__(self, run: Here, hook: Receiver) -> None:
        self.hook = hook
        self._run = run

    def __call__(self, *args: str, names: tuple[str, ...] = STATES, **settings: str) -> Finished:
        """``names``: of the settings that have a URL."""
        named = urls(self.hook, *names) if names else {}
        return self._run(*args, "--db", "sqlite:./chat.db", **{**FAST, **named, **settings})

    @property
    def directory(self) -> Path:
        return self._run.directory

    def serve_once(self, **settings: str) -> None:
        """A server with them has started, and ended."""
        chatctl = Chatctl(self._run.directory, self._run.runtime)
        chatctl.environ |= {**FAST, **urls(self.hook, *STATES), **settings}
        with Serving(chatctl, "--db", "sqlite:./chat.db"):
            pass


@pytest.fixture
def on_file(here: Here, hook: Receiver, prepared: Path) -> OnFile:
    shutil.copy(prepared, here.directory / "chat.db")
    return OnFile(here, hook)


def test_on_the_file_it_delivers_and_returns(on_file: OnFile, hook: Receiver) -> None:
    done = on_file("sync", "--json", CALLBACK_SIGNING_SECRET=SECRET)
    assert json.loads(done.stdout) == {"delivered": 3, "failed": 0, "pending": 0, "changed": True}
    assert done.exit == 0
    # The room's creation was due as well, and the sync's data tells the newest.
    assert len(at(hook, DATA)) == 2
    (periodic,) = at(hook, PERIODIC)
    assert periodic.json["consistency"]["message_count"] == 3
    Webhook(SECRET).verify(periodic.body, periodic.headers)


def test_histories_go_out_to_their_end(on_file: OnFile, hook: Receiver) -> None:
    args = ("sync", "--kind", "chat_history", "--kind", "session_history", "--json")
    done = on_file(*args, names=(CHAT, SESSIONS), CHAT_HISTORY_BATCH_SIZE="2")
    assert json.loads(done.stdout)["delivered"] == 2
    told = bodies(hook, CHAT)
    assert [entry["content"] for body in told for entry in body["messages"]] == ["a", "b", "c"]
    assert [body["is_last_batch"] for body in told] == [False, True]
    again = on_file(*args, names=(CHAT, SESSIONS))
    assert json.loads(again.stdout)["delivered"] == 0


def test_on_the_file_what_fails_is_exit_9(on_file: OnFile, hook: Receiver) -> None:
    hook.behave(when(lambda request: request.path == PATHS[DATA], answer(403)), answer(500))
    done = on_file("sync", "--quiet")
    assert (done.stdout, done.exit) == ("", 9)
    assert done.stderr.startswith("chatctl: 3 of 3 callbacks failed\n")
    assert [len(at(hook, name)) for name in STATES] == [2, 2]


def test_on_the_file_the_time_is_limited(on_file: OnFile, hook: Receiver) -> None:
    """What nobody is there for stays, and is sent with its old id when somebody is."""
    hook.behave(hang())
    done = on_file("sync", "--kind", "periodic", "--timeout", "4s", "--quiet", names=(PERIODIC,))
    assert done == (
        "",
        "chatctl: 0 of 1 callbacks arrived in time; 1 left\n"
        "  try: chatctl callbacks deliveries --status pending --db sqlite:./chat.db, "
        "or a longer --timeout\n",
        8,
    )
    hook.behave(answer())
    done = on_file("sync", names=())
    # The second tells what the first, which may be under way, does not know yet.
    assert (done.stdout, done.exit) == ("delivered\t0\nfailed\t0\npending\t2\n", 0)
    why = "their URL or CALLBACK_SIGNING_SECRET is not set here, or their endpoint is disabled"
    assert f"chatctl: still pending: 2; {why}\n" in done.stderr
    assert on_file("sync", "--kind", "periodic", names=(PERIODIC,)).exit == 0
    assert len({request.headers["webhook-id"] for request in at(hook, PERIODIC)[:2]}) == 1


def test_time_that_is_over_before_anything_is_planned_is_no_success(
    on_file: OnFile, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def late(*_: object, **__: object) -> bool:
        await asyncio.sleep(30)
        return False

    monkeypatch.setattr(delivery_planner.Planner, "step", late)
    done = on_file("sync", "--timeout", "0.5", "--quiet")
    assert (done.stdout, done.exit) == ("", 8)
    assert "before all callbacks were planned" in done.stderr
    assert hook.requests == []


def test_on_the_file_a_signal_leaves_the_rest(
    on_file: OnFile, chatctl: Chatctl, hook: Receiver
) -> None:
    hook.behave(hang())
    named = urls(hook, PERIODIC) | FAST
    args = ("sync", "--kind", "periodic", "--db", "sqlite:./chat.db")
    running = chatctl.start(*args, **named)
    hook.wait_for(1)
    running.send_signal(signal.SIGINT)
    shown, said = running.communicate(timeout=30)
    assert (shown, running.returncode) == (b"", 130)
    assert re.search(rb"^chatctl: sending what is due, for \d\d s at most$", said, re.MULTILINE)
    assert said.endswith(
        b"chatctl: what has not arrived is left\n  try: the same command, which goes on with it\n"
    )
    hook.behave(answer())
    assert on_file("sync", "--kind", "periodic", names=(PERIODIC,)).exit == 0
    assert len({each.headers["webhook-id"] for each in hook.requests[:2]}) == 1


def test_without_an_endpoint_there_is_nothing_to_do(on_file: OnFile, hook: Receiver) -> None:
    """One of two kinds that nobody named is not missed."""
    done = on_file("sync", names=())
    assert (done.stdout, done.exit) == ("delivered\t0\nfailed\t0\npending\t0\n", 0)
    assert done.stderr.splitlines()[-1] == (
        "chatctl: no endpoint is configured: "
        "DATA_CALLBACK_URL and PERIODIC_SYNC_CALLBACK_URL are not set"
    )
    assert hook.requests == []
    assert "no endpoint is configured" not in on_file("sync", names=(DATA,)).stderr
    asked = on_file("sync", "--kind", "data", "--kind", "periodic", names=(DATA,))
    assert "for periodic: PERIODIC_SYNC_CALLBACK_URL is not set\n" in asked.stderr


def test_a_shell_without_the_server_s_secret_sends_nothing_unsigned(
    on_file: OnFile, hook: Receiver
) -> None:
    """A receiver that verifies would refuse it; one with a secret of its own is sent to."""
    on_file.serve_once(CALLBACK_SIGNING_SECRET=SECRET)
    (on_file.directory / "own").write_text(f"{'0' * 40}\n")
    added = ("--events", "room.*")
    on_file("callbacks", "add", f"{hook.origin}/own", *added, "--secret-file", "own")
    on_file("callbacks", "add", f"{hook.origin}/common", *added)
    before = len(hook.requests)
    on_file("rooms", "create", "made here")
    done = on_file("sync", "--kind", "data")
    assert (done.stdout.splitlines()[0], done.exit) == ("delivered\t1", 0)
    assert "CALLBACK_SIGNING_SECRET is not set here" in done.stderr
    assert [each.path for each in hook.requests[before:]] == ["/own"]
    on_file("sync", "--kind", "data", CALLBACK_SIGNING_SECRET=SECRET)
    told = {each.path: each.headers for each in hook.requests[before:]}
    assert told.keys() == {"/own", "/common", PATHS[DATA]}
    assert all("webhook-signature" in headers for headers in told.values())
    on_file.serve_once()  # it has none any more, so none is missed
    before = len(hook.requests)
    on_file("rooms", "create", "made later")
    assert on_file("sync").stdout.splitlines()[2] == "pending\t0"
    told = {each.path: each.headers for each in hook.requests[before:]}
    assert [path for path in told if "webhook-signature" in told[path]] == ["/own"]
    assert told.keys() >= {"/own", "/common", PATHS[DATA]}


def test_on_the_file_nobody_is_kept_waiting_by_the_plan(
    on_file: OnFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery_planner, "DELIVERIES_A_CALL", 1)
    monkeypatch.setattr(delivery_planner, "PAUSE_SECONDS", 3600.0)
    for number in range(2):
        on_file("rooms", "create", f"room {number}")
    assert on_file("sync", "--timeout", "30s").exit == 0


def test_a_shell_without_the_urls_loses_nothing(on_file: OnFile, hook: Receiver) -> None:
    """They may stand with the server alone, and no later sync tells of an event."""
    events = "ROOM_EVENT_CALLBACK_URL"
    assert on_file("sync", names=(events,)).exit == 0
    before = len(hook.requests)
    on_file("rooms", "create", "made here", names=())
    done = on_file("sync", "--json", names=())
    assert json.loads(done.stdout)["delivered"] == 0
    assert len(hook.requests) == before
    on_file("sync", names=(events,))
    (told,) = hook.requests[before:]
    assert (told.json["event_type"], told.json["room_name"]) == ("RoomCreated", "made here")


WAIT = "chatctl: callbacks wait for the next start of the server, or: chatctl sync\n"


def test_who_leaves_something_to_send_is_told_that_it_waits(
    on_file: OnFile, hook: Receiver
) -> None:
    """Once, and only when there is something new to wait for."""
    named, event = hook.url + "?key=a", ("ROOM_EVENT_CALLBACK_URL",)
    add = ("callbacks", "add", named, "--events", "room.*")
    for args, names, is_told in (
        (("rooms", "create", "first"), (), False),
        (("rooms", "create", "second"), event, True),
        (("rooms", "close", "second", "--yes"), event, True),
        (("rooms", "close", "second", "--yes"), event, False),
        (("ban", "nowhere", "bob"), event, False),
        (("callbacks", "recover", "--since", "1h"), event, False),
        (add, (), True),
        (add, (), False),
        (("rooms", "create", "third"), (), True),
        (add, event, False),
        (("callbacks", "disable", named), (), False),
        (("callbacks", "enable", named), (), True),
        (("callbacks", "enable", named), (), False),
        (("callbacks", "add", f"{hook.url}?key=b", "--events", "*", "--quiet"), event, False),
        (("callbacks", "disable", f"{hook.url}?key=c"), event, False),  # it may be any of two
    ):
        assert (WAIT in on_file(*args, names=names).stderr) == is_told, args
    assert hook.requests == []


def test_what_was_given_up_is_counted_and_sent_again_on_the_file(
    on_file: OnFile, hook: Receiver
) -> None:
    """A dry run changes nothing, and leaves nothing that waits."""
    on_file("callbacks", "add", hook.url, "--events", "room.*", names=())
    on_file("rooms", "create", "second", names=())
    hook.behave(answer(410))
    assert on_file("sync", names=()).exit == 9
    on_file("callbacks", "enable", hook.url, names=())
    hook.behave(answer())
    recover = ("callbacks", "recover", "--since", "1h")
    for _ in range(2):
        done = on_file(*recover, "--dry-run", "--json", names=(DATA,))
        assert (json.loads(done.stdout)["count"], done.exit) == (1, 0)
        assert WAIT not in done.stderr
    (failed,) = json.loads(on_file("callbacks", "deliveries", "--json", names=()).stdout)
    assert failed["status"] == "failed"
    done = on_file(*recover, names=())
    assert (done.stdout.startswith("deliveries\t1\n"), WAIT in done.stderr) == (True, True)
    assert WAIT not in on_file("callbacks", "retry", failed["delivery_id"], names=()).stderr
    assert json.loads(on_file("sync", "--json", names=()).stdout)["delivered"] == 1
    assert WAIT in on_file("callbacks", "retry", failed["delivery_id"], names=()).stderr
