"""Programs that tests start and that a machine may lack."""

import os
import shutil

import pytest


def path(*names: str) -> str:
    """Of the first that is installed. Without one the test is skipped; in CI, which installs all
    of them (see ``.ci/run``), it fails."""
    for name in names:
        if found := shutil.which(name):
            return found
    missing = f"{names[0]} is not installed"
    if os.environ.get("CI") == "true":
        pytest.fail(missing)
    pytest.skip(missing)
