"""What follows from an answer: retries at their times, dead letters, skips; nothing is lost."""

from pathlib import Path

import pytest
from hooks import (
    at,
    bodies,
    calling,
    finished,
    of_event,
    request_sync,
    stored,
    urls,
    wait_at,
)
from receivers import answer, hang, receiver, redirect, reset, when
from world import eventually, running

EVENTS = "ROOM_EVENT_CALLBACK_URL"
DATA = "DATA_CALLBACK_URL"
PERIODIC = "PERIODIC_SYNC_CALLBACK_URL"


def test_a_refused_delivery_is_tried_again_until_it_arrives(tmp_path: Path) -> None:
    turns = (reset(), answer(500), answer(302), answer(200))
    with receiver(*turns) as hook, calling(tmp_path, hook, EVENTS) as server:
        server.create_room("lobby")
        tries = wait_at(hook, EVENTS, 4)
        assert finished(server, 1) == [("room_created", 4, "delivered")]
        log = server.log.read_text()
    assert "room_created was not answered: reset" in log
    assert "room_created was answered 302" in log
    assert len({each.headers["webhook-id"] for each in tries}) == 1
    assert len({each.body for each in tries}) == 1


def test_a_dead_letter_keeps_every_try_and_its_answer(tmp_path: Path) -> None:
    turns = (answer(500, b"down"), answer(404, b"gone"), answer(410), answer(503, b"busy"))
    with receiver(*turns) as hook, calling(tmp_path, hook, EVENTS) as server:
        server.create_room("lobby")
        assert finished(server, 1) == [("room_created", 4, "failed")]
        tries = stored(server, "SELECT number, status, answer, latency FROM attempt")
        assert [each[:3] for each in tries] == [
            (1, 500, b"down"),
            (2, 404, b"gone"),
            (3, 410, None),
            (4, 503, b"busy"),
        ]
        assert all(latency > 0 for *_, latency in tries)
        last = "room_created was answered 503; failed"
        eventually(lambda: last in server.log.read_text())  # after the commit
        assert len(hook.requests) == 4


def test_not_allowed_skips_a_sync_until_the_next(tmp_path: Path) -> None:
    refused = when(lambda request: request.path != "/api/room-events", answer(403))
    with (
        receiver(refused, answer()) as hook,
        calling(tmp_path, hook, EVENTS, DATA, PERIODIC) as server,
    ):
        server.create_room("lobby")
        wait_at(hook, DATA, 1)
        request_sync(server)
        wait_at(hook, PERIODIC, 1)
        wait_at(hook, DATA, 2)
        assert finished(server, 4) == [
            ("data_sync", 1, "skipped"),
            ("room_created", 1, "delivered"),
            ("data_sync", 1, "skipped"),
            ("periodic_sync", 1, "skipped"),
        ]
        assert '"level":"warning"' in server.log.read_text()


def test_a_try_ends_at_its_deadline(tmp_path: Path) -> None:
    settings = {"CALLBACK_TIMEOUT_SECONDS": "1", "CALLBACK_MAX_RETRIES": "0"}
    with receiver(hang()) as hook, calling(tmp_path, hook, EVENTS, **settings) as server:
        server.create_room("lobby")
        assert finished(server, 1) == [("room_created", 1, "failed")]
        [(error, latency)] = stored(server, "SELECT error, latency FROM attempt")
        assert error == "timeout"
        assert latency == pytest.approx(1_000_000, rel=0.3)


def test_a_corrected_url_gets_what_the_wrong_one_did_not(tmp_path: Path) -> None:
    """What waits for a URL that the settings name no more goes to the one in its place."""
    slow = {"CALLBACK_RETRY_DELAY_SECONDS": "3600"}
    with (
        receiver(answer(500)) as wrong,
        receiver() as right,
        calling(tmp_path, wrong, EVENTS, **slow) as server,
    ):
        server.create_room("lobby")
        eventually(lambda: stored(server, "SELECT 1 FROM attempt"))
        server.stop()
        server.environment.update(urls(right, EVENTS), CALLBACK_RETRY_DELAY_SECONDS="0")
        server.start()
        [created] = wait_at(right, EVENTS, 1)
        assert created.json["room_name"] == "lobby"
        assert finished(server, 1) == [("room_created", 2, "delivered")]


def test_the_start_says_where_callbacks_go_and_no_secret(tmp_path: Path) -> None:
    url = "http://user:s3cret@127.0.0.1:9/hook?key=s3cret"
    with running(tmp_path, ROOM_EVENT_CALLBACK_URL=url) as server:
        log = server.log.read_text()
    assert log.count("callbacks go to any address that the settings name: room_event to http") == 1
    assert "s3cret" not in log


def test_what_was_done_on_the_file_is_called_back_by_the_next_start(tmp_path: Path) -> None:
    with receiver() as hook, calling(tmp_path, hook, EVENTS) as server:
        server.stop()
        assert server.chatctl("rooms", "create", "offline").returncode == 0
        assert at(hook, EVENTS) == []
        server.start()
        wait_at(hook, EVENTS, 1)
        assert bodies(hook, EVENTS)[0]["room_name"] == "offline"


def test_a_receiver_of_the_settings_sends_it_on_to_itself(tmp_path: Path) -> None:
    """As frameworks do for a slash at the end; of an added endpoint it is a failed try."""
    with receiver() as hook:
        moved = redirect("/moved/", 308)
        hook.behave(when(lambda request: request.path != "/moved/", moved), answer())
        once = {"CALLBACK_BACKOFF": "fixed", "CALLBACK_MAX_RETRIES": "0"}
        local = {"CALLBACK_ALLOW_NETWORKS": "127.0.0.1/32", **once}
        with calling(tmp_path, hook, "ROOM_EVENT_CALLBACK_URL", **local) as server:
            added = {"url": f"{hook.origin}/added", "events": ["room.created"]}
            server.http.post("/management/callbacks", json=added).raise_for_status()
            server.create_room()
            assert sorted(finished(server, 2)) == [
                ("room.created", 1, "failed"),
                ("room_created", 1, "delivered"),
            ]
            assert of_event(hook, "room_created")[-1].json["event_type"] == "RoomCreated"
