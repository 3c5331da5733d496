"""Participants and admins are stays in the log: each from one event to another."""

import pytest
from offline import SECOND, Offline

from chatctl_server import errors
from chatctl_server.actions import conversations, participants, scopes
from chatctl_server.domain.references import ROOMS, ChatRef, RoomRef
from chatctl_server.storage import log
from chatctl_server.storage import participants as stored
from chatctl_server.storage.participants import Stay


def stays(scene: Offline, user_id: str, scope: int = ROOMS) -> list[Stay]:
    found: list[Stay] = scene.call(lambda tx: stored.stays(tx.db, scope, user_id))
    return found


def lost_at(scene: Offline, ref: RoomRef, user_id: str) -> int | None:
    found: int | None = scene.call(lambda tx: stored.admin_lost_at(tx.db, ref, user_id))
    return found


def set_admins(scene: Offline, ref: RoomRef, *admins: str) -> int:
    """A second later; the event's offset."""
    scene.now += SECOND
    offset: int = scene.run(conversations.set_admins, ref, admins).offset
    return offset


def test_who_stays_an_admin_goes_on_with_the_same_stay(scene: Offline) -> None:
    lobby = scene.create_room("lobby", "ann", "bob")
    created = scene.call(lambda tx: log.newest_offset(tx.db))
    first = set_admins(scene, lobby, "ann", "carl")
    left_at = scene.now
    assert stays(scene, "ann") == [Stay(lobby.id, created, None, "admin")]
    assert stays(scene, "bob") == [Stay(lobby.id, created, first, "admin")]
    assert stays(scene, "carl") == [Stay(lobby.id, first, None, "admin")]
    second = set_admins(scene, lobby, "bob")
    assert stays(scene, "ann") == [Stay(lobby.id, created, second, "admin")]
    assert stays(scene, "bob") == [
        Stay(lobby.id, created, first, "admin"),
        Stay(lobby.id, second, None, "admin"),
    ]
    assert [lost_at(scene, lobby, user) for user in ("ann", "bob", "carl", "dave")] == [
        scene.now,
        left_at,
        scene.now,
        None,
    ]


def test_the_newest_loss_of_the_role_counts(scene: Offline) -> None:
    lobby = scene.create_room("lobby", "ann")
    other = scene.create_room("other", "ann")
    for _ in range(2):
        set_admins(scene, lobby)
        lost = scene.now
        set_admins(scene, lobby, "ann")
    assert lost_at(scene, lobby, "ann") == lost
    assert lost_at(scene, other, "ann") is None
    assert len(stays(scene, "ann")) == 4
    assert scene.call(lambda tx: stored.role(tx.db, lobby, "ann")) == "admin"


def test_the_same_set_and_a_refused_one_record_nothing(scene: Offline) -> None:
    lobby = scene.create_room("lobby", "ann")
    before = stays(scene, "ann")
    assert scene.run(conversations.set_admins, lobby, ["ann", "ann"]) is None
    scene.run(conversations.close, lobby)
    with pytest.raises(errors.ConversationIsClosed):
        scene.run(conversations.set_admins, lobby, [])
    assert stays(scene, "ann") == before


@pytest.fixture
def chat(scene: Offline) -> ChatRef:
    scope = scene.run(scopes.create, "workspace", 1)
    ref: ChatRef = scene.run(conversations.create, "group", scope, "team").ref
    return ref


def test_a_participant_who_comes_back_begins_a_new_stay(scene: Offline, chat: ChatRef) -> None:
    joined = scene.run(participants.join, chat, "ann").offset
    assert scene.run(participants.join, chat, "ann") is None
    with pytest.raises(errors.Conflict, match="ann is member here already"):
        scene.run(participants.join, chat, "ann", "owner")
    left = scene.run(participants.leave, chat, "ann").offset
    assert scene.run(participants.leave, chat, "ann") is None
    with pytest.raises(errors.NotAParticipant):
        scene.post(chat, "ann", "hello")
    again = scene.run(participants.join, chat, "ann", "owner").offset
    scene.post(chat, "ann", "hello")
    assert stays(scene, "ann", chat.scope) == [
        Stay(chat.id, joined, left, "member"),
        Stay(chat.id, again, None, "owner"),
    ]
    assert stays(scene, "ann") == []


def test_a_workspace_has_one_scope(scene: Offline) -> None:
    scene.run(scopes.create, "workspace", 1)
    with pytest.raises(errors.Conflict, match="There is a workspace 1 already"):
        scene.run(scopes.create, "workspace", 1)
    assert scene.run(scopes.create, "site", 1)
