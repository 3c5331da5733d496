"""Forty strings that someone sends in the hope that a terminal, a pipe or a shell acts on them."""

import unicodedata

MARK = "\u0301"

STRINGS = {
    # Sequences of a terminal, by ECMA-48.
    "csi_colour": "\x1b[31mred\x1b[0m",  # colours all that follows
    "csi_erase": "\x1b[2J\x1b[H",  # clears the screen
    "csi_up": "\x1b[1A\x1b[2Kgone",  # overwrites the line above
    "csi_ours": "\x1b[1mbold",  # our own colour, never ended
    "csi_report": "\x1b[6n",  # has the terminal type an answer
    "csi_long": "\x1b[" + "1;" * 100 + "m",  # long enough to be cut in the middle
    "csi_alone": "\x1b",  # takes the next character with it
    "osc_title": "\x1b]0;root@host\x07",  # the window's title
    "osc_link": "\x1b]8;;http://evil.example/\x1b\\here\x1b]8;;\x1b\\",  # a link elsewhere
    "osc_clipboard": "\x1b]52;c;cm0gLXJm\x07",  # writes the clipboard
    "dcs": '\x1bP$q"p\x1b\\',  # has settings sent back
    "apc": "\x1b_Gi=1;AAAA\x1b\\",  # draws a picture over the text
    "pm_sos": "\x1b^x\x1b\\\x1bXy\x1b\\",  # the rest is swallowed
    "charset": "\x1b(0lqk\x0e",  # letters become lines
    "reset": "\x1bc",  # resets the terminal
    "c1_csi": "\x9b31mred",  # CSI in one character
    "c1_osc": "\x9d0;title\x9c",  # OSC in one character
    "c1_nel": "a\x85b",  # a line break to some
    # Single characters that move or end something.
    "return": "harmless\rhostile",  # overwrites its own line
    "backspace": "bob\x08\x08\x08eve",  # overwrites the letters before it
    "newline": "a\nchatctl: forged",  # a second line that looks like ours
    "crlf": "a\r\nX-Forged: 1\r\n\r\n",  # a header, or a line
    "tab": "a\tb\t",  # a second cell
    "bell": "\x07\x05",  # rings; asks who is there
    "form_feed": "a\x0b\x0cb\x1c\x1d\x1e",  # line breaks to str.splitlines
    "delete": "a\x7fb",  # DEL
    "separators": "a\u2028b\u2029c",  # line breaks to Unicode
    # What is not seen, or is seen elsewhere.
    "bidi_override": "abc\u202efdp.exe",  # reads as abcexe.pdf
    "bidi_isolate": "\u2066user\u2069 \u2067admin",  # swaps what stands beside it
    "zero_width": "ad\u200bmin\u200d\u200c\ufeff\u2060",  # is not "admin"
    "blank": "\u3164\u115f\u2800\u00ad\u180e",  # a name that shows nothing
    "tags": "x\U000e0041\U000e0042",  # text that only a program reads
    "variation": "bob\ufe00\U000e0100\ufe01",  # bob, with something in it
    "combining": "e" + MARK * 1000,  # runs over the lines above and below
    # What someone's code might interpret.
    "markup": "[bold red]x[/b] [/] :smile:",  # Rich would raise, or colour
    "markup_link": "[link=http://evil.example/]here[/link]",
    "format": "%s%n{0}{user_id}",
    "shell": "$(touch pwned)`touch pwned`;touch pwned #'\"",
    "escapes": r"\x1b[31m\u202e\n\\",  # already looks escaped: must come back as it is
    "wide": "\U0001f469\u200d\U0001f4bb长" * 20,  # more columns than characters
}

# No API takes these; a server of somebody else's may send them.
REFUSED = {"nul": "a\0b", "surrogate": "a\ud800b", "pair_halves": "\udc1b[31m"}

ANSWERED = "|".join((*STRINGS.values(), *REFUSED.values()))

_BLANK = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
_TOWER = 4


def name(text: str) -> str:
    """As a name or a user id: at most 255 characters."""
    return text[:255]


def room_name(text: str) -> str:
    """As a room may be called: nothing ends a line, and no white space is at its ends."""
    kept = [each for each in text if unicodedata.category(each) not in ("Cc", "Zl", "Zp")]
    return "".join(kept).strip().lstrip("-")[:255].rstrip()


def file_name(text: str) -> str:
    """At most 255 bytes, some of them for a suffix."""
    return text.replace("/", "_").encode()[:200].decode(errors="ignore")


def acting(shown: str, allowed: str = "\n") -> set[str]:
    """The characters that must not reach a terminal: they act, they hide, they pile up."""
    found = set()
    marks = 0
    shown = shown.replace("\U0001f469\u200d\U0001f4bb", "")  # within an emoji a joiner is seen
    for before, char in zip(" " + shown, shown, strict=False):
        marks = marks + 1 if unicodedata.category(char) in ("Mn", "Me") else 0
        acts = unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") or char in _BLANK
        if (acts and char not in allowed) or marks > _TOWER or _is_lost(before, char):
            found.add(char)
    return found


def _is_lost(before: str, char: str) -> bool:
    """A variation selector behind what it cannot vary."""
    is_selector = "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef"
    return is_selector and unicodedata.category(before) not in ("So", "Lo")
