"""A kind of conversation is said in several places, which all know the same ones."""

from pathlib import Path
from typing import get_args

import pytest
from offline import Offline

from chatctl_server import errors
from chatctl_server.actions import conversations, scopes
from chatctl_server.domain import admission, events
from chatctl_server.domain.references import CLASS_OF, ROOMS, SCOPE_TYPES, Kind, ScopeType
from chatctl_server.storage import maintenance

KINDS: tuple[Kind, ...] = get_args(Kind)


def test_every_kind_has_a_reference_a_type_of_scope_a_family_and_a_rule() -> None:
    assert set(CLASS_OF) == set(SCOPE_TYPES) == set(events.FAMILIES) == set(KINDS)
    assert set(admission.RULES) == set(KINDS)
    assert set(SCOPE_TYPES.values()) == set(get_args(ScopeType))


@pytest.mark.parametrize("kind", KINDS)
def test_a_conversation_of_every_kind_can_be_stored(tmp_path: Path, kind: Kind) -> None:
    desk = Offline(tmp_path / "chat.db")
    if kind == "room":
        desk.create_room("lobby")
    else:
        scope = desk.run(scopes.create, SCOPE_TYPES[kind], 1)
        desk.run(conversations.create, kind, scope, "lobby", ("boss",))
    desk.close()
    assert maintenance.check(desk.path) == maintenance.verify(desk.path) == []


@pytest.mark.parametrize(
    ("kind", "other"),
    [
        (kind, other)
        for kind in KINDS
        for other in get_args(ScopeType)
        if SCOPE_TYPES[kind] != other
    ],
)
def test_no_kind_is_created_in_another_type_of_scope(
    tmp_path: Path, kind: Kind, other: ScopeType
) -> None:
    desk = Offline(tmp_path / "chat.db")
    scope = ROOMS if other == "rooms" else desk.run(scopes.create, other, 1)
    with pytest.raises(errors.InvalidInput):
        desk.run(conversations.create, kind, scope, "lobby")
    desk.close()
    assert maintenance.check(desk.path) == []
