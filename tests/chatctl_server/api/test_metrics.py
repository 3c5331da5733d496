"""The figures of /metrics: each says what it is called after."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import wire
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.exposition import generate_latest
from world import Room, eventually, running

from chatctl_server.api.metrics import PlainHistogram

BOUNDS = (0.001, 0.5, 1, 64)
PING = b'{"type":"Ping","payload":{"timestamp":1}}'
FRAME = b"\x81" + bytes([0x80 | len(PING)]) + b"\0\0\0\0" + PING


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    """Of a server of its own: nobody else adds to the figures."""
    with running(tmp_path, MAX_CONNECTIONS_PER_ADDRESS="2") as server:
        yield server.create_room(admins=("boss",))


@pytest.mark.own_protocol
def test_what_goes_over_connections_is_counted(room: Room) -> None:
    figure = room.server.figure
    with wire.dial(room.server) as line:
        line.sendall(wire.upgrade(f"/ws/rooms/{room.id}?user_id=anna"))
        told = line.recv(4096)
        line.sendall(FRAME * 3)
        while told.count(b"Pong") < 3:
            part = line.recv(4096)
            assert part, "closed"
            told += part
        assert figure("chatctl_connections_opened_total") == 1
        assert figure("chatctl_received_frames_total") == 3
        assert figure("chatctl_received_bytes_total") == 3 * len(FRAME)
        sent = told.partition(b"\r\n\r\n")[2]
        assert figure("chatctl_sent_bytes_total") >= len(sent)
    eventually(lambda: figure("chatctl_connections") == 0)
    room.join("anna")
    assert figure("chatctl_connections_opened_total") == 2


def test_who_finds_no_place_and_who_reads_too_slowly_is_counted(room: Room) -> None:
    boss = room.join("boss")
    with wire.dial(room.server, receive_buffer=4096) as deaf:
        deaf.sendall(wire.upgrade(f"/ws/rooms/{room.id}?user_id=deaf"))
        eventually(lambda: room.details()["current_users"] == 2)
        path = wire.upgrade(f"/ws/rooms/{room.id}?user_id=carl")
        assert wire.ask(room.server, path).status == 503
        assert room.server.figure('chatctl_connections_refused_total{reason="limit"}') == 1
        for _ in range(60):
            boss.say("x" * 30_000)
        name = 'chatctl_evictions_total{reason="too_slow"}'
        eventually(lambda: room.server.figure(name) == 1)


@pytest.mark.parametrize("values", [[], [0.5], [0.0005, 0.001, 0.0011, 0.75, 1, 2, 64, 65, 1e9]])
def test_a_histogram_is_shown_as_prometheus_client_shows_its_own(values: list[float]) -> None:
    theirs, ours = CollectorRegistry(), CollectorRegistry()
    histogram = Histogram("taken_seconds", "How long it took", buckets=BOUNDS, registry=theirs)
    plain = PlainHistogram("taken_seconds", "How long it took", buckets=BOUNDS, registry=ours)
    for value in values:
        histogram.observe(value)
        plain.observe(value)
    lines = [line for line in generate_latest(theirs).splitlines() if b"_created" not in line]
    assert generate_latest(ours).splitlines() == lines
