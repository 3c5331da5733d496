"""The picture of a terminal is drawn by a script that runs the commands in it."""

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

from documents import ROOT

SCRIPT = ROOT / "docs/draw_terminal.py"
SVG = "{http://www.w3.org/2000/svg}"


def texts(path: Path) -> list[str]:
    return ["".join(each.itertext()) for each in ElementTree.parse(path).iter(f"{SVG}text")]


def test_the_script_draws_what_the_picture_shows(tmp_path: Path) -> None:
    """But for ids and times."""
    drawn = tmp_path / "terminal.svg"
    subprocess.run([sys.executable, SCRIPT, drawn], check=True, timeout=60)
    found, shown = texts(drawn), texts(ROOT / "docs/terminal.svg")
    commands = [line for line in found if line.startswith("$ ")]
    assert commands == [line for line in shown if line.startswith("$ ")]
    assert len(found) == len(shown)
    assert "chatctl: no server is running for /home/anna/chat.db; using the file directly" in found
    assert [line.split()[:2] for line in found if "mallory  spam" in line] == [["mallory", "spam"]]
