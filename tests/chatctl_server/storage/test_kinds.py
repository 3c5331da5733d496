"""A kind of conversation is said in several places, which all know the same ones."""

from typing import Any, get_args

import pytest
from offline import Offline

from chatctl_server import errors
from chatctl_server.actions import conversations, scopes
from chatctl_server.domain import admission, events
from chatctl_server.domain.references import CLASS_OF, ROOMS, SCOPE_TYPES, Kind, ScopeType

KINDS: tuple[Kind, ...] = get_args(Kind)


def test_every_kind_has_a_reference_a_type_of_scope_a_family_and_a_rule() -> None:
    assert set(CLASS_OF) == set(SCOPE_TYPES) == set(events.FAMILIES) == set(KINDS)
    assert set(admission.RULES) == set(KINDS)
    assert set(SCOPE_TYPES.values()) == set(get_args(ScopeType))


def test_a_conversation_of_every_kind_is_created_in_its_own_type_of_scope(scene: Offline) -> None:
    found: dict[str, Any] = {
        scope: ROOMS if scope == "rooms" else scene.run(scopes.create, scope, 1)
        for scope in get_args(ScopeType)
    }
    scene.create_room("lobby")
    for kind in KINDS:
        for type_name, scope in found.items():
            if type_name != SCOPE_TYPES[kind]:
                with pytest.raises(errors.InvalidInput):
                    scene.run(conversations.create, kind, scope, "lobby")
            elif kind != "room":
                scene.run(conversations.create, kind, scope, "lobby", ("boss",))
