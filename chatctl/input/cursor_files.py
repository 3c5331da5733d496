"""Files that say how far a command got, so that the next run goes on there."""

import json
import os
import shlex
import time
from pathlib import Path

from chatctl.input import named_files
from chatctl.link.client import Json
from chatctl.shell import failures
from chatctl.shell.failures import Failure

_SYNC_SECONDS = 1.0


class CursorFile:
    """One JSON object, replaced as a whole: whoever is killed leaves the old one or the new one.

    Each write is there for the next run; at most a second's are lost with the machine.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._synced_at = 0.0

    def read(self) -> Json | None:
        """None when there is none. Raises Failure ``usage`` for a file of something else."""
        try:
            found = json.loads(self.path.read_bytes())
        except FileNotFoundError:
            return None
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise failures.usage(
                f"{self.path} holds no cursor", "another file, or remove it to begin anew"
            )
        return found

    def write(self, value: Json) -> None:
        new = self.path.with_name(self.path.name + ".new")
        try:
            with named_files.writing(self.path), new.open("wb") as file:
                file.write(json.dumps(value).encode() + b"\n")
                if time.monotonic() - self._synced_at > _SYNC_SECONDS:
                    file.flush()
                    os.fsync(file.fileno())
                    self._synced_at = time.monotonic()
            new.replace(self.path)
        finally:
            new.unlink(missing_ok=True)

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)


class OffsetFile:
    """A cursor that is an offset of the log, in the file that ``--cursor`` names. Without one
    nothing is kept."""

    def __init__(self, named: str | None) -> None:
        self._file: CursorFile | None = None
        if named is not None:
            named_files.check_written(named, "--cursor")
            self._file = CursorFile(Path(named))

    def read(self, newest: int) -> int | None:
        """Raises Failure for an offset that the log, up to ``newest``, does not have yet: it is
        another database's."""
        found = None if self._file is None else self._file.read()
        if found is None or self._file is None:
            return None
        after = found.get("after")
        if not isinstance(after, int) or isinstance(after, bool) or after < 0:
            raise failures.usage(f"{self._file.path} names no offset", "remove it to begin anew")
        if after > newest:
            raise Failure(
                "resync_required",
                f"{self._file.path} is at offset {after}, but the log ends at {newest}: "
                "it belongs to another database",
                f"rm {shlex.quote(str(self._file.path))}, and --since 0",
                409,
            )
        return after

    def write(self, after: int) -> None:
        if self._file is not None:
            self._file.write({"after": after})
