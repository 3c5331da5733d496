"""Views that are made of another one, when somebody is served with them and not before."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chatctl_server.live.channels import Entry

Derive = Callable[[bytes, int | None], bytes]
"""Takes a frame of the other view and the event's offset; None of a signal."""


class DerivedViews:
    def __init__(self) -> None:
        self._sources: dict[str, tuple[str, Derive]] = {}

    def add(self, view: str, source: str, derive: Derive) -> None:
        self._sources[view] = source, derive

    def frames(self, entries: "Sequence[Entry]", view: str) -> list[bytes]:
        if view not in self._sources:
            return [each.frames[view] for each in entries if view in each.frames]
        shown = (self.frame(each.frames, view, each.offset) for each in entries)
        return [each for each in shown if each]

    def frame(self, frames: Mapping[str, bytes], view: str, offset: int | None = None) -> bytes:
        """Empty where that view is shown nothing."""
        found = frames.get(view)
        if found is not None or view not in self._sources:
            return found or b""
        source, derive = self._sources[view]
        made = frames.get(source)
        return derive(made, offset) if made else b""
