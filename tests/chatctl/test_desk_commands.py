"""``chatctl conversations`` and ``chatctl sites``, with a server and on its file."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import desk_scene
import pytest
from receivers import receiver
from team import SETTINGS, Person, Town
from world import Server, running

from chatctl_server.storage.sites import Site


class Street(NamedTuple):
    """A site with an agent, and who wrote there."""

    server: Server
    bakery: Site
    anna: Person
    bo: desk_scene.Customer
    carl: desk_scene.Customer


def prepare(directory: Path) -> tuple[Site, Person, desk_scene.Customer, desk_scene.Customer]:
    town = Town(directory / "chat.db")
    anna = town.person("Anna", role="agent")
    bakery = desk_scene.site(town, "Bakery")
    bo = desk_scene.customer(town, bakery, "Bo", "is the bread fresh?", "hello?")
    carl = desk_scene.customer(town, bakery, "Carl", "\x1b[31mred\x1b[0m")
    town.close()
    return bakery, anna, bo, carl


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    directory = tmp_path_factory.mktemp("street")
    made = prepare(directory)
    with running(directory, **SETTINGS) as server:
        yield Street(server, *made)


def said(server: Server, *words: str, stdin: str = "") -> str:
    done = server.chatctl(*words, stdin=stdin)
    assert done.returncode == 0, done.stderr
    return done.stdout


def told(server: Server, *words: str, stdin: str = "") -> Any:
    return json.loads(said(server, *words, "--json", stdin=stdin))


def test_conversations_are_found_by_what_is_known_of_them(street: Street) -> None:
    server, bo, carl = street.server, street.bo.id, street.carl.id

    def ids(*words: str) -> list[str]:
        return [each["id"] for each in told(server, "conversations", "ls", *words)]

    assert ids() == [carl, bo]
    assert ids("--match", "FRESH") == [bo]
    assert ids("--assignee", "none", "--status", "open") == [carl, bo]
    assert ids("--assignee", "anna@example.org") == ids("--status", "closed") == []
    assert ids("--site", street.bakery.id) == ids("--site", "bakery") == [carl, bo]
    assert server.chatctl("conversations", "ls", "--site", "nowhere").returncode == 3
    assert ids("--site", "default") == []
    cut = server.chatctl("conversations", "ls", "--limit", "1")
    (row,) = cut.stdout.splitlines()
    assert row.split("\t")[0] == carl
    assert row.split("\t")[-1] == r"\x1b[31mred\x1b[0m"
    assert cut.stderr == (
        "chatctl: the newest conversation is shown; all of them: chatctl conversations ls --all\n"
    )


def test_one_is_shown_with_what_was_said(street: Street) -> None:
    server, bo = street.server, street.bo.id
    shown = told(server, "conversations", "show", bo[:13])
    assert (shown["id"], shown["customer_name"]) == (bo, "Bo")
    assert [each["content"] for each in shown["messages"]] == ["hello?", "is the bread fresh?"]
    cut = server.chatctl("conversations", "show", bo, "--limit", "1")
    assert [line.split("\t")[6] for line in cut.stdout.splitlines()] == ["hello?"]
    newest = shown["messages"][0]["id"]
    assert cut.stderr == (
        "chatctl: the newest message is shown; the older ones: "
        f"chatctl conversations show {bo} --before {newest} --all\n"
    )
    older = told(server, "conversations", "show", bo, "--before", newest, "--all")
    assert [each["content"] for each in older["messages"]] == ["is the bread fresh?"]
    unknown = server.chatctl("conversations", "show", "conv_00000000")
    assert unknown.returncode == 3
    assert unknown.stderr.endswith("\n  try: chatctl conversations ls\n")
    assert server.chatctl("conversations", "show", "").returncode == 2


def test_done_again_is_no_change(street: Street) -> None:
    server, start = street.server, street.bo.id[:13]
    for words, after in (
        (("assign", start, "Anna"), {"assignee_id": f"u{street.anna.id}"}),
        (("assign", start, "--nobody"), {"assignee_id": None}),
        (("close", start), {"status": "closed"}),
        (("reopen", start), {"status": "open"}),
        (("label", start, "--add", "bread", "--priority", "high"), {"labels": ["bread"]}),
        (("label", start, "--set", "a,b"), {"labels": ["a", "b"], "priority": "high"}),
        (("label", start, "--remove", "a"), {"labels": ["b"]}),
        (("label", start, "--set", ""), {"labels": []}),
    ):
        for changed in (True, False):
            done = told(server, "conversations", *words)
            assert {name: done[name] for name in after} == after, words
            assert done["changed"] is changed, words
        assert said(server, "conversations", *words) == f"{street.bo.id}\tunchanged\n"
    assert told(server, "conversations", "snooze", start, "--for", "2h")["status"] == "snoozed"
    assert told(server, "conversations", "reopen", start)["changed"] is True


def test_what_is_no_change_is_refused(street: Street) -> None:
    server, bo = street.server, street.bo.id
    for words, exit_code in (
        (("assign", bo), 2),
        (("assign", bo, "Anna", "--nobody"), 2),
        (("assign", bo, "nobody@example.org"), 3),
        (("label", bo), 2),
        (("label", bo, "--set", "a", "--add", "b"), 2),
        (("snooze", bo, "--for", "2"), 2),
        (("snooze", bo, "--for", "3000000d"), 2),
        (("snooze", bo, "--for", "99999999d"), 2),
        (("say", bo), 2),
        (("say",), 2),
        (("export",), 2),
        (("export", bo, "--all"), 2),
        (("export", bo, "--status", "open"), 2),
    ):
        done = server.chatctl("conversations", *words)
        assert (done.returncode, done.stdout) == (exit_code, ""), words
    said(server, "conversations", "close", bo)
    assert server.chatctl("conversations", "snooze", bo, "--for", "2h").returncode == 5
    assert server.chatctl("conversations", "say", bo, "hello").returncode == 5
    said(server, "conversations", "reopen", bo)


def test_who_is_no_agent_is_called_as_they_were_typed(street: Street) -> None:
    server, bo, eve = street.server, street.bo.id, "eve@example.org"
    said(server, "workspaces", "create", "Acme")
    said(server, "users", "create", "Eve", eve, "--workspace", "Acme")
    for words in (("assign", bo, eve), ("say", bo, "hello", "--as", eve)):
        done = server.chatctl("conversations", *words)
        sentence = f"chatctl: {eve} is no agent of that conversation's workspace\n"
        assert (done.returncode, done.stderr) == (2, sentence)


def test_a_customer_is_answered(street: Street) -> None:
    server, carl = street.server, street.carl.id
    mine = told(server, "conversations", "say", carl[:13], "we", "are", "here")
    assert (mine["content"], mine["sender_type"]) == ("we are here", "agent")
    note = told(server, "conversations", "say", carl, "-", "--as", "Anna", "--note", stdin="odd\n")
    assert (note["sender_name"], note["is_private"], note["content"]) == ("Anna", True, "odd")
    messages = told(server, "conversations", "show", carl)["messages"]
    assert [each["content"] for each in messages][:2] == ["odd", "we are here"]


def test_status_says_who_waits(street: Street, tmp_path: Path) -> None:
    rows = [line.split("\t") for line in said(street.server, "status").splitlines()]
    found = {name: value for name, value, *_ in rows if name.startswith("conversations")}
    assert found["conversations open"] == "2"
    assert int(found["conversations waiting"]) <= 2
    empty = Server(tmp_path)
    said(empty, "db", "migrate")
    assert "conversations" not in said(empty, "status")


def test_an_export_is_whole_and_oldest_first(street: Street) -> None:
    server, bo = street.server, street.bo.id
    found = [json.loads(line) for line in said(server, "conversations", "export", bo).splitlines()]
    assert [each["kind"] for each in found][:3] == ["conversation", "message", "message"]
    assert [each["content"] for each in found[1:3]] == ["is the bread fresh?", "hello?"]
    words = ("conversations", "export", "--all", "--format", "csv", "-o", "all.csv")
    counts = told(server, *words)
    rows = list(csv.DictReader(io.StringIO((server.directory / "all.csv").read_text())))
    assert (counts["conversations"], counts["messages"]) == (2, len(rows))
    assert [each["content"] for each in rows][:2] == ["is the bread fresh?", "hello?"]
    assert rows[2]["content"] == "\x1b[31mred\x1b[0m"
    assert server.chatctl(*words).returncode == 5


def test_a_site_from_its_beginning_to_its_end(street: Street) -> None:
    server = street.server
    made = told(server, "sites", "create", "Pet shop", "--origins", "https://pets.example.org")
    assert (made["changed"], made["workspace_id"]) == (True, 0)
    assert "secret" not in made
    for words in (made["id"], made["id"][:13], "PET SHOP"):
        assert told(server, "sites", "show", words)["id"] == made["id"]
    assert server.chatctl("sites", "show", made["id"][:12]).returncode == 3
    (server.directory / "hours.json").write_text(
        '{"timezone": "Europe/Berlin", "days": {"mon": [["09:00", "17:00"]]}}'
    )
    for words, key, after in (
        (("--greeting", "Woof"), "greeting", "Woof"),
        (("--name", "Pets"), "name", "Pets"),
        (("--origins", "https://a.example.org,https://b.example.org"), "allowed_origins",
         ["https://a.example.org", "https://b.example.org"]),
        (("--color", "#112233"), "color", "#112233"),
        (("--away", "Back at nine"), "away_message", "Back at nine"),
        (("--asks", "name,email"), "asks", ["name", "email"]),
        (("--asks", ""), "asks", []),
        (("--locale", "zh"), "locale", "zh"),
        (("--locale", "browser"), "locale", None),
        (("--assignment", "round_robin"), "assignment", "round_robin"),
        (("--hours", "hours.json"), "business_hours",
         {"timezone": "Europe/Berlin", "days": {"mon": [["09:00", "17:00"]]}}),
        (("--hours", "always"), "business_hours", None),
        (("--block", street.bo.person.id), "blocked_visitors", [street.bo.person.id]),
        (("--unblock", street.bo.person.id), "blocked_visitors", []),
    ):  # fmt: skip
        for changed in (True, False):
            done = told(server, "sites", "set", made["id"], *words)
            assert (done[key], done["changed"]) == (after, changed), words
            assert "secret" not in done
    rotated = told(server, "sites", "rotate-key", "Pets")
    assert rotated["key"] != made["key"]
    assert told(server, "sites", "rm", "Pets", "--yes")["changed"] is True
    assert server.chatctl("sites", "show", "Pets").returncode == 3
    asked = server.chatctl("sites", "rm", "Bakery")
    assert (asked.returncode, "chatctl sites rm Bakery --yes" in asked.stderr) == (2, True)


def test_a_secret_is_shown_only_when_it_is_asked_for(street: Street) -> None:
    server = street.server
    secret = told(server, "sites", "show", "Bakery", "--secret")["secret"]
    assert len(secret) == 64
    for words in (
        ("ls",),
        ("show", "Bakery"),
        ("integration", "Bakery"),
        ("set", "Bakery", "--greeting", "x"),
    ):
        for more in ((), ("--json",)):
            assert secret not in said(server, "sites", *words, *more), words
    assert secret in said(server, "sites", "integration", "Bakery", "--secret")
    anew = told(server, "sites", "rotate-key", "Bakery", "--secret")
    assert len({secret, anew["secret"], told(server, "sites", "rotate-key", "Bakery")["key"]}) == 3
    assert told(server, "sites", "show", "Bakery", "--secret")["secret"] == anew["secret"]


def test_the_line_for_the_pages_of_a_site(street: Street) -> None:
    server = street.server
    key = told(server, "sites", "show", "Bakery")["key"]
    done = server.chatctl("sites", "integration", "Bakery")
    assert done.stdout == (
        f'<script src="{server.url}/embed/widget.js" data-site="{key}" defer></script>\n'
    )
    assert "no origins are allowed" in done.stderr
    assert f"chatctl sites set {street.bakery.id} --origins" in done.stderr
    shown = told(server, "sites", "integration", "Bakery")
    assert shown["script"] == done.stdout.strip()


def test_the_address_is_that_of_the_settings(tmp_path: Path) -> None:
    prepare(tmp_path)
    server = Server(tmp_path, PUBLIC_URL="https://chat.example.org/")
    assert 'src="https://chat.example.org/embed/widget.js"' in said(
        server, "sites", "integration", "Bakery"
    )
    del server.environment["PUBLIC_URL"]
    done = server.chatctl("sites", "integration", "Bakery")
    assert 'src="/embed/widget.js"' in done.stdout
    assert "put the server's address before /embed" in done.stderr


def test_envelopes_are_told_once_more(street: Street) -> None:
    server = street.server
    there = server.http.get("/management/events/replay", params={"limit": 500}).json()["events"]

    def replayed(*words: str) -> list[dict[str, Any]]:
        command = ("events", "replay", "--envelopes", "--to-file", "-", *words)
        return [json.loads(line) for line in said(server, *command).splitlines()]

    assert replayed("--since", "0") == there
    assert list(there[0]) == ["version", "type", "event_id", "emitted_at", "data"]
    second = there[1]["event_id"]
    offset = server.http.get("/management/events", params={"after": second}).json()[0]["offset"] - 1
    assert replayed("--since", second) == replayed("--since", str(offset)) == there[2:]
    assert replayed("--since", "1d") == there
    assert replayed("--since", "0", "--until", second) == there[:2]
    for words in (("--type", "message.*"), ("--room", "lobby")):
        done = server.chatctl("events", "replay", "--envelopes", *words)
        assert done.returncode == 2
        assert done.stderr.startswith("chatctl: --envelopes are all of the support desk")
    unknown = "0198c1a0-0000-7000-8000-0000000000ff"
    done = server.chatctl("events", "replay", "--since", unknown, "--envelopes", "--to-file", "-")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("chatctl: --since: ")


def test_a_cursor_keeps_the_place_in_the_envelopes(street: Street) -> None:
    server = street.server
    words = ("events", "replay", "--envelopes", "--cursor", "desk.cursor", "--since", "0")
    with receiver() as hook:
        counted = told(server, *words, "--to", hook.url)
        heard = [json.loads(each.body) for each in hook.requests]
    there = server.http.get("/management/events/replay", params={"limit": 500}).json()["events"]
    assert (heard, counted["count"]) == (there, len(there))
    said(server, "conversations", "label", street.bo.id, "--add", "again")
    done = said(server, *words, "--to-file", "-")
    (envelope,) = [json.loads(line) for line in done.splitlines()]
    assert envelope["type"] == "domain.event.conversation_labelled"
    assert said(server, *words, "--to-file", "-") == ""


def test_without_a_server_on_the_file(tmp_path: Path) -> None:
    _, anna, bo, _ = prepare(tmp_path)
    server = Server(tmp_path)
    assigned = told(server, "conversations", "assign", bo.id[:13], "anna@example.org")
    assert (assigned["changed"], assigned["assignee_id"]) == (True, f"u{anna.id}")
    assert [each["id"] for each in told(server, "conversations", "ls", "--assignee", "Anna")] == [
        bo.id
    ]
    assert told(server, "conversations", "say", bo.id, "fresh")["changed"] is True
    assert len(said(server, "conversations", "export", "--all").splitlines()) == 6
