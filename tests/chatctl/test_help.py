"""Help that teaches: the same for every command, from the one registry."""

import re
from pathlib import Path

from prepared_server import Answer, Chatctl, Finished, Prepared, lines
from same_process import Here

from chatctl.shell import exits, manual, registry
from chatctl.shell.options import COMMON

ROOT = Path(__file__).resolve().parents[2]


def test_every_command_teaches(here: Here) -> None:
    for path, verb, params in registry.commands():
        words = path.split()[1:]
        done = here(*words, "--help")
        assert (done.stderr, done.exit) == ("", 0)
        assert done.stdout.startswith(f"Usage: {path}")
        assert f"\n\n{verb.sentence}\n" in re.sub(r"(?<=\w)\n(?=\w)", " ", done.stdout)
        assert len(verb.examples) == 2, path
        for example in verb.examples:
            assert f"\n  {example}\n" in done.stdout
            assert re.search(rf"\b{path}\b|\bchatctl {words[0]} --", example), path
        for code, reason in verb.exits.items():
            meant = f"{exits.MEANINGS[code]}: {reason}" if reason else exits.MEANINGS[code]
            assert f"\n    {code:<3} {meant}\n" in done.stdout, path
        if verb.columns:
            titles = ", ".join(column.title.lower() for column in verb.columns)
            text = re.sub(r"\s+", " ", done.stdout)
            assert f" In a pipe the columns are {titles}. " in text, path
        assert "--from FILE" not in done.stdout or "(help input)" in done.stdout
        for each in params:
            if each.param_type_name == "argument":
                assert each.metavar.isupper() or "|" in each.metavar or "…" in each.metavar
            elif each.name not in (*COMMON, "help"):
                assert each.help, (path, each.name)
                assert each.help[-1] in ".)", each.help
                assert len(each.help) < 100, each.help
    assert here("help", *words) == done


def test_a_usage_line_has_brackets_around_what_may_be_left_out(here: Here) -> None:
    shown = here("callbacks", "add", "--help").stdout
    assert shown.startswith(
        "Usage: chatctl callbacks add URL --events GLOB,… [--secret-file FILE] [--scope SCOPE]\n"
    )


def test_every_command_and_noun_has_its_group() -> None:
    grouped = [name for _, names in registry.GROUPS for name in names]
    assert sorted(grouped) == sorted([verb.name for verb in registry.VERBS] + list(registry.NOUNS))


def test_alone_it_shows_what_there_is_and_where_it_would_go(here: Here, server: Prepared) -> None:
    done = here()
    assert (done.stderr, done.exit) == ("", 0)
    assert done == here("--help")
    for _, names in registry.GROUPS:
        for name in names:
            assert re.search(rf"^  {name} ", done.stdout, re.MULTILINE)
    assert "\nno server is running and no database file is configured\n" in done.stdout
    server.answers["GET /management/status"] = Answer(
        {"address": server.url, "pid": 7, "database": "/chat.db", "uptime_seconds": 7300,
         "rooms_open": 4, "connections": 20}
    )  # fmt: skip
    done = here(CHATCTL_SERVER=server.url)
    line = f"\n{server.url} (pid 7, /chat.db), up 2h: 4 rooms, 20 connections\n"
    assert (line in done.stdout, done.stderr, done.exit) == (True, "", 0)


def test_alone_beside_a_file_it_opens_nothing(here: Here) -> None:
    here("db", "migrate", "--db", "sqlite:./chat.db")
    done = here(DATABASE_URL="sqlite:./chat.db")
    path = here.directory.resolve() / "chat.db"
    assert f"\nno server is running for {path}\n" in done.stdout
    assert (done.stderr, done.exit) == ("", 0)


def test_a_wrong_setting_is_said_and_the_commands_are_shown(here: Here) -> None:
    done = here(DATABASE_URL="what")
    assert (done.stderr, done.exit) == ("", 0)
    assert "\nDATABASE_URL (from environment): " in done.stdout


def test_a_noun_lists_its_verbs(here: Here) -> None:
    for noun, (_, verbs) in registry.NOUNS.items():
        done = here(noun, "--help")
        assert done.stdout.startswith(f"Usage: chatctl {noun} COMMAND")
        for verb in verbs:
            assert re.search(rf"^  {verb.name} +{re.escape(verb.sentence[:30])}", done.stdout, re.M)
        assert f"  {verbs[0].examples[0]}\n" in done.stdout
    assert here("help", noun) == done


def test_every_topic_is_explained(here: Here) -> None:
    for topic in manual.TOPICS:
        done = here("help", topic)
        assert (done.stderr, done.exit) == ("", 0)
        assert done.stdout.count("\n") > 5, topic
        assert max(map(len, done.stdout.splitlines())) <= manual.WIDEST, topic
    codes = re.findall(r"^  (\d+) ", here("help", "exit-codes").stdout, re.MULTILINE)
    assert [int(code) for code in codes] == list(exits.MEANINGS)


def test_what_is_mistyped_gets_a_suggestion(here: Here) -> None:
    for words, meant in (
        ("bann", " ban"), ("rooms crate", " rooms create"), ("exitcodes", " exit-codes"), ("qq", "")
    ):  # fmt: skip
        expected = lines(f"chatctl: there is no help on {words}", f"  try: chatctl help{meant}")
        assert here("help", *words.split()) == Finished("", expected, 2)
    for typed, hint in {
        "bna lobby x": "chatctl ban",
        "rooms creat x": "chatctl rooms create",
        "rooms ls --mach x": "--match",
        "event": "chatctl events",
        "ban lobby x --resaon spam": "chatctl ban … --reason",
    }.items():
        done = here(*typed.split())
        assert (done.stdout, done.exit) == ("", 2)
        assert hint in done.stderr.splitlines()[1]


def test_help_fits_a_narrow_terminal(chatctl: Chatctl) -> None:
    """Examples stay whole: they are there to be copied."""
    shown, _ = chatctl.on_terminal("ban", "--help", columns=60)
    (verb,) = [verb for path, verb, _ in registry.commands() if path == "chatctl ban"]
    examples = {f"  {example}" for example in verb.examples}
    assert [line for line in shown.splitlines() if len(line) > 60 and line not in examples] == []


def test_the_page_is_what_the_commands_say(here: Here) -> None:
    """To write it: chatctl help markdown > docs/cli.md"""
    assert (ROOT / "docs/cli.md").read_text() == here("help", "markdown").stdout
