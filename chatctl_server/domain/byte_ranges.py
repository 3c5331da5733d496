"""Which bytes a request asks for (RFC 9110, 14)."""

import re

from chatctl_server import errors

_SPEC = re.compile(r"([0-9]*)-([0-9]*)")
_DIGITS = 18  # of a number that is not beyond any file


def asked(header: str, size: int) -> tuple[int, int] | None:
    """Where the one range begins, and where it ends, exclusive; None for the whole, which is also
    the answer to several ranges and to what is not understood.

    Raises RangeNotSatisfiable when nothing of what is asked for is there.
    """
    unit, _, given = header.partition("=")
    if unit.strip().lower() != "bytes":
        return None
    specs = [_SPEC.fullmatch(each.strip(" \t")) for each in given.split(",") if each.strip(" \t")]
    found = [_range(each[1], each[2], size) for each in specs if each is not None]
    if not found or None in specs or any(each is None for each in found):
        return None
    there = [each for each in found if each and each[0] < each[1]]
    if not there:
        raise errors.RangeNotSatisfiable(f"The file has {size} bytes")
    return there[0] if len(found) == 1 else None


def _range(first: str, last: str, size: int) -> tuple[int, int] | None:
    """Empty, where nothing of it is there; None for what is no range."""
    if not first:
        return (max(0, size - _number(last)), size) if last else None
    if last and _number(last) < _number(first):
        return None
    return _number(first), min(size, _number(last) + 1) if last else size


def _number(digits: str) -> int:
    significant = digits.lstrip("0") or "0"
    return int(significant) if len(significant) <= _DIGITS else 10**_DIGITS
