"""GLOBs of events on the command line: what fits none is refused before anything is sent."""

import pytest
from same_process import Here

from chatctl.input import event_types
from chatctl.shell.failures import Failure
from chatctl_server.domain import callbacks, events

USAGE, UNREACHABLE = 2, 6


def test_they_are_the_servers() -> None:
    assert event_types.events() == events.TYPE_NAMES
    assert event_types.CALLBACKS == callbacks.EVENT_NAMES


def test_what_fits_none_is_told_with_what_may_be_meant() -> None:
    for glob in ("*", "room.*", "ban.set", "[mr]*.*", "[^m]*", "[!m]*", "?ute.set", "*.*ed"):
        event_types.check(glob, "--type")
    for glob, begins in (
        ("mesage.*", "--type 'message.*' or 'message.posted'"),
        ("room_created", "--type 'room.created' or 'room.renamed'"),
        ("message.Posted", "--type 'message.posted' or 'message.erased'"),
    ):
        assert _hint(glob).startswith(begins)
    families = {f"'{name.partition('.')[0]}.*'" for name in events.TYPE_NAMES}
    assert set(_hint("[^a-z]*").removeprefix("--type ").split(" or ")) == families


def _hint(glob: str) -> str:
    with pytest.raises(Failure) as refused:
        event_types.check(glob, "--type")
    assert refused.value.message == f"--type: no type of event fits '{glob}'"
    assert refused.value.hint is not None
    return refused.value.hint


def test_several_with_commas() -> None:
    assert event_types.globs(["ban.*, room.*", "*"], "--events") == ["ban.*", "room.*", "*"]
    with pytest.raises(Failure, match="--events: one of them is empty"):
        event_types.globs(["ban.*,"], "--events")


def test_no_server_is_asked(here: Here) -> None:
    """There is none, which would be another error. Deliveries have both kinds of names."""
    nowhere = ("--server", "http://127.0.0.1:1")
    for words, option in (
        ("callbacks forward --to http://127.0.0.1:1", "--events"),
        ("callbacks add http://127.0.0.1:1", "--events"),
        ("callbacks deliveries", "--event"),
        ("events replay --since 0 --dry-run", "--type"),
        ("events ls", "--type"),
        ("events tail -f", "--type"),
    ):
        done = here(*words.split(), option, "mesage.*", *nowhere)
        assert (done.stdout, done.exit) == ("", USAGE), words
        message, hint = done.stderr.splitlines()
        assert message == f"chatctl: {option}: no type of event fits 'mesage.*'"
        assert hint.startswith(f"  try: {option} 'message.*'")
    for event in ("room_*", "room.*", "test"):
        assert here("callbacks", "deliveries", "--event", event, *nowhere).exit == UNREACHABLE
