"""Whose a database and its lock are: who may use the one, and is believed through the other."""

import os
import shlex
from pathlib import Path

from chatctl.shell.failures import Failure


def check_file(path: Path) -> None:
    """Root may use every database: SQLite and the lock give what root creates to its owner."""
    try:
        owner = path.stat().st_uid
    except FileNotFoundError:
        raise _missing(path) from None
    except PermissionError:
        raise Failure("user_refused", f"{path} is not for this user to read") from None
    if os.geteuid() not in (0, owner):
        raise Failure(
            "user_refused",
            f"{path} belongs to user id {owner}, and this command runs as {os.geteuid()}",
            f"sudo -u '#{owner}' chatctl …, or --server URL with --api-key-file FILE",
        )


def _missing(path: Path) -> Failure:
    if not path.parent.is_dir():
        make = f"mkdir -p {shlex.quote(str(path.parent))}"
        return Failure("file_not_found", f"there is no directory {path.parent}", make)
    named = f"--db {shlex.quote(f'sqlite://{path}')}"
    return Failure(
        "file_not_found",
        f"there is no database file {path}",
        f"chatctl serve {named}, which creates it, or chatctl db migrate {named}",
    )


def check_lock(lock_file: Path, database: Path) -> None:
    """The lock says where the server is: believed is only whoever owns the database, and root."""
    try:
        owner = lock_file.stat(follow_symlinks=False).st_uid
    except FileNotFoundError:
        return
    if owner not in (0, os.geteuid(), database.stat().st_uid):
        raise Failure(
            "user_refused", f"{lock_file} belongs to neither you nor the owner of {database}"
        )
