"""A retry that says something else than the first try says so, whatever came between them."""

from pathlib import Path

import pytest
from hooks import calling, request_sync, stored, wait_at, wait_for_event
from receivers import Receiver, Request, answer, hang, receiver
from world import Room, Server, eventually

CHAT, DATA = "CHAT_HISTORY_CALLBACK_URL", "DATA_CALLBACK_URL"
EVENTS = "ROOM_EVENT_CALLBACK_URL"
ERASED = [("m0", None), ("", "true"), ("", "true")]


def room_with_a_message(server: Server) -> tuple[Room, str]:
    """And the path of that message."""
    room = server.create_room()
    posted = server.http.post(f"{room.path}/messages", json={"content": "m0"}).json()
    return room, f"{room.path}/messages/{posted['message_id']}"


def changed(request: Request) -> str | None:
    return request.headers.get("x-chatctl-changed")


def said(requests: list[Request]) -> list[tuple[str, str | None]]:
    """The text of the one message in each, and whether it is said to have changed."""
    messages = [each.json.get("data") or each.json["messages"][0] for each in requests]
    return [
        (message["content"], changed(each))
        for each, message in zip(requests, messages, strict=True)
    ]


def add_endpoint(server: Server, hook: Receiver) -> None:
    body = {"url": hook.url, "events": ["message.posted"]}
    server.http.post("/management/callbacks", json=body).raise_for_status()


def test_what_was_erased_is_erased_in_a_retry_which_says_so(tmp_path: Path) -> None:
    slow = {"CALLBACK_RETRY_DELAY_SECONDS": "1"}
    with receiver(answer(500)) as hook, calling(tmp_path, hook, CHAT, **slow) as server:
        _, message = room_with_a_message(server)
        request_sync(server, kinds=["chat_history"])
        wait_at(hook, CHAT, 1)
        server.http.delete(message)
        hook.behave(answer(500), answer())
        assert said(wait_at(hook, CHAT, 3)) == ERASED


def test_it_says_so_over_a_kill_in_each_try_after_it(tmp_path: Path) -> None:
    """Nobody has stored what the first try said. A receiver that knows its id takes the newer."""
    slow = {"CALLBACK_RETRY_DELAY_SECONDS": "1"}
    with receiver(hang()) as hook, calling(tmp_path, hook, CHAT, **slow) as server:
        (erased, message), (whole, _) = [room_with_a_message(server) for _ in range(2)]
        request_sync(server, kinds=["chat_history"])
        wait_at(hook, CHAT, 2)
        server.http.delete(message)
        server.kill()
        hook.behave(answer(500), answer(500), answer())
        server.start()
        wait_at(hook, CHAT, 4)
        assert server.stop() == 0
        server.start()
        told = wait_at(hook, CHAT, 6)
    for room, expected in ((erased, ERASED), (whole, [("m0", None)] * 3)):
        tries = [each for each in told if each.json["room_id"] == room.id]
        assert said(tries) == expected
        assert len({each.headers["webhook-id"] for each in tries}) == 1


def test_so_does_a_message_at_an_added_endpoint(tmp_path: Path) -> None:
    allowed = {"CALLBACK_ALLOW_NETWORKS": "127.0.0.0/8"}
    with receiver(hang()) as hook, calling(tmp_path, hook, EVENTS, **allowed) as server:
        add_endpoint(server, hook)
        _, message = room_with_a_message(server)
        wait_for_event(hook, "message.posted")
        server.http.delete(message)
        server.kill()
        hook.behave(answer())
        server.start()
        assert said(wait_for_event(hook, "message.posted", 2)) == ERASED[:2]


@pytest.mark.parametrize("on_file", [False, True])
def test_a_state_may_have_gone_on_over_a_kill(tmp_path: Path, on_file: bool) -> None:
    """What waited behind it was not sent before, and says nothing else."""
    with receiver(hang()) as hook, calling(tmp_path, hook, DATA) as server:
        room = server.create_room()
        wait_at(hook, DATA, 1)
        server.http.delete(room.path).raise_for_status()
        eventually(lambda: len(stored(server, "SELECT id FROM delivery")) == 2)
        server.kill()
        hook.behave(answer())
        if on_file:
            assert server.chatctl("sync").returncode == 0
        else:
            server.start()
        first, again, behind, *_ = wait_at(hook, DATA, 3)
    assert [changed(each) for each in (first, again, behind)] == [None, "true", None]
    ids = [each.headers["webhook-id"] for each in (first, again, behind)]
    assert ids[0] == ids[1] != ids[2]
