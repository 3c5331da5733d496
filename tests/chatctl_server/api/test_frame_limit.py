"""INBOUND_FRAMES_PER_SECOND: who sends faster is closed with 4029, and may come back."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from world import Client, running

SENDERS: dict[str, Callable[[Client], None]] = {
    "commands": lambda client: client.send("Ping", {"timestamp": 1}),
    "what cannot be decoded": lambda client: client.socket.send("{"),
    "binary frames": lambda client: client.socket.send(b"\0"),
    "pings": lambda client: client.socket.ping() and None,
    "parts of messages": lambda client: client.socket.send(["{"] * 10),
}


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=pytest.mark.own_protocol if kind == "pings" else ())
        for kind in SENDERS
    ],
)
def test_who_sends_too_fast_is_told_and_closed(tmp_path: Path, kind: str) -> None:
    with running(tmp_path, INBOUND_FRAMES_PER_SECOND="1") as server:
        room = server.create_room()
        anna, bert = room.join("anna"), room.join("bert")
        bert.say("slowly")
        with contextlib.suppress(ConnectionClosed):
            for _ in range(100):
                SENDERS[kind](anna)
        frames, code = anna.last_frames()
        assert code == 4029
        assert frames[-1]["payload"] == {
            "message": "More than 1 frames a second",
            "code": "throttled",
            "retry_after": 1,
        }
        assert room.join("anna", since=0).say("back again")["seq"] == 2
        assert server.figure('chatctl_evictions_total{reason="too_fast"}') == 1
        assert bert.receive("UserLeft")["payload"]["user_id"] == "anna"


def test_the_limit_is_on_unless_it_is_switched_off(tmp_path: Path) -> None:
    with running(tmp_path, INBOUND_FRAMES_PER_SECOND="") as server:  # unset: the default
        anna = server.create_room().join("anna")
        for _ in range(298):
            anna.send("Ping", {"timestamp": 1})
        assert anna.say("the burst is allowed")["seq"] == 1
        text_of_one_byte = b"\x81\x81\0\0\0\0{"
        anna.socket.socket.sendall(text_of_one_byte * 20_000)  # more than three minutes' worth
        assert anna.close_code() == 4029


@pytest.mark.own_protocol
def test_each_part_of_a_message_counts(tmp_path: Path) -> None:
    with running(tmp_path, INBOUND_FRAMES_PER_SECOND="1") as server:
        anna = server.create_room().join("anna")
        with contextlib.suppress(ConnectionClosed):
            anna.socket.send(["{"] * 100)  # one message
        assert anna.close_code() == 4029


def test_without_a_limit_nobody_is_too_fast(tmp_path: Path) -> None:
    with running(tmp_path, INBOUND_FRAMES_PER_SECOND="0") as server:
        anna = server.create_room().join("anna")
        for _ in range(1000):
            anna.send("Ping", {"timestamp": 0})
        assert anna.say("still here")["seq"] == 1
