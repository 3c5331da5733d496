"""The command line of chatctl."""

import sys
import types

__version__ = "0.1.0"

# httpx imports its own command line where it finds rich and click: 0.4 s that no command needs.
# A module that is None is one that cannot be imported, and httpx does without it.
_modules: dict[str, types.ModuleType | None] = sys.modules  # type: ignore[assignment]
_modules.setdefault("httpx._main", None)
