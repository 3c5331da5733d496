"""What was deleted long ago is erased, in chats and at the desk, from the log, too."""

from pathlib import Path

from desk import Desk, serving
from team import Town

from chatctl_server.actions import messages
from chatctl_server.domain import events, times
from chatctl_server.storage import messages as stored
from chatctl_server.workers import deleted_messages

DAY = 24 * 3600 * times.SECOND


async def test_at_the_desk(tmp_path: Path) -> None:
    async with serving(tmp_path) as desk:
        conversation = await desk.open(desk.bo)
        await desk.say(desk.bo, conversation, "stays")
        gone = await desk.say(desk.bo, conversation, "goes")
        path = f"/api/conversations/{conversation}/messages/{gone['id']}"
        await desk.told(desk.bo, "DELETE", path)
        for days, ahead, is_there in ((0, 9, True), (2, 1, True), (2, 3, False)):
            await deleted_messages.erase(desk.store, days, times.now() + ahead * DAY)
            assert ("goes" in await replayed(desk)) == is_there
        assert "stays" in await replayed(desk)


async def replayed(desk: Desk) -> str:
    return (await desk.ask(desk.anna, "GET", "/api/events/replay")).text


def test_in_chats_and_not_twice(tmp_path: Path) -> None:
    town = Town(tmp_path / "chat.db")
    anna = town.person("Anna")
    chat = town.chat("private", "lunch", anna)
    posted = town.scene.post(chat, f"u{anna.id}", "soup")
    town.scene.run(messages.delete, chat, posted.message_id)
    lobby = town.scene.create_room("lobby")  # of which erasures are asked for by themselves
    said = town.scene.post(lobby, "bo", "hi")
    town.scene.run(messages.delete, lobby, said.message_id)
    later = times.now() + DAY
    assert town.scene.ask(stored.deleted_before, later, 9) == [(chat, posted.message_id)]
    assert town.scene.ask(stored.deleted_before, 0, 9) == []
    town.scene.run(messages.erase, chat, posted.message_id, actor=events.SERVER)
    assert town.scene.ask(stored.deleted_before, later, 9) == []
    town.close()
