"""Who or what a bulk verb is about: words of the command line, and lists of many forms."""

import io
import sys
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from chatctl.input import targets
from chatctl.shell.failures import Failure
from chatctl.show.visible import cell

Typed = Callable[[str | bytes], None]


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Puts that on stdin."""

    def put(text: str | bytes) -> None:
        content = text if isinstance(text, bytes) else text.encode()
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))

    return put


def test_users_from_stdin(typed: Typed) -> None:
    for text, found in (
        ("alice\nbob\n\nalice\n", ["alice", "bob"]),
        ("DOMAIN\\new\r\nbob", ["DOMAIN\\new", "bob"]),
        (cell("od\td\\\u202e") + "\tspam\t\n", ["od\td\\\u202e"]),
        ('{"user_id":"alice","changed":true}\n{"user_id":"bob"}\n', ["alice", "bob"]),
        ('[{"user_id":"alice"},"bob"]', ["alice", "bob"]),
        ("", []),
        ("#bob\n\r\n bob\n", ["#bob", " bob"]),
        ("\ufeffalice\n\ufeffbob\n", ["alice", "\ufeffbob"]),
        ('\ufeff[{"user_id":"alice"}]', ["alice"]),
        ('\ufeff{"user_id":"alice"}\n', ["alice"]),
    ):
        typed(text)
        assert targets.given([], "-") == found
    typed("alice\n")
    assert targets.given(["bob", "alice"], "-") == ["bob", "alice"]


def test_messages_from_stdin(typed: Typed) -> None:
    for text in (
        "[7, 8, 7]", '[{"message_id": 7}, 8]', '{"message_id": 7}\n{"message_id": "8"}\n',
        "7\r\n\n8",
    ):  # fmt: skip
        typed(text)
        assert targets.given([], "-", targets.MESSAGE) == ["7", "8"]


def test_what_names_nobody_is_refused(typed: Typed) -> None:
    for text in ('{"user":"alice"}', "{alice", "[1]", "[1", '"x"\n{}'):
        typed(text)
        with pytest.raises(Failure, match="--from: "):
            targets.given([], "-")
    for text in ('{"message_id": true}\n', '{"user_id": "7"}\n', "7\n 8\n"):
        typed(text)
        with pytest.raises(Failure):
            targets.given([], "-", targets.MESSAGE)
    typed(b"alice\n\xff\n")
    with pytest.raises(Failure, match=r"stdin is not UTF-8 \(byte 6\)"):
        targets.given([], "-")
    with pytest.raises(Failure, match="Missing argument 'USER'"):
        targets.given([], None)
