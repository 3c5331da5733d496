"""What msgspec says of input that does not fit, in the words of whoever wrote the input."""

import re

_PLACE = re.compile(r" - at `\$[^`]*`$")
_MISSING = re.compile(r"Object missing required field `\w+`")
_TIME = "Invalid RFC3339 encoded datetime"
_OTHER_TYPE = re.compile(r"Expected `([^`]+)`, got `([^`]+)`")
_LENGTH = re.compile(r"Expected `(\w+)` of length ([<>]=) (\d+)")
_AMOUNT = re.compile(r"Expected `(\w+)` ([<>]=?) (\S+)")
_TYPES = {
    "str": "a string",
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
    "array": "an array",
    "object": "an object",
    "null": "null",
}
_SIGNS = {">=": "at least", "<=": "at most", ">": "above", "<": "below"}


def in_words(message: str) -> str:
    """The place is left out: a refusal names its field. What is not known here stays as it is."""
    message = _PLACE.sub("", message)
    if _MISSING.fullmatch(message):
        return "is missing"
    if message == _TIME:
        return "must be a time of RFC 3339, such as 2026-11-21T08:12:45Z"
    if found := _OTHER_TYPE.fullmatch(message):
        return f"must be {_types(found[1])}, not {_types(found[2])}"
    if found := _LENGTH.fullmatch(message):
        unit = "characters" if found[1] == "str" else "items"
        return f"must have {_SIGNS[found[2]]} {found[3]} {unit}"
    if found := _AMOUNT.fullmatch(message):
        return f"must be {_types(found[1])}, {_SIGNS[found[2]]} {found[3]}"
    return message


def _types(names: str) -> str:
    return " or ".join(_TYPES.get(each, each) for each in names.split(" | "))
