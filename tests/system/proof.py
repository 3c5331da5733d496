"""How long the tests of the proof are: short in pytest, long in ``make proof``."""

import os

IS_LONG = os.environ.get("CHATCTL_PROOF") == "1"


def size(short: int, long: int) -> int:
    return long if IS_LONG else short


def time_limit(short: int = 90) -> int:
    """Seconds for ``pytest.mark.timeout``."""
    return 3600 if IS_LONG else short
