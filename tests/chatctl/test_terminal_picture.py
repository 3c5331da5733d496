"""docs/terminal.svg shows what its commands print, but for ids, times and who typed them."""

import re
import runpy
import shlex
from xml.etree import ElementTree

from prepared_server import ROOT, Chatctl
from real_server import Serving

SCRIPT = runpy.run_path(str(ROOT / "docs/draw_terminal.py"))
TEXT = "{http://www.w3.org/2000/svg}text"
VARYING = re.compile(r"[0-9a-f-]{36}|until \S+|\bnow\b|\d+[sm] ago|in \d+m|uid:\d+|\s+")
ERASED = re.compile(r".*\r\x1b\[K")  # that something is waited for, on a slow machine


def test_it_shows_what_its_commands_print(chatctl: Chatctl) -> None:
    chatctl.environ |= {"DATABASE_URL": "sqlite:./chat.db", "PAGER": "cat", "NO_COLOR": "1"}
    printed = [f"$ {SCRIPT['CONFIGURE']}", f"$ {SCRIPT['SERVE']}"]
    with Serving(chatctl) as serving:
        for step in SCRIPT["STEPS"]:
            printed.append(f"$ {step}")
            if step == SCRIPT["KILL"]:
                serving.kill()
                continue
            words = shlex.split(step)[1:]
            shown, code = chatctl.on_terminal(*words, columns=SCRIPT["COLUMNS"])
            assert code == 0, shown
            left = ERASED.sub("", shown).rstrip("\n").split("\n")
            printed += [line.replace(str(chatctl.directory), "/home/anna") for line in left]
    drawn = [
        "".join(each.itertext())
        for each in ElementTree.parse(ROOT / "docs/terminal.svg").iter(TEXT)
    ]
    assert [VARYING.sub("…", line) for line in printed] == [
        VARYING.sub("…", line) for line in drawn
    ]
