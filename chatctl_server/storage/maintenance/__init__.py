"""Work on the database file itself. ``path`` may be a link; what it leads to is meant.

Whoever migrates or restores holds the database's lock; the rest runs beside a server.
"""

from chatctl_server.storage.maintenance.backup_retention import BackedUpInto, backup_into
from chatctl_server.storage.maintenance.backups import BackedUp, Manifest, backup
from chatctl_server.storage.maintenance.checks import BrokenRule, check
from chatctl_server.storage.maintenance.compaction import compact
from chatctl_server.storage.maintenance.inspection import Info, InUse, info
from chatctl_server.storage.maintenance.migration import Migrated, migrate, prepare
from chatctl_server.storage.maintenance.restoration import Restored, restore
from chatctl_server.storage.maintenance.schemas import check_schema
from chatctl_server.storage.maintenance.verification import Difference, verify

__all__ = [
    "BackedUp",
    "BackedUpInto",
    "BrokenRule",
    "Difference",
    "InUse",
    "Info",
    "Manifest",
    "Migrated",
    "Restored",
    "backup",
    "backup_into",
    "check",
    "check_schema",
    "compact",
    "info",
    "migrate",
    "prepare",
    "restore",
    "verify",
]
