"""What happens to a connection while its database, or its client, is held for a moment, or while
its task is cancelled: it ends as cancelled, and nothing is left."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

import pytest
from application import Lobby, Talker, held, reached

from chatctl_server.actions import messages
from chatctl_server.app import Application
from chatctl_server.domain.references import ROOMS, RoomRef
from chatctl_server.storage import readers, replay, store
from chatctl_server.storage.transaction import Tx

Frame = dict[str, Any]


async def test_what_comes_after_a_kick_is_not_stored(lobby: Lobby) -> None:
    anna = await lobby.join("anna")
    anna.may_send.clear()  # so that the close is not on the wire yet
    kicked = await lobby.client.post(f"{lobby.path}/kick/anna")
    assert kicked.json()["kicked"] is True
    anna.sends("SendMessage", {"content": "one more thing"})
    await anna.leave()
    # Stored behind whatever was still on its way.
    await lobby.client.post(f"{lobby.path}/messages", json={"content": "x", "user_id": "bert"})
    told = (await lobby.client.get(f"{lobby.path}/messages")).json()
    assert [each["content"] for each in told] == ["x"]


async def test_a_join_that_nobody_waits_for_leaves_no_member(lobby: Lobby) -> None:
    async with held(lobby.app.context.store):
        waiting = lobby.app.context.store.backlog
        anna = lobby.dial("anna")
        await reached(lambda: lobby.app.context.store.backlog > waiting)
        anna.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await anna.task
    left = {"params": {"type": "session.left"}}
    async with asyncio.timeout(15):
        while not (await lobby.client.get("/management/events", **left)).json():
            await asyncio.sleep(0.01)
    assert (await lobby.client.get(f"{lobby.path}/members")).json() == []


async def test_a_connection_has_at_most_256_messages_on_their_way(lobby: Lobby) -> None:
    anna = await lobby.join("anna")
    async with held(lobby.app.context.store):
        for number in range(300):
            anna.sends("SendMessage", {"content": f"{number}"})
        await reached(lambda: anna.heard >= 256)
        for _ in range(100):
            await asyncio.sleep(0)
        assert anna.heard == 256
    await reached(lambda: anna.heard == 300)
    await anna.leave()


COMMANDS: list[tuple[str, Frame]] = [
    ("KickUser", {"user_id": "bert"}),
    ("MuteUser", {"user_id": "bert"}),
    ("UnmuteUser", {"user_id": "bert"}),
    ("CustomEvent", {"event_type": "poll", "payload": 1}),
    ("KickUser", {"user_id": "\ud800"}),
]


async def test_a_command_of_a_non_admin_costs_the_database_nothing(
    lobby: Lobby, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does it overtake anything: it is neither queued nor looked up."""
    anna, boss = await lobby.join("anna"), await lobby.join("boss")
    await lobby.client.patch(f"{lobby.path}/admins", json={"remove": ["boss"]})
    monkeypatch.setattr(readers, "MAX_WAITING", 0)
    async with held(lobby.app.context.store):
        waiting = lobby.app.context.store.backlog
        for user in (anna, boss):
            for name, payload in COMMANDS:
                user.sends(name, payload)
            user.sends("Ping", {"timestamp": 1})
            await user.got("Pong")
        assert lobby.app.context.store.backlog == waiting
    for user in (anna, boss):
        assert "Error" not in {each["type"] for each in user.frames}
        await user.leave()


async def test_a_command_behind_the_loss_of_the_role_is_ignored(lobby: Lobby) -> None:
    """What the connection knows is behind; the transaction decides."""
    boss = await lobby.join("boss")
    async with held(lobby.app.context.store):
        waiting = lobby.app.context.store.backlog
        taking = lobby.client.patch(f"{lobby.path}/admins", json={"remove": ["boss"]})
        taken = asyncio.create_task(taking)
        await reached(lambda: lobby.app.context.store.backlog == waiting + 1)
        boss.sends("KickUser", {"user_id": "bert"})
        await reached(lambda: lobby.app.context.store.backlog == waiting + 2)
    assert (await taken).json()["changed"] is True
    boss.sends("Ping", {"timestamp": 1})
    await boss.got("Pong")
    assert (await lobby.client.get(f"{lobby.path}/bans")).json() == []
    await boss.leave()


async def test_a_resume_that_cannot_be_read_is_told_to_start_anew(
    lobby: Lobby, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with held(lobby.app.context.store):
        waiting = lobby.app.context.store.backlog
        anna = lobby.dial("anna", "&since=0")
        await reached(lambda: lobby.app.context.store.backlog > waiting)
        monkeypatch.setattr(readers, "MAX_WAITING", 0)
    assert (await anna.got("Error"))["code"] == "resync_required"
    monkeypatch.undo()
    await lobby.client.post(f"{lobby.path}/messages", json={"content": "live"})
    assert (await anna.got("System"))["message"] == "live"
    await anna.leave()


async def test_a_custom_event_that_waits_is_counted_by_its_length(
    lobby: Lobby, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MAX_WAITING_BYTES", 2000)
    monkeypatch.setattr(store, "MAX_URGENT_CALLS", 0)
    boss = await lobby.join("boss")
    async with held(lobby.app.context.store):
        waiting = lobby.app.context.store.backlog
        boss.sends("CustomEvent", {"event_type": "poll", "payload": "x" * 2000})
        await reached(lambda: lobby.app.context.store.backlog > waiting)
        refused = await lobby.client.post(f"{lobby.path}/kick/anna")
        assert (refused.status_code, refused.json()["code"]) == (503, "busy")
    await boss.got("CustomEvent")
    await boss.leave()


async def test_posts_over_http_are_stored_together_with_those_of_sockets(
    lobby: Lobby, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[list[str]] = []
    many, writer = messages.POST.many, lobby.app.context.store

    def noted(tx: Tx, posts: Sequence[messages.Post]) -> Any:
        batches.append([post.content for post in posts])
        return many(tx, posts)

    async def are_waiting(count: int) -> None:
        """So many posts; followers write, too."""
        queued = (writer._urgent, writer._waiting)
        await reached(
            lambda: sum(call.action is messages.POST for calls in queued for call in calls) == count
        )

    anna = await lobby.join("anna")
    monkeypatch.setattr(messages.POST, "many", noted)
    posting: list[asyncio.Task[Any]] = []
    async with held(writer):
        anna.say("socket 1")
        await are_waiting(1)
        for number, body in enumerate(({"user_id": "bert"}, {"user_id": "carl"}, {}), 1):
            sent = {**body, "content": f"http {number}"}
            asked = lobby.client.post(f"{lobby.path}/messages", json=sent)
            posting.append(asyncio.create_task(asked))
            await are_waiting(1 + number)
        anna.say("socket 2")
        await are_waiting(5)
    answers = [await each for each in posting]
    await reached(lambda: len(anna.named("Ack")) == 2)
    await anna.leave()
    # The announcement, as all that administrators do, goes before what waits.
    in_turn = ["socket 1", "http 1", "http 2", "socket 2"]
    assert batches in ([["http 3", *in_turn]], [in_turn]), "what a follower writes may part them"
    assert [(each.status_code, each.json()["seq"]) for each in answers] == [
        (201, 3),
        (201, 4),
        (201, 1),
    ]


class Socket(Talker):
    """Its close is never written."""

    def __init__(self, lobby: Lobby, query: str = "") -> None:
        self.closing = asyncio.Event()
        super().__init__(lobby.app, lobby.id, "anna", query)

    async def _send(self, event: Any) -> None:
        if event["type"] == "websocket.close":
            self.closing.set()
            await asyncio.Event().wait()

    async def is_cancelled(self) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])
        assert self.task.cancelled()


def running(name: str) -> list[asyncio.Task[Any]]:
    return [task for task in asyncio.all_tasks() if task.get_name() == name]


async def test_while_it_waits_for_its_resume(lobby: Lobby, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = asyncio.Event()

    async def start(*_: Any) -> None:
        begun.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(lobby.app.context.store, "read_live", slow(lobby.app, start))
    socket = Socket(lobby, "&since=0")
    await begun.wait()
    (resume,) = running("resume")
    socket.arrives("disconnect", code=1000)
    while not resume.cancelling():
        await asyncio.sleep(0)
    await socket.is_cancelled()
    await reached(lambda: not running("resume") + running("outbox"))


def slow(app: Application, start: Any) -> Any:
    read = app.context.store.read_live

    async def read_live(query: Any, *arguments: Any) -> Any:
        return await (start() if query is replay.start else read(query, *arguments))

    return read_live


async def test_while_it_waits_for_its_last_frames(lobby: Lobby) -> None:
    presence, room = lobby.app.context.presence, RoomRef(1, ROOMS)
    socket = Socket(lobby)
    await reached(lambda: presence.current_users(room))
    await lobby.client.delete(lobby.path)
    await socket.closing.wait()
    socket.arrives("disconnect", code=1000)
    await reached(lambda: not presence.current_users(room))
    for _ in range(5):
        await asyncio.sleep(0)
    await socket.is_cancelled()
    await reached(lambda: not running("outbox"))
    assert presence.connections == 0
