"""``chatctl db``: acts on the database file itself."""

import shlex
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from chatctl.commands.rooms import LONG_SECONDS, NO_WAS_ANSWERED, ask, check_terminal
from chatctl.input import named_files, rooms, times
from chatctl.link import connection
from chatctl.link.client import Client, Json
from chatctl.shell import failures
from chatctl.shell.failures import Failure
from chatctl.shell.options import Options, arg, opt, verb
from chatctl.show import output, progress
from chatctl.show.output import Column
from chatctl.show.visible import visible

_PRUNED = output.columns(
    "room_id ID id; room_name NAME; total_joins JOINS number; created_at CREATED time; "
    "closed_at CLOSED time"
)
# A client that resumes asks by such a number (docs/rooms.md, Resume).
_POSTED_SINCE = (
    "what was posted after this backup is gone, and its numbers will be given again: "
    "clients that were connected must load the history anew"
)
_NOT_IN_IT = (
    "what was posted after this backup is not in it; if there was anything, clients that were "
    "connected must load the history anew"
)

if TYPE_CHECKING:
    from chatctl_server.storage.maintenance import BackedUp, BackedUpInto


@verb("info", "chatctl db info", "chatctl db info --db sqlite:./chat.db --json", exits=(3,))
def info(options: Options) -> None:
    """Show file, size, schema and counts; a running server is not disturbed."""
    path = connection.file_of(options)
    with connection.server_errors():
        from chatctl_server.storage import maintenance

        found = maintenance.info(path)
    _record(options, found)


@verb(
    "migrate",
    "chatctl db migrate --dry-run",
    "chatctl db migrate --db sqlite:./chat.db",
    exits=(3,),
    changes=True,
)
def migrate(
    options: Options,
    dry_run: Annotated[bool, opt("--dry-run", "Only say what would be done.")] = False,
) -> None:
    """Bring the schema up to date, after a backup of the file; creates a missing one."""
    path = connection.file_of(options, must_exist=False)
    migrating = progress.shown(options, f"migrating {path}")
    with connection.server_errors(), migrating, ExitStack() as held:
        from chatctl_server.storage import maintenance

        if not dry_run:
            held.enter_context(connection.alone(options, path))
        done = maintenance.migrate(path, dry_run)
    _record(options, done)


@verb("check", "chatctl db check", "chatctl db check --json", exits=(3,))
def check(options: Options) -> None:
    """Check the file and the rules that its tables must keep."""
    path = connection.file_of(options)
    uploads = connection.uploads_of(options, path)
    with connection.server_errors(), progress.shown(options, f"checking {path}"):
        from chatctl_server.storage import maintenance

        problems = maintenance.check(path, uploads)
    _verdict(options, path, problems)


@verb("verify", "chatctl db verify", "chatctl db verify --json", exits=(3,))
def verify(options: Options) -> None:
    """Replay the log into a scratch database and compare all tables with it."""
    path = connection.file_of(options)
    with connection.server_errors(), progress.shown(options, f"verifying {path}"):
        from chatctl_server.storage import maintenance

        problems = maintenance.verify(path)
    _verdict(options, path, problems)


@verb(
    "backup",
    "chatctl db backup nightly.db",
    "chatctl db backup /backup --keep 14 --quiet",
    exits=(3, 5, 9),
    changes=True,
)
def backup(
    options: Options,
    named: Annotated[str, arg("FILE")],
    keep: Annotated[
        int | None, opt("--keep", "In a directory: keep the newest N.", "N", min=1)
    ] = None,
) -> None:
    """Copy the database while it is in use and verify the copy; into a directory by its time."""
    target = _target(named, keep)
    path = connection.file_of(options)
    uploads = connection.uploads_of(options, path)
    with connection.server_errors(), progress.shown(options, f"backing up {path}"):
        from chatctl_server.domain import times
        from chatctl_server.storage import maintenance

        made: BackedUp
        if target.is_dir():
            made = maintenance.backup_into(path, target.absolute(), keep, times.now(), uploads)
            _refuse_left(made)
        else:
            made = maintenance.backup(path, target.absolute(), [uploads])
    found = {key: value for key, value in _plain(made).items() if key != "not_removed"}
    if "removed" in found:
        found["removed"] = list(found["removed"])
    _record(options, {**found, "changed": True})


def _target(named: str, keep: int | None) -> Path:
    """Where the backup goes: a file, or a directory that is there."""
    target = Path(named)
    if named == "-":
        raise failures.usage(
            "a backup is a file, it does not go to stdout", "chatctl db backup FILE"
        )
    is_directory = named.endswith("/") or (keep is not None and not target.suffix)
    if is_directory and not target.exists():
        hint = shlex.join(("mkdir", "-m", "700", named))
        raise Failure("file_not_found", f"there is no directory {target}", hint)
    if keep is not None and not target.is_dir():
        raise failures.usage(
            f"--keep is for backups in a directory, and {target} is none",
            f"chatctl db backup DIRECTORY --keep {keep}",
        )
    return target


def _refuse_left(made: "BackedUpInto") -> None:
    """Raises Failure ``partly_done`` when an old backup could not be removed."""
    if made.not_removed:
        raise Failure(
            "partly_done",
            f"{made.backup} is made, but older ones could not be removed: "
            f"{'; '.join(made.not_removed)}",
        )


@verb(
    "prune",
    "chatctl db prune --older-than 90d --dry-run",
    "chatctl db prune --older-than 52w --yes --quiet",
    exits=(3, 4, 7, 9, 130),
    because={
        7: "--compact beside a running server",
        9: "the rooms are removed, but there is no room to write the file anew",
        130: NO_WAS_ANSWERED,
    },
    columns=_PRUNED,
    changes=True,
)
def prune(
    options: Options,
    older_than: Annotated[str, opt("--older-than", "Closed so long ago: 90d, 52w.", "AGE")],
    dry_run: Annotated[bool, opt("--dry-run", "Only list them.")] = False,
    compact: Annotated[
        bool, opt("--compact", "Then write the file anew; no server may run.")
    ] = False,
    yes: Annotated[bool, opt("--yes", "Do not ask.")] = False,
) -> None:
    """Remove the rooms that were closed long ago, with all their data.

    The file gives back the pages that are free then. With --compact it is written anew, as small
    as can be.
    """
    if compact:
        if dry_run:
            raise failures.usage("--dry-run changes nothing, and --compact does", "one of the two")
        with connection.server_errors(), connection.alone(options, connection.file_of(options)):
            pass  # refused before anything is removed
    before = time.time() - times.duration(older_than, "--older-than", needs_unit=True)
    if not (yes or dry_run):
        check_terminal("removing rooms", f"chatctl db prune --older-than {older_than} --yes")
        with connection.open(options) as server:
            count = len(_closed_before(server, before))
        if count:
            what = "1 room" if count == 1 else f"{count} rooms"
            ask(f"Remove {what}, closed more than {older_than} ago, and all that is in them?")
    with connection.open(options, writes=not dry_run) as server:
        found = _closed_before(server, before)
        if not dry_run:
            _remove(options, server, found)
    if dry_run:
        output.rows(options, _PRUNED, found)
        return
    if compact:
        _compact(options)
    _record(options, {"rooms": len(found), "changed": bool(found) or compact})


def _closed_before(server: Client, before: float) -> list[Json]:
    pages = server.pages("/management/rooms", {"status": "closed", "limit": 1000})
    return [room for page in pages for room in page if room["closed_at"] < before]


def _remove(options: Options, server: Client, found: Sequence[Json]) -> None:
    with progress.shown(options, "removing rooms", len(found)) as shown:
        for room in found:
            server.renew(LONG_SECONDS)
            try:
                server.delete(rooms.path(room["room_id"]), purge="true")
            except Failure as failure:
                if failure.code != "room_not_found":  # somebody else was faster
                    raise
            shown.done += 1


def _compact(options: Options) -> None:
    """Raises Failure ``partly_done`` when there is no room for it."""
    path = connection.file_of(options)
    compacting = progress.shown(options, f"compacting {path}")
    try:
        with connection.server_errors(), connection.alone(options, path), compacting:
            from chatctl_server.storage import maintenance

            maintenance.compact(path)
    except Failure as failure:
        raise Failure(
            "partly_done",
            f"the rooms are removed, but the file keeps its size: {failure.message}",
            failure.hint,
        ) from failure


@verb(
    "seed",
    "chatctl db seed --demo",
    "chatctl db migrate && chatctl db seed --demo",
    exits=(3, 5),
    because={5: "the database is not empty, as after a first seed"},
    changes=True,
)
def seed(
    options: Options, demo: Annotated[bool, opt("--demo", "Rooms, a team, a support desk.")] = False
) -> None:
    """Fill an empty database with rooms, a team and a support desk to try things out."""
    if not demo:
        raise failures.usage("what to fill in is not said", "chatctl db seed --demo")
    path = connection.file_of(options)
    with connection.server_errors(), connection.alone(options, path):
        from chatctl_server import demo as made_up
        from chatctl_server.domain import times
        from chatctl_server.storage import maintenance

        connection.without_log()
        maintenance.check_schema(path)
        done = made_up.seed(path, made_up.read(), times.now())
    _record(options, done)


@verb(
    "restore",
    "chatctl db restore nightly.db",
    "chatctl db restore nightly.db --yes --json",
    exits=(3, 5, 130),
    because={130: NO_WAS_ANSWERED},
    changes=True,
)
def restore(
    options: Options,
    source: Annotated[Path, arg("FILE")],
    yes: Annotated[bool, opt("--yes", "Do not ask.")] = False,
) -> None:
    """Put a backup in the database's place; the file that was there is kept beside it."""
    path = connection.file_of(options, must_exist=False)
    if not source.exists():
        raise Failure("file_not_found", f"there is no file {source}")
    named_files.check_read(str(source), "FILE")
    if not yes:
        _confirm(path, source)
    uploads = connection.uploads_of(options, path)
    restoring = progress.shown(options, f"restoring {path}")
    with connection.server_errors(), connection.alone(options, path), restoring:
        from chatctl_server.storage import maintenance

        done = maintenance.restore(path, source.absolute(), uploads)
    if done.manifest is None:
        output.note(options, f"{source} has no manifest beside it: no checksum was compared")
    if done.files_missing:
        output.note(options, f"uploaded files that are nowhere: {done.files_missing}")
    output.note(options, _POSTED_SINCE if done.replaced else _NOT_IN_IT)
    _record(options, done)


def _confirm(path: Path, source: Path) -> None:
    check_terminal("restoring", shlex.join(("chatctl", "db", "restore", str(source), "--yes")))
    ask(f"Replace {path} with {source}?")


def _record(options: Options, result: object) -> None:
    found = _plain(result)
    columns = [Column(key, key.replace("_", " "), "id") for key in found]
    output.record(options, columns, found)


def _verdict(options: Options, path: Path, problems: Sequence[object]) -> None:
    """Raises Failure ``check_failed`` after a line for each problem; under ``--json`` they stand
    in its message."""
    if not problems:
        columns = output.columns("ok ok; database database id")
        output.record(options, columns, {"ok": True, "database": str(path)})
        return
    found = f"{path} has {len(problems)} problem{'s' if len(problems) > 1 else ''}"
    if options.json:
        raise Failure("check_failed", f"{found}: {'; '.join(map(str, problems))}")
    for problem in problems:
        progress.say(f"chatctl: {visible(str(problem))}\n")
    raise Failure("check_failed", found, "chatctl db restore FILE, with the newest good backup")


def _plain(result: object) -> Json:
    import msgspec

    return msgspec.to_builtins(result, str_keys=True)
