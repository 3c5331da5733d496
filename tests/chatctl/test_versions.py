"""A command and a server of different versions."""

import json

import httpx
import pytest
from prepared_server import Answer, Prepared
from same_process import Here
from world import KEY, Server

import chatctl
from chatctl.link.versions import check
from chatctl.shell.failures import Failure

HEADER = "X-Chatctl-Version"


def test_another_minor_version_is_a_word() -> None:
    for theirs in (None, chatctl.__version__, "0.1.99"):
        check("it", theirs, pytest.fail)
    for theirs in ("0.2.0", "0.2.0rc1"):
        notes: list[str] = []
        check("it", theirs, notes.append)
        assert notes == [f"it is chatctl {theirs}; this command is older ({chatctl.__version__})"]


def test_another_major_version_is_refused() -> None:
    for theirs in ("1.0.0", "2.1", "what"):
        with pytest.raises(Failure, match=f"it is chatctl {theirs}, and this command is "):
            check("it", theirs, print)


def test_the_word_is_said_once_on_stderr_and_silenced_by_quiet(
    here: Here, server: Prepared
) -> None:
    link = {"Link": '</management/rooms?cursor=1>; rel="next"', HEADER: "0.99.0"}
    pages = [Answer([], 200, link), Answer([], 200, {HEADER: "0.99.0"})]
    server.answers["GET /management/rooms"] = list(pages)
    done = here("rooms", "--json", "--server", server.url)
    note = f"chatctl: {server.url} is chatctl 0.99.0; this command is older ({chatctl.__version__})"
    assert done == ("[]\n", f"{note}\n", 0)
    server.answers["GET /management/rooms"] = list(pages)
    assert here("rooms", "--json", "--quiet", "--server", server.url) == ("[]\n", "", 0)


def test_a_server_of_another_major_version_is_exit_7(here: Here, server: Prepared) -> None:
    server.answers["GET /management/rooms"] = Answer([], 200, {HEADER: "7.0.0"})
    done = here("rooms", "--json", "--server", server.url)
    error = json.loads(done.stderr)["error"]
    assert (done.stdout, done.exit, error["code"]) == ("", 7, "version_mismatch")
    assert error["hint"].endswith("pip install chatctl==7.0.0")


def test_a_command_of_another_major_version_changes_nothing(shared_server: Server) -> None:
    asked, theirs = {"room_name": "x"}, {HEADER: "9.0.0"}
    refused = shared_server.http.post("/management/rooms", json=asked, headers=theirs)
    assert (refused.status_code, refused.json()["code"]) == (409, "version_mismatch")
    assert shared_server.http.get("/management/rooms").json() == []
    same = {HEADER: f"{chatctl.__version__.split('.')[0]}.77.1"}
    assert shared_server.http.get("/management/rooms", headers=same).status_code == 200


def test_the_version_stands_in_every_answer_to_a_command(shared_server: Server) -> None:
    path = f"{shared_server.url}/management/rooms"
    for headers in ({"X-Api-Key": KEY}, {}):
        assert httpx.get(path, headers=headers).headers[HEADER] == chatctl.__version__
    assert HEADER not in httpx.get(f"{shared_server.url}/health").headers
