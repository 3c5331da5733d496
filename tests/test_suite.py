"""The tests themselves, on a machine that has no programs, and in the background of a script."""

import re
import subprocess
import sys
from pathlib import Path

import programs
import pytest

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent


def is_there(test: str) -> bool:
    """A file, or also a class and a function in it."""
    path, *names = test.split("::")
    file = ROOT / path
    return file.exists() and all(
        re.search(rf"^ *(async )?(def|class) {name}\b", file.read_text(), re.MULTILINE)
        for name in names
    )


def test_every_mutation_applies_and_names_tests_that_are_there() -> None:
    """What ``make proof`` would find out an hour later."""
    patches = sorted((TESTS / "mutations").glob("*.patch"))
    check = [programs.path("git"), "apply", "--check"]
    for patch in [*patches, TESTS / "extensions/new_event_type.diff"]:
        done = subprocess.run([*check, str(patch)], cwd=ROOT, capture_output=True, check=False)
        assert not done.returncode, (patch.name, done.stderr)
    heads = "\n".join(patch.read_text().partition("\ndiff ")[0] for patch in patches)
    lines = re.findall("^# tests: (.*)$", heads, re.MULTILINE)
    assert len(lines) == len(patches)
    assert [test for line in lines for test in line.split() if not is_there(test)] == []


@pytest.mark.parametrize(
    ("ci", "outcome"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)]
)
def test_without_its_program_a_test_is_skipped_but_fails_in_ci(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ci: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match=r"^chromium is not installed$"):
        programs.path("chromium", "google-chrome")


def test_commands_can_be_interrupted_though_pytest_was_started_with_ctrl_c_ignored() -> None:
    """As in a script's background; what a program ignores, the programs that it starts do, too."""
    interrupted = "import conftest, subprocess as s; print(s.call(['sh', '-c', 'kill -INT $$']))"
    done = subprocess.run(
        ["sh", "-c", "trap '' INT; exec \"$@\"", "sh", sys.executable, "-c", interrupted],
        cwd=TESTS,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("-2\n", "")
