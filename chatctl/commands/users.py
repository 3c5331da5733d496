"""``chatctl users``: the accounts of team chat."""

import shlex
import sys
from pathlib import Path
from typing import Annotated, Literal

from chatctl.commands.rooms import LONG_SECONDS, NO_WAS_ANSWERED, ask, check_terminal
from chatctl.input import named_files, targets, team
from chatctl.input.team import ACCOUNT
from chatctl.link import connection
from chatctl.link.client import Client, Json
from chatctl.shell import failures
from chatctl.shell.failures import Failure
from chatctl.shell.options import Options, Verb, arg, opt, verb
from chatctl.show import ndjson, output, results, stdout

_LIST = output.columns(
    "id ID number; fullname NAME; email E-MAIL id; status STATUS id; "
    "workspace_id WORKSPACE number; role ROLE id; last_seen SEEN time; created_at CREATED time"
)
# What a person reads.
_READ = output.columns(
    "id ID number; fullname NAME; email E-MAIL id; status STATUS id; role ROLE id; "
    "last_seen SEEN time"
)
_SHOW = (
    *output.labels(_LIST),
    *output.columns("avatar avatar id; is_bot bot; operator operator; is_erased erased"),
)
_SESSIONS = output.columns(
    "sid SESSION id; address ADDRESS id; user_agent CLIENT; created_at CREATED time; "
    "last_used_at USED time; expires_at EXPIRES time"
)
_ERASED = output.columns(
    "id id number; changed changed; messages messages number; chats chats number; "
    "workspaces workspaces number; sessions sessions number"
)
_WRITTEN = output.columns("file file id; lines lines number")
AccountWord = Annotated[str, arg("ACCOUNT")]
PasswordFile = Annotated[
    str | None, opt("--password-file", "The password is in it; - is stdin.", "FILE")
]


@verb(
    "ls",
    "chatctl users ls",
    "chatctl users ls --match anna --workspace 0 --json",
    exits=(3, 4, 5),
    columns=_LIST,
)
def ls(
    options: Options,
    match: Annotated[
        str | None, opt("--match", "Only with this in the name or e-mail.", "TEXT")
    ] = None,
    workspace: Annotated[str | None, opt("--workspace", "Only its members.", "WORKSPACE")] = None,
    status: Annotated[
        Literal["active", "suspended", "erased"] | None,
        opt("--status", "Only those that are so.", "active|suspended|erased"),
    ] = None,
) -> None:
    """List the accounts of team chat, by their ids."""
    given = {"q": match, "status": status}
    query: dict[str, str | int] = {name: each for name, each in given.items() if each is not None}
    with connection.open(options) as server:
        if workspace is not None:
            query["workspace"] = team.find(server, team.WORKSPACE, workspace)["id"]
        found = team.listed(server, ACCOUNT, query)
    output.rows(options, _READ if sys.stdout.isatty() and not options.json else _LIST, found)


@verb(
    "create",
    "chatctl users create 'Anna Asher' anna@example.org --password-file - <password.txt",
    "chatctl users create Ben ben@example.org --role admin --json",
    exits=(3, 4, 5),
    changes=True,
)
def create(
    options: Options,
    fullname: Annotated[str, arg("NAME")],
    email: Annotated[str, arg("E-MAIL")],
    source: PasswordFile = None,
    workspace: Annotated[
        str | None, opt("--workspace", "Where it is; 0 unless given.", "WORKSPACE")
    ] = None,
    role: Annotated[
        Literal["owner", "admin", "agent", "member"] | None,
        opt(
            "--role",
            "What it is there; unless given owner of an empty workspace, else member.",
            "owner|admin|agent|member",
        ),
    ] = None,
) -> None:
    """Make an account and print its id; without a password it needs a reset link to sign in."""
    body: Json = {"fullname": fullname, "email": email}
    if source is not None:
        body["password"] = _password(source)
    if role is not None:
        body["role"] = role
    with connection.open(options, writes=True) as server:
        if workspace is not None:
            body["workspace"] = team.find(server, team.WORKSPACE, workspace)["id"]
        made = server.post(ACCOUNT.path, body)
    results.tell(options, {"changed": True, **made}, f"{made['fullname']} is user {made['id']}")


@verb(
    "show",
    "chatctl users show anna@example.org",
    "chatctl users show anna@example.org --json",
    exits=(3, 4, 5),
)
def show(options: Options, account: AccountWord) -> None:
    """Show an account, also one that was erased."""
    with connection.open(options) as server:
        found = team.find(server, ACCOUNT, account)
    output.record(options, _SHOW, found)


def _switch(name: str, status: str, sentence: str, said: str) -> Verb:
    def switch(options: Options, account: AccountWord) -> None:
        with connection.open(options, writes=True) as server:
            before = team.find(server, ACCOUNT, account)
            done = server.patch(team.path(ACCOUNT, before), {"status": status})
        changed = before["status"] != done["status"]
        was = said if changed else f"{said} already"
        results.tell(options, {"changed": changed, **done}, f"{done['fullname']} {was}")

    switch.__doc__ = sentence
    made = verb(
        name,
        f"chatctl users {name} anna@example.org",
        f"chatctl users {name} anna@example.org --json",
        exits=(3, 4, 5),
        changes=True,
    )
    return made(switch)


suspend = _switch(
    "suspend", "suspended", "End an account's sessions, and let nobody sign in.", "is suspended"
)
reactivate = _switch("reactivate", "active", "Let an account sign in again.", "may sign in")


@verb(
    "set-password",
    "chatctl users set-password anna@example.org --password-file password.txt",
    "chatctl users set-password anna@example.org --password-file - <password.txt",
    exits=(3, 4, 5),
    changes=True,
)
def set_password(options: Options, account: AccountWord, source: PasswordFile = None) -> None:
    """Give an account a password; its sessions end."""
    if source is None:
        raise failures.usage("set-password needs --password-file", "--password-file FILE")
    body = {"password": _password(source)}
    with connection.open(options, writes=True) as server:
        found = team.find(server, ACCOUNT, account)
        done = server.post(team.path(ACCOUNT, found, "password"), body)
    results.tell(options, {"id": found["id"], **done}, f"{found['fullname']} has a new password")


@verb(
    "reset-link",
    "chatctl users reset-link anna@example.org",
    "chatctl users reset-link anna@example.org --json",
    exits=(3, 4, 5),
    changes=True,
)
def reset_link(options: Options, account: AccountWord) -> None:
    """Print a link with which somebody sets a password, once, within an hour."""
    with connection.open(options, writes=True) as server:
        found = team.find(server, ACCOUNT, account)
        made = server.post(team.path(ACCOUNT, found, "reset-link"))
    results.link(options, {"changed": True, "id": found["id"], **made})


@verb(
    "sessions",
    "chatctl users sessions anna@example.org",
    "chatctl users sessions anna@example.org --json",
    exits=(3, 4, 5),
    columns=_SESSIONS,
)
def sessions(options: Options, account: AccountWord) -> None:
    """List where an account is signed in."""
    with connection.open(options) as server:
        found = team.find(server, ACCOUNT, account)
        rows = server.get(team.path(ACCOUNT, found, "sessions"))
    output.rows(options, _SESSIONS, rows)


@verb(
    "logout",
    "chatctl users logout anna@example.org",
    "chatctl users logout anna@example.org --json",
    exits=(3, 4, 5),
    changes=True,
)
def logout(options: Options, account: AccountWord) -> None:
    """End all sessions of an account: its tokens count no more, its streams close."""
    with connection.open(options, writes=True) as server:
        found = team.find(server, ACCOUNT, account)
        done = server.delete(team.path(ACCOUNT, found, "sessions"))
    said = f"sessions of {found['fullname']} that have ended: {done['sessions']}"
    results.tell(options, {"id": found["id"], **done}, said)


@verb(
    "erase",
    "chatctl users erase anna@example.org --dry-run",
    "chatctl users erase anna@example.org --yes --json",
    exits=(3, 4, 5, 130),
    because={130: NO_WAS_ANSWERED},
    changes=True,
)
def erase(
    options: Options,
    account: AccountWord,
    dry_run: Annotated[bool, opt("--dry-run", "Only count what would be erased.")] = False,
    yes: Annotated[bool, opt("--yes", "Do not ask.")] = False,
) -> None:
    """Take an account, its name and the texts of its messages out of tables and log, for good."""
    if not (dry_run or yes):
        check_terminal(
            "erasing an account", shlex.join(("chatctl", "users", "erase", account, "--yes"))
        )
        with connection.open(options) as server:  # a person may take their time
            found = team.find(server, ACCOUNT, account)
        ask(f"Erase {found['fullname']} ({found['email']}), user {found['id']}, for good?")
    with connection.open(options, writes=not dry_run) as server:
        found = team.find(server, ACCOUNT, account)
        server.renew(LONG_SECONDS)
        asked = "true" if dry_run else "false"
        done = server.delete(team.path(ACCOUNT, found), dry_run=asked)
    output.record(options, _ERASED, {"id": found["id"], **done})


@verb(
    "export",
    "chatctl users export anna@example.org -o anna.ndjson",
    "chatctl users export anna@example.org >anna.ndjson",
    exits=(3, 4, 5),
)
def export(
    options: Options,
    account: AccountWord,
    target: Annotated[str, opt("-o --output", "Into a new file.", "FILE")] = "-",
) -> None:
    """Print all that there is of an account, as NDJSON: itself, sessions, chats, messages."""
    if target != "-":
        named_files.check_written(target, "-o")
        if Path(target).exists():
            raise Failure("file_exists", f"{target} is there already", "another name for -o", 409)
    with connection.open(options) as server:
        lines = [ndjson.encoded(each).decode() for each in _all_of(server, account)]
    text = "".join(f"{line}\n" for line in lines)
    if target == "-":
        stdout.write(text)
        return
    with named_files.writing(Path(target)):
        Path(target).write_text(text, encoding="utf-8")
    output.record(options, _WRITTEN, {"file": target, "lines": len(lines)})


def _all_of(server: Client, account: str) -> list[Json]:
    found = team.find(server, ACCOUNT, account)
    user = found["id"]
    made = [{"kind": "user", **found}]
    rows = server.get(team.path(ACCOUNT, found, "sessions"))
    made += [{"kind": "session", **each} for each in rows]
    lists = (("chat", team.CHAT.path, 1000), ("message", "/management/messages", 100))
    for kind, path, size in lists:
        for page in server.pages(path, {"user_id": user, "limit": size}):
            made += [{"kind": kind, **each} for each in page]
            server.renew()
    return made


def _password(source: str) -> str:
    """The text of a file, without its last line break."""
    return targets.text_of(source, "--password-file").removesuffix("\n").removesuffix("\r")
