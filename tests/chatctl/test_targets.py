import io
import sys
from types import SimpleNamespace

import pytest

from chatctl.input import targets
from chatctl.shell.failures import Failure
from chatctl.show.visible import cell


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> io.BytesIO:
    typed = io.BytesIO()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=typed))
    return typed


def _typed(stdin: io.BytesIO, text: str) -> None:
    stdin.write(text.encode())
    stdin.seek(0)


@pytest.mark.parametrize(
    ("text", "found"),
    [
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
    ],
)
def test_users_from_stdin(stdin: io.BytesIO, text: str, found: list[str]) -> None:
    _typed(stdin, text)
    assert targets.given([], "-") == found


def test_users_of_the_command_line_come_first(stdin: io.BytesIO) -> None:
    _typed(stdin, "alice\n")
    assert targets.given(["bob", "alice"], "-") == ["bob", "alice"]


@pytest.mark.parametrize("text", ['{"user":"alice"}', "{alice", "[1]", "[1", '"x"\n{}'])
def test_json_without_users_is_refused(stdin: io.BytesIO, text: str) -> None:
    _typed(stdin, text)
    with pytest.raises(Failure, match="--from: "):
        targets.given([], "-")


def test_nobody_at_all_is_a_usage_error() -> None:
    with pytest.raises(Failure, match="Missing argument 'USER'"):
        targets.given([], None)


def test_bytes_that_are_no_text_are_refused(stdin: io.BytesIO) -> None:
    stdin.write(b"alice\n\xff\n")
    stdin.seek(0)
    with pytest.raises(Failure, match=r"stdin is not UTF-8 \(byte 6\)"):
        targets.given([], "-")
