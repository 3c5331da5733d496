"""The scripts of ``chatctl completion`` in the shells themselves: what is offered where, and that
nothing in a room's name is run."""

import contextlib
import os
import pty
import re
import shlex
import subprocess
from collections.abc import Sequence

import forks
import programs
import pytest
from prepared_server import Answer, Chatctl, Prepared

ROOMS = ("lobby", "long island", "$(touch pwned)", "`touch pwned`", "a';touch pwned;'", "x&y|z",
         "back\\slash", "tab\there", "\x1b[2Jclear", "abc\u202efdp")  # fmt: skip
# The others may be left out, but not offered under a name that they do not have.
OFFERED = set(ROOMS[:6])
ENDPOINT = {
    "origin": "added", "url": "http://h/", "events": [], "status": "enabled", "pending": 0,
    "oldest_pending_at": None, "failing_since": None, "scope": "rooms", "failed": 0,
    "oldest_failed_at": None,
}  # fmt: skip
# As somebody may sign up.
EMAILS = ("anna@example.org", "$(touch${IFS}pwned)@x", "`touch<pwned`@x", "a';touch$IFS'pwned@x")
SITE = {
    "workspace_id": 0, "assignment": "manual", "allowed_origins": [], "key": "pk_0",
    "created_at": "2026-01-01T00:00:00.000000Z",
}  # fmt: skip
SHELLS = ("bash", "zsh", "fish")


@pytest.fixture(name="server")
def with_rooms(server: Prepared) -> Prepared:
    rooms = [
        {"room_id": f"id-{n}", "room_name": name, "start_time": 1} for n, name in enumerate(ROOMS)
    ]
    server.answers["GET /management/rooms"] = Answer(rooms)
    server.answers["GET /management/callbacks"] = Answer(
        [
            {**ENDPOINT, "endpoint_id": "data", "kind": "data"},
            {**ENDPOINT, "endpoint_id": "0198c1a0-0000-7000-8000-000000000002", "kind": "events"},
        ]
    )
    server.answers["GET /management/sites"] = Answer(
        [{**SITE, "id": f"site_{n}", "name": each} for n, each in enumerate(ROOMS)]
    )
    server.answers["GET /management/users"] = Answer(
        [{"id": n, "fullname": "A", "email": each} for n, each in enumerate(EMAILS)]
    )
    return server


def _environment(chatctl: Chatctl, server: Prepared) -> dict[str, str]:
    """With a ``chatctl`` in PATH that talks to the prepared server."""
    environment = {**chatctl.environ, "LANG": "C.UTF-8"}
    program = forks.program(environment)
    path = f"{program.parent}:{chatctl.environ['PATH']}"
    return {**environment, "CHATCTL_SERVER": server.url, "TERM": "xterm", "PATH": path}


# ``ask`` prints a candidate a line, as the word that a shell would make of it, and a dot behind
# them.
ASK = {
    "bash": """
source <(chatctl completion bash)
ask() {
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
    _chatctl
    for each in "${COMPREPLY[@]}"; do eval "printf '%s\\n' $each"; done
    echo .
}
""",
    "zsh": """
autoload -U compinit && compinit -u -D
source <(chatctl completion zsh)
compadd() { shift; print -rl -- "$@"; }
ask() { words=("$@") CURRENT=$#; _chatctl_zsh; echo . }
""",
    "fish": """
chatctl completion fish | source
function ask
    complete -C (string join ' ' -- $argv) | string replace -r '\\t.*' ''
    echo .
end
""",
}
OPTIONS = {"bash": ("--norc", "-c"), "zsh": ("-f", "-c"), "fish": ("-N", "-c")}


def _offered(
    chatctl: Chatctl, server: Prepared, shell: str, questions: Sequence[Sequence[str]]
) -> list[set[str]]:
    """For the last of the words of each, which is what is typed of it."""
    asked = "\n".join(f"ask chatctl {shlex.join(words)}" for words in questions)
    done = subprocess.run(
        [programs.path(shell), *OPTIONS[shell], f"{ASK[shell]}\n{asked}\n"], capture_output=True,
        text=True, timeout=60, check=False, cwd=chatctl.directory,
        env=_environment(chatctl, server),
    )  # fmt: skip
    assert (done.stderr, done.returncode) == ("", 0), done
    lines = iter(done.stdout.split("\n"))
    begun = [words[-1].replace("\\", "") for words in questions]
    return [
        {line for line in iter(lines.__next__, ".") if line and line.startswith(begin)}
        for begin in begun
    ]


QUESTIONS: dict[tuple[str, ...], set[str]] = {
    ("roo",): {"rooms", "room-users"},
    ("rooms", "cr"): {"create"},
    ("events", "ls", "--type", "ban."): {"ban.set", "ban.lifted"},
    ("callbacks", "show", ""): {"data", "0198c1a0-0000-7000-8000-000000000002"},
    ("callbacks", "recover", "--endpoint", "da"): {"data"},
    ("ban", "lobby", ""): set(),
    ("rooms", "history", "--un"): {"--until"},
    ("completion", "--qu"): {"--quiet"},
    ("rooms", "ls", "--status", ""): {"open", "closed", "all"},
    ("callbacks", "deliveries", "--status", ""): {"pending", "delivered", "failed", "skipped"},
    ("rooms", "show", "lo"): {"lobby", "long island"},
    ("events", "tail", "-f", "--lim"): {"--limit"},
    ("conversations", "ls", "--status", ""): {"open", "snoozed", "closed"},
    ("sites", "show", "lo"): {"lobby", "long island"},
    ("inbox", "--site", "lo"): {"lobby", "long island"},
    ("rooms", "show", "long\\ i"): {"long island"},  # quoted already
}


@pytest.mark.parametrize("shell", SHELLS)
def test_what_is_offered(chatctl: Chatctl, server: Prepared, shell: str) -> None:
    """Nothing in a room's name, or in an e-mail, is run."""
    asked = [*QUESTIONS, ("users", "show", ""), ("ban", "")]
    *answers, people, rooms = _offered(chatctl, server, shell, asked)
    assert dict(zip(QUESTIONS, answers, strict=True)) == QUESTIONS
    assert not (chatctl.directory / "pwned").exists()
    assert people == set(EMAILS)
    assert (OFFERED - rooms, rooms - set(ROOMS)) == (set(), set())
    server.answers.clear()
    assert _offered(chatctl, server, shell, [("rooms", "show", "")]) == [set()]


# What a person at a terminal gets, who presses Tab and then Enter: the words of the command.
INTERACTIVE = {
    "bash": ("--norc", "-i"),
    "zsh": ("-f", "-i"),
    "fish": ("-N", "-i"),
}
SAY = {
    "bash": """source <(chatctl completion bash); chatctl() { printf '<%s>' "$@"; echo =; }""",
    "zsh": """autoload -U compinit && compinit -u -D; source <(chatctl completion zsh)
chatctl() { printf '<%s>' "$@"; echo =; }""",
    "fish": """chatctl completion fish | source
function chatctl; printf '<%s>' $argv; echo =; end""",
}


@pytest.mark.parametrize("shell", SHELLS)
def test_files_are_offered_only_where_a_file_is_meant(
    chatctl: Chatctl, server: Prepared, shell: str
) -> None:
    (chatctl.directory / "ZQ.txt").touch()
    environment = _environment(chatctl, server)
    master, slave = pty.openpty()
    with subprocess.Popen(
        [programs.path("setsid"), "-c", programs.path(shell), *INTERACTIVE[shell]],
        stdin=slave, stdout=slave, stderr=slave, cwd=chatctl.directory, env=environment,
    ) as running, contextlib.ExitStack() as at_end:  # fmt: skip
        os.close(slave)
        at_end.callback(os.close, master)
        at_end.callback(running.kill)
        assert _typed(master, f"{SAY[shell]}\nchatctl\r") == ""
        for words, end in (
            ("ban lobby ZQ", ""), ("rooms create x --admin ZQ", ""), ("events --actor ZQ", ""),
            ("callbacks add http://x --events ZQ", ""), ("callbacks show ZQ", ""),
            ("callbacks add http://x --events ban.s", "et"),
            ("callbacks deliveries --event room_cr", "eated"),
            ("db backup ZQ", ".txt"), ("rooms ls --config ZQ", ".txt"),
        ):  # fmt: skip
            assert _typed(master, f"chatctl {words}\t\r") == f"{words}{end}", words


def _typed(terminal: int, keys: str) -> str:
    """The words that a command was run with then."""
    os.write(terminal, keys.encode())
    shown = ""
    while (found := re.search(r"((?:<[^<>%]*>)+)=\s", shown)) is None:
        shown += os.read(terminal, 65_536).decode(errors="replace")
    return found[1][1:-1].replace("><", " ")
