"""The documents' tables and the picture are what `bench/figures.json` holds, by no other hand."""

import shutil
import subprocess
import sys
from pathlib import Path

from documents import ROOT

DRAWN = ("README.md", "bench/README.md", "docs/performance.md", "docs/fan-out.svg")


def test_they_are_what_was_measured(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "bench", tmp_path / "bench")
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copy(ROOT / "README.md", tmp_path)
    command = [sys.executable, "bench/fanout.py", "--draw"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=60)
    for name in DRAWN:
        assert (tmp_path / name).read_text() == (ROOT / name).read_text(), name
