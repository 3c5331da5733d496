"""What is said of a workspace's files."""

from typing import Annotated

import msgspec

from chatctl_server.domain.stored_files import Checked
from chatctl_server.views.fields import means

HASH = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
EXAMPLE = f"/files/0/{HASH[:3]}/{HASH[3:6]}/{HASH[6:]}.txt"


class FileStats(msgspec.Struct, frozen=True):
    scanned: Annotated[int, means("Files that there were", 12)]
    fixed: Annotated[int, means("Files that are removed: nothing referred to them for a day", 2)]
    errors: Annotated[int, means("Files that are missing or damaged; the log names them", 0)]


class CheckedFiles(msgspec.Struct, frozen=True):
    status: Annotated[str, means("Always `success`: the check has run", "success")]
    message: Annotated[str, means("The same for people", "12 files checked, 2 removed")]
    stats: Annotated[FileStats, means("How many files it has met")]


def checked(found: Checked) -> CheckedFiles:
    parts = [f"{found.scanned} files checked", f"{found.removed} removed"]
    if found.damaged:
        parts.append(f"{found.damaged} missing or damaged")
    stats = FileStats(found.scanned, found.removed, found.damaged)
    return CheckedFiles("success", ", ".join(parts), stats)
