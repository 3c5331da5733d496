"""The rooms' verbs on the database file: the same answers when no server is running."""

import json
from typing import Any

import pytest
from offline import Offline
from prepared_server import Chatctl

from chatctl_server.process import lock

ON_FILE = ("--db", "sqlite:./chat.db", "--quiet", "--json")


@pytest.fixture
def desk(chatctl: Chatctl) -> Offline:
    """The room ``lobby`` with two messages and a finished session."""
    desk = Offline(chatctl.directory / "chat.db")
    room = desk.create_room("lobby", "anna")
    desk.post(room, "anna", "first")
    desk.post(room, "bert", "second")
    desk.stay(room, "bert", 5)
    desk.close()
    return desk


def test_every_verb_acts_on_the_file(chatctl: Chatctl, desk: Offline) -> None:
    def run(*args: str, stdin: str = "") -> Any:
        done = chatctl(*args, *ON_FILE, stdin=stdin)
        assert (done.stderr, done.exit) == ("", 0), done
        assert lock.read(lock.lock_path(desk.path)) is None
        return json.loads(done.stdout)

    renamed = run("rooms", "rename", "lobby", "hall")
    assert (renamed["changed"], renamed["room_name"]) == (True, "hall")
    added = run("rooms", "admins", "hall", "--add", "bert", "--remove", "anna")
    assert (added["changed"], added["admin_user_ids"]) == (True, ["bert"])
    assert run("rooms", "members", "hall") == []
    assert [each["user_id"] for each in run("rooms", "sessions", "hall")] == ["bert"]
    assert run("messages", "rm", "hall", "--from", "-", stdin="1\n")["changed"] is True
    found = [(each["seq"], each["content"]) for each in run("rooms", "history", "hall", "--all")]
    assert found == [(2, "second"), (1, "")]
    assert run("mute", "hall", "bert", "--for", "1h", "--reason", "noise")["changed"] is True
    assert [each["muted_by"][:4] for each in run("mutes", "hall")] == ["uid:"]
