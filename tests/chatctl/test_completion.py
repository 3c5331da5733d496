"""The scripts of ``chatctl completion`` in the shells themselves: what is offered where, and that
nothing in a room's name is run."""

import contextlib
import os
import pty
import re
import subprocess

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
    return server


def _shell(chatctl: Chatctl, server: Prepared, shell: str, *arguments: str) -> str:
    done = subprocess.run(
        [programs.path(shell), *arguments], capture_output=True, text=True, timeout=60,
        check=False, cwd=chatctl.directory, env=_environment(chatctl, server),
    )  # fmt: skip
    assert (done.stderr, done.returncode) == ("", 0), done
    return done.stdout


def _environment(chatctl: Chatctl, server: Prepared) -> dict[str, str]:
    """With a ``chatctl`` in PATH that talks to the prepared server."""
    environment = {**chatctl.environ, "LANG": "C.UTF-8"}
    program = forks.program(environment)
    path = f"{program.parent}:{chatctl.environ['PATH']}"
    return {**environment, "CHATCTL_SERVER": server.url, "TERM": "xterm", "PATH": path}


# Each prints a candidate a line, as the word that a shell would make of it.
ASK = {
    "bash": """
source <(chatctl completion bash)
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_chatctl
for each in "${COMPREPLY[@]}"; do eval "printf '%s\\n' $each"; done
""",
    "zsh": """
autoload -U compinit && compinit -u -D
source <(chatctl completion zsh)
words=("$@") CURRENT=$#
compadd() { shift; print -rl -- "$@"; }
_chatctl_zsh
""",
    "fish": """
chatctl completion fish | source
complete -C (string join ' ' -- $argv) | string replace -r '\\t.*' ''
true
""",
}


def _offered(chatctl: Chatctl, server: Prepared, shell: str, *words: str) -> set[str]:
    """For the last of the words, which is what is typed of it."""
    options = {"bash": ["--norc", "-c"], "zsh": ["-f", "-c"], "fish": ["-N", "-c"]}[shell]
    name = [] if shell == "fish" else [shell]
    shown = _shell(chatctl, server, shell, *options, ASK[shell], *name, "chatctl", *words)
    begin = words[-1].replace("\\", "")
    return {line for line in shown.split("\n") if line and line.startswith(begin)}


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("roo",), {"rooms", "room-users"}),
        (("rooms", "cr"), {"create"}),
        (("events", "ls", "--type", "ban."), {"ban.set", "ban.lifted"}),
        (("callbacks", "show", ""), {"data", "0198c1a0-0000-7000-8000-000000000002"}),
        (("callbacks", "recover", "--endpoint", "da"), {"data"}),
        (("ban", "lobby", ""), set()),
        (("rooms", "history", "--un"), {"--until"}),
        (("completion", "--qu"), {"--quiet"}),
        (("rooms", "ls", "--status", ""), {"open", "closed", "all"}),
        (
            ("callbacks", "deliveries", "--status", ""),
            {"pending", "delivered", "failed", "skipped"},
        ),
        (("rooms", "show", "lo"), {"lobby", "long island"}),
        (("events", "tail", "-f", "--lim"), {"--limit"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_is_offered(
    chatctl: Chatctl, server: Prepared, shell: str, words: tuple[str, ...], expected: set[str]
) -> None:
    assert _offered(chatctl, server, shell, *words) == expected


@pytest.mark.parametrize("shell", SHELLS)
def test_nothing_in_a_rooms_name_is_run(chatctl: Chatctl, server: Prepared, shell: str) -> None:
    found = _offered(chatctl, server, shell, "ban", "")
    assert not (chatctl.directory / "pwned").exists()
    assert (OFFERED - found, found - set(ROOMS)) == (set(), set())


def test_a_word_that_is_quoted_already_goes_on(chatctl: Chatctl, server: Prepared) -> None:
    assert _offered(chatctl, server, "bash", "rooms", "show", "long\\ i") == {"long island"}


@pytest.mark.parametrize("shell", SHELLS)
def test_without_a_server_no_rooms_are_offered(
    chatctl: Chatctl, server: Prepared, shell: str
) -> None:
    server.answers.clear()
    assert _offered(chatctl, server, shell, "rooms", "show", "") == set()


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
            ("ban lobby Z", ""), ("rooms create x --admin Z", ""), ("events --actor Z", ""),
            ("callbacks add http://x --events Z", ""), ("callbacks show Z", ""),
            ("callbacks add http://x --events ban.s", "et"),
            ("callbacks deliveries --event room_cr", "eated"),
            ("db backup Z", "Q.txt"), ("rooms ls --config Z", "Q.txt"),
        ):  # fmt: skip
            assert _typed(master, f"chatctl {words}\t\r") == f"{words}{end}", words


def _typed(terminal: int, keys: str) -> str:
    """The words that a command was run with then."""
    os.write(terminal, keys.encode())
    shown = ""
    while (found := re.search(r"((?:<[^<>%]*>)+)=\s", shown)) is None:
        shown += os.read(terminal, 65_536).decode(errors="replace")
    return found[1][1:-1].replace("><", " ")
