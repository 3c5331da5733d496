"""GLOBs of events on the command line: what fits none is refused before anything is sent."""

import pytest
from same_process import Here

from chatctl.input import event_types
from chatctl.shell.failures import Failure
from chatctl_server.domain import callbacks, events

USAGE = 2


def test_they_are_the_servers() -> None:
    assert event_types.events() == events.TYPE_NAMES
    assert event_types.CALLBACKS == callbacks.EVENT_NAMES


@pytest.mark.parametrize(
    "glob", ["*", "room.*", "ban.set", "[mr]*.*", "[^m]*", "[!m]*", "?ute.set", "*.*ed"]
)
def test_what_fits_a_type(glob: str) -> None:
    event_types.check(glob, "--type")


@pytest.mark.parametrize(
    ("glob", "hint"),
    [
        ("mesage.*", "--type 'message.*' or 'message.posted' or 'message.erased'"),
        ("room_created", "--type 'room.created' or 'room.renamed' or 'scope.created'"),
        ("message.Posted", "--type 'message.posted' or 'message.erased' or 'message.deleted'"),
        ("[^a-z]*", "--type 'ban.*' or 'callbacks.*' or 'chat.*' or 'custom.*' or 'delivery.*' "
         "or 'endpoint.*' or 'message.*' or 'mute.*' or 'participant.*' or 'room.*' "
         "or 'scope.*' or 'session.*' or 'support.*' or 'sync.*' or 'user.*'"),
    ],
)  # fmt: skip
def test_what_fits_none_is_told_with_what_may_be_meant(glob: str, hint: str) -> None:
    with pytest.raises(Failure) as refused:
        event_types.check(glob, "--type")
    assert refused.value.message == f"--type: no type of event fits '{glob}'"
    assert refused.value.hint == hint


def test_several_with_commas() -> None:
    assert event_types.globs(["ban.*, room.*", "*"], "--events") == ["ban.*", "room.*", "*"]
    with pytest.raises(Failure, match="--events: one of them is empty"):
        event_types.globs(["ban.*,"], "--events")


@pytest.mark.parametrize(
    "words",
    [
        "callbacks forward --to http://127.0.0.1:1 --events ban.*,mesage.*",
        "callbacks add http://127.0.0.1:1 --events mesage.*",
        "callbacks deliveries --event mesage.*",
        "events replay --since 0 --dry-run --type mesage.*",
        "events ls --type mesage.*",
        "events tail -f --type mesage.*",
    ],
)
def test_no_server_is_asked(here: Here, words: str) -> None:
    """There is none, which would be another error."""
    done = here(*words.split(), "--server", "http://127.0.0.1:1")
    option = next(word for word in words.split() if word in ("--type", "--event", "--events"))
    assert (done.stdout, done.exit) == ("", USAGE)
    message, hint = done.stderr.splitlines()
    assert message == f"chatctl: {option}: no type of event fits 'mesage.*'"
    assert hint.startswith(f"  try: {option} 'message.*'")


@pytest.mark.parametrize("event", ["room_*", "room.*", "test", "data_sync", "*"])
def test_deliveries_have_both_kinds_of_names(here: Here, event: str) -> None:
    done = here("callbacks", "deliveries", "--event", event, "--server", "http://127.0.0.1:1")
    assert done.exit == 6
