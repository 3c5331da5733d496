"""One document under ``--json``, however many users a verb is about; none beside an error."""

import json

import pytest
from prepared_server import Answer, Prepared, problem
from same_process import Here

ROOM_ID = "6f1c8f0e-58b3-4b3a-9f5e-0d8a1f1f0001"
BASE = f"/management/rooms/{ROOM_ID}"
VERBS = {
    "ban": ("PUT", "bans"),
    "unban": ("DELETE", "bans"),
    "kick": ("POST", "kick"),
    "mute": ("PUT", "mutes"),
    "unmute": ("DELETE", "mutes"),
}
DONE = Answer({"changed": True})


def _prepare(server: Prepared, verb: str, **answers: Answer) -> None:
    method, path = VERBS[verb]
    room = {"room_id": ROOM_ID, "room_name": "lobby"}
    server.answers = {
        f"GET {BASE}": Answer(room),
        **{f"{method} {BASE}/{path}/{user}": answer for user, answer in answers.items()},
    }


@pytest.mark.parametrize("verb", VERBS)
def test_several_users_are_one_array(here: Here, server: Prepared, verb: str) -> None:
    _prepare(server, verb, alice=DONE, bob=Answer({"changed": False}))
    done = here(verb, ROOM_ID, "alice", "bob", "--json", "--server", server.url)
    assert json.loads(done.stdout) == [
        {"user_id": "alice", "changed": True},
        {"user_id": "bob", "changed": False},
    ]
    assert (done.stderr, done.exit) == ("", 0)


def test_one_user_is_one_object(here: Here, server: Prepared) -> None:
    _prepare(server, "ban", alice=DONE)
    done = here("ban", ROOM_ID, "alice", "--json", "--server", server.url)
    assert json.loads(done.stdout) == {"user_id": "alice", "changed": True}


def test_partly_done_says_of_whom(here: Here, server: Prepared) -> None:
    _prepare(server, "ban", alice=DONE, bob=problem(400, "bad_text", "no such text"))
    done = here("ban", ROOM_ID, "alice", "bob", "--json", "--server", server.url)
    assert json.loads(done.stdout) == [
        {"user_id": "alice", "changed": True},
        {"user_id": "bob", "error": {"code": "bad_text", "message": "no such text"}},
    ]
    error = json.loads(done.stderr)["error"]
    assert (error["code"], error["exit"], done.exit) == ("partly_done", 9, 9)


@pytest.mark.parametrize("verb", VERBS)
def test_when_nothing_was_done_stdout_stays_empty(here: Here, server: Prepared, verb: str) -> None:
    refused = problem(400, "bad_text", "no such text")
    _prepare(server, verb, alice=refused, bob=refused)
    done = here(verb, ROOM_ID, "alice", "bob", "--json", "--server", server.url)
    error = json.loads(done.stderr)["error"]
    assert (error["code"], error["exit"], done.exit) == ("bad_text", 2, 2)
    assert "no such text" in error["message"]
    assert done.stdout == ""


def test_when_nobody_could_be_asked_about_stdout_stays_empty(here: Here, server: Prepared) -> None:
    done = here("ban", ROOM_ID, "alice", "bob", "--json")
    assert (done.stdout, done.exit) == ("", 6)
    assert json.loads(done.stderr)["error"]["code"] == "no_server"
    _prepare(server, "ban", alice=problem(401, "unauthorized", "the API key is wrong"))
    done = here("ban", ROOM_ID, "alice", "bob", "--json", "--server", server.url)
    assert (done.stdout, done.exit) == ("", 4)
    assert json.loads(done.stderr)["error"]["code"] == "unauthorized"
