import json
import re
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from chatctl.show.visible import cell, exact, json_text, shortened, visible, width

JOINERS = "\u200c\u200d"
ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()))


SHOWN = {
    "plain text": "plain text",
    "你好，世界 👋 café": "你好，世界 👋 café",
    "\x1b[31mred\x1b[0m": r"\x1b[31mred\x1b[0m",
    "\x1b]8;;http://evil\x07here": r"\x1b]8;;http://evil\x07here",
    "\x9b31m\x7f\x08": r"\x9b31m\x7f\x08",
    "one\ntwo\tthree\rfour": r"one\ntwo\tthree\rfour",
    "abc\u202efdp.exe": r"abc\u202efdp.exe",
    "\u2066x\u2069": r"\u2066x\u2069",
    "ad\u200bmin\ufeff": r"ad\u200bmin\ufeff",
    "\ud800": r"\ud800",
    "\U000e0041": r"\U000e0041",
    "\u3164\u2028\u2800": r"\u3164\u2028\u2800",
    "ad\xad\u034f\u180emin": r"ad\xad\u034f\u180emin",
    "ad\u115f\u1160\uffa0min": r"ad\u115f\u1160\uffa0min",
    "ad\u180bmin\ufe0f": r"ad\u180bmin\ufe0f",
    "ᠠ\u180b葛\U000e0100❤\ufe0f": "ᠠ\u180b葛\U000e0100❤\ufe0f",
    "\u17b4\U0001d173\U000e0fff": r"\u17b4\U0001d173\U000e0fff",
    "e\u0301": "e\u0301",
    "[bold]x[/b]": "[bold]x[/b]",
}
# Unicode's UAX #31, section 2.3, and RFC 5892, appendix A; UTS #51 for emoji.
NEEDED_JOINERS = (
    "می\u200cخواهم",  # Persian: I want
    "نامه\u200cای",
    "بِ\u200cبا",  # a vowel sign belongs to its letter
    "क्\u200dष क्\u200cष",  # Devanagari: a half form, and a whole one
    "ශ්\u200dරී",  # Sinhala: Sri
    "👩\u200d👩\u200d👧",
    "👩🏽\u200d💻 ❤\ufe0f\u200d🔥 🏳\ufe0f\u200d🌈 🙂\u200d↔\ufe0f 👨\u200d⚕\ufe0f",
)
# ``{}`` stands for a joiner that changes nothing. Dal does not join to what follows; a virama
# belongs to a letter of its own script.
NEEDLESS_JOINERS = (
    "ad{}min", "{}می", "می{}", "می{} ", "ب{}{}ب", "د{}ب", "ب{}ء", "ب{}b", "b{}ب", "क{}ष", "क्{}a",
    "क्{}", "a्{}क", "{}👩", "👩{}", "👩{}a", "1{}👩", "你{}好", "⠀{}👩", "\u200b{}\u200b",
)  # fmt: skip


def test_what_acts_or_hides_is_shown_as_an_escape() -> None:
    assert {text: visible(text) for text in SHOWN} == SHOWN


def test_a_joiner_stays_where_a_language_or_an_emoji_needs_it() -> None:
    for text in NEEDED_JOINERS:
        assert (visible(text), cell(text), json_text(text)) == (text, text, f'"{text}"')
    for text in NEEDLESS_JOINERS:
        for joiner in JOINERS:
            shown = visible(text.replace("{}", joiner))
            assert joiner not in shown, ascii(text)
            assert shown.count(ascii(joiner)[1:-1]) == text.count("{}"), ascii(text)


def test_which_arabic_letters_join_is_as_unicode_says() -> None:
    """By its presentation forms: who has an initial one, joins what follows. The dotless noon
    joins, too, and has none."""
    forms: dict[str, set[str]] = {}
    for number in (*range(0xFB50, 0xFDFE), *range(0xFE70, 0xFEFD)):
        form, *letters = unicodedata.decomposition(chr(number)).split() or [""]
        if len(letters) == 1 and unicodedata.category(chr(int(letters[0], 16))) == "Lo":
            forms.setdefault(chr(int(letters[0], 16)), set()).add(form)
    assert len(forms) > 60
    forms["\u06ba"].add("<initial>")
    for letter, found in forms.items():
        text = f"{letter}\u200cب"
        assert (visible(text) == text) == ("<initial>" in found), ascii(letter)


def test_of_a_tower_of_combining_marks_four_stay() -> None:
    assert visible("e" + "\u0301" * 1000) == "e" + "\u0301" * 4 + r"\u0301" * 996


@given(ANY_TEXT)
def test_a_cell_gives_the_text_back_exactly(text: str) -> None:
    assert exact(cell(text)) == text
    assert "\t" not in cell(text)
    assert "\n" not in cell(text)


@given(st.text("بدक\u094dष👩🏽\ufe0f\u0650a\u200c\u200d"))
def test_shown_joiners_stay_as_they_are(text: str) -> None:
    assert visible(visible(text)) == visible(text)
    assert exact(cell(text)) == text
    assert not re.search("(^|[a\u200c\u200d])[\u200c\u200d]|[\u200c\u200d](a|$)", visible(text))


@given(ANY_TEXT)
def test_visible_text_stays_as_it_is(text: str) -> None:
    assert visible(visible(text)) == visible(text)
    # Unicode's spaces and joiners are the only ones that Python does not call printable and we do.
    assert all(char.isprintable() or char.isspace() or char in JOINERS for char in visible(text))


@given(st.dictionaries(ANY_TEXT, ANY_TEXT), st.sampled_from([None, 2]), st.booleans())
def test_json_reads_back_exactly_and_holds_nothing_that_acts(
    value: dict[str, str], indent: int | None, ascii_only: bool
) -> None:
    text = json_text(value, indent=indent, ascii_only=ascii_only)
    assert json.loads(text) == value
    assert all(char.isprintable() or char in JOINERS or char.isspace() for char in text)
    assert not set(text) & set("\x1b\x7f\x9b\u202e\u2028\t\r")


@given(ANY_TEXT, st.integers(min_value=1, max_value=30))
def test_shortened_text_fits(text: str, columns: int) -> None:
    text = visible(text)
    assert width(shortened(text, columns)) <= columns
    if width(text) <= columns:
        assert shortened(text, columns) == text


def test_wide_characters_take_two_columns() -> None:
    assert width("你好") == 4
    assert shortened("你好世界", 5) == "你好…"
    assert width("e\u0301") == 1
    assert width("می\u200cخواهم") == 7
    assert shortened("👩\u200d👩\u200d👧", 3) == "👩…"
