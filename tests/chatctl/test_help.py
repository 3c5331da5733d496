"""Help that teaches: the same for every command, from the one registry."""

import re
from pathlib import Path

import pytest
from prepared_server import Answer, Chatctl, Finished, Prepared, lines
from same_process import Here
from terminal import on_terminal

from chatctl.shell import exits, manual, registry
from chatctl.shell.options import COMMON

COMMANDS = {path.removeprefix("chatctl "): verb for path, verb, _ in registry.commands()}
TOPICS = list(manual.TOPICS)
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_teaches(here: Here, command: str) -> None:
    verb = COMMANDS[command]
    done = here(*command.split(), "--help")
    assert (done.stderr, done.exit) == ("", 0)
    assert done.stdout.startswith(f"Usage: chatctl {command}")
    assert f"\n\n{verb.sentence}\n" in re.sub(r"(?<=\w)\n(?=\w)", " ", done.stdout)
    assert len(verb.examples) == 2
    for example in verb.examples:
        assert f"\n  {example}\n" in done.stdout
        assert re.search(
            rf"\bchatctl {command}\b|\bchatctl {command.split(maxsplit=1)[0]} --", example
        )
    for code in verb.exits:
        reason = f": {verb.exits[code]}" if verb.exits[code] else ""
        assert f"\n    {code:<3} {exits.MEANINGS[code]}{reason}\n" in done.stdout
    assert here("help", *command.split()) == done


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_says_what_it_does_in_a_line(command: str) -> None:
    (params,) = [found for path, _, found in registry.commands() if path == f"chatctl {command}"]
    for each in params:
        if each.param_type_name == "argument":
            assert each.metavar.isupper() or "|" in each.metavar or "…" in each.metavar
        elif each.name not in (*COMMON, "help"):
            assert each.help
            assert each.help[-1] in ".)", each.help
            assert len(each.help) < 100, each.help


def test_a_usage_line_has_brackets_around_what_may_be_left_out(here: Here) -> None:
    shown = here("callbacks", "add", "--help").stdout
    assert shown.startswith(
        "Usage: chatctl callbacks add URL --events GLOB,… [--secret-file FILE] [--scope SCOPE]\n"
    )
    pull = here("sync", "pull", "--help").stdout
    assert pull.startswith("Usage: chatctl sync pull --output FILE [--room ROOM]")


LISTS = [name for name, verb in COMMANDS.items() if verb.columns]


@pytest.mark.parametrize("command", LISTS)
def test_a_list_names_its_columns(here: Here, command: str) -> None:
    shown = re.sub(r"\s+", " ", here(*command.split(), "--help").stdout)
    titles = [column.title.lower() for column in COMMANDS[command].columns]
    assert f" In a pipe the columns are {', '.join(titles)}. " in shown


def test_every_command_and_noun_has_its_group() -> None:
    grouped = [name for _, names in registry.GROUPS for name in names]
    assert sorted(grouped) == sorted([verb.name for verb in registry.VERBS] + list(registry.NOUNS))


def test_alone_it_shows_what_there_is_and_where_it_would_go(
    chatctl: Chatctl, server: Prepared
) -> None:
    done = chatctl()
    assert (done.stderr, done.exit) == ("", 0)
    assert done == chatctl("--help")
    for _, names in registry.GROUPS:
        for name in names:
            assert re.search(rf"^  {name} ", done.stdout, re.MULTILINE)
    assert "\nno server is running and no database file is configured\n" in done.stdout
    server.answers["GET /management/status"] = Answer(
        {"address": server.url, "pid": 7, "database": "/chat.db", "uptime_seconds": 7300,
         "rooms_open": 4, "connections": 20}
    )  # fmt: skip
    done = chatctl(CHATCTL_SERVER=server.url)
    line = f"\n{server.url} (pid 7, /chat.db), up 2h: 4 rooms, 20 connections\n"
    assert (line in done.stdout, done.stderr, done.exit) == (True, "", 0)


def test_alone_beside_a_file_it_opens_nothing(chatctl: Chatctl) -> None:
    chatctl("db", "migrate", "--db", "sqlite:./chat.db")
    done = chatctl(DATABASE_URL="sqlite:./chat.db")
    path = chatctl.directory.resolve() / "chat.db"
    assert f"\nno server is running for {path}\n" in done.stdout
    assert (done.stderr, done.exit) == ("", 0)


def test_a_wrong_setting_is_said_and_the_commands_are_shown(chatctl: Chatctl) -> None:
    done = chatctl(DATABASE_URL="what")
    assert (done.stderr, done.exit) == ("", 0)
    assert "\nDATABASE_URL (from environment): " in done.stdout


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("init", "something is there already, as after a first init"),
        ("db seed", "the database is not empty, as after a first seed"),
    ],
)
def test_what_is_refused_a_second_time_says_so(here: Here, command: str, reason: str) -> None:
    shown = here(*command.split(), "--help").stdout
    assert f"\n    5   conflict: {reason}\n" in shown


def test_the_rules_of_a_file_are_told_where_it_is_given(here: Here) -> None:
    rules = here("help", "input").stdout
    for rule in ("Empty lines are skipped", "There are no comments", "with tabs only the first"):
        assert rule in rules
    for command in COMMANDS:
        shown = here(*command.split(), "--help").stdout
        assert "--from FILE" not in shown or "(help input)" in shown


@pytest.mark.parametrize("noun", registry.NOUNS)
def test_a_noun_lists_its_verbs(here: Here, noun: str) -> None:
    done = here(noun, "--help")
    assert done.stdout.startswith(f"Usage: chatctl {noun} COMMAND")
    for verb in registry.NOUNS[noun][1]:
        assert re.search(rf"^  {verb.name} +{re.escape(verb.sentence[:30])}", done.stdout, re.M)
    assert f"  {registry.NOUNS[noun][1][0].examples[0]}\n" in done.stdout
    assert here("help", noun) == done


@pytest.mark.parametrize("topic", TOPICS)
def test_every_topic_is_explained(here: Here, topic: str) -> None:
    done = here("help", topic)
    assert (done.stderr, done.exit) == ("", 0)
    assert done.stdout.count("\n") > 5
    assert max(map(len, done.stdout.splitlines())) <= manual.WIDEST


def test_exit_codes_are_all_explained(here: Here) -> None:
    shown = here("help", "exit-codes").stdout
    assert [int(code) for code in re.findall(r"^  (\d+) ", shown, re.MULTILINE)] == list(
        exits.MEANINGS
    )


@pytest.mark.parametrize(
    ("words", "meant"),
    [("bann", "ban"), ("rooms crate", "rooms create"), ("exitcodes", "exit-codes"), ("qq", "")],
)
def test_what_is_mistyped_gets_a_suggestion(here: Here, words: str, meant: str) -> None:
    hint = f"chatctl help {meant}".rstrip()
    expected = lines(f"chatctl: there is no help on {words}", f"  try: {hint}")
    assert here("help", *words.split()) == Finished("", expected, 2)


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("bna lobby x", "chatctl ban"),
        ("rooms creat x", "chatctl rooms create"),
        ("rooms ls --mach x", "--match"),
        ("event", "chatctl events"),
        ("ban lobby x --resaon spam", "chatctl ban … --reason"),
    ],
)
def test_a_mistyped_verb_or_option_gets_a_suggestion(here: Here, typed: str, hint: str) -> None:
    done = here(*typed.split())
    assert (done.stdout, done.exit) == ("", 2)
    assert hint in done.stderr.splitlines()[1]


def test_help_fits_a_narrow_terminal(chatctl: Chatctl) -> None:
    """Examples stay whole: they are there to be copied."""
    shown, _ = on_terminal(chatctl, "ban", "--help", columns=60)
    examples = {f"  {example}" for example in COMMANDS["ban"].examples}
    assert [line for line in shown.splitlines() if len(line) > 60 and line not in examples] == []


def test_the_page_is_what_the_commands_say(here: Here) -> None:
    """To write it: chatctl help markdown > docs/cli.md"""
    assert (ROOT / "docs/cli.md").read_text() == here("help", "markdown").stdout


def test_a_monitor_learns_what_the_exit_code_of_status_means(here: Here) -> None:
    shown = here("status", "--help").stdout
    assert "\n    0   done, or nothing to do: also without a server, from the file: " in shown
    assert "\n    6   unreachable or not now: with --server, it does not answer, " in shown


def test_what_quiet_leaves_out_and_what_a_time_may_be_is_said(here: Here) -> None:
    assert "\nWith --quiet notes and progress are left out; " in here("help", "output").stdout
    assert here("help", "input").stdout.count(" 1w") == 2
    assert "1w" in here("ban", "--help").stdout
