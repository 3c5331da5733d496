"""Adds to the program what it is to be easy to add, and looks at what that took.

``python tests/extensions/run.py``: ``new_event_type.diff`` is applied to a copy of the tree. It may
touch three files of the product, and its own test, the checks of types and the tests that are made
from the table of event types pass.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "mutations"))

from run import Copy  # noqa: E402  the copy that mutations are applied to

PATCH = HERE / "new_event_type.diff"
PRODUCT_FILES = 3
TESTS = [
    "tests/chatctl_server/test_new_event_type.py",
    "tests/chatctl/test_sentences.py",
    "tests/chatctl_server/storage/test_maintenance_verify.py",
    "tests/chatctl_server/api/test_event_routes.py::test_every_time_that_an_event_can_have_is_told_so",
]


def main() -> int:
    touched = re.findall(r"^\+\+\+ b/(chatctl\S*)", PATCH.read_text(), re.M)
    print("an event type more touches", *touched)
    if len(touched) > PRODUCT_FILES:
        return 1
    with tempfile.TemporaryDirectory(prefix="extensions-") as directory:
        copy = Copy(Path(directory))
        copy.apply(PATCH)
        types = subprocess.run([sys.executable, "-m", "mypy"], cwd=copy.tree, check=False)
        done = copy.test(TESTS)
    print(done.stdout[-2000:] + done.stderr[-2000:])
    return types.returncode or done.returncode


if __name__ == "__main__":
    sys.exit(main())
