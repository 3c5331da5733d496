"""Bans and mutes of a whole scope: in every conversation of it, and in none of another."""

import pytest
from lived_in import smuggle
from offline import SECOND, Offline

from chatctl_server import errors
from chatctl_server.actions import conversations, moderation, participants, scopes, sessions
from chatctl_server.domain.references import ROOMS, RoomRef
from chatctl_server.storage import log, maintenance, messages, room_sessions, sanctions
from chatctl_server.storage.messages import SenderStatus

MINUTE = 60 * SECOND


@pytest.fixture
def lobby(desk: Offline) -> RoomRef:
    return desk.create_room("lobby")


def status(scene: Offline, ref: RoomRef, user_id: str) -> SenderStatus:
    found: SenderStatus = scene.call(lambda tx: messages.sender_status(tx.db, ref, user_id))
    return found


# How long it is in force in the room and in the scope, 0 for not at all, and together. In seconds;
# none: for good.
LASTING = [
    (0, 0, 0), (60, 0, 60), (0, 60, 60), (60, 120, 120), (120, 60, 120),
    (None, 60, None), (60, None, None),
]  # fmt: skip


@pytest.mark.parametrize("kind", ["ban", "mute"])
def test_of_the_two_the_one_that_ends_last_counts(
    scene: Offline, lobby: RoomRef, kind: str
) -> None:
    action = moderation.ban if kind == "ban" else moderation.mute
    for number, (in_room, in_scope, lasts) in enumerate(LASTING):
        user = f"eve {number}"
        for where, seconds in ((lobby, in_room), (ROOMS, in_scope)):
            if seconds != 0:
                scene.run(action, where, user, None, seconds)
        found = status(scene, lobby, user)
        ends_at = found.ban_ends_at if kind == "ban" else found.mute_ends_at
        if lasts is None:
            assert ends_at == messages.NEVER
            with pytest.raises(errors.Banned if kind == "ban" else errors.Muted):
                scene.post(lobby, user, "hello")
            continue
        assert ends_at == (scene.now + lasts * SECOND if lasts else 0)
        scene.now += max(lasts * SECOND - 1, 0)
        in_force = (found.is_banned(scene.now), found.is_muted(scene.now))
        assert in_force == (lasts > 0 and kind == "ban", lasts > 0 and kind == "mute")
        scene.now += 1
        scene.post(lobby, user, "hello")


def test_it_holds_in_every_room_and_for_nobody_else(scene: Offline, lobby: RoomRef) -> None:
    attic = scene.create_room("attic")
    for room in (lobby, attic):
        scene.run(sessions.join, room, "eve", "Eve")
        scene.run(sessions.join, room, "ann", "Ann")
    scene.run(moderation.ban, ROOMS, "eve", "advertising", None)
    for room in (lobby, attic):
        with pytest.raises(errors.Banned):
            scene.post(room, "eve", "hello")
        with pytest.raises(errors.Banned):
            scene.run(sessions.join, room, "eve", "Eve")
        scene.post(room, "ann", "she is gone")
        ((user, reason),) = scene.call(
            lambda tx, ref=room: tx.db.execute_sql(
                "SELECT user_id, reason FROM room_session WHERE conversation = ? AND reason <> ''",
                (ref.id,),
            ).fetchall()
        )
        assert (user, reason) == ("eve", "banned")
    later = scene.create_room("later")
    with pytest.raises(errors.Banned):
        scene.post(later, "eve", "hello")
    assert scene.call(lambda tx: room_sessions.open_of_user_anywhere(tx.db, "eve")) == []
    assert scene.run(moderation.unban, ROOMS, "eve") is not None
    assert scene.run(moderation.unban, ROOMS, "eve") is None
    scene.post(later, "eve", "hello")


def test_lifting_one_leaves_the_other(scene: Offline, lobby: RoomRef) -> None:
    scene.run(moderation.ban, ROOMS, "eve", "everywhere", None)
    scene.run(moderation.ban, lobby, "eve", "here", None)
    listed = scene.call(
        lambda tx: [
            [each.reason for each in sanctions.bans(tx.db, where, tx.now)]
            for where in (ROOMS, lobby)
        ]
    )
    assert listed == [["everywhere"], ["here"]]
    scene.run(moderation.unban, lobby, "eve")
    with pytest.raises(errors.Banned):
        scene.post(lobby, "eve", "hello")
    scene.run(moderation.ban, lobby, "eve", "here", None)
    scene.run(moderation.unban, ROOMS, "eve")
    with pytest.raises(errors.Banned):
        scene.post(lobby, "eve", "hello")


def test_it_ends_at_the_border_of_its_scope(scene: Offline, lobby: RoomRef) -> None:
    first, second = (scene.run(scopes.create, "workspace", number) for number in (1, 2))
    team = scene.run(conversations.create, "group", first, "team").ref
    other = scene.run(conversations.create, "group", second, "other").ref
    for chat in (team, other):
        scene.run(participants.join, chat, "eve")
    scene.run(moderation.ban, first, "eve", None, None)
    with pytest.raises(errors.Banned):
        scene.post(team, "eve", "hello")
    scene.post(other, "eve", "hello")
    scene.post(lobby, "eve", "hello")


@pytest.mark.parametrize("seconds", [None, 10])
def test_check_finds_a_message_above_the_ban_of_its_scope(
    desk: Offline, lobby: RoomRef, seconds: int | None
) -> None:
    """But not one that stands behind the ban's end, nor one of somebody else."""
    desk.run(moderation.ban, ROOMS, "eve", None, seconds)
    banned_at = desk.call(lambda tx: log.newest_offset(tx.db))
    desk.run(moderation.ban, ROOMS, "dave", None, None)
    desk.run(moderation.unban, ROOMS, "dave")
    desk.close()
    smuggle(desk.path, lobby.id, "frank")
    smuggle(desk.path, lobby.id, "dave")
    assert maintenance.check(desk.path) == []
    smuggle(desk.path, lobby.id, "eve")
    found = [str(each) for each in maintenance.check(desk.path)]
    wanted = f"banned: message 3 was posted while event {banned_at} banned its sender"
    assert found == ([] if seconds else [wanted])


def test_who_is_banned_or_muted_in_the_whole_scope_is_so_in_each_room(
    scene: Offline, lobby: RoomRef
) -> None:
    scene.run(moderation.ban, ROOMS, "eve", None, None)
    scene.run(moderation.ban, lobby, "mallory", None, None)
    scene.run(moderation.mute, ROOMS, "trent", None, None)
    assert scene.call(lambda tx: sanctions.banned_users(tx.db, lobby, tx.now)) == ["eve", "mallory"]
    assert scene.call(lambda tx: sanctions.muted_users(tx.db, lobby, tx.now)) == ["trent"]


def test_a_scope_that_is_not_there_is_named(scene: Offline) -> None:
    for action in (moderation.ban, moderation.mute):
        with pytest.raises(errors.InvalidInput) as refused:
            scene.run(action, 4711, "eve", None, None)
        assert refused.value.field == "scope"
