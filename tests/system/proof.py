"""How long the tests of the proof are: short in pytest, long in ``make proof``."""

import os

import pytest

IS_LONG = os.environ.get("CHATCTL_PROOF") == "1"


def size(short: int, long: int) -> int:
    return long if IS_LONG else short


def time_limit(short: int = 90) -> int:
    """Seconds for ``pytest.mark.timeout``."""
    return 3600 if IS_LONG else short


def over_each_transport() -> pytest.MarkDecorator:
    """In the proof; else over the one that the environment says."""
    return pytest.mark.usefixtures("transport" if IS_LONG else "tmp_path")
