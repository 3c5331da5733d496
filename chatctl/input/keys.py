"""Keys of a terminal that hands them over one by one."""

import codecs
import os
import re
import select

_NAMED = {
    "\r": "enter", "\n": "enter", "\x7f": "backspace", "\b": "backspace", "\x1b": "escape",
    "\x01": "home", "\x05": "end", "\x15": "clear",
    "[A": "up", "[B": "down", "[C": "right", "[D": "left", "[H": "home", "[F": "end",
    "OA": "up", "OB": "down", "OC": "right", "OD": "left", "OH": "home", "OF": "end",
    "[1~": "home", "[4~": "end", "[3~": "delete", "[5~": "page up", "[6~": "page down",
}  # fmt: skip
PASTE = "\x1b[?2004h", "\x1b[?2004l"  # switches on and off that it is told
PASTED = "\x1b"  # how a text that was pasted begins
_SEQUENCE = re.compile(
    r"\x1b\[200~(.*?)(?:\x1b\[201~|$)|\x1b(\[[0-9;]*[A-Za-z~]|O[A-Za-z])|(.)", re.DOTALL
)
_BEGUN = re.compile(r"\x1b(\[[0-9;]*|O)?|\x1b\[200~((?!\x1b\[201~).)*", re.DOTALL)
_REST_SECONDS = 0.05  # in which what a key sends is all there
END = "end of input"


class Keyboard:
    def __init__(self, terminal: int) -> None:
        self._terminal = terminal
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def read(self) -> list[str]:
        """At least one was pressed: printable ones as they are, others by name, what was pasted
        behind ``PASTED``; ``END`` when the terminal is gone."""
        text = self._more()
        while re.search(f"(?:{_BEGUN.pattern})$", text, re.DOTALL) and self._is_more_coming():
            text += self._more()
        return named(text) if text else [END]

    def _more(self) -> str:
        try:
            return self._decoder.decode(os.read(self._terminal, 4096))
        except OSError:
            return ""

    def _is_more_coming(self) -> bool:
        return bool(select.select([self._terminal], [], [], _REST_SECONDS)[0])


def named(text: str) -> list[str]:
    """What has no name and is not printable is no key."""
    found = []
    for pasted, sequence, char in _SEQUENCE.findall(text):
        if pasted:
            kept = pasted.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
            found.append(PASTED + "".join(c for c in kept if c.isprintable() or c == "\n"))
        elif key := _NAMED.get(sequence or char, char if char.isprintable() else ""):
            found.append(key)
    return found


class LineEditor:
    """A line that is typed. ``what`` it is for."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.text = ""
        self.cursor = 0

    def press(self, key: str) -> None:
        match key:
            case "backspace":
                if self.cursor:
                    self.cursor -= 1
                    self._cut(self.cursor)
            case "delete":
                self._cut(self.cursor)
            case "clear":
                self.text, self.cursor = "", 0
            case "left" | "right" | "home" | "end":
                self._move(key)
            case _ if len(key) == 1 or key.startswith(PASTED):
                new = key.removeprefix(PASTED)
                self.text = f"{self.text[: self.cursor]}{new}{self.text[self.cursor :]}"
                self.cursor += len(new)

    def _cut(self, at: int) -> None:
        self.text = self.text[:at] + self.text[at + 1 :]

    def _move(self, key: str) -> None:
        places = {
            "left": max(0, self.cursor - 1),
            "right": min(len(self.text), self.cursor + 1),
            "home": 0,
            "end": len(self.text),
        }
        self.cursor = places[key]
