"""A conversation is found by kind and scope alone: nothing of one face reaches another's."""

from typing import NamedTuple

import pytest
from offline import Offline

from chatctl_server import errors
from chatctl_server.actions import conversations as lives
from chatctl_server.actions import custom_events, messages, participants, scopes, sessions
from chatctl_server.domain.references import ROOMS, ChatRef, ConversationRef, RoomRef, SupportRef
from chatctl_server.storage import conversations, rooms
from chatctl_server.storage.sql import Database


class Made(NamedTuple):
    """A conversation of each face: what its world calls it, and the reference to it."""

    room: conversations.Conversation
    chat: conversations.Conversation
    other_chat: conversations.Conversation
    support: conversations.Conversation


@pytest.fixture
def made(scene: Offline) -> Made:
    first = scene.run(scopes.create, "workspace", 1)
    second = scene.run(scopes.create, "workspace", 2)
    site = scene.run(scopes.create, "site", 1)
    found = Made(
        scene.run(lives.create_room, "lobby"),
        scene.run(lives.create, "group", first, "team"),
        scene.run(lives.create, "private", second, "plans"),
        scene.run(lives.create, "support", site, "help"),
    )
    scene.run(participants.join, found.chat.ref, "ann")
    return found


def looked_up(db: Database, made: Made) -> list[list[bool]]:
    """Whether each finder (a line) finds each conversation (a column)."""
    finders = [(RoomRef, made.room), (ChatRef, made.chat), (ChatRef, made.other_chat)]
    finders.append((SupportRef, made.support))
    found = []
    for ref_class, own in finders:
        line = []
        for each in made:
            try:
                ref = conversations.find(db, ref_class, own.ref.scope, each.public_id)
            except errors.ConversationNotFound:
                line.append(False)
            else:
                assert ref == each.ref
                line.append(True)
        found.append(line)
    return found


def test_a_finder_finds_its_own_kind_in_its_own_scope(scene: Offline, made: Made) -> None:
    found = scene.call(lambda tx: looked_up(tx.db, made))
    assert found == [[place == own for place in range(4)] for own in range(4)]


def test_what_is_no_room_is_not_found_as_one(scene: Offline, made: Made) -> None:
    for other in (made.chat, made.other_chat, made.support):
        is_no_room(scene, other)


def is_no_room(scene: Offline, other: conversations.Conversation) -> None:
    word = other.public_id
    for ask in (
        lambda db: conversations.find(db, RoomRef, ROOMS, word),
        lambda db: conversations.find(db, RoomRef, other.ref.scope, word),
        lambda db: rooms.find(db, word),
        lambda db: rooms.find_open_ref(db, word),
    ):
        with pytest.raises(errors.ConversationNotFound, match=word):
            scene.call(lambda tx, ask=ask: ask(tx.db))
    assert scene.call(lambda tx: rooms.by_id(tx.db, other.ref.id)) is None
    assert scene.call(lambda tx: rooms.meant_by(tx.db, word, "all", None)) == []


def wrong_references(made: Made) -> list[ConversationRef]:
    room, chat = made.room.ref, made.chat.ref
    return [
        RoomRef(chat.id, ROOMS),  # a chat's id
        RoomRef(chat.id, chat.scope),
        RoomRef(room.id, chat.scope),  # of another scope
        ChatRef(chat.id, made.other_chat.ref.scope),
        ChatRef(room.id, ROOMS),
        SupportRef(chat.id, chat.scope),
        RoomRef(99, ROOMS),
    ]


def test_a_reference_of_another_kind_or_scope_is_refused(scene: Offline, made: Made) -> None:
    for wrong in wrong_references(made):
        is_refused(scene, wrong)


def is_refused(scene: Offline, wrong: ConversationRef) -> None:
    """By the query and by every action, whoever made it."""
    with pytest.raises(errors.ConversationNotFound):
        scene.call(lambda tx: conversations.get(tx.db, wrong))
    for action, *arguments in (
        (lives.rename, "taken over"),
        (lives.set_admins, ["eve"]),
        (lives.close,),
        (participants.join, "eve"),
        (messages.erase, 1),
        (custom_events.send, "eve", "wave", b"{}"),
        *([(sessions.join, "eve", "Eve")] if isinstance(wrong, RoomRef) else []),
    ):
        with pytest.raises(errors.ConversationNotFound):
            scene.run(action, wrong, *arguments)
    with pytest.raises((errors.ConversationNotFound, errors.NotAParticipant)):
        scene.post(wrong, "ann", "let me in")


def test_the_right_reference_is_answered(scene: Offline, made: Made) -> None:
    kinds = [
        scene.call(lambda tx, ref=each.ref: conversations.get(tx.db, ref).kind) for each in made
    ]
    assert kinds == ["room", "group", "private", "support"]
    assert scene.post(made.chat.ref, "ann", "hello").seq == 1
