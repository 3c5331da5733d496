"""``chatctl keys``: a key for a program, from a shell."""

import json
import stat
from pathlib import Path

import httpx
from world import Server


def opens(server: Server, key: str) -> bool:
    with httpx.Client(base_url=server.url, trust_env=False) as http:
        return http.get("/management/rooms", headers={"X-Api-Key": key}).status_code == 200


def test_a_script_keeps_what_is_printed(shared_server: Server) -> None:
    made = shared_server.chatctl("keys", "create", "script", "--scope", "rooms:read")
    key = made.stdout.removesuffix("\n")
    assert opens(shared_server, key)
    assert made.stderr == "chatctl: the key script is shown this once: keep it\n"
    listed = shared_server.chatctl("keys", "ls").stdout
    (row,) = [line.split("\t") for line in listed.splitlines() if "\tscript\t" in line]
    assert row[2] == "rooms:read"
    assert key not in listed


def test_a_file_is_for_its_owner_alone(shared_server: Server) -> None:
    scopes = ("--scope", "rooms,metrics", "--expires", "2h")
    words = ("keys", "create", "kept", *scopes, "--out", "kept.key")
    made = shared_server.chatctl(*words)
    file = shared_server.directory / "kept.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert opens(shared_server, file.read_text().strip())
    listed = json.loads(shared_server.chatctl("keys", "ls", "--json").stdout)
    (kept,) = [each for each in listed if each["name"] == "kept"]
    assert kept["expires_at"] is not None
    assert file.read_text().strip() not in made.stdout + made.stderr
    again = shared_server.chatctl(*words)
    assert again.returncode == 5
    assert f"{Path('kept.key')} exists already" in again.stderr


def test_no_file_is_left_of_a_key_that_was_refused(shared_server: Server) -> None:
    words = ("keys", "create", "refused", "--scope", "team", "--out", "refused.key")
    refused = shared_server.chatctl(*words)
    assert refused.returncode == 2
    assert "the scopes team and support need one" in refused.stderr
    assert not (shared_server.directory / "refused.key").exists()


def test_a_workspace_is_called_by_its_name(shared_server: Server) -> None:
    shared_server.chatctl("workspaces", "create", "Keyed")
    words = ("keys", "create", "staff", "--scope", "team:read", "--workspace")
    made = shared_server.chatctl(*words, "keyed", "--json")
    (workspace,) = (
        each["id"]
        for each in json.loads(shared_server.chatctl("workspaces", "ls", "--json").stdout)
        if each["name"] == "Keyed"
    )
    assert json.loads(made.stdout)["workspace"] == workspace
    refused = shared_server.chatctl(*words, "Nowhere")
    assert (refused.returncode, refused.stderr.splitlines()[-1]) == (
        3,
        "  try: chatctl workspaces ls",
    )


def test_the_old_key_ends_later_or_at_once(shared_server: Server) -> None:
    first = shared_server.chatctl("keys", "create", "old", "--scope", "rooms").stdout.strip()
    second = shared_server.chatctl("keys", "rotate", "old", "--old-for", "1h").stdout.strip()
    assert (opens(shared_server, first), opens(shared_server, second)) == (True, True)
    third = shared_server.chatctl("keys", "rotate", "old").stdout.strip()
    assert [opens(shared_server, each) for each in (first, second, third)] == [False, False, True]
    removed = shared_server.chatctl("keys", "rm", "old")
    assert removed.stdout.endswith("\tchanged\n")
    assert not opens(shared_server, third)


def test_a_key_is_named_by_the_beginning_of_its_id(shared_server: Server) -> None:
    shared_server.chatctl("keys", "create", "named", "--scope", "rooms")
    listed = shared_server.chatctl("keys", "ls").stdout.splitlines()
    (key_id,) = [line.split("\t")[0] for line in listed if "\tnamed\t" in line]
    assert shared_server.chatctl("keys", "rm", key_id[:12]).returncode == 0
    assert shared_server.chatctl("keys", "rm", key_id[:12]).returncode == 3
