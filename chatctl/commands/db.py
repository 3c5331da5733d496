"""``chatctl db``: acts on the database file itself."""

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from chatctl import connection, output
from chatctl.client import Json
from chatctl.commands.rooms import ask
from chatctl.failures import Failure
from chatctl.options import Options, verb
from chatctl.output import Column
from chatctl.visible import visible


@verb(
    "info", examples=("chatctl db info", "chatctl db info --db sqlite:./chat.db --json"), exits=(3,)
)
def info(options: Options) -> None:
    """Show file, size, schema and counts; a running server is not disturbed."""
    path = connection.file_of(options)
    with connection.server_errors():
        from chatctl_server.storage import maintenance

        found = maintenance.info(path)
    _record(options, found)


@verb(
    "migrate",
    examples=("chatctl db migrate --dry-run", "chatctl db migrate --db sqlite:./chat.db"),
    exits=(3,),
    changes=True,
)
def migrate(
    options: Options,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be done.")
    ] = False,
) -> None:
    """Bring the schema up to date, after a backup of the file; creates a missing one."""
    path = connection.file_of(options, must_exist=False)
    with connection.server_errors(), ExitStack() as held:
        from chatctl_server.storage import maintenance

        if not dry_run:
            held.enter_context(connection.alone(options, path))
        done = maintenance.migrate(path, dry_run)
    _record(options, done)


@verb("check", examples=("chatctl db check", "chatctl db check --json"), exits=(3, 10))
def check(options: Options) -> None:
    """Check the file and the rules that its tables must keep."""
    path = connection.file_of(options)
    with connection.server_errors():
        from chatctl_server.storage import maintenance

        problems = maintenance.check(path)
    _verdict(options, path, problems)


@verb("verify", examples=("chatctl db verify", "chatctl db verify --json"), exits=(3, 10))
def verify(options: Options) -> None:
    """Replay the log into a scratch database and compare all tables with it."""
    path = connection.file_of(options)
    with connection.server_errors():
        from chatctl_server.storage import maintenance

        problems = maintenance.verify(path)
    _verdict(options, path, problems)


@verb(
    "backup",
    examples=("chatctl db backup nightly.db", "chatctl db backup /backup/chat.db --json"),
    exits=(3, 5, 10),
    changes=True,
)
def backup(
    options: Options,
    *,
    target: Annotated[Path, typer.Argument(metavar="FILE", show_default=False)],
) -> None:
    """Copy the database while it is in use, verify the copy and write its manifest."""
    path = connection.file_of(options)
    with connection.server_errors():
        from chatctl_server.storage import maintenance

        made = maintenance.backup(path, target.absolute())
    _record(options, made)


@verb(
    "restore",
    examples=("chatctl db restore nightly.db", "chatctl db restore nightly.db --yes --json"),
    exits=(3, 5, 10),
    changes=True,
)
def restore(
    options: Options,
    *,
    source: Annotated[Path, typer.Argument(metavar="FILE", show_default=False)],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Put a backup in the database's place; the file that was there is kept beside it."""
    path = connection.file_of(options, must_exist=False)
    if not source.exists():
        raise Failure("file_not_found", f"there is no file {source}")
    if not yes:
        _confirm(path, source)
    with connection.server_errors(), connection.alone(options, path):
        from chatctl_server.storage import maintenance

        done = maintenance.restore(path, source.absolute())
    _record(options, done)


def _confirm(path: Path, source: Path) -> None:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise Failure(
            "confirmation_needed",
            "restoring asks first, and here is no terminal to ask on",
            f"chatctl db restore {source} --yes",
        )
    ask(f"Replace {path} with {source}?")


def _record(options: Options, result: object) -> None:
    found = _plain(result)
    columns = [Column(key, key.replace("_", " "), "id") for key in found]
    output.record(options, columns, found)


def _verdict(options: Options, path: Path, problems: Sequence[object]) -> None:
    """Raises Failure ``check_failed`` after a line for each problem; under ``--json`` they stand
    in its message."""
    if not problems:
        columns = (Column("ok", "ok"), Column("database", "database", "id"))
        output.record(options, columns, {"ok": True, "database": str(path)})
        return
    found = f"{path} has {len(problems)} problem{'s' if len(problems) > 1 else ''}"
    if options.json:
        raise Failure("check_failed", f"{found}: {'; '.join(map(str, problems))}")
    for problem in problems:
        sys.stderr.write(f"chatctl: {visible(str(problem))}\n")
    raise Failure("check_failed", found, "chatctl db restore FILE, with the newest good backup")


def _plain(result: object) -> Json:
    import msgspec

    return msgspec.to_builtins(result, str_keys=True)
