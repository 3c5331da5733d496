"""A chat's messages on the file: edited, erased, shown the same from rows and from events; who was
removed decides nothing any more."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from offline import SECOND, Offline
from team import Person, Town

from chatctl_server import errors
from chatctl_server.actions import chat_messages, chats, messages, participants
from chatctl_server.domain import chat_events, events
from chatctl_server.domain.references import ChatRef
from chatctl_server.live.log_tail import LogTail
from chatctl_server.storage import chat_messages as stored
from chatctl_server.storage import log, maintenance
from chatctl_server.storage.whereabouts import Whereabouts
from chatctl_server.views.team import messages as views

SECRETS = ("the-first-secret", "the-second-secret", "the-last-secret")


def actor(who: Person) -> events.Actor:
    return events.Actor(f"u{who.id}", "account")


class Talk:
    """A chat of Anna, who owns it, and Bert."""

    def __init__(self, path: Path) -> None:
        self.town = Town(path)
        self.scene: Offline = self.town.scene
        self.anna, self.bert = self.town.person("Anna"), self.town.person("Bert")
        self.chat: ChatRef = self.town.chat("group", "all", self.anna, self.bert)

    def post(self, who: Person, content: str, **more: Any) -> messages.Posted:
        post = messages.Post(self.chat, actor(who), f"u{who.id}", "Name", content, **more)
        posted: messages.Posted = self.scene.call(messages.POST, post)
        return posted

    def run(self, who: Person, action: Any, *arguments: Any) -> Any:
        self.scene.now += SECOND
        return self.scene.run(action, self.chat, *arguments, actor=actor(who))

    def logged(self) -> list[events.Event]:
        found: list[events.Event] = self.scene.ask(log.read_after, 0, 1000)
        return found

    def state(self, message: int) -> stored.MessageState:
        found: stored.MessageState = self.scene.ask(stored.get, self.chat, message)
        return found


@pytest.fixture
def talk(tmp_path: Path) -> Iterator[Talk]:
    """What a test leaves breaks no rule, and is what its log tells."""
    found = Talk(tmp_path / "chat.db")
    yield found
    found.town.close()
    assert maintenance.check(found.scene.path) == maintenance.verify(found.scene.path) == []


def edited(talk: Talk) -> int:
    """A message that had three texts."""
    first = talk.post(talk.anna, SECRETS[0], mentions=(talk.bert.id,)).message_id
    for content in SECRETS[1:]:
        talk.run(talk.anna, chat_messages.edit, first, content)
    return first


def test_an_erasure_takes_every_text_that_a_message_had_out_of_the_file(talk: Talk) -> None:
    number = edited(talk)
    talk.post(talk.bert, "hush")
    path = talk.scene.path
    talk.scene.restart()
    assert all(each.encode() in path.read_bytes() for each in SECRETS)
    talk.run(talk.anna, messages.erase, number)
    talk.scene.restart()
    kept = path.read_bytes()
    assert [each for each in SECRETS if each.encode() in kept] == []
    assert b"hush" in kept
    assert talk.scene.ask(stored.edits, talk.chat, number, 0, 100) == []


def test_an_erasure_empties_the_edits_that_followers_of_the_log_are_shown(talk: Talk) -> None:
    number = edited(talk)
    entry = talk.run(talk.anna, messages.erase, number)
    tail = LogTail()
    with tail.followed(0):
        for each in talk.logged():
            tail.publish(each)
        told = tail.above(0)
        assert told is not None
        tail.learn(told, {each.event.offset: Whereabouts("workspace", 0, "") for each in told})
        lines = b"".join(each.line for each in told)
    assert [each for each in SECRETS if each.encode() in lines] == []
    assert len(entry.payload.edited_offsets) == 2


def test_a_message_is_the_same_from_its_row_and_from_its_events(talk: Talk) -> None:
    first = talk.post(talk.bert, "first").message_id
    posted = talk.post(
        talk.anna, "helo", mentions=(talk.bert.id,), client_msg_id="k", reply_to=first
    )
    assert posted.payload is not None
    number = posted.message_id
    assert views.of_state(talk.state(number)) == views.of_posted(talk.chat.id, posted.payload)
    talk.run(talk.bert, chat_messages.react, number, "👍")
    talk.run(talk.bert, chat_messages.pin, number)
    talk.post(talk.bert, "an answer", reply_to=number)
    talk.run(talk.anna, chat_messages.edit, number, "hello")
    entry = talk.logged()[-1]
    assert isinstance(entry.payload, chat_events.MessageEdited)
    shown = views.of_edited(talk.chat.id, entry.payload, entry.at)
    assert views.of_state(talk.state(number)) == shown
    assert (shown.reply_count, shown.is_pinned, shown.reactions[0].count) == (1, True, 1)


def test_who_was_removed_posts_and_changes_nothing(talk: Talk) -> None:
    number = talk.post(talk.bert, "mine", client_msg_id="k").message_id
    talk.run(talk.anna, participants.leave, f"u{talk.bert.id}")
    before = len(talk.logged())
    with pytest.raises(errors.NotAParticipant):
        talk.post(talk.bert, "again")
    for action, more in (
        (chat_messages.edit, ("other",)),
        (chat_messages.delete, ()),
        (chat_messages.react, ("👍",)),
        (chat_messages.pin, ()),
        (chat_messages.read, ()),
    ):
        with pytest.raises(errors.NotAParticipant):
            talk.run(talk.bert, action, number, *more)
    assert len(talk.logged()) == before


def test_what_changes_nothing_records_nothing(talk: Talk) -> None:
    number = talk.post(talk.anna, "hello").message_id
    for action, more in (
        (chat_messages.react, ("👍",)),
        (chat_messages.pin, ()),
        (chat_messages.read, ()),
        (chat_messages.edit, ("hello!",)),
        (chat_messages.take_back, ("👍",)),
        (chat_messages.unpin, ()),
    ):
        before = len(talk.logged())
        for _ in range(2):
            talk.run(talk.anna, action, number, *more)
        assert len(talk.logged()) == before + 1, action
    before = len(talk.logged())
    for _ in range(2):
        talk.run(talk.anna, chats.set_preferences, talk.anna.id, "none", None)
    assert len(talk.logged()) == before + 1


def test_posts_of_one_batch_refer_each_to_their_own_chat(talk: Talk) -> None:
    """What one of them may refer to is nothing to the other."""
    other = talk.town.chat("private", "two", talk.anna)
    first = talk.post(talk.anna, "here").message_id

    def post(chat: ChatRef) -> tuple[Any, ...]:
        more = {"reply_to": first, "mentions": (talk.bert.id, talk.anna.id)}
        return messages.POST, messages.Post(chat, actor(talk.anna), "u1", "Anna", "x", **more)

    here, there = talk.scene.together(post(talk.chat), post(other))
    assert here.payload.mentions == (talk.bert.id, talk.anna.id)
    assert (type(there), there.field) == (errors.InvalidInput, "reply_to")


def test_nothing_is_done_to_a_deleted_message(talk: Talk) -> None:
    number = talk.post(talk.anna, "hello").message_id
    talk.run(talk.anna, chat_messages.delete, number)
    for action, *arguments in (
        (chat_messages.edit, "again"),
        (chat_messages.react, "\N{THUMBS UP SIGN}"),
        (chat_messages.delete,),
    ):
        with pytest.raises(errors.MessageNotFound):
            talk.run(talk.anna, action, number, *arguments)
