"""Which setting a name was meant to be."""

from collections.abc import Collection

SLIPS = 2  # letters that are wrong, missing, too many, or in each other's place
_SHORTEST_BEGINNING = 6


def meant(name: str, known: Collection[str]) -> str | None:
    """The setting that the name is within two letters of, begins with, or is the beginning of."""
    slip = slip_of(name, known)
    if slip is not None:
        return slip
    for each in sorted(known, key=len, reverse=True):
        is_beginning = len(name) >= _SHORTEST_BEGINNING and each.startswith(name)
        if name.startswith(each) or is_beginning:
            return each
    return None


def slip_of(name: str, known: Collection[str]) -> str | None:
    """The nearest setting that the name is within two letters of."""
    near = sorted((distance(name, each), each) for each in known if _may_be(name, each))
    return near[0][1] if near and near[0][0] <= SLIPS else None


def _may_be(name: str, known: str) -> bool:
    """Cheap, and True of all that are near: a slip exchanges one letter for one other at most."""
    letters = len(set(name) ^ set(known))
    return abs(len(name) - len(known)) <= SLIPS and letters <= 2 * SLIPS


def distance(one: str, other: str) -> int:
    """How many letters have to change (optimal string alignment)."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, left in enumerate(one, 1):
        before, last, row = row, before, [i]
        for j, right in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (left != right))
            if i > 1 and j > 1 and left == other[j - 2] and one[i - 2] == right:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]
