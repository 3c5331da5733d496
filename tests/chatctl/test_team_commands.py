"""``chatctl users``, ``workspaces``, ``chats``; ``say``, ``watch`` and ``messages`` in a chat."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from people import sign_in
from world import Server, eventually, running


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("town")) as server:
        yield server


def said(server: Server, *words: str, stdin: str = "") -> str:
    done = server.chatctl(*words, stdin=stdin)
    assert done.returncode == 0, done.stderr
    return done.stdout


def told(server: Server, *words: str, stdin: str = "") -> Any:
    return json.loads(said(server, *words, "--json", stdin=stdin))


def test_an_account_from_its_beginning_to_its_end(town: Server) -> None:
    words = ("users", "create", "Anna", "anna@example.org", "--password-file", "-")
    made = told(town, *words, stdin="a good password\n")
    assert (made["changed"], made["role"]) == (True, "owner")
    assert sign_in(town, "Anna", "a good password").status_code == 200
    assert len(told(town, "users", "sessions", "Anna")) == 1
    assert said(town, "users", "logout", "anna@example.org") == f"{made['id']}\tchanged\n"
    assert told(town, "users", "sessions", "Anna") == []
    assert told(town, "users", "suspend", "Anna")["changed"] is True
    assert told(town, "users", "suspend", "Anna")["changed"] is False
    assert sign_in(town, "Anna", "a good password").status_code == 403
    assert told(town, "users", "reactivate", "Anna")["status"] == "Active"
    (town.directory / "password.txt").write_text("another password\n")
    said(town, "users", "set-password", "Anna", "--password-file", "password.txt")
    assert sign_in(town, "Anna", "another password").status_code == 200
    assert "#reset=" in told(town, "users", "reset-link", "Anna")["url"]
    assert told(town, "users", "erase", "Anna", "--dry-run")["changed"] is False
    assert told(town, "users", "erase", "Anna", "--yes")["changed"] is True
    assert town.chatctl("users", "show", "Anna").returncode == 3
    assert told(town, "users", "show", str(made["id"]))["is_erased"] is True


def test_what_is_shown_of_one_thing_has_a_label_for_each_value(town: Server) -> None:
    said(town, "users", "create", "Lena", "lena@example.org")
    said(town, "workspaces", "create", "Labels", "--owner", "Lena")
    said(town, "chats", "create", "labelled", "--type", "PublicChannel", "--owner", "Lena")
    message = told(town, "say", "chat:labelled", "Hello")["message_id"]
    for words, some in (
        (("users", "show", "Lena"), {"id", "name", "e-mail", "erased"}),
        (("workspaces", "show", "Labels"), {"id", "name", "owner", "open"}),
        (("chats", "show", "labelled"), {"id", "name", "type", "members"}),
        (("messages", "show", str(message)), {"id", "chat", "text"}),
    ):
        labels = [line.split("\t")[0] for line in said(town, *words).splitlines()]
        assert some <= set(labels)
        assert all(label and label == label.lower() for label in labels)


def test_nobody_is_erased_in_silence(town: Server) -> None:
    said(town, "users", "create", "Silvia", "silvia@example.org")
    asked = town.chatctl("users", "erase", "Silvia")
    assert asked.returncode == 2
    assert "chatctl users erase Silvia --yes" in asked.stderr


def test_an_export_has_all_that_there_is(town: Server) -> None:
    number = told(town, "users", "create", "Elsa", "elsa@example.org")["id"]
    said(town, "chats", "create", "elsas", "--type", "PublicChannel", "--owner", "Elsa")
    said(town, "say", "chat:elsas", "--as", "Elsa", "for the record")
    said(town, "say", "chat:elsas", "what others say is not hers")
    lines = [json.loads(line) for line in said(town, "users", "export", "Elsa").splitlines()]
    assert [each["kind"] for each in lines] == ["user", "chat", "message"]
    assert (lines[0]["id"], lines[2]["content"]) == (number, "for the record")
    said(town, "users", "export", "Elsa", "-o", "elsa.ndjson")
    assert len((town.directory / "elsa.ndjson").read_text().splitlines()) == 3
    assert town.chatctl("users", "export", "Elsa", "-o", "elsa.ndjson").returncode == 5


def test_a_workspace_and_who_comes_into_it(town: Server) -> None:
    said(town, "users", "create", "Willa", "willa@example.org")
    made = told(town, "workspaces", "create", "Works", "--owner", "Willa")
    invite = told(town, "workspaces", "invite", "Works", "--role", "admin", "--expires", "1d")
    assert invite["code"] in invite["url"]
    (member,) = told(town, "workspaces", "members", str(made["id"]))
    assert (member["fullname"], member["role"]) == ("Willa", "owner")
    refused = town.chatctl("workspaces", "rm", "works")
    assert (refused.returncode, refused.stderr.splitlines()[-1]) == (5, "  try: --force")
    assert told(town, "workspaces", "rm", "works", "--force")["changed"] is True
    assert town.chatctl("workspaces", "show", "works").returncode == 3


def test_a_chat_is_passed_on_and_talked_in(town: Server) -> None:
    for name in ("Cora", "Carl"):
        said(town, "users", "create", name, f"{name.lower()}@example.org")
    words = ("chats", "create", "pair", "--type", "Single", "--owner", "Cora", "--member", "Carl")
    chat = told(town, *words)["id"]
    again = told(town, *words)
    assert (again["id"], again["changed"]) == (chat, False)
    first = told(town, "say", f"chat:{chat}", "Hello", "both")
    second = told(town, "say", "chat:pair", "--as", "Cora", "Hello")
    assert (first["seq"], second["seq"]) == (1, 2)
    seen = said(town, "watch", "chat:pair", "--since", "0", "--count", "2", "--json")
    assert [json.loads(line)["data"]["content"] for line in seen.splitlines()] == [
        "Hello both",
        "Hello",
    ]
    assert told(town, "chats", "transfer", "pair", "Carl")["changed"] is True
    assert told(town, "chats", "transfer", "pair", "Carl")["changed"] is False
    number = str(second["message_id"])
    assert told(town, "messages", "show", number)["sender_name"] == "Cora"
    assert told(town, "messages", "rm", "chat:pair", number) == {
        "message_id": second["message_id"],
        "changed": True,
    }
    assert told(town, "messages", "show", number)["content"] == ""
    elsewhere = town.chatctl("messages", "rm", "chat:pair", "99999")
    assert elsewhere.returncode == 3
    assert told(town, "chats", "rm", "pair")["changed"] is True


def test_what_is_asked_for_is_what_is_done(town: Server) -> None:
    said(town, "workspaces", "create", "Annex", "--open")
    assert told(town, "workspaces", "show", "Annex")["is_open"] is True
    where = ("--workspace", "Annex")
    for name, role in (("Hanna", "admin"), ("Hugo", "agent")):
        words = ("users", "create", name, f"{name.lower()}@example.org", "--role", role)
        assert told(town, *words, *where)["role"] == role
    assert [each["fullname"] for each in told(town, "users", "ls", *where)] == ["Hanna", "Hugo"]
    words = ("chats", "create", "annexed", "--type", "PublicChannel", "--owner", "Hanna")
    told(town, *words, *where)
    assert [each["name"] for each in told(town, "chats", "ls", *where)] == ["annexed"]
    chosen = ("--role", "agent", "--uses", "3", "--email", "ida@example.org", "--expires", "2h")
    told(town, "workspaces", "invite", "Annex", *chosen)
    number = told(town, "workspaces", "show", "Annex")["id"]
    (hanna, _) = told(town, "users", "ls", *where)
    with httpx.Client(base_url=town.url, trust_env=False) as http:
        said(town, "users", "set-password", "Hanna", "--password-file", "-", stdin="a password\r\n")
        token = sign_in(town, "Hanna", "a password").json()["token"]
        headers = {"Authorization": f"Bearer {token}"}
        (invite,) = http.get(f"/api/workspaces/{number}/invites", headers=headers).json()
    assert (invite["role"], invite["max_uses"], invite["email"]) == (
        "agent",
        3,
        "ida@example.org",
    )
    exported = said(town, "users", "export", str(hanna["id"])).splitlines()
    assert [json.loads(line)["kind"] for line in exported] == ["user", "session", "chat"]
    said(town, "users", "create", "Hanna", "another-hanna@example.org")
    ambiguous = town.chatctl("users", "show", "Hanna")
    assert (ambiguous.returncode, "may be any of 2 users" in ambiguous.stderr) == (5, True)


def test_messages_of_a_chat_go_as_those_of_a_room_do(town: Server) -> None:
    said(town, "users", "create", "Mona", "mona@example.org")
    for name in ("here", "there"):
        said(town, "chats", "create", name, "--type", "PublicChannel", "--owner", "Mona")
    here = str(told(town, "say", "chat:here", "Hello")["message_id"])
    there = str(told(town, "say", "chat:there", "Hello")["message_id"])
    done = town.chatctl("messages", "rm", "chat:here", here, there)
    assert (done.stdout, done.returncode) == (f"{here}\tchanged\n", 9)
    assert f"{there}: there is no message {there} in chat:" in done.stderr
    assert told(town, "messages", "show", there)["content"] == "Hello"
    assert said(town, "messages", "rm", "chat:here", here) == f"{here}\tunchanged\n"


def test_members_of_a_chat_have_names(town: Server) -> None:
    for name in ("Nora", "Nils"):
        said(town, "users", "create", name, f"{name.lower()}@example.org")
    words = ("--type", "PrivateChannel", "--owner", "Nora", "--member", "Nils")
    said(town, "chats", "create", "named", *words)
    rows = [line.split("\t") for line in said(town, "chats", "members", "named").splitlines()]
    assert [row[1:4] for row in rows] == [
        ["Nora", "nora@example.org", "owner"],
        ["Nils", "nils@example.org", "member"],
    ]
    (listed,) = told(town, "chats", "ls", "--match", "named")
    assert listed["member_count"] == 2


def test_whom_a_chat_does_not_take_in_is_told(town: Server) -> None:
    for name in ("Pia", "Paul"):
        said(town, "users", "create", name, f"{name.lower()}@example.org")
    words = ("--type", "PublicChannel", "--owner", "Pia")
    made = town.chatctl("chats", "create", "square", *words, "--member", "Paul")
    assert made.stderr == "chatctl: a PublicChannel has its owner alone until others join it\n"
    assert made.stdout.endswith("\tchanged\n")
    assert town.chatctl("chats", "create", "plaza", *words, "--member", "Pia").stderr == ""


def test_digits_are_a_number_or_else_a_name(town: Server) -> None:
    number = told(town, "workspaces", "create", "2026")["id"]
    assert told(town, "workspaces", "show", "2026")["id"] == number
    unknown = town.chatctl("workspaces", "show", "2027")
    assert unknown.stderr == "chatctl: there is no workspace 2027\n  try: chatctl workspaces ls\n"
    assert unknown.returncode == 3


def test_nothing_is_nobody(town: Server) -> None:
    """As where a script's variable is not set."""
    for words, name in (
        (("users", "erase", "", "--yes"), "ACCOUNT"),
        (("workspaces", "rm", "", "--force"), "WORKSPACE"),
        (("chats", "rm", ""), "CHAT"),
        (("keys", "rm", ""), "KEY"),
    ):
        done = town.chatctl(*words)
        assert (done.stderr, done.returncode) == (f"chatctl: {name} is empty\n", 2)


def test_without_a_server_on_the_file(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        server.stop()
        made = told(server, "users", "create", "Fina", "fina@example.org")
        assert told(server, "users", "show", "fina@example.org")["id"] == made["id"]
        for words in (("users", "reset-link", "Fina"), ("workspaces", "invite", "0")):
            assert "put the server's address before the link" in server.chatctl(*words).stderr
        assert told(server, "users", "erase", "Fina", "--yes")["changed"] is True
        files = [each for each in tmp_path.glob("chat.db*") if each.is_file()]
        eventually(lambda: not any(b"fina@example" in each.read_bytes() for each in files))
