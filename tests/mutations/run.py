"""Breaks the program in one way at a time and looks whether the tests see it.

``python tests/mutations/run.py [NAME…]``: each ``*.patch`` here says in its first lines what it
breaks (``# what: …``) and which tests must fail then (``# tests: …``). It is applied to a copy of
the tree, one for each core. Fails when a patch does not apply, a mutant survives, or the tests fail
without one.
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
import venv
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PARTS = ("chatctl", "chatctl_server", "tests", "pyproject.toml", "config.example.toml")
LIMIT_SECONDS = 300
ALL_SECONDS = 3600  # of all the tests together, one after the other
CORES = os.cpu_count() or 1
TESTS_FAILED = 1  # pytest's exit code; others mean that it could not run them


class Mutation(NamedTuple):
    name: str
    what: str
    tests: list[str]
    patch: Path


class Copy:
    """A copy of the tree, and a Python that imports the program from it, in servers, too."""

    def __init__(self, directory: Path) -> None:
        self.tree = directory / "tree"
        self._environment = directory / "environment"
        venv.create(self._environment, symlinks=True)
        paths = sysconfig.get_paths(vars={"base": str(self._environment)})
        pure = Path(paths["purelib"])
        pure.mkdir(parents=True, exist_ok=True)
        # The order counts: what is installed for development points to the original tree.
        (pure / "copy.pth").write_text(f"{self.tree}\n{sysconfig.get_path('purelib')}\n")

        self._fill()

    def _fill(self) -> None:
        self.tree.mkdir()
        ignore = shutil.ignore_patterns("__pycache__", ".hypothesis")
        for part in PARTS:
            source, target = ROOT / part, self.tree / part
            if source.is_dir():
                shutil.copytree(source, target, ignore=ignore)
            elif source.exists():
                shutil.copy(source, target)

    @contextmanager
    def broken(self, mutation: Mutation) -> Iterator[None]:
        """Modules that it does not touch stay compiled."""
        self.apply(mutation.patch)
        try:
            self._check_names()
            yield
        finally:
            self.apply(mutation.patch, "--reverse")
            shutil.rmtree(self.tree / ".hypothesis", ignore_errors=True)

    def apply(self, patch: Path, *options: str) -> None:
        command = ["git", "apply", "--whitespace=nowarn", *options, str(patch)]
        # Without a repository around it, git apply works on plain files.
        environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(self.tree.parent)}
        subprocess.run(command, cwd=self.tree, check=True, env=environment)
        for name in re.findall(r"^\+\+\+ b/(.+)$", patch.read_text(), re.MULTILINE):
            shutil.rmtree((self.tree / name).parent / "__pycache__", ignore_errors=True)

    def _check_names(self) -> None:
        # A name that is not there fails any test, and proves nothing of this one.
        names = [sys.executable, "-m", "ruff", "check", "-q", "--isolated", "--select", "F821"]
        subprocess.run([*names, *PARTS[:2]], cwd=self.tree, check=True)

    def test(
        self, tests: list[str], seconds: float = LIMIT_SECONDS, *more: str
    ) -> subprocess.CompletedProcess[str]:
        python = str(self._environment / "bin" / "python")
        options = ["-x", "-q", "-o", "addopts=", "-p", "no:cacheprovider"]
        environment = {**os.environ, "CHATCTL_PROOF": "", "CHATCTL_MUTATION": "1"}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        return subprocess.run(
            [python, "-m", "pytest", *options, *more, *tests],
            cwd=self.tree,
            env=environment,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )


@contextmanager
def _copy() -> Iterator[Copy]:
    with tempfile.TemporaryDirectory(prefix="mutations-") as directory:
        yield Copy(Path(directory))


def _read(patch: Path) -> Mutation:
    header = dict(
        line[2:].split(": ", 1)
        for line in patch.read_text().split("\ndiff ", 1)[0].splitlines()
        if line.startswith("# ")
    )
    return Mutation(patch.stem, header["what"], header["tests"].split(), patch)


def _survives(copy: Copy, mutation: Mutation) -> bool:
    began = time.monotonic()
    with copy.broken(mutation):
        done = copy.test(mutation.tests)
    seconds = time.monotonic() - began
    is_killed = done.returncode == TESTS_FAILED
    verdict = "killed" if is_killed else f"SURVIVED (pytest exits {done.returncode})"
    told = f"{verdict:10} {seconds:6.1f} s  {mutation.name}: {mutation.what}"
    more = "" if is_killed else f"\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    print(f"{told}{more}", flush=True)
    return not is_killed


def _survivors(mutations: list[Mutation]) -> list[str]:
    """Each core takes the next one when it has done with its own."""
    left = iter(mutations)
    taking = threading.Lock()
    survivors: list[str] = []

    def work() -> None:
        with _copy() as copy:
            while True:
                with taking:
                    mutation = next(left, None)
                if mutation is None:
                    return
                if _survives(copy, mutation):
                    survivors.append(mutation.name)

    with ThreadPoolExecutor(CORES) as pool:
        for each in [pool.submit(work) for _ in range(CORES)]:
            each.result()
    return sorted(survivors)


def main(names: list[str]) -> int:
    mutations = [_read(patch) for patch in sorted(HERE.glob("*.patch"))]
    if names:
        mutations = [mutation for mutation in mutations if mutation.name in names]
    with _copy() as copy:
        named = sorted({test for mutation in mutations for test in mutation.tests})
        sound = copy.test(named, ALL_SECONDS, "-n", str(CORES), "--dist", "loadfile")
        if sound.returncode != 0:
            print("the tests fail without a mutation:", sound.stdout[-4000:] + sound.stderr[-2000:])
            return 1
    survivors = _survivors(mutations)
    print(f"{len(mutations)} mutations, {len(survivors)} survived {' '.join(survivors)}")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
