"""A room's name can be typed where a command expects a room."""

import pytest

from chatctl_server import errors
from chatctl_server.domain import text


def test_a_name() -> None:
    for name in ("lobby", "Halle 3", "聊天室", "a-b", "a" * 255, "deadbeef", "👩‍👩‍👧"):
        assert text.check_room_name(name, "room_name") == name


@pytest.mark.parametrize(
    ("name", "said", "hint"),
    [
        ("", "is empty", None),
        ("lobby ", "has white space at its ends", "lobby"),
        ("\u3000lobby", "has white space at its ends", "lobby"),
        (" ", "has white space at its ends", None),
        ("lob\tby", "has a control character", None),
        ("lob\x1b[2Jby", "has a control character", None),
        ("lob\u2028by", "has a control character", None),
        ("--admin", "begins like an option, with -", None),
        ("6f1c8f0e-58b3-4b3a-9f5e-0d8a1f1f0001", "looks like a room's id", None),
        ("6F1C8F0E-58B3-4B3A-9F5E-0D8A1F1F0001", "looks like a room's id", None),
        ("6f1c8f0e58b34b3a9f5e0d8a1f1f0001", "looks like a room's id", None),
        ("{6f1c8f0e-58b3-4b3a-9f5e-0d8a1f1f0001}", "looks like a room's id", None),
        ("urn:uuid:6f1c8f0e-58b3-4b3a-9f5e-0d8a1f1f0001", "looks like a room's id", None),
    ],
)
def test_what_is_none(name: str, said: str, hint: str | None) -> None:
    with pytest.raises(errors.InvalidInput) as caught:
        text.check_room_name(name, "room_name")
    assert (caught.value.detail, caught.value.field) == (f"room_name {said}", "room_name")
    assert caught.value.hint == hint
