"""The tests themselves, on a machine that has no programs, and in the background of a script."""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import programs
import pytest

ROOT = Path(__file__).resolve().parents[1]
NEEDED = {
    "chatctl/test_completion.py::test_nothing_in_a_rooms_name_is_run": ["bash", "zsh", "fish"],
    "chatctl/test_secrets_in_argv.py::test_init_writes_secrets": ["strace"],
    "chatctl_server/workers/callbacks/test_http_client.py::test_https": ["openssl"],
    "docs/test_callbacks_page.py::test_javascript_computes_the_digest": ["chromium"],
    "docs/test_deploy.py::TestUnit::test_it_is_hardened": ["systemd-analyze"],
    "docs/test_proxies.py::test_no_log_has_the_token_also_when_the_server_is_gone": [
        "nginx",
        "caddy",
    ],
    "docs/test_readme.py": ["bash"],
}


def _pytest(
    *tests: str, before: str = "", options: Sequence[str] = (), **environ: str
) -> tuple[int, str]:
    """Without the plugins that these tests do not use: it starts in half the time."""
    options = ["-o", "addopts=-ra", "-p", "no:cacheprovider", "--tb", "no", *options]
    plugins = ["-p", "pytest_asyncio.plugin", "-p", "pytest_timeout"]
    done = subprocess.run(
        ["/bin/sh", "-c", f'{before} exec "$@"', "sh", sys.executable, "-m", "pytest",
         *options, *plugins, *(f"tests/{each}" for each in tests)],
        cwd=ROOT,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        timeout=80,
        check=False,
    )  # fmt: skip
    return done.returncode, done.stdout


def test_a_test_without_its_program_is_skipped_and_names_it(tmp_path: Path) -> None:
    ended, shown = _pytest(*NEEDED, PATH=str(tmp_path), CI="")
    named = re.findall(r"^SKIPPED .* (\S+) is not installed$", shown, re.MULTILINE)
    expected = {name for names in NEEDED.values() for name in names}
    assert (ended, set(named)) == (0, expected), shown


def test_every_mutation_applies_and_names_tests_that_are_there() -> None:
    """What ``make proof`` would find out an hour later."""
    patches = sorted((ROOT / "tests/mutations").glob("*.patch"))
    check = [programs.path("git"), "apply", "--check"]
    for patch in [*patches, ROOT / "tests/extensions/new_event_type.diff"]:
        done = subprocess.run([*check, str(patch)], cwd=ROOT, capture_output=True, check=False)
        assert not done.returncode, (patch.name, done.stderr)
    lines = "\n".join(patch.read_text().partition("\ndiff ")[0] for patch in patches)
    named = re.findall(
        r"tests/(\S+)", "\n".join(re.findall("^# tests: (.*)$", lines, re.MULTILINE))
    )
    ended, shown = _pytest(*sorted(set(named)), options=("--collect-only", "-q"))
    assert ended == 0, shown[-2000:]
    # One that is not there is no error where the whole file is asked for, too.
    collected = {f"tests/{each}".replace("tests/tests/", "tests/") for each in shown.splitlines()}
    there = {*collected, *(each.partition("[")[0] for each in collected)}
    there |= {each.partition("::")[0] for each in there}
    there |= {each.rpartition("::")[0] for each in there}
    assert {f"tests/{each}" for each in named} <= there


def test_in_ci_no_program_may_be_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match=r"^chromium is not installed$"):
        programs.path("chromium", "google-chrome")


def test_it_may_be_started_with_ctrl_c_ignored() -> None:
    test = "chatctl/test_stopping.py::test_a_forward_that_waits_is_stopped"
    ended, shown = _pytest(test, before="trap '' INT;")
    assert ended == 0, shown
