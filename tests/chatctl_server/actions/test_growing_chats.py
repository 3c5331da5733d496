"""A thousand people may be added to a chat of ten thousand, while everybody else wants to write."""

from offline import Offline
from team import Town

from chatctl_server.actions import chats
from chatctl_server.domain import events
from chatctl_server.storage import chats as stored
from chatctl_server.storage import log
from chatctl_server.storage.transaction import Tx


def test_who_is_added_costs_the_same_however_many_are_in_the_chat(scene: Offline) -> None:
    """Neither are the others read, nor does the event name them."""
    town = Town(scene.path)
    anna, *others = (town.person(f"Person{number}") for number in range(21))
    chat = town.chat("private", "all", anna, others[0])
    asked: list[str] = []

    def note(_: object, statement: str, __: object) -> bool:
        asked.append(statement)
        return True

    def add(tx: Tx, actor: events.Actor) -> list[int]:
        tx.db.connection().exec_trace = note
        try:
            return chats.add(tx, actor, chat, [each.id for each in (*others, *others)])
        finally:
            tx.db.connection().exec_trace = None

    assert town.scene.run(add) == [each.id for each in others[1:]]
    assert {stored._MEMBERS.text, stored._GET.text}.isdisjoint(asked)
    newest = town.scene.call(lambda tx: log.one(tx.db, log.newest_offset(tx.db)))
    assert newest.payload == events.ParticipantJoined(f"u{others[-1].id}", "member")
    everybody = tuple(f"u{each.id}" for each in (anna, *others))
    assert tuple(each.user_id for each in town.scene.ask(stored.members, chat)) == everybody
    town.close()
