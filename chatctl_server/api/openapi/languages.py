"""Which of the page's languages a browser wants."""

from typing import Literal

Language = Literal["en", "zh"]


def preferred(named: str | None, accepted: str) -> Language:
    """``named`` in the address, else by Accept-Language (RFC 9110, 12.5.4), else English."""
    if named is not None and (language := _known(named)):
        return language
    best: Language = "en"
    best_weight = 0.0
    for each in accepted.split(","):
        name, _, weight = each.partition(";")
        language, heaviness = _known(name), _weight(weight)
        if language and heaviness > best_weight:
            best, best_weight = language, heaviness
    return best


def _known(name: str) -> Language | None:
    match name.strip().lower().partition("-")[0]:
        case "zh":
            return "zh"
        case "en":
            return "en"
        case _:
            return None


def _weight(text: str) -> float:
    """Of ``q=0.8``; 1 without it, 0 for what is no weight."""
    name, _, value = text.strip().partition("=")
    if not name:
        return 1.0
    digits = value.strip().replace(".", "", 1)
    return float(value) if digits.isascii() and digits.isdigit() else 0.0
