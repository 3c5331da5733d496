"""Ctrl-C and SIGTERM: what was done is told, and how to go on; never a traceback."""

import contextlib
import json
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from forks import Process
from prepared_server import Answer, Chatctl, Prepared
from receivers import Receiver, receiver
from same_process import Here
from world import PATIENCE_SECONDS, eventually

from chatctl.commands import callbacks_samples, forward, replay, sync_pull
from chatctl.link import room_pages
from chatctl.shell import registry

STOPS = [(KeyboardInterrupt(), 130), (SystemExit(143), 143)]
AT = "2026-01-02T03:04:05.000006Z"
GONE: tuple[dict[str, Any], ...] = (
    {"offset": 7, "event_id": "id-7", "type": "ban.set", "at": AT, "room_id": None, "data": {}},
    {"offset": 9, "event_id": "id-9", "type": "ban.set", "at": AT, "room_id": None, "data": {}},
)


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture
def log(server: Prepared) -> Prepared:
    """With two events."""
    stream = "".join(f"{json.dumps(event)}\n" for event in GONE).encode()
    server.answers = {
        "GET /management/status": Answer({"last_offset": 9}),
        "GET /management/events": Answer(list(GONE)),
        "GET /management/events/stream": Answer(stream),
        "GET /management/rooms": Answer(
            [{"room_id": f"6f1c8f0e-58b3-4b3a-9f5e-0d8a1f1f000{n}", "room_name": "x"} for n in "12"]
        ),
    }
    return server


def _stop_behind(
    monkeypatch: pytest.MonkeyPatch, owner: type, name: str, number: int, stop: BaseException
) -> None:
    """As a signal there would."""
    act: Callable[..., None] = getattr(owner, name)
    left = [number]

    def counted(*given: object) -> None:
        act(*given)
        left[0] -= 1
        if left[0] == 0:
            raise stop

    monkeypatch.setattr(owner, name, counted)


@pytest.fixture
def rooms_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their histories are empty."""

    def room(
        _: object, found: dict[str, str], __: object, begun: room_pages.RoomPosition | None
    ) -> Iterator[room_pages.RoomPiece]:
        position = room_pages.RoomPosition(found["room_id"], "done")
        if begun is None:
            yield room_pages.RoomPiece([{"type": "room", **found}], position)

    monkeypatch.setattr(room_pages, "room", room)


@pytest.mark.parametrize(("stop", "code"), STOPS)
@pytest.mark.usefixtures("rooms_alone")
def test_a_pull_says_how_far_it_came(
    here: Here, log: Prepared, monkeypatch: pytest.MonkeyPatch, stop: BaseException, code: int
) -> None:
    args = ("sync", "pull", "--server", log.url, "-o")
    with monkeypatch.context() as patch:
        _stop_behind(patch, sync_pull.PulledPart, "add", 1, stop)
        assert here(*args, "all") == (
            "",
            "chatctl: 1 line is written\n  try: the same command, which goes on from there\n",
            code,
        )
    with monkeypatch.context() as patch:
        _stop_behind(patch, sync_pull.PulledPart, "add", 1, stop)
        done = here(*args, "all")
        assert done.stderr.splitlines()[-2] == "chatctl: 2 lines are written"
    assert here(*args, "all").exit == 0
    assert (here.directory / "all").read_text().count("\n") == 2


def test_a_pull_goes_on_with_the_window_that_it_began_with(
    here: Here, log: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An age has moved on meanwhile."""
    windows: list[object] = []

    def room(_: object, found: dict[str, str], window: object, __: object) -> Iterator[object]:
        windows.append(window)
        yield room_pages.RoomPiece([], room_pages.RoomPosition(found["room_id"], "messages"))
        if len(windows) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(room_pages, "room", room)
    for now in (10_000, 20_000):
        monkeypatch.setattr(sync_pull, "time", SimpleNamespace(time=lambda now=now: now))
        here("sync", "pull", "-o", "all", "--from", "1h", "--server", log.url)
    assert windows == [{"from": 6400}] * 3


@pytest.mark.usefixtures("rooms_alone")
def test_a_pull_to_stdout_says_how_much_it_wrote(
    here: Here, log: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    _stop_behind(monkeypatch, sync_pull.Printed, "add", 1, KeyboardInterrupt())
    done = here("sync", "pull", "--server", log.url, "-o", "-")
    assert (done.stdout.count("\n"), done.exit) == (1, 130)
    assert done.stderr == (
        "chatctl: 1 line is written\n"
        "  try: -o FILE, with which the same command goes on from there\n"
    )


@pytest.mark.parametrize(
    ("more", "hint"),
    [
        ((), "the same with --since 7"),
        (("--cursor", "place"), "the same command, which goes on behind them"),
    ],
)
@pytest.mark.parametrize(
    ("words", "owner", "name", "said"),
    [
        (("callbacks", "forward"), forward._Forwarding, "persist", "1 event was taken"),
        (("events", "replay"), replay.ReplayRun, "_tell_one", "1 event was told"),
    ],
)
def test_what_tells_events_says_where_it_stands(
    here: Here, log: Prepared, hook: Receiver, monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...], owner: type, name: str, said: str, more: tuple[str, ...], hint: str,
) -> None:  # fmt: skip
    _stop_behind(monkeypatch, owner, name, 1, KeyboardInterrupt())
    args = (*words, "--since", "0", "--to", hook.url, "--server", log.url, *more)
    done = here(*args)
    assert (done.stderr, done.exit) == (f"chatctl: {said}\n  try: {hint}\n", 130)
    assert [request.json["offset"] for request in hook.requests] == [7]
    assert not more or json.loads((here.directory / "place").read_text()) == {"after": 7}


def test_a_test_says_how_many_samples_were_answered(
    here: Here, server: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also those behind one that is not."""
    path = "/management/callbacks"
    statuses = {"1": "pending", "2": "delivered", "3": "failed"}
    known = {"endpoint_id": "e1", "kind": "room_event", "url": "http://x", "status": "enabled"}
    server.answers = {
        f"GET {path}": Answer([{**known, "origin": "settings"}]),
        f"POST {path}/e1/test": Answer({"delivery_ids": list(statuses)}),
    }
    for number, status in statuses.items():
        found = {"delivery_id": number, "event": "user_left", "status": status, "attempts": []}
        server.answers[f"GET {path}/deliveries/{number}"] = Answer(found)

    def sleep(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(
        callbacks_samples, "time", SimpleNamespace(monotonic=lambda: 0, sleep=sleep)
    )
    args = ("callbacks", "test", "room_event", "--server", server.url)
    said = "chatctl: 2 of 3 samples were answered\n"
    hint = f"  try: chatctl callbacks deliveries --server {server.url}, which has the answers\n"
    assert here(*args) == ("", said + hint, 130)
    assert here(*args, "--quiet") == ("", "", 130)


def test_what_takes_long_has_the_signals_among_its_exits() -> None:
    told = {path for path, verb, _ in registry.commands() if {130, 143} <= {*verb.exits}}
    assert {
        f"chatctl {command}"
        for command in (
            "ban", "unban", "kick", "mute", "unmute", "messages rm", "callbacks retry",
            "callbacks recover", "callbacks test", "callbacks forward", "callbacks tail", "watch",
            "events tail", "events replay", "sync pull",
        )
    } <= told  # fmt: skip


def test_before_the_first_there_is_nothing_to_go_on_with(
    here: Here, log: Prepared, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("chatctl.link.streams.newest_offset", stop)
    for words, done in (("callbacks forward", "taken"), ("events replay", "told")):
        args = (*words.split(), "--since", "0", "--to", hook.url, "--server", log.url)
        assert here(*args) == ("", f"chatctl: 0 events were {done}\n", 130)


def test_a_time_to_begin_at_is_kept_as_a_place_at_once(
    here: Here, log: Prepared, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(forward._Forwarding, "persist", stop)
    args = ("callbacks", "forward", "--since", "2026-01-01", "--to", hook.url)
    assert here(*args, "--cursor", "place", "--server", log.url).exit == 130
    assert json.loads((here.directory / "place").read_text()) == {"after": GONE[0]["offset"] - 1}


def test_a_dry_run_has_counted(here: Here, log: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    _stop_behind(monkeypatch, replay.ReplayRun, "_tell_one", 2, KeyboardInterrupt())
    done = here("events", "replay", "--since", "0", "--dry-run", "--server", log.url)
    assert done == ("", "chatctl: 2 events were counted\n", 130)


def test_quiet_is_quiet_but_for_programs(
    here: Here, log: Prepared, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    args = ("events", "replay", "--since", "0", "--to", hook.url, "--server", log.url, "--quiet")
    for more in ((), ("--json",)):
        with monkeypatch.context() as patch:
            _stop_behind(patch, replay.ReplayRun, "_tell_one", 1, KeyboardInterrupt())
            done = here(*args, *more)
        assert (done.stdout, done.exit) == ("", 130)
        assert bool(done.stderr) == bool(more)
    assert json.loads(done.stderr)["error"] == {
        "code": "interrupted", "message": "1 event was told",
        "hint": "the same with --since 7", "exit": 130,
    }  # fmt: skip


def test_a_terminal_is_told_too(
    here: Here, log: Prepared, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    _stop_behind(monkeypatch, forward._Forwarding, "persist", 1, KeyboardInterrupt())
    args = ("callbacks", "forward", "--since", "0", "--to", hook.url, "--server", log.url)
    done = here.as_terminal(80, *args)
    assert "--> ban.set #1 [forward]\n" in done.stdout
    assert done.stderr.endswith("  try: the same with --since 7\n")


# Real signals, whenever they come


@contextlib.contextmanager
def _ended(process: Process | subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_ctrl_c_before_the_modules_are_there(chatctl: Chatctl) -> None:
    """One of them does not come to its end."""
    (chatctl.directory / "typer.py").write_text("print('begun', flush=True)\nwhile True: pass\n")
    process = subprocess.Popen(
        chatctl.command("rooms"), cwd=chatctl.directory, env=chatctl.environ,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    with _ended(process):
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=PATIENCE_SECONDS) == (b"", b"")
        assert process.returncode == 130


def test_who_ignores_ctrl_c_goes_on_ignoring_it(chatctl: Chatctl) -> None:
    """As behind nohup, or in a script's background."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        words = chatctl.command("rooms", "--server", f"http://127.0.0.1:{silent.getsockname()[1]}")
        process = subprocess.Popen(
            ["sh", "-c", "trap '' INT; exec \"$@\"", "sh", *words], cwd=chatctl.directory,
            env=chatctl.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        with _ended(process):
            silent.settimeout(PATIENCE_SECONDS)
            connection, _ = silent.accept()
            with connection:
                process.send_signal(signal.SIGINT)
                process.send_signal(signal.SIGTERM)
                assert process.communicate(timeout=PATIENCE_SECONDS) == (b"", b"")
        assert process.returncode == 143


def test_a_forward_that_waits_is_stopped(chatctl: Chatctl, log: Prepared, hook: Receiver) -> None:
    """By the signal itself."""
    hook.pause()
    begun = chatctl.start(
        "callbacks", "forward", "--since", "0", "--to", hook.url, "--server", log.url
    )
    with _ended(begun):
        eventually(lambda: hook.requests)
        begun.send_signal(signal.SIGINT)
        _, error = begun.communicate(timeout=PATIENCE_SECONDS)
        assert error == b"chatctl: 0 events were taken\n  try: the same with --since 0\n"
        assert begun.returncode == 130
    hook.release()
