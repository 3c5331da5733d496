"""Work on the database file itself. ``path`` may be a link; what it leads to is meant.

Whoever migrates or restores holds the database's lock; the rest runs beside a server.
"""

from chatctl_server.storage.backups import BackedUp, Manifest, backup
from chatctl_server.storage.checking import Problem, check
from chatctl_server.storage.inspecting import Info, InUse, info
from chatctl_server.storage.migrating import Migrated, migrate, prepare
from chatctl_server.storage.restoring import Restored, restore
from chatctl_server.storage.retention import BackedUpInto, backup_into
from chatctl_server.storage.schemas import check_schema
from chatctl_server.storage.verifying import Difference, verify

__all__ = [
    "BackedUp",
    "BackedUpInto",
    "Difference",
    "InUse",
    "Info",
    "Manifest",
    "Migrated",
    "Problem",
    "Restored",
    "backup",
    "backup_into",
    "check",
    "check_schema",
    "info",
    "migrate",
    "prepare",
    "restore",
    "verify",
]
