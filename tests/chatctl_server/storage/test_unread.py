"""What an account has not read in its chats."""

from offline import Offline
from team import DEFAULT, Town

from chatctl_server.actions import messages
from chatctl_server.domain import chat_events, events
from chatctl_server.domain.references import ChatRef
from chatctl_server.storage import chat_lists
from chatctl_server.storage.transaction import Tx
from chatctl_server.storage.unread import Unread


def say(tx: Tx, actor: events.Actor, chat: ChatRef, seq: int, sender: int, *mentions: int) -> int:
    number = tx.take("message")
    posted = events.MessagePosted(
        number, seq, "text", f"u{sender}", "somebody", "hello", tx.at, mentions=mentions
    )
    tx.record(posted, actor, chat)
    return number


def read(tx: Tx, actor: events.Actor, chat: ChatRef, who: int, message: int, seq: int) -> None:
    tx.record(chat_events.ReadMoved(f"u{who}", message, seq), actor, chat)


def test_unread_is_what_others_wrote_behind_the_cursor_and_did_not_delete(scene: Offline) -> None:
    town = Town(scene.path)
    anna, bert = town.person("Anna"), town.person("Bert")
    chat = town.chat("private", "lunch", anna, bert)
    town.chat("private", "quiet", anna)

    def counts() -> list[Unread]:
        listed = town.scene.ask(chat_lists.mine, DEFAULT, anna.id)
        return sorted((each.unread for each in listed), key=lambda each: each.chat_id)

    assert counts() == [Unread(1, 0, 0, None), Unread(2, 0, 0, None)]
    first = town.scene.run(say, chat, 1, bert.id, anna.id)
    town.scene.run(say, chat, 2, anna.id, anna.id)
    third = town.scene.run(say, chat, 3, bert.id, anna.id, bert.id)
    town.scene.run(say, chat, 4, bert.id)
    assert counts()[0] == Unread(1, 3, 2, None)
    town.scene.run(messages.delete, chat, third)
    assert counts()[0] == Unread(1, 2, 1, None)
    town.scene.run(read, chat, anna.id, first, 1)
    assert counts()[0] == Unread(1, 1, 0, first)
    town.close()


def test_a_chat_that_one_is_not_in_any_more_counts_nothing(scene: Offline) -> None:
    town = Town(scene.path)
    anna, bert = town.person("Anna"), town.person("Bert")
    chat = town.chat("private", "lunch", anna, bert)
    left = events.ParticipantLeft(f"u{bert.id}")
    town.scene.run(lambda tx, actor: tx.record(left, actor, chat))
    assert town.scene.ask(chat_lists.mine, DEFAULT, bert.id) == []
    town.close()


def test_a_rooms_messages_are_no_accounts_and_cost_no_index(scene: Offline) -> None:
    """The host product may call its users like accounts."""
    scene.post(scene.create_room("lobby"), "u7", "hello")
    own = "SELECT sender FROM message INDEXED BY message_own WHERE account IS NOT NULL"
    assert scene.ask(lambda db: db.execute_sql(own).fetchall()) == []
