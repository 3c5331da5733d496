"""Conversations of every other kind, as like to the rooms as they can be made."""

from pathlib import Path
from typing import Any, get_args

from offline import Offline

from chatctl_server.actions import conversations, messages, moderation, participants, scopes
from chatctl_server.domain.references import SCOPE_TYPES, Kind

KINDS: tuple[Kind, ...] = tuple(kind for kind in get_args(Kind) if kind != "room")


def fill(path: Path, names: tuple[str, ...], users: tuple[str, ...]) -> None:
    """With the rooms' names, users and client ids: talked in, moderated, some of them closed."""
    scene = Offline(path)
    numbers = {kind: _scope(scene, kind) for kind in KINDS}
    for kind in KINDS:
        for name in names:
            _talk(scene, kind, numbers[kind], name, users)
    for scope in sorted(set(numbers.values())):
        scene.run(moderation.ban, scope, users[0], "everywhere", None)
        scene.run(moderation.mute, scope, users[1], None, None)
    scene.close()


def _scope(scene: Offline, kind: Kind) -> int:
    """All kinds of one type of scope are in the one with the number 7."""
    type_ = SCOPE_TYPES[kind]
    known: dict[str, int] = scene.__dict__.setdefault("scopes", {})
    if type_ not in known:
        known[type_] = scene.run(scopes.create, type_, 7)
    return known[type_]


def _talk(scene: Offline, kind: Kind, scope: int, name: str, users: tuple[str, ...]) -> None:
    ref = scene.run(conversations.create, kind, scope, name, users[:1]).ref
    for user in users[1:]:
        scene.run(participants.join, ref, user)
    posted: list[Any] = [
        scene.post(ref, user, f"of {kind}: {number}", client_msg_id=f"c{number}")
        for number in range(3)
        for user in users
    ]
    scene.run(messages.delete, ref, posted[0].message_id)
    scene.run(messages.erase, ref, posted[1].message_id)
    scene.run(moderation.ban, ref, users[-1], "spam", None)
    scene.run(participants.leave, ref, users[1])
    if kind == "private":
        scene.run(conversations.close, ref)
