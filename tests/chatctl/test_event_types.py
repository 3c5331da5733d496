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
    for glob, hint in (
        ("mesage.*", "--type 'message.*' or 'message.posted' or 'message.pinned'"),
        ("room_created", "--type 'room.created' or 'room.renamed' or 'scope.created'"),
        ("message.Posted", "--type 'message.posted' or 'message.erased' or 'message.edited'"),
        ("[^a-z]*", "--type 'account.*' or 'ban.*' or 'callbacks.*' or 'chat.*' or 'custom.*' "
         "or 'delivery.*' or 'endpoint.*' or 'file.*' or 'invite.*' or 'key.*' or 'message.*' "
         "or 'mute.*' or 'participant.*' or 'preferences.*' or 'reaction.*' or 'read.*' "
         "or 'room.*' or 'scope.*' or 'session.*' or 'support.*' or 'sync.*' or 'user.*' "
         "or 'workspace.*'"),
    ):  # fmt: skip
        with pytest.raises(Failure) as refused:
            event_types.check(glob, "--type")
        assert refused.value.message == f"--type: no type of event fits '{glob}'"
        assert refused.value.hint == hint


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
