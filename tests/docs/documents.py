"""The documents' fenced blocks, and how what they show is compared with what happens.

In an example stand for something else, the same one each time or any one:

- a UUID: the real UUID met in its place first;
- a time, in RFC 3339 or as a number of ten digits or more: any time;
- ``…``: any text; as a whole JSON value, any value.

All else is meant as it stands.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z"
_SPECIAL = re.compile(f"({_UUID})|({_TIME})|(…)")
LEAST_TIME = 1_000_000_000


class Block(NamedTuple):
    """``place`` is file and line, for a failure's message."""

    language: str
    text: str
    place: str


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(name: str) -> Iterator[Block]:
    lines = enumerate(read(name).splitlines(), 1)
    for number, line in lines:
        if line.startswith("```"):
            text = []
            for _, inner in lines:
                if inner.startswith("```"):
                    break
                text.append(inner)
            yield Block(line[3:].strip(), "\n".join(text), f"{name}:{number}")


class Examples:
    """What a document's UUIDs stand for, as far as its examples have run."""

    def __init__(self) -> None:
        self._real: dict[str, str] = {}

    def real(self, text: str) -> str:
        """The text with the real UUIDs."""
        return re.sub(_UUID, lambda found: self._real.get(found[0], found[0]), text)

    def is_like(self, shown: Any, found: Any) -> bool:
        """Whether the value is what the example shows."""
        match shown:
            case "…":
                return True
            case str():
                return isinstance(found, str) and self.is_like_text(shown, found)
            case dict():
                return (
                    isinstance(found, dict)
                    and shown.keys() == found.keys()
                    and all(self.is_like(shown[key], found[key]) for key in shown)
                )
            case list():
                return (
                    isinstance(found, list)
                    and len(shown) == len(found)
                    and all(map(self.is_like, shown, found))
                )
            case int() if shown >= LEAST_TIME:
                return isinstance(found, int) and found >= LEAST_TIME
            case _:
                return type(shown) is type(found) and bool(shown == found)

    def is_like_text(self, shown: str, found: str) -> bool:
        pattern, uuids = self._pattern(shown)
        match = re.fullmatch(pattern, found, re.DOTALL)
        if match is None:
            return False
        self._real.update(zip(uuids, match.groups(), strict=True))
        return True

    def _pattern(self, shown: str) -> tuple[str, list[str]]:
        """A pattern with a group for each UUID that is met for the first time."""
        parts, uuids, end = [], [], 0
        for special in _SPECIAL.finditer(shown):
            parts.append(re.escape(shown[end : special.start()]))
            end = special.end()
            uuid, time, _ = special.groups()
            if uuid and uuid in self._real:
                parts.append(re.escape(self._real[uuid]))
            elif uuid and uuid in uuids:
                parts.append(rf"\{uuids.index(uuid) + 1}")
            elif uuid:
                uuids.append(uuid)
                parts.append(f"({_UUID})")
            else:
                parts.append(_TIME if time else ".*")
        return "".join(parts) + re.escape(shown[end:]), uuids
